//! Loose objects: one file per blob at `objects/ab/cdef...`, named by the blob's id in base32.
//!
//! A file gets its name here only after its bytes are durable (see [`crate::batch`]), so what has a name is
//! whole, also after a power cut. Files are 0444 and are never written again.

use crate::{
    directory::{DIRECTORY_MAGIC, Directory, DirectoryError, MAX_DIRECTORY_OBJECT, decode_directory},
    error::StoreError,
    platform::{self, NO_FOLLOW},
    watch::{FileChange, Watch},
};
use nuka_pir::{BlobId, Cid, ID_TEXT_LEN};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self, AtFlags, Mode, OFlags},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Bytes that are hashed or copied at a time.
pub(crate) const CHUNK: usize = 1 << 20;

/// The directory of objects.
#[derive(Debug)]
pub(crate) struct ObjectDir {
    path: PathBuf,
    dir: OwnedFd,
    watch: Watch,
}

/// Where an object is, below the directory of objects: `ab/cdef...`.
pub(crate) fn object_name(id: &BlobId) -> String {
    let mut name = id.to_string();
    name.insert(2, '/');
    name
}

impl ObjectDir {
    pub(crate) fn open(path: PathBuf, watch: Watch) -> Result<Self, StoreError> {
        let dir = fs::open(&path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| StoreError::io("open the directory of objects", &path, error))?;
        Ok(Self { path, dir, watch })
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
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

    /// The names of the directories that objects are spread over, and of whatever else is beside them.
    pub(crate) fn shards(&self) -> Result<Vec<OsString>, StoreError> {
        let names = fs::Dir::read_from(&self.dir).and_then(names);
        names.map_err(|error| StoreError::io("list", &self.path, error))
    }

    /// The objects of one of [`ObjectDir::shards`], and the names of files that are none.
    pub(crate) fn list(&self, shard: &OsStr) -> Result<(Vec<BlobId>, Vec<OsString>), StoreError> {
        let failed = |error: Errno| StoreError::io("list", self.path.join(shard), error);
        let (mut objects, mut strays) = (Vec::new(), Vec::new());
        let dir =
            match fs::openat(&self.dir, shard, OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW, Mode::empty())
            {
                Ok(dir) => dir,
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok((objects, vec![OsString::new()])),
                Err(error) => return Err(failed(error)),
            };
        let mut text = String::with_capacity(ID_TEXT_LEN);
        let entries = fs::Dir::new(dir).map_err(failed)?;
        for name in names(entries).map_err(failed)? {
            text.clear();
            text.push_str(shard.to_str().unwrap_or_default());
            text.push_str(name.to_str().unwrap_or_default());
            match text.parse() {
                Ok(id) if shard.len() == 2 => objects.push(id),
                _ => strays.push(name),
            }
        }
        Ok((objects, strays))
    }

    /// Removes an object. Says whether it was there.
    pub(crate) fn remove(&self, id: &BlobId) -> Result<bool, StoreError> {
        Ok(self.remover().remove(id, Some(0))?.is_some())
    }

    /// For removing many objects.
    pub(crate) fn remover(&self) -> Remover<'_> {
        Remover { objects: self, shard: None }
    }

    /// Reads a directory object, whose bytes are checked, and says how many they are.
    pub(crate) fn read_directory(&self, cid: &Cid) -> Result<(Directory, u64), StoreError> {
        let id = (*cid).into();
        let file = self.open_object(&id)?.ok_or(StoreError::NoObject { id })?;
        let wrong = |source| StoreError::NotADirectoryObject { cid: *cid, source };
        let failed = |error| StoreError::io("read the object", self.path_of(&id), error);
        let length = file.metadata().map_err(failed)?.len();
        if length > MAX_DIRECTORY_OBJECT {
            return Err(wrong(DirectoryError::TooLarge { length }));
        }
        let bytes = read_checked(file, &id, || self.path_of(&id))?;
        Ok((decode_directory(&bytes).map_err(wrong)?, length))
    }

    /// The objects that a directory object names; nothing if this is another object, or not here.
    pub(crate) fn entries_if_directory(&self, id: &BlobId) -> Result<Vec<BlobId>, StoreError> {
        let Some(mut file) = self.open_object(id)? else { return Ok(Vec::new()) };
        let failed = |error| StoreError::io("read the object", self.path_of(id), error);
        let mut bytes = vec![0; DIRECTORY_MAGIC.len()];
        match file.read_exact(&mut bytes) {
            Ok(()) if bytes == DIRECTORY_MAGIC => {}
            Ok(()) => return Ok(Vec::new()),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        }
        file.take(MAX_DIRECTORY_OBJECT).read_to_end(&mut bytes).map_err(failed)?;
        // A file may begin like a directory object without being one.
        let Ok(directory) = decode_directory(&bytes) else { return Ok(Vec::new()) };
        Ok(directory.entries().iter().filter_map(|(_, node)| node.object()).collect())
    }

    /// Moves a whole, durable file into place. An object that is there stays, unless its length shows that it
    /// is damaged: so adding the same data again heals it.
    pub(crate) fn publish(
        &self,
        from: BorrowedFd<'_>,
        staged: &str,
        staged_path: impl FnOnce() -> PathBuf,
        id: &BlobId,
        size: u64,
    ) -> Result<(), StoreError> {
        let name = object_name(id);
        let failed = |error: Errno| StoreError::io("put the object in place", self.path_of(id), error);
        self.watch
            .ask_rename(|| (staged_path(), self.path_of(id)))
            .map_err(|error| StoreError::io("put the object in place", self.path_of(id), error))?;
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

/// Removes objects. The directory of the last one stays open, so objects in the order of their ids go fastest: two
/// thirds of what looking up a path costs is saved.
#[derive(Debug)]
pub(crate) struct Remover<'o> {
    objects: &'o ObjectDir,
    shard: Option<(String, OwnedFd)>,
}

impl Remover<'_> {
    /// Removes an object whose length in bytes may be known; if not, it is asked for. Returns the length, or nothing if
    /// the object was not there.
    pub(crate) fn remove(&mut self, id: &BlobId, size: Option<u64>) -> Result<Option<u64>, StoreError> {
        let failed = |error: Errno| StoreError::io("remove the object", self.objects.path_of(id), error);
        let text = id.to_string();
        let Some((shard, name)) = text.split_at_checked(2) else { return Ok(None) };
        let dir = match &self.shard {
            Some((open, dir)) if open == shard => dir,
            _ => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW;
                match fs::openat(&self.objects.dir, shard, flags, Mode::empty()) {
                    Ok(dir) => &self.shard.insert((shard.to_owned(), dir)).1,
                    Err(Errno::NOENT) => return Ok(None),
                    Err(error) => return Err(failed(error)),
                }
            }
        };
        let size = match size {
            Some(size) => size,
            None => match fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => u64::try_from(stat.st_size).unwrap_or(0),
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => return Err(failed(error)),
            },
        };
        let watch = &self.objects.watch;
        let asked = watch.ask_path(|| self.objects.path_of(id), |path| FileChange::Remove(path));
        asked.map_err(|error| StoreError::io("remove the object", self.objects.path_of(id), error))?;
        match fs::unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) => Ok(Some(size)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// What is in a directory.
fn names(entries: fs::Dir) -> Result<Vec<OsString>, Errno> {
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            out.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(out)
}

/// Reads a whole object of a known or small length and checks that it has the id it should have.
pub(crate) fn read_checked(
    file: File,
    id: &BlobId,
    path: impl Fn() -> PathBuf,
) -> Result<Vec<u8>, StoreError> {
    let failed = |error| StoreError::io("read the object", path(), error);
    let length = file.metadata().map_err(failed)?.len();
    // One call reads most objects: `read_to_end` would ask for the length once more, and for the end.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    while bytes.len() as u64 != length {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
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
