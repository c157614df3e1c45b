//! From what a person names (`crate:zstd-sys`, `npm:left-pad@1.3.0`, an address) to an origin with its hash, and to
//! what a first draft of a recipe can say about it.

use super::{
    FetchError, Fetcher, Progress,
    error::{named, parse_url, shown},
    fetcher::file_name,
    peek::{self, Contents},
    registry::{debian::DebianFile, python},
};
use nuka_pir::{Origin, SourceHash, Unpack};
use std::str::FromStr;

/// What a person can name: an ecosystem's package, in a version or in the newest, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// `crate:NAME[@VERSION]`
    Crate(String, Option<String>),
    /// `npm:NAME[@VERSION]`, the name with its scope.
    Npm(String, Option<String>),
    /// `pypi:NAME[@VERSION]`
    Pypi(String, Option<String>),
    /// `debian:NAME[@VERSION]`: a source package.
    Debian(String, Option<String>),
    /// `https://...`
    Url(String),
}

impl FromStr for Spec {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self, FetchError> {
        let wrong = |reason: &str| FetchError::Spec { text: text.to_owned(), reason: reason.to_owned() };
        if text.starts_with("http://") || text.starts_with("https://") {
            return parse_url(text).map(|url| Self::Url(url.into()));
        }
        let (kind, rest) =
            text.split_once(':').ok_or_else(|| wrong("it does not say where it comes from"))?;
        // The first character of an npm name may be `@` too.
        let at = rest.char_indices().rev().find(|(at, c)| *c == '@' && *at > 0).map(|(at, _)| at);
        let (name, version) = match at {
            Some(at) => {
                (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).filter(|version| !version.is_empty()))
            }
            None => (rest, None),
        };
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        let (name, version) = (name.to_owned(), version.map(str::to_owned));
        match kind {
            "crate" => Ok(Self::Crate(name, version)),
            "npm" => Ok(Self::Npm(name, version)),
            "pypi" => Ok(Self::Pypi(name, version)),
            "debian" => Ok(Self::Debian(name, version)),
            other => Err(wrong(&format!("`{other}` is none of crate, npm, pypi, debian and https"))),
        }
    }
}

/// What was found, and what can be said about it in a first draft of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Where it comes from, exactly.
    pub origin: Origin,
    /// What it hashes to.
    pub hash: SourceHash,
    /// How it should be unpacked, where the defaults are not enough.
    pub unpack: Unpack,
    /// Its own name, without scope.
    pub name: String,
    /// Its version; empty where none is known.
    pub version: String,
    /// One line about it, as its publisher writes it (untrusted text).
    pub description: Option<String>,
    /// Its home (untrusted text).
    pub homepage: Option<String>,
    /// Its licence, as its publisher writes it (untrusted text).
    pub license: Option<String>,
    /// What most of its sources are written in.
    pub language: Guess,
    /// Directories in it that hold sources of that language, those with most first; `.` is the top.
    pub source_directories: Vec<String>,
    /// The ending of most of these sources, such as `c` or `cpp`.
    pub ending: String,
    /// Whether the first of these directories has headers too.
    pub headers: bool,
}

/// The language that most of the sources seem to be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guess {
    /// C.
    C,
    /// C++.
    Cpp,
    /// Something that is not compiled here, or nothing known.
    #[default]
    Other,
}

/// What is known of a thing before its archive was looked into.
#[derive(Default)]
struct Known {
    name: String,
    version: String,
    description: Option<String>,
    homepage: Option<String>,
    license: Option<String>,
}

/// Longest text that is taken from a publisher.
const LONGEST: usize = 300;

/// One clean line of a publisher's text; none where nothing is left.
fn line(text: &str) -> Option<String> {
    let line: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let clean: String =
        line.chars().filter(|c| nuka_pir::check_text(c.encode_utf8(&mut [0; 4])).is_ok()).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

fn text_of(value: Option<&serde_json::Value>) -> Option<String> {
    let value = value?;
    let text = value.as_str().or_else(|| value.get("type")?.as_str()).or_else(|| value.get("url")?.as_str());
    line(text?)
}

impl Fetcher {
    /// Finds what a person names: the newest version where none is named, with the hash that is published.
    /// Archives are downloaded to look into them; the download serves the build later.
    ///
    /// # Errors
    /// Whatever hinders it; see [`FetchError`].
    pub fn resolve(&self, spec: &Spec, progress: &dyn Fn(Progress)) -> Result<Resolved, FetchError> {
        if self.config().offline {
            return Err(FetchError::Offline { wanted: vec![spec.to_string()] });
        }
        match spec {
            Spec::Crate(name, version) => self.resolve_crate(name, version.as_deref(), progress),
            Spec::Npm(name, version) => self.resolve_npm(name, version.as_deref(), progress),
            Spec::Pypi(name, version) => self.resolve_python(name, version.as_deref(), progress),
            Spec::Debian(name, version) => self.resolve_debian(name, version.as_deref(), progress),
            Spec::Url(url) => {
                let origin = Origin::Url { url: url.clone() };
                let hash = self.published(&origin, progress)?;
                let file = file_name(&origin);
                let (name, version) = split_file(&file);
                self.describe(origin, hash, Known { name, version, ..Known::default() }, progress)
            }
        }
    }

    fn resolve_crate(
        &self,
        name: &str,
        version: Option<&str>,
        progress: &dyn Fn(Progress),
    ) -> Result<Resolved, FetchError> {
        let crates = self.crates()?;
        let line = match version {
            Some(version) => crates.version(&self.client, name, version)?,
            None => {
                let lines = crates.versions(&self.client, name)?;
                let order = |text: &str| semver::Version::parse(text).ok();
                let newest = lines.into_iter().filter(|line| !line.yanked).max_by_key(|line| {
                    let order = order(&line.vers);
                    (order.as_ref().is_some_and(|version| version.pre.is_empty()), order)
                });
                newest.ok_or_else(|| missing(format!("crate:{name}")))?
            }
        };
        let origin = Origin::Crate { name: name.to_owned(), version: line.vers.clone() };
        let hash = line.hash().ok_or_else(|| no_hash(&origin))?;
        let known = Known { name: name.to_owned(), version: line.vers, ..Known::default() };
        self.describe(origin, hash, known, progress)
    }

    fn resolve_npm(
        &self,
        name: &str,
        version: Option<&str>,
        progress: &dyn Fn(Progress),
    ) -> Result<Resolved, FetchError> {
        let found = self.npm()?.version(&self.client, name, version.unwrap_or("latest"), true)?;
        let origin = Origin::Npm { name: name.to_owned(), version: found.version.clone() };
        let hash = found.hash().ok_or_else(|| no_hash(&origin))?;
        let known = Known {
            name: name.rsplit('/').next().unwrap_or(name).to_owned(),
            version: found.version.clone(),
            description: found.description.as_deref().and_then(line),
            homepage: text_of(found.homepage.as_ref()),
            license: text_of(found.license.as_ref()),
        };
        self.describe(origin, hash, known, progress)
    }

    fn resolve_python(
        &self,
        name: &str,
        version: Option<&str>,
        progress: &dyn Fn(Progress),
    ) -> Result<Resolved, FetchError> {
        let project = python::normalise(name);
        let files = self.python()?.files(&self.client, &|| self.crates(), name, progress)?;
        let dated =
            files.into_iter().filter_map(|file| Some((python::version_of(&project, &file.name)?, file)));
        let mut dated: Vec<_> = dated.filter(|(_, file)| !file.yanked || version.is_some()).collect();
        let newest = dated.iter().map(|(version, _)| version).max_by_key(|version| {
            let order = python::order_of(version);
            (order.2, order)
        });
        let wanted = version.map(str::to_owned).or_else(|| newest.cloned());
        let wanted = wanted.ok_or_else(|| missing(format!("pypi:{name}")))?;
        let mut instead: Vec<_> = dated.iter().map(|(version, _)| version.clone()).collect();
        instead.sort_by_key(|version| std::cmp::Reverse(python::order_of(version)));
        instead.dedup();
        instead.truncate(8);
        dated.retain(|(version, _)| *version == wanted);
        // Sources first, then a wheel that runs everywhere, then whatever there is.
        dated.sort_by_key(|(_, file)| {
            let wheel = file.name.ends_with(".whl");
            (wheel, !file.name.ends_with("-none-any.whl"), !file.name.ends_with(".tar.gz"), file.name.clone())
        });
        let (version, file) = dated.into_iter().next().ok_or_else(|| FetchError::Missing {
            what: format!("pypi:{name}@{wanted}"),
            place: "the index".to_owned(),
            instead,
        })?;
        let origin = Origin::Pypi { name: project.clone(), version: version.clone(), file: file.name };
        let hash = file.hash.ok_or_else(|| no_hash(&origin))?;
        self.describe(origin, hash, Known { name: project, version, ..Known::default() }, progress)
    }

    fn resolve_debian(
        &self,
        name: &str,
        version: Option<&str>,
        progress: &dyn Fn(Progress),
    ) -> Result<Resolved, FetchError> {
        let package = self.debian()?.package(&self.client, name, version, true)?;
        let is_source = |file: &&DebianFile| file.name.contains(".orig.tar.") && !file.name.ends_with(".asc");
        let native = |file: &&DebianFile| {
            [".tar.xz", ".tar.gz", ".tar.bz2"].iter().any(|end| file.name.ends_with(end))
                && !file.name.contains(".debian.tar.")
        };
        let file = package.files.iter().find(is_source).or_else(|| package.files.iter().find(native));
        let file = file
            .ok_or_else(|| missing(format!("the upstream archive of debian:{name}@{}", package.version)))?;
        let origin = Origin::Debian {
            name: name.to_owned(),
            version: package.version.clone(),
            file: file.name.clone(),
        };
        let upstream = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
        let upstream = upstream.rsplit_once('-').map_or(upstream, |(upstream, _)| upstream);
        let known = Known {
            name: name.to_owned(),
            version: upstream.to_owned(),
            description: line(&package.description),
            homepage: line(&package.homepage),
            license: None,
        };
        self.describe(origin, file.hash, known, progress)
    }

    /// Downloads it, looks into it, and says what is to be said.
    fn describe(
        &self,
        origin: Origin,
        hash: SourceHash,
        known: Known,
        progress: &dyn Fn(Progress),
    ) -> Result<Resolved, FetchError> {
        let source = nuka_pir::Source { origin: origin.clone(), hash, unpack: Unpack::default() };
        let path = self.download(&source, None, progress)?.path;
        let contents = peek::contents(&path, &["Cargo.toml", "PKG-INFO"]).unwrap_or_default();
        let mut known = known;
        if let Some(table) =
            contents.texts.get("Cargo.toml").and_then(|text| text.parse::<toml::Table>().ok())
        {
            let field = |key: &str| line(table.get("package")?.get(key)?.as_str()?);
            known.description = known.description.or_else(|| field("description"));
            known.homepage = known.homepage.or_else(|| field("homepage")).or_else(|| field("repository"));
            known.license = known.license.or_else(|| field("license"));
        }
        if let Some(text) = contents.texts.get("PKG-INFO") {
            let field = |key: &str| {
                line(
                    text.lines()
                        .take_while(|line| !line.is_empty())
                        .find_map(|line| line.strip_prefix(key))?,
                )
            };
            known.description = known.description.or_else(|| field("Summary:"));
            known.homepage = known.homepage.or_else(|| field("Home-page:"));
            known.license =
                known.license.or_else(|| field("License-Expression:")).or_else(|| field("License:"));
        }
        let (language, source_directories, ending, headers) = guess(&contents);
        Ok(Resolved {
            origin,
            hash,
            unpack: Unpack::default(),
            name: known.name,
            version: known.version,
            description: known.description,
            homepage: known.homepage,
            license: known.license,
            language,
            source_directories,
            ending,
            headers,
        })
    }
}

/// What there is to compile: the language, its directories, the commonest ending, whether there are headers.
fn guess(contents: &Contents) -> (Guess, Vec<String>, String, bool) {
    let counts =
        |ending: &str| contents.directories_of(&[ending]).iter().map(|(_, count)| *count).sum::<usize>();
    let cpp = ["cc", "cpp", "cxx"].into_iter().max_by_key(|ending| (counts(ending), *ending == "cpp"));
    let cpp = cpp.unwrap_or("cpp");
    let (language, ending) = match (counts("c"), counts(cpp)) {
        (0, 0) => return (Guess::Other, Vec::new(), String::new(), false),
        (c, other) if c >= other => (Guess::C, "c"),
        _ => (Guess::Cpp, cpp),
    };
    let directories = contents.directories_of(&[ending]);
    let directories: Vec<_> = directories.into_iter().take(8).map(|(path, _)| path).collect();
    let with_headers = contents.directories_of(&["h", "hpp"]);
    let headers = with_headers.iter().any(|(path, _)| Some(path) == directories.first());
    (language, directories, ending.to_owned(), headers)
}

fn missing(what: String) -> FetchError {
    FetchError::Missing { what, place: "the index".to_owned(), instead: Vec::new() }
}

fn no_hash(origin: &Origin) -> FetchError {
    let reason = "the index publishes no hash that proves anything".to_owned();
    FetchError::Answer { address: named(origin), reason }
}

/// Name and version in the name of a file such as `lua-5.4.8.tar.gz` or `v1.3.tar.gz`.
fn split_file(file: &str) -> (String, String) {
    let ends = [".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tgz", ".txz", ".zip", ".tar"];
    let stem = ends.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let cut = stem.match_indices(['-', '_']).rfind(|(at, _)| {
        let rest = stem.get(at + 1..).unwrap_or_default();
        digit(rest) || rest.strip_prefix('v').is_some_and(digit)
    });
    match cut {
        Some((at, _)) => {
            let (name, version) =
                (stem.get(..at).unwrap_or_default(), stem.get(at + 1..).unwrap_or_default());
            (name.to_owned(), version.trim_start_matches('v').to_owned())
        }
        None if digit(stem.trim_start_matches('v')) => {
            (String::new(), stem.trim_start_matches('v').to_owned())
        }
        None => (stem.to_owned(), String::new()),
    }
}

impl std::fmt::Display for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name, version) = match self {
            Self::Crate(name, version) => ("crate", name, version),
            Self::Npm(name, version) => ("npm", name, version),
            Self::Pypi(name, version) => ("pypi", name, version),
            Self::Debian(name, version) => ("debian", name, version),
            Self::Url(url) => {
                return f.write_str(&parse_url(url).map_or_else(|_| url.clone(), |url| shown(&url)));
            }
        };
        write!(f, "{kind}:{name}")?;
        version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_as_people_write_them() {
        let parse = |text: &str| text.parse::<Spec>();
        assert_eq!(
            parse("crate:libz-sys@1.1.20").unwrap(),
            Spec::Crate("libz-sys".into(), Some("1.1.20".into()))
        );
        assert_eq!(parse("npm:@yowasp/clang").unwrap(), Spec::Npm("@yowasp/clang".into(), None));
        assert_eq!(parse("npm:@a/b@2").unwrap(), Spec::Npm("@a/b".into(), Some("2".into())));
        assert_eq!(
            parse("debian:zlib@1:1.3-1").unwrap(),
            Spec::Debian("zlib".into(), Some("1:1.3-1".into()))
        );
        assert_eq!(parse("https://a.test/b.tgz").unwrap(), Spec::Url("https://a.test/b.tgz".into()));
        for text in ["", "zlib", "npm:", "gem:a", "https://", "ftp://a/b"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("npm:@a/b@2").unwrap().to_string(), "npm:@a/b@2");
    }

    #[test]
    fn file_names_say_name_and_version() {
        for (file, name, version) in [
            ("lua-5.4.8.tar.gz", "lua", "5.4.8"),
            ("sqlite-amalgamation-3500400.zip", "sqlite-amalgamation", "3500400"),
            ("v1.3.tar.gz", "", "1.3"),
            ("zstd-v1.5.7.tar.zst", "zstd", "1.5.7"),
            ("readme", "readme", ""),
        ] {
            assert_eq!(split_file(file), (name.to_owned(), version.to_owned()), "{file}");
        }
    }

    #[test]
    fn publishers_texts_become_one_clean_line() {
        assert_eq!(line(" a\n b\u{1b}]52;\u{202e}c ").as_deref(), Some("a b]52;c"));
        assert_eq!(line(" \n"), None);
    }
}
