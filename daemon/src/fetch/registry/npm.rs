//! npm packages: the packument (the registry's page about a package) says where a version's tarball is and what it
//! hashes to.

use super::npm_config::NpmConfig;
use crate::fetch::{
    FetchError,
    error::{parse_url, shown},
    net::{Client, Wanted},
};
use nuka_pir::SourceHash;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// The short form of a packument, which has what installing needs, or the whole where a registry knows only that.
const SHORT: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*; q=0.1";
const WHOLE: &str = "application/json";

/// Where npm packages come from.
pub(crate) struct Npm {
    config: NpmConfig,
}

/// The registry's page about a package, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Packument {
    #[serde(default)]
    versions: BTreeMap<String, serde_json::Value>,
    #[serde(default, rename = "dist-tags")]
    tags: BTreeMap<String, String>,
}

/// One version of a package.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NpmVersion {
    #[serde(skip)]
    pub(crate) version: String,
    dist: Dist,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) homepage: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) license: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Dist {
    tarball: String,
    #[serde(default)]
    integrity: Option<String>,
}

impl NpmVersion {
    /// The SHA-512 that the registry publishes; very old versions have only a SHA-1, which proves nothing.
    pub(crate) fn hash(&self) -> Option<SourceHash> {
        let all = self.dist.integrity.as_deref()?;
        let best = all.split_whitespace().find(|part| part.starts_with("sha512-"));
        best.or_else(|| all.split_whitespace().find(|part| part.starts_with("sha256-")))?
            .split('?')
            .next()?
            .parse()
            .ok()
    }
}

/// Whether a text can be the name of a package, so that it stays one segment (or a scope and one) of an address.
fn check_name(name: &str) -> Result<(), FetchError> {
    let part = |text: &str| {
        !text.is_empty()
            && text != "."
            && text != ".."
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~!*'()".contains(c))
    };
    let good = match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, rest)| part(scope) && part(rest)),
        None => part(name),
    };
    if good && name.len() <= 214 {
        return Ok(());
    }
    let reason = "an npm package is NAME or @SCOPE/NAME".to_owned();
    Err(FetchError::Spec { text: name.to_owned(), reason })
}

impl Npm {
    pub(crate) fn new(client: &Client) -> Result<Self, FetchError> {
        Ok(Self { config: NpmConfig::read(&client.config)? })
    }

    /// The registry's page about a package.
    pub(crate) fn packument(
        &self,
        client: &Client,
        name: &str,
        whole: bool,
    ) -> Result<Packument, FetchError> {
        check_name(name)?;
        let registry = self.config.registry(name);
        let url = registry
            .join(&name.replace('/', "%2f"))
            .map_err(|error| FetchError::answer(&registry, error.to_string()))?;
        let credentials = self.config.credentials(name, None);
        let page = client.page(&url, &self.config.wire, &credentials, if whole { WHOLE } else { SHORT });
        let page = match page {
            Err(FetchError::Status { status: 404 | 410, .. }) => {
                return Err(FetchError::Missing {
                    what: format!("npm:{name}"),
                    place: shown(&url),
                    instead: Vec::new(),
                });
            }
            other => other?,
        };
        serde_json::from_slice(&page.body).map_err(|error| FetchError::answer(&url, error.to_string()))
    }

    /// One version: an exact one, or a tag such as `latest`.
    pub(crate) fn version(
        &self,
        client: &Client,
        name: &str,
        wanted: &str,
        whole: bool,
    ) -> Result<NpmVersion, FetchError> {
        let packument = self.packument(client, name, whole)?;
        let version = packument.tags.get(wanted).map_or(wanted, String::as_str);
        let Some(value) = packument.versions.get(version) else {
            return Err(FetchError::Missing {
                what: format!("npm:{name}@{wanted}"),
                place: shown(&self.config.registry(name)),
                instead: nearest(&packument, wanted),
            });
        };
        let mut found = NpmVersion::deserialize(value).map_err(|error| {
            FetchError::answer(&self.config.registry(name), format!("version {version}: {error}"))
        })?;
        found.version = version.to_owned();
        Ok(found)
    }

    /// Where a version's tarball is downloaded.
    pub(crate) fn wanted(
        &self,
        client: &Client,
        name: &str,
        version: &str,
        hash: Option<SourceHash>,
    ) -> Result<Wanted, FetchError> {
        let found = self.version(client, name, version, false)?;
        self.tarball(name, &found, hash)
    }

    /// The download of a version that is known.
    pub(crate) fn tarball(
        &self,
        name: &str,
        found: &NpmVersion,
        hash: Option<SourceHash>,
    ) -> Result<Wanted, FetchError> {
        let address = parse_url(&found.dist.tarball)
            .map_err(|error| FetchError::answer(&self.config.registry(name), error.to_string()))?;
        let url: Url = self.config.tarball(name, address);
        Ok(Wanted {
            what: format!("npm:{name}@{}", found.version),
            credentials: self.config.credentials(name, Some(&url)),
            urls: vec![url],
            wire: self.config.wire.clone(),
            hash,
            size: None,
        })
    }
}

/// The versions that a person may have meant: those that begin alike, else the tagged ones.
fn nearest(packument: &Packument, wanted: &str) -> Vec<String> {
    let begin = wanted.split(['.', '-']).next().unwrap_or(wanted);
    let alike =
        packument.versions.keys().rev().filter(|version| version.split(['.', '-']).next() == Some(begin));
    let alike: Vec<_> = alike.take(8).cloned().collect();
    if !alike.is_empty() {
        return alike;
    }
    packument.tags.iter().take(8).map(|(tag, version)| format!("{version} ({tag})")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_place_in_an_address() {
        for name in ["left-pad", "@yowasp/clang", "@a/b.c"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "..", "a/b", "@a", "@a/b/c", "@a/..", "a?b", "a#b", "a b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_strongest_hash_is_taken() {
        let version = |integrity: &str| NpmVersion {
            version: "1".into(),
            dist: Dist { tarball: String::new(), integrity: Some(integrity.into()) },
            description: None,
            homepage: None,
            license: None,
        };
        let sha512 = SourceHash::Sha512([7; 64]);
        assert_eq!(version(&format!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= {sha512}?x")).hash(), Some(sha512));
        assert_eq!(version("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=").hash(), None);
    }
}
