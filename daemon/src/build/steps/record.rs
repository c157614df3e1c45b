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
        match &self.parent {
            None => out.push(0),
            Some(parent) => {
                out.push(1);
                out.extend_from_slice(parent.as_bytes());
            }
        }
        out.extend_from_slice(&self.room.memory_mib.to_le_bytes());
        out.extend_from_slice(&self.room.tree_mib.to_le_bytes());
        out.push(u8::from(self.room.exact));
        out.extend_from_slice(&self.done.to_le_bytes());
        put(&mut out, &self.log);
        for (path, change) in &self.changes {
            let kind = match change {
                Changed::Removed => 1,
                Changed::Directory => 2,
                Changed::Symlink { .. } => 3,
                Changed::File { .. } => 4,
            };
            out.push(kind);
            put(&mut out, path);
            match change {
                Changed::Removed | Changed::Directory => {}
                Changed::Symlink { target } => put(&mut out, target),
                Changed::File { executable, from, size, blob } => {
                    out.push(u8::from(*executable));
                    out.push(if *from == Held::Journal { 1 } else { 2 });
                    out.extend_from_slice(&size.to_le_bytes());
                    out.extend_from_slice(blob.as_bytes());
                }
            }
        }
        out
    }

    /// The record that has these bytes; `None` if none has.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Bytes(bytes);
        let key = StepKey::from_bytes(rest.array()?);
        let parent = match rest.flag()? {
            false => None,
            true => Some(StepKey::from_bytes(rest.array()?)),
        };
        let room = Room { memory_mib: rest.u32()?, tree_mib: rest.u32()?, exact: rest.flag()? };
        let done = rest.u32()?;
        let log = rest.bytes()?.to_vec();
        let mut changes = Vec::new();
        while !rest.0.is_empty() {
            let [kind] = rest.array()?;
            let path = rest.bytes()?.to_vec();
            let change = match kind {
                1 => Changed::Removed,
                2 => Changed::Directory,
                3 => Changed::Symlink { target: rest.bytes()?.to_vec() },
                4 => Changed::File {
                    executable: rest.flag()?,
                    from: match rest.array()? {
                        [1] => Held::Journal,
                        [2] => Held::Store,
                        _ => return None,
                    },
                    size: u64::from_le_bytes(rest.array()?),
                    blob: BlobId::from_bytes(rest.array()?),
                },
                _ => return None,
            };
            changes.push((path, change));
        }
        Some(Self { key, parent, room, done, log, changes })
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is longer than that is cut here, and refused by the strict decoder.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Takes fields off the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
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
        assert_eq!(Record::decode(&bytes), Some(record()));
        let least = Record { parent: None, log: Vec::new(), changes: Vec::new(), ..record() };
        assert_eq!(Record::decode(&least.encode()), Some(least));
        for end in 0..bytes.len() {
            // Cut where a change ends it is a shorter record.
            if let Some(shorter) = Record::decode(&bytes[..end]) {
                assert!(shorter.changes.len() < record().changes.len());
                assert_eq!(shorter.encode(), &bytes[..end]);
            }
        }
        assert_eq!(Record::decode(&[bytes.as_slice(), &[0]].concat()), None);
    }

    #[test]
    fn what_is_decoded_encodes_to_the_same() {
        let bytes = record().encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Some(other) = Record::decode(&damaged) {
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
