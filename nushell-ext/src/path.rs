//! Paths of recipe files inside the recipe roots.

use std::{fmt, str::FromStr};

/// Longest recipe path, in bytes.
pub const MAX_PATH_LEN: usize = 255;

/// A recipe file's path inside the recipe roots: `zlib.nu`, `lib/c.nu`.
///
/// Components are `[A-Za-z0-9_+][A-Za-z0-9_+.-]*`, joined by `/`; the last ends in `.nu`. So there is no
/// absolute path, no `..`, and nothing that a shell or a terminal would read as something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipePath(Box<str>);

/// Why a text is not a recipe path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a path of a recipe file: {rule}", text.escape_debug())]
pub struct PathError {
    /// The text as given.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl RecipePath {
    /// Checks a text and makes it a path.
    pub fn new(text: &str) -> Result<Self, PathError> {
        let wrong = |rule| Err(PathError { text: text.to_owned(), rule });
        if text.len() > MAX_PATH_LEN {
            return wrong("it is longer than 255 bytes");
        }
        if !text.ends_with(".nu") {
            return wrong("it does not end in `.nu`");
        }
        if !text.split('/').all(is_component) {
            return wrong("each part begins with a letter, a digit, `_` or `+`, then also `.` and `-`");
        }
        Ok(Self(text.into()))
    }

    /// The file of the package `name`: `NAME.nu` at a root.
    pub fn of_package(name: &nuka_pir::PackageName) -> Self {
        Self(format!("{name}.nu").into())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that the file is in, without a trailing `/`; empty at a root.
    pub fn directory(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// The last component without `.nu`.
    pub fn stem(&self) -> &str {
        let name = self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name);
        name.strip_suffix(".nu").unwrap_or(name)
    }
}

/// True for one part of a recipe path.
pub(crate) fn is_component(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+".contains(c);
    part.starts_with(plain) && part.chars().all(|c| plain(c) || ".-".contains(c))
}

impl fmt::Display for RecipePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RecipePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths() {
        assert_eq!(RecipePath::new("lib/c.nu").unwrap().directory(), "lib");
        assert_eq!(RecipePath::new("libc++.nu").unwrap().stem(), "libc++");
        for bad in
            ["", "/etc/x.nu", "../x.nu", "a/../b.nu", "x", "~/x.nu", ".x.nu", "a//b.nu", "a b.nu", "é.nu"]
        {
            assert!(RecipePath::new(bad).is_err(), "{bad}");
        }
    }
}
