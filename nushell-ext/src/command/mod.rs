//! nuka's own commands.

mod derivation;
mod describe;
mod fetch;
mod fields;
mod file;
mod group;
mod inputs;
mod package;
mod print;
mod program;
mod settings;
mod sources;

use nu_engine::ClosureEvalOnce;
use nu_protocol::{
    PipelineData, ShellError, Span, Value,
    engine::{Closure, Command, EngineState, Stack},
};

/// Every command of ours.
pub(crate) fn all() -> Vec<Box<dyn Command>> {
    let mut all: Vec<Box<dyn Command>> = vec![Box::new(derivation::DerivationCommand)];
    all.extend(package::all());
    all.extend(fetch::all());
    all.extend(file::all());
    all.extend(group::all());
    all.extend(program::all());
    all.extend(print::all());
    all
}

/// Declares a command whose work is a function.
macro_rules! command {
    ($(#[$doc:meta])* $type:ident, $name:literal, $description:literal, |$signature:ident| $shape:expr, $run:path) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) struct $type;

        impl nu_protocol::engine::Command for $type {
            fn name(&self) -> &str {
                $name
            }

            fn description(&self) -> &str {
                $description
            }

            fn signature(&self) -> nu_protocol::Signature {
                let $signature = nu_protocol::Signature::build($name)
                    .category(nu_protocol::Category::Custom("nuka".into()))
                    .input_output_type(nu_protocol::Type::Any, nu_protocol::Type::Any);
                $shape
            }

            fn run(
                &self,
                engine: &nu_protocol::engine::EngineState,
                stack: &mut nu_protocol::engine::Stack,
                call: &nu_protocol::engine::Call,
                input: nu_protocol::PipelineData,
            ) -> std::result::Result<nu_protocol::PipelineData, nu_protocol::ShellError> {
                $run(engine, stack, call, input)
            }
        }
    };
}
pub(crate) use command;

/// Runs a closure to its end and gives what it gave.
pub(crate) fn run_closure(
    engine: &EngineState,
    stack: &Stack,
    closure: Closure,
    arguments: Vec<Value>,
    input: PipelineData,
    span: Span,
) -> Result<Value, ShellError> {
    let given = ClosureEvalOnce::new(engine, stack, closure).add_args(arguments)?.run_with_input(input)?;
    match given.into_value(span)? {
        Value::Error { error, .. } => Err(*error),
        value => Ok(value),
    }
}

/// The value that a command is given by the pipeline.
pub(crate) fn piped(input: PipelineData, span: Span) -> Result<Option<Value>, ShellError> {
    match input {
        PipelineData::Empty => Ok(None),
        other => match other.into_value(span)? {
            Value::Nothing { .. } => Ok(None),
            Value::Error { error, .. } => Err(*error),
            value => Ok(Some(value)),
        },
    }
}
