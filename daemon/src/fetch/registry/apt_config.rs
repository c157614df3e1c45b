//! Where Debian packages come from, as apt is configured: `sources.list`, `sources.list.d/*.list` in the one-line form
//! and `*.sources` in the form of control files. There is no default: apt has none either.

use super::deb822;
use crate::fetch::{
    FetchConfig, FetchError,
    error::{Ecosystem, parse_url},
    net::Wire,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use url::Url;

/// One suite of one archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Archive {
    /// The archive's root, ending in `/`.
    pub(crate) root: Url,
    /// The suite: `trixie`, `trixie-security`, ...; one that ends in `/` has no components.
    pub(crate) suite: String,
    /// `main`, `contrib`, ...
    pub(crate) components: Vec<String>,
}

/// Apt's configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct AptConfig {
    /// The archives, in the order in which they are configured.
    pub(crate) archives: Vec<Archive>,
    /// Proxy and authorities.
    pub(crate) wire: Wire,
    /// The files that were looked at.
    pub(crate) looked_at: Vec<PathBuf>,
    /// Where apt keeps the indexes that it has verified.
    pub(crate) lists: PathBuf,
}

fn wrong(place: &Path, reason: impl Into<String>) -> FetchError {
    FetchError::Configuration {
        ecosystem: Ecosystem::Debian,
        place: place.display().to_string(),
        reason: reason.into(),
    }
}

/// The files of a directory with one of these endings, sorted as apt sorts them.
fn listed(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| ending.is_empty() || path.extension().is_some_and(|end| end == ending));
    paths.sort();
    paths
}

fn text_of(path: &Path) -> Result<Option<String>, FetchError> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FetchError::io(path)(error)),
    }
}

impl AptConfig {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`FetchError::Configuration`] names the file and what in it cannot be used.
    pub(crate) fn read(config: &FetchConfig) -> Result<Self, FetchError> {
        let apt = config.system_file("etc/apt");
        let mut found = Self { lists: config.system_file("var/lib/apt/lists"), ..Self::default() };
        let parts = apt.join("sources.list.d");
        let lists = std::iter::once(apt.join("sources.list")).chain(listed(&parts, "list"));
        for path in lists {
            if let Some(text) = text_of(&path)? {
                for line in text.lines() {
                    found.line(line).map_err(|reason| wrong(&path, reason))?;
                }
            }
            found.looked_at.push(path);
        }
        found.looked_at.push(parts.join("*.sources"));
        for path in listed(&parts, "sources") {
            let text = text_of(&path)?.unwrap_or_default();
            let mut problem = None;
            deb822::stanzas(text.as_bytes(), "", |stanza| {
                problem = found.stanza(&stanza).err();
                problem.is_none()
            })
            .map_err(FetchError::io(&path))?;
            if let Some(reason) = problem {
                return Err(wrong(&path, reason));
            }
            found.looked_at.push(path);
        }
        let mut seen = BTreeSet::new();
        found.archives.retain(|archive| seen.insert(archive.clone()));
        for path in listed(&apt.join("apt.conf.d"), "").into_iter().chain([apt.join("apt.conf")]) {
            if let Ok(Some(text)) = text_of(&path) {
                found.wire.proxy = proxy(&text).or(found.wire.proxy);
            }
        }
        Ok(found)
    }

    /// `deb [OPTIONS] ADDRESS SUITE COMPONENT...`
    fn line(&mut self, line: &str) -> Result<(), String> {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((kind, rest)) = line.split_once(char::is_whitespace) else { return Ok(()) };
        if kind != "deb" && kind != "deb-src" {
            return Ok(());
        }
        let rest = rest.trim();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').ok_or_else(|| format!("`[` without `]` in `{line}`"))?.1,
            None => rest,
        };
        let mut words = rest.split_whitespace();
        let (Some(address), Some(suite)) = (words.next(), words.next()) else {
            return Err(format!("`{line}` has no address or no suite"));
        };
        self.add(address, suite, words.map(str::to_owned).collect())
    }

    fn stanza(&mut self, stanza: &deb822::Stanza) -> Result<(), String> {
        if matches!(stanza.get("enabled"), "no" | "false") {
            return Ok(());
        }
        let components: Vec<_> = stanza.get("components").split_whitespace().map(str::to_owned).collect();
        for address in stanza.get("uris").split_whitespace() {
            for suite in stanza.get("suites").split_whitespace() {
                self.add(address, suite, components.clone())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, address: &str, suite: &str, components: Vec<String>) -> Result<(), String> {
        // Discs, mirror lists and files are apt's own ways.
        if !address.starts_with("http://") && !address.starts_with("https://") {
            return Ok(());
        }
        let mut root = parse_url(address).map_err(|error| error.to_string())?;
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        self.archives.push(Archive { root, suite: suite.to_owned(), components });
        Ok(())
    }
}

/// `Acquire::http::Proxy "ADDRESS";`, or the same for https.
fn proxy(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).rfind(|line| {
        let lower = line.to_ascii_lowercase();
        lower.starts_with("acquire::http::proxy ") || lower.starts_with("acquire::https::proxy ")
    })?;
    let value = line.split_once(char::is_whitespace)?.1.trim().trim_end_matches(';').trim().trim_matches('"');
    (!value.is_empty() && !value.eq_ignore_ascii_case("direct")).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<AptConfig, FetchError> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let mut config = FetchConfig::new(Default::default(), root.path(), root.path(), root.path());
        config.system = root.path().to_owned();
        AptConfig::read(&config)
    }

    #[test]
    fn both_forms_are_read() {
        let config = read(&[
            ("etc/apt/sources.list", "# old\ndeb [arch=amd64 signed-by=/k] http://a.test/debian trixie main contrib # c\ndeb cdrom:[x]/ y main\n"),
            ("etc/apt/sources.list.d/b.sources", "Types: deb deb-src\nURIs: https://b.test/debian/\nSuites: trixie trixie-updates\nComponents: main\n\nEnabled: no\nTypes: deb\nURIs: https://no.test\nSuites: x\n"),
            ("etc/apt/apt.conf.d/80p", "Acquire::http::Proxy \"http://p.test:3142\";\n"),
        ])
        .unwrap();
        let shown: Vec<_> = config
            .archives
            .iter()
            .map(|a| format!("{} {} {}", a.root, a.suite, a.components.join("+")))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        http://a.test/debian/ trixie main+contrib
        https://b.test/debian/ trixie main
        https://b.test/debian/ trixie-updates main
        ");
        assert_eq!(config.wire.proxy.as_deref(), Some("http://p.test:3142"));
    }

    #[test]
    fn nothing_configured_is_no_archive() {
        let config = read(&[]).unwrap();
        assert!(config.archives.is_empty());
        assert!(!config.looked_at.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = read(&[("etc/apt/sources.list", "deb http://a.test\n")]).unwrap_err();
        assert!(error.to_string().contains("sources.list"), "{error}");
    }
}
