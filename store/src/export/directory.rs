//! Writing a tree to a new directory.
//!
//! The tree is made beside its place under a temporary name and then renamed, so that the place has either
//! nothing or all of it. Files are reflinks or copies, never hard links: who changes one changes no object.
//! Modes are 0755 for directories and executable files, 0644 for other files; the umask does not apply.

use super::ExportError;
use crate::{directory::Node, error::StoreError, platform, reader::ObjectReader, tree::walk};
use nuka_pir::{BlobId, Cid};
use rayon::prelude::*;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, Mode, OFlags},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

const DIRECTORY: Mode = Mode::from_raw_mode(0o755);
const EXECUTABLE: Mode = Mode::from_raw_mode(0o755);
const FILE: Mode = Mode::from_raw_mode(0o644);
/// Names that are tried for the temporary directory.
const TRIES: u32 = 1000;
/// Bytes that are copied and hashed at a time.
const CHUNK: usize = 256 << 10;

struct FileToWrite {
    path: PathBuf,
    blob: BlobId,
    executable: bool,
}

/// Writes the tree `cid` to `place`, which must not exist or be an empty directory. Every byte is checked
/// against its blob's id on the way.
pub fn export_directory(objects: &impl ObjectReader, cid: &Cid, place: &Path) -> Result<(), ExportError> {
    let place = std::path::absolute(place).map_err(|error| StoreError::io("find", place, error))?;
    check_free(&place)?;
    let parent = place.parent().unwrap_or(&place);
    fs_err::create_dir_all(parent).map_err(|error| StoreError::io("make the directory", parent, error))?;
    let temporary = Temporary::make(&place)?;
    let mut files = Vec::new();
    // Parents come before what is in them.
    for visit in walk(objects, cid) {
        let visit = visit?;
        let path = temporary.path.join(OsStr::from_bytes(&visit.path.to_bytes()));
        match visit.node {
            Node::Directory { .. } => make_directory(&path)?,
            Node::Symlink { target } => {
                let target = OsStr::from_bytes(target.as_bytes());
                std::os::unix::fs::symlink(target, &path)
                    .map_err(|error| StoreError::io("make the symlink", &path, error))?;
            }
            Node::File { blob, executable, .. } => files.push(FileToWrite { path, blob, executable }),
        }
    }
    files.par_iter().try_for_each(|file| write_file(objects, file))?;
    temporary.publish(&place)
}

/// The place must not exist, or be an empty directory, which a rename replaces.
fn check_free(place: &Path) -> Result<(), ExportError> {
    let exists = || ExportError::Exists { path: place.to_path_buf() };
    match fs_err::symlink_metadata(place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("look at", place, error).into()),
        Ok(metadata) if !metadata.is_dir() => return Err(exists()),
        Ok(_) => {}
    }
    let mut entries = fs_err::read_dir(place).map_err(|error| StoreError::io("list", place, error))?;
    if entries.next().is_some() { Err(exists()) } else { Ok(()) }
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("make the directory", path, error);
    fs::mkdir(path, DIRECTORY).map_err(failed)?;
    fs::chmod(path, DIRECTORY).map_err(failed)
}

fn write_file(objects: &impl ObjectReader, file: &FileToWrite) -> Result<(), StoreError> {
    let mut from = objects.open_blob(&file.blob)?;
    let failed = |error: Errno| StoreError::io("write", &file.path, error);
    let mode = if file.executable { EXECUTABLE } else { FILE };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let to = fs::open(&file.path, flags, mode).map_err(failed)?;
    fs::fchmod(&to, mode).map_err(failed)?;
    let copy = !platform::reflink(from.as_fd(), to.as_fd());
    let found = copy_hashed(&mut from, copy.then_some(&to))
        .map_err(|error| StoreError::io("write", &file.path, error))?;
    if found == file.blob {
        return Ok(());
    }
    Err(StoreError::Damaged { id: file.blob, found, path: objects.blob_path(&file.blob) })
}

/// Hashes a file and, if there is a target, copies it.
fn copy_hashed(from: &mut File, to: Option<&OwnedFd>) -> std::io::Result<BlobId> {
    let mut buffer = vec![0; CHUNK];
    let mut hasher = blake3::Hasher::new();
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = buffer.get(..count).unwrap_or_default();
        hasher.update(rest);
        while let (Some(to), false) = (to, rest.is_empty()) {
            match rustix::io::write(to, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A directory that goes away unless it is published.
struct Temporary {
    path: PathBuf,
    published: bool,
}

impl Temporary {
    fn make(place: &Path) -> Result<Self, StoreError> {
        let process = rustix::process::getpid().as_raw_nonzero();
        let name = place.file_name().unwrap_or(OsStr::new("tree"));
        let mut last = Errno::EXIST;
        for number in 0..TRIES {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".nuka-{process}-{number}"));
            let path = place.with_file_name(temporary);
            match fs::mkdir(&path, DIRECTORY) {
                Ok(()) => {
                    let temporary = Self { path, published: false };
                    fs::chmod(&temporary.path, DIRECTORY)
                        .map_err(|error| StoreError::io("make the directory", &temporary.path, error))?;
                    return Ok(temporary);
                }
                Err(Errno::EXIST) => {}
                Err(error) => {
                    last = error;
                    break;
                }
            }
        }
        Err(StoreError::io("make a directory beside", place, last))
    }

    fn publish(mut self, place: &Path) -> Result<(), ExportError> {
        match fs::rename(&self.path, place) {
            Ok(()) => {
                self.published = true;
                Ok(())
            }
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {
                Err(ExportError::Exists { path: place.to_path_buf() })
            }
            Err(error) => Err(StoreError::io("make", place, error).into()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed stays under a name that says whose it is.
            let _ = fs_err::remove_dir_all(&self.path);
        }
    }
}
