//! What extended headers say of the next entry: pax records and GNU long names.
//!
//! ```text
//! record = length " " key "=" value "\n"        length: decimal, of the whole record
//! ```
//!
//! Times, owners and comments are passed over; what a tree cannot hold is refused by name; `path`, `linkpath`
//! and `size` count for one entry, and never for all.

use crate::{
    import::{error::ImportError, sink::Sink},
    name::escape,
};

/// What is said of the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) name: Option<Vec<u8>>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Extended {
    /// Takes the records of a pax header. `of` is the header's own name, for messages.
    pub(super) fn pax(&mut self, data: &[u8], of: &[u8], sink: &Sink<'_>) -> Result<(), ImportError> {
        for record in records(data) {
            let (key, value) = record?;
            match key {
                b"path" => set("name", &mut self.name, value.to_vec())?,
                b"linkpath" => set("link target", &mut self.target, value.to_vec())?,
                b"size" => set("size", &mut self.size, decimal(value).ok_or_else(|| bad_number(value))?)?,
                key => check_other(key, self.name.as_deref().unwrap_or(of), sink)?,
            }
        }
        Ok(())
    }

    pub(super) fn long_name(&mut self, data: Vec<u8>) -> Result<(), ImportError> {
        set("name", &mut self.name, without_nul(data))
    }

    pub(super) fn long_target(&mut self, data: Vec<u8>) -> Result<(), ImportError> {
        set("link target", &mut self.target, without_nul(data))
    }
}

/// A global header may say nothing that changes what an entry is.
pub(super) fn check_global(data: &[u8], of: &[u8], sink: &Sink<'_>) -> Result<(), ImportError> {
    for record in records(data) {
        let (key, _) = record?;
        if matches!(key, b"path" | b"linkpath" | b"size") {
            let feature = format!("a global `{}`", escape(key));
            return Err(ImportError::Unsupported { path: of.to_vec(), feature });
        }
        check_other(key, of, sink)?;
    }
    Ok(())
}

/// Keys of which a tree keeps nothing: harmless ones, and ones that say that something would be lost.
fn check_other(key: &[u8], of: &[u8], sink: &Sink<'_>) -> Result<(), ImportError> {
    if key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize" {
        return Err(ImportError::Kind { path: of.to_vec(), kind: "sparse file" });
    }
    const EXTRAS: [&[u8]; 5] =
        [b"SCHILY.xattr.", b"LIBARCHIVE.xattr.", b"SCHILY.acl.", b"RHT.security.", b"SCHILY.filetype"];
    if EXTRAS.iter().any(|extra| key.starts_with(extra)) {
        return sink.extra(of, format!("the attribute `{}`", escape(key)));
    }
    Ok(())
}

/// Two different values for one thing are an error: which of them counts depends on the reader.
fn set<T: PartialEq + std::fmt::Debug>(
    what: &'static str,
    slot: &mut Option<T>,
    value: T,
) -> Result<(), ImportError> {
    match slot {
        Some(before) if *before != value => {
            Err(ImportError::malformed(format!("an entry's {what} is given twice, in two ways")))
        }
        _ => {
            *slot = Some(value);
            Ok(())
        }
    }
}

fn without_nul(mut data: Vec<u8>) -> Vec<u8> {
    while data.last() == Some(&0) {
        data.pop();
    }
    data
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn bad_number(value: &[u8]) -> ImportError {
    ImportError::malformed(format!("a pax size is no number: `{}`", escape(value)))
}

type Record<'d> = (&'d [u8], &'d [u8]);

fn records(mut data: &[u8]) -> impl Iterator<Item = Result<Record<'_>, ImportError>> {
    std::iter::from_fn(move || {
        if data.is_empty() {
            return None;
        }
        let record = split_record(data);
        match record {
            Some((record, rest)) => {
                data = rest;
                Some(Ok(record))
            }
            None => {
                data = &[];
                Some(Err(ImportError::malformed("a pax header has a record that is none")))
            }
        }
    })
}

fn split_record(data: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(data.get(..space)?)?).ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    Some(((body.get(..equals)?, body.get(equals + 1..)?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_length_prefixed() {
        let all = |data: &'static [u8]| records(data).collect::<Result<Vec<_>, _>>();
        assert_eq!(
            all(b"11 path=ab\n13 size=1234\n").unwrap(),
            [(b"path".as_slice(), b"ab".as_slice()), (b"size", b"1234")]
        );
        // A value may hold anything, newlines too: only the length counts.
        assert_eq!(all(b"12 path=a\nb\n").unwrap(), [(b"path".as_slice(), b"a\nb".as_slice())]);
        for bad in [
            b"12 path=ab\n".as_slice(),
            b"10 path=ab\n",
            b"11 path ab\n",
            b"x path=ab\n",
            b"+11 path=a\n",
            b"7 =ab\n",
            b"99999999999999999999 a=b\n",
            b"1 ",
        ] {
            assert!(all(bad).is_err(), "{}", escape(bad));
        }
    }
}
