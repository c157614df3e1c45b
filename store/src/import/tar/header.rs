//! One header block of a tar.
//!
//! ```text
//!   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8
//! 156 type 1 | 157 target 100 | 257 magic 6 version 2 | 265 user 32 | 297 group 32 | 329 major 8 | 337 minor 8
//! 345 prefix 155 (POSIX alone)
//! ```

use crate::{import::error::ImportError, name::escape};

/// Headers and data come in blocks of this many bytes.
pub(super) const BLOCK: usize = 512;

/// What of a header makes a tree.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) kind: u8,
    pub(super) target: Vec<u8>,
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, ImportError> {
        if !checksum_is_right(block) {
            return Err(ImportError::malformed("a header's checksum is not right"));
        }
        let field = |from: usize, length: usize| block.get(from..from + length).unwrap_or_default();
        let mut name = until_nul(field(0, 100)).to_vec();
        // GNU uses the place of the prefix for other things, and says so by another magic.
        if field(257, 6) == b"ustar\0" {
            let prefix = until_nul(field(345, 155));
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        let number = |from, length, what| number(field(from, length), what, &name);
        // Only the low bits of the mode mean anything; some writers put the file's type above them.
        let mode = u32::try_from(number(100, 8, "mode")? & 0o7777).unwrap_or(0);
        let size = number(124, 12, "size")?;
        let kind = field(156, 1).first().copied().unwrap_or(0);
        Ok(Self { mode, size, kind, target: until_nul(field(157, 100)).to_vec(), name })
    }
}

/// Whether the sum of all bytes, with the sum's own field as spaces, is what that field says. Some old writers
/// summed signed bytes.
pub(super) fn checksum_is_right(block: &[u8; BLOCK]) -> bool {
    let Some(said) = block.get(148..156).and_then(octal) else { return false };
    let (mut unsigned, mut signed) = (0_u64, 0_i64);
    for (index, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) { b' ' } else { *byte };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    said == unsigned || i64::try_from(said) == Ok(signed)
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, with spaces before them and spaces or NULs after them; an empty field is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let mut digits = field.trim_ascii_start();
    while let [rest @ .., 0 | b' '] = digits {
        digits = rest;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value = value.checked_mul(8)?.checked_add(digit.into())?;
    }
    Some(value)
}

/// A number in octal or, for large ones, in base 256 after a byte 0x80.
fn number(field: &[u8], what: &str, name: &[u8]) -> Result<u64, ImportError> {
    let value = match field {
        [0x80, rest @ ..] => rest.iter().try_fold(0_u64, |value, byte| {
            // Shifting out a set bit would be a number that does not fit.
            (value >> 56 == 0).then(|| (value << 8) | u64::from(*byte))
        }),
        field => octal(field),
    };
    value.ok_or_else(|| {
        ImportError::malformed(format!("the {what} of `{}` is no number: `{}`", escape(name), escape(field)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256_and_nothing_else() {
        assert_eq!(number(b"0000644\0", "mode", b"x").unwrap(), 0o644);
        assert_eq!(number(b"   644 \0", "mode", b"x").unwrap(), 0o644);
        assert_eq!(number(b"\0\0\0\0\0\0\0\0", "mode", b"x").unwrap(), 0);
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x01\0\0\0\0", "size", b"x").unwrap(), 1 << 32);
        assert!(number(b"\x80\x01\0\0\0\0\0\0\0\0\0\0", "size", b"x").is_err());
        for bad in
            [b"-0000001", b"12 34\0\0\0", b"0000008\0", b"0x10\0\0\0\0", b"\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert!(number(bad, "size", b"x").is_err(), "{bad:?}");
        }
    }
}
