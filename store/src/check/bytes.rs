//! Reading one object whole, or in parts if it is long, and hashing it on the way.

use crate::cancel::Cancel;
use nuka_pir::BlobId;
use rustix::{fd::OwnedFd, io::Errno};

/// Bytes that are read at a time. Shorter objects are hashed at once.
const CHUNK: usize = 1 << 20;
/// What is kept of an object that may be a directory object or a record, in bytes.
const KEPT: u64 = crate::directory::MAX_DIRECTORY_OBJECT;

/// What an object's file holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) id: BlobId,
    pub(super) size: u64,
    /// All bytes, if they begin with one of the magics that were asked for.
    pub(super) bytes: Option<Vec<u8>>,
}

/// Reads a file to its end, or until that is wanted no more. `buffer` is used again and again.
pub(super) fn read(
    file: &OwnedFd,
    magics: &[&[u8; 8]],
    buffer: &mut Vec<u8>,
    cancel: &Cancel,
) -> Result<Content, Errno> {
    buffer.resize(CHUNK, 0);
    let mut filled = fill(file, buffer)?;
    let head = buffer.get(..filled).unwrap_or_default();
    let wanted = magics.iter().any(|magic| head.starts_with(magic.as_slice()));
    if filled < CHUNK {
        let bytes = wanted.then(|| head.to_vec());
        return Ok(Content { id: blake3::hash(head).into(), size: filled as u64, bytes });
    }
    let (mut hasher, mut size) = (blake3::Hasher::new(), 0_u64);
    let mut bytes = wanted.then(Vec::new);
    while filled > 0 {
        if cancel.is_set() {
            return Err(Errno::CANCELED);
        }
        let part = buffer.get(..filled).unwrap_or_default();
        hasher.update(part);
        size += filled as u64;
        if size > KEPT {
            bytes = None;
        }
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(part);
        }
        filled = fill(file, buffer)?;
    }
    Ok(Content { id: hasher.finalize().into(), size, bytes })
}

/// Fills the buffer, except at the end of the file.
fn fill(file: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut filled = 0;
    while let Some(free) = buffer.get_mut(filled..)
        && !free.is_empty()
    {
        match rustix::io::read(file, free) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
