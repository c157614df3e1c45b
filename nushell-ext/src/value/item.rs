//! The item of a `for-each`, and its fields: known only in the build.

use crate::{
    error::labeled,
    suggest, symbol,
    value::{custom_value, is_null, never_serialized, wrap},
};
use nu_protocol::{CustomValue, ShellError, Span, Value, ast::Operator, casing::Casing};
use nuka_pir::{Field, Variable};

/// An item, or one of its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item(pub Variable);

never_serialized!(Item);

/// The error of everything that would have to know an item now.
pub(crate) fn not_known(what: &str, span: Span) -> ShellError {
    labeled("symbolic", format!("{what} the item of a `for-each`, which is known only in the build"))
        .with_label("stands for each item in turn", span)
        .with_help(
            "place it, or its .name, .stem, .extension or .parent, into an argument or a text, and nothing else. \
             To decide per item now, go over a list with `each`; to leave files out, `glob ... --except ...`",
        )
        .into()
}

impl CustomValue for Item {
    custom_value!();

    fn type_name(&self) -> String {
        "item of a for-each".to_owned()
    }

    /// The text with marks in it: this is what interpolation asks for.
    fn to_base_value(&self, span: Span) -> Result<Value, ShellError> {
        Ok(Value::string(symbol::mark(self.0), span))
    }

    fn follow_path_string(
        &self,
        self_span: Span,
        column: String,
        path_span: Span,
        _optional: bool,
        _casing: Casing,
    ) -> Result<Value, ShellError> {
        let names = symbol::FIELD_NAMES.iter().map(|(name, _)| *name);
        let field = symbol::FIELD_NAMES.iter().find(|(name, _)| *name == column).map(|(_, field)| *field);
        match field {
            Some(field) if self.0.field == Field::Path => {
                Ok(wrap(Item(Variable { item: self.0.item, field }), self_span))
            }
            _ => {
                let help = match suggest::nearest(&column, names) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "an item has path, name, stem, extension and parent".to_owned(),
                };
                let message = format!("the item of a `for-each` has no field `{column}`");
                Err(labeled("item_field", message)
                    .with_label("not a field", path_span)
                    .with_help(help)
                    .into())
            }
        }
    }

    fn operation(&self, lhs: Span, operator: Operator, op: Span, right: &Value) -> Result<Value, ShellError> {
        is_null(operator, right, op)
            .ok_or_else(|| not_known(&format!("`{operator}` would have to know"), lhs))
    }
}
