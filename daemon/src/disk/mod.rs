//! Changes of files that can be watched, for what must be whole whatever interrupts it.
//!
//! A watcher sees each change before it is made, and may have it fail. [`recorder`] notes them, and makes of any first part of them
//! what a power cut would leave.

pub mod recorder;

use fs_err as fs;
use std::{
    fmt::Debug,
    fs::File,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskChange<'c> {
    /// A directory is made, with those that lead to it.
    Directory(&'c Path),
    /// A file is written, with this mode.
    File(&'c Path, &'c [u8], u32),
    /// A file gets a second name.
    Link(&'c Path, &'c Path),
    /// A symlink to the first is made at the second.
    Symlink(&'c Path, &'c Path),
    /// A file gets another name.
    Rename(&'c Path, &'c Path),
    /// A file, or a directory with all that is in it, is removed.
    Remove(&'c Path),
    /// A file gets another mode.
    Mode(&'c Path, u32),
    /// Everything becomes durable.
    Sync,
}

/// Somebody who is asked before each change.
pub trait DiskWatch: Debug + Send + Sync {
    /// The change is made if this is `Ok`, and fails with the error otherwise.
    ///
    /// # Errors
    /// Whatever the disk is to answer.
    fn before(&self, change: &DiskChange<'_>) -> io::Result<()>;
}

/// Makes changes.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    watch: Option<Arc<dyn DiskWatch>>,
}

impl Disk {
    /// One that is watched.
    pub fn watched(watch: Arc<dyn DiskWatch>) -> Self {
        Self { watch: Some(watch) }
    }

    fn ask(&self, change: DiskChange<'_>) -> io::Result<()> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.before(&change))
    }

    /// Makes a directory, with those that lead to it.
    ///
    /// # Errors
    /// Here and below: what the disk answers.
    pub fn directory(&self, path: &Path) -> io::Result<()> {
        self.ask(DiskChange::Directory(path))?;
        fs::create_dir_all(path)
    }

    /// Writes a file. `mode` is for one that was not there, less what the process's umask takes.
    pub fn file(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        self.ask(DiskChange::File(path, bytes, mode))?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.options_mut().mode(mode);
        options.open(path)?.write_all(bytes)
    }

    /// Gives a file a mode, whatever the umask.
    pub fn mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.ask(DiskChange::Mode(path, mode))?;
        fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    }

    /// Gives a file a second name.
    pub fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(DiskChange::Link(from, to))?;
        std::fs::hard_link(from, to)
    }

    /// Makes a symlink.
    pub fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        self.ask(DiskChange::Symlink(target, path))?;
        symlink(target, path)
    }

    /// Gives a file another name, which then is of no other any more.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(DiskChange::Rename(from, to))?;
        fs::rename(from, to)
    }

    /// Removes a file or a directory with all that is in it. Nothing to remove is no error.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let is_directory = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata.is_dir(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        self.ask(DiskChange::Remove(path))?;
        if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }

    /// All that was changed in the file system of `directory` is durable after this.
    pub fn sync(&self, directory: &Path) -> io::Result<()> {
        self.ask(DiskChange::Sync)?;
        nuka_store::sync_file_system(&File::open(directory)?)
    }

    /// Writes a file anew: there is always a whole one of this name. Durable after the next sync.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = beside(path);
        self.file(&beside, bytes, 0o644)?;
        // Its bytes, before its name says that they are there.
        self.sync(path.parent().unwrap_or(path))?;
        self.rename(&beside, path)
    }

    /// Makes a symlink anew: there is always one of this name.
    pub fn replace_symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        let beside = beside(path);
        self.remove(&beside)?;
        self.symlink(target, &beside)?;
        self.rename(&beside, path)
    }
}

/// Where what is to take a name is made: the profile's lock keeps others away.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}
