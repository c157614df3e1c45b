//! The records of an image, byte by byte. All numbers are little-endian.

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 1 << BLOCK_BITS;
const BLOCK_BITS: u8 = 12;
/// Where the superblock begins, in bytes.
pub(super) const SUPERBLOCK_AT: u64 = 1024;
pub(super) const SUPERBLOCK_BYTES: u64 = 128;
/// Inodes are numbered by where they are, in units of so many bytes.
pub(super) const SLOT: u64 = 32;
/// Bytes of an inode without what comes after it.
pub(super) const INODE_BYTES: u64 = 64;
/// Bytes of an entry of a directory without its name.
pub(super) const ENTRY_BYTES: usize = 12;

const MAGIC: u32 = 0xE0F5_E1E2;
/// Times of inodes are when their contents changed.
const COMPATIBLE_MTIME: u32 = 0x2;
const INCOMPATIBLE_CHUNKED_FILE: u32 = 0x4;
/// A chunk that is a hole.
pub(super) const HOLE: u32 = u32::MAX;
/// The largest chunk, in bits more than a block has.
const MOST_CHUNK_BITS: u32 = 31;

const PREFIX_TRUSTED: u8 = 4;

/// Where what an inode holds is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// In blocks from this one on.
    Blocks(u32),
    /// The end of it behind the inode; what is before it in blocks from this one on.
    Tail(u32),
    /// Behind the inode is a list of chunks of so many bits more than a block has.
    Chunks(u32),
}

/// An inode as it is written.
#[derive(Debug)]
pub(super) struct Record {
    /// Kind and permissions, as in `st_mode`.
    pub(super) mode: u16,
    pub(super) size: u64,
    pub(super) data: Data,
    /// Bytes of its attributes.
    pub(super) attributes: usize,
    pub(super) number: u32,
    pub(super) links: u32,
    pub(super) seconds: u64,
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (layout, location) = match self.data {
            Data::Blocks(first) => (0, first),
            Data::Tail(first) => (2, first),
            Data::Chunks(bits) => (4, bits),
        };
        // The lowest bit says that this is the long form.
        let format: u16 = 1 | layout << 1;
        let attributes = match self.attributes {
            0 => 0,
            bytes => u16::try_from((bytes - ATTRIBUTES_HEADER) / 4 + 1).unwrap_or(u16::MAX),
        };
        let mut out = Vec::with_capacity(64);
        out.extend(format.to_le_bytes());
        out.extend(attributes.to_le_bytes());
        out.extend(self.mode.to_le_bytes());
        out.extend([0; 2]);
        out.extend(self.size.to_le_bytes());
        out.extend(location.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        // The owner is root.
        out.extend([0; 8]);
        out.extend(self.seconds.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.links.to_le_bytes());
        out.extend([0; 16]);
        out
    }
}

/// How a file of `size` bytes is cut into chunks: bits of one beyond those of a block, and how many there are. Mostly one.
pub(super) fn chunks(size: u64) -> (u32, u64) {
    let bits = (u64::BITS - size.saturating_sub(1).leading_zeros())
        .saturating_sub(u32::from(BLOCK_BITS))
        .min(MOST_CHUNK_BITS);
    (bits, size.div_ceil(BLOCK << bits))
}

const ATTRIBUTES_HEADER: usize = 12;

/// The attributes by which an overlay finds a file's bytes.
pub(super) fn attributes(redirect: &[u8]) -> Vec<u8> {
    let mut out = vec![0; ATTRIBUTES_HEADER];
    for (name, value) in [(&b"overlay.metacopy"[..], &b""[..]), (b"overlay.redirect", redirect)] {
        out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.push(PREFIX_TRUSTED);
        out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(name);
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// The superblock of an image of so many inodes and blocks.
pub(super) fn superblock(root: u16, inodes: u64, blocks: u32, seconds: u64, uuid: [u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend(MAGIC.to_le_bytes());
    // No checksum: what is served to the kernel was just made.
    out.extend([0; 4]);
    out.extend(COMPATIBLE_MTIME.to_le_bytes());
    out.extend([BLOCK_BITS, 0]);
    out.extend(root.to_le_bytes());
    out.extend(inodes.to_le_bytes());
    out.extend(seconds.to_le_bytes());
    out.extend([0; 4]);
    out.extend(blocks.to_le_bytes());
    // Inodes are numbered from the image's beginning; there are no shared attributes.
    out.extend([0; 8]);
    out.extend(uuid);
    // No name of the volume.
    out.extend([0; 16]);
    out.extend(INCOMPATIBLE_CHUNKED_FILE.to_le_bytes());
    out.resize(128, 0);
    out
}

/// An entry of a directory: the inode's number, where in the block its name begins, and the kind of file.
pub(super) fn entry(number: u64, name_at: usize, kind: u8) -> [u8; ENTRY_BYTES] {
    let mut out = [0; ENTRY_BYTES];
    let (first, rest) = out.split_at_mut(8);
    first.copy_from_slice(&number.to_le_bytes());
    let name_at = u16::try_from(name_at).unwrap_or(u16::MAX).to_le_bytes();
    if let [low, high, file_type, _] = rest {
        [*low, *high] = name_at;
        *file_type = kind;
    }
    out
}
