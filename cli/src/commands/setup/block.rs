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

use std::path::Path;

const BEGIN: &str = "# >>> nuka >>>";
const END: &str = "# <<< nuka <<<\n";
const WHY: &str = " written by `nuka setup`, taken out by `nuka setup --undo`";
const MADE: &str = " (file made)";
const ENDED: &str = " (line ended)";

/// The file with the block; `None` if it has it already.
pub fn with(text: Option<&str>, script: &Path) -> Option<String> {
    let quoted = format!("'{}'", script.display().to_string().replace('\'', "'\\''"));
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
pub fn without(text: &str) -> Option<Option<String>> {
    let begin = text.find(BEGIN).filter(|at| *at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'))?;
    let (before, rest) = text.split_at(begin);
    let (block, after) = rest.split_once(END)?;
    let head = block.lines().next().unwrap_or_default();
    let before = match head.ends_with(ENDED) {
        true => before.strip_suffix('\n').unwrap_or(before),
        false => before,
    };
    let rest = format!("{before}{after}");
    Some((!(head.ends_with(MADE) && rest.is_empty())).then_some(rest))
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
