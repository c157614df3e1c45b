//! What may be done with values that are known only in the build: they are handed on, and nothing else.

use crate::{
    error::labeled,
    symbol,
    value::{Item, PackageValue, Program, advice, contains_opaque, custom, item_not_known},
};
use nu_protocol::{
    ShellError, Span, Value,
    ast::{Comparison, Math, Operator},
};

/// Refuses to look into what is not known yet.
pub(crate) fn known(what: &str, value: &Value, span: Span) -> Result<(), ShellError> {
    match value {
        Value::Bool { .. } | Value::Int { .. } | Value::Nothing { .. } => Ok(()),
        Value::Custom { val, .. } if custom::<Item>(value).is_none() => {
            Err(labeled("opaque", format!("{what} a {}", val.type_name()))
                .with_label("here", span)
                .with_help(advice(value))
                .into())
        }
        Value::List { vals, .. } if vals.iter().any(|value| custom::<Program>(value).is_some()) => {
            Err(labeled("opaque", format!("{what} what programs say"))
                .with_label("here", span)
                .with_help(Program::ADVICE)
                .into())
        }
        value if contains_opaque(value) => Err(item_not_known(what, span)),
        _ => Ok(()),
    }
}

pub(crate) fn operation(left: &Value, op: &Operator, right: &Value, span: Span) -> Result<(), ShellError> {
    let lists = matches!((left, right), (Value::List { .. }, Value::List { .. }));
    if *op == Operator::Math(Math::Concatenate) && lists {
        return Ok(());
    }
    let power = *op == Operator::Math(Math::Pow);
    if power && (matches!(left, Value::Float { .. }) || matches!(right, Value::Float { .. })) {
        return Err(labeled("float_power", "powers of fractions differ from machine to machine")
            .with_label("here", span)
            .with_help("write the number itself, or use whole numbers")
            .into());
    }
    let equality = matches!(op, Operator::Comparison(Comparison::Equal | Comparison::NotEqual));
    match (left, right) {
        // Anything may be asked whether it is there, and packages whether they are the same.
        (_, Value::Nothing { .. }) | (Value::Nothing { .. }, _) if equality => Ok(()),
        _ if equality && custom::<PackageValue>(left).is_some() => Ok(()),
        (Value::Int { .. }, Value::Int { .. }) => Ok(()),
        _ => known(&format!("`{op}` would have to know"), left, span)
            .and_then(|()| known(&format!("`{op}` would have to know"), right, span)),
    }
}

pub(crate) fn interpolated(value: &Value, span: Span) -> Result<(), ShellError> {
    let named = match value {
        Value::String { .. } | Value::Int { .. } => return Ok(()),
        Value::Custom { .. } if custom::<Item>(value).is_some() => return Ok(()),
        Value::Custom { val, .. } => {
            return Err(labeled("opaque", format!("a {} cannot stand in a text", val.type_name()))
                .with_label("here", span)
                .with_help(advice(value))
                .into());
        }
        Value::Date { .. } => "a date",
        Value::Filesize { .. } => "a size",
        Value::Closure { .. } => "a closure",
        Value::List { .. } | Value::Record { .. } if has_custom(value) => {
            "a list or record with packages, globs or the like in it"
        }
        _ => return Ok(()),
    };
    Err(labeled("opaque", format!("{named} cannot stand in a text"))
        .with_label("here", span)
        .with_help("write it as text: what is shown for it is not the same everywhere")
        .into())
}

fn has_custom(value: &Value) -> bool {
    match value {
        Value::Custom { .. } | Value::Date { .. } | Value::Filesize { .. } => true,
        Value::List { vals, .. } => vals.iter().any(has_custom),
        Value::Record { val, .. } => {
            val.iter().any(|(key, value)| symbol::is_marked(key) || has_custom(value))
        }
        _ => false,
    }
}

/// The error of a list that was made as it was looked at, and turned out to hold such values.
pub(crate) fn streamed(span: Span) -> ShellError {
    labeled("opaque", "a list with packages, globs, items or the like in it was to be looked into")
        .with_label("here", span)
        .with_help("what a build makes is known only in the build; to hand such a list on, place it as it is")
        .into()
}

/// Refuses to put aside what a program says: it goes where its pipeline goes.
pub(crate) fn kept(place: &str, value: &Value, span: Span) -> Result<(), ShellError> {
    let program = |value: &Value| custom::<Program>(value).is_some();
    let found = match value {
        Value::List { vals, .. } => vals.iter().any(program),
        value => program(value),
    };
    if !found {
        return Ok(());
    }
    Err(labeled("opaque", format!("a program's output cannot be {place}"))
        .with_label("here it would have to be known", span)
        .with_help(Program::ADVICE)
        .into())
}
