//! nuka's own commands.

mod derivation;
mod describe;
mod environment;
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

use crate::{error::labeled, session, value::kind};
use nu_engine::ClosureEvalOnce;
use nu_protocol::{
    PipelineData, ShellError, Span, Value,
    engine::{Closure, Command, EngineState, Stack},
};

/// Every command of ours.
pub(crate) fn all() -> Vec<Box<dyn Command>> {
    let mut all: Vec<Box<dyn Command>> = vec![Box::new(derivation::DerivationCommand)];
    all.extend(environment::all());
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
    engine.signals().check(&span)?;
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

/// Refuses something that a pipe gives to a command which would not look at it.
pub(crate) fn no_input(name: &str, input: PipelineData, head: Span) -> Result<(), ShellError> {
    if !session::current()?.is_piped(head) {
        return Ok(());
    }
    match piped(input, head)? {
        None => Ok(()),
        Some(value) => Err(labeled("input", format!("`{name}` takes nothing from a pipeline"))
            .with_label(format!("this is given a {}", kind(&value)), head)
            .with_help(
                "a program reads what stands right in front of its `|`; `^tool | save FILE` keeps a program's output; \
                 `write PATH TEXT` writes a text",
            )
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the page on recipes, which tests run.
    fn examples() -> String {
        let page = include_str!("../../../docs/recipes.md");
        let blocks = page.split("```").skip(1).step_by(2).filter(|block| block.starts_with("nu "));
        blocks.collect()
    }

    #[test]
    fn every_command_and_flag_has_an_example() {
        let examples = examples();
        let words: Vec<&str> = examples.split(|c: char| c.is_whitespace() || "(){}[];".contains(c)).collect();
        let names = |wanted: &str| {
            let wanted: Vec<&str> = wanted.split(' ').collect();
            words.windows(wanted.len()).any(|words| words == wanted)
        };
        for command in all() {
            let name = command.name();
            // What nu makes of `^tool` and `NAME=value ^tool`, and what only stands in front of the kinds of it.
            let implied = ["run-external", "with-env", "fetch"].contains(&name);
            assert!(implied || names(name), "no example of `{name}`");
            for flag in command.signature().named.iter().filter(|flag| flag.long != "help") {
                assert!(names(&format!("--{}", flag.long)), "no example of `{name} --{}`", flag.long);
            }
        }
        for field in describe::FIELDS.iter().chain(environment::FIELDS) {
            assert!(names(&format!("{field}:")), "no example of the field `{field}`");
        }
    }
}
