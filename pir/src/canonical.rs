//! The canonical NUON text of plain data, which is what gets hashed.
//!
//! # Format
//! NUON (Nushell Object Notation) restricted until one value has exactly one text:
//! - records `{key: value, key: value}`, keys unique and sorted by their bytes; a key is bare if it is
//!   `[a-z_][a-z0-9_]*` and not `true`, `false` or `null`, else written as a string;
//! - lists `[value, value]`; strings always in double quotes, with `\"`, `\\`, `\n`, `\r`, `\t`, and
//!   `\u{hex}` (lower-case, no leading zeros) for other control characters, everything else as UTF-8;
//! - integers in decimal, within `i64`; `true`, `false`;
//! - one space after `:` and `,` and no other white space. No floats, nulls, dates or closures.
//!
//! Any NUON reader reads it. [`parse`] accepts nothing but canonical text, so text and value are one to one.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};

/// Nesting beyond this is refused, so that no text can exhaust the stack.
pub const MAX_DEPTH: usize = 64;

/// Why a text is not canonical, or a value has no canonical text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// The text breaks the grammar.
    #[error("at byte {at}: expected {expected}")]
    Syntax {
        /// Byte offset in the text.
        at: usize,
        /// What could have stood there.
        expected: &'static str,
    },
    /// Nested too deeply.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// The text is readable but another text is the canonical one.
    #[error("at byte {at}: this is not the canonical form ({rule})")]
    NotCanonical {
        /// Byte offset in the text.
        at: usize,
        /// The rule that was not kept.
        rule: &'static str,
    },
    /// A float, a null, or an integer beyond `i64`.
    #[error("{what} cannot be part of package data")]
    Unsupported {
        /// What it was.
        what: &'static str,
    },
    /// The data does not have the shape of the type that was asked for.
    #[error("{0}")]
    Shape(String),
}

/// The canonical text of a value that serializes to plain data.
pub fn to_text<T: Serialize>(value: &T) -> Result<String, CanonicalError> {
    let value = serde_json::to_value(value).map_err(|e| CanonicalError::Shape(e.to_string()))?;
    value_to_text(&value)
}

/// The canonical text of plain data. `null` fields of records are left out.
pub fn value_to_text(value: &Value) -> Result<String, CanonicalError> {
    let mut text = String::with_capacity(512);
    write(value, 0, None, &mut text)?;
    Ok(text)
}

/// The same data over several lines, for people. Not canonical, but readable as NUON.
pub fn value_to_pretty(value: &Value) -> Result<String, CanonicalError> {
    let mut text = String::with_capacity(1024);
    write(value, 0, Some(0), &mut text)?;
    text.push('\n');
    Ok(text)
}

/// Reads canonical text into a typed value.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, CanonicalError> {
    serde_json::from_value(parse(text)?).map_err(|e| CanonicalError::Shape(e.to_string()))
}

fn write(value: &Value, depth: usize, pretty: Option<usize>, out: &mut String) -> Result<(), CanonicalError> {
    if depth > MAX_DEPTH {
        return Err(CanonicalError::Depth);
    }
    match value {
        Value::Null => return Err(CanonicalError::Unsupported { what: "null" }),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => out.push_str(&integer.to_string()),
            None => return Err(CanonicalError::Unsupported { what: "a float or an integer beyond 64 bits" }),
        },
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            let broken = pretty.filter(|_| width(value) > 90);
            sequence(items.iter(), ('[', ']'), broken, out, |item, pretty, out| {
                write(item, depth + 1, pretty, out)
            })?;
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_bytes());
            let broken = pretty.filter(|_| depth == 0 || width(value) > 90);
            sequence(sorted.into_iter(), ('{', '}'), broken, out, |(key, value), pretty, out| {
                if is_bare(key) {
                    out.push_str(key)
                } else {
                    write_string(key, out)
                }
                out.push_str(": ");
                write(value, depth + 1, pretty, out)
            })?;
        }
    }
    Ok(())
}

/// Writes the items between brackets, each on a line of its own when `indent` is given.
fn sequence<T>(
    items: impl Iterator<Item = T>,
    (open, close): (char, char),
    indent: Option<usize>,
    out: &mut String,
    mut each: impl FnMut(T, Option<usize>, &mut String) -> Result<(), CanonicalError>,
) -> Result<(), CanonicalError> {
    let newline = |indent: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent));
    };
    out.push(open);
    for (number, item) in items.enumerate() {
        match indent {
            Some(indent) => newline(indent + 2, out),
            None if number > 0 => out.push_str(", "),
            None => {}
        }
        each(item, indent.map(|indent| indent + 2), out)?;
    }
    if let Some(indent) = indent {
        newline(indent, out);
    }
    out.push(close);
    Ok(())
}

/// An upper bound, good enough to choose a layout by, of the characters a value takes on one line.
fn width(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| width(item) + 2).sum::<usize>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(key, item)| key.len() + width(item) + 4).sum::<usize>() + 2
        }
        _ => 6,
    }
}

fn is_bare(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !matches!(key, "true" | "false" | "null")
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                out.push_str(&format!("\\u{{{:x}}}", control as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Reads canonical text; anything else, down to a second space, is an error.
pub fn parse(text: &str) -> Result<Value, CanonicalError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    if reader.at != text.len() {
        return Err(reader.expected("the end of the text"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn expected(&self, expected: &'static str) -> CanonicalError {
        CanonicalError::Syntax { at: self.at, expected }
    }

    fn not_canonical(&self, rule: &'static str) -> CanonicalError {
        CanonicalError::NotCanonical { at: self.at, rule }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, CanonicalError> {
        if depth > MAX_DEPTH {
            return Err(CanonicalError::Depth);
        }
        match self.rest().bytes().next() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.record(depth),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            _ if self.take("true") => Ok(Value::Bool(true)),
            _ if self.take("false") => Ok(Value::Bool(false)),
            _ => Err(self.expected("a record, list, string, integer or boolean")),
        }
    }

    fn integer(&mut self) -> Result<Value, CanonicalError> {
        let end =
            self.rest().bytes().position(|b| !(b == b'-' || b.is_ascii_digit())).unwrap_or(self.rest().len());
        let digits = self.rest().get(..end).unwrap_or("");
        let integer: i64 = digits.parse().map_err(|_| self.expected("an integer within 64 bits"))?;
        if integer.to_string() != digits {
            return Err(self.not_canonical("integers have no leading zeros and no -0"));
        }
        self.at += end;
        Ok(Value::Number(Number::from(integer)))
    }

    fn list(&mut self, depth: usize) -> Result<Value, CanonicalError> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() && !self.take(", ") {
                return Err(self.expected("`, ` or `]`"));
            }
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn record(&mut self, depth: usize) -> Result<Value, CanonicalError> {
        self.at += 1;
        let mut fields = Map::new();
        let mut last: Option<String> = None;
        while !self.take("}") {
            if last.is_some() && !self.take(", ") {
                return Err(self.expected("`, ` or `}`"));
            }
            let key = self.key()?;
            if last.as_ref().is_some_and(|last| last.as_bytes() >= key.as_bytes()) {
                return Err(self.not_canonical("keys are sorted and unique"));
            }
            if !self.take(": ") {
                return Err(self.expected("`: `"));
            }
            let value = self.value(depth + 1)?;
            fields.insert(key.clone(), value);
            last = Some(key);
        }
        Ok(Value::Object(fields))
    }

    fn key(&mut self) -> Result<String, CanonicalError> {
        if self.rest().starts_with('"') {
            let key = self.string()?;
            return if is_bare(&key) { Err(self.not_canonical("this key needs no quotes")) } else { Ok(key) };
        }
        let end = self.rest().find(':').unwrap_or(0);
        let key = self.rest().get(..end).unwrap_or("").to_owned();
        if !is_bare(&key) {
            return Err(self.expected("a key"));
        }
        self.at += end;
        Ok(key)
    }

    fn string(&mut self) -> Result<String, CanonicalError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(character) = self.rest().chars().next() else {
                return Err(self.expected("a closing `\"`"));
            };
            self.at += character.len_utf8();
            match character {
                '"' => break,
                '\\' => text.push(self.escape()?),
                other => text.push(other),
            }
        }
        // One comparison settles which characters are escaped, and how.
        let mut again = String::with_capacity(self.at - start);
        write_string(&text, &mut again);
        if self.text.get(start..self.at) != Some(again.as_str()) {
            return Err(CanonicalError::NotCanonical {
                at: start,
                rule: "only what must be is escaped, one way",
            });
        }
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, CanonicalError> {
        for (token, character) in [("\"", '"'), ("\\", '\\'), ("n", '\n'), ("r", '\r'), ("t", '\t')] {
            if self.take(token) {
                return Ok(character);
            }
        }
        if !self.take("u{") {
            return Err(self.expected("an escape: \\\" \\\\ \\n \\r \\t or \\u{hex}"));
        }
        let end = self.rest().find('}').ok_or_else(|| self.expected("`}`"))?;
        let code =
            u32::from_str_radix(self.rest().get(..end).unwrap_or(""), 16).ok().and_then(char::from_u32);
        let character = code.ok_or_else(|| self.expected("a character's code"))?;
        self.at += end + 1;
        Ok(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn writes_sorted_and_quoted() {
        let value = json!({"b": [1, true, "x\n\u{7}"], "a-b": {}, "null": "é", "skip": null});
        assert_eq!(value_to_text(&value).unwrap(), r#"{"a-b": {}, b: [1, true, "x\n\u{7}"], "null": "é"}"#);
    }

    #[test]
    fn refuses_every_other_spelling() {
        for text in [
            "",
            " 1",
            "1 ",
            "01",
            "-0",
            "+1",
            "1.0",
            "null",
            "[1,2]",
            "[1, 2,]",
            "{a:1}",
            "{b: 1, a: 2}",
            "{a: 1, a: 2}",
            "{\"a\": 1}",
            "\"\\u{41}\"",
            "\"\\u{0a}\"",
            "\"\t\"",
            "'a'",
            "a",
            "[1",
            "{a: 1",
            "\"a",
            "{A: 1}",
            "99999999999999999999",
            "\"\\x\"",
            "\"\\u{110000}\"",
            "{: 1}",
        ] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
        assert_eq!(parse(&"[".repeat(100_000)), Err(CanonicalError::Depth));
    }

    #[test]
    fn floats_and_nulls_have_no_text() {
        assert!(value_to_text(&json!([1.5])).is_err());
        assert!(value_to_text(&json!([null])).is_err());
        assert!(value_to_text(&json!(u64::MAX)).is_err());
    }

    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|i| json!(i)),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn parse_inverts_canonical(value in data()) {
            let text = value_to_text(&value).unwrap();
            prop_assert_eq!(parse(&text).unwrap(), value);
        }

        #[test]
        fn only_canonical_text_is_accepted(text in "[\\[\\]{}:,\" a-c0-9\\\\]{0,24}") {
            if let Ok(value) = parse(&text) {
                prop_assert_eq!(value_to_text(&value).unwrap(), text);
            }
        }
    }
}
