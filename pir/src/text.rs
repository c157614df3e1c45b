//! What free text may hold: what is shown must be exactly what is meant.

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A control character, or one that changes the direction or the visibility of text.
    #[error("the character U+{code:04X} at byte {at} is not allowed: it could hide or fake what is shown")]
    Hidden {
        /// The character's code point.
        code: u32,
        /// Its byte offset.
        at: usize,
    },
}

/// True for characters that move the cursor, reorder text or cannot be seen.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Checks text that people will be shown: no control, bidirectional or invisible characters.
pub fn check_text(text: &str) -> Result<(), TextError> {
    match text.char_indices().find(|(_, character)| is_hidden(*character)) {
        Some((at, character)) => Err(TextError::Hidden { code: character as u32, at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_text;

    #[test]
    fn hidden_characters_are_refused() {
        assert!(check_text("ordinary — 漢字").is_ok());
        for text in ["\u{0}", "\u{1b}[2J", "a\u{202e}b", "zero\u{200b}width", "line\nbreak"] {
            assert!(check_text(text).is_err(), "{text:?}");
        }
    }
}
