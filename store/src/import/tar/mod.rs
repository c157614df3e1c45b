//! Reading a tar: POSIX (ustar and pax), GNU long names and sizes, and the older forms without a magic.
//!
//! What is strict here: checksums; numbers; sizes that two readers could take differently; names that come in
//! two ways; data where there can be none; sparse files, devices, fifos and all kinds that a tree has not; data
//! after the end. A tar that has no end marker is cut short.

mod header;
mod pax;

use super::{error::ImportError, sink::Sink};
use crate::name::escape;
use header::{BLOCK, Header};
use pax::Extended;
use std::io::Read;

/// The longest extended header or long name, in bytes.
const MAX_EXTENDED: u64 = 1 << 20;
/// What twelve octal digits can hold: a size above it cannot stand in the header itself.
const MAX_OCTAL: u64 = 0o777_7777_7777;

/// Whether data that begins so is a tar: it has a header whose checksum is right, or it is an empty one.
pub(super) fn looks_like_one(start: &[u8]) -> bool {
    start.first_chunk::<BLOCK>().is_some_and(|block| header::checksum_is_right(block) || *block == [0; BLOCK])
}

/// Reads all entries into `sink`, and then to the end of `reader`.
pub(super) fn read(reader: &mut impl Read, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let mut next = Extended::default();
    loop {
        let Some(block) = read_block(reader)? else {
            return Err(ImportError::truncated("the list of entries (it has no end marker)"));
        };
        if block == [0; BLOCK] {
            if next != Extended::default() {
                return Err(ImportError::truncated("an entry: its extended header is the last thing"));
            }
            return read_end(reader);
        }
        let header = Header::parse(&block)?;
        match header.kind {
            b'x' => {
                let data = read_extended(reader, &header)?;
                next.pax(&data, &header.name, sink)?;
            }
            b'g' => {
                let data = read_extended(reader, &header)?;
                pax::check_global(&data, &header.name, sink)?;
            }
            b'L' => next.long_name(read_extended(reader, &header)?)?,
            b'K' => next.long_target(read_extended(reader, &header)?)?,
            _ => {
                sink.count()?;
                read_entry(reader, header, std::mem::take(&mut next), sink)?;
            }
        }
    }
}

fn read_entry(
    reader: &mut impl Read,
    header: Header,
    extended: Extended,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let size = entry_size(&header, &extended)?;
    let name = extended.name.unwrap_or(header.name);
    let target = extended.target.unwrap_or(header.target);
    let no_data = |kind| match size {
        0 => Ok(()),
        size => Err(ImportError::UnexpectedData { path: name.clone(), kind, size }),
    };
    match header.kind {
        // The old form of a directory: a file whose name ends with a slash.
        b'0' | 0 if name.ends_with(b"/") => {
            no_data("directory")?;
            sink.directory(&name)
        }
        b'0' | b'7' | 0 => {
            sink.check_mode(&name, header.mode)?;
            sink.file(&name, header.mode & 0o111 != 0, size, reader)?;
            skip_padding(reader, size, &name)
        }
        b'5' => {
            no_data("directory")?;
            sink.directory(&name)
        }
        b'2' => {
            no_data("symlink")?;
            sink.symlink(&name, &target)
        }
        b'1' => {
            no_data("hard link")?;
            sink.hard_link(&name, &target)
        }
        kind => Err(refused(kind, name)),
    }
}

fn refused(kind: u8, path: Vec<u8>) -> ImportError {
    let kind = match kind {
        b'3' => "character device",
        b'4' => "block device",
        b'6' => "fifo",
        b'S' => "sparse file",
        b'V' => "volume label",
        b'M' | b'D' | b'N' => "part of a multi-volume or incremental archive",
        b'A' | b'E' | b'X' => "record of an access control list or of attributes",
        other => {
            let feature = format!("the unknown entry type `{}`", escape(&[other]));
            return ImportError::Unsupported { path, feature };
        }
    };
    ImportError::Kind { path, kind }
}

/// The entry's length. A pax size may stand beside another one in the header only where the header has no room
/// for it: otherwise a reader that does not know pax sees other entries than one that does.
fn entry_size(header: &Header, extended: &Extended) -> Result<u64, ImportError> {
    match extended.size {
        Some(size) if size == header.size || size > MAX_OCTAL => Ok(size),
        Some(size) => Err(ImportError::Differential {
            path: extended.name.clone().unwrap_or_else(|| header.name.clone()),
            field: "size",
            first: header.size.to_string(),
            second: size.to_string(),
        }),
        None => Ok(header.size),
    }
}

/// One block; `None` at the end of the data, if that is between two blocks.
fn read_block(reader: &mut impl Read) -> Result<Option<[u8; BLOCK]>, ImportError> {
    let mut block = [0; BLOCK];
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ImportError::truncated("a header")),
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(block))
}

fn read_extended(reader: &mut impl Read, header: &Header) -> Result<Vec<u8>, ImportError> {
    if header.size > MAX_EXTENDED {
        let detail = format!("an extended header has {} bytes (at most {MAX_EXTENDED})", header.size);
        return Err(ImportError::malformed(detail));
    }
    let mut data = Vec::new();
    reader.by_ref().take(header.size).read_to_end(&mut data)?;
    if data.len() as u64 != header.size {
        return Err(ImportError::truncated("an extended header"));
    }
    skip_padding(reader, header.size, &header.name)?;
    Ok(data)
}

fn skip_padding(reader: &mut impl Read, size: u64, name: &[u8]) -> Result<(), ImportError> {
    let padding = size.next_multiple_of(BLOCK as u64) - size;
    let skipped = std::io::copy(&mut reader.by_ref().take(padding), &mut std::io::sink())?;
    if skipped == padding { Ok(()) } else { Err(ImportError::truncated(format!("`{}`", escape(name)))) }
}

/// After the first block of zeros: nothing but zeros, so that no reader sees entries that another does not.
fn read_end(reader: &mut impl Read) -> Result<(), ImportError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                if buffer.iter().take(count).any(|byte| *byte != 0) {
                    return Err(ImportError::malformed("there is data after its end marker"));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
