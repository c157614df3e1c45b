//! Reading, hashing and storing the files that are not known yet.

use super::scan::{Entry, FileStat, READ, Scanned};
use crate::{batch::Batch, error::StoreError, import::error::ImportError, name::EntryName, platform};
use nuka_pir::BlobId;
use rayon::prelude::*;
use rustix::{
    fd::OwnedFd,
    fs::{self, FileType, Mode},
};
use std::{ffi::OsStr, io::Read, os::unix::ffi::OsStrExt};

/// Files of one directory that one task takes.
const TASK: usize = 64;
/// How often a file is read before it is given up because it changes.
const TRIES: usize = 4;
/// Files from this length, in bytes, on are announced to the kernel's read-ahead.
const LONG: u64 = 1 << 20;

/// Some files of one directory: its place, and theirs.
struct Task {
    directory: usize,
    entries: Vec<usize>,
}

/// Stores every file that has no blob yet. Returns how many were read, and the file system's time before.
pub(super) fn ingest(batch: &Batch, scanned: &mut Scanned) -> Result<(u64, i64), ImportError> {
    let tasks = tasks(scanned);
    if tasks.is_empty() {
        return Ok((0, 0));
    }
    let now = batch.stage()?.now()?;
    let results = tasks
        .into_par_iter()
        .map(|task| read_task(batch, scanned, &task).map(|files| (task, files)))
        .collect::<Result<Vec<_>, ImportError>>()?;
    let mut read = 0;
    for (task, files) in results {
        let Some(found) = scanned.directories.get_mut(task.directory) else { continue };
        for (place, file) in task.entries.into_iter().zip(files) {
            if let Some((_, entry)) = found.entries.get_mut(place) {
                *entry = Entry::File(file);
                read += 1;
            }
        }
    }
    Ok((read, now))
}

fn tasks(scanned: &Scanned) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (directory, found) in scanned.directories.iter().enumerate() {
        let unknown = found.entries.iter().enumerate().filter(|(_, (_, entry))| match entry {
            Entry::File(file) => file.blob.is_none(),
            Entry::Directory(_) | Entry::Symlink(_) => false,
        });
        let unknown: Vec<usize> = unknown.map(|(place, _)| place).collect();
        tasks.extend(unknown.chunks(TASK).map(|entries| Task { directory, entries: entries.to_vec() }));
    }
    tasks
}

fn read_task(batch: &Batch, scanned: &Scanned, task: &Task) -> Result<Vec<FileStat>, ImportError> {
    let Some(found) = scanned.directories.get(task.directory) else { return Ok(Vec::new()) };
    let fd = scanned.open(&found.path)?;
    let mut out = Vec::with_capacity(task.entries.len());
    for place in &task.entries {
        if let Some((name, Entry::File(before))) = found.entries.get(*place) {
            let path = || scanned.on_disk(&found.path).join(OsStr::from_bytes(name.as_bytes()));
            out.push(read_file(batch, &fd, name, before, &path)?);
        }
    }
    Ok(out)
}

/// Reads one file until it is seen unchanged from before the first byte to after the last one.
fn read_file(
    batch: &Batch,
    directory: &OwnedFd,
    name: &EntryName,
    before: &FileStat,
    path: &dyn Fn() -> std::path::PathBuf,
) -> Result<FileStat, ImportError> {
    let failed = |error: rustix::io::Errno| StoreError::io("read", path(), error);
    let mut before = before.clone();
    for _ in 0..TRIES {
        let fd = fs::openat(directory, name.as_bytes(), READ, Mode::empty()).map_err(failed)?;
        if before.size >= LONG {
            platform::advise_sequential(&fd);
        }
        let (blob, size) = read_whole(batch, &fd, before.size, path)?;
        let stat = fs::fstat(&fd).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(ImportError::Changing { path: path() });
        }
        let mut after = FileStat::new(&stat);
        if after.is_as(&before) && size == after.size {
            after.blob = Some(blob);
            return Ok(after);
        }
        before = after;
    }
    Err(ImportError::Changing { path: path() })
}

fn read_whole(
    batch: &Batch,
    fd: &OwnedFd,
    size: u64,
    path: &dyn Fn() -> std::path::PathBuf,
) -> Result<(BlobId, u64), ImportError> {
    let mut writer = batch.blob_writer(size);
    // As many bytes as it had a moment ago: whether it has others now, the look after the last byte shows.
    // Files that say they are empty may still have bytes, in the kernel's own file systems.
    let mut reader = Reader(fd).take(if size == 0 { u64::MAX } else { size });
    let read = writer.write_from(&mut reader)?;
    read.map_err(|error| StoreError::io("read", path(), error))?;
    Ok(writer.finish()?)
}

/// Reads from a descriptor that stays open.
struct Reader<'f>(&'f OwnedFd);

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::read(self.0, buffer)?)
    }
}
