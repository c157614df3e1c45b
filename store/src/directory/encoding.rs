//! The directory object's bytes, version 1.
//!
//! ```text
//! object  = "nukadir1" entries:u32 entry*
//! entry   = kind:u8 length:u8 name payload          name: `length` bytes, 1 to 255
//! payload = blob:32 size:u64                        kind 1, file; kind 2, executable file
//!         | cid:32 size:u64 count:u64               kind 3, directory
//!         | length:u16 target                       kind 4, symlink; target: 1 to 4095 bytes
//! ```
//!
//! Integers are little-endian. Entries stand in ascending byte order of their names, each name once; nothing
//! follows the last entry. So a directory has exactly one encoding, and what decodes encodes to the same
//! bytes. Decoding is a loop over one object: depth is the business of whoever walks from object to object.

use super::{Directory, DirectoryError, Node};
use crate::{
    name::{EntryName, SymlinkTarget},
    wire::{Decoder, Encode},
};
use nuka_pir::{BlobId, Cid};

/// The eight bytes that a directory object begins with; the last one is the format's version.
pub const DIRECTORY_MAGIC: &[u8; 8] = b"nukadir1";

/// The longest directory object that is read, in bytes: room for more than 800,000 entries of usual length.
pub const MAX_DIRECTORY_OBJECT: u64 = 64 << 20;

const FILE: u8 = 1;
const EXECUTABLE: u8 = 2;
const DIRECTORY: u8 = 3;
const SYMLINK: u8 = 4;
/// The least that an entry can take: a symlink with one byte of name and one of target.
const LEAST_ENTRY: usize = 6;

pub(super) fn encode(directory: &Directory) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + directory.len() * 72);
    out.extend_from_slice(DIRECTORY_MAGIC);
    out.put_u32(u32::try_from(directory.len()).unwrap_or(u32::MAX));
    for (name, node) in directory.entries() {
        let kind = match node {
            Node::File { executable: false, .. } => FILE,
            Node::File { executable: true, .. } => EXECUTABLE,
            Node::Directory { .. } => DIRECTORY,
            Node::Symlink { .. } => SYMLINK,
        };
        out.push(kind);
        // A validated name has at most 255 bytes, a validated target at most 4095.
        out.push(u8::try_from(name.as_bytes().len()).unwrap_or(u8::MAX));
        out.extend_from_slice(name.as_bytes());
        match node {
            Node::File { blob, size, .. } => {
                out.extend_from_slice(blob.as_bytes());
                out.put_u64(*size);
            }
            Node::Directory { cid, size, count } => {
                out.extend_from_slice(cid.as_bytes());
                out.put_u64(*size);
                out.put_u64(*count);
            }
            Node::Symlink { target } => {
                out.put_u16(u16::try_from(target.as_bytes().len()).unwrap_or(u16::MAX));
                out.extend_from_slice(target.as_bytes());
            }
        }
    }
    out
}

/// Reads a directory object, strictly: only bytes that [`Directory::encode`] makes are accepted.
///
/// # Errors
/// The field or entry that is not as the format says; never a panic, whatever the bytes.
pub fn decode_directory(bytes: &[u8]) -> Result<Directory, DirectoryError> {
    if bytes.len() as u64 > MAX_DIRECTORY_OBJECT {
        return Err(DirectoryError::TooLarge { length: bytes.len() as u64 });
    }
    let body = bytes.strip_prefix(DIRECTORY_MAGIC).ok_or(DirectoryError::Magic)?;
    let mut decoder = Decoder::new(body);
    let entries = decoder.u32("number of entries")?;
    // A hostile count must not allocate more than the bytes that are really there can fill.
    let mut out: Vec<(EntryName, Node)> =
        Vec::with_capacity((entries as usize).min(body.len() / LEAST_ENTRY));
    for index in 0..entries {
        let kind = decoder.u8("kind")?;
        let length = decoder.u8("name's length")?;
        let name = decoder.take(usize::from(length), "name")?;
        let name = EntryName::new(name).map_err(|source| DirectoryError::Name { index, source })?;
        if out.last().is_some_and(|(before, _)| *before >= name) {
            return Err(DirectoryError::Order { index, name: name.as_bytes().to_vec() });
        }
        let node = decode_node(&mut decoder, index, kind)?;
        out.push((name, node));
    }
    decoder.finish()?;
    Directory::from_sorted(out)
}

fn decode_node(decoder: &mut Decoder<'_>, index: u32, kind: u8) -> Result<Node, DirectoryError> {
    Ok(match kind {
        FILE | EXECUTABLE => Node::File {
            blob: BlobId::from_bytes(decoder.array("blob")?),
            size: decoder.u64("size")?,
            executable: kind == EXECUTABLE,
        },
        DIRECTORY => Node::Directory {
            cid: Cid::from_bytes(decoder.array("cid")?),
            size: decoder.u64("size")?,
            count: decoder.u64("count")?,
        },
        SYMLINK => {
            let length = decoder.u16("target's length")?;
            let target = decoder.take(usize::from(length), "target")?;
            let target =
                SymlinkTarget::new(target).map_err(|source| DirectoryError::Target { index, source })?;
            Node::Symlink { target }
        }
        kind => return Err(DirectoryError::Kind { index, kind }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{name::NameError, wire::WireError};
    use proptest::prelude::*;

    fn name(text: &str) -> EntryName {
        EntryName::new(text).unwrap()
    }

    fn sample() -> Directory {
        Directory::new(vec![
            (name("tool"), Node::File { blob: BlobId::of(b"#!"), size: 2, executable: true }),
            (name("empty"), Directory::default().tree().node()),
            (name("link"), Node::Symlink { target: SymlinkTarget::new("../x").unwrap() }),
            (name("a"), Node::File { blob: BlobId::of(b""), size: 0, executable: false }),
        ])
        .unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Golden vectors: a change here is a new version of the format, never a fix of the test.
    #[test]
    fn encodings_are_pinned() {
        assert_eq!(hex(&Directory::default().encode()), "6e756b616469723100000000");
        assert_eq!(
            Directory::default().tree().cid.to_string(),
            "rq4pcv6n5lndolwapktbnfpye6h64gjua4aks2r7vufqvormw5vq"
        );
        let expected = concat!(
            "6e756b6164697231",
            "04000000",
            "010161",
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            "0000000000000000",
            "0305656d707479",
            "8c38f157cdeada372ec07aa61695f8278fee19340700a96a3fad0b0aba2cb76b",
            "00000000000000000000000000000000",
            "04046c696e6b04002e2e2f78",
            "0204746f6f6c",
            "5771f17b684b2eed1a255b5be78f759875710142db7b2ae6d291eecd7b38293b",
            "0200000000000000",
        );
        assert_eq!(hex(&sample().encode()), expected);
        assert_eq!(sample().tree().cid.to_string(), "xewtvn7caxkuexibly5ezifitumcpqctjzolqy2zyudhkleqbxga");
        assert_eq!((sample().size(), sample().count()), (2, 4));
    }

    #[test]
    fn only_the_one_encoding_is_accepted() {
        let good = sample().encode();
        assert_eq!(decode_directory(&good).unwrap(), sample());
        assert_eq!(decode_directory(b"nukadir2\0\0\0\0"), Err(DirectoryError::Magic));
        for cut in 0..good.len() {
            assert!(decode_directory(&good[..cut]).is_err(), "cut at {cut}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(decode_directory(&long), Err(DirectoryError::Wire(WireError::Trailing { count: 1 })));
        let mut more = good;
        more[8] = 255;
        assert!(matches!(decode_directory(&more), Err(DirectoryError::Wire(WireError::Truncated { .. }))));
    }

    #[test]
    fn order_names_kinds_and_totals_are_checked() {
        let entry = |kind: u8, name: &[u8], payload: &[u8]| {
            let mut out = vec![kind, u8::try_from(name.len()).unwrap()];
            out.extend_from_slice(name);
            out.extend_from_slice(payload);
            out
        };
        let object = |entries: &[Vec<u8>]| {
            let mut out = DIRECTORY_MAGIC.to_vec();
            out.put_u32(u32::try_from(entries.len()).unwrap());
            out.extend(entries.concat());
            out
        };
        let link = |name: &[u8]| entry(4, name, b"\x01\0x");
        assert!(decode_directory(&object(&[link(b"a"), link(b"b")])).is_ok());
        assert!(matches!(
            decode_directory(&object(&[link(b"b"), link(b"a")])),
            Err(DirectoryError::Order { index: 1, .. })
        ));
        assert!(matches!(
            decode_directory(&object(&[link(b"a"), link(b"a")])),
            Err(DirectoryError::Order { index: 1, .. })
        ));
        assert!(matches!(
            decode_directory(&object(&[link(b"..")])),
            Err(DirectoryError::Name { index: 0, source: NameError::DotDot })
        ));
        assert!(matches!(
            decode_directory(&object(&[entry(9, b"a", b"")])),
            Err(DirectoryError::Kind { index: 0, kind: 9 })
        ));
        assert!(matches!(
            decode_directory(&object(&[entry(4, b"a", b"\0\0")])),
            Err(DirectoryError::Target { index: 0, .. })
        ));
        let mut huge = vec![0; 32];
        huge.extend([255; 16]);
        assert_eq!(decode_directory(&object(&[entry(3, b"a", &huge)])), Err(DirectoryError::Overflow));
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let bytes = proptest::array::uniform32(any::<u8>());
        prop_oneof![
            (bytes, any::<u32>(), any::<bool>()).prop_map(|(blob, size, executable)| Node::File {
                blob: BlobId::from_bytes(blob),
                size: u64::from(size),
                executable
            }),
            (bytes, any::<u32>(), any::<u32>()).prop_map(|(cid, size, count)| Node::Directory {
                cid: Cid::from_bytes(cid),
                size: u64::from(size),
                count: u64::from(count)
            }),
            proptest::collection::vec(1_u8.., 1..40)
                .prop_map(|target| Node::Symlink { target: SymlinkTarget::new(target).unwrap() }),
        ]
    }

    fn any_directory() -> impl Strategy<Value = Directory> {
        let name = proptest::collection::vec(any::<u8>(), 1..20)
            .prop_filter_map("not a name", |bytes| EntryName::new(bytes).ok());
        proptest::collection::btree_map(name, any_node(), 0..12)
            .prop_map(|entries| Directory::new(entries.into_iter().collect()).unwrap())
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_the_same(directory in any_directory()) {
            prop_assert_eq!(decode_directory(&directory.encode()).unwrap(), directory);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            directory in any_directory(),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = directory.encode();
            for (index, value) in flips {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(decoded) = decode_directory(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
