//! Room that is kept for collecting on a full disk.
//!
//! A collection frees room, and needs some before: the index says what is forgotten before the objects go, and its file is
//! never overwritten where it is in use. So the store holds a file that has its blocks and nothing in them. A collection
//! that finds the disk full removes it, writes to the index what it has to in small parts, removes the objects, and makes
//! the file again. It is no part of anything: where there is no room for it, the store goes without.

use crate::platform;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use std::path::{Path, PathBuf};

/// Its length in bytes. What a part of a collection writes takes less.
const SIZE: u64 = 2 << 20;

fn place(root: &Path) -> PathBuf {
    root.join("reserve")
}

/// Makes it, if it is not there and there is room for it.
pub(crate) fn keep(root: &Path) {
    let path = place(root);
    if fs_err::symlink_metadata(&path).is_ok_and(|there| there.len() == SIZE) {
        return;
    }
    if make(&path).is_err() {
        // Half of it is of no use.
        let _ = fs_err::remove_file(path);
    }
}

fn make(path: &Path) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | platform::NO_FOLLOW;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?;
    platform::allocate(&file, SIZE)
}

/// Gives its room away. Says whether there was any.
pub(crate) fn give(root: &Path) -> bool {
    fs_err::remove_file(place(root)).is_ok()
}

/// Makes it again when this ends, however it does.
pub(crate) struct Given<'a>(pub(crate) &'a Path);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        keep(self.0);
    }
}
