//! The contents of directories: entries and names, in blocks that can each be searched by themselves.

use super::{
    Entry,
    format::{BLOCK, ENTRY_BYTES, entry},
    impossible,
};
use std::io;

const BLOCK_BYTES: usize = BLOCK as usize;

/// One name of a directory, `.` and `..` among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a [u8],
    /// Its place in the tree's list of inodes.
    pub(super) inode: usize,
}

/// All names in the order in which they are searched, that of their bytes.
pub(super) fn names(own: usize, parent: usize, entries: &[Entry]) -> Vec<Named<'_>> {
    let own = [Named { name: b".", inode: own }, Named { name: b"..", inode: parent }];
    let others = entries.iter().map(|entry| Named { name: &entry.name, inode: entry.inode });
    let mut names: Vec<_> = own.into_iter().chain(others).collect();
    names.sort_unstable_by_key(|named| named.name);
    names
}

/// The names cut into blocks: how many there are in each, and how many bytes of it they use.
///
/// # Errors
/// `InvalidInput` for a name that is longer than names can be.
pub(super) fn blocks(names: &[Named<'_>]) -> io::Result<Vec<(usize, usize)>> {
    let mut blocks = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    for named in names {
        if named.name.is_empty() || named.name.len() > 255 {
            return Err(impossible("a name is longer than 255 bytes, or empty"));
        }
        let more = ENTRY_BYTES + named.name.len();
        if bytes + more > BLOCK_BYTES {
            blocks.push((count, bytes));
            (count, bytes) = (0, 0);
        }
        count += 1;
        bytes += more;
    }
    blocks.push((count, bytes));
    Ok(blocks)
}

/// One block, of the bytes that it uses. `describe` gives an inode's number in the image and its kind.
pub(super) fn encode(
    names: &[Named<'_>],
    describe: impl Fn(usize) -> io::Result<(u64, u8)>,
) -> io::Result<Vec<u8>> {
    let mut name_at = names.len() * ENTRY_BYTES;
    let mut out = Vec::with_capacity(BLOCK_BYTES);
    for named in names {
        let (number, kind) = describe(named.inode)?;
        out.extend(entry(number, name_at, kind));
        name_at += named.name.len();
    }
    for named in names {
        out.extend(named.name);
    }
    Ok(out)
}
