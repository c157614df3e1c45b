//! A validated name of one directory entry, and relative paths made of such names.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Longest name that a directory entry may have, in bytes.
pub const MAX_NAME_LEN: usize = 255;

/// Most components that a path may have; also the deepest that a tree may nest.
pub const MAX_DEPTH: usize = 256;

/// One directory entry's name: 1 to 255 bytes, no `/`, no NUL, neither `.` nor `..`.
///
/// Names are bytes and compare as bytes. Cloning shares the allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

/// Why some bytes cannot be a [`Name`] or a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name has no bytes.
    #[error("a name in a path is empty")]
    Empty,
    /// The name is longer than [`MAX_NAME_LEN`].
    #[error("a name is {len} bytes long; at most {MAX_NAME_LEN} are allowed")]
    TooLong {
        /// Length of the refused name in bytes.
        len: usize,
    },
    /// The name contains `/` or NUL.
    #[error("the name `{name}` contains the byte {byte:#04x}, which no name may have")]
    ForbiddenByte {
        /// The refused name, escaped.
        name: String,
        /// The byte that is not allowed.
        byte: u8,
    },
    /// The name is `.` or `..`.
    #[error("`{name}` is not a name: it means a directory relative to another")]
    Relative {
        /// `.` or `..`.
        name: &'static str,
    },
    /// The path has more than [`MAX_DEPTH`] components.
    #[error("a path has {depth} components; at most {MAX_DEPTH} are allowed")]
    TooDeep {
        /// Number of components of the refused path.
        depth: usize,
    },
    /// A guest path does not begin with `/`.
    #[error("the path `{path}` is not absolute")]
    NotAbsolute {
        /// The refused path, escaped.
        path: String,
    },
}

impl Name {
    /// Checks `bytes` and makes a name of them.
    ///
    /// # Errors
    /// A [`NameError`] that says which rule the bytes break.
    pub fn new(bytes: &[u8]) -> Result<Self, NameError> {
        Self::check(bytes)?;
        Ok(Self(Arc::from(bytes)))
    }

    /// Checks `bytes` without making a name.
    ///
    /// # Errors
    /// A [`NameError`] that says which rule the bytes break.
    pub fn check(bytes: &[u8]) -> Result<(), NameError> {
        match bytes {
            [] => Err(NameError::Empty),
            [b'.'] => Err(NameError::Relative { name: "." }),
            [b'.', b'.'] => Err(NameError::Relative { name: ".." }),
            _ if bytes.len() > MAX_NAME_LEN => Err(NameError::TooLong { len: bytes.len() }),
            _ => match bytes.iter().copied().find(|&b| b == b'/' || b == 0) {
                Some(byte) => Err(NameError::ForbiddenByte { name: bytes.escape_ascii().to_string(), byte }),
                None => Ok(()),
            },
        }
    }

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Splits a relative path at `/` and checks each component. Leading, trailing and doubled slashes are
/// ignored, so `""` and `/` are the empty path: the tree itself.
///
/// # Errors
/// A [`NameError`] when a component is not a name or when there are more than [`MAX_DEPTH`].
pub fn split_path(path: &[u8]) -> Result<Vec<&[u8]>, NameError> {
    let mut components = Vec::new();
    for component in path.split(|&b| b == b'/').filter(|c| !c.is_empty()) {
        Name::check(component)?;
        components.push(component);
    }
    match components.len() {
        depth if depth > MAX_DEPTH => Err(NameError::TooDeep { depth }),
        _ => Ok(components),
    }
}

/// An absolute path in the world of a process: where a tree is mounted, or where the process stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPath(Vec<Name>);

impl GuestPath {
    /// Reads an absolute path such as `/usr`. Doubled and trailing slashes are ignored.
    ///
    /// # Errors
    /// A [`NameError`] when the path is not absolute, has `.` or `..`, or has a component that is not a name.
    pub fn new(path: impl AsRef<[u8]>) -> Result<Self, NameError> {
        let path = path.as_ref();
        if path.first() != Some(&b'/') {
            return Err(NameError::NotAbsolute { path: path.escape_ascii().to_string() });
        }
        split_path(path)?.into_iter().map(Name::new).collect::<Result<_, _>>().map(Self)
    }

    /// The components from the root downwards.
    #[must_use]
    pub fn components(&self) -> &[Name] {
        &self.0
    }

    /// The path as bytes, beginning with `/` and without a trailing slash (except for the root itself).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return b"/".to_vec();
        }
        let mut bytes = Vec::new();
        for name in &self.0 {
            bytes.push(b'/');
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    /// The rest of this path below `ancestor` (empty when they are equal), or `None` when it is not below it.
    #[must_use]
    pub fn strip_prefix(&self, ancestor: &GuestPath) -> Option<&[Name]> {
        self.0.strip_prefix(ancestor.0.as_slice())
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_bytes().escape_ascii())
    }
}

impl fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_refused() {
        assert_eq!(Name::new(b""), Err(NameError::Empty));
        assert_eq!(Name::new(b"."), Err(NameError::Relative { name: "." }));
        assert_eq!(Name::new(b".."), Err(NameError::Relative { name: ".." }));
        assert!(matches!(Name::new(b"a/b"), Err(NameError::ForbiddenByte { byte: b'/', .. })));
        assert!(matches!(Name::new(b"a\0"), Err(NameError::ForbiddenByte { byte: 0, .. })));
        assert_eq!(Name::new(&[b'x'; 256]), Err(NameError::TooLong { len: 256 }));
        assert!(Name::new(&[b'x'; 255]).is_ok());
        assert!(Name::new(b"...").is_ok());
        assert!(Name::new(&[0xff, 0xfe]).is_ok());
    }

    #[test]
    fn paths_split_and_refuse_dots() {
        assert_eq!(split_path(b"/a//b/").unwrap(), [b"a", b"b"]);
        assert!(split_path(b"").unwrap().is_empty());
        assert!(matches!(split_path(b"a/../b"), Err(NameError::Relative { name: ".." })));
        assert!(matches!(split_path(&b"a/".repeat(257)), Err(NameError::TooDeep { depth: 257 })));
    }

    #[test]
    fn guest_paths() {
        let usr = GuestPath::new("/usr").unwrap();
        let lib = GuestPath::new("/usr//lib/").unwrap();
        assert_eq!(lib.to_bytes(), b"/usr/lib");
        assert_eq!(lib.strip_prefix(&usr).unwrap(), [Name::new(b"lib").unwrap()]);
        assert_eq!(usr.strip_prefix(&lib), None);
        assert_eq!(GuestPath::new("/").unwrap().to_bytes(), b"/");
        assert!(matches!(GuestPath::new("usr"), Err(NameError::NotAbsolute { .. })));
    }
}
