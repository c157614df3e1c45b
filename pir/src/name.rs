//! Names that cross boundaries: of packages, versions, inputs, outputs and programs.

use std::{fmt, str::FromStr};

/// Longest name or version, in bytes.
pub const MAX_NAME_LEN: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a {kind} cannot be empty")]
    Empty {
        /// What it was to name.
        kind: &'static str,
    },
    /// Over 64 bytes.
    #[error("the {kind} `{text}` is longer than {MAX_NAME_LEN} characters")]
    TooLong {
        /// What it was to name.
        kind: &'static str,
        /// The text as given.
        text: String,
    },
    /// A character that this kind of name does not have.
    #[error("the {kind} `{}` has the character {character:?}; allowed are {allowed}", text.escape_debug())]
    Character {
        /// What it was to name.
        kind: &'static str,
        /// The text as given.
        text: String,
        /// The first character that is not allowed.
        character: char,
        /// What is allowed, in words.
        allowed: &'static str,
    },
}

fn check(
    kind: &'static str,
    text: &str,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
    allowed: &'static str,
) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { kind });
    }
    if text.len() > MAX_NAME_LEN {
        return Err(NameError::TooLong { kind, text: text.to_owned() });
    }
    let wrong = text.chars().enumerate().find(|(at, c)| !if *at == 0 { first(*c) } else { rest(*c) });
    match wrong {
        Some((_, character)) => Err(NameError::Character { kind, text: text.to_owned(), character, allowed }),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $first:expr, $rest:expr, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks a text and makes it a name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check($kind, text, $first, $rest, $allowed)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

name_type!(
    /// A package's name: `[a-z0-9][a-z0-9+._-]*`.
    PackageName,
    "package name",
    lower_or_digit,
    |c| lower_or_digit(c) || "+._-".contains(c),
    "a-z, 0-9 and, after the first, + . _ -"
);
name_type!(
    /// A package's version: `[A-Za-z0-9][A-Za-z0-9+._~-]*`. Versions are compared only by recipes.
    Version,
    "version",
    alphanumeric,
    |c| alphanumeric(c) || "+._~-".contains(c),
    "a-z, A-Z, 0-9 and, after the first, + . _ ~ -"
);
name_type!(
    /// What a build calls one of its sources, tools or packages; a directory name under `/nuka/in`.
    InputName,
    "input name",
    lower_or_digit,
    |c| lower_or_digit(c) || "+._-".contains(c),
    "a-z, 0-9 and, after the first, + . _ -"
);
name_type!(
    /// One of a package's outputs; `out` is the one that holds what no other claims.
    OutputName,
    "output name",
    |c| c.is_ascii_lowercase(),
    |c| lower_or_digit(c) || c == '_',
    "a-z and, after the first, 0-9 _"
);
name_type!(
    /// A program that a package offers, as people type it.
    ProgramName,
    "program name",
    alphanumeric,
    |c| alphanumeric(c) || "+._-[".contains(c),
    "a-z, A-Z, 0-9 and, after the first, + . _ - ["
);

impl OutputName {
    /// The output that every package has.
    pub fn out() -> Self {
        Self("out".into())
    }

    /// Headers, static libraries: what only builds want.
    pub fn dev() -> Self {
        Self("dev".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_strict() {
        assert!(PackageName::new("libc++").is_ok());
        for bad in ["", "Zlib", "-o", "../x", "a b", "a/b", "a\u{0}", "@@u", "а"] {
            assert!(PackageName::new(bad).is_err(), "{bad:?}");
        }
        assert!(Version::new("22.0.0-git20542-10").is_ok());
        assert!(Version::new("--bind").is_err());
        assert!(PackageName::new(&"a".repeat(65)).is_err());
    }
}
