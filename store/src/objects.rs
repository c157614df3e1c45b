//! Loose objects: one file per blob at `objects/ab/cdef...`, named by the blob's id in base32.
//!
//! A file gets its name here only after its bytes are durable (see [`crate::batch`]), so what has a name is
//! whole, also after a power cut. Files are 0444 and are never written again.

use crate::{
    error::StoreError,
    platform::{self, NO_FOLLOW},
};
use nuka_pir::BlobId;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self, AtFlags, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Bytes that are hashed or copied at a time.
pub(crate) const CHUNK: usize = 1 << 20;

/// The directory of objects.
#[derive(Debug)]
pub(crate) struct ObjectDir {
    path: PathBuf,
    dir: OwnedFd,
}

/// Where an object is, below the directory of objects: `ab/cdef...`.
pub(crate) fn object_name(id: &BlobId) -> String {
    let mut name = id.to_string();
    name.insert(2, '/');
    name
}

impl ObjectDir {
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let dir = fs::open(&path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| StoreError::io("open the directory of objects", &path, error))?;
        Ok(Self { path, dir })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    pub(crate) fn path_of(&self, id: &BlobId) -> PathBuf {
        self.path.join(object_name(id))
    }

    /// The length of the object in bytes, if it is here.
    pub(crate) fn size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        match fs::statat(&self.dir, object_name(id), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(u64::try_from(stat.st_size).unwrap_or(0))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::io("look at the object", self.path_of(id), error)),
        }
    }

    /// The object's file, if it is here.
    pub(crate) fn open_object(&self, id: &BlobId) -> Result<Option<File>, StoreError> {
        match fs::openat(&self.dir, object_name(id), OFlags::RDONLY | NO_FOLLOW, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::io("open the object", self.path_of(id), error)),
        }
    }

    /// Moves a whole, durable file into place. An object that is there stays, unless its length shows that it
    /// is damaged: so adding the same data again heals it.
    pub(crate) fn publish(
        &self,
        from: BorrowedFd<'_>,
        staged: &str,
        id: &BlobId,
        size: u64,
    ) -> Result<(), StoreError> {
        let name = object_name(id);
        let failed = |error: Errno| StoreError::io("put the object in place", self.path_of(id), error);
        let moved = match platform::rename_new(from, staged, &self.dir, &name) {
            Err(Errno::NOENT) => {
                self.make_shard(&name).map_err(failed)?;
                platform::rename_new(from, staged, &self.dir, &name)
            }
            result => result,
        };
        if !moved.map_err(failed)? && self.size(id)? != Some(size) {
            fs::renameat(from, staged, &self.dir, &name).map_err(failed)?;
        }
        Ok(())
    }

    fn make_shard(&self, name: &str) -> Result<(), Errno> {
        let shard = name.split('/').next().unwrap_or_default();
        match fs::mkdirat(&self.dir, shard, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Reads a whole object of a known or small length and checks that it has the id it should have.
pub(crate) fn read_checked(
    mut file: File,
    id: &BlobId,
    path: impl Fn() -> PathBuf,
) -> Result<Vec<u8>, StoreError> {
    let failed = |error| StoreError::io("read the object", path(), error);
    let length = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(failed)?;
    let found = BlobId::of(&bytes);
    if found == *id { Ok(bytes) } else { Err(StoreError::Damaged { id: *id, found, path: path() }) }
}

/// Hashes an open object in flat memory. Also returns its length in bytes.
pub(crate) fn hash_file(file: &mut File, buffer: &mut Vec<u8>) -> std::io::Result<(BlobId, u64)> {
    buffer.resize(CHUNK, 0);
    let (mut hasher, mut length) = (blake3::Hasher::new(), 0_u64);
    loop {
        let count = match file.read(buffer) {
            Ok(0) => return Ok((hasher.finalize().into(), length)),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..count).unwrap_or_default());
        length += count as u64;
    }
}
