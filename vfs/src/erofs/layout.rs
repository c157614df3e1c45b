//! Where everything of an image is, and writing it there.

use super::{
    Inode, Tree,
    directory::{self, Named},
    format::{
        BLOCK, Data, HOLE, INODE_BYTES, Record, SLOT, SUPERBLOCK_AT, SUPERBLOCK_BYTES, attributes, chunks,
        superblock,
    },
    impossible,
};
use std::io::{self, Write};

/// Where everything is.
#[derive(Debug)]
pub(super) struct Plan {
    /// For each inode of the tree.
    places: Vec<Place>,
    /// How many blocks the image has.
    blocks: u32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// In bytes from the image's beginning.
    at: u64,
    size: u64,
    data: Data,
    /// How many blocks it has of those after the inodes.
    blocks: u64,
    parent: usize,
    links: u32,
}

/// What an inode needs: bytes of all it holds, those behind the inode, and whole blocks elsewhere.
struct Need {
    size: u64,
    behind: u64,
    blocks: u64,
    data: Data,
}

fn need(inode: &Inode) -> io::Result<Need> {
    Ok(match inode {
        Inode::File { size, redirect, .. } => {
            let (bits, count) = chunks(*size);
            let behind = attributes(redirect).len() as u64 + 4 * count;
            Need { size: *size, behind, blocks: 0, data: Data::Chunks(bits) }
        }
        Inode::Symlink(target) => beside(target.len() as u64),
        Inode::Directory(entries) => {
            // Which inodes `.` and `..` are makes no difference to the room that they take.
            let blocks = directory::blocks(&directory::names(0, 0, entries))?;
            let last = blocks.last().map_or(0, |(_, bytes)| *bytes as u64);
            beside((blocks.len() as u64 - 1) * BLOCK + last)
        }
    })
}

/// For `size` bytes: whole blocks of them elsewhere and the rest behind the inode, if it fits into a block with that.
fn beside(size: u64) -> Need {
    let (blocks, tail) = (size / BLOCK, size % BLOCK);
    if tail != 0 && INODE_BYTES + tail <= BLOCK {
        Need { size, behind: tail, blocks, data: Data::Tail(0) }
    } else {
        Need { size, behind: 0, blocks: size.div_ceil(BLOCK), data: Data::Blocks(0) }
    }
}

/// Gives every inode a place, in the tree's order, and every block one after them.
pub(super) fn plan(tree: &Tree) -> io::Result<Plan> {
    let mut end = SUPERBLOCK_AT + SUPERBLOCK_BYTES;
    let mut places = Vec::with_capacity(tree.inodes.len());
    let mut behind_blocks = 0;
    for inode in &tree.inodes {
        let Need { size, behind, blocks, data } = need(inode)?;
        let whole = INODE_BYTES + behind;
        // What is behind an inode must be in one block with it where the kernel reads it as a piece.
        if matches!(data, Data::Tail(_)) && end % BLOCK + whole > BLOCK {
            end = end.next_multiple_of(BLOCK);
        }
        places.push(Place { at: end, size, data, blocks, parent: 0, links: 0 });
        behind_blocks += blocks;
        end = (end + whole).next_multiple_of(SLOT);
    }
    let first_block = end.div_ceil(BLOCK);
    let blocks = u32::try_from(first_block + behind_blocks)
        .map_err(|_| impossible("it is larger than images can be"))?;
    let mut next = u32::try_from(first_block).map_err(|_| impossible("it is larger than images can be"))?;
    for place in &mut places {
        match &mut place.data {
            Data::Blocks(first) | Data::Tail(first) if place.blocks > 0 => {
                *first = next;
                next += u32::try_from(place.blocks).unwrap_or(u32::MAX);
            }
            _ => {}
        }
    }
    relate(tree, &mut places)?;
    Ok(Plan { places, blocks })
}

/// Counts links, and notes the parents of directories.
fn relate(tree: &Tree, places: &mut [Place]) -> io::Result<()> {
    let missing = || impossible("an entry names an inode that is not there");
    for (own, inode) in tree.inodes.iter().enumerate() {
        let Inode::Directory(entries) = inode else { continue };
        let mut links = 2;
        for entry in entries {
            let place = places.get_mut(entry.inode).ok_or_else(missing)?;
            if let Some(Inode::Directory(_)) = tree.inodes.get(entry.inode) {
                place.parent = own;
                links += 1;
            } else {
                place.links += 1;
            }
        }
        places.get_mut(own).ok_or_else(missing)?.links = links;
    }
    Ok(())
}

/// The kind of file, as entries name it, and `st_mode`.
fn kind(inode: &Inode) -> (u8, u16) {
    match inode {
        Inode::File { executable: false, .. } => (1, 0o100_444),
        Inode::File { executable: true, .. } => (1, 0o100_555),
        Inode::Directory(_) => (2, 0o040_755),
        Inode::Symlink(_) => (7, 0o120_777),
    }
}

struct Output<'a> {
    to: &'a mut dyn Write,
    at: u64,
}

impl Output<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Zeros up to a place.
    fn skip_to(&mut self, at: u64) -> io::Result<()> {
        const ZEROS: [u8; BLOCK as usize] = [0; BLOCK as usize];
        while self.at < at {
            let count = usize::try_from(at - self.at).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.bytes(ZEROS.get(..count).unwrap_or(&ZEROS))?;
        }
        Ok(())
    }
}

/// Writes the image.
pub(super) fn write(tree: &Tree, plan: &Plan, to: &mut dyn Write) -> io::Result<()> {
    let mut out = Output { to, at: 0 };
    out.skip_to(SUPERBLOCK_AT)?;
    let root = plan.places.first().ok_or_else(|| impossible("it has no root"))?;
    let root = u16::try_from(root.at / SLOT).map_err(|_| impossible("its root is not at its beginning"))?;
    out.bytes(&superblock(root, tree.inodes.len() as u64, plan.blocks, tree.seconds, tree.uuid))?;
    for (own, (inode, place)) in tree.inodes.iter().zip(&plan.places).enumerate() {
        out.skip_to(place.at)?;
        let named = match inode {
            Inode::File { redirect, .. } => attributes(redirect),
            _ => Vec::new(),
        };
        let record = Record {
            mode: kind(inode).1,
            size: place.size,
            data: place.data,
            attributes: named.len(),
            number: u32::try_from(own + 1).unwrap_or(u32::MAX),
            links: place.links,
            seconds: tree.seconds,
        };
        out.bytes(&record.encode())?;
        out.bytes(&named)?;
        match (inode, place.data) {
            (Inode::File { size, .. }, _) => {
                for _ in 0..chunks(*size).1 {
                    out.bytes(&HOLE.to_le_bytes())?;
                }
            }
            (Inode::Symlink(target), Data::Tail(_)) => out.bytes(target)?,
            (Inode::Directory(entries), Data::Tail(_)) => {
                let blocks = contents(tree, plan, own, entries)?;
                out.bytes(blocks.last().map_or(&[], Vec::as_slice))?;
            }
            _ => {}
        }
    }
    for (own, (inode, place)) in
        tree.inodes.iter().zip(&plan.places).enumerate().filter(|(_, (_, place))| place.blocks > 0)
    {
        let (Data::Blocks(first) | Data::Tail(first)) = place.data else { continue };
        let blocks = match inode {
            Inode::Directory(entries) => contents(tree, plan, own, entries)?,
            Inode::Symlink(target) => vec![target.to_vec()],
            Inode::File { .. } => continue,
        };
        let count = usize::try_from(place.blocks).unwrap_or(usize::MAX);
        for (number, block) in blocks.iter().take(count).enumerate() {
            out.skip_to((u64::from(first) + number as u64) * BLOCK)?;
            out.bytes(block)?;
        }
    }
    out.skip_to(u64::from(plan.blocks) * BLOCK)
}

/// A directory's blocks, each of the bytes that it uses.
fn contents(tree: &Tree, plan: &Plan, own: usize, entries: &[super::Entry]) -> io::Result<Vec<Vec<u8>>> {
    let parent = plan.places.get(own).map_or(0, |place| place.parent);
    let names = directory::names(own, parent, entries);
    let describe = |inode: usize| {
        let missing = || impossible("an entry names an inode that is not there");
        let place = plan.places.get(inode).ok_or_else(missing)?;
        Ok((place.at / SLOT, kind(tree.inodes.get(inode).ok_or_else(missing)?).0))
    };
    let mut rest: &[Named<'_>] = &names;
    let mut blocks = Vec::new();
    for (count, _) in directory::blocks(&names)? {
        let (block, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        blocks.push(directory::encode(block, describe)?);
        rest = others;
    }
    Ok(blocks)
}
