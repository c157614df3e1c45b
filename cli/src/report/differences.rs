//! What differs: of two texts, side by side, the lines that do, with some of those around them; of two values, their parts.

use crate::report::style::{Role, Style};
use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A place at which two values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The fields and positions that lead there: `build.steps.0`.
    pub path: String,
    /// What the left one has there; nothing, if there is nothing.
    pub left: Option<Value>,
    /// What the right one has there.
    pub right: Option<Value>,
}

/// The innermost places at which two values differ, in order.
pub fn of_values(left: &Value, right: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut todo = vec![(String::new(), Some(left), Some(right))];
    while let Some((path, left, right)) = todo.pop() {
        if left == right {
            continue;
        }
        let below = |name: &dyn std::fmt::Display| match path.as_str() {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        match (left, right) {
            (Some(Value::Object(left)), Some(Value::Object(right))) => {
                let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
                names.sort();
                names.dedup();
                todo.extend(
                    names.into_iter().rev().map(|name| (below(name), left.get(name), right.get(name))),
                );
            }
            (Some(Value::Array(left)), Some(Value::Array(right))) => {
                let positions = (0..left.len().max(right.len())).rev();
                todo.extend(positions.map(|at| (below(&at), left.get(at), right.get(at))));
            }
            _ => found.push(Difference { left: left.cloned(), right: right.cloned(), path }),
        }
    }
    found
}

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
    fn values_differ_where_they_do() {
        let left = serde_json::json!({"a": [1, 2, {"b": "x"}], "same": {"z": 1}, "gone": true});
        let right = serde_json::json!({"a": [1, 3, {"b": "y"}, 4], "same": {"z": 1}});
        let found: Vec<_> = of_values(&left, &right)
            .into_iter()
            .map(|found| (found.path, found.left.is_some(), found.right.is_some()))
            .collect();
        let expected =
            [("a.1", true, true), ("a.2.b", true, true), ("a.3", false, true), ("gone", true, false)];
        assert_eq!(found, expected.map(|(path, left, right)| (path.to_owned(), left, right)));
        assert!(of_values(&left, &left).is_empty());
    }

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
