//! Sources: where a tree comes from, the hash it must have, and how it is unpacked.

use crate::{
    SourceId,
    canonical::{self, CanonicalError},
};
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A tree from elsewhere, fixed by a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where it comes from.
    pub origin: Origin,
    /// What its bytes hash to: those of the download; for a local path, those of the tree.
    pub hash: SourceHash,
    /// How the download becomes a tree.
    #[serde(default, skip_serializing_if = "Unpack::is_default")]
    pub unpack: Unpack,
}

/// Where a source comes from. Addresses of registries are the user's own configuration, never data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// A source crate; the hash is the index's checksum (SHA-256 of the `.crate`).
    Crate {
        /// The crate's name.
        name: String,
        /// Its exact version.
        version: String,
    },
    /// An npm package; the hash is the registry's integrity (SHA-512 of the tarball).
    Npm {
        /// The package's name, with its scope.
        name: String,
        /// Its exact version.
        version: String,
    },
    /// A file of a PyPI release; the hash is the index's SHA-256.
    Pypi {
        /// The project's normalised name.
        name: String,
        /// The release's version.
        version: String,
        /// The file's name: an sdist or a wheel.
        file: String,
    },
    /// A file of a Debian source package or a `.deb`; the hash is the archive's SHA-256.
    Debian {
        /// The package's name.
        name: String,
        /// Its exact version, with epoch and revision.
        version: String,
        /// The file in the archive's pool.
        file: String,
    },
    /// Any address; the hash is the publisher's own, or BLAKE3.
    Url {
        /// The address.
        url: String,
    },
    /// The tools of a compiler that has compiled itself here, as WebAssembly; the hash is BLAKE3, the CID of their tree.
    Bootstrap {
        /// The compiler's name: `go`.
        name: String,
        /// Its exact version.
        version: String,
    },
    /// A directory or archive beside the recipe; the hash is BLAKE3 (of a directory: its CID).
    Path {
        /// The path as the recipe writes it, relative to the recipe.
        path: String,
    },
}

impl Origin {
    /// Its texts, each with what it is, as a person would call it.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        match self {
            Origin::Crate { name, version }
            | Origin::Npm { name, version }
            | Origin::Bootstrap { name, version } => {
                vec![("name", name.as_str()), ("version", version.as_str())]
            }
            Origin::Pypi { name, version, file } | Origin::Debian { name, version, file } => {
                vec![("name", name.as_str()), ("version", version.as_str()), ("file", file.as_str())]
            }
            Origin::Url { url } => vec![("address", url.as_str())],
            Origin::Path { path } => vec![("path", path.as_str())],
        }
    }
}

/// How a download becomes a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unpack {
    /// The archive's format, where its bytes and name do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<ArchiveFormat>,
    /// How many leading directories are dropped; one if the archive has a single one at its top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip: Option<u8>,
    /// Only this directory of the archive (after `strip`), which becomes the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdir: Option<String>,
    /// Leave out what a tree cannot hold, instead of refusing the archive for it: set-user-id bits, attributes,
    /// entries that repeat an earlier one to the byte.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drop_extras: bool,
}

/// The formats that sources come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveFormat {
    /// A tar, perhaps compressed with gzip, bzip2, xz or zstd.
    Tar,
    /// A zip, a wheel.
    Zip,
    /// A Debian binary package: its data.
    Deb,
    /// One file that is kept as it is, under its own name.
    File,
}

/// A hash that an ecosystem publishes.
///
/// Canonical text: `sha256:` or `blake3:` and lower-case hex, or `sha512-` and base64 as npm writes it. The other
/// common spellings (`sha256-BASE64`, `sha512:HEX`) are read too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceHash {
    /// SHA-256, which crates, PyPI and Debian publish.
    Sha256([u8; 32]),
    /// SHA-512, which npm publishes.
    Sha512([u8; 64]),
    /// BLAKE3, where nothing is published.
    Blake3([u8; 32]),
}

/// Why a text is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// No known algorithm stands before the digest.
    #[error("`{}` does not begin with sha256:, sha512- or blake3:", text.escape_debug())]
    Algorithm {
        /// The text as given.
        text: String,
    },
    /// The digest is not hex or base64, or has the wrong length.
    #[error("`{}` is not a whole {algorithm} digest", text.escape_debug())]
    Digest {
        /// The algorithm that was named.
        algorithm: &'static str,
        /// The text as given.
        text: String,
    },
}

impl FromStr for SourceHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let unknown = || HashError::Algorithm { text: text.to_owned() };
        let (algorithm, digest) = text.split_once([':', '-']).ok_or_else(unknown)?;
        let hex = text.as_bytes().get(algorithm.len()) == Some(&b':');
        let decode = |name| {
            let bytes =
                if hex { HEXLOWER.decode(digest.as_bytes()) } else { BASE64.decode(digest.as_bytes()) };
            bytes.map_err(|_| HashError::Digest { algorithm: name, text: text.to_owned() })
        };
        let wrong = |name| HashError::Digest { algorithm: name, text: text.to_owned() };
        match algorithm {
            "sha256" => decode("SHA-256")?.try_into().map(SourceHash::Sha256).map_err(|_| wrong("SHA-256")),
            "sha512" => decode("SHA-512")?.try_into().map(SourceHash::Sha512).map_err(|_| wrong("SHA-512")),
            "blake3" if hex => {
                decode("BLAKE3")?.try_into().map(SourceHash::Blake3).map_err(|_| wrong("BLAKE3"))
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for SourceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceHash::Sha256(bytes) => write!(f, "sha256:{}", HEXLOWER.encode(bytes)),
            SourceHash::Sha512(bytes) => write!(f, "sha512-{}", BASE64.encode(bytes)),
            SourceHash::Blake3(bytes) => write!(f, "blake3:{}", HEXLOWER.encode(bytes)),
        }
    }
}

impl fmt::Debug for SourceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SourceHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceHash {
    /// Only the canonical spelling: another one in a PIR would be a second text for one value.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let hash: Self = text.parse().map_err(serde::de::Error::custom)?;
        if hash.to_string() == text {
            Ok(hash)
        } else {
            Err(serde::de::Error::custom(format!("`{text}` is written `{hash}`")))
        }
    }
}

impl Unpack {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Source {
    /// The source's id: `derive_key "nuka source 1"` of its canonical text.
    pub fn id(&self) -> Result<SourceId, CanonicalError> {
        let text = canonical::to_text(self)?;
        Ok(SourceId::from_bytes(blake3::derive_key("nuka source 1", text.as_bytes())))
    }
}

impl fmt::Display for Origin {
    /// As recipes and people write it: `crate:libz-sys@1.1.20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Crate { name, version } => write!(f, "crate:{name}@{version}"),
            Origin::Npm { name, version } => write!(f, "npm:{name}@{version}"),
            Origin::Pypi { name, version, file } => write!(f, "pypi:{name}@{version} ({file})"),
            Origin::Debian { name, version, file } => write!(f, "debian:{name}@{version} ({file})"),
            Origin::Url { url } => f.write_str(url),
            Origin::Bootstrap { name, version } => write!(f, "bootstrap:{name}@{version}"),
            Origin::Path { path } => write!(f, "path:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_one_canonical_spelling() {
        let hex = format!("sha256:{}", "0a".repeat(32));
        let hash: SourceHash = hex.parse().unwrap();
        assert_eq!(hash.to_string(), hex);
        let SourceHash::Sha256(bytes) = hash else { unreachable!() };
        let sri = format!("sha256-{}", BASE64.encode(&bytes));
        assert_eq!(sri.parse::<SourceHash>().unwrap(), hash);
        assert!(serde_json::from_value::<SourceHash>(sri.into()).is_err());
    }

    #[test]
    fn broken_hashes_are_named() {
        assert!(matches!("md5:00".parse::<SourceHash>(), Err(HashError::Algorithm { .. })));
        assert!(matches!("sha256:00".parse::<SourceHash>(), Err(HashError::Digest { .. })));
        assert!(matches!("sha256:zz".parse::<SourceHash>(), Err(HashError::Digest { .. })));
        assert!("nothing".parse::<SourceHash>().is_err());
    }
}
