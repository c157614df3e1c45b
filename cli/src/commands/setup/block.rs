//! A marked block in a file of the person's, which can be taken out so that the file is what it was, to the byte.
//!
//! ```text
//! # >>> nuka >>> written by `nuka setup`, taken out by `nuka setup --undo`
//! if [ -r 'SCRIPT' ]; then . 'SCRIPT'; fi
//! # <<< nuka <<<
//! ```
//!
//! Behind the first mark stands what else was done: ` (file made)` if there was none, ` (line ended)` if its last line had no
//! end.

use crate::daemon::quote;
use std::path::Path;

const BEGIN: &str = "# >>> nuka >>>";
const END: &str = "# <<< nuka <<<\n";
const WHY: &str = " written by `nuka setup`, taken out by `nuka setup --undo`";
const MADE: &str = " (file made)";
const ENDED: &str = " (line ended)";

/// Bytes as a text of as many characters: what a file holds need not be UTF-8, and stays what it is.
pub fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes of such a text.
pub fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

/// The file with the block; `None` if it has it already.
pub fn with(text: Option<&str>, script: &Path) -> Option<String> {
    let script = text_of(script.as_os_str().as_encoded_bytes());
    let quoted = quote::sh(&script);
    let (head, begun) = match text {
        None => (String::new(), MADE),
        Some(text) => {
            let text = match without(text) {
                Some(rest) => rest.unwrap_or_default(),
                None => text.to_owned(),
            };
            match text.is_empty() || text.ends_with('\n') {
                true => (text, ""),
                false => (text + "\n", ENDED),
            }
        }
    };
    // A file that was made by an earlier block still was.
    let begun =
        if text.is_some_and(|text| text.starts_with(&format!("{BEGIN}{WHY}{MADE}"))) { MADE } else { begun };
    let new = format!("{head}{BEGIN}{WHY}{begun}\nif [ -r {quoted} ]; then . {quoted}; fi\n{END}");
    (text != Some(&*new)).then_some(new)
}

/// The file without the block: `None` if it has none, and nothing in that if the file was made for it and holds nothing else.
/// Only what is a block from its first line to its last one is taken out: of one that was edited, nothing.
pub fn without(text: &str) -> Option<Option<String>> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find(BEGIN).map(|at| at + from) {
        from = at + BEGIN.len();
        let (before, rest) = text.split_at(at);
        let Some((head, body)) = rest.split_once('\n') else { continue };
        let body = body.strip_prefix("if [ -r ").and_then(|line| line.split_once('\n'));
        let after = body.and_then(|(_, after)| after.strip_prefix(END));
        let Some(after) = after.filter(|_| at == 0 || before.ends_with('\n')) else { continue };
        let before = match head.ends_with(ENDED) {
            true => before.strip_suffix('\n').unwrap_or(before),
            false => before,
        };
        let rest = format!("{before}{after}");
        return Some((!(head.ends_with(MADE) && rest.is_empty())).then_some(rest));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_that_was_made_goes_again() {
        let made = with(None, Path::new("/s")).unwrap();
        assert_eq!(without(&made), Some(None));
        // Done twice, it is the same.
        assert_eq!(with(Some(&made), Path::new("/s")), None);
        let moved = with(Some(&made), Path::new("/t")).unwrap();
        assert_eq!(without(&moved), Some(None));
        // What the person wrote into it stays.
        assert_eq!(without(&format!("{made}mine\n")), Some(Some("mine\n".to_owned())));
        assert_eq!(without("# nothing of nuka's\n"), None);
        // What is no block any more is the person's own, and what stands behind it too.
        let edited = made.replace(END, "");
        assert_eq!(without(&format!("{edited}mine\n")), None);
        let again = with(Some(&format!("{edited}mine\n")), Path::new("/s")).unwrap();
        assert_eq!(without(&again), Some(Some(format!("{edited}mine\n"))));
    }

    proptest! {
        #[test]
        fn whatever_was_there_is_there_again(text in "(a|\n|#| >|é){0,12}") {
            let with_block = with(Some(&text), Path::new("/it's")).unwrap();
            prop_assert_eq!(without(&with_block), Some(Some(text.clone())));
            let again = with(Some(&with_block), Path::new("/elsewhere")).unwrap();
            prop_assert_eq!(without(&again), Some(Some(text)));
        }
    }
}
