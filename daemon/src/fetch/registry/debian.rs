//! Debian packages: the files of source packages, and `.deb`s.
//!
//! Known best first: the indexes that apt has on this machine, which it has verified; then the `.dsc` of a source
//! package in the archive's pool, whose place follows from its name; then the archive's own index. Archives keep only
//! the newest version of each package in a suite, so a fetch that worked may stop working; the error says what there
//! is instead. Signatures are not checked here: what is fetched is held against the hash in the recipe.

use super::{
    apt_config::{AptConfig, Archive},
    deb822::{self, Stanza},
    unpack::unpacked,
};
use crate::fetch::{
    FetchError,
    error::{Ecosystem, shown},
    net::{Client, Wanted},
};
use data_encoding::HEXLOWER;
use nuka_pir::SourceHash;
use std::path::PathBuf;
use url::Url;

/// Where Debian packages come from.
pub(crate) struct Debian {
    config: AptConfig,
}

/// One file of a package.
#[derive(Debug, Clone)]
pub(crate) struct DebianFile {
    /// Its name, without directories.
    pub(crate) name: String,
    /// Its place below an archive's root.
    pub(crate) path: String,
    /// The SHA-256 that the archive publishes.
    pub(crate) hash: SourceHash,
    /// Its size in bytes.
    pub(crate) size: Option<u64>,
}

/// One version of a package, with its files.
#[derive(Debug, Clone)]
pub(crate) struct DebianPackage {
    /// Its version, with epoch and revision.
    pub(crate) version: String,
    /// Its files: of a source package the tarballs and the `.dsc`, of a binary one the `.deb`.
    pub(crate) files: Vec<DebianFile>,
    /// One line about it.
    pub(crate) description: String,
    /// Its home.
    pub(crate) homepage: String,
}

fn check(text: &str, more: &str, what: &str) -> Result<(), FetchError> {
    let good = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if !text.is_empty() && text.chars().all(good) && !text.split('/').any(|part| part == "..") {
        return Ok(());
    }
    let reason = format!("{what} has letters, digits and any of `{more}`");
    Err(FetchError::Spec { text: text.to_owned(), reason })
}

fn check_name(name: &str) -> Result<(), FetchError> {
    check(name, "+-.", "a Debian package's name")
}

/// `libz` for `libzstd`, `z` for `zlib`: the directory of a source package in the pool.
fn pool_prefix(name: &str) -> &str {
    let length = if name.starts_with("lib") && name.len() > 3 { 4 } else { 1 };
    name.get(..length).unwrap_or(name)
}

/// A version as it stands in file names: without its epoch.
fn in_file_name(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

fn sha256(text: &str) -> Option<SourceHash> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(SourceHash::Sha256)
}

/// The files that a stanza of `Sources`, or a `.dsc`, lists.
fn source_files(stanza: &Stanza, directory: &str) -> Vec<DebianFile> {
    let file = |row: Vec<&str>| match row.as_slice() {
        [hash, size, name] if check(name, "+-._~", "").is_ok() => Some(DebianFile {
            name: (*name).to_owned(),
            path: format!("{directory}/{name}"),
            hash: sha256(hash)?,
            size: size.parse().ok(),
        }),
        _ => None,
    };
    stanza.rows("checksums-sha256").filter_map(file).collect()
}

fn package_of(stanza: &Stanza, source: bool) -> DebianPackage {
    let files = if source {
        source_files(stanza, stanza.get("directory"))
    } else {
        let path = stanza.get("filename").to_owned();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let hash = sha256(stanza.get("sha256"));
        let size = stanza.get("size").parse().ok();
        hash.map(|hash| DebianFile { name, path, hash, size }).into_iter().collect()
    };
    DebianPackage {
        version: stanza.get("version").to_owned(),
        files,
        description: stanza.get("description").lines().next().unwrap_or_default().to_owned(),
        homepage: stanza.get("homepage").to_owned(),
    }
}

impl Debian {
    pub(crate) fn new(client: &Client) -> Result<Self, FetchError> {
        let config = AptConfig::read(&client.config)?;
        if config.archives.is_empty() {
            return Err(FetchError::NotConfigured {
                ecosystem: Ecosystem::Debian,
                looked_at: config.looked_at,
            });
        }
        Ok(Self { config })
    }

    fn wanted_at(&self, what: String, path: &str, hash: Option<SourceHash>, size: Option<u64>) -> Wanted {
        let mut urls: Vec<Url> = Vec::new();
        for archive in &self.config.archives {
            if let Ok(url) = archive.root.join(path)
                && !urls.contains(&url)
            {
                urls.push(url);
            }
        }
        Wanted { what, urls, wire: self.config.wire.clone(), credentials: Vec::new(), hash, size }
    }

    /// The places where a file of a package can be downloaded, best first.
    ///
    /// `file` is a name, or a path below the archive's root. The file of a source package is looked for where the pool
    /// has it; only for others is an index needed.
    pub(crate) fn wanted(
        &self,
        client: &Client,
        (name, version, file): (&str, &str, &str),
        hash: Option<SourceHash>,
    ) -> Result<Wanted, FetchError> {
        check_name(name)?;
        check(version, "+-.~:", "a Debian version")?;
        check(file, "+-._~/", "a file in a Debian archive")?;
        let what = format!("debian:{name}@{version} ({file})");
        if file.contains('/') {
            return Ok(self.wanted_at(what, file.trim_start_matches('/'), hash, None));
        }
        if !file.ends_with(".deb") {
            let mut wanted = self.wanted_at(what, "", hash, None);
            wanted.urls.clear();
            let prefix = pool_prefix(name);
            for archive in &self.config.archives {
                for component in &archive.components {
                    let path = format!("pool/{component}/{prefix}/{name}/{file}");
                    let url = archive.root.join(&path).ok();
                    wanted.urls.extend(url.filter(|url| !wanted.urls.contains(url)));
                }
            }
            return Ok(wanted);
        }
        let found = self.file(client, name, version, file)?;
        Ok(self.wanted_at(what, &found.path, hash, found.size))
    }

    /// What the archive publishes about a file.
    pub(crate) fn file(
        &self,
        client: &Client,
        name: &str,
        version: &str,
        file: &str,
    ) -> Result<DebianFile, FetchError> {
        let base = file.rsplit('/').next().unwrap_or(file);
        let package = self.package(client, name, Some(version), !base.ends_with(".deb"))?;
        let found = package.files.iter().find(|found| found.name == base);
        found.cloned().ok_or_else(|| FetchError::Missing {
            what: format!("{base} of debian:{name}@{version}"),
            place: "the archive".to_owned(),
            instead: package.files.iter().map(|file| file.name.clone()).collect(),
        })
    }

    /// A package: the version named, or the newest that is configured.
    pub(crate) fn package(
        &self,
        client: &Client,
        name: &str,
        version: Option<&str>,
        source: bool,
    ) -> Result<DebianPackage, FetchError> {
        check_name(name)?;
        if let (Some(version), true) = (version, source) {
            check(version, "+-.~:", "a Debian version")?;
            if let Some(found) = self.described(client, name, version)? {
                return Ok(found);
            }
        }
        let mut all = self.local(name, source)?;
        let here = |all: &[DebianPackage]| match version {
            Some(version) => all.iter().any(|package| package.version == version),
            None => !all.is_empty(),
        };
        if !here(&all) {
            all.extend(self.remote(client, name, source)?);
        }
        let what =
            format!("debian:{name}{}", version.map(|version| format!("@{version}")).unwrap_or_default());
        match version {
            Some(version) => match all.iter().find(|package| package.version == version) {
                Some(found) => Ok(found.clone()),
                None if all.is_empty() => Err(self.missing(what)),
                None => {
                    let mut kept: Vec<_> = all.into_iter().map(|package| package.version).collect();
                    kept.dedup();
                    Err(FetchError::Gone { what, place: self.place(), kept })
                }
            },
            None => all
                .into_iter()
                .max_by(|a, b| compare(&a.version, &b.version))
                .ok_or_else(|| self.missing(what)),
        }
    }

    fn missing(&self, what: String) -> FetchError {
        FetchError::Missing { what, place: self.place(), instead: Vec::new() }
    }

    fn place(&self) -> String {
        let mut places: Vec<_> = self
            .config
            .archives
            .iter()
            .map(|archive| format!("{} {}", archive.root, archive.suite))
            .collect();
        places.dedup();
        places.join(", ")
    }

    /// From the `.dsc` in the pool.
    fn described(
        &self,
        client: &Client,
        name: &str,
        version: &str,
    ) -> Result<Option<DebianPackage>, FetchError> {
        let base = format!("{name}_{}.dsc", in_file_name(version));
        let mut tried = Vec::new();
        for archive in &self.config.archives {
            for component in &archive.components {
                let directory = format!("pool/{component}/{}/{name}", pool_prefix(name));
                let Ok(url) = archive.root.join(&format!("{directory}/{base}")) else { continue };
                if tried.contains(&url) {
                    continue;
                }
                let page = match client.page(&url, &self.config.wire, &[], "*/*") {
                    Ok(page) => page,
                    Err(error) if error.is_missing() => {
                        tried.push(url);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let mut found = None;
                deb822::stanzas(page.body.as_slice(), name, |stanza| {
                    found = Some(stanza);
                    false
                })
                .map_err(|error| FetchError::answer(&url, error.to_string()))?;
                let stanza =
                    found.ok_or_else(|| FetchError::answer(&url, "it does not describe the package"))?;
                let mut package = package_of(&stanza, true);
                package.files = source_files(&stanza, &directory);
                // The .dsc does not list itself, but can be a source too.
                let hash = SourceHash::Sha256(
                    sha2::Digest::finalize(sha2::Digest::chain_update(
                        <sha2::Sha256 as sha2::Digest>::new(),
                        &page.body,
                    ))
                    .into(),
                );
                package.files.push(DebianFile {
                    path: format!("{directory}/{base}"),
                    name: base,
                    hash,
                    size: Some(page.body.len() as u64),
                });
                return Ok(Some(package));
            }
        }
        Ok(None)
    }

    /// From the indexes that apt has here.
    fn local(&self, name: &str, source: bool) -> Result<Vec<DebianPackage>, FetchError> {
        let mut found = Vec::new();
        for archive in &self.config.archives {
            for index in indexes(archive, source) {
                let base = list_name(&archive.root, &index);
                for ending in ["", ".lz4", ".xz", ".gz"] {
                    let path: PathBuf = self.config.lists.join(format!("{base}{ending}"));
                    if !path.is_file() {
                        continue;
                    }
                    let file = fs_err::File::open(&path).map_err(FetchError::io(&path))?;
                    let read = unpacked(file).and_then(|reader| {
                        deb822::stanzas(reader, name, |stanza| {
                            found.push(package_of(&stanza, source));
                            true
                        })
                    });
                    read.map_err(FetchError::io(&path))?;
                    break;
                }
            }
        }
        Ok(found)
    }

    /// From the archives' indexes.
    fn remote(&self, client: &Client, name: &str, source: bool) -> Result<Vec<DebianPackage>, FetchError> {
        let mut found = Vec::new();
        for archive in &self.config.archives {
            for index in indexes(archive, source) {
                for ending in [".xz", ".gz", ""] {
                    let Ok(url) = archive.root.join(&format!("{index}{ending}")) else { continue };
                    let page = match client.page(&url, &self.config.wire, &[], "*/*") {
                        Ok(page) => page,
                        Err(error) if error.is_missing() => continue,
                        Err(error) => return Err(error),
                    };
                    let read = unpacked(page.body.as_slice()).and_then(|reader| {
                        deb822::stanzas(reader, name, |stanza| {
                            found.push(package_of(&stanza, source));
                            true
                        })
                    });
                    read.map_err(|error| FetchError::answer(&url, format!("{} {error}", shown(&url))))?;
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// The indexes of an archive, below its root. Binary packages are asked for this machine's architecture.
fn indexes(archive: &Archive, source: bool) -> Vec<String> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        "powerpc64" => "ppc64el",
        other => other,
    };
    if archive.suite.ends_with('/') {
        return vec![format!("{}{}", archive.suite, if source { "Sources" } else { "Packages" })];
    }
    let below = |component: &String| {
        let start = format!("dists/{}/{component}", archive.suite);
        if source {
            vec![format!("{start}/source/Sources")]
        } else {
            vec![format!("{start}/binary-{machine}/Packages"), format!("{start}/binary-all/Packages")]
        }
    };
    archive.components.iter().flat_map(below).collect()
}

/// How apt names its copy of an index: the address without its scheme, `/` as `_`, what is special as `%XX`.
fn list_name(root: &Url, index: &str) -> String {
    let port = root.port().map(|port| format!(":{port}")).unwrap_or_default();
    let address = format!("{}{port}{}{index}", root.host_str().unwrap_or_default(), root.path());
    let mut name = String::with_capacity(address.len());
    for byte in address.bytes() {
        match byte {
            b'/' => name.push('_'),
            b'_' | b'\\' | b'|' | b'{' | b'}' | b'[' | b']' | b'<' | b'>' | b'"' | b'^' | b'~' | b'='
            | b'!' | b'@' | b'#' | b'$' | b'%' | b'&' | b'*' | b':' => name.push_str(&format!("%{byte:02x}")),
            byte if byte.is_ascii_graphic() => name.push(char::from(byte)),
            byte => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name
}

/// The order of Debian versions: epoch, upstream version, revision; digits as numbers, `~` before everything.
pub(crate) fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    let parts = |version: &str| {
        let (epoch, rest) =
            version.split_once(':').map_or((0, version), |(epoch, rest)| (epoch.parse().unwrap_or(0), rest));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        (epoch, upstream.to_owned(), revision.to_owned())
    };
    let ((e1, u1, r1), (e2, u2, r2)): ((u64, _, _), _) = (parts(a), parts(b));
    e1.cmp(&e2).then_with(|| compare_part(&u1, &u2)).then_with(|| compare_part(&r1, &r2))
}

fn compare_part(a: &str, b: &str) -> std::cmp::Ordering {
    let order = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) =
                (a.first().filter(|c| !c.is_ascii_digit()), b.first().filter(|c| !c.is_ascii_digit()));
            if x.is_none() && y.is_none() {
                break;
            }
            match order(x).cmp(&order(y)) {
                std::cmp::Ordering::Equal => {
                    a = a.get(1..).unwrap_or_default();
                    b = b.get(1..).unwrap_or_default();
                }
                other => return other,
            }
        }
        let digits = |text: &[u8]| text.iter().take_while(|c| c.is_ascii_digit()).count();
        let ((x, a_rest), (y, b_rest)) = (a.split_at(digits(a)), b.split_at(digits(b)));
        let zeros = |text: &[u8]| text.iter().take_while(|c| **c == b'0').count();
        let (x, y) = (x.get(zeros(x)..).unwrap_or_default(), y.get(zeros(y)..).unwrap_or_default());
        match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
            std::cmp::Ordering::Equal => (a, b) = (a_rest, b_rest),
            other => return other,
        }
    }
    std::cmp::Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn versions_are_in_debian_s_order() {
        let sorted =
            ["1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-2", "1.0a-1", "1.0+dfsg-1", "1.2-1", "1.10-1", "1:0.1-1"];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.01-1", "1.1-1"), Ordering::Equal);
    }

    #[test]
    fn places_follow_from_names() {
        assert_eq!((pool_prefix("zlib"), pool_prefix("libzstd"), pool_prefix("lib")), ("z", "libz", "l"));
        assert_eq!(in_file_name("1:1.3-1"), "1.3-1");
        let root = Url::parse("http://deb.test/debian/").unwrap();
        assert_eq!(
            list_name(&root, "dists/trixie/main/source/Sources"),
            "deb.test_debian_dists_trixie_main_source_Sources"
        );
        let odd = Url::parse("http://deb.test:8080/node_20.x/").unwrap();
        assert_eq!(
            list_name(&odd, "dists/x/main/binary-all/Packages"),
            "deb.test%3a8080_node%5f20.x_dists_x_main_binary-all_Packages"
        );
    }

    #[test]
    fn names_cannot_leave_their_place_in_an_address() {
        assert!(check_name("libstdc++6").is_ok());
        for name in ["", "a/b", "a b", "a?b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check("pool/../../x", "+-._~/", "").is_err());
    }
}
