//! What profiles and generations are called.

use nuka_pir::{NameError, PackageName};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, num::NonZeroU64, str::FromStr};

/// A profile's name: as a package's may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(Cow<'static, str>);

impl ProfileName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ProfileName {
    fn default() -> Self {
        // A name by the rules, as a test shows.
        Self(Cow::Borrowed("default"))
    }
}

impl FromStr for ProfileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        PackageName::new(text).map(|name| Self(Cow::Owned(name.to_string())))
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A generation's number within its profile, from 1. Numbers are given once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GenerationNumber(NonZeroU64);

impl GenerationNumber {
    /// The first one.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The one that comes next. There are more of them than anybody can make.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl FromStr for GenerationNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for GenerationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        assert_eq!(ProfileName::default(), "default".parse().unwrap());
        for bad in ["", "..", "a/b", ".x", "A b"] {
            assert!(bad.parse::<ProfileName>().is_err(), "{bad}");
        }
        assert!("0".parse::<GenerationNumber>().is_err() && "-1".parse::<GenerationNumber>().is_err());
        assert_eq!(GenerationNumber::FIRST.next().to_string(), "2");
    }
}
