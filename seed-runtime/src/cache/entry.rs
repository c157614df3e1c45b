//! One file of the cache: compiled code, then a trailer of 48 bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0 .. n-48 | the compiled module, as the engine serialised it |
//! | n-48 .. n-16 | BLAKE3 of those bytes, keyed with the entry's key |
//! | n-16 .. n | the text `nuka cwasm v1  \n` |
//!
//! The hash is under the entry's own key, so an entry that was moved to another's place does not fit it.

use std::{io::Write as _, path::Path};

use super::deserialize;
use crate::hash::keyed_hash;

const MAGIC: &[u8; 16] = b"nuka cwasm v1  \n";
const TRAILER: usize = 48;

/// The module in the file at `path`; `None` when there is no file, or it is not a whole entry of this key.
pub(super) fn read(path: &Path, key: &[u8; 32], engine: &wasmtime::Engine) -> Option<wasmtime::Module> {
    let file = fs_err::File::open(path).ok()?.into_parts().0;
    deserialize::verified(engine, file, |bytes| is_whole(bytes, key))
}

fn is_whole(bytes: &[u8], key: &[u8; 32]) -> bool {
    let Some((code, trailer)) = bytes.len().checked_sub(TRAILER).and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    let Some((hash, magic)) = trailer.split_at_checked(TRAILER - MAGIC.len()) else { return false };
    magic == MAGIC && hash == keyed_hash(key, code)
}

/// Writes an entry beside its place and renames it into it.
pub(super) fn write(path: &Path, key: &[u8; 32], code: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = write_whole(&temporary, key, code).and_then(|()| fs_err::rename(&temporary, path));
    if written.is_err() {
        // It may not even have been made; the error that counts is the one above.
        let _ = fs_err::remove_file(&temporary);
    }
    written
}

fn write_whole(path: &Path, key: &[u8; 32], code: &[u8]) -> std::io::Result<()> {
    // New, so that no link which somebody has put there is written through.
    let _ = fs_err::remove_file(path);
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(code)?;
    file.write_all(&keyed_hash(key, code))?;
    file.write_all(MAGIC)
    // Not synced: an entry that a crash leaves cut is found out by its hash and compiled again.
}
