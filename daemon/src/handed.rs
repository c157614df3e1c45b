//! A file or directory that one side hands to the other: within a process as its path, over a socket as a descriptor.
//!
//! A path means something else to another process: another root, another user's rights, a link that somebody moved
//! meanwhile. So the daemon opens nothing for a client by a path that the client gives; it is given the open file.

use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

/// Something of the file system, with the name that people know it by.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handed {
    /// The name, for messages. Over a socket nothing is opened by it.
    pub shown: PathBuf,
    #[serde(skip)]
    open: Option<OwnedFd>,
}

impl Handed {
    /// Something of this process's own.
    pub fn own(path: impl Into<PathBuf>) -> Self {
        Self { shown: path.into(), open: None }
    }

    /// A new file, to be written by whoever it is handed to.
    ///
    /// # Errors
    /// The system's; also if something has the name.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let shown = path.into();
        let file = fs_err::OpenOptions::new().write(true).create_new(true).open(&shown)?;
        Ok(Self::open_file(shown, file.into_parts().0))
    }

    /// One of this process's streams.
    ///
    /// # Errors
    /// If there are no more descriptors.
    pub fn stream(shown: &str, stream: impl AsFd) -> io::Result<Self> {
        Ok(Self { shown: shown.into(), open: Some(stream.as_fd().try_clone_to_owned()?) })
    }

    /// A file that is open already.
    pub(crate) fn open_file(shown: impl Into<PathBuf>, file: File) -> Self {
        Self { shown: shown.into(), open: Some(file.into()) }
    }

    /// A path by which this process reaches it.
    pub fn place(&self) -> PathBuf {
        match &self.open {
            None => self.shown.clone(),
            Some(open) => PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())),
        }
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// The system's.
    pub fn open(&self) -> io::Result<File> {
        match &self.open {
            None => File::open(&self.shown),
            Some(open) => Ok(open.try_clone()?.into()),
        }
    }

    /// An open file that has no name, and how people know it.
    pub(crate) fn nameless(shown: &str, open: OwnedFd) -> Self {
        Self { shown: shown.into(), open: Some(open) }
    }

    /// What is open; nothing of what was only named.
    pub(crate) fn into_open(self) -> Option<OwnedFd> {
        self.open
    }

    /// A descriptor to hand over: of what is open already, or is opened now.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        match &self.open {
            Some(open) => open.try_clone(),
            None => Ok(fs_err::File::open(&self.shown)?.into_parts().0.into()),
        }
    }

    /// Takes the descriptor that came with it.
    pub(crate) fn receive(&mut self, descriptor: OwnedFd) {
        self.open = Some(descriptor);
    }

    /// Whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.place().is_dir()
    }

    /// The last part of its name.
    pub fn file_name(&self) -> Option<&Path> {
        self.shown.file_name().map(Path::new)
    }
}
