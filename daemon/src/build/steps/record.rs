//! What is written down of finished steps: what they changed in the tree, and what they said.
//!
//! ```text
//! record = key:32                                what the tree is known by that they left
//!          parent                                the record that comes before, of the same list of steps
//!          memory:u32 tree:u32 exact:u8          the room that they had, see `Room`
//!          done:u32                              how many steps that is, from the beginning of the list
//!          log:bytes                             what they said since the parent
//!          change*                               what they changed since the parent, in this order
//! parent = 0 | 1 key:32                          0: there is none, and the changes are those of the list's first tree
//! change = 1 path:bytes                          nothing is there any more
//!        | 2 path:bytes                          there is a new, empty directory
//!        | 3 path:bytes target:bytes             there is a symlink
//!        | 4 path:bytes executable:u8 from:u8 size:u64 blob:32
//!                                                there is a file; from: 1 the journal, 2 the store
//! bytes  = length:u32 byte*
//! ```
//!
//! Integers are little-endian. A record has exactly one encoding and is decoded strictly.

use super::key::StepKey;
use nuka_pir::{BlobId, Limits};
use nuka_store::wire::{Decoder, Encode as _, WireError};

/// What steps had room for, and whether they noticed its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Linear memory of one process, in MiB.
    pub memory_mib: u32,
    /// Size of the build tree, in MiB.
    pub tree_mib: u32,
    /// Whether a process was refused more: then they count for no other limits.
    pub exact: bool,
}

impl Room {
    /// Whether steps that had this room do the same with these limits. Time ends a process, and tells it nothing.
    pub fn holds_for(&self, limits: Limits) -> bool {
        let had = (self.memory_mib, self.tree_mib);
        let has = (limits.memory_mib, limits.tree_mib);
        if self.exact { had == has } else { had.0 <= has.0 && had.1 <= has.1 }
    }
}

/// What has a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The same journal.
    Journal,
    /// The store.
    Store,
}

/// One change of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Nothing is there any more.
    Removed,
    /// A new, empty directory.
    Directory,
    /// A symlink.
    Symlink {
        /// Its target.
        target: Vec<u8>,
    },
    /// A file.
    File {
        /// Whether it may be executed.
        executable: bool,
        /// What has its bytes.
        from: Held,
        /// Its length in bytes.
        size: u64,
        /// Its bytes.
        blob: BlobId,
    },
}

impl Changed {
    /// A file's bytes that the store has, with their length.
    pub fn stored(&self) -> Option<(BlobId, u64)> {
        match self {
            Self::File { from: Held::Store, size, blob, .. } => Some((*blob, *size)),
            _ => None,
        }
    }
}

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What the tree is known by.
    pub key: StepKey,
    /// The record that comes before.
    pub parent: Option<StepKey>,
    /// What the steps had room for.
    pub room: Room,
    /// How many steps that is, from the beginning of the list.
    pub done: u32,
    /// What they said.
    pub log: Vec<u8>,
    /// What they changed, by paths in the build tree.
    pub changes: Vec<(Vec<u8>, Changed)>,
}

impl Record {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.key.as_bytes().to_vec();
        out.push(u8::from(self.parent.is_some()));
        out.extend(self.parent.iter().flat_map(|parent| parent.as_bytes()));
        out.put_u32(self.room.memory_mib);
        out.put_u32(self.room.tree_mib);
        out.push(u8::from(self.room.exact));
        out.put_u32(self.done);
        out.put_bytes(&self.log);
        for (path, change) in &self.changes {
            let kind = match change {
                Changed::Removed => 1,
                Changed::Directory => 2,
                Changed::Symlink { .. } => 3,
                Changed::File { .. } => 4,
            };
            out.push(kind);
            out.put_bytes(path);
            match change {
                Changed::Removed | Changed::Directory => {}
                Changed::Symlink { target } => out.put_bytes(target),
                Changed::File { executable, from, size, blob } => {
                    out.push(u8::from(*executable));
                    out.push(if *from == Held::Journal { 1 } else { 2 });
                    out.put_u64(*size);
                    out.extend_from_slice(blob.as_bytes());
                }
            }
        }
        out
    }

    /// The record that has these bytes.
    ///
    /// # Errors
    /// The field that is not as the format says.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut rest = Decoder::new(bytes);
        let key = StepKey::from_bytes(rest.array("key")?);
        let parent = match flag(&mut rest, "parent")? {
            false => None,
            true => Some(StepKey::from_bytes(rest.array("parent")?)),
        };
        let room = Room {
            memory_mib: rest.u32("memory")?,
            tree_mib: rest.u32("tree")?,
            exact: flag(&mut rest, "exact")?,
        };
        let done = rest.u32("done")?;
        let log = rest.bytes("log")?.to_vec();
        let mut changes = Vec::new();
        while !rest.is_empty() {
            let kind = rest.u8("change")?;
            let path = rest.bytes("path")?.to_vec();
            let change = match kind {
                1 => Changed::Removed,
                2 => Changed::Directory,
                3 => Changed::Symlink { target: rest.bytes("target")?.to_vec() },
                4 => Changed::File {
                    executable: flag(&mut rest, "executable")?,
                    from: match rest.u8("from")? {
                        1 => Held::Journal,
                        2 => Held::Store,
                        _ => return Err(WireError::Invalid { field: "from" }),
                    },
                    size: rest.u64("size")?,
                    blob: BlobId::from_bytes(rest.array("blob")?),
                },
                _ => return Err(WireError::Invalid { field: "change" }),
            };
            changes.push((path, change));
        }
        Ok(Self { key, parent, room, done, log, changes })
    }
}

fn flag(rest: &mut Decoder<'_>, field: &'static str) -> Result<bool, WireError> {
    match rest.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::Invalid { field }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let file = |from| Changed::File {
            executable: from == Held::Store,
            from,
            size: 258,
            blob: BlobId::from_bytes([9; 32]),
        };
        Record {
            key: StepKey::from_bytes([1; 32]),
            parent: Some(StepKey::from_bytes([2; 32])),
            room: Room { memory_mib: 3, tree_mib: 4, exact: true },
            done: 5,
            log: b"said".to_vec(),
            changes: vec![
                (b"gone".to_vec(), Changed::Removed),
                (b"new".to_vec(), Changed::Directory),
                (b"new/link".to_vec(), Changed::Symlink { target: b"x".to_vec() }),
                (b"new/a".to_vec(), file(Held::Journal)),
                (b"new/\xff".to_vec(), file(Held::Store)),
            ],
        }
    }

    #[test]
    fn records_are_pinned_and_strict() {
        let bytes = record().encode();
        let hash = blake3::hash(&bytes).to_hex();
        insta::assert_snapshot!(format!("{} bytes, {}", bytes.len(), &hash[..32]), @"225 bytes, 4763c6dfbf9ebaabcd055fdaccebdad8");
        assert_eq!(Record::decode(&bytes), Ok(record()));
        let least = Record { parent: None, log: Vec::new(), changes: Vec::new(), ..record() };
        assert_eq!(Record::decode(&least.encode()), Ok(least));
        for end in 0..bytes.len() {
            // Cut where a change ends it is a shorter record.
            if let Ok(shorter) = Record::decode(&bytes[..end]) {
                assert!(shorter.changes.len() < record().changes.len());
                assert_eq!(shorter.encode(), &bytes[..end]);
            }
        }
        assert!(Record::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn what_is_decoded_encodes_to_the_same() {
        let bytes = record().encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(other) = Record::decode(&damaged) {
                    assert_eq!(other.encode(), damaged);
                }
            }
        }
    }

    #[test]
    fn more_room_changes_nothing_for_who_had_enough() {
        let limits = |memory_mib, tree_mib| Limits { memory_mib, tree_mib, seconds: 1 };
        let enough = Room { memory_mib: 100, tree_mib: 200, exact: false };
        assert!(enough.holds_for(limits(100, 200)) && enough.holds_for(limits(101, 201)));
        assert!(!enough.holds_for(limits(99, 200)) && !enough.holds_for(limits(100, 199)));
        let refused = Room { exact: true, ..enough };
        assert!(refused.holds_for(limits(100, 200)));
        assert!(!refused.holds_for(limits(101, 200)) && !refused.holds_for(limits(100, 201)));
    }
}
