//! One look for each role that a piece of text can have. Without colour every text reads the same.

use std::fmt;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Something went well.
    Good,
    /// Something went wrong.
    Bad,
    /// Something should be looked at.
    Warning,
    /// A heading, or a name that the line is about.
    Strong,
    /// What can be passed over.
    Faint,
}

/// Whether one stream has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether it has.
    pub colour: bool,
}

/// A text with its look.
pub struct Styled<'a> {
    text: &'a str,
    code: Option<&'static str>,
}

impl Style {
    /// Gives a text the look of a role. The text must be escaped already.
    pub fn show<'a>(self, role: Role, text: &'a str) -> Styled<'a> {
        let code = match role {
            Role::Good => "32",
            Role::Bad => "1;31",
            Role::Warning => "33",
            Role::Strong => "1",
            Role::Faint => "2",
        };
        Styled { text, code: self.colour.then_some(code) }
    }
}

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.text),
            None => f.write_str(self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_nothing_is_added() {
        assert_eq!(Style { colour: false }.show(Role::Bad, "x").to_string(), "x");
        assert_eq!(Style { colour: true }.show(Role::Bad, "x").to_string(), "\u{1b}[1;31mx\u{1b}[0m");
    }
}
