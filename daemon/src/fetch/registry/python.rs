//! Python packages: an index's page about a project lists the files of all its releases, with their SHA-256.
//!
//! Asked for is the JSON form of the simple API (PEP 691); the older HTML form, which some mirrors know alone, is read
//! too (PEP 503).

use super::{Found, cargo::Crates, html, python_config::PythonConfig, python_default};
use crate::fetch::{
    FetchError, Progress,
    error::{Ecosystem, parse_url, shown},
    net::{Client, Credential, Page, Wanted},
};
use data_encoding::HEXLOWER;
use nuka_pir::SourceHash;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use url::Url;

const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.2, text/html; q=0.1";

/// Gives the registry of crates, where the default index is found in one.
pub(crate) type CratesOf<'a> = &'a dyn Fn() -> Result<Arc<Crates>, FetchError>;

/// Where Python packages come from.
pub(crate) struct Python {
    config: PythonConfig,
    main: OnceLock<Url>,
}

/// One file of a project.
#[derive(Debug, Clone)]
pub(crate) struct PythonFile {
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    url: Url,
    /// The SHA-256 that the index publishes.
    pub(crate) hash: Option<SourceHash>,
    /// Its size in bytes, where the index tells.
    pub(crate) size: Option<u64>,
    /// Whether it was withdrawn.
    pub(crate) yanked: bool,
    /// Whoever one is at the index, one is there too, if it is the same host.
    credentials: Vec<Credential>,
}

/// The page in JSON.
#[derive(Deserialize)]
struct Project {
    files: Vec<ProjectFile>,
}

#[derive(Deserialize)]
struct ProjectFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    yanked: serde_json::Value,
}

/// A project's name as indexes write it: lower case, each run of `-`, `_` and `.` one `-`.
pub(crate) fn normalise(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if result.ends_with('-') => {}
            '-' | '_' | '.' => result.push('-'),
            c => result.push(c.to_ascii_lowercase()),
        }
    }
    result
}

fn check_name(name: &str) -> Result<String, FetchError> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let edge = |c: char| c.is_ascii_alphanumeric();
    if name.len() <= 128 && name.starts_with(edge) && name.ends_with(edge) && name.chars().all(good) {
        return Ok(normalise(name));
    }
    let reason = "a Python project's name has letters, digits, `-`, `_` and `.`".to_owned();
    Err(FetchError::Spec { text: name.to_owned(), reason })
}

fn sha256(text: &str) -> Option<SourceHash> {
    let bytes = HEXLOWER.decode(text.to_ascii_lowercase().as_bytes()).ok()?;
    bytes.try_into().ok().map(SourceHash::Sha256)
}

impl Python {
    pub(crate) fn new(client: &Client) -> Result<Self, FetchError> {
        Ok(Self { config: PythonConfig::read(&client.config)?, main: OnceLock::new() })
    }

    /// All indexes, in the order in which they are asked.
    fn indexes(
        &self,
        client: &Client,
        crates: CratesOf<'_>,
        progress: &dyn Fn(Progress),
    ) -> Result<Vec<Url>, FetchError> {
        if self.config.no_index {
            let (ecosystem, looked_at) = (Ecosystem::Python, self.config.looked_at.clone());
            return Err(FetchError::NotConfigured { ecosystem, looked_at });
        }
        let main = match (&self.config.main, self.main.get()) {
            (Some(main), _) | (None, Some(main)) => main.clone(),
            (None, None) => {
                let found = crates().and_then(|crates| python_default::index(client, &crates, progress))?;
                self.main.get_or_init(|| found).clone()
            }
        };
        Ok(self.config.further.iter().cloned().chain([main]).collect())
    }

    /// All files of a project, from the first index that has it.
    pub(crate) fn files(
        &self,
        client: &Client,
        crates: CratesOf<'_>,
        name: &str,
        progress: &dyn Fn(Progress),
    ) -> Result<Vec<PythonFile>, FetchError> {
        let name = check_name(name)?;
        let mut place = String::new();
        for index in self.indexes(client, crates, progress)? {
            let url = index
                .join(&format!("{name}/"))
                .map_err(|error| FetchError::answer(&index, error.to_string()))?;
            let credentials: Vec<_> = Credential::of_url(&index).into_iter().collect();
            match client.page(&url, &self.config.wire, &credentials, ACCEPT) {
                Ok(page) => return files_of(&page, &credentials),
                Err(error) if error.is_missing() => place = shown(&url),
                Err(error) => return Err(error),
            }
        }
        Err(FetchError::Missing { what: format!("pypi:{name}"), place, instead: Vec::new() })
    }

    /// One file of a release.
    pub(crate) fn file(
        &self,
        client: &Client,
        crates: CratesOf<'_>,
        name: &str,
        file: &str,
        progress: &dyn Fn(Progress),
    ) -> Result<PythonFile, FetchError> {
        let files = self.files(client, crates, name, progress)?;
        if let Some(found) = files.iter().find(|found| found.name == file) {
            return Ok(found.clone());
        }
        let version = version_of(&normalise(name), file);
        let alike = files
            .iter()
            .rev()
            .filter(|found| version.is_some() && version_of(&normalise(name), &found.name) == version);
        let mut instead: Vec<_> = alike.take(12).map(|found| found.name.clone()).collect();
        if instead.is_empty() {
            instead = files.iter().rev().take(6).map(|found| found.name.clone()).collect();
        }
        Err(FetchError::Missing {
            what: format!("{file} of pypi:{name}"),
            place: "the index".to_owned(),
            instead,
        })
    }

    /// A file that `find-links` has on this machine.
    pub(crate) fn here(&self, file: &str) -> Option<Found> {
        let plain = !file.is_empty() && !file.contains(['/', '\\']) && file != "..";
        let mut paths =
            self.config.directories.iter().filter(|_| plain).map(|directory| directory.join(file));
        paths.find(|path| path.is_file()).map(Found::File)
    }

    /// The download of a file that is known.
    pub(crate) fn wanted(&self, what: String, file: &PythonFile, hash: Option<SourceHash>) -> Wanted {
        Wanted {
            what,
            urls: vec![file.url.clone()],
            wire: self.config.wire.clone(),
            credentials: file.credentials.clone(),
            hash,
            size: file.size,
        }
    }
}

fn files_of(page: &Page, credentials: &[Credential]) -> Result<Vec<PythonFile>, FetchError> {
    let wrong = |reason: String| FetchError::answer(&page.url, reason);
    let absolute = |text: &str| {
        let url = page.url.join(text).map_err(|error| wrong(format!("`{text}`: {error}")))?;
        parse_url(url.as_str()).map_err(|error| wrong(error.to_string()))
    };
    if page.kind.ends_with("json") {
        let project: Project =
            serde_json::from_slice(&page.body).map_err(|error| wrong(error.to_string()))?;
        let file = |file: ProjectFile| {
            Ok(PythonFile {
                url: absolute(&file.url)?,
                hash: file.hashes.get("sha256").and_then(|text| sha256(text)),
                size: file.size,
                yanked: !matches!(file.yanked, serde_json::Value::Bool(false) | serde_json::Value::Null),
                name: file.filename,
                credentials: credentials.to_vec(),
            })
        };
        return project.files.into_iter().map(file).collect();
    }
    let text = String::from_utf8_lossy(&page.body);
    let links = html::links(&text);
    let file = |link: html::Link| {
        let url = absolute(&link.href)?;
        let hash = url.fragment().and_then(|part| part.strip_prefix("sha256=")).and_then(sha256);
        let credentials = credentials.to_vec();
        Ok(PythonFile { name: link.text, url, hash, size: None, yanked: link.yanked, credentials })
    };
    links.into_iter().map(file).collect()
}

/// The version in the name of a file: of an sdist `NAME-VERSION.tar.gz`, of a wheel `NAME-VERSION-...whl`.
pub(crate) fn version_of(project: &str, file: &str) -> Option<String> {
    if let Some(wheel) = file.strip_suffix(".whl") {
        return wheel.split('-').nth(1).map(str::to_owned);
    }
    let stem =
        [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"].iter().find_map(|end| file.strip_suffix(end))?;
    // Old sdists have `-` in their names: the version is what stands after as much as makes the project's name.
    let mut cuts = stem.match_indices('-').map(|(at, _)| at);
    let cut = cuts.rfind(|at| stem.get(..*at).is_some_and(|name| normalise(name) == project))?;
    stem.get(cut + 1..).map(str::to_owned)
}

/// The order of Python versions, as far as finding the newest needs it: the release's numbers, then whether it is
/// final, then post-releases.
pub(crate) fn order_of(version: &str) -> (u64, Vec<u64>, bool, u64) {
    let version = version.trim_start_matches('v').split('+').next().unwrap_or_default().to_ascii_lowercase();
    let (epoch, version) = match version.split_once('!') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest.to_owned()),
        None => (0, version),
    };
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (release, rest) = version.split_at(end);
    let mut numbers: Vec<u64> = release.split('.').filter_map(|part| part.parse().ok()).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    let post =
        rest.trim_start_matches(['.', '-', '_']).strip_prefix("post").map(|n| n.parse().unwrap_or(0) + 1);
    (epoch, numbers, rest.is_empty() || post.is_some(), post.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: &str, body: &str) -> Page {
        let url = Url::parse("https://index.test/simple/a-b/").unwrap();
        Page { url, kind: kind.to_owned(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn both_forms_of_the_page_say_the_same() {
        let hex = "0b".repeat(32);
        let json = format!(
            r#"{{"files":[{{"filename":"a_b-1.0.tar.gz","url":"../../f/a_b-1.0.tar.gz","hashes":{{"sha256":"{hex}"}},"size":7,"yanked":false}},
            {{"filename":"a_b-0.9.tar.gz","url":"https://cdn.test/x","hashes":{{}},"yanked":"broken"}}]}}"#
        );
        let html = format!(
            "<a href='../../f/a_b-1.0.tar.gz#sha256={hex}'>a_b-1.0.tar.gz</a><br><a data-yanked href=\"https://cdn.test/x\">a_b-0.9.tar.gz</a>"
        );
        for page in [page("application/vnd.pypi.simple.v1+json", &json), page("text/html", &html)] {
            let files = files_of(&page, &[]).unwrap();
            assert_eq!(files.len(), 2);
            let (first, second) = (&files[0], &files[1]);
            assert!(first.url.as_str().starts_with("https://index.test/f/a_b-1.0.tar.gz"), "{}", first.url);
            assert_eq!(first.hash, Some(SourceHash::Sha256([11; 32])));
            assert_eq!((first.yanked, second.yanked), (false, true));
            assert_eq!(second.hash, None);
        }
        assert!(files_of(&page("application/json", "<html>"), &[]).is_err());
    }

    #[test]
    fn names_and_versions() {
        assert_eq!(check_name("A__b.-C").unwrap(), "a-b-c");
        for name in ["", "..", "-a", "a/b", "a?"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for (file, version) in [
            ("a_b-1.0.tar.gz", Some("1.0")),
            ("a-b-1.0rc1.zip", Some("1.0rc1")),
            ("a_b-2.0-py3-none-any.whl", Some("2.0")),
            ("other-1.0.tar.gz", None),
            ("a_b.exe", None),
        ] {
            assert_eq!(version_of("a-b", file).as_deref(), version, "{file}");
        }
    }

    #[test]
    fn versions_are_ordered() {
        let sorted = ["0.9", "1.0a1", "1.0.0", "1.0.post1", "1.2rc1", "1.2", "1.10", "2013.4", "1!0.1"];
        for pair in sorted.windows(2) {
            assert!(order_of(pair[0]) < order_of(pair[1]), "{pair:?}");
        }
        assert_eq!(order_of("1.0"), order_of("1.0.0"));
    }
}
