//! Globs, sources, programs just started and files to read from: values that only our commands look into.

use crate::{
    error::labeled,
    recorder::StepId,
    value::{custom, custom_value, is_null, never_serialized},
};
use nu_protocol::{CustomValue, ShellError, Span, Value, ast::Operator, casing::Casing};
use nuka_pir::{Glob, Source, Stdin};

/// What `glob` gives.
#[derive(Debug, Clone)]
pub(crate) struct GlobValue(pub Glob);

/// What `fetch` gives.
#[derive(Debug, Clone)]
pub(crate) struct SourceValue {
    pub source: Source,
    /// For a local source: where it is, below the directory of the recipe roots.
    pub local: Option<String>,
    /// Where the `fetch` stands.
    pub span: Span,
}

/// What `^tool` gives: the step that the rest of its pipeline completes.
#[derive(Debug, Clone)]
pub(crate) struct Program(pub StepId);

/// What `read` gives: what a program is to read.
#[derive(Debug, Clone)]
pub(crate) struct Input(pub Stdin);

/// What to do with a value of ours instead.
pub(crate) fn advice(value: &Value) -> &'static str {
    None.or(custom::<GlobValue>(value).map(|_| GlobValue::ADVICE))
        .or(custom::<SourceValue>(value).map(|_| SourceValue::ADVICE))
        .or(custom::<Program>(value).map(|_| Program::ADVICE))
        .or(custom::<Input>(value).map(|_| Input::ADVICE))
        .unwrap_or("write its .name, .version or .pid; in a build, its files are at `$p.<name>.path`")
}

macro_rules! opaque {
    ($name:ident, $kind:literal, $help:literal) => {
        impl $name {
            /// What to do with it instead.
            pub(crate) const ADVICE: &'static str = $help;

            fn has_no_fields(span: Span) -> ShellError {
                labeled("opaque", concat!("a ", $kind, " has no fields"))
                    .with_label("here", span)
                    .with_help($help)
                    .into()
            }
        }

        never_serialized!($name);

        impl CustomValue for $name {
            custom_value!();

            fn type_name(&self) -> String {
                $kind.to_owned()
            }

            fn to_base_value(&self, span: Span) -> Result<Value, ShellError> {
                Err(labeled("opaque", concat!("a ", $kind, " is not text"))
                    .with_label(concat!("this is a ", $kind), span)
                    .with_help($help)
                    .into())
            }

            fn follow_path_string(
                &self,
                _: Span,
                _: String,
                path: Span,
                _: bool,
                _: Casing,
            ) -> Result<Value, ShellError> {
                Err(Self::has_no_fields(path))
            }

            fn follow_path_int(&self, _: Span, _: usize, path: Span, _: bool) -> Result<Value, ShellError> {
                Err(Self::has_no_fields(path))
            }

            fn operation(
                &self,
                lhs: Span,
                op: Operator,
                at: Span,
                right: &Value,
            ) -> Result<Value, ShellError> {
                if let Some(answer) = is_null(op, right, at) {
                    return Ok(answer);
                }
                Err(labeled("opaque", format!("`{op}` does not work on a {}", $kind))
                    .with_label(concat!("this is a ", $kind), lhs)
                    .with_help($help)
                    .into())
            }
        }
    };
}

opaque!(
    GlobValue,
    "glob",
    "its files are known only in the build: give it to a step as an argument of its own, or go over it with `for-each`"
);
opaque!(SourceValue, "source", "give it to `derivation` as `src`, or in `sources`");
opaque!(
    Program,
    "program's output",
    "it is known only in the build: `| save FILE` keeps it, `| expect TEXT` checks it; a later step can read the file"
);
opaque!(Input, "file to read", "give it to a program: `read FILE | ^tool`");
