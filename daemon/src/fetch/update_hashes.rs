//! Writing hashes into a recipe's text, in place: only the hash changes, every other byte stays as its author wrote it.

use nuka_pir::SourceHash;
use std::ops::Range;

/// A `fetch` in a recipe's text and the hash that it shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashEdit {
    /// The bytes of the call, from `fetch` to the end of its last argument.
    pub call: Range<usize>,
    /// The bytes of the value of `--hash`, with or without its quotes; nothing where the call has none.
    pub hash: Option<Range<usize>>,
    /// The hash to write.
    pub new: SourceHash,
}

/// Why a recipe's text was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A place is not in the text: it was changed since it was read.
    #[error("the text has no place {start}..{end}: the recipe was changed meanwhile")]
    Place {
        /// First byte of the place.
        start: usize,
        /// The byte after its last.
        end: usize,
    },
    /// The hash does not stand in the call itself.
    #[error("the hash of a fetch is given by `{}`, not written out", expression.escape_debug())]
    NotWrittenOut {
        /// What stands there.
        expression: String,
    },
    /// One call fetches several things.
    #[error("one fetch is used for several sources, whose hashes are {first} and {second}")]
    Several {
        /// One of the hashes.
        first: Box<SourceHash>,
        /// Another.
        second: Box<SourceHash>,
    },
}

impl EditError {
    /// What the author can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Place { .. } => "run `nuka update-hashes` again",
            Self::NotWrittenOut { .. } => {
                "write `--hash \"...\"` in the fetch itself, or change the value by hand"
            }
            Self::Several { .. } => "write a fetch for each of them, or give each its hash in a record",
        }
    }
}

/// The recipe's text with the new hashes. An edit that changes nothing is allowed.
///
/// # Errors
/// Nothing is changed if any edit cannot be made.
pub fn update_hashes(text: &str, edits: &[HashEdit]) -> Result<String, EditError> {
    let mut changes: Vec<(Range<usize>, SourceHash, String)> = Vec::new();
    for edit in edits {
        let (range, written) = match &edit.hash {
            Some(range) => replacement(text, range, &edit.new)?,
            None => insertion(text, &edit.call, &edit.new)?,
        };
        changes.push((range, edit.new, written));
    }
    changes.sort_by_key(|(range, ..)| (range.start, range.end));
    let mut result = String::with_capacity(text.len() + changes.len() * 96);
    let mut done = 0;
    let mut last: Option<(Range<usize>, SourceHash)> = None;
    for (range, hash, written) in changes {
        if let Some((before, first)) = &last {
            if *before == range && *first == hash {
                continue;
            }
            if *before == range {
                return Err(EditError::Several { first: Box::new(*first), second: Box::new(hash) });
            }
        }
        result.push_str(slice(text, done..range.start)?);
        result.push_str(&written);
        done = range.end;
        last = Some((range, hash));
    }
    result.push_str(slice(text, done..text.len())?);
    Ok(result)
}

fn slice(text: &str, range: Range<usize>) -> Result<&str, EditError> {
    text.get(range.clone()).ok_or(EditError::Place { start: range.start, end: range.end })
}

fn replacement(
    text: &str,
    range: &Range<usize>,
    new: &SourceHash,
) -> Result<(Range<usize>, String), EditError> {
    let old = slice(text, range.clone())?;
    if let Some(quote) = old.chars().next().filter(|c| "\"'`".contains(*c)) {
        return Ok((range.clone(), format!("{quote}{new}{quote}")));
    }
    if old.starts_with(['$', '(']) {
        return Err(EditError::NotWrittenOut { expression: old.to_owned() });
    }
    let before = text.get(..range.start).and_then(|text| text.chars().next_back());
    let after = text.get(range.end..).and_then(|text| text.chars().next());
    let quoted = before == after && before.is_some_and(|c| "\"'`".contains(c));
    Ok((range.clone(), if quoted { new.to_string() } else { format!("\"{new}\"") }))
}

fn insertion(text: &str, call: &Range<usize>, new: &SourceHash) -> Result<(Range<usize>, String), EditError> {
    let end = call.start + slice(text, call.clone())?.trim_end().len();
    Ok((end..end, format!(" --hash \"{new}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: SourceHash = SourceHash::Blake3([1; 32]);

    fn edit(text: &str, call: &str, hash: Option<&str>) -> HashEdit {
        let at = |part: &str| {
            let start = text.find(part).unwrap();
            start..start + part.len()
        };
        HashEdit { call: at(call), hash: hash.map(at), new: NEW }
    }

    #[test]
    fn a_hash_is_replaced_and_all_else_stays() {
        let text = "# é comment\n{ src: (fetch crate a \"1\" --hash \"sha256:00\"  --subdir x) } # end\n";
        let call = "fetch crate a \"1\" --hash \"sha256:00\"  --subdir x";
        let expected = text.replace("sha256:00", &NEW.to_string());
        for hash in ["\"sha256:00\"", "sha256:00"] {
            assert_eq!(update_hashes(text, &[edit(text, call, Some(hash))]).unwrap(), expected);
        }
        let single = text.replace('"', "'");
        let call = call.replace('"', "'");
        let result = update_hashes(&single, &[edit(&single, &call, Some("'sha256:00'"))]).unwrap();
        assert!(result.contains(&format!("--hash '{NEW}'  --subdir")), "{result}");
        let bare = "fetch crate a 1 --hash sha256:00 --strip 0";
        let result = update_hashes(bare, &[edit(bare, bare, Some("sha256:00"))]).unwrap();
        assert_eq!(result, format!("fetch crate a 1 --hash \"{NEW}\" --strip 0"));
    }

    #[test]
    fn a_missing_hash_is_added_at_the_end_of_the_call() {
        let text = "src: (fetch npm \"@a/b\" \"1\"\n    --strip 0 )\n";
        let result =
            update_hashes(text, &[edit(text, "fetch npm \"@a/b\" \"1\"\n    --strip 0 ", None)]).unwrap();
        assert_eq!(result, format!("src: (fetch npm \"@a/b\" \"1\"\n    --strip 0 --hash \"{NEW}\" )\n"));
    }

    #[test]
    fn several_calls_at_once_in_any_order() {
        let text = "a (fetch one) b (fetch two) c";
        let edits =
            [edit(text, "fetch two", None), edit(text, "fetch one", None), edit(text, "fetch two", None)];
        let result = update_hashes(text, &edits).unwrap();
        assert_eq!(result, format!("a (fetch one --hash \"{NEW}\") b (fetch two --hash \"{NEW}\") c"));
        assert_eq!(update_hashes(text, &[]).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let text = "fetch crate a $v --hash $hashes.a";
        let error = update_hashes(text, &[edit(text, text, Some("$hashes.a"))]).unwrap_err();
        assert_eq!(error.to_string(), "the hash of a fetch is given by `$hashes.a`, not written out");
        let mut other = edit("fetch a", "fetch a", None);
        other.new = SourceHash::Blake3([2; 32]);
        let both = [edit("fetch a", "fetch a", None), other];
        assert!(matches!(update_hashes("fetch a", &both), Err(EditError::Several { .. })));
        let outside = HashEdit { call: 5..99, hash: None, new: NEW };
        assert!(matches!(update_hashes("fetch", &[outside]), Err(EditError::Place { .. })));
        let inside_a_character = HashEdit { call: 0..1, hash: Some(1..2), new: NEW };
        assert!(update_hashes("é", &[inside_a_character]).is_err());
    }
}
