//! No wrong byte is handed out: an object is hashed when it is first used, and again after its file has changed.
//!
//! What was found right is remembered as one number for each object, a hash of its id and of its file's device,
//! inode, length, modification and change time. Nothing but the kernel sets the last one, so whatever is written
//! to the file, or put in its place, makes another number. Damage below the filesystem, which leaves all of these
//! as they were, is found by the store's `verify`.
//!
//! [`Integrity::snapshot`] is for those who serve again later:
//!
//! ```text
//! snapshot = "nukaseen" version:u8=1 number:u64*       little-endian, ascending, each once
//! ```

use nuka_pir::BlobId;
use nuka_store::{ObjectReader, StoreError};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

const MAGIC: &[u8] = b"nukaseen\x01";
/// How many objects are remembered: 20 MB. Then all are forgotten, and hashed again when they are next used.
const REMEMBERED: usize = 1_800_000;
/// How many damaged objects are remembered.
const DAMAGED: usize = 4096;
const CHUNK: usize = 256 << 10;

/// What is wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its bytes hash to something else.
    #[error("its bytes hash to {found}")]
    Bytes {
        /// What they hash to.
        found: BlobId,
    },
    /// It has another length than the directory says that names it.
    #[error("it has {found} bytes, and the directory that names it says {said}")]
    Length {
        /// In bytes, as the directory says.
        said: u64,
        /// In bytes, as it is.
        found: u64,
    },
    /// It changed again and again while it was read.
    #[error("it changes while it is read")]
    Restless,
    /// The store cannot give it, or a directory object is none.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// An object that was wanted and could not be handed out.
#[derive(Debug, thiserror::Error)]
#[error("the object {blob} ({}): {fault}", path.display())]
pub struct Damage {
    /// The object.
    pub blob: BlobId,
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What a file was when it was looked at, together with the object that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// The stamp, and the file's length in bytes.
    pub(crate) fn of(blob: &BlobId, file: &File) -> io::Result<(Self, u64)> {
        let stat = file.metadata()?;
        let mut bytes = [0; 88];
        let (id, rest) = bytes.split_at_mut(32);
        id.copy_from_slice(blob.as_bytes());
        let times = [stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec()];
        let parts = [stat.dev(), stat.ino(), stat.len()].map(u64::to_le_bytes).into_iter();
        for (to, from) in rest.chunks_exact_mut(8).zip(parts.chain(times.map(i64::to_le_bytes))) {
            to.copy_from_slice(&from);
        }
        let hash = blake3::hash(&bytes);
        let number = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok((Self(number), stat.len()))
    }
}

/// What is known of the objects' bytes. One can serve several mounts.
pub struct Integrity {
    right: Mutex<HashSet<Stamp>>,
    /// Objects that were found damaged, as they were then.
    damaged: Mutex<HashMap<BlobId, Option<Stamp>>>,
    /// Objects that a thread is hashing, so that no other does the same.
    hashing: Mutex<HashSet<BlobId>>,
    hashed: Condvar,
    report: Box<dyn Fn(&Damage) + Send + Sync>,
}

impl fmt::Debug for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integrity").field("right", &lock(&self.right).len()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Integrity {
    /// Nothing is known yet. `report` is told of each damaged object once, until its file changes; it is called
    /// while somebody waits for the bytes, so it should be quick.
    pub fn new(report: impl Fn(&Damage) + Send + Sync + 'static) -> Self {
        Self {
            right: Mutex::default(),
            damaged: Mutex::default(),
            hashing: Mutex::default(),
            hashed: Condvar::new(),
            report: Box::new(report),
        }
    }

    /// What is known, for [`Integrity::recall`].
    pub fn snapshot(&self) -> Vec<u8> {
        let mut stamps: Vec<Stamp> = lock(&self.right).iter().copied().collect();
        stamps.sort_unstable();
        MAGIC.iter().copied().chain(stamps.iter().flat_map(|stamp| stamp.0.to_le_bytes())).collect()
    }

    /// Takes a snapshot's word for what was found right. Says whether it is one; what is none changes nothing.
    pub fn recall(&self, snapshot: &[u8]) -> bool {
        let Some((stamps, [])) = snapshot.strip_prefix(MAGIC).map(<[u8]>::as_chunks::<8>) else {
            return false;
        };
        let stamps = stamps.iter().take(REMEMBERED).map(|bytes| Stamp(u64::from_le_bytes(*bytes)));
        lock(&self.right).extend(stamps);
        true
    }

    /// Takes the word of one who has just hashed what is in an object's file, as who adds an object has: then its
    /// first use costs no hashing.
    ///
    /// # Errors
    /// If the file cannot be looked at.
    pub fn vouch(&self, blob: &BlobId, file: &File) -> io::Result<()> {
        self.right(blob, Stamp::of(blob, file)?.0);
        Ok(())
    }

    pub(crate) fn is_right(&self, stamp: Stamp) -> bool {
        lock(&self.right).contains(&stamp)
    }

    pub(crate) fn is_damaged(&self, blob: &BlobId, stamp: Stamp) -> bool {
        lock(&self.damaged).get(blob) == Some(&Some(stamp))
    }

    /// Remembers that a file of this stamp has the right bytes.
    pub(crate) fn right(&self, blob: &BlobId, stamp: Stamp) {
        let mut right = lock(&self.right);
        if right.len() >= REMEMBERED {
            *right = HashSet::new();
        }
        right.insert(stamp);
        drop(right);
        lock(&self.damaged).remove(blob);
    }

    /// Remembers that an object cannot be handed out, and reports it if that is new.
    pub(crate) fn damaged(&self, damage: &Damage, stamp: Option<Stamp>) {
        let mut damaged = lock(&self.damaged);
        if damaged.len() >= DAMAGED {
            damaged.clear();
        }
        let before = damaged.insert(damage.blob, stamp);
        drop(damaged);
        if before != Some(stamp) {
            (self.report)(damage);
        }
    }

    /// Makes sure that a file has the bytes of its object, by hashing it unless it was found right as it is.
    pub(crate) fn check(&self, blob: &BlobId, file: &File, stamp: Stamp) -> Result<(), Fault> {
        let mut hashing = lock(&self.hashing);
        while !hashing.insert(*blob) {
            hashing = self.hashed.wait(hashing).unwrap_or_else(PoisonError::into_inner);
        }
        drop(hashing);
        let checked = if self.is_right(stamp) { Ok(()) } else { self.hash(blob, file, stamp) };
        lock(&self.hashing).remove(blob);
        self.hashed.notify_all();
        checked
    }

    /// Makes sure that an object is here, has this length, and has the right bytes.
    pub(crate) fn check_object(
        &self,
        objects: &dyn ObjectReader,
        blob: &BlobId,
        size: u64,
    ) -> Result<(), Damage> {
        let checked = self.look_at(objects, blob, size);
        checked.map_err(|(fault, stamp)| {
            let damage = Damage { blob: *blob, path: objects.blob_path(blob), fault };
            self.damaged(&damage, stamp);
            damage
        })
    }

    fn look_at(
        &self,
        objects: &dyn ObjectReader,
        blob: &BlobId,
        size: u64,
    ) -> Result<(), (Fault, Option<Stamp>)> {
        let file = objects.open_blob(blob).map_err(|error| (error.into(), None))?;
        let (stamp, found) = Stamp::of(blob, &file).map_err(|error| (error.into(), None))?;
        if found != size {
            return Err((Fault::Length { said: size, found }, Some(stamp)));
        }
        // That its stamp moves meanwhile does not make its bytes wrong: a hard link to it changes its time too.
        self.check(blob, &file, stamp).map_err(|fault| (fault, Some(stamp)))
    }

    fn hash(&self, blob: &BlobId, file: &File, stamp: Stamp) -> Result<(), Fault> {
        let (mut hasher, mut buffer, mut offset) = (blake3::Hasher::new(), vec![0; CHUNK], 0);
        loop {
            let count = match file.read_at(&mut buffer, offset) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            hasher.update(buffer.get(..count).unwrap_or_default());
            offset += count as u64;
        }
        let found: BlobId = hasher.finalize().into();
        if found != *blob {
            return Err(Fault::Bytes { found });
        }
        // What changed while it was hashed was not all hashed.
        if Stamp::of(blob, file)?.0 == stamp {
            self.right(blob, stamp);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    fn file(bytes: &[u8]) -> (tempfile::TempDir, File, BlobId) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("object");
        std::fs::write(&path, bytes).unwrap();
        (directory, File::open(path).unwrap(), BlobId::of(bytes))
    }

    #[test]
    fn a_file_is_right_until_it_changes() {
        let (directory, opened, blob) = file(b"right");
        let integrity = Integrity::new(|_| ());
        let (stamp, length) = Stamp::of(&blob, &opened).unwrap();
        assert_eq!(length, 5);
        assert!(!integrity.is_right(stamp));
        integrity.check(&blob, &opened, stamp).unwrap();
        assert!(integrity.is_right(stamp));
        let other = Integrity::new(|_| ());
        other.vouch(&blob, &opened).unwrap();
        assert!(other.is_right(stamp));
        std::fs::write(directory.path().join("object"), b"wrong").unwrap();
        let (changed, _) = Stamp::of(&blob, &opened).unwrap();
        assert!(changed != stamp && !integrity.is_right(changed));
        let fault = integrity.check(&blob, &opened, changed).unwrap_err();
        assert!(matches!(fault, Fault::Bytes { found } if found == BlobId::of(b"wrong")), "{fault}");
    }

    #[test]
    fn damage_is_reported_once_until_it_changes() {
        let reports = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reports);
        let integrity = Integrity::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let damage = Damage { blob: BlobId::of(b"x"), path: PathBuf::new(), fault: Fault::Restless };
        for stamp in [Some(Stamp(1)), Some(Stamp(1)), Some(Stamp(2)), None, None] {
            integrity.damaged(&damage, stamp);
        }
        assert_eq!(reports.load(Ordering::Relaxed), 3);
        integrity.right(&damage.blob, Stamp(3));
        integrity.damaged(&damage, None);
        assert_eq!(reports.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_snapshot_is_recalled_and_anything_else_is_not() {
        let integrity = Integrity::new(|_| ());
        integrity.right(&BlobId::of(b"x"), Stamp(0x0201));
        integrity.right(&BlobId::of(b"y"), Stamp(0x0100));
        let snapshot = integrity.snapshot();
        assert_eq!(snapshot, b"nukaseen\x01\0\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0");
        let other = Integrity::new(|_| ());
        assert!(!other.recall(&snapshot[..20]) && !other.recall(b"nukaseen\x02") && !other.recall(b""));
        assert!(!other.is_right(Stamp(0x0201)));
        assert!(other.recall(&snapshot) && other.is_right(Stamp(0x0201)) && other.is_right(Stamp(0x0100)));
    }
}
