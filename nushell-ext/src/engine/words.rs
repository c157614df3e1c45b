//! The words of a recipe, at every depth: what is left of its text without layout, comments and brackets.
//!
//! This goes by nu's own lexer, level by level, so that what nu takes for a word is a word here. It does not
//! tell commands from arguments; who asks takes every word for a command.

use nu_parser::TokenContents;
use nu_protocol::Span;

/// Brackets may be nested this deep: nu's parser recurses, and a stack has an end.
pub(crate) const MAX_NESTING: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// The text, without its quotes if it has any.
    pub text: String,
    pub quoted: bool,
    /// Bytes of the file.
    pub span: Span,
    /// How many brackets it stands in.
    pub depth: usize,
    /// True for what ends a statement: a line's end, a semicolon, the end of a bracket.
    pub ends: bool,
}

/// The words of `source`; `None` if brackets are nested too deeply.
pub(crate) fn words(source: &[u8]) -> Option<Vec<Word>> {
    let mut found = Vec::new();
    level(source, 0, 0, &mut found).then_some(found)
}

fn level(source: &[u8], offset: usize, depth: usize, found: &mut Vec<Word>) -> bool {
    if depth > MAX_NESTING {
        return false;
    }
    let end = |span: Span| Word { text: String::new(), quoted: false, span, depth, ends: true };
    let (tokens, _) = nu_parser::lex(source, offset, &[], &[], true);
    let text = |span: Span| source.get(span.start - offset..span.end - offset).unwrap_or(&[]);
    for token in tokens {
        let bytes = text(token.span);
        match token.contents {
            TokenContents::Item => {
                if !item(bytes, token.span, depth, found) {
                    return false;
                }
            }
            TokenContents::Eol | TokenContents::Semicolon => found.push(end(token.span)),
            TokenContents::Comment => {}
            _ => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                found.push(Word { text, quoted: false, span: token.span, depth, ends: false });
            }
        }
    }
    let last = offset + source.len();
    found.push(end(Span::new(last, last)));
    true
}

fn item(bytes: &[u8], span: Span, depth: usize, found: &mut Vec<Word>) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut word = |text: &str, quoted: bool, span: Span| {
        found.push(Word { text: text.to_owned(), quoted, span, depth, ends: false });
    };
    if let Some(inner) = one_string(bytes) {
        word(&String::from_utf8_lossy(inner), true, span);
        return true;
    }
    if text.starts_with("r#") {
        word(&text, true, span);
        return true;
    }
    if bytes.starts_with(b"$\"") || bytes.starts_with(b"$'") {
        word(&text, false, span);
        return interpolated(bytes, span, depth, found);
    }
    let Some(open) = bytes.iter().position(|byte| b"([{".contains(byte)) else {
        word(&text, false, span);
        return true;
    };
    if open > 0 {
        let before = String::from_utf8_lossy(bytes.get(..open).unwrap_or(&[])).into_owned();
        word(&before, false, Span::new(span.start, span.start + open));
    }
    // What is inside, without the closing bracket if it is the last byte; what follows a bracket that closes
    // earlier is read on as words too, one too many rather than one too few.
    let inside = bytes.get(open + 1..).unwrap_or(&[]);
    let inside = match inside.last() {
        Some(b')' | b']' | b'}') => inside.get(..inside.len() - 1).unwrap_or(&[]),
        _ => inside,
    };
    level(inside, span.start + open + 1, depth + 1, found)
}

/// What is between the quotes of an item that is one plain string and nothing else.
fn one_string(bytes: &[u8]) -> Option<&[u8]> {
    let (quote, rest) = bytes.split_first()?;
    let (last, inner) = rest.split_last()?;
    if !b"\"'`".contains(quote) || last != quote {
        return None;
    }
    let mut at = 0;
    while let Some(byte) = inner.get(at) {
        match byte {
            b'\\' if *quote == b'"' => at += 2,
            byte if byte == quote => return None,
            _ => at += 1,
        }
    }
    // A backslash before the last quote would have escaped it.
    (at == inner.len()).then_some(inner)
}

/// The words in the parentheses of an interpolated string, which begins with `$"` or `$'`.
fn interpolated(bytes: &[u8], span: Span, depth: usize, found: &mut Vec<Word>) -> bool {
    let escapes = bytes.get(1) == Some(&b'"');
    let mut at = 2;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            b'(' => {
                let end = closing(bytes, at).unwrap_or(bytes.len());
                let inside = bytes.get(at + 1..end).unwrap_or(&[]);
                if !level(inside, span.start + at + 1, depth + 1, found) {
                    return false;
                }
                at = end + 1;
            }
            _ => at += 1,
        }
    }
    true
}

/// Where the parenthesis at `open` closes, as nu sees it inside an interpolated string: parentheses nest, and
/// quotes of any kind hide them.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut closers: Vec<u8> = Vec::new();
    let mut at = open;
    while let Some(byte) = bytes.get(at) {
        match closers.last() {
            Some(quote) if *quote != b')' => match byte {
                b'\\' if *quote == b'"' => at += 1,
                byte if byte == quote => drop(closers.pop()),
                _ => {}
            },
            _ => match byte {
                b'\'' | b'"' | b'`' => closers.push(*byte),
                b'(' => closers.push(b')'),
                b')' => drop(closers.pop()),
                _ => {}
            },
        }
        if closers.is_empty() {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        let words = words(source.as_bytes()).unwrap();
        words.into_iter().filter(|word| !word.ends).map(|word| word.text).collect()
    }

    #[test]
    fn finds_words_at_every_depth() {
        for hidden in [
            "use x.nu",
            "export use x.nu",
            "do { use x.nu }",
            "let a = (use x.nu)",
            "{|a| use x.nu }",
            "$\"a (use x.nu) b\"",
            "$'a (use x.nu) b'",
            "match 1 { 1 => { use x.nu } }",
            "foo(use x.nu).bar",
            "[1 (use x.nu)]",
            "if true { [ (do { use x.nu }) ] }",
            "a; use x.nu",
            "a | use x.nu",
            "# comment\nuse x.nu # more",
            "\"a\\\"\"(use x.nu)\"b\"",
            "$\"\\\\(use x.nu)\"",
            "$\"(a) b (\"(\" | do { use x.nu })\"",
            "a(b)c(use x.nu)",
        ] {
            let texts = texts(hidden);
            let at =
                texts.iter().position(|word| word == "use").unwrap_or_else(|| panic!("{hidden}: {texts:?}"));
            assert!(texts[at + 1].starts_with("x.nu"), "{hidden}: {texts:?}");
        }
    }

    #[test]
    fn texts_and_comments_are_not_words() {
        for harmless in [
            "# use x.nu",
            "\"use x.nu\"",
            "'use x.nu'",
            "r#'use x.nu'#",
            "`use x.nu`",
            "$\"(a) use (b)\"",
            "$\"\\(use x.nu)\"",
            "\"\\\"use x.nu\\\"\"",
        ] {
            assert!(!texts(harmless).contains(&"use".to_owned()), "{harmless}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(words("(".repeat(100_000).as_bytes()).is_none());
        assert!(words("{[(".repeat(50).as_bytes()).is_none());
    }
}
