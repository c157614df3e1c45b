//! Crates: the index says what a version hashes to, its `config.json` where downloads are.
//!
//! The index file of a crate is at `1/a`, `2/ab`, `3/a/abc` or `ab/cd/abcd...`, its name in lower case; each line
//! is one version. In the download template `{crate}`, `{version}`, `{prefix}`, `{lowerprefix}` and
//! `{sha256-checksum}` are replaced; without any of them `/{crate}/{version}/download` is appended.

use super::{
    Found,
    cargo_config::{CargoConfig, IndexAt},
};
use crate::fetch::{
    FetchError,
    error::{parse_url, shown},
    net::{Client, Credential, Page, Wanted},
};
use data_encoding::HEXLOWER;
use nuka_pir::SourceHash;
use serde::Deserialize;
use std::sync::OnceLock;
use url::Url;

/// Where crates come from, found out once.
pub(crate) struct Crates {
    config: CargoConfig,
    downloads: OnceLock<Template>,
}

/// The index's `config.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Template {
    dl: String,
    #[serde(default)]
    auth_required: bool,
}

/// One line of an index file, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IndexLine {
    pub(crate) vers: String,
    cksum: String,
    #[serde(default)]
    pub(crate) yanked: bool,
}

impl IndexLine {
    /// The hash that the index publishes.
    pub(crate) fn hash(&self) -> Option<SourceHash> {
        let bytes = HEXLOWER.decode(self.cksum.to_ascii_lowercase().as_bytes()).ok()?;
        bytes.try_into().ok().map(SourceHash::Sha256)
    }
}

/// Whether a text can be the name of a crate: what goes into an address must not change its meaning.
fn check_name(name: &str) -> Result<(), FetchError> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(good) {
        return Ok(());
    }
    let reason = "a crate's name has letters, digits, `-` and `_`".to_owned();
    Err(FetchError::Spec { text: name.to_owned(), reason })
}

fn check_version(version: &str) -> Result<(), FetchError> {
    let good = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    if !version.is_empty() && version.len() <= 128 && version.chars().all(good) {
        return Ok(());
    }
    let reason = "a crate's version has letters, digits, `.`, `-` and `+`".to_owned();
    Err(FetchError::Spec { text: version.to_owned(), reason })
}

/// The directories of a crate in the index: `li/bz` for `libz-sys`.
fn prefix(name: &str) -> String {
    let part = |range: std::ops::Range<usize>| name.get(range).unwrap_or_default();
    match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", part(0..1)),
        _ => format!("{}/{}", part(0..2), part(2..4)),
    }
}

fn fill(
    template: &Template,
    name: &str,
    version: &str,
    hash: Option<&SourceHash>,
) -> Result<Url, FetchError> {
    let markers = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];
    let mut text = template.dl.clone();
    if !markers.iter().any(|marker| text.contains(marker)) {
        text = format!("{}/{{crate}}/{{version}}/download", text.trim_end_matches('/'));
    }
    let checksum = match hash {
        Some(SourceHash::Sha256(bytes)) => HEXLOWER.encode(bytes),
        _ => String::new(),
    };
    let text = text
        .replace("{crate}", name)
        .replace("{version}", version)
        .replace("{prefix}", &prefix(name))
        .replace("{lowerprefix}", &prefix(&name.to_ascii_lowercase()))
        .replace("{sha256-checksum}", &checksum);
    parse_url(&text)
}

impl Crates {
    pub(crate) fn new(client: &Client) -> Result<Self, FetchError> {
        Ok(Self { config: client.cargo_config()?, downloads: OnceLock::new() })
    }

    /// The token, once the index has said that it is wanted.
    fn credentials(&self, url: &Url, always: bool) -> Vec<Credential> {
        let wanted = always || self.downloads.get().is_some_and(|template| template.auth_required);
        let token = self.config.token.iter().filter(|_| wanted);
        token.map(|token| Credential::header(url, token.as_str())).collect()
    }

    fn template(&self, client: &Client, index: &Url) -> Result<&Template, FetchError> {
        if let Some(template) = self.downloads.get() {
            return Ok(template);
        }
        let url = index.join("config.json").map_err(|error| FetchError::answer(index, error.to_string()))?;
        let read = |credentials: &[Credential]| {
            client.page(&url, &self.config.wire, credentials, "application/json")
        };
        // As cargo does: first without a token, which is sent only to those who ask for it.
        let page = match read(&[]) {
            Err(FetchError::Status { status: 401, .. }) if self.config.token.is_some() => {
                read(&self.credentials(&url, true))?
            }
            other => other?,
        };
        let template = serde_json::from_slice(&page.body)
            .map_err(|error| FetchError::answer(&url, error.to_string()))?;
        Ok(self.downloads.get_or_init(|| template))
    }

    /// Where a crate's version is downloaded.
    pub(crate) fn wanted(
        &self,
        client: &Client,
        name: &str,
        version: &str,
        hash: Option<SourceHash>,
    ) -> Result<Found, FetchError> {
        check_name(name)?;
        check_version(version)?;
        match &self.config.index {
            IndexAt::Local(directory) => Ok(Found::File(directory.join(format!("{name}-{version}.crate")))),
            IndexAt::Sparse(index) => {
                let template = self.template(client, index)?;
                let url = fill(template, name, version, hash.as_ref())?;
                Ok(Found::Web(Box::new(Wanted {
                    what: format!("crate:{name}@{version}"),
                    credentials: self.credentials(&url, false),
                    urls: vec![url],
                    wire: self.config.wire.clone(),
                    hash,
                    size: None,
                })))
            }
        }
    }

    /// All versions that the index knows, oldest first.
    pub(crate) fn versions(&self, client: &Client, name: &str) -> Result<Vec<IndexLine>, FetchError> {
        check_name(name)?;
        let lower = name.to_ascii_lowercase();
        let file = format!("{}/{lower}", prefix(&lower));
        let (place, body) = match &self.config.index {
            IndexAt::Local(directory) => {
                let path = directory.join("index").join(&file);
                let body = match fs_err::read(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        return Err(missing(name, &path.display().to_string()));
                    }
                    other => other.map_err(FetchError::io(&path))?,
                };
                (path.display().to_string(), body)
            }
            IndexAt::Sparse(index) => {
                self.template(client, index)?;
                let url = index.join(&file).map_err(|error| FetchError::answer(index, error.to_string()))?;
                let page = client.page(&url, &self.config.wire, &self.credentials(&url, false), "*/*");
                let Page { body, .. } = match page {
                    Err(FetchError::Status { status: 404 | 410 | 451, .. }) => {
                        return Err(missing(name, &shown(&url)));
                    }
                    other => other?,
                };
                (shown(&url), body)
            }
        };
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let lines: Result<Vec<IndexLine>, _> = lines.map(serde_json::from_slice).collect();
        lines.map_err(|error| FetchError::Answer { address: place, reason: error.to_string() })
    }

    /// The index's line for one version.
    pub(crate) fn version(
        &self,
        client: &Client,
        name: &str,
        version: &str,
    ) -> Result<IndexLine, FetchError> {
        let lines = self.versions(client, name)?;
        if let Some(line) = lines.iter().find(|line| line.vers == version) {
            return Ok(line.clone());
        }
        Err(FetchError::Missing {
            what: format!("crate:{name}@{version}"),
            place: "the index".to_owned(),
            instead: lines
                .iter()
                .rev()
                .filter(|line| !line.yanked)
                .take(8)
                .map(|line| line.vers.clone())
                .collect(),
        })
    }
}

fn missing(name: &str, place: &str) -> FetchError {
    FetchError::Missing { what: format!("crate:{name}"), place: place.to_owned(), instead: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_paths_are_those_of_the_registry_s_specification() {
        for (name, expected) in
            [("a", "1"), ("ab", "2"), ("abc", "3/a"), ("abcd", "ab/cd"), ("libz-sys", "li/bz")]
        {
            assert_eq!(prefix(name), expected);
        }
    }

    #[test]
    fn templates_are_filled_as_cargo_fills_them() {
        let url = |dl: &str| {
            let template = Template { dl: dl.to_owned(), auth_required: false };
            fill(&template, "LibZ", "1.0.0+a", Some(&SourceHash::Sha256([1; 32]))).unwrap().to_string()
        };
        assert_eq!(url("https://a.test/api"), "https://a.test/api/LibZ/1.0.0+a/download");
        assert_eq!(
            url("https://a.test/{prefix}/{lowerprefix}/{crate}-{version}.crate"),
            "https://a.test/Li/bZ/li/bz/LibZ-1.0.0+a.crate"
        );
        assert!(url("https://a.test/{sha256-checksum}").ends_with(&"01".repeat(32)));
    }

    #[test]
    fn names_cannot_leave_their_place_in_an_address() {
        for name in ["", "../x", "a/b", "a?b", "é"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_version("1.0/..").is_err());
        assert!(check_version("1.0.0-rc.1+build").is_ok());
    }
}
