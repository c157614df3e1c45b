//! The values that recipes handle beside nu's own: packages, sources, globs, items of a `for-each`,
//! programs just started, files to read from.
//!
//! None of them can be compared, turned into text or taken apart by nu's commands: where nu would silently
//! give `false` or `<glob>`, each says what it is and what to do instead.

mod convert;
mod item;
mod opaque;
mod package;

pub(crate) use convert::{argument, arguments, contains_opaque, kind, record, strings, template, text};
pub(crate) use item::{Item, not_known as item_not_known};
pub(crate) use opaque::{GlobValue, Input, Program, SourceValue, advice};
pub(crate) use package::{Derivation, PackageValue};

use nu_protocol::{
    CustomValue, Span, Value,
    ast::{Comparison, Operator},
};

/// The value of our own type `T` inside a nu value.
pub(crate) fn custom<T: 'static>(value: &Value) -> Option<&T> {
    match value {
        Value::Custom { val, .. } => val.as_any().downcast_ref(),
        _ => None,
    }
}

/// Whether one of our values is `null`: it is not. `None` for every other question.
pub(crate) fn is_null(operator: Operator, right: &Value, span: Span) -> Option<Value> {
    match (operator, right) {
        (Operator::Comparison(Comparison::Equal), Value::Nothing { .. }) => Some(Value::bool(false, span)),
        (Operator::Comparison(Comparison::NotEqual), Value::Nothing { .. }) => Some(Value::bool(true, span)),
        _ => None,
    }
}

/// A nu value of one of our own types.
pub(crate) fn wrap(value: impl CustomValue + 'static, span: Span) -> Value {
    Value::custom(Box::new(value), span)
}

/// Implements what is the same for all of them.
macro_rules! custom_value {
    () => {
        fn typetag_name(&self) -> &'static str {
            "nuka"
        }

        fn typetag_deserialize(&self) {}

        fn clone_value(&self, span: nu_protocol::Span) -> nu_protocol::Value {
            crate::value::wrap(self.clone(), span)
        }

        fn as_any(&self) -> &dyn std::any::Any {
            self
        }

        fn as_mut_any(&mut self) -> &mut dyn std::any::Any {
            self
        }
    };
}
pub(crate) use custom_value;

/// These values never leave the evaluator, so nothing may serialize them.
macro_rules! never_serialized {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom(concat!(stringify!($name), " is not data")))
            }
        }
    };
}
pub(crate) use never_serialized;
