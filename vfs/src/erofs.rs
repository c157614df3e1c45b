//! Images that say what is in a tree and where the bytes of its files are, for the kernel's EROFS.
//!
//! Such an image has no bytes of files. Each file has a length, a hole of that length, and two attributes that an overlay
//! reads: that its bytes are elsewhere, and where in the layer of data. The on-disk format is that of
//! <https://docs.kernel.org/filesystems/erofs.html> and `fs/erofs/erofs_fs.h`, uncompressed, of blocks of 4096 bytes:
//!
//! ```text
//! image     = nothing[1024] superblock inode* padding block*
//! inode     = 64 bytes, attributes, then the end of a directory, a symlink's target, or a file's list of chunks
//! block     = entries of directories, and targets that do not fit beside their inodes
//! directory = entry* name*, in each block by itself; entries in the order of their names, over all blocks
//! ```
//!
//! Equal trees have equal images: nothing but the tree is in them.

mod directory;
mod format;
mod layout;

use std::io::{self, Write};

/// What an image is made of. The first inode is the root, a directory.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) inodes: Vec<Inode>,
    /// What all times are, in seconds since 1970.
    pub(crate) seconds: u64,
    /// Tells filesystems apart.
    pub(crate) uuid: [u8; 16],
}

/// A file, a directory or a symlink.
#[derive(Debug)]
pub(crate) enum Inode {
    Directory(Vec<Entry>),
    Symlink(Box<[u8]>),
    File {
        /// In bytes.
        size: u64,
        executable: bool,
        /// Where its bytes are: a path in the layer of data, which begins with `/`.
        redirect: Box<[u8]>,
    },
}

/// A name in a directory.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Not `.` or `..`, and at most 255 bytes.
    pub(crate) name: Box<[u8]>,
    /// Its place in [`Tree::inodes`].
    pub(crate) inode: usize,
}

/// Writes the image of a tree.
///
/// # Errors
/// Those of writing; `InvalidInput` for a tree that no image can hold: of more than 16 TiB, with names that are too long, or
/// with inodes that are not there.
pub(crate) fn write(tree: &Tree, to: &mut dyn Write) -> io::Result<()> {
    let plan = layout::plan(tree)?;
    layout::write(tree, &plan, to)
}

fn impossible(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(inodes: Vec<Inode>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        write(&Tree { inodes, ..Tree::default() }, &mut out).map(|()| out)
    }

    fn directory(entries: &[(&[u8], usize)]) -> Inode {
        let entry = |(name, inode): &(&[u8], usize)| Entry { name: (*name).into(), inode: *inode };
        Inode::Directory(entries.iter().map(entry).collect())
    }

    #[test]
    fn an_image_is_whole_blocks_and_has_nothing_but_the_tree() {
        let inodes = || {
            let file =
                Inode::File { size: 5 << 40, executable: true, redirect: b"/ab/cdef".as_slice().into() };
            vec![
                directory(&[(b"z", 1), (b"a", 2), (b"+", 3)]),
                file,
                Inode::Symlink(vec![b'x'; 4090].into()),
                directory(&[]),
            ]
        };
        let first = image(inodes()).unwrap();
        assert_eq!(first, image(inodes()).unwrap());
        assert_eq!(first.len() % 4096, 0);
        assert_eq!(first[1024..1028], 0xE0F5_E1E2_u32.to_le_bytes());
        // A target that does not fit beside its inode has a block of its own, the last one.
        assert_eq!(first[first.len() - 4096..][..4090], [b'x'; 4090]);
        // Names are in the order of their bytes, also before `.`.
        let names = |needle: &[u8]| first.windows(needle.len()).any(|bytes| bytes == needle);
        assert!(names(b"+...az"));
    }

    #[test]
    fn what_no_image_can_hold_is_refused() {
        for inodes in [
            vec![],
            vec![directory(&[(b"name", 7)])],
            vec![directory(&[(&[b'n'; 256], 1)]), directory(&[])],
            vec![directory(&[(b"", 1)]), directory(&[])],
        ] {
            assert_eq!(image(inodes).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
