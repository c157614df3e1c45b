//! Looking at values while a recipe is written: they become warnings, and change nothing.

use crate::{
    command::{command, piped},
    session,
    value::{contains_opaque, kind},
};
use nu_engine::CallExt;
use nu_protocol::{
    IntoPipelineData, PipelineData, ShellError, SyntaxShape, Value,
    engine::{Call, Command, EngineState, Stack},
};

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![Box::new(Print), Box::new(Inspect)]
}

command!(
    /// `print VALUE...`
    Print, "print", "Shows values as a warning of the recipe.",
    |signature| signature.rest("values", SyntaxShape::Any, "What to show."), print
);
command!(
    /// `... | inspect | ...`
    Inspect, "inspect", "Shows what passes by as a warning of the recipe.", |signature| signature, inspect
);

/// Longest text that is shown, in characters.
const MAX_SHOWN: usize = 400;

fn show(engine: &EngineState, call: &Call, value: &Value) -> Result<(), ShellError> {
    let session = session::current()?;
    let text = match value {
        Value::Custom { val, .. } => match val.to_base_value(call.head) {
            Ok(base) => base.to_expanded_string(", ", engine.get_config()),
            Err(_) => format!("<{}>", kind(value)),
        },
        value => value.to_expanded_string(", ", engine.get_config()),
    };
    let text = if contains_opaque(value) { crate::symbol::shown(&text) } else { text };
    let text: String = text.chars().take(MAX_SHOWN).collect();
    session.warn("nuka::recipe::print", text, session.place(engine, call.head));
    Ok(())
}

fn print(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData, ShellError> {
    let mut values: Vec<Value> = call.rest(engine, stack, 0)?;
    if values.is_empty() && session::current()?.is_piped(call.head) {
        values.extend(piped(input, call.head)?);
    }
    for value in values {
        show(engine, call, &value)?;
    }
    Ok(PipelineData::empty())
}

fn inspect(
    engine: &EngineState,
    _stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData, ShellError> {
    let value = input.into_value(call.head)?;
    show(engine, call, &value)?;
    Ok(value.into_pipeline_data())
}
