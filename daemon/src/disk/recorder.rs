//! Notes changes, and makes of them again what is on the disk when the power goes in between.

use super::{DiskChange, DiskWatch};
use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A change with all that is needed to make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// A directory.
    Directory(PathBuf),
    /// A file with its bytes and mode.
    File(PathBuf, Vec<u8>, u32),
    /// A second name: what it is of, and the name.
    Link(PathBuf, PathBuf),
    /// A symlink: what it leads to, and where it is.
    Symlink(PathBuf, PathBuf),
    /// Another name: the old and the new.
    Rename(PathBuf, PathBuf),
    /// A removal.
    Remove(PathBuf),
    /// Another mode.
    Mode(PathBuf, u32),
    /// All before it is durable.
    Sync,
    /// Whoever made the changes was told that they count: this is so now.
    Acknowledged(String),
}

/// Notes every change; one of them may fail, as on a full disk.
#[derive(Debug, Default)]
pub struct Recorder {
    seen: Mutex<Seen>,
    fail_at: Option<usize>,
}

#[derive(Debug, Default)]
struct Seen {
    changes: Vec<Recorded>,
    asked: usize,
}

impl Recorder {
    /// One with which the change of this number, counted from 0, fails.
    pub fn failing_at(number: usize) -> Self {
        Self { seen: Mutex::default(), fail_at: Some(number) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was made so far.
    pub fn changes(&self) -> Vec<Recorded> {
        self.seen().changes.clone()
    }

    /// How many were to be made, with those that failed.
    pub fn asked(&self) -> usize {
        self.seen().asked
    }

    /// Notes that what was changed so far was said to count.
    pub fn acknowledge(&self, state: String) {
        self.seen().changes.push(Recorded::Acknowledged(state));
    }
}

impl DiskWatch for Recorder {
    fn before(&self, change: &DiskChange<'_>) -> io::Result<()> {
        let mut seen = self.seen();
        seen.asked += 1;
        if self.fail_at == Some(seen.asked - 1) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        seen.changes.push(match *change {
            DiskChange::Directory(path) => Recorded::Directory(path.into()),
            DiskChange::File(path, bytes, mode) => Recorded::File(path.into(), bytes.into(), mode),
            DiskChange::Link(from, to) => Recorded::Link(from.into(), to.into()),
            DiskChange::Symlink(target, path) => Recorded::Symlink(target.into(), path.into()),
            DiskChange::Rename(from, to) => Recorded::Rename(from.into(), to.into()),
            DiskChange::Remove(path) => Recorded::Remove(path.into()),
            DiskChange::Mode(path, mode) => Recorded::Mode(path.into(), mode),
            DiskChange::Sync => Recorded::Sync,
        });
        Ok(())
    }
}

/// Puts into `to` what is in `from` when the power goes after the first `cut` changes: all that a sync has made durable, and of
/// the rest what `keep` says, of a file perhaps only its first half. What was in `from` before must be in `to` already.
pub fn leave(changes: &[Recorded], cut: usize, keep: &mut dyn FnMut() -> bool, from: &Path, to: &Path) {
    let changes = changes.get(..cut).unwrap_or(changes);
    let last = changes.iter().rposition(|change| matches!(change, Recorded::Sync)).unwrap_or(0);
    let there = |path: &Path| to.join(path.strip_prefix(from).unwrap_or(path));
    for (at, change) in changes.iter().enumerate() {
        let durable = at < last;
        let kept = durable || keep();
        // What an earlier change that was lost has not made cannot be changed.
        let _ = match change {
            Recorded::Directory(path) if kept => fs::create_dir_all(there(path)),
            Recorded::File(path, bytes, mode) if kept => {
                let bytes = if durable || keep() { bytes.as_slice() } else { &bytes[..bytes.len() / 2] };
                // A file of another mode than one that may be written to is there already, cut short.
                let _ = fs::remove_file(there(path));
                let mut options = fs::OpenOptions::new();
                let file = options.write(true).create(true).truncate(true).mode(*mode).open(there(path));
                file.and_then(|mut file| io::Write::write_all(&mut file, bytes))
            }
            Recorded::Link(from, to) if kept => fs::hard_link(there(from), there(to)),
            Recorded::Symlink(target, path) if kept => symlink(target, there(path)),
            Recorded::Rename(from, to) if kept => fs::rename(there(from), there(to)),
            Recorded::Mode(path, mode) if kept => {
                fs::set_permissions(there(path), fs::Permissions::from_mode(*mode))
            }
            Recorded::Remove(path) if kept => match there(path).is_dir() && !there(path).is_symlink() {
                true => fs::remove_dir_all(there(path)),
                false => fs::remove_file(there(path)),
            },
            _ => Ok(()),
        };
    }
}
