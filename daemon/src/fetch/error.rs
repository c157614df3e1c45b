//! What can go wrong while fetching. Every variant says what, where and (in [`FetchError::help`]) what to do next.
//!
//! Addresses in errors never carry a user name, a password or a token: see [`shown`].

use crate::error::MAKE_ROOM;
use nuka_pir::{Origin, SourceHash};
use nuka_store::{BuildError, IndexError, StoreError, import::ImportError};
use std::{io, path::PathBuf};
use url::Url;

/// The ecosystems whose clients' configuration gives addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ecosystem {
    /// Crates, as cargo is configured.
    Cargo,
    /// npm packages, as npm is configured.
    Npm,
    /// Python packages, as uv or pip is configured.
    Python,
    /// Debian packages, as apt is configured.
    Debian,
}

impl std::fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::Python => "pip and uv",
            Self::Debian => "apt",
        })
    }
}

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody wants it any more.
    #[error("it was stopped before its end")]
    Cancelled,
    /// Nobody may be contacted, and these things are not here.
    #[error("offline: {} not here and would have to be fetched: {}", if wanted.len() == 1 { "this is" } else { "these are" }, wanted.join(", "))]
    Offline {
        /// What would have been fetched.
        wanted: Vec<String>,
    },
    /// No client configuration gives an address, and there is no default for it.
    #[error("no address for {ecosystem} packages is configured")]
    NotConfigured {
        /// Whose configuration is missing.
        ecosystem: Ecosystem,
        /// The files that were looked at.
        looked_at: Vec<PathBuf>,
    },
    /// A client's configuration file, or variable, cannot be understood.
    #[error("the {ecosystem} configuration in {place} cannot be used: {reason}")]
    Configuration {
        /// Whose configuration it is.
        ecosystem: Ecosystem,
        /// The file or the variable.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A text is not an address that can be fetched from.
    #[error("`{address}` is not an address to fetch from: {reason}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was asked for does not exist there.
    #[error("{what} is not in {place}")]
    Missing {
        /// What was asked for.
        what: String,
        /// Where it was looked for.
        place: String,
        /// Names, versions or files that do exist there, nearest first.
        instead: Vec<String>,
    },
    /// The version is withdrawn, or was replaced by a newer one.
    #[error("{what} is no longer at {place}: the archive keeps only {}", kept.join(", "))]
    Gone {
        /// What was asked for.
        what: String,
        /// Where it was looked for.
        place: String,
        /// The versions that are there now.
        kept: Vec<String>,
    },
    /// The server answered with a status that is not success.
    #[error("{address} answered {status}")]
    Status {
        /// The address.
        address: String,
        /// The HTTP status.
        status: u16,
        /// How often it was tried.
        attempts: u32,
    },
    /// The server could not be reached, or the connection broke, more often than patience allows.
    #[error("{address} cannot be reached: {reason} (tried {attempts} times)")]
    Unreachable {
        /// The address.
        address: String,
        /// The last failure.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The download ends before it is whole, again and again.
    #[error(
        "{address} was cut at {received} of {} bytes: {reason} (tried {attempts} times)",
        expected.map_or("an unknown number of".to_owned(), |bytes| bytes.to_string())
    )]
    Cut {
        /// The address.
        address: String,
        /// Bytes that came.
        received: u64,
        /// Bytes that the server promised.
        expected: Option<u64>,
        /// The last failure.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A redirect that is not followed.
    #[error("{address} redirects to where nuka does not go: {reason}")]
    Redirect {
        /// The address.
        address: String,
        /// What is wrong with the target.
        reason: String,
    },
    /// More bytes than allowed.
    #[error("{address} is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        address: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// What came is not what the recipe wants.
    #[error("the download of {what} does not have the hash that the recipe names")]
    WrongHash {
        /// The source.
        what: String,
        /// The hash that the recipe names.
        expected: Box<SourceHash>,
        /// The hash of what came.
        got: Box<SourceHash>,
        /// Where it came from.
        place: String,
        /// Its size in bytes.
        size: u64,
    },
    /// An index's answer cannot be understood.
    #[error("the answer of {address} cannot be understood: {reason}")]
    Answer {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificate authorities are known, so that no server can be trusted.
    #[error("no certificate authorities were found: {reason}")]
    Certificates {
        /// What was looked at, and what was wrong.
        reason: String,
    },
    /// A proxy's address cannot be used.
    #[error("the proxy `{proxy}` cannot be used: {reason}")]
    Proxy {
        /// The proxy as configured, without its password.
        proxy: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another process holds the download for longer than it could need.
    #[error("another process is downloading {what} and does not come to an end")]
    Busy {
        /// The source.
        what: String,
        /// The file that it holds.
        path: PathBuf,
    },
    /// A `path` source that is not there, or not one that a recipe may name.
    #[error("the path `{path}` cannot be a source: {reason}")]
    Path {
        /// The path as the recipe writes it.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What came has the right hash, and cannot be unpacked.
    #[error("{what} cannot be unpacked: {source}")]
    Import {
        /// The source.
        what: String,
        /// What is wrong with it.
        source: Box<ImportError>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The store's index failed.
    #[error(transparent)]
    Index(Box<IndexError>),
    /// A text is not the name of something to fetch.
    #[error("`{text}` does not name something to fetch: {reason}")]
    Spec {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<IndexError> for FetchError {
    fn from(error: IndexError) -> Self {
        Self::Index(Box::new(error))
    }
}

impl FetchError {
    /// What the person can do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Offline { .. } => {
                "run the same command once without `--offline`; what is fetched is kept".to_owned()
            }
            Self::NotConfigured { ecosystem, looked_at } => {
                let setting = match ecosystem {
                    Ecosystem::Cargo => "a `[source.crates-io]` replacement in cargo's config.toml",
                    Ecosystem::Npm => "`registry=` in .npmrc",
                    Ecosystem::Python => "`index-url` in pip.conf, or UV_DEFAULT_INDEX",
                    Ecosystem::Debian => {
                        "a `.sources` file as apt reads it (nuka has no default mirror: choose one near you)"
                    }
                };
                let files: Vec<_> = looked_at.iter().map(|path| path.display().to_string()).collect();
                format!("set {setting}; looked at: {}", files.join(", "))
            }
            Self::Configuration { ecosystem, place, .. } => {
                format!("correct {place}; nuka reads what {ecosystem} itself would read")
            }
            Self::Address { .. } => "write a whole address, such as https://HOST/PATH".to_owned(),
            Self::Missing { instead, .. } if instead.is_empty() => {
                "check the name and the version; a private registry must be configured as its client wants it"
                    .to_owned()
            }
            Self::Missing { instead, .. } => format!("there is: {}", instead.join(", ")),
            Self::Gone { .. } => {
                "take one of these versions, or an origin that keeps all its versions (crate, npm, pypi)".to_owned()
            }
            Self::Status { status: 401 | 403 | 407, .. } => {
                "the server wants to know who asks: log in with the ecosystem's own client, whose credentials nuka uses"
                    .to_owned()
            }
            Self::Status { status: 404 | 410, .. } => "check the name, the version and the address".to_owned(),
            Self::Status { .. } => "try again later, or configure a mirror in the ecosystem's own client".to_owned(),
            Self::Unreachable { .. } => {
                "check the network, HTTPS_PROXY and the mirror in the client's configuration; what has come is kept"
                    .to_owned()
            }
            Self::Cut { .. } => "run it again: the download goes on where it was cut".to_owned(),
            Self::Redirect { .. } => "name the final address in the recipe or in the client's configuration".to_owned(),
            Self::TooLarge { .. } => "nothing of this size is expected there: check the address".to_owned(),
            Self::WrongHash { expected, got, place, size, .. } => format!(
                "expected {expected}\n     got {got}\n    from {place} ({size} bytes)\n\
                 If you trust the change: `nuka update-hashes RECIPE` writes the new hash; otherwise tell the publisher"
            ),
            Self::Answer { .. } => {
                "a proxy or a login page may have answered instead of the index: open the address to see".to_owned()
            }
            Self::Certificates { .. } => {
                "install the system's CA certificates (the package is often named ca-certificates), or set SSL_CERT_FILE"
                    .to_owned()
            }
            Self::Proxy { .. } => "correct the proxy in the environment or in the client's configuration".to_owned(),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space, then run it again: the download goes on where it stopped".to_owned()
                }
                io::ErrorKind::PermissionDenied => "check who owns it".to_owned(),
                _ => "check the file and the disk".to_owned(),
            },
            Self::Busy { path, .. } => {
                format!("end the other nuka process, or remove {}", path.display())
            }
            Self::Path { .. } => {
                "name a directory or an archive beside the recipe, by a path relative to the recipe".to_owned()
            }
            Self::Import { source, .. } => match source.as_ref() {
                ImportError::UnknownFormat => {
                    "if it is one file that is to be kept as it is, say so: `--format file`".to_owned()
                }
                ImportError::Subdir { .. } | ImportError::Strip { .. } => {
                    "correct `--subdir` or `--strip` in the fetch: both count from the archive's top, where one directory that holds all the rest is left out"
                        .to_owned()
                }
                ImportError::Store(error) | ImportError::Build(BuildError::Store(error)) => store_help(error),
                _ => "nothing of it was kept; tell its publisher, or take another version".to_owned(),
            },
            Self::Store(error) => store_help(error),
            Self::Index(error) => index_help(error),
            Self::Cancelled => "ask again: what has come is kept".to_owned(),
            Self::Spec { .. } => {
                "write crate:NAME, npm:NAME, pypi:NAME or debian:NAME, each with @VERSION if you want one, or an address"
                    .to_owned()
            }
        }
    }

    /// Whether the thing is simply not there, so that another place may be asked.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Status { status: 404 | 410, .. })
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn answer(url: &Url, reason: impl Into<String>) -> Self {
        Self::Answer { address: shown(url), reason: reason.into() }
    }
}

fn store_help(error: &StoreError) -> String {
    let text = if error.is_storage_full() { MAKE_ROOM } else { "`nuka doctor` looks into it" };
    text.to_owned()
}

fn index_help(error: &IndexError) -> String {
    let is_full = matches!(error, IndexError::StorageFull { .. });
    let text = if is_full { MAKE_ROOM } else { "`nuka doctor` looks into it" };
    text.to_owned()
}

/// An address as it may be shown: without user name, password and query.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Only addresses that cannot have a user refuse to lose it.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.query().is_some() {
        url.set_query(Some("..."));
    }
    url.set_fragment(None);
    url.to_string()
}

/// Parses an address; relative ones and other schemes than http and https are refused.
pub(crate) fn parse_url(text: &str) -> Result<Url, FetchError> {
    let refuse = |reason: String| FetchError::Address { address: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        "file" => Err(refuse("a file of this machine is `fetch path`, not an address".to_owned())),
        scheme => Err(refuse(format!("`{scheme}` is neither http nor https"))),
    }
}

/// How an origin is named in messages.
pub(crate) fn named(origin: &Origin) -> String {
    match origin {
        Origin::Url { url } => Url::parse(url).map_or_else(|_| url.clone(), |url| shown(&url)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let url = parse_url("https://me:secret@example.test/a?token=1#f").unwrap();
        assert_eq!(shown(&url), "https://example.test/a?...");
        assert!(parse_url("ftp://example.test/").is_err());
        assert!(parse_url("pool/main").is_err());
    }

    #[test]
    fn a_wrong_hash_says_what_was_expected_and_what_to_do() {
        let error = FetchError::WrongHash {
            what: "crate:zlib@1.0".into(),
            expected: Box::new(SourceHash::Blake3([0; 32])),
            got: Box::new(SourceHash::Blake3([255; 32])),
            place: "https://example.test/zlib".into(),
            size: 12,
        };
        insta::assert_snapshot!(format!("{error}\n{}", error.help()), @"
        the download of crate:zlib@1.0 does not have the hash that the recipe names
        expected blake3:0000000000000000000000000000000000000000000000000000000000000000
             got blake3:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
            from https://example.test/zlib (12 bytes)
        If you trust the change: `nuka update-hashes RECIPE` writes the new hash; otherwise tell the publisher
        ");
    }

    #[test]
    fn offline_lists_what_is_wanted() {
        let error = FetchError::Offline { wanted: vec!["crate:a@1".into(), "npm:b@2".into()] };
        insta::assert_snapshot!(error.to_string(), @"offline: these are not here and would have to be fetched: crate:a@1, npm:b@2");
    }
}
