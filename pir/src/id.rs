//! Ids: every 32-byte name in nuka is a type of its own, so that a PID can never be passed for a CID.
//!
//! The text form of every id is lower-case base32 (RFC 4648 alphabet) without padding: 52 characters.
//! Ids of plain blobs ([`BlobId`], and [`Cid`], whose directory object is a blob) are plain BLAKE3, so
//! that any peer can serve the bytes; every other id is domain separated with BLAKE3's `derive_key`, so
//! that equal bytes of two kinds never share a name.

use data_encoding::{Encoding, Specification};
use std::{fmt, str::FromStr, sync::LazyLock};

/// Length in characters of an id's text form.
pub const ID_TEXT_LEN: usize = 52;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    match spec.encoding() {
        Ok(encoding) => encoding,
        // The alphabet above is constant: 32 distinct symbols always make an encoding.
        Err(_) => data_encoding::BASE32_NOPAD,
    }
});

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has another length than an id has.
    #[error("{kind} `{text}` has {} characters; an id has {ID_TEXT_LEN}", text.chars().count())]
    Length {
        /// Which kind of id was expected (`PID`, `CID`, ...).
        kind: &'static str,
        /// The text as given.
        text: String,
    },
    /// The text has a character outside the alphabet `a-z2-7`, or stray bits in its last one.
    #[error("{kind} `{text}` is not lower-case base32 (a-z, 2-7)")]
    Alphabet {
        /// Which kind of id was expected.
        kind: &'static str,
        /// The text as given.
        text: String,
    },
}

fn parse(kind: &'static str, text: &str) -> Result<[u8; 32], IdError> {
    if text.len() != ID_TEXT_LEN {
        return Err(IdError::Length { kind, text: text.to_owned() });
    }
    let alphabet = || IdError::Alphabet { kind, text: text.to_owned() };
    let bytes = BASE32.decode(text.as_bytes()).map_err(|_| alphabet())?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| alphabet())
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The id with these 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The id's 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first characters of the text form, enough for people to tell ids apart.
            pub fn short(&self) -> String {
                self.to_string().chars().take(12).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&BASE32.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($kind, text).map(Self)
            }
        }

        impl From<blake3::Hash> for $name {
            fn from(hash: blake3::Hash) -> Self {
                Self(*hash.as_bytes())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type!(
    /// Package id: BLAKE3 (`derive_key "nuka pir 1"`) of a canonical PIR.
    Pid,
    "PID"
);
id_type!(
    /// Content id: plain BLAKE3 of a directory object; names a tree.
    Cid,
    "CID"
);
id_type!(
    /// Blob id: plain BLAKE3 of bytes.
    BlobId,
    "blob id"
);
id_type!(
    /// Build id: BLAKE3 (`derive_key "nuka build 1"`) of a canonical build request.
    BuildId,
    "build id"
);
id_type!(
    /// Source id: BLAKE3 (`derive_key "nuka source 1"`) of a canonical source.
    SourceId,
    "source id"
);

impl BlobId {
    /// The id of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        blake3::hash(bytes).into()
    }
}

impl From<Cid> for BlobId {
    /// A directory object is a blob, so a CID names one too.
    fn from(cid: Cid) -> Self {
        Self(cid.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_is_pinned() {
        let id = BlobId::of(b"nuka");
        let text = id.to_string();
        assert_eq!(text.len(), ID_TEXT_LEN);
        assert_eq!(text.parse::<BlobId>().unwrap(), id);
        assert_eq!(BlobId::from_bytes([0; 32]).to_string(), "a".repeat(52));
    }

    #[test]
    fn rejects_what_is_not_canonical() {
        assert!(matches!("abc".parse::<Pid>(), Err(IdError::Length { .. })));
        assert!(matches!("A".repeat(52).parse::<Pid>(), Err(IdError::Alphabet { .. })));
        // The last character holds one bit of padding rubbish.
        let stray = format!("{}b", "a".repeat(51));
        assert!(matches!(stray.parse::<Cid>(), Err(IdError::Alphabet { .. })));
    }
}
