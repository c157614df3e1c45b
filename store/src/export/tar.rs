//! Writing a tree as a tar: the same tree gives the same bytes, everywhere.
//!
//! POSIX ustar headers; entries in the order of a walk; owner 0, time 0, modes 0644 and 0755. A name or target
//! that does not fit, and a size of 8 GiB or more, stands in a pax header before the entry.

use super::ExportError;
use crate::{
    directory::Node,
    error::StoreError,
    name::TreePath,
    reader::ObjectReader,
    tree::{Visit, walk},
};
use nuka_pir::{BlobId, Cid};
use std::io::{self, Read, Write};

pub(crate) const BLOCK: usize = 512;
/// Sizes below this one fit into the header.
pub(crate) const TOO_LARGE: u64 = 1 << 33;
const CHUNK: usize = 256 << 10;

/// Writes the tree `cid` to `writer` as a tar. Every byte is checked against its blob's id; a wrong one is an
/// error, after which what was written must not be used.
pub fn export_tar(objects: &impl ObjectReader, cid: &Cid, writer: &mut dyn Write) -> Result<(), ExportError> {
    for visit in walk(objects, cid) {
        write_entry(objects, &visit?, writer)?;
    }
    let end = [0; 2 * BLOCK];
    writer.write_all(&end).and_then(|()| writer.flush()).map_err(|source| failed(&TreePath::root(), source))
}

pub(super) fn failed(path: &TreePath, source: io::Error) -> ExportError {
    ExportError::Write { path: path.clone(), source }
}

fn write_entry(
    objects: &impl ObjectReader,
    visit: &Visit,
    writer: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut name = visit.path.to_bytes();
    let (kind, mode, size, target) = match &visit.node {
        Node::Directory { .. } => {
            name.push(b'/');
            (b'5', 0o755, 0, [].as_slice())
        }
        Node::Symlink { target } => (b'2', 0o777, 0, target.as_bytes()),
        Node::File { size, executable, .. } => {
            (b'0', if *executable { 0o755 } else { 0o644 }, *size, [].as_slice())
        }
    };
    let write = |writer: &mut dyn Write, bytes: &[u8]| {
        writer.write_all(bytes).map_err(|source| failed(&visit.path, source))
    };
    let mut extended = Vec::new();
    if name.len() > 100 {
        put_record(&mut extended, "path", &name);
    }
    if target.len() > 100 {
        put_record(&mut extended, "linkpath", target);
    }
    if size >= TOO_LARGE {
        put_record(&mut extended, "size", size.to_string().as_bytes());
    }
    if !extended.is_empty() {
        write(writer, &header(b"pax", b'x', 0o644, extended.len() as u64, &[]))?;
        extended.resize(extended.len().next_multiple_of(BLOCK), 0);
        write(writer, &extended)?;
    }
    write(writer, &header(&name, kind, mode, if size >= TOO_LARGE { 0 } else { size }, target))?;
    if let Node::File { blob, .. } = &visit.node {
        write_data(objects, &visit.path, blob, size, writer)?;
    }
    Ok(())
}

/// Writes a blob and what fills its last block. Its bytes are checked on the way.
pub(super) fn write_data(
    objects: &impl ObjectReader,
    path: &TreePath,
    blob: &BlobId,
    size: u64,
    writer: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut file = objects.open_blob(blob)?;
    let mut buffer = vec![0; CHUNK];
    let (mut hasher, mut left) = (blake3::Hasher::new(), size);
    while left > 0 {
        let want = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        let read = file.read(buffer.get_mut(..want).unwrap_or_default());
        let count = match read {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(StoreError::io("read the object", objects.blob_path(blob), error).into());
            }
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        hasher.update(bytes);
        writer.write_all(bytes).map_err(|source| failed(path, source))?;
        left -= count as u64;
    }
    let found: BlobId = hasher.finalize().into();
    if left > 0 || found != *blob {
        return Err(StoreError::Damaged { id: *blob, found, path: objects.blob_path(blob) }.into());
    }
    let padding = usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or(0);
    let zeros = [0; BLOCK];
    writer.write_all(zeros.get(..padding).unwrap_or_default()).map_err(|source| failed(path, source))
}

/// One header block. What does not fit is cut: a pax header before it has the whole.
pub(crate) fn header(name: &[u8], kind: u8, mode: u32, size: u64, target: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, length: usize, bytes: &[u8]| {
        let bytes = bytes.get(..bytes.len().min(length)).unwrap_or_default();
        if let Some(field) = block.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    };
    put(0, 100, name);
    put(100, 8, format!("{mode:07o}\0").as_bytes());
    put(108, 8, b"0000000\0");
    put(116, 8, b"0000000\0");
    put(124, 12, format!("{size:011o}\0").as_bytes());
    put(136, 12, b"00000000000\0");
    put(148, 8, b"        ");
    put(156, 1, &[kind]);
    put(157, 100, target);
    put(257, 8, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    if let Some(field) = block.get_mut(148..156) {
        field.copy_from_slice(text.as_bytes());
    }
    block
}

/// A pax record; its length counts its own digits too.
pub(crate) fn put_record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}
