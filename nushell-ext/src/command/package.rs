//! `pkg`, `outputs`, `platform`: other packages, and what the recipe is evaluated for.

use crate::{
    command::{command, piped},
    error::labeled,
    session,
    value::{PackageValue, custom, kind, strings, text, wrap},
};
use nu_engine::CallExt;
use nu_protocol::{
    IntoPipelineData, PipelineData, Record, ShellError, Span, SyntaxShape, Value,
    engine::{Call, Command, EngineState, Stack},
};
use nuka_pir::{OutputName, PackageName, Version};

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![Box::new(Pkg), Box::new(Outputs), Box::new(PlatformCommand)]
}

command!(
    /// `pkg NAME`, `pkg "NAME@VERSION"`
    Pkg, "pkg", "The package that another recipe describes.",
    |signature| signature.required("name", SyntaxShape::Any, "NAME or NAME@VERSION."), pkg
);
command!(
    /// `pkg zlib | outputs [out]`
    Outputs, "outputs", "The same package, with these of its outputs.",
    |signature| signature.required("names", SyntaxShape::Any, "A list of outputs."), outputs
);
command!(
    /// `platform`
    PlatformCommand, "platform", "What the recipe is evaluated for: {builder, target, cpu}.", |signature| signature, platform
);

/// The package that a text names.
pub(super) fn named(name: &str, span: Span) -> Result<PackageValue, ShellError> {
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    let wrong = |error: nuka_pir::NameError| -> ShellError {
        labeled("name", error.to_string())
            .with_label("here", span)
            .with_help("write `pkg zlib`, or `pkg \"lua@5.4.8\"` for one of its versions")
            .into()
    };
    let name = PackageName::new(name).map_err(wrong)?;
    let version = version.map(Version::new).transpose().map_err(wrong)?;
    Ok(PackageValue::named(name, version, span))
}

fn pkg(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    _input: PipelineData,
) -> Result<PipelineData, ShellError> {
    let given: Value = call.req(engine, stack, 0)?;
    let package = match custom::<PackageValue>(&given) {
        Some(package) => package.clone(),
        None => named(text(&given)?, given.span())?,
    };
    Ok(wrap(package, call.head).into_pipeline_data())
}

fn outputs(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData, ShellError> {
    let given: Value = call.req(engine, stack, 0)?;
    let value = piped(input, call.head)?;
    let Some(package) = value.as_ref().and_then(custom::<PackageValue>) else {
        let got = value.as_ref().map_or("nothing".to_owned(), kind);
        return Err(labeled("type", format!("`outputs` stands behind a package, not {got}"))
            .with_label("here", call.head)
            .with_help("write `(pkg zlib | outputs [out])`")
            .into());
    };
    let mut names = Vec::new();
    for name in strings(&given)? {
        names.push(OutputName::new(&name).map_err(|error| {
            ShellError::from(labeled("name", error.to_string()).with_label("here", given.span()))
        })?);
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(labeled("outputs", "no output is chosen")
            .with_label("an empty list", given.span())
            .with_help("every package has the output `out`")
            .into());
    }
    Ok(wrap(PackageValue { reference: package.reference.clone(), outputs: Some(names) }, call.head)
        .into_pipeline_data())
}

fn platform(
    _: &EngineState,
    _: &mut Stack,
    call: &Call,
    _input: PipelineData,
) -> Result<PipelineData, ShellError> {
    let session = session::current()?;
    let context = session.context();
    let mut record = Record::new();
    record.push("builder", Value::string(session.options.builder.as_str(), call.head));
    record.push("target", Value::string(context.platform.as_str(), call.head));
    record.push("cpu", Value::string(context.cpu.as_str(), call.head));
    Ok(Value::record(record, call.head).into_pipeline_data())
}
