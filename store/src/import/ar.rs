//! Reading an ar archive, and a Debian binary package, which is one.
//!
//! ```text
//! archive = "!<arch>\n" member*
//! member  = name:16 mtime:12 uid:6 gid:6 mode:8 size:10 "`\n" data padding     numbers in ASCII, mode octal
//! ```
//!
//! Data is padded to an even length. Long names: GNU's `/123` points into the member `//`; BSD's `#1/12` has
//! the name before the data. In a package the members are `debian-binary`, `control.tar*` and `data.tar*`.

use super::{decompress, error::ImportError, sink::Sink, tar};
use crate::name::escape;
use std::io::Read;

/// The first bytes of an ar archive.
pub(super) const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;
/// The longest table of names, in bytes.
const MAX_NAMES: u64 = 16 << 20;

struct Member {
    name: Vec<u8>,
    mode: u64,
    size: u64,
}

/// Reads the data of a Debian package.
pub(super) fn read_deb(mut reader: impl Read, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    read_magic(&mut reader)?;
    let mut control = false;
    let mut first = true;
    while let Some(member) = read_header(&mut reader)? {
        let name = member.name.strip_suffix(b"/").unwrap_or(&member.name).to_vec();
        let mut data = reader.by_ref().take(member.size);
        let is =
            |stem: &[u8]| name == stem || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(b"."));
        if first {
            first = false;
            let mut version = Vec::new();
            data.by_ref().take(16).read_to_end(&mut version)?;
            if name != b"debian-binary" || !version.starts_with(b"2.") {
                return Err(ImportError::malformed("it is not a Debian package of format 2"));
            }
        } else if is(b"data.tar") {
            if !control {
                return Err(ImportError::malformed("the package has its data before its control file"));
            }
            let mut decoded = decompress::open(&mut data, &sink.options().limits)?;
            tar::read(&mut decoded, sink)?;
            drop(decoded);
            if data.limit() > 0 {
                skip(&mut data, &name)?;
            }
            return no_more(&mut reader, member.size);
        } else if is(b"control.tar") && !control {
            control = true;
        } else if !name.starts_with(b"_") {
            let detail = format!("the package has an unknown member `{}`", escape(&name));
            return Err(ImportError::malformed(detail));
        }
        skip(&mut data, &name)?;
        skip_padding(&mut reader, member.size)?;
    }
    Err(ImportError::truncated("the package (it has no data)"))
}

/// After the data: a signature perhaps, whose name begins with `_`, and nothing that is unpacked.
fn no_more(reader: &mut impl Read, size: u64) -> Result<(), ImportError> {
    skip_padding(reader, size)?;
    while let Some(member) = read_header(reader)? {
        if !member.name.starts_with(b"_") {
            let detail = format!("the package has `{}` after its data", escape(&member.name));
            return Err(ImportError::malformed(detail));
        }
        skip(&mut reader.by_ref().take(member.size), &member.name)?;
        skip_padding(reader, member.size)?;
    }
    Ok(())
}

/// Reads the members of any ar archive as files. Symbol tables are passed over.
pub(super) fn read_plain(mut reader: impl Read, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    read_magic(&mut reader)?;
    let mut names = Vec::new();
    while let Some(member) = read_header(&mut reader)? {
        let mut data = reader.by_ref().take(member.size);
        match member.name.as_slice() {
            b"/" | b"/SYM64/" | b"__.SYMDEF" => skip(&mut data, &member.name)?,
            b"//" => {
                if member.size > MAX_NAMES {
                    return Err(ImportError::malformed("its table of names is too long"));
                }
                data.read_to_end(&mut names)?;
                if names.len() as u64 != member.size {
                    return Err(ImportError::truncated("the table of names"));
                }
            }
            _ => {
                sink.count()?;
                let (name, size) = member_name(&member, &names, &mut data)?;
                let mode = u32::try_from(member.mode & 0o7777).unwrap_or(0);
                sink.check_mode(&name, mode)?;
                sink.file(&name, mode & 0o111 != 0, size, &mut data)?;
            }
        }
        skip_padding(&mut reader, member.size)?;
    }
    Ok(())
}

/// A member's whole name, and how many bytes of it are left after that.
fn member_name(member: &Member, names: &[u8], data: &mut impl Read) -> Result<(Vec<u8>, u64), ImportError> {
    let bad = || ImportError::malformed(format!("a member has the bad name `{}`", escape(&member.name)));
    if let Some(length) = member.name.strip_prefix(b"#1/") {
        let length = decimal(length).filter(|length| *length <= member.size.min(4096)).ok_or_else(bad)?;
        let mut name = Vec::new();
        data.by_ref().take(length).read_to_end(&mut name)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        return Ok((name, member.size - length));
    }
    let name = match member.name.strip_prefix(b"/") {
        Some(offset) => {
            let offset = decimal(offset).and_then(|offset| usize::try_from(offset).ok()).ok_or_else(bad)?;
            let rest = names.get(offset..).ok_or_else(bad)?;
            rest.split(|byte| *byte == b'\n').next().unwrap_or_default()
        }
        None => &member.name,
    };
    Ok((name.strip_suffix(b"/").unwrap_or(name).to_vec(), member.size))
}

fn read_magic(reader: &mut impl Read) -> Result<(), ImportError> {
    let mut magic = Vec::new();
    reader.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic == MAGIC { Ok(()) } else { Err(ImportError::malformed("it is not an ar archive")) }
}

fn read_header(reader: &mut impl Read) -> Result<Option<Member>, ImportError> {
    let mut header = Vec::new();
    reader.take(HEADER as u64).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(None);
    }
    if header.len() < HEADER {
        return Err(ImportError::truncated("a member's header"));
    }
    let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default().trim_ascii_end();
    let name = field(0, 16).to_vec();
    let bad = |what: &str| ImportError::malformed(format!("the member `{}` has a bad {what}", escape(&name)));
    if field(58, 60) != b"`" {
        return Err(bad("header"));
    }
    let size = decimal(field(48, 58)).ok_or_else(|| bad("size"))?;
    let mode = std::str::from_utf8(field(40, 48))
        .ok()
        .and_then(|text| if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() });
    let mode = mode.ok_or_else(|| bad("mode"))?;
    Ok(Some(Member { name, mode, size }))
}

fn decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn skip<R: Read>(data: &mut std::io::Take<R>, name: &[u8]) -> Result<(), ImportError> {
    let left = data.limit();
    let skipped = std::io::copy(data, &mut std::io::sink())?;
    if skipped == left { Ok(()) } else { Err(ImportError::truncated(format!("`{}`", escape(name)))) }
}

/// One byte after data of an odd length; it may be missing at the very end.
fn skip_padding(reader: &mut impl Read, size: u64) -> Result<(), ImportError> {
    std::io::copy(&mut reader.take(size % 2), &mut std::io::sink())?;
    Ok(())
}
