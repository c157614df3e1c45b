//! What people want to know of a package, and no build does: it is outside the PID.

use crate::canonical::{self, CanonicalError};
use serde::{Deserialize, Serialize};

/// A package's description. Stored as a blob beside the PIR.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meta {
    /// One line: what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// SPDX licence expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Package URL, by which advisories find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
}

impl Meta {
    /// Canonical NUON, as it is stored.
    pub fn to_text(&self) -> Result<String, CanonicalError> {
        canonical::to_text(self)
    }

    /// Reads what [`Meta::to_text`] wrote.
    pub fn from_text(text: &str) -> Result<Self, CanonicalError> {
        canonical::from_text(text)
    }

    /// Each text field with its name.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("description", &self.description),
            ("homepage", &self.homepage),
            ("license", &self.license),
            ("purl", &self.purl),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }
}
