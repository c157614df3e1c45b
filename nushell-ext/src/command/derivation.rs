//! `derivation NAME VERSION {...}`: what a recipe ends in.

use crate::{
    command::{
        describe::{FIELDS, describe},
        fields::Fields,
    },
    error::labeled,
    session,
    value::{PackageValue, kind, text, wrap},
};
use nu_engine::CallExt;
use nu_protocol::{
    Category, IntoPipelineData, PipelineData, Record, ShellError, Signature, SyntaxShape, Type, Value,
    engine::{Call, Command, EngineState, Stack},
};
use nuka_pir::{PackageName, Version};

/// `derivation NAME VERSION {fields}`, or the short form
/// `derivation NAME VERSION SOURCE [PACKAGES] {|package ...| steps } --language LANGUAGE`.
#[derive(Clone)]
pub(super) struct DerivationCommand;

const HELP: &str = "write `derivation NAME VERSION { src: ..., language: ..., build: {|p| ... } }`, \
    or `derivation NAME VERSION SOURCE [PACKAGES] {|package ...| ... } --language LANGUAGE`";

impl Command for DerivationCommand {
    fn name(&self) -> &str {
        "derivation"
    }

    fn description(&self) -> &str {
        "Describes a package."
    }

    fn signature(&self) -> Signature {
        Signature::build("derivation")
            .required("name", SyntaxShape::String, "The package's name.")
            .required("version", SyntaxShape::String, "Its version.")
            .rest("description", SyntaxShape::Any, "A record; or a source, packages and a closure.")
            .named("language", SyntaxShape::String, "Of the short form: the language it is written in.", None)
            .named("target", SyntaxShape::String, "Of the short form: what the result runs on.", None)
            .input_output_type(Type::Any, Type::Any)
            .category(Category::Custom("nuka".into()))
    }

    fn run(
        &self,
        engine: &EngineState,
        stack: &mut Stack,
        call: &Call,
        _input: PipelineData,
    ) -> Result<PipelineData, ShellError> {
        let session = session::current()?;
        if session.meter.is_symbolic() {
            return Err(labeled("derivation_in_build", "a package cannot be described inside a `for-each`")
                .with_label("here", call.head)
                .with_help("describe it in `main`, and use it as one of `tools` or `packages`")
                .into());
        }
        let name = name(&call.req(engine, stack, 0)?)?;
        let version = version(&call.req(engine, stack, 1)?)?;
        let rest: Vec<Value> = call.rest(engine, stack, 2)?;
        let flags = [
            ("language", call.get_flag::<Value>(engine, stack, "language")?),
            ("target", call.get_flag(engine, stack, "target")?),
        ];
        let (record, span, short) = match &rest[..] {
            [Value::Record { val, internal_span, .. }] => {
                if flags.iter().any(|(_, value)| value.is_some()) {
                    return Err(labeled("flag", "`--language` and `--target` belong to the short form")
                        .with_label("here", call.head)
                        .with_help("write them as fields of the record")
                        .into());
                }
                ((**val).clone(), *internal_span, false)
            }
            [source, packages, closure @ Value::Closure { .. }] => {
                let mut record = Record::new();
                record.push("src", source.clone());
                record.push("packages", packages.clone());
                record.push("build", closure.clone());
                flags.iter().for_each(|(name, value)| {
                    record.extend(value.clone().map(|value| ((*name).to_owned(), value)))
                });
                (record, call.span(), true)
            }
            other => {
                let got = match other {
                    [] => "nothing".to_owned(),
                    values => values.iter().map(kind).collect::<Vec<_>>().join(", "),
                };
                return Err(labeled("arguments", format!("`derivation` needs a description of {name}"))
                    .with_label(format!("after name and version there is {got}"), call.head)
                    .with_help(HELP)
                    .into());
            }
        };
        let owner = format!("derivation `{name}`");
        let fields = Fields { engine, record: &record, span, owner };
        fields.only(FIELDS)?;
        let derivation = describe(stack, &fields, name, version, short, call.head)?;
        Ok(wrap(PackageValue::known(derivation), call.head).into_pipeline_data())
    }
}

fn name(value: &Value) -> Result<PackageName, ShellError> {
    PackageName::new(text(value)?)
        .map_err(|error| labeled("name", error.to_string()).with_label("here", value.span()).into())
}

fn version(value: &Value) -> Result<Version, ShellError> {
    let text = match value {
        Value::Int { val, .. } => val.to_string(),
        Value::Float { .. } => {
            return Err(labeled("type", "a version is a text")
                .with_label("this is a number", value.span())
                .with_help("quote it: as a number, 1.20 would be 1.2")
                .into());
        }
        value => text(value)?.to_owned(),
    };
    Version::new(&text)
        .map_err(|error| labeled("version", error.to_string()).with_label("here", value.span()).into())
}
