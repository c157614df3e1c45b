//! The fields of a derivation's record: found, typed, and pointed at when they are wrong.

use crate::{
    error::labeled,
    suggest,
    value::{kind, text},
};
use nu_protocol::{LabeledError, Record, ShellError, Span, Value, engine::EngineState};

/// A record that a recipe wrote, and what it is called in messages.
pub(super) struct Fields<'f> {
    pub engine: &'f EngineState,
    pub record: &'f Record,
    /// Where the record stands, if it was written out.
    pub span: Span,
    /// What it belongs to: "derivation `zlib`".
    pub owner: String,
}

impl<'f> Fields<'f> {
    /// A record inside this one.
    pub(super) fn inner<'v>(&self, name: &str, value: &'v Value) -> Result<Fields<'v>, ShellError>
    where
        'f: 'v,
    {
        match value {
            Value::Record { val, .. } => {
                let owner = format!("`{name}` of {}", self.owner);
                Ok(Fields { engine: self.engine, record: val, span: value.span(), owner })
            }
            other => Err(self.wrong(name, "a record", other).into()),
        }
    }

    /// The field's value; `null` is as good as left out.
    pub(super) fn get(&self, name: &str) -> Option<&'f Value> {
        self.record.get(name).filter(|value| !matches!(value, Value::Nothing { .. }))
    }

    /// Refuses fields that are not among these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ShellError> {
        let Some((name, value)) = self.record.iter().find(|(name, _)| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let label = match suggest::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "not a field".to_owned(),
        };
        Err(labeled("unknown_field", format!("{} has no field `{}`", self.owner, name.escape_debug()))
            .with_label(label, self.key(name).unwrap_or(value.span()))
            .with_help(format!("its fields are {}", known.join(", ")))
            .into())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ShellError> {
        match self.get(name) {
            None => Ok(None),
            Some(value @ (Value::String { .. } | Value::Glob { .. })) => {
                text(value).map(|text| Some(text.to_owned()))
            }
            Some(other) => Err(self.wrong(name, "a text", other).into()),
        }
    }

    /// A list of texts; one text is a list too.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ShellError> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let values = match value {
            Value::List { vals, .. } => &vals[..],
            one => std::slice::from_ref(one),
        };
        let one = |value: &Value| match value {
            Value::String { .. } | Value::Glob { .. } => text(value).map(str::to_owned),
            other => Err(self.wrong(name, "a list of texts", other).into()),
        };
        values.iter().map(one).collect()
    }

    /// The error of a field of the wrong type.
    pub(super) fn wrong(&self, name: &str, expected: &str, got: &Value) -> LabeledError {
        labeled("type", format!("`{name}` of {} is {expected}, not {}", self.owner, kind(got)))
            .with_label(format!("expected {expected}, got {}", kind(got)), self.place(name, got))
    }

    /// The error of a field whose value breaks a rule.
    pub(super) fn invalid(&self, name: &str, reason: impl std::fmt::Display) -> LabeledError {
        let span = self.get(name).map_or(self.span, |value| self.place(name, value));
        labeled("field", format!("`{name}` of {}: {reason}", self.owner)).with_label("here", span)
    }

    /// Where a value stands; where its field does, if the value comes from elsewhere.
    fn place(&self, name: &str, value: &Value) -> Span {
        if self.span.contains_span(value.span()) {
            value.span()
        } else {
            self.key(name).unwrap_or(value.span())
        }
    }

    /// Where a field's name stands: nu keeps no place for it, so the record's text is read again.
    fn key(&self, name: &str) -> Option<Span> {
        let text = self.engine.try_get_file_contents(self.span)?;
        let inner = text.strip_prefix(b"{")?.strip_suffix(b"}")?;
        let offset = self.span.start + 1;
        let (tokens, _) = nu_parser::lex(inner, offset, b"\n\r,", b":", true);
        let token = tokens.iter().find(|token| {
            let text = inner.get(token.span.start - offset..token.span.end - offset).unwrap_or(&[]);
            let bare = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
            bare == name.as_bytes()
        })?;
        Some(token.span)
    }
}
