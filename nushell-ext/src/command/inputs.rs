//! The packages that a derivation uses: as tools, as packages of the target, and beside it when it runs.

use crate::{
    command::{fields::Fields, package::named},
    error::labeled,
    session::Context,
    value::{Derivation, PackageValue, custom},
};
use nu_protocol::{ShellError, Value};
use nuka_pir::{Input, InputName, OutputName};
use std::{collections::BTreeMap, sync::Arc};

/// One input, and the package that it is.
#[derive(Clone)]
pub(super) struct Used {
    pub input: Input,
    pub derivation: Arc<Derivation>,
}

/// Inputs by the name that a build knows them by.
pub(super) type Inputs = BTreeMap<InputName, Used>;

/// What is taken of a package for a build.
pub(super) fn for_build() -> Vec<OutputName> {
    vec![OutputName::dev(), OutputName::out()]
}

/// What is taken of a package that is needed when a program runs.
pub(super) fn for_run() -> Vec<OutputName> {
    vec![OutputName::out()]
}

/// The packages in a field: a record by name, a list, or one.
pub(super) fn read(
    fields: &Fields<'_>,
    field: &str,
    context: Context,
    outputs: fn() -> Vec<OutputName>,
) -> Result<Inputs, ShellError> {
    let Some(value) = fields.get(field) else { return Ok(Inputs::new()) };
    let mut inputs = Inputs::new();
    match value {
        // The constants of a module that has a `name` stand for the module.
        Value::Record { val, .. } if !is_module(value) => {
            for (name, value) in val.iter() {
                let name = InputName::new(name).map_err(|error| fields.invalid(field, error))?;
                add(fields, field, &mut inputs, Some(name), value, context, outputs)?;
            }
        }
        Value::List { vals, .. } => {
            for value in vals.iter() {
                add(fields, field, &mut inputs, None, value, context, outputs)?;
            }
        }
        one => add(fields, field, &mut inputs, None, one, context, outputs)?,
    }
    Ok(inputs)
}

fn is_module(value: &Value) -> bool {
    matches!(value, Value::Record { val, .. } if matches!(val.get("name"), Some(Value::String { .. })))
}

/// Adds one package, which may be a derivation, or the name or the constants of a recipe module.
pub(super) fn add(
    fields: &Fields<'_>,
    field: &str,
    inputs: &mut Inputs,
    name: Option<InputName>,
    value: &Value,
    context: Context,
    outputs: fn() -> Vec<OutputName>,
) -> Result<(), ShellError> {
    let package = match value {
        Value::Custom { .. } => custom::<PackageValue>(value).cloned(),
        Value::String { val, .. } | Value::Glob { val, .. } => Some(named(val, value.span())?),
        Value::Record { val, .. } => match val.get("name") {
            Some(Value::String { val, .. }) => Some(named(val, value.span())?),
            _ => None,
        },
        Value::Nothing { .. } => return Ok(()),
        _ => None,
    };
    let Some(package) = package else {
        let help = "write `(pkg zlib)`, or its name; a record gives names: `{ssl: (pkg openssl)}`";
        return Err(fields.wrong(field, "packages", value).with_help(help).into());
    };
    let derivation = package.resolve(context)?;
    let name = match name {
        Some(name) => name,
        None => InputName::new(derivation.name.as_str()).map_err(|error| fields.invalid(field, error))?,
    };
    let input = Input { pid: derivation.pid, outputs: package.outputs.unwrap_or_else(outputs) };
    if inputs.insert(name.clone(), Used { input, derivation }).is_some() {
        return Err(labeled("twice", format!("`{field}` of {} has `{name}` twice", fields.owner))
            .with_label("the second one", value.span())
            .with_help(format!("give them names of their own: `{field}: {{a: ..., b: ...}}`"))
            .into());
    }
    Ok(())
}

/// The inputs as a PIR holds them.
pub(super) fn of_pir(inputs: &Inputs) -> BTreeMap<InputName, Input> {
    inputs.iter().map(|(name, used)| (name.clone(), used.input.clone())).collect()
}
