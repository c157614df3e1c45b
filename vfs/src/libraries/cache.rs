//! The format of glibc's `ld.so.cache`, in the version that loaders read since 1999 and that is written alone since 2.32.
//!
//! ```text
//! cache   = "glibc-ld.so.cache" "1.1" count:u32 strings:u32 order:u8 zero:3 extensions:u32 zero:12 entry* string*
//! entry   = flags:u32 name:u32 path:u32 zero:4 zero:8
//! string  = byte* NUL
//! ```
//!
//! `order` is 2: numbers are little-endian. `count` is that of the entries, `strings` the length of all strings in bytes;
//! there are no extensions. A name and a path are where a string begins, from the start of the file. Loaders look for a name
//! by halving, so the entries are in descending order, in which numbers within names count as numbers.

use std::{cmp::Ordering, iter::Peekable};

/// A library by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Where it is in the root.
    pub(super) path: String,
    pub(super) flags: u32,
}

const HEADER: usize = 48;
const ENTRY: usize = 24;
const LITTLE_ENDIAN: u8 = 2;

/// A cache of these libraries.
pub(super) fn encode(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by(|a, b| order(&b.name, &a.name).then(b.flags.cmp(&a.flags)));
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let before = HEADER + ENTRY * entries.len();
    let (mut table, mut strings) = (Vec::new(), Vec::new());
    for Entry { name, path, flags } in &entries {
        let path_at = before + strings.len();
        strings.extend(path.bytes().chain([0]));
        // Mostly a path ends with the name.
        let name_at = if path.ends_with(name.as_str()) {
            path_at + path.len() - name.len()
        } else {
            let at = before + strings.len();
            strings.extend(name.bytes().chain([0]));
            at
        };
        for field in [flags.to_le_bytes(), number(name_at), number(path_at)] {
            table.extend(field);
        }
        table.extend([0; 12]);
    }
    let mut out = b"glibc-ld.so.cache1.1".to_vec();
    out.extend(number(entries.len()));
    out.extend(number(strings.len()));
    out.extend([LITTLE_ENDIAN, 0, 0, 0]);
    out.resize(HEADER, 0);
    out.append(&mut table);
    out.append(&mut strings);
    out
}

/// The order of names: digits come after all else, and together they are a number.
fn order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.bytes().peekable(), b.bytes().peekable());
    loop {
        let compared = match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => take(&mut a).cmp(&take(&mut b)),
            (x, y) => {
                a.next();
                b.next();
                let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
                digit(x).cmp(&digit(y)).then(x.cmp(&y))
            }
        };
        if compared.is_ne() {
            return compared;
        }
    }
}

/// A number, as far as a loader tells numbers apart.
fn take(bytes: &mut Peekable<impl Iterator<Item = u8>>) -> u32 {
    let mut number = 0_u32;
    while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
        number = number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names =
            ["libb.so.1", "liba.so.10", "liba.so.9", "liba.so", "liba2.so", "liba.so.9.1", "liba"];
        names.sort_by(|a, b| order(a, b));
        assert_eq!(
            names,
            ["liba", "liba.so", "liba.so.9", "liba.so.9.1", "liba.so.10", "liba2.so", "libb.so.1"]
        );
    }

    /// Golden bytes: what loaders have read for a long time does not change.
    #[test]
    fn the_bytes_are_pinned() {
        let entry = |name: &str, path: &str| Entry { name: name.into(), path: path.into(), flags: 0x303 };
        let bytes = encode(vec![entry("liba.so.1", "/usr/lib/liba.so.1"), entry("libb.so", "/usr/lib/b")]);
        let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let mut expected = b"glibc-ld.so.cache1.1".to_vec();
        expected.extend(numbers(&[2, 38, 2, 0, 0, 0, 0]));
        expected.extend(numbers(&[0x303, 107, 96, 0, 0, 0, 0x303, 124, 115, 0, 0, 0]));
        expected.extend(b"/usr/lib/b\0libb.so\0/usr/lib/liba.so.1\0");
        assert_eq!(bytes, expected);
    }
}
