//! Packages as values: `$z.name`, `$z.version`, `$z.pid`, `$z.out`.

use crate::{
    error::labeled,
    evaluator,
    session::{self, Context},
    suggest,
    value::{custom_value, never_serialized},
};
use nu_protocol::{
    CustomValue, Record, ShellError, Span, Value,
    ast::{Comparison, Operator},
    casing::Casing,
};
use nuka_pir::{OutputName, PackageName, Pid, Version};
use std::sync::Arc;

/// A package that a recipe has described.
#[derive(Debug, Clone)]
pub(crate) struct Derivation {
    pub name: PackageName,
    pub version: Version,
    pub pid: Pid,
}

/// A package in a recipe's hands, with the outputs that were chosen of it.
#[derive(Debug, Clone)]
pub(crate) struct PackageValue {
    pub reference: Reference,
    pub outputs: Option<Vec<OutputName>>,
}

/// Which package: one at hand, or one whose recipe is evaluated once it is known what for.
#[derive(Debug, Clone)]
pub(crate) enum Reference {
    Known(Arc<Derivation>),
    Named { name: PackageName, version: Option<Version>, span: Span },
}

never_serialized!(PackageValue);

impl PackageValue {
    pub(crate) fn known(derivation: Arc<Derivation>) -> Self {
        Self { reference: Reference::Known(derivation), outputs: None }
    }

    pub(crate) fn named(name: PackageName, version: Option<Version>, span: Span) -> Self {
        Self { reference: Reference::Named { name, version, span }, outputs: None }
    }

    /// The package, for this context; a tool is for the builder where a package is for the target.
    pub(crate) fn resolve(&self, context: Context) -> Result<Arc<Derivation>, ShellError> {
        match &self.reference {
            Reference::Known(derivation) => Ok(derivation.clone()),
            Reference::Named { name, version, span } => {
                evaluator::package(name, version.as_ref(), context, *span)
            }
        }
    }

    fn here(&self) -> Result<Arc<Derivation>, ShellError> {
        self.resolve(session::current()?.context())
    }
}

impl CustomValue for PackageValue {
    custom_value!();

    fn type_name(&self) -> String {
        "derivation".to_owned()
    }

    /// A row of a table.
    fn to_base_value(&self, span: Span) -> Result<Value, ShellError> {
        let derivation = self.here()?;
        let mut row = Record::new();
        row.push("name", Value::string(derivation.name.as_str(), span));
        row.push("version", Value::string(derivation.version.as_str(), span));
        row.push("pid", Value::string(derivation.pid.to_string(), span));
        Ok(Value::record(row, span))
    }

    fn follow_path_string(
        &self,
        self_span: Span,
        column: String,
        path_span: Span,
        _optional: bool,
        _casing: Casing,
    ) -> Result<Value, ShellError> {
        let derivation = self.here()?;
        let text = match column.as_str() {
            "name" => derivation.name.to_string(),
            "version" => derivation.version.to_string(),
            "pid" => derivation.pid.to_string(),
            "out" => format!("/nuka/store/{}-{}-{}", derivation.pid, derivation.name, derivation.version),
            other => {
                let help = match suggest::nearest(other, ["name", "version", "pid", "out", "path"]) {
                    Some("path") => "in a build, its files are at `$p.<name>.path`".to_owned(),
                    Some(field) => format!("did you mean `{field}`?"),
                    None => "it has name, version, pid and out".to_owned(),
                };
                let message = format!("a derivation has no field `{other}`");
                return Err(labeled("derivation_field", message)
                    .with_label("not a field", path_span)
                    .with_help(help)
                    .into());
            }
        };
        Ok(Value::string(text, self_span))
    }

    fn operation(&self, lhs: Span, operator: Operator, op: Span, right: &Value) -> Result<Value, ShellError> {
        let equal = match operator {
            Operator::Comparison(Comparison::Equal) => true,
            Operator::Comparison(Comparison::NotEqual) => false,
            _ => return Err(unsupported(operator, lhs)),
        };
        match right {
            Value::Nothing { .. } => Ok(Value::bool(!equal, op)),
            right => match super::custom::<Self>(right) {
                Some(other) => Ok(Value::bool((self.here()?.pid == other.here()?.pid) == equal, op)),
                None => Err(unsupported(operator, lhs)),
            },
        }
    }
}

fn unsupported(operator: Operator, span: Span) -> ShellError {
    labeled("opaque", format!("`{operator}` does not work on a derivation"))
        .with_label("this is a derivation", span)
        .with_help("compare its .name, .version or .pid")
        .into()
}
