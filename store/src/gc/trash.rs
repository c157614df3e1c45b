//! Dead objects that a living batch may have found: moved aside, so that its commit can bring them back.
//!
//! `trash/<id>`, made when it is needed and removed with its last file. What is here is in no table, and is removed
//! for good once no batch can want it any more.

use crate::{
    error::StoreError,
    objects::{ObjectDir, object_name},
    platform::NO_FOLLOW,
    watch::{FileChange, Watch},
};
use nuka_pir::BlobId;
use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// The directory of what was moved aside.
#[derive(Debug)]
pub(crate) struct Trash {
    path: PathBuf,
    dir: OwnedFd,
}

impl Trash {
    /// The store's trash, if there is one.
    pub(crate) fn open(root: &Path) -> Result<Option<Self>, StoreError> {
        let path = root.join("trash");
        match fs::open(&path, OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW, Mode::empty()) {
            Ok(dir) => Ok(Some(Self { path, dir })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::io("open", path, error)),
        }
    }

    /// The store's trash, which is made if there is none.
    pub(crate) fn create(root: &Path) -> Result<Self, StoreError> {
        let path = root.join("trash");
        match fs::mkdir(&path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(StoreError::io("make", path, error)),
        }
        Self::open(root)?.ok_or_else(|| StoreError::io("make", path, Errno::NOENT))
    }

    /// Moves an object here, whose length in bytes may be known. Returns the length, or nothing if it is not among the
    /// objects.
    pub(crate) fn put(
        &self,
        objects: &ObjectDir,
        id: &BlobId,
        size: Option<u64>,
    ) -> Result<Option<u64>, StoreError> {
        let size = match size {
            Some(size) => size,
            None => match objects.size(id)? {
                Some(size) => size,
                None => return Ok(None),
            },
        };
        let place = self.path.join(id.to_string());
        let asked = objects.watch().ask_rename(|| (objects.path_of(id), place));
        asked.map_err(|error| StoreError::io("move aside the object", objects.path_of(id), error))?;
        match fs::renameat(objects.fd(), object_name(id), &self.dir, id.to_string()) {
            Ok(()) => Ok(Some(size)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::io("move aside the object", objects.path_of(id), error)),
        }
    }

    /// Brings an object back. `false` if it is not here.
    pub(crate) fn restore(&self, objects: &ObjectDir, id: &BlobId) -> Result<bool, StoreError> {
        let place = self.path.join(id.to_string());
        let asked = objects.watch().ask_rename(|| (place, objects.path_of(id)));
        asked.map_err(|error| StoreError::io("bring back the object", objects.path_of(id), error))?;
        match fs::renameat(&self.dir, id.to_string(), objects.fd(), object_name(id)) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(StoreError::io("bring back the object", objects.path_of(id), error)),
        }
    }

    /// The object's file, if it is here.
    pub(crate) fn open_object(&self, id: &BlobId) -> Result<Option<File>, StoreError> {
        match fs::openat(&self.dir, id.to_string(), OFlags::RDONLY | NO_FOLLOW, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::io("open the object", self.path.join(id.to_string()), error)),
        }
    }

    /// The length of the object in bytes, if it is here.
    pub(crate) fn size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        match fs::statat(&self.dir, id.to_string(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(u64::try_from(stat.st_size).unwrap_or(0))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::io("look at the object", self.path.join(id.to_string()), error)),
        }
    }

    /// Removes all of it for good, and itself. Nobody may want anything of it any more.
    pub(crate) fn purge(self, watch: &Watch) -> Result<(), StoreError> {
        let failed = |error: Errno| StoreError::io("empty", &self.path, error);
        let entries = fs::Dir::read_from(&self.dir).map_err(failed)?;
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = || self.path.join(name.to_string_lossy().as_ref());
            let asked = watch.ask_path(path, |path| FileChange::Remove(path));
            asked.map_err(|error| StoreError::io("empty", &self.path, error))?;
            match fs::unlinkat(&self.dir, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        match fs::rmdir(&self.path) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}
