//! The one place through which untrusted text reaches a terminal: it makes invisible and controlling characters visible.
//!
//! Escaped are control characters (C0, DEL, C1), marks that change the direction of text, other characters that
//! show nothing, and line separators: each as `\n`, `\t`, `\r` or `\u{hex}`. What is left is printed as it is,
//! in every script.

use std::{borrow::Cow, fmt::Write as _};

/// One line: line breaks are escaped too.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_unless(text, |_| false)
}

/// Several lines: line feeds and tabs stay.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_unless(text, |character| matches!(character, '\n' | '\t'))
}

/// A source text whose byte offsets must stay: each byte of a character that would be escaped becomes `?`.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => masked.push(character),
            // A recipe with DOS line ends is shown without marks on every line.
            '\r' => masked.push(' '),
            unsafe_one if is_unsafe(unsafe_one) => {
                masked.extend(std::iter::repeat_n('?', unsafe_one.len_utf8()));
            }
            other => masked.push(other),
        }
    }
    masked
}

/// JSON text, in which such characters can stand only within strings, with each as `\uXXXX`.
pub fn escape_json(text: String) -> String {
    if !text.chars().any(is_hidden) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        if is_hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// NUON text, in which such characters can stand only within strings, with each as `\u{hex}`.
pub fn escape_nuon(text: String) -> String {
    if !text.chars().any(is_hidden) {
        return text;
    }
    text.chars().fold(String::new(), |mut escaped, character| {
        if is_hidden(character) {
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
        } else {
            escaped.push(character);
        }
        escaped
    })
}

fn escape_unless(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let wanted = |character: char| is_unsafe(character) && !keep(character);
    if !text.chars().any(wanted) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            kept if !wanted(kept) => escaped.push(kept),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            other => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(other));
            }
        }
    }
    Cow::Owned(escaped)
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || is_hidden(character)
}

/// Characters beyond ASCII that show nothing, or that change how their neighbours are shown.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'            // C1 controls: terminals may obey them
        | '\u{7f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}'      // zero width, left-to-right and right-to-left marks
        | '\u{2028}'..='\u{202e}'      // line separators, embeddings and overrides
        | '\u{2060}'..='\u{206f}'      // isolates and other format characters
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_commands_become_text() {
        assert_eq!(escape("\u{1b}]52;c;ZXZpbA==\u{7}"), "\\u{1b}]52;c;ZXZpbA==\\u{7}");
        assert_eq!(escape("a\rb\nc\td"), "a\\rb\\nc\\td");
        assert_eq!(escape("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(escape_lines("a\r\n\tb\u{8}"), "a\\r\n\tb\\u{8}");
    }

    #[test]
    fn text_cannot_be_turned_around_or_hidden() {
        assert_eq!(escape("gpj\u{202e}exe.nu"), "gpj\\u{202e}exe.nu");
        assert_eq!(escape("zl\u{200b}ib\u{feff}\u{2028}"), "zl\\u{200b}ib\\u{feff}\\u{2028}");
        assert_eq!(escape("\u{e0041}"), "\\u{e0041}");
    }

    #[test]
    fn every_script_is_left_as_it_is() {
        for text in ["zlib", "библиотека", "ライブラリ", "مكتبة", "a b\\c", "é"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_masked_text_keeps_its_offsets() {
        for text in ["a\u{1b}b", "\u{202e}x", "\u{e0041}y", "é\u{85}\r\n\tz"] {
            let masked = mask(text);
            assert_eq!(masked.len(), text.len());
            assert_eq!(escape_lines(&masked), masked);
        }
        assert_eq!(mask("é\u{85}\r\n\tz"), "é?? \n\tz");
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_obey(text in "\\PC*|.*|[\\u{0}-\\u{ff}\\u{200b}-\\u{206f}]*") {
            prop_assert!(!escape(&text).chars().any(is_unsafe));
            prop_assert!(!escape_lines(&text).chars().any(|it| is_unsafe(it) && it != '\n' && it != '\t'));
            prop_assert_eq!(mask(&text).len(), text.len());
            let json = escape_json(serde_json::to_string(&text).unwrap());
            prop_assert!(!json.chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn data_formats_mean_the_same_after_escaping() {
        let evil = "a\u{202e}b\u{e0041}c\u{9b}é\u{7f}";
        let json = escape_json(serde_json::to_string(evil).unwrap());
        assert_eq!(json, r#""a\u202eb\udb40\udc41c\u009bé\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), evil);
        let nuon = escape_nuon("\"a\u{202e}b\"".to_owned());
        assert_eq!(nuon, "\"a\\u{202e}b\"");
    }
}
