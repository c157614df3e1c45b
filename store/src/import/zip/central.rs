//! The structures of a zip: the end record, the central directory, local headers.
//!
//! ```text
//! end     = "PK\5\6" disk:2 start-disk:2 here:2 entries:2 size:4 offset:4 comment-length:2 comment
//! locator = "PK\6\7" disk:4 end64-offset:8 disks:4                                   just before `end`
//! end64   = "PK\6\6" size:8 made:2 needed:2 disk:4 disk:4 here:8 entries:8 size:8 offset:8
//! central = "PK\1\2" made:2 needed:2 flags:2 method:2 time:4 crc:4 compressed:4 size:4
//!           name-length:2 extra-length:2 comment-length:2 disk:2 internal:2 external:4 offset:4 name extra comment
//! local   = "PK\3\4" needed:2 flags:2 method:2 time:4 crc:4 compressed:4 size:4
//!           name-length:2 extra-length:2 name extra
//! extra   = (id:2 length:2 data)*        id 1, zip64: size:8 compressed:8 offset:8, each only if 0xffffffff
//! ```

use crate::{
    import::{
        error::{ImportError, Limit},
        options::Limits,
    },
    name::escape,
    wire::{Decoder, WireError},
};
use std::io::{Read, Seek, SeekFrom};

const END: usize = 22;
const LOCAL: usize = 30;
/// The longest central directory, in bytes: four million entries of 128 bytes.
const MAX_CENTRAL: u64 = 512 << 20;
const MAX32: u32 = u32::MAX;
/// Flag bits: encrypted; sizes and checksum follow the data; strongly encrypted; headers masked.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const SIZES_FOLLOW: u16 = 1 << 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// An entry of the central directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// The Unix mode with the file's type; 0 where the zip has none.
    pub(super) mode: u32,
    pub(super) method: Method,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
    raw_method: u16,
}

fn cut(error: WireError) -> ImportError {
    match error {
        WireError::Truncated { field } => ImportError::truncated(format!("the zip's {field}")),
        other => ImportError::malformed(other.to_string()),
    }
}

struct Directory {
    entries: u64,
    size: u64,
    offset: u64,
}

/// Reads the central directory.
pub(super) fn read(reader: &mut (impl Read + Seek), limits: &Limits) -> Result<Vec<Entry>, ImportError> {
    let (found, ends_at) = find_end(reader)?;
    if found.entries > limits.entries {
        return Err(ImportError::Limit { limit: Limit::Entries, max: limits.entries });
    }
    if found.size > MAX_CENTRAL || found.offset.checked_add(found.size) != Some(ends_at) {
        return Err(ImportError::malformed("its central directory is not where its end record says"));
    }
    reader.seek(SeekFrom::Start(found.offset))?;
    let mut bytes = Vec::new();
    reader.take(found.size).read_to_end(&mut bytes)?;
    let mut decoder = Decoder::new(&bytes);
    let mut entries = Vec::new();
    while !decoder.is_empty() {
        entries.push(central_entry(&mut decoder)?);
    }
    if entries.len() as u64 != found.entries {
        return Err(ImportError::malformed(
            "its central directory has another number of entries than it says",
        ));
    }
    if entries.iter().any(|entry| entry.offset >= found.offset) {
        return Err(ImportError::malformed("an entry's data is not before the central directory"));
    }
    Ok(entries)
}

/// Finds the end record. Returns the central directory's place, and where it must end.
fn find_end(reader: &mut (impl Read + Seek)) -> Result<(Directory, u64), ImportError> {
    let length = reader.seek(SeekFrom::End(0))?;
    let tail_at = length.saturating_sub((END + usize::from(u16::MAX)) as u64);
    reader.seek(SeekFrom::Start(tail_at))?;
    let mut tail = Vec::new();
    reader.take(length - tail_at).read_to_end(&mut tail)?;
    // The record whose comment reaches exactly to the end of the file: so no other one can be meant.
    let found = (0..=tail.len().saturating_sub(END)).rev().find_map(|at| {
        let record = tail.get(at..)?.strip_prefix(b"PK\x05\x06")?;
        let comment = u16::from_le_bytes(*record.get(16..18)?.first_chunk()?);
        (record.len() == 18 + usize::from(comment)).then_some((at, record))
    });
    let Some((at, record)) = found else {
        return Err(ImportError::truncated("the zip (it has no end record)"));
    };
    let end_at = tail_at + at as u64;
    let mut decoder = Decoder::new(record);
    let (disk, start) = (decoder.u16("end").map_err(cut)?, decoder.u16("end").map_err(cut)?);
    let (here, entries) = (decoder.u16("end").map_err(cut)?, decoder.u16("end").map_err(cut)?);
    let (size, offset) = (decoder.u32("end").map_err(cut)?, decoder.u32("end").map_err(cut)?);
    let locator = at.checked_sub(20).and_then(|from| tail.get(from..at));
    if let Some(locator) = locator.and_then(|bytes| bytes.strip_prefix(b"PK\x06\x07")) {
        return read_end64(reader, locator, end_at);
    }
    if disk != 0 || start != 0 || here != entries {
        return Err(ImportError::malformed("it is a part of a zip in several files"));
    }
    Ok((Directory { entries: entries.into(), size: size.into(), offset: offset.into() }, end_at))
}

fn read_end64(
    reader: &mut (impl Read + Seek),
    locator: &[u8],
    end_at: u64,
) -> Result<(Directory, u64), ImportError> {
    let mut decoder = Decoder::new(locator);
    decoder.u32("locator").map_err(cut)?;
    let at = decoder.u64("locator").map_err(cut)?;
    if at.checked_add(56 + 20) != Some(end_at) {
        return Err(ImportError::malformed("its zip64 end record is not just before the end record"));
    }
    reader.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; 56];
    reader.read_exact(&mut bytes).map_err(|_| ImportError::truncated("the zip's zip64 end record"))?;
    let body = bytes
        .strip_prefix(b"PK\x06\x06")
        .ok_or_else(|| ImportError::malformed("it has no zip64 end record"))?;
    let mut decoder = Decoder::new(body);
    decoder.take(8 + 2 + 2, "zip64 end record").map_err(cut)?;
    let field = "zip64 end record";
    let (disk, start) = (decoder.u32(field).map_err(cut)?, decoder.u32(field).map_err(cut)?);
    let (here, entries) = (decoder.u64(field).map_err(cut)?, decoder.u64(field).map_err(cut)?);
    let (size, offset) = (decoder.u64(field).map_err(cut)?, decoder.u64(field).map_err(cut)?);
    if disk != 0 || start != 0 || here != entries {
        return Err(ImportError::malformed("it is a part of a zip in several files"));
    }
    Ok((Directory { entries, size, offset }, at))
}

fn central_entry(decoder: &mut Decoder<'_>) -> Result<Entry, ImportError> {
    let field = "central directory";
    if decoder.take(4, field).map_err(cut)? != b"PK\x01\x02" {
        return Err(ImportError::malformed("its central directory has something that is no entry"));
    }
    let mut u16 = || decoder.u16(field).map_err(cut);
    let (_made, _needed, flags, raw_method) = (u16()?, u16()?, u16()?, u16()?);
    decoder.u32(field).map_err(cut)?;
    let crc = decoder.u32(field).map_err(cut)?;
    let (compressed, size) = (decoder.u32(field).map_err(cut)?, decoder.u32(field).map_err(cut)?);
    let mut u16 = || decoder.u16(field).map_err(cut).map(usize::from);
    let (name_length, extra_length, comment_length) = (u16()?, u16()?, u16()?);
    let disk = u16()?;
    u16()?;
    let external = decoder.u32(field).map_err(cut)?;
    let offset = decoder.u32(field).map_err(cut)?;
    let name = decoder.take(name_length, field).map_err(cut)?.to_vec();
    let extra = decoder.take(extra_length, field).map_err(cut)?;
    decoder.take(comment_length, field).map_err(cut)?;
    if disk != 0 {
        return Err(ImportError::malformed("it is a part of a zip in several files"));
    }
    let unsupported =
        |feature: &str| ImportError::Unsupported { path: name.clone(), feature: feature.to_owned() };
    if flags & ENCRYPTED != 0 {
        return Err(unsupported("encryption"));
    }
    if name.contains(&b'\\') {
        return Err(unsupported("`\\` in its name, which some programs read as `/`"));
    }
    let method = match raw_method {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => return Err(unsupported(&format!("the compression method {other}"))),
    };
    let mut wide = Zip64::new(extra, &name)?;
    let size = wide.value(size)?;
    let compressed = wide.value(compressed)?;
    let offset = wide.value(offset)?;
    if method == Method::Stored && size != compressed {
        let (first, second) = (size.to_string(), compressed.to_string());
        return Err(ImportError::Differential { path: name, field: "size", first, second });
    }
    Ok(Entry { name, mode: external >> 16, method, crc, compressed, size, offset, raw_method })
}

/// The zip64 field of an entry: 64-bit values for those that are 0xffffffff, in their order.
struct Zip64<'e> {
    values: Option<Decoder<'e>>,
    name: &'e [u8],
}

impl<'e> Zip64<'e> {
    fn new(extra: &'e [u8], name: &'e [u8]) -> Result<Self, ImportError> {
        let mut decoder = Decoder::new(extra);
        let mut values = None;
        // Some writers pad the field with up to three bytes that are no record.
        while let Ok(id) = decoder.u16("extra") {
            let Ok(length) = decoder.u16("extra") else { break };
            let Ok(data) = decoder.take(length.into(), "extra") else { break };
            if id == 1 && values.replace(Decoder::new(data)).is_some() {
                let detail = format!("`{}` has two zip64 fields", escape(name));
                return Err(ImportError::malformed(detail));
            }
        }
        Ok(Self { values, name })
    }

    fn value(&mut self, narrow: u32) -> Result<u64, ImportError> {
        if narrow != MAX32 {
            return Ok(narrow.into());
        }
        let wide = self.values.as_mut().and_then(|values| values.u64("zip64").ok());
        wide.ok_or_else(|| ImportError::malformed(format!("`{}` lacks its zip64 field", escape(self.name))))
    }
}

/// Checks that an entry's local header says the same as the central directory. Returns where its data begins.
pub(super) fn check_local(reader: &mut (impl Read + Seek), entry: &Entry) -> Result<u64, ImportError> {
    reader.seek(SeekFrom::Start(entry.offset))?;
    let mut header = [0; LOCAL];
    let inside = || ImportError::truncated(format!("`{}`", escape(&entry.name)));
    reader.read_exact(&mut header).map_err(|_| inside())?;
    let no_header =
        || ImportError::malformed(format!("`{}` has no header where it should be", escape(&entry.name)));
    let body = header.strip_prefix(b"PK\x03\x04").ok_or_else(no_header)?;
    let field = "local header";
    let mut decoder = Decoder::new(body);
    let mut u16 = || decoder.u16(field).map_err(cut);
    let (_needed, flags, method) = (u16()?, u16()?, u16()?);
    decoder.u32(field).map_err(cut)?;
    let crc = decoder.u32(field).map_err(cut)?;
    let (compressed, size) = (decoder.u32(field).map_err(cut)?, decoder.u32(field).map_err(cut)?);
    let (name_length, extra_length) = (decoder.u16(field).map_err(cut)?, decoder.u16(field).map_err(cut)?);
    let mut name = vec![0; usize::from(name_length)];
    reader.read_exact(&mut name).map_err(|_| inside())?;
    let mut extra = vec![0; usize::from(extra_length)];
    reader.read_exact(&mut extra).map_err(|_| inside())?;
    let differs = |field, first: String, second: String| {
        Err(ImportError::Differential { path: entry.name.clone(), field, first, second })
    };
    if name != entry.name {
        return differs("name", format!("`{}`", escape(&entry.name)), format!("`{}`", escape(&name)));
    }
    if method != entry.raw_method {
        return differs("method", entry.raw_method.to_string(), method.to_string());
    }
    let mut wide = Zip64::new(&extra, &entry.name)?;
    // Sizes that follow the data stand as zeros here, or as the right values.
    let follow = flags & SIZES_FOLLOW != 0;
    if !(follow && crc == 0) && crc != entry.crc {
        return differs("CRC-32", format!("{:08x}", entry.crc), format!("{crc:08x}"));
    }
    for (field, local, central) in
        [("size", size, entry.size), ("compressed size", compressed, entry.compressed)]
    {
        if follow && (local == 0 || local == MAX32) {
            continue;
        }
        let local = wide.value(local)?;
        if local != central {
            return differs(field, central.to_string(), local.to_string());
        }
    }
    Ok(entry.offset + LOCAL as u64 + u64::from(name_length) + u64::from(extra_length))
}
