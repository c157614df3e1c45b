//! Reading a zip: stored and deflated entries, zip64, symlinks as Unix zips have them.
//!
//! The central directory says what there is; each local header must agree with it, entries may not overlap,
//! and each entry's data must have exactly the length and CRC-32 that are promised. So no reader, whichever of
//! the two it trusts, sees anything else than what is imported here.

mod central;

use super::{
    bounded::{Bounded, Counted},
    error::{ImportError, Limit},
    sink::Sink,
};
use central::{Entry, Method};
use flate2::{Crc, bufread::DeflateDecoder};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// The longest target that a symlink's data is read for, in bytes.
const MAX_TARGET_DATA: u64 = 4096;

/// Reads all entries into `sink`.
pub(super) fn read(mut reader: impl Read + Seek, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let mut entries = central::read(&mut reader, &sink.options().limits)?;
    // As they lie in the file, which is also how they are read fastest.
    entries.sort_by_key(|entry| entry.offset);
    let mut free_from = 0;
    let mut bytes = 0_u64;
    for entry in &entries {
        sink.count()?;
        let limits = &sink.options().limits;
        bytes = bytes.saturating_add(entry.size);
        if bytes > limits.bytes {
            return Err(ImportError::Limit { limit: Limit::Bytes, max: limits.bytes });
        }
        if entry.offset < free_from {
            let (first, second) =
                (format!("from byte {}", entry.offset), format!("from byte {free_from} on"));
            return Err(ImportError::Differential {
                path: entry.name.clone(),
                field: "place",
                first,
                second,
            });
        }
        let data_at = central::check_local(&mut reader, entry)?;
        free_from = data_at.saturating_add(entry.compressed);
        reader.seek(SeekFrom::Start(data_at))?;
        read_entry(&mut reader, entry, sink)?;
    }
    Ok(())
}

fn read_entry(reader: &mut impl Read, entry: &Entry, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let limits = sink.options().limits.clone();
    let is_directory = entry.name.ends_with(b"/");
    let kind = match (entry.mode & 0o170_000, is_directory) {
        (0 | 0o040_000, true) => {
            if entry.size != 0 {
                let (path, size) = (entry.name.clone(), entry.size);
                return Err(ImportError::UnexpectedData { path, kind: "directory", size });
            }
            return sink.directory(&entry.name);
        }
        (0 | 0o100_000, false) => None,
        (0o120_000, false) => Some("symlink"),
        (0o060_000, false) => return Err(refused(entry, "block device")),
        (0o020_000, false) => return Err(refused(entry, "character device")),
        (0o010_000, false) => return Err(refused(entry, "fifo")),
        (0o140_000, false) => return Err(refused(entry, "socket")),
        _ => {
            return Err(ImportError::Differential {
                path: entry.name.clone(),
                field: "kind",
                first: if is_directory {
                    "directory, by its name".into()
                } else {
                    "file, by its name".into()
                },
                second: format!("mode {:o}", entry.mode),
            });
        }
    };
    sink.check_mode(&entry.name, entry.mode)?;
    let (counted, count) = Counted::new(reader.take(entry.compressed));
    let mut input = BufReader::with_capacity(64 << 10, counted);
    let mut decoded: Box<dyn Read + '_> = match entry.method {
        Method::Stored => Box::new(&mut input),
        Method::Deflated => Box::new(DeflateDecoder::new(&mut input)),
    };
    let bounded = Bounded::decoded(&mut decoded, count, &limits);
    let mut checked = Checked { inner: bounded, crc: Crc::new() };
    if kind.is_some() {
        if entry.size > MAX_TARGET_DATA {
            let (path, size) = (entry.name.clone(), entry.size);
            return Err(ImportError::UnexpectedData { path, kind: "symlink", size });
        }
        let mut target = Vec::new();
        checked.by_ref().take(entry.size).read_to_end(&mut target)?;
        checked.finish(entry)?;
        sink.symlink(&entry.name, &target)?;
    } else {
        sink.file(&entry.name, entry.mode & 0o111 != 0, entry.size, &mut checked)?;
        checked.finish(entry)?;
    }
    drop(decoded);
    // What is left of the compressed data would be seen by a reader that goes by its length alone.
    if !input.fill_buf()?.is_empty() {
        return Err(ImportError::Checksum { path: entry.name.clone(), what: "compressed length" });
    }
    Ok(())
}

fn refused(entry: &Entry, kind: &'static str) -> ImportError {
    ImportError::Kind { path: entry.name.clone(), kind }
}

/// Computes the CRC-32 of what is read.
struct Checked<R> {
    inner: R,
    crc: Crc,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.crc.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<R: Read> Checked<R> {
    /// After the last byte: there must be no more, and the checksum and length must be right.
    fn finish(mut self, entry: &Entry) -> Result<(), ImportError> {
        let wrong = |what| Err(ImportError::Checksum { path: entry.name.clone(), what });
        if self.inner.read(&mut [0])? != 0 || u64::from(self.crc.amount()) != entry.size & 0xffff_ffff {
            return wrong("length");
        }
        if self.crc.sum() == entry.crc { Ok(()) } else { wrong("CRC-32") }
    }
}
