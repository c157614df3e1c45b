//! The file that a build's finished steps are written to while it goes on, and that the next one reads if it is cut.
//!
//! ```text
//! journal = "nukastp1" build:32 entry*       the id of the build that wrote it last
//! entry   = kind:u8 length:u64le body hash:32
//! kind    = 1   a file's bytes; hash: their plain BLAKE3, by which records name them
//!         | 2   a record (see `record`); hash: derive_key "nuka step record 1" of its bytes
//! ```
//!
//! Entries are only ever appended, and a record comes after all that it names. So whatever the end of the file has become
//! by a kill or a power cut, what stands before it is whole: reading ends at the first entry that is not what its hash
//! says, and what follows is written over. An entry's bytes are checked again when they are used.
//!
//! Who has the journal open holds it locked (`flock`); everybody else does without it.

use super::{
    key::StepKey,
    record::{Changed, Held, Record},
};
use crate::{
    build::trees::{blob_of, stored},
    lock,
};
use bytes::Bytes;
use fs_err as fs;
use nuka_pir::{BlobId, BuildId, Limits};
use nuka_seed_runtime::tree::{Change, Content, File, Node, Tree};
use nuka_store::{Lease, ObjectReader as _, RootTarget, Store};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the file begins with: its format and the version of that.
const MAGIC: &[u8; 8] = b"nukastp1";

/// Bytes before the first entry.
const HEAD: u64 = 8 + 32;

/// What is not written any more, in bytes: a build that has more goes on from what it had until then.
const MOST: u64 = 4 << 30;

/// Bytes of an entry beside its body: kind, length, hash.
const AROUND: u64 = 1 + 8 + 32;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// The longest record that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// An open journal.
pub struct Journal {
    path: PathBuf,
    file: Arc<std::fs::File>,
    /// Where the next entry comes.
    end: u64,
    /// Where bytes are, and how many.
    blobs: HashMap<BlobId, (u64, u64)>,
    records: HashMap<StepKey, Record>,
}

/// A tree that was recorded.
pub struct Found {
    /// The tree.
    pub tree: Tree,
    /// What the steps said that lead to it.
    pub log: Vec<u8>,
    /// How many steps these were.
    pub done: u32,
    /// Whether one of them was refused room.
    pub exact: bool,
}

/// How journals are opened: what a symlink leads to is none.
fn opening() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true);
    options.options_mut().custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

impl Journal {
    /// The journal at this path, with all in it that is whole; `None` if there is none, or somebody has it.
    pub fn open(path: &Path, build: BuildId) -> io::Result<Option<Self>> {
        match opening().open(path) {
            Ok(file) => Self::of(file, build),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, made if there is none.
    pub fn open_or_make(path: &Path, build: BuildId) -> io::Result<Option<Self>> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        Self::of(opening().create(true).truncate(false).open(path)?, build)
    }

    fn of(file: fs::File, build: BuildId) -> io::Result<Option<Self>> {
        match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if lock::is_still(&file, file.path())? => {}
            // Whoever had it has removed it since it was opened.
            Ok(()) => return Ok(None),
            Err(rustix::io::Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let (file, path) = file.into_parts();
        let mut journal =
            Self { path, file: Arc::new(file), end: 0, blobs: HashMap::new(), records: HashMap::new() };
        journal.read()?;
        journal.file.set_len(journal.end)?;
        journal.end = journal.end.max(HEAD);
        journal.file.write_all_at(&[MAGIC.as_slice(), build.as_bytes()].concat(), 0)?;
        Ok(Some(journal))
    }

    /// Reads all entries that are whole, and finds out where they end.
    fn read(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let file = Arc::clone(&self.file);
        let mut reader = BufReader::with_capacity(PIECE, &*file);
        reader.seek(SeekFrom::Start(0))?;
        let mut head = [0; HEAD as usize];
        if length < HEAD {
            return Ok(());
        }
        reader.read_exact(&mut head)?;
        if !head.starts_with(MAGIC) {
            return Ok(());
        }
        self.end = HEAD;
        while length - self.end >= AROUND {
            let (mut kind, mut size) = ([0; 1], [0; 8]);
            reader.read_exact(&mut kind)?;
            reader.read_exact(&mut size)?;
            let size = u64::from_le_bytes(size);
            if size > length - self.end - AROUND || !self.entry(kind, size, &mut reader)? {
                break;
            }
            self.end += AROUND + size;
        }
        Ok(())
    }

    /// Reads an entry's body and hash. False if it is not one.
    fn entry(&mut self, kind: [u8; 1], size: u64, reader: &mut impl Read) -> io::Result<bool> {
        match kind {
            [1] => {
                let mut hasher = blake3::Hasher::new();
                let mut rest = size;
                let mut piece = vec![0; PIECE];
                while rest > 0 {
                    let count = usize::try_from(rest).unwrap_or(PIECE).min(PIECE);
                    let Some(part) = piece.get_mut(..count) else { return Ok(false) };
                    reader.read_exact(part)?;
                    hasher.update(part);
                    rest -= count as u64;
                }
                let blob = BlobId::from_bytes(hasher.finalize().into());
                if hash(reader)? != *blob.as_bytes() {
                    return Ok(false);
                }
                self.blobs.insert(blob, (self.end + 9, size));
            }
            [2] if size <= LONGEST => {
                let mut body = vec![0; size as usize];
                reader.read_exact(&mut body)?;
                if hash(reader)? != record_hash(&body) {
                    return Ok(false);
                }
                let Ok(record) = Record::decode(&body) else { return Ok(false) };
                self.records.insert(record.key, record);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The build that wrote the journal at this path last.
    pub fn build_of(path: &Path) -> Option<BuildId> {
        let mut head = [0; HEAD as usize];
        fs::File::open(path).ok()?.read_exact(&mut head).ok()?;
        Some(BuildId::from_bytes(head.strip_prefix(MAGIC)?.try_into().ok()?))
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The tree that is known by a key, of a list of steps that began with `first`; if it counts for these limits, and what
    /// it has of the store is there. That is leased.
    pub fn find(
        &self,
        key: StepKey,
        first: &Tree,
        limits: Limits,
        (store, lease): (&Store, &Lease),
    ) -> Option<Found> {
        let mut chain = vec![self.records.get(&key)?];
        while let Some(parent) = chain.last().and_then(|record| record.parent) {
            chain.push(self.records.get(&parent)?);
            // What names itself is not one of ours.
            if chain.len() > self.records.len() {
                return None;
            }
        }
        if !chain.iter().all(|record| record.room.holds_for(limits)) {
            return None;
        }
        let mut found = Found { tree: first.clone(), log: Vec::new(), done: 0, exact: false };
        for record in chain.iter().rev() {
            for (path, change) in &record.changes {
                self.apply(&mut found.tree, path, change, store)?;
            }
            found.log.extend_from_slice(&record.log);
            found.done = record.done;
            found.exact |= record.room.exact;
        }
        let changes = chain.iter().flat_map(|record| &record.changes);
        let blobs: HashMap<BlobId, u64> = changes.filter_map(|(_, change)| change.stored()).collect();
        if !blobs.is_empty() {
            // Leased first, then looked for.
            let items: Vec<_> = blobs.keys().copied().map(RootTarget::Blob).collect();
            lease.extend(&items).ok()?;
            for (blob, size) in &blobs {
                (store.blob_size(blob).ok()? == Some(*size)).then_some(())?;
            }
        }
        Some(found)
    }

    fn apply(&self, tree: &mut Tree, path: &[u8], change: &Changed, store: &Store) -> Option<()> {
        let node = match change {
            Changed::Removed => return tree.remove(path).ok().map(drop),
            Changed::Directory => Node::Directory(Tree::new()),
            Changed::Symlink { target } => Node::Symlink(Bytes::copy_from_slice(target)),
            Changed::File { executable, from: Held::Journal, size, blob } => {
                let (at, length) = *self.blobs.get(blob)?;
                let content = Written { file: Arc::clone(&self.file), at, size: length, blob: *blob };
                (length == *size).then_some(())?;
                Node::File(File::lazy(content, *executable))
            }
            Changed::File { executable, from: Held::Store, size, blob } => {
                Node::File(stored(store, *blob, *size, *executable))
            }
        };
        tree.insert(path, node).ok().map(drop)
    }

    /// Adds a record: the changes of a tree with what they need, and then itself. False if there is no more room for it.
    pub fn add(&mut self, mut record: Record, changes: &[Change]) -> io::Result<bool> {
        for change in changes {
            match change {
                Change::Remove { path } => record.changes.push((path.clone(), Changed::Removed)),
                Change::Write { path, node } => {
                    let change = self.changed(node)?;
                    record.changes.push((path.clone(), change));
                    // A new directory comes whole.
                    for (below, node) in node.as_directory().iter().flat_map(|tree| tree.walk()) {
                        let change = self.changed(node)?;
                        record.changes.push(([path, &b"/"[..], &below].concat(), change));
                    }
                }
            }
            if self.end > MOST {
                return Ok(false);
            }
        }
        let body = record.encode();
        self.append(2, &body, &record_hash(&body))?;
        self.records.insert(record.key, record);
        Ok(true)
    }

    fn changed(&mut self, node: &Node) -> io::Result<Changed> {
        Ok(match node {
            Node::Directory(_) => Changed::Directory,
            Node::Symlink(target) => Changed::Symlink { target: target.to_vec() },
            Node::File(file) => {
                let (from, blob) = match blob_of(file) {
                    Some(blob) => (Held::Store, blob),
                    None => (Held::Journal, self.keep(&file.bytes()?)?),
                };
                Changed::File { executable: file.executable(), from, size: file.len(), blob }
            }
        })
    }

    /// Writes bytes down, unless they are there already.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<BlobId> {
        let blob = BlobId::of(bytes);
        if !self.blobs.contains_key(&blob) {
            let at = self.append(1, bytes, blob.as_bytes())?;
            self.blobs.insert(blob, (at, bytes.len() as u64));
        }
        Ok(blob)
    }

    /// Gives where the body is.
    fn append(&mut self, kind: u8, body: &[u8], hash: &[u8; 32]) -> io::Result<u64> {
        let mut head = vec![kind];
        head.extend_from_slice(&(body.len() as u64).to_le_bytes());
        let at = self.end + head.len() as u64;
        self.file.write_all_at(&head, self.end)?;
        self.file.write_all_at(body, at)?;
        self.file.write_all_at(hash, at + body.len() as u64)?;
        self.end += AROUND + body.len() as u64;
        Ok(at)
    }

    /// Takes away what was written by halves, for which there was no room.
    pub fn cut(&self) {
        // If it stays, it is seen for what it is when the journal is read.
        let _ = self.file.set_len(self.end);
    }

    /// Returns when all of it is durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Removes the file.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn hash(reader: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hash = [0; 32];
    reader.read_exact(&mut hash)?;
    Ok(hash)
}

fn record_hash(body: &[u8]) -> [u8; 32] {
    blake3::derive_key("nuka step record 1", body)
}

/// Bytes in a journal.
struct Written {
    file: Arc<std::fs::File>,
    at: u64,
    size: u64,
    blob: BlobId,
}

impl Content for Written {
    fn len(&self) -> u64 {
        self.size
    }

    fn load(&self) -> io::Result<Bytes> {
        let size = usize::try_from(self.size).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, self.at)?;
        if BlobId::of(&bytes) != self.blob {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a recorded file is damaged"));
        }
        Ok(bytes.into())
    }
}
