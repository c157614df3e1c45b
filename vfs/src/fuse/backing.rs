//! Handing large files to the kernel, which then reads the objects itself.
//!
//! All who have a file open must go the same way, so the first to open it chooses: the object's file, or the
//! ordinary way where the kernel does not take it. It takes none from unprivileged servers.
//!
//! The bytes are checked when a file is opened; what is done to the object while it is open is not seen.

use super::{NO_HANDLE, errno};
use crate::filesystem::Filesystem;
use fuser::{BackingId, FopenFlags, ReplyOpen};
use std::{
    collections::HashMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Shorter files, in bytes, are read and kept in the ordinary way: one request brings them whole.
const LARGE: u64 = 256 << 10;

/// Whether files are handed to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassthroughState {
    /// Nobody asked for it.
    NotAsked,
    /// This kernel cannot.
    NotOffered,
    /// The kernel refused a file, for this reason.
    Refused(String),
    /// None was refused so far.
    Works,
}

/// One open file: how the kernel reads it, and how many have it open.
#[derive(Debug)]
struct Open {
    way: Option<BackingId>,
    count: u64,
}

/// The open files, by inode.
#[derive(Debug, Default)]
pub(crate) struct Backing {
    open: Mutex<HashMap<u64, Open>>,
    refused: Mutex<Option<String>>,
}

impl Backing {
    fn files(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, filesystem: &Filesystem, inode: u64, reply: ReplyOpen) {
        let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH;
        match filesystem.length(inode) {
            Ok(length) if length < LARGE => return reply.opened(NO_HANDLE, flags),
            Ok(_) => {}
            Err(failure) => return reply.error(errno(failure)),
        }
        // The bytes are looked at before the lock: hashing takes its time.
        let file = match filesystem.open(inode) {
            Ok((file, _)) => file,
            Err(failure) => return reply.error(errno(failure)),
        };
        let mut files = self.files();
        let open =
            files.entry(inode).or_insert_with(|| Open { way: self.hand_over(&reply, &file), count: 0 });
        open.count += 1;
        match &open.way {
            Some(backing) => reply.opened_passthrough(NO_HANDLE, FopenFlags::FOPEN_NOFLUSH, backing),
            None => reply.opened(NO_HANDLE, flags),
        }
    }

    fn hand_over(&self, reply: &ReplyOpen, file: &std::fs::File) -> Option<BackingId> {
        reply.open_backing(file).map_err(|error: io::Error| self.refuse(&error)).ok()
    }

    fn refuse(&self, error: &io::Error) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    pub(super) fn release(&self, inode: u64) {
        let mut files = self.files();
        if let Some(open) = files.get_mut(&inode) {
            open.count -= 1;
            if open.count == 0 {
                files.remove(&inode);
            }
        }
    }

    /// Why the kernel refused a file, if it did.
    pub(crate) fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
