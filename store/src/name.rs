//! Names of directory entries, paths inside a tree, and symlink targets: validated once, then trusted.
//!
//! All three are bytes, as on Linux. What is shown to people goes through [`escape`], because a name may hold
//! control characters, terminal escapes or bytes that are not UTF-8.

use std::fmt::{self, Write as _};

/// The longest name of an entry, in bytes.
pub const MAX_NAME: usize = 255;
/// The longest symlink target, in bytes.
pub const MAX_TARGET: usize = 4095;
/// How deep a tree may be: the root's own entries are at depth 1.
pub const MAX_DEPTH: usize = 256;

/// Why bytes cannot be the name of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no bytes.
    #[error("a name is empty")]
    Empty,
    /// The name has more than [`MAX_NAME`] bytes.
    #[error("a name has {length} bytes (at most {MAX_NAME}): {}...", escape(start))]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// Its first bytes.
        start: Vec<u8>,
    },
    /// The name holds a `/`.
    #[error("the name `{}` holds a `/`", escape(name))]
    Slash {
        /// The name.
        name: Vec<u8>,
    },
    /// The name holds a NUL byte.
    #[error("the name `{}` holds a NUL byte", escape(name))]
    Nul {
        /// The name.
        name: Vec<u8>,
    },
    /// The name is `.`.
    #[error("a name is `.`")]
    Dot,
    /// The name is `..`.
    #[error("a name is `..`")]
    DotDot,
}

/// Why bytes cannot be a path inside a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// One of its components is not a name.
    #[error("in the path `{}`: {source}", escape(path))]
    Name {
        /// The path.
        path: Vec<u8>,
        /// What is wrong with the component.
        source: NameError,
    },
    /// The path begins with `/`.
    #[error("the path `{}` is absolute", escape(path))]
    Absolute {
        /// The path.
        path: Vec<u8>,
    },
    /// The path has more than [`MAX_DEPTH`] components.
    #[error("the path `{}...` is {depth} directories deep (at most {MAX_DEPTH})", escape(start))]
    TooDeep {
        /// How many components it has.
        depth: usize,
        /// Its first bytes.
        start: Vec<u8>,
    },
}

/// Why bytes cannot be the target of a symlink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The target has no bytes.
    #[error("a symlink's target is empty")]
    Empty,
    /// The target has more than [`MAX_TARGET`] bytes.
    #[error("a symlink's target has {length} bytes (at most {MAX_TARGET})")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The target holds a NUL byte.
    #[error("the symlink target `{}` holds a NUL byte", escape(target))]
    Nul {
        /// The target.
        target: Vec<u8>,
    },
}

/// The name of a directory entry: 1 to 255 bytes without `/` and NUL, and neither `.` nor `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(Box<[u8]>);

impl EntryName {
    /// Takes `name` if it may be one.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self, NameError> {
        let name = name.as_ref();
        match name {
            b"" => return Err(NameError::Empty),
            b"." => return Err(NameError::Dot),
            b".." => return Err(NameError::DotDot),
            _ => {}
        }
        if name.len() > MAX_NAME {
            let start = name.iter().take(32).copied().collect();
            return Err(NameError::TooLong { length: name.len(), start });
        }
        if name.contains(&b'/') {
            return Err(NameError::Slash { name: name.to_vec() });
        }
        if name.contains(&0) {
            return Err(NameError::Nul { name: name.to_vec() });
        }
        Ok(Self(name.into()))
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A path inside a tree: names, none for the root itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreePath(Vec<EntryName>);

impl TreePath {
    /// The path of the tree's root.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads `a/b/c`. Empty bytes are the root; empty components, `.`, `..` and a leading `/` are refused.
    pub fn parse(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let path = path.as_ref();
        if path.first() == Some(&b'/') {
            return Err(PathError::Absolute { path: shorten(path) });
        }
        Self::collect(path, path.split(|byte| *byte == b'/').skip(usize::from(path.is_empty())))
    }

    /// Reads a path as archives and command lines write it: `./a//b/` is `a/b`. A leading `/` and `..` are
    /// refused all the same.
    pub fn parse_loose(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let path = path.as_ref();
        if path.first() == Some(&b'/') {
            return Err(PathError::Absolute { path: shorten(path) });
        }
        let components = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
        Self::collect(path, components)
    }

    fn collect<'a>(path: &[u8], components: impl Iterator<Item = &'a [u8]>) -> Result<Self, PathError> {
        let mut names = Vec::new();
        for component in components {
            let name = EntryName::new(component)
                .map_err(|source| PathError::Name { path: shorten(path), source })?;
            names.push(name);
        }
        if names.len() > MAX_DEPTH {
            let start = path.iter().take(64).copied().collect();
            return Err(PathError::TooDeep { depth: names.len(), start });
        }
        Ok(Self(names))
    }

    /// The path of the entry `name` below this one.
    #[must_use]
    pub fn join(&self, name: EntryName) -> Self {
        let mut names = Vec::with_capacity(self.0.len() + 1);
        names.extend_from_slice(&self.0);
        names.push(name);
        Self(names)
    }

    /// The names along the path, from the root.
    pub fn names(&self) -> &[EntryName] {
        &self.0
    }

    /// How many names the path has.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as bytes, `/` between the names.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }
}

impl FromIterator<EntryName> for TreePath {
    fn from_iter<I: IntoIterator<Item = EntryName>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

/// Where a symlink points: 1 to 4095 bytes without NUL. It is data; nothing in the store follows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymlinkTarget(Box<[u8]>);

impl SymlinkTarget {
    /// Takes `target` if it may be one.
    pub fn new(target: impl AsRef<[u8]>) -> Result<Self, TargetError> {
        let target = target.as_ref();
        if target.is_empty() {
            return Err(TargetError::Empty);
        }
        if target.len() > MAX_TARGET {
            return Err(TargetError::TooLong { length: target.len() });
        }
        if target.contains(&0) {
            return Err(TargetError::Nul { target: shorten(target) });
        }
        Ok(Self(target.into()))
    }

    /// The target's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes as text that is safe to show: what is not printable is written `\n`, `\u{202e}` or `\xff`.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_format_control(character) {
                text.extend(character.escape_unicode());
            } else if character == '\'' || character == '"' {
                text.push(character);
            } else {
                text.extend(character.escape_debug());
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Characters that change how the text around them is shown (bidi overrides and isolates, zero-width ones).
fn is_format_control(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The beginning of a path that may be very long, escaped.
pub(crate) fn shown_start(path: &TreePath) -> String {
    let bytes = path.to_bytes();
    let start: Vec<u8> = bytes.iter().take(64).copied().collect();
    if start.len() < bytes.len() {
        format!("`{}...`", escape(&start))
    } else {
        format!("`{}`", escape(&start))
    }
}

/// At most 256 bytes of `bytes`, so that an error cannot be made huge.
fn shorten(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().take(256).copied().collect()
}

macro_rules! show_escaped {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&escape(&self.as_shown()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }
    )*};
}

impl EntryName {
    fn as_shown(&self) -> std::borrow::Cow<'_, [u8]> {
        (&*self.0).into()
    }
}

impl SymlinkTarget {
    fn as_shown(&self) -> std::borrow::Cow<'_, [u8]> {
        (&*self.0).into()
    }
}

impl TreePath {
    fn as_shown(&self) -> std::borrow::Cow<'_, [u8]> {
        if self.is_root() { b".".as_slice().into() } else { self.to_bytes().into() }
    }
}

show_escaped!(EntryName, TreePath, SymlinkTarget);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_name_has_its_own_reason() {
        assert_eq!(EntryName::new(""), Err(NameError::Empty));
        assert_eq!(EntryName::new("."), Err(NameError::Dot));
        assert_eq!(EntryName::new(".."), Err(NameError::DotDot));
        assert!(matches!(EntryName::new("a/b"), Err(NameError::Slash { .. })));
        assert!(matches!(EntryName::new("a\0b"), Err(NameError::Nul { .. })));
        assert!(matches!(EntryName::new([b'x'; 256]), Err(NameError::TooLong { length: 256, .. })));
        assert_eq!(EntryName::new([b'x'; 255]).unwrap().as_bytes().len(), 255);
        assert_eq!(EntryName::new(b"\xff...").unwrap().to_string(), "\\xff...");
    }

    #[test]
    fn paths_are_strict_or_loose_but_never_climb() {
        assert!(TreePath::parse("").unwrap().is_root());
        assert_eq!(TreePath::parse("a/b").unwrap().to_bytes(), b"a/b");
        assert_eq!(TreePath::parse_loose("./a//./b/").unwrap(), TreePath::parse("a/b").unwrap());
        for bad in ["a//b", "a/", "./a", "a/../b", ".."] {
            assert!(matches!(TreePath::parse(bad), Err(PathError::Name { .. })), "{bad}");
        }
        assert!(matches!(TreePath::parse_loose("a/../../b"), Err(PathError::Name { .. })));
        assert!(matches!(TreePath::parse_loose("/etc"), Err(PathError::Absolute { .. })));
        assert!(TreePath::parse("a/".repeat(255) + "a").is_ok());
        assert!(matches!(
            TreePath::parse("a/".repeat(256) + "a"),
            Err(PathError::TooDeep { depth: 257, .. })
        ));
    }

    #[test]
    fn targets_are_bounded() {
        assert_eq!(SymlinkTarget::new(""), Err(TargetError::Empty));
        assert_eq!(SymlinkTarget::new([b'a'; 4096]), Err(TargetError::TooLong { length: 4096 }));
        assert!(matches!(SymlinkTarget::new("a\0"), Err(TargetError::Nul { .. })));
        assert!(SymlinkTarget::new("../../anywhere").is_ok());
    }

    #[test]
    fn what_is_shown_cannot_drive_a_terminal() {
        assert_eq!(escape(b"a\x1b]52;c\x07\r\n"), "a\\u{1b}]52;c\\u{7}\\r\\n");
        assert_eq!(escape("x\u{202e}y\u{200b}".as_bytes()), "x\\u{202e}y\\u{200b}");
        assert_eq!(escape("naïve 'q'".as_bytes()), "naïve 'q'");
        assert_eq!(escape(b"\xfe\xff"), "\\xfe\\xff");
    }
}
