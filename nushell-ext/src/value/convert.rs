//! From nu's values to what steps hold.

use crate::{
    error::labeled,
    symbol,
    value::{GlobValue, Input, Item, PackageValue, Program, SourceValue, custom, item_not_known},
};
use nu_protocol::{Record, ShellError, Span, Value};
use nuka_pir::{Argument, Glob, Part, Template};

/// What a value is called in messages.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Custom { val, .. } => val.type_name(),
        Value::Record { .. } => "record".to_owned(),
        Value::List { .. } => "list".to_owned(),
        Value::String { .. } | Value::Glob { .. } => "text".to_owned(),
        other => other.get_type().to_string(),
    }
}

fn wrong(expected: &str, value: &Value, help: &str) -> ShellError {
    labeled("type", format!("expected {expected}, got {}", kind(value)))
        .with_label(format!("this is a {}", kind(value)), value.span())
        .with_help(help)
        .into()
}

fn taken_apart(span: Span) -> ShellError {
    labeled("symbolic", "a text with the item of a `for-each` in it was taken apart")
        .with_label("this text is no longer whole", span)
        .with_help("place items into texts last, when nothing else is done with the text")
        .into()
}

/// A text that may have items in it.
pub(crate) fn template(value: &Value) -> Result<Template, ShellError> {
    match value {
        Value::String { val, .. } | Value::Glob { val, .. } => {
            symbol::unmark(val).ok_or_else(|| taken_apart(value.span()))
        }
        Value::Int { val, .. } => Ok(Template::literal(val.to_string())),
        Value::Error { error, .. } => Err((**error).clone()),
        other => {
            if let Some(item) = custom::<Item>(other) {
                return Ok(Template::from_parts([Part::Variable(item.0)]));
            }
            Err(wrong("a text", other, help_for(other)))
        }
    }
}

fn help_for(value: &Value) -> &'static str {
    match value {
        Value::Record { .. } => "of an input of the build, write its `.path`: `$p.zlib.path`",
        Value::List { .. } => "spread a list with `...`: `^tool ...$list`",
        Value::Float { .. } => {
            "write a fraction as text, so that it is to the letter what the tool sees: \"1.5\""
        }
        Value::Filesize { .. } | Value::Duration { .. } | Value::Date { .. } => "write it as text",
        Value::Nothing { .. } => "leave it out, or give \"\" for an empty text",
        Value::Bool { .. } => "decide with `if`, and give a text",
        Value::Closure { .. } => "closures are for `for-each`, `parallel`, `within` and their like",
        _ if custom::<PackageValue>(value).is_some() => "in a build, its files are at `$p.<name>.path`",
        _ if custom::<GlobValue>(value).is_some() => {
            "a glob stands for several paths: give it as an argument of its own"
        }
        _ if custom::<SourceValue>(value).is_some() => "in a build, sources are at `$p.sources.<name>`",
        _ if custom::<Program>(value).is_some() => {
            "`| save FILE` keeps a program's output; then name the file"
        }
        _ if custom::<Input>(value).is_some() => "`read FILE` is for a program: `read FILE | ^tool`",
        _ => "give a text",
    }
}

/// An argument of a step: a text, or a glob, which a bare word with `*`, `?` or `[` is too.
pub(crate) fn argument(value: &Value) -> Result<Argument, ShellError> {
    if let Some(glob) = custom::<GlobValue>(value) {
        return Ok(Argument::Glob(glob.0.clone()));
    }
    let pattern = matches!(value, Value::Glob { val, no_expand: false, .. } if val.contains(['*', '?', '[']));
    let template = template(value)?;
    Ok(match pattern {
        true => Argument::Glob(Glob { glob: vec![template], except: Vec::new() }),
        false => Argument::Text(template),
    })
}

/// The arguments of a step, in order.
pub(crate) fn arguments(values: &[Value]) -> Result<Vec<Argument>, ShellError> {
    values.iter().map(argument).collect()
}

/// A text that is known now.
pub(crate) fn text(value: &Value) -> Result<&str, ShellError> {
    match value {
        Value::String { val, .. } | Value::Glob { val, .. } if symbol::is_marked(val) => {
            Err(item_not_known("this has to know", value.span()))
        }
        Value::String { val, .. } | Value::Glob { val, .. } => Ok(val),
        Value::Error { error, .. } => Err((**error).clone()),
        other if custom::<Item>(other).is_some() => Err(item_not_known("this has to know", other.span())),
        other => Err(wrong("a text", other, help_for(other))),
    }
}

/// A list of texts that are known now; one text is a list too.
pub(crate) fn strings(value: &Value) -> Result<Vec<String>, ShellError> {
    match value {
        Value::List { vals, .. } => vals.iter().map(|item| text(item).map(str::to_owned)).collect(),
        Value::Nothing { .. } => Ok(Vec::new()),
        one => Ok(vec![text(one)?.to_owned()]),
    }
}

/// A record.
pub(crate) fn record(value: &Value) -> Result<&Record, ShellError> {
    match value {
        Value::Record { val, .. } => Ok(val),
        Value::Error { error, .. } => Err((**error).clone()),
        other => Err(wrong("a record", other, "write `{name: value}`")),
    }
}

/// True if one of our values, or a text with an item in it, is anywhere inside.
pub(crate) fn contains_opaque(value: &Value) -> bool {
    match value {
        Value::Custom { .. } => true,
        Value::String { val, .. } | Value::Glob { val, .. } => symbol::is_marked(val),
        Value::List { vals, .. } => vals.iter().any(contains_opaque),
        Value::Record { val, .. } => {
            val.iter().any(|(key, value)| symbol::is_marked(key) || contains_opaque(value))
        }
        _ => false,
    }
}
