//! Making trees out of what comes from outside: directories, tars, zips, Debian packages, single files.
//!
//! Archives go straight into blobs and directory objects; nothing is unpacked. Each reader is strict: what two
//! programs could read in two ways is an error, as is everything that a tree cannot hold.
//!
//! Compressed data is decoded by code without C: zlib-rs, libbz2-rs, lzma-rust2 and ruzstd. They read bytes from
//! strangers, all are kept up, and a source is decoded once in a store's life; half of C's speed buys safety.

mod ar;
mod bounded;
mod closure;
mod decompress;
mod directory;
mod error;
mod options;
mod sink;
mod tar;
mod zip;

use crate::{batch::Batch, directory::Tree, name::EntryName};
use nuka_pir::ArchiveFormat;
use std::io::{Read, Seek, SeekFrom};

pub use closure::{ClosureError, ImportedClosure, closure};
pub use directory::{DirectoryImport, ImportedFiles, add_directory, import_directory};
pub use error::{ImportError, Limit};
pub use options::{Extras, ImportOptions, Limits};

use bounded::Bounded;
use sink::Sink;

/// Imports a tar, plain or compressed with gzip, bzip2, xz or zstd.
pub fn import_tar(batch: &Batch, reader: impl Read, options: &ImportOptions) -> Result<Tree, ImportError> {
    let mut sink = Sink::new(batch, options);
    let mut reader = decompress::open(reader, &options.limits)?;
    tar::read(&mut reader, &mut sink)?;
    sink.finish()
}

/// Imports a zip.
pub fn import_zip(
    batch: &Batch,
    reader: impl Read + Seek,
    options: &ImportOptions,
) -> Result<Tree, ImportError> {
    let mut sink = Sink::new(batch, options);
    zip::read(reader, &mut sink)?;
    sink.finish()
}

/// Imports the data of a Debian binary package. Its paths are those of a file system, so without `strip` none
/// of its directories is dropped.
pub fn import_deb(batch: &Batch, reader: impl Read, options: &ImportOptions) -> Result<Tree, ImportError> {
    let options = ImportOptions { strip: options.strip.or(Some(0)), ..options.clone() };
    let mut sink = Sink::new(batch, &options);
    ar::read_deb(reader, &mut sink)?;
    sink.finish()
}

/// Imports an ar archive: its members become files.
pub fn import_ar(batch: &Batch, reader: impl Read, options: &ImportOptions) -> Result<Tree, ImportError> {
    let mut sink = Sink::new(batch, options);
    ar::read_plain(reader, &mut sink)?;
    sink.finish()
}

/// Imports one file as it is: a tree with that one entry. `strip` and `subdir` do not apply.
pub fn import_file(
    batch: &Batch,
    name: &EntryName,
    reader: impl Read,
    options: &ImportOptions,
) -> Result<Tree, ImportError> {
    let options = ImportOptions { strip: Some(0), subdir: None, format: None, ..options.clone() };
    let mut sink = Sink::new(batch, &options);
    let mut reader = Bounded::plain(reader, &options.limits);
    sink.whole_file(name.as_bytes(), &mut reader)?;
    sink.finish()
}

/// Imports an archive in the format that the options name or, if they name none, that its first bytes show.
/// `name` is what a single file is called.
pub fn import_archive(
    batch: &Batch,
    name: &EntryName,
    mut reader: impl Read + Seek,
    options: &ImportOptions,
) -> Result<Tree, ImportError> {
    let format = match options.format {
        Some(format) => format,
        None => detect(&mut reader)?,
    };
    match format {
        ArchiveFormat::Tar => import_tar(batch, reader, options),
        ArchiveFormat::Zip => import_zip(batch, reader, options),
        ArchiveFormat::Deb => import_deb(batch, reader, options),
        ArchiveFormat::File => import_file(batch, name, reader, options),
    }
}

/// The format that an archive's first bytes show. What is compressed is taken for a tar.
fn detect(reader: &mut (impl Read + Seek)) -> Result<ArchiveFormat, ImportError> {
    let mut start = Vec::new();
    let read = |source| ImportError::Read { source };
    reader.by_ref().take(512).read_to_end(&mut start).map_err(read)?;
    reader.seek(SeekFrom::Start(0)).map_err(read)?;
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(ArchiveFormat::Zip);
    }
    if start.starts_with(ar::MAGIC) {
        return Ok(ArchiveFormat::Deb);
    }
    if decompress::is_compressed(&start) || tar::looks_like_one(&start) {
        return Ok(ArchiveFormat::Tar);
    }
    Err(ImportError::UnknownFormat)
}
