//! Records: what the index alone would know of a package or a source, as an object, so that the index can be made
//! again from the objects.
//!
//! ```text
//! record  = "nukarec1" kind:u8 body
//! package = pid:32 realisation:bytes pir:bytes has-meta:u8 meta:32?      kind 1
//! source  = source-id:32 source:bytes                                   kind 2
//! bytes   = length:u32 byte*
//! ```
//!
//! `realisation` and `source` are encoded as in the index's tables; `pir` is the canonical text, whose hash is `pid`.
//! Integers are little-endian and nothing follows the last field, so what decodes encodes to the same bytes. A record
//! is written in the batch that registers what it says, and goes with it; packages that are not realised have none.

use crate::{
    index::{Realisation, SourceRecord},
    wire::{Decoder, Encode, WireError},
};
use nuka_pir::{BlobId, PackageName, Pid, Pir, SourceId, Version};

/// The eight bytes that a record begins with; the last one is the format's version.
pub const RECORD_MAGIC: &[u8; 8] = b"nukarec1";

/// The longest record that is read, in bytes.
pub const MAX_RECORD: u64 = 16 << 20;

const PACKAGE: u8 = 1;
const SOURCE: u8 = 2;

/// What a package or a source became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A package.
    Package(PackageRecord),
    /// A source.
    Source {
        /// Its id.
        id: SourceId,
        /// What it became.
        source: SourceRecord,
    },
}

/// A realised package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRecord {
    /// Its id.
    pub pid: Pid,
    /// What it became.
    pub realisation: Realisation,
    /// The canonical text of its PIR.
    pub pir: String,
    /// The blob that describes it.
    pub meta: Option<BlobId>,
}

impl PackageRecord {
    /// The package's name and version, as its PIR has them; `None` if the text is no PIR that this nuka reads.
    pub fn name(&self) -> Option<(PackageName, Version)> {
        // The names stand in the text wherever the rest may have changed since.
        let value = nuka_pir::canonical::parse(&self.pir).ok()?;
        let text = |key| value.get(key).and_then(|value| value.as_str());
        Some((PackageName::new(text("name")?).ok()?, Version::new(text("version")?).ok()?))
    }
}

impl Record {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = RECORD_MAGIC.to_vec();
        match self {
            Self::Package(PackageRecord { pid, realisation, pir, meta }) => {
                out.push(PACKAGE);
                out.extend_from_slice(pid.as_bytes());
                out.put_bytes(&realisation.encode());
                out.put_bytes(pir.as_bytes());
                out.push(u8::from(meta.is_some()));
                out.extend(meta.iter().flat_map(|meta| meta.as_bytes()));
            }
            Self::Source { id, source } => {
                out.push(SOURCE);
                out.extend_from_slice(id.as_bytes());
                out.put_bytes(&source.encode());
            }
        }
        out
    }

    /// Reads a record, strictly: only bytes that [`Record::encode`] makes are accepted.
    ///
    /// # Errors
    /// The field that is not as the format says; never a panic, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let body = bytes.strip_prefix(RECORD_MAGIC).ok_or(WireError::Invalid { field: "magic" })?;
        let mut decoder = Decoder::new(body);
        let record = match decoder.u8("kind")? {
            PACKAGE => {
                let pid = Pid::from_bytes(decoder.array("PID")?);
                let realisation = Realisation::decode(decoder.bytes("realisation")?)?;
                let pir = decoder.text("PIR")?.to_owned();
                if Pir::pid_of_text(&pir) != pid {
                    return Err(WireError::Invalid { field: "PIR" });
                }
                let meta = match decoder.u8("has-meta")? {
                    0 => None,
                    1 => Some(BlobId::from_bytes(decoder.array("meta")?)),
                    _ => return Err(WireError::Invalid { field: "has-meta" }),
                };
                Self::Package(PackageRecord { pid, realisation, pir, meta })
            }
            SOURCE => {
                let id = SourceId::from_bytes(decoder.array("source id")?);
                Self::Source { id, source: SourceRecord::decode(decoder.bytes("source")?)? }
            }
            _ => return Err(WireError::Invalid { field: "kind" }),
        };
        decoder.finish()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Tree;
    use nuka_pir::{BuildId, Cid, OutputName};

    fn package(meta: Option<BlobId>) -> Record {
        let pir = "{name: zlib, version: \"1.3\"}".to_owned();
        let tree = Tree { cid: Cid::from_bytes([1; 32]), size: 2, count: 3 };
        let realisation = Realisation {
            build: BuildId::from_bytes([4; 32]),
            outputs: [(OutputName::out(), tree)].into(),
            time_ms: 5,
            duration_ms: 6,
        };
        Record::Package(PackageRecord { pid: Pir::pid_of_text(&pir), realisation, pir, meta })
    }

    fn source() -> Record {
        let tree = Tree { cid: Cid::from_bytes([1; 32]), size: 2, count: 3 };
        let source = SourceRecord { tree, download: Some(BlobId::from_bytes([7; 32])), time_ms: 8 };
        Record::Source { id: SourceId::from_bytes([9; 32]), source }
    }

    /// Golden vectors: a change here is a new version of the format, never a fix of the test.
    #[test]
    fn encodings_are_pinned() {
        let id = |record: &Record| BlobId::of(&record.encode()).to_string();
        assert_eq!(source().encode()[..11], *b"nukarec1\x02\x09\x09");
        let records = [package(None), package(Some(BlobId::from_bytes([3; 32]))), source()];
        let ids = records.each_ref().map(id).join(" ");
        let expected = concat!(
            "vevlokr64fnuuibhf4x36msjydlrzjnitldkfydxsuk7dc3l4sgq ",
            "w2pgw2kpxrofok5ijjty6c54u7nq33kfvagmllvkdnure4xnzava ",
            "lu62hydokuytjos4c7ijijhbbeote6e5bv44tki4lplbnnegm7hq"
        );
        assert_eq!(ids, expected);
    }

    #[test]
    fn only_the_one_encoding_is_accepted() {
        for record in [package(None), package(Some(BlobId::from_bytes([3; 32]))), source()] {
            let bytes = record.encode();
            assert_eq!(Record::decode(&bytes), Ok(record));
            for cut in 0..bytes.len() {
                assert!(Record::decode(&bytes[..cut]).is_err());
            }
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                if let Ok(other) = Record::decode(&changed) {
                    assert_eq!(other.encode(), changed);
                }
            }
            let mut longer = bytes;
            longer.push(0);
            assert_eq!(Record::decode(&longer), Err(WireError::Trailing { count: 1 }));
        }
    }

    #[test]
    fn the_text_must_be_the_packages_own() {
        let Record::Package(mut wrong) = package(None) else { panic!() };
        wrong.pid = Pid::from_bytes([0; 32]);
        let wrong = Record::Package(wrong).encode();
        assert_eq!(Record::decode(&wrong), Err(WireError::Invalid { field: "PIR" }));
    }
}
