//! How a text carries the item of a `for-each`, which is known only in the build.
//!
//! Interpolation (`$"obj/($f.stem).o"`) makes a plain string, so an item's field is written into it as four
//! characters of the private use area, and read out again when the string reaches a step. While items are
//! about, [`watch`](crate::engine) and [`guard`](crate::engine) let such a string reach nothing else.

use nuka_pir::{Field, Part, Template, Variable};

const OPEN: char = '\u{f5a0}';
const CLOSE: char = '\u{f5a1}';
const ITEMS: u32 = 0xf5b0;
const FIELDS: u32 = 0xf5d0;
const ORDER: [Field; 5] = [Field::Path, Field::Name, Field::Stem, Field::Extension, Field::Parent];

/// The fields of an item, by the name that recipes use.
pub(crate) const FIELD_NAMES: [(&str, Field); 5] = [
    ("path", Field::Path),
    ("name", Field::Name),
    ("stem", Field::Stem),
    ("extension", Field::Extension),
    ("parent", Field::Parent),
];

/// True if the text carries an item, whole or in pieces.
pub(crate) fn is_marked(text: &str) -> bool {
    // All the marks share their first byte with few other characters, so this is quick.
    memchr(text.as_bytes()) && text.chars().any(|c| ('\u{f5a0}'..='\u{f5df}').contains(&c))
}

fn memchr(bytes: &[u8]) -> bool {
    bytes.contains(&0xef)
}

/// The text that stands for a variable.
pub(crate) fn mark(variable: Variable) -> String {
    let field = ORDER.iter().position(|field| *field == variable.field).unwrap_or(0) as u32;
    let code = |base: u32, offset: u32| char::from_u32(base + offset).unwrap_or(OPEN);
    [OPEN, code(ITEMS, u32::from(variable.item)), code(FIELDS, field), CLOSE].iter().collect()
}

/// Reads the variables out of a text; `None` if a mark was taken apart.
pub(crate) fn unmark(text: &str) -> Option<Template> {
    if !is_marked(text) {
        return Some(Template::literal(text));
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once(OPEN) {
        parts.push(Part::Literal(literal.to_owned()));
        let mut marks = after.chars();
        let item = (marks.next()? as u32).checked_sub(ITEMS).filter(|item| *item < 16)?;
        let field = (marks.next()? as u32).checked_sub(FIELDS)?;
        if marks.next()? != CLOSE {
            return None;
        }
        let field = *ORDER.get(usize::try_from(field).ok()?)?;
        parts.push(Part::Variable(Variable { item: u8::try_from(item).ok()?, field }));
        rest = marks.as_str();
    }
    parts.push(Part::Literal(rest.to_owned()));
    let whole = parts.iter().all(|part| match part {
        Part::Literal(text) => !is_marked(text),
        Part::Variable(_) => true,
    });
    whole.then(|| Template::from_parts(parts))
}

/// The text with each item shown as `…`: for messages.
pub(crate) fn shown(text: &str) -> String {
    let marks = '\u{f5a0}'..='\u{f5df}';
    let shown = text.chars().filter(|c| *c == OPEN || !marks.contains(c));
    shown.map(|c| if c == OPEN { '…' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_round_trip() {
        for item in 0..8 {
            for field in ORDER {
                let variable = Variable { item, field };
                let text = format!("obj/{}.o", mark(variable));
                let parts =
                    [Part::Literal("obj/".into()), Part::Variable(variable), Part::Literal(".o".into())];
                assert_eq!(unmark(&text), Some(Template::from_parts(parts)));
            }
        }
        assert_eq!(unmark("é — \u{f000}"), Some(Template::literal("é — \u{f000}")));
    }

    #[test]
    fn pieces_of_a_mark_are_found() {
        let text = mark(Variable { item: 0, field: Field::Stem });
        for cut in 1..4 {
            let (start, end) = text.split_at(cut * 3);
            assert!(is_marked(start) && is_marked(end));
            assert_eq!(unmark(start), None);
            assert_eq!(unmark(end), None);
        }
    }
}
