//! The bytes of files: read from objects, and handed out only if they are the right ones.
//!
//! Bytes are read first and the file is looked at after that: if it is then still as it was when it was found
//! right, so were the bytes.

use super::Failure;
use crate::integrity::{Damage, Fault, Integrity, Stamp};
use nuka_pir::BlobId;
use nuka_store::{ObjectReader, StoreError};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many files that are read in parts stay open.
const KEPT: usize = 32;
/// How often a file is read again that changed meanwhile.
const TRIES: u32 = 3;

/// Files that are read in parts, the one used last in front.
#[derive(Debug, Default)]
pub(crate) struct Content {
    kept: Mutex<Vec<(BlobId, Arc<File>)>>,
}

/// Which bytes are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) blob: &'a BlobId,
    /// The length of the file in bytes, as its directory says.
    pub(crate) size: u64,
    pub(crate) offset: u64,
    pub(crate) length: usize,
}

impl Content {
    fn kept(&self) -> MutexGuard<'_, Vec<(BlobId, Arc<File>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, blob: &BlobId) -> Option<Arc<File>> {
        let mut kept = self.kept();
        let at = kept.iter().position(|(found, _)| found == blob)?;
        kept.get_mut(..=at)?.rotate_right(1);
        kept.first().map(|(_, file)| Arc::clone(file))
    }

    fn keep(&self, blob: &BlobId, file: &Arc<File>) {
        let mut kept = self.kept();
        kept.retain(|(found, _)| found != blob);
        kept.truncate(KEPT - 1);
        kept.insert(0, (*blob, Arc::clone(file)));
    }

    fn drop_kept(&self, blob: &BlobId) {
        self.kept().retain(|(found, _)| found != blob);
    }

    /// The wanted bytes, which are put into `buffer`: fewer than wanted only at the end of the file. `gone` says whether an
    /// object that is missing may be.
    pub(crate) fn read<'b>(
        &self,
        objects: &dyn ObjectReader,
        integrity: &Integrity,
        wanted: Wanted<'_>,
        gone: &dyn Fn() -> bool,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Failure> {
        let rest = wanted.size.saturating_sub(wanted.offset);
        let length = usize::try_from(rest).unwrap_or(usize::MAX).min(wanted.length);
        // Only ever longer: what is overwritten anyway need not be cleared first.
        buffer.resize(buffer.len().max(length), 0);
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let whole = length as u64 == wanted.size;
        // A file that is kept open may be one that was taken away since, and another is in its place.
        if !whole && let Some(file) = self.take(wanted.blob) {
            if read_right(&file, integrity, wanted, buffer).is_ok() {
                return Ok(buffer);
            }
            self.drop_kept(wanted.blob);
        }
        let file = open(objects, integrity, wanted.blob, gone)?;
        let read = if whole { read_whole } else { read_right };
        read(&file, integrity, wanted, buffer)
            .map_err(|(fault, stamp)| damaged(objects, integrity, wanted.blob, fault, stamp))?;
        if !whole {
            self.keep(wanted.blob, &Arc::new(file));
        }
        Ok(buffer)
    }

    /// Opens a file whose bytes are all right as they are now.
    pub(crate) fn open_right(
        &self,
        objects: &dyn ObjectReader,
        integrity: &Integrity,
        blob: &BlobId,
        size: u64,
        gone: &dyn Fn() -> bool,
    ) -> Result<File, Failure> {
        let file = open(objects, integrity, blob, gone)?;
        match right(&file, integrity, blob, size) {
            Ok(_) => Ok(file),
            Err((fault, stamp)) => Err(damaged(objects, integrity, blob, fault, stamp)),
        }
    }
}

/// What is wrong, and how the file was then. Nothing new is wrong if there is no fault.
type Wrong = (Option<Fault>, Option<Stamp>);

fn open(
    objects: &dyn ObjectReader,
    integrity: &Integrity,
    blob: &BlobId,
    gone: &dyn Fn() -> bool,
) -> Result<File, Failure> {
    objects.open_blob(blob).map_err(|error| match error {
        StoreError::NoObject { .. } if gone() => Failure::Stale,
        error => damaged(objects, integrity, blob, Some(error.into()), None),
    })
}

fn damaged(
    objects: &dyn ObjectReader,
    integrity: &Integrity,
    blob: &BlobId,
    fault: Option<Fault>,
    stamp: Option<Stamp>,
) -> Failure {
    if let Some(fault) = fault {
        integrity.damaged(&Damage { blob: *blob, path: objects.blob_path(blob), fault }, stamp);
    }
    Failure::Damaged
}

fn io_fault(error: io::Error) -> Wrong {
    (Some(error.into()), None)
}

/// The file's stamp, if its length is right and it was not found damaged as it is.
fn look(file: &File, integrity: &Integrity, blob: &BlobId, size: u64) -> Result<Stamp, Wrong> {
    let (stamp, found) = Stamp::of(blob, file).map_err(io_fault)?;
    if integrity.is_damaged(blob, stamp) {
        return Err((None, None));
    }
    if found != size {
        return Err((Some(Fault::Length { said: size, found }), Some(stamp)));
    }
    Ok(stamp)
}

/// Makes sure that the file is right, by hashing it if need be.
fn right(file: &File, integrity: &Integrity, blob: &BlobId, size: u64) -> Result<Stamp, Wrong> {
    for _ in 0..TRIES {
        let stamp = look(file, integrity, blob, size)?;
        if integrity.is_right(stamp) {
            return Ok(stamp);
        }
        integrity.check(blob, file, stamp).map_err(|fault| (Some(fault), Some(stamp)))?;
        if integrity.is_right(stamp) {
            return Ok(stamp);
        }
    }
    Err((Some(Fault::Restless), None))
}

/// Reads a part of a file.
fn read_right(
    file: &File,
    integrity: &Integrity,
    wanted: Wanted<'_>,
    buffer: &mut [u8],
) -> Result<(), Wrong> {
    for _ in 0..TRIES {
        if read_known(file, integrity, wanted, buffer)? {
            return Ok(());
        }
        right(file, integrity, wanted.blob, wanted.size)?;
    }
    Err((Some(Fault::Restless), None))
}

/// Reads from a file, and says whether it was right before and therefore then.
fn read_known(
    file: &File,
    integrity: &Integrity,
    wanted: Wanted<'_>,
    buffer: &mut [u8],
) -> Result<bool, Wrong> {
    match file.read_exact_at(buffer, wanted.offset) {
        Ok(()) => {}
        // It has another length, which is said by who looks for it.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(io_fault(error)),
    }
    let (stamp, length) = Stamp::of(wanted.blob, file).map_err(io_fault)?;
    Ok(length == wanted.size && integrity.is_right(stamp))
}

/// Reads a whole file. The bytes themselves are hashed if need be, so each is read once.
fn read_whole(
    file: &File,
    integrity: &Integrity,
    wanted: Wanted<'_>,
    buffer: &mut [u8],
) -> Result<(), Wrong> {
    for _ in 0..TRIES {
        let stamp = look(file, integrity, wanted.blob, wanted.size)?;
        file.read_exact_at(buffer, 0).map_err(io_fault)?;
        let unchanged = Stamp::of(wanted.blob, file).map_err(io_fault)?.0 == stamp;
        if unchanged && integrity.is_right(stamp) {
            return Ok(());
        }
        let found = BlobId::of(buffer);
        if found == *wanted.blob {
            if unchanged {
                integrity.right(wanted.blob, stamp);
            }
            return Ok(());
        }
        if unchanged {
            return Err((Some(Fault::Bytes { found }), Some(stamp)));
        }
    }
    Err((Some(Fault::Restless), None))
}
