//! Platforms (`arch-os[-abi]`) and CPU levels.

use std::{fmt, str::FromStr};

/// Why a text is not a platform or a CPU level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Not a platform that nuka knows.
    #[error("unknown platform `{}`; known are {}", text.escape_debug(), Platform::KNOWN.join(", "))]
    Platform {
        /// The text as given.
        text: String,
    },
    /// Not a CPU level that nuka knows.
    #[error("unknown CPU level `{}`; known are {}", text.escape_debug(), Cpu::KNOWN.join(", "))]
    Cpu {
        /// The text as given.
        text: String,
    },
}

/// A platform that packages are built for, in one spelling; other tools' spellings are aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(&'static str);

impl Platform {
    const KNOWN: &'static [&'static str] = &[
        "wasm32-wasip1",
        "wasm64-wasip1",
        "x86_64-linux-gnu",
        "x86_64-linux-musl",
        "aarch64-linux-gnu",
        "aarch64-linux-musl",
        "x86_64-freebsd",
        "x86_64-darwin",
        "aarch64-darwin",
        "x86_64-windows",
        "any",
    ];

    const ALIASES: &'static [(&'static str, &'static str)] = &[
        ("wasm32-wasi", "wasm32-wasip1"),
        ("wasm32-unknown-wasip1", "wasm32-wasip1"),
        ("wasm", "wasm32-wasip1"),
        ("x86_64-linux", "x86_64-linux-gnu"),
        ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu"),
        ("x86_64-unknown-linux-musl", "x86_64-linux-musl"),
        ("amd64-linux", "x86_64-linux-gnu"),
        ("aarch64-linux", "aarch64-linux-gnu"),
        ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu"),
        ("arm64-linux", "aarch64-linux-gnu"),
        ("x86_64-macos", "x86_64-darwin"),
        ("aarch64-macos", "aarch64-darwin"),
        ("arm64-darwin", "aarch64-darwin"),
        // Go's spellings.
        ("linux/amd64", "x86_64-linux-gnu"),
        ("linux/arm64", "aarch64-linux-gnu"),
        ("freebsd/amd64", "x86_64-freebsd"),
        ("darwin/amd64", "x86_64-darwin"),
        ("darwin/arm64", "aarch64-darwin"),
        ("windows/amd64", "x86_64-windows"),
        ("wasip1/wasm", "wasm32-wasip1"),
    ];

    /// The wasm platform that is built for by default.
    pub const WASM: Platform = Platform("wasm32-wasip1");

    /// Data and scripts that run anywhere.
    pub const ANY: Platform = Platform("any");

    /// The platform's text.
    pub fn as_str(&self) -> &'static str {
        self.0
    }

    /// The platform of the machine that this code was compiled for, if nuka has a name for it.
    pub fn of_this_machine() -> Option<Platform> {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        format!("{}-{os}", std::env::consts::ARCH).parse().ok()
    }

    /// True if programs for it run inside a wasm runtime.
    pub fn is_wasm(&self) -> bool {
        self.0.starts_with("wasm")
    }

    /// True if programs for it run directly on a machine, with all that a process may do there.
    pub fn is_native(&self) -> bool {
        !self.is_wasm() && *self != Self::ANY
    }
}

/// The instruction set that a package may use, as a level of its architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(&'static str);

impl Cpu {
    const KNOWN: &'static [&'static str] = &[
        "generic",
        "x86-64-v1",
        "x86-64-v2",
        "x86-64-v3",
        "x86-64-v4",
        "armv8.0-a",
        "armv8.2-a",
        "armv9.0-a",
    ];

    const ALIASES: &'static [(&'static str, &'static str)] =
        &[("baseline", "generic"), ("x86-64", "x86-64-v1")];

    /// Whatever every machine of the platform has; for wasm, always this.
    pub const GENERIC: Cpu = Cpu("generic");

    /// The level's text.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

fn lookup(
    known: &'static [&'static str],
    aliases: &[(&str, &'static str)],
    text: &str,
) -> Option<&'static str> {
    let text = aliases.iter().find(|(alias, _)| *alias == text).map_or(text, |(_, name)| name);
    known.iter().find(|name| **name == text).copied()
}

macro_rules! text_traits {
    ($name:ident, $variant:ident) => {
        impl FromStr for $name {
            type Err = PlatformError;
            fn from_str(text: &str) -> Result<Self, PlatformError> {
                lookup(Self::KNOWN, Self::ALIASES, text)
                    .map(Self)
                    .ok_or_else(|| PlatformError::$variant { text: text.to_owned() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// Only the one spelling: an alias in a PIR would be a second text for one value.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                lookup(Self::KNOWN, &[], &text).map(Self).ok_or_else(|| {
                    serde::de::Error::custom(PlatformError::$variant { text: text.into_owned() })
                })
            }
        }
    };
}

text_traits!(Platform, Platform);
text_traits!(Cpu, Cpu);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_resolve_to_one_spelling() {
        assert_eq!("wasm32-wasi".parse::<Platform>().unwrap(), Platform::WASM);
        assert_eq!("x86-64".parse::<Cpu>().unwrap().as_str(), "x86-64-v1");
        assert_eq!("linux/amd64".parse::<Platform>().unwrap().as_str(), "x86_64-linux-gnu");
        assert_eq!("wasip1/wasm".parse::<Platform>().unwrap(), Platform::WASM);
        for (alias, name) in Platform::ALIASES {
            assert_eq!(alias.parse::<Platform>().unwrap().as_str(), *name);
        }
        assert!("pdp11-unix".parse::<Platform>().is_err());
        assert!(serde_json::from_str::<Platform>("\"wasm32-wasi\"").is_err());
    }
}
