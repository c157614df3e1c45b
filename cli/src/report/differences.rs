//! Two texts side by side: the lines that differ, with some of those around them.

use crate::report::style::{Role, Style};
use similar::{ChangeTag, TextDiff};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// So many equal lines are shown around those that differ.
const AROUND: usize = 2;

/// The differing lines in two columns that together are `width` wide. Both texts must be escaped. Empty if the
/// texts are equal.
pub fn side_by_side(left: &str, right: &str, width: usize, style: Style) -> String {
    let column = width.saturating_sub(3).max(40) / 2;
    let diff = TextDiff::from_lines(left, right);
    let mut shown = String::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            shown.push_str("...\n");
        }
        for operation in group {
            let (mut old, mut new) = (Vec::new(), Vec::new());
            let mut equal = false;
            for change in diff.iter_changes(operation) {
                let line = change.value().trim_end_matches('\n');
                if change.tag() != ChangeTag::Insert {
                    old.extend(wrap(line, column));
                }
                if change.tag() != ChangeTag::Delete {
                    new.extend(wrap(line, column));
                }
                equal |= change.tag() == ChangeTag::Equal;
            }
            rows(&old, &new, equal, column, style, &mut shown);
        }
    }
    shown
}

fn rows(old: &[String], new: &[String], equal: bool, column: usize, style: Style, shown: &mut String) {
    for at in 0..old.len().max(new.len()) {
        let (left, right) = (old.get(at), new.get(at));
        let mark = match (left, right) {
            _ if equal => ' ',
            (Some(_), Some(_)) => '|',
            (Some(_), None) => '<',
            _ => '>',
        };
        let left = left.map_or("", String::as_str);
        let right = right.map_or("", String::as_str);
        let padding = " ".repeat(column.saturating_sub(left.width()));
        let look = |role: Role, text: &str| {
            if equal || text.is_empty() { text.to_owned() } else { style.show(role, text).to_string() }
        };
        let line = format!("{}{padding} {mark} {}", look(Role::Bad, left), look(Role::Good, right));
        shown.push_str(line.trim_end());
        shown.push('\n');
    }
}

/// Pieces of a line that are at most `width` wide; at least one.
fn wrap(line: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for character in line.chars() {
        let wide = character.width().unwrap_or(0);
        if used + wide > width {
            pieces.push("  ".to_owned());
            used = 2;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
        used += wide;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_stands_side_by_side() {
        let left = "{\n  a: 1\n  b: 2\n  c: 3\n  d: 4\n  e: 5\n  f: 6\n}\n";
        let right = "{\n  a: 1\n  b: 2\n  c: 3\n  d: 40\n  x: a long line that goes on beyond its column\n  e: 5\n  f: 6\n}\n";
        insta::assert_snapshot!(side_by_side(left, right, 60, Style { colour: false }), @"
        b: 2                           b: 2
        c: 3                           c: 3
        d: 4                       |   d: 40
                                   >   x: a long line that goes o
                                   >   n beyond its column
        e: 5                           e: 5
        f: 6                           f: 6
        ");
        assert_eq!(side_by_side(left, left, 60, Style { colour: false }), "");
    }
}
