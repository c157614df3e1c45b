//! `environment {...}`: packages that are wanted together, with what a shell in which they are has besides.

use crate::{
    Environment,
    command::{command, fields::Fields, package},
    error::labeled,
    session,
    value::{PackageValue, custom, kind, text, wrap},
};
use nu_engine::CallExt;
use nu_protocol::{
    IntoPipelineData, PipelineData, ShellError, SyntaxShape, Value,
    engine::{Call, Command, EngineState, Stack},
};
use std::collections::BTreeMap;

pub(super) const FIELDS: &[&str] = &["packages", "variables", "files", "hooks"];

/// The shells that hooks can be for: `sh` is for all that are like it.
const SHELLS: &[&str] = &["sh", "fish", "nu"];

/// Variables by which nuka itself, or every program, is found.
const OWN: &[&str] = &["PATH", "HOME", "PWD", "NUKA_VIEW", "NUKA_STORE", "NUKA_CACHE_DIR", "NUKA_FILES"];

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![Box::new(EnvironmentCommand)]
}

command!(
    /// `environment {packages: [lua], variables: {...}, files: {...}, hooks: {...}}`
    EnvironmentCommand, "environment", "Packages that are wanted together, for `nuka shell` and `nuka apply`.",
    |signature| signature.required("description", SyntaxShape::Any, "A record."), environment
);

fn environment(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    _input: PipelineData,
) -> Result<PipelineData, ShellError> {
    let session = session::current()?;
    let given: Value = call.req(engine, stack, 0)?;
    let Value::Record { val, internal_span, .. } = &given else {
        return Err(labeled("type", format!("an environment is a record, not {}", kind(&given)))
            .with_label("here", given.span())
            .with_help("write `environment { packages: [lua] }`")
            .into());
    };
    if session.state.borrow().active.len() > 1 || session.state.borrow().environment.is_some() {
        return Err(labeled(
            "environment",
            "an environment is what one file's `main` gives, and cannot be part of another",
        )
        .with_label("here", call.head)
        .with_help("share what they have in common as a constant or a function of a module that both `use`")
        .into());
    }
    let fields = Fields { engine, record: val, span: *internal_span, owner: "environment".to_owned() };
    fields.only(FIELDS)?;
    let mut packages = Vec::new();
    for value in list(&fields)? {
        let package = match custom::<PackageValue>(value) {
            Some(package) => package.clone(),
            None if matches!(value, Value::String { .. } | Value::Glob { .. }) => {
                package::named(text(value)?, value.span())?
            }
            None => return Err(fields.wrong("packages", "a list of names and packages", value).into()),
        };
        packages.push(wrap(package, call.head));
    }
    let files = texts(&fields, "files", file)?;
    // In their order nothing need stand between a path and those below it, as `a`, `a-b` and `a/c` show.
    let is_above = |path: &&String| {
        path.match_indices('/').any(|(at, _)| path.get(..at).is_some_and(|above| files.contains_key(above)))
    };
    if let Some(path) = files.keys().find(is_above) {
        return Err(fields.invalid("files", format!("`{path}` is below a path that is a file")).into());
    }
    let found = Environment {
        variables: texts(&fields, "variables", variable)?,
        files,
        hooks: texts(&fields, "hooks", shell)?,
    };
    session.state.borrow_mut().environment = Some(found);
    Ok(Value::list(packages, call.head).into_pipeline_data())
}

fn list<'f>(fields: &Fields<'f>) -> Result<&'f [Value], ShellError> {
    match fields.get("packages") {
        None => Ok(&[]),
        Some(Value::List { vals, .. }) => Ok(vals),
        Some(other) => Err(fields.wrong("packages", "a list of names and packages", other).into()),
    }
}

/// A field that is a record of texts, whose names are as `check` wants them.
fn texts(
    fields: &Fields<'_>,
    field: &str,
    check: fn(&str) -> Result<(), String>,
) -> Result<BTreeMap<String, String>, ShellError> {
    let Some(value) = fields.get(field) else { return Ok(BTreeMap::new()) };
    let inner = fields.inner(field, value)?;
    let mut texts = BTreeMap::new();
    for (name, value) in inner.record.iter() {
        check(name).map_err(|reason| inner.invalid(name, reason))?;
        let text = match value {
            Value::Int { val, .. } => val.to_string(),
            Value::String { .. } | Value::Glob { .. } => text(value)?.to_owned(),
            other => return Err(inner.wrong(name, "a text", other).into()),
        };
        if text.contains('\0') {
            return Err(inner.invalid(name, "it has a NUL in it").into());
        }
        texts.insert(name.clone(), text);
    }
    Ok(texts)
}

fn variable(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !begins || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("a variable's name has letters, digits and `_`".to_owned());
    }
    match OWN.contains(&name) {
        true => Err("nuka or the system sets this variable".to_owned()),
        false => Ok(()),
    }
}

fn file(path: &str) -> Result<(), String> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= 255;
    match path.split('/').all(plain) && !path.contains('\0') {
        true => Ok(()),
        false => Err("a file is named by a path below the environment's files: `dir/name`".to_owned()),
    }
}

fn shell(name: &str) -> Result<(), String> {
    match SHELLS.contains(&name) {
        true => Ok(()),
        false => Err(format!("hooks are for {}", SHELLS.join(", "))),
    }
}
