//! The smaller records of the index.
//!
//! ```text
//! source = version:u8=1 cid:32 size:u64 count:u64 has-blob:u8 blob:32? time:u64
//! log    = version:u8=1 build:32 succeeded:u8 time:u64 path-length:u32 path
//! root   = version:u8=1 kind:u8 id:32 time:u64                     kind: 1 PID, 2 CID, 3 blob, 4 group (a CID)
//! ```

use crate::{
    directory::Tree,
    wire::{Decoder, Encode, WireError},
};
use nuka_pir::{BlobId, BuildId, Cid, Pid};

const VERSION: u8 = 1;

/// What a source was fetched and unpacked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    /// The unpacked tree.
    pub tree: Tree,
    /// The download as it came, if it is kept.
    pub download: Option<BlobId>,
    /// When it was registered, in milliseconds since 1970.
    pub time_ms: u64,
}

/// Where the log of a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The build.
    pub build: BuildId,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: u64,
    /// The log's file, relative to the store's directory.
    pub path: String,
}

/// What a root, or a lease, keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RootTarget {
    /// A package with all it needs.
    Package(Pid),
    /// A tree.
    Tree(Cid),
    /// A blob.
    Blob(BlobId),
    /// A tree, and every package that it names: see [`group`](crate::group).
    Group(Cid),
}

/// A reason to keep something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// What it keeps.
    pub target: RootTarget,
    /// When it was registered, in milliseconds since 1970.
    pub time_ms: u64,
}

fn flag(decoder: &mut Decoder<'_>, field: &'static str) -> Result<bool, WireError> {
    match decoder.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::Invalid { field }),
    }
}

impl SourceRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.tree.cid.as_bytes());
        out.put_u64(self.tree.size);
        out.put_u64(self.tree.count);
        out.push(u8::from(self.download.is_some()));
        if let Some(blob) = &self.download {
            out.extend_from_slice(blob.as_bytes());
        }
        out.put_u64(self.time_ms);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder::versioned(bytes, VERSION)?;
        let cid = Cid::from_bytes(decoder.array("CID")?);
        let tree = Tree { cid, size: decoder.u64("size")?, count: decoder.u64("count")? };
        let download = if flag(&mut decoder, "has-blob")? {
            Some(BlobId::from_bytes(decoder.array("blob id")?))
        } else {
            None
        };
        let time_ms = decoder.u64("time")?;
        decoder.finish()?;
        Ok(Self { tree, download, time_ms })
    }
}

impl LogRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.build.as_bytes());
        out.push(u8::from(self.succeeded));
        out.put_u64(self.time_ms);
        out.put_bytes(self.path.as_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder::versioned(bytes, VERSION)?;
        let build = BuildId::from_bytes(decoder.array("build id")?);
        let succeeded = flag(&mut decoder, "outcome")?;
        let time_ms = decoder.u64("time")?;
        let path = decoder.text("path")?.to_owned();
        decoder.finish()?;
        Ok(Self { build, succeeded, time_ms, path })
    }
}

impl RootTarget {
    /// The kind's number, and the id.
    pub(crate) fn parts(&self) -> (u8, &[u8; 32]) {
        match self {
            Self::Package(pid) => (1, pid.as_bytes()),
            Self::Tree(cid) => (2, cid.as_bytes()),
            Self::Blob(blob) => (3, blob.as_bytes()),
            Self::Group(cid) => (4, cid.as_bytes()),
        }
    }

    pub(crate) fn of_parts(kind: u8, id: [u8; 32]) -> Result<Self, WireError> {
        match kind {
            1 => Ok(Self::Package(Pid::from_bytes(id))),
            2 => Ok(Self::Tree(Cid::from_bytes(id))),
            3 => Ok(Self::Blob(BlobId::from_bytes(id))),
            4 => Ok(Self::Group(Cid::from_bytes(id))),
            _ => Err(WireError::Invalid { field: "kind" }),
        }
    }
}

impl Root {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (kind, id) = self.target.parts();
        let mut out = vec![VERSION, kind];
        out.extend_from_slice(id);
        out.put_u64(self.time_ms);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder::versioned(bytes, VERSION)?;
        let kind = decoder.u8("kind")?;
        let target = RootTarget::of_parts(kind, decoder.array("id")?)?;
        let time_ms = decoder.u64("time")?;
        decoder.finish()?;
        Ok(Self { target, time_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_are_strict() {
        let tree = Tree { cid: Cid::from_bytes([1; 32]), size: 2, count: 3 };
        for download in [None, Some(BlobId::from_bytes([4; 32]))] {
            let source = SourceRecord { tree, download, time_ms: 5 };
            let bytes = source.encode();
            assert_eq!(SourceRecord::decode(&bytes).unwrap(), source);
            assert!(SourceRecord::decode(&bytes[1..]).is_err());
        }
        let log = LogRecord {
            build: BuildId::from_bytes([6; 32]),
            succeeded: false,
            time_ms: 7,
            path: "logs/ab/c.log".into(),
        };
        let mut bytes = log.encode();
        assert_eq!(LogRecord::decode(&bytes).unwrap(), log);
        bytes[33] = 2;
        assert_eq!(LogRecord::decode(&bytes), Err(WireError::Invalid { field: "outcome" }));
        for target in [
            RootTarget::Package(Pid::from_bytes([1; 32])),
            RootTarget::Tree(Cid::from_bytes([2; 32])),
            RootTarget::Blob(BlobId::from_bytes([3; 32])),
            RootTarget::Group(Cid::from_bytes([4; 32])),
        ] {
            let root = Root { target, time_ms: 9 };
            let mut bytes = root.encode();
            assert_eq!(Root::decode(&bytes).unwrap(), root);
            bytes.push(0);
            assert_eq!(Root::decode(&bytes), Err(WireError::Trailing { count: 1 }));
        }
    }
}
