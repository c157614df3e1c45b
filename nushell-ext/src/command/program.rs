//! Starting programs: `^tool ...`, what it reads, and what becomes of its output.

use crate::{
    command::{command, no_input, piped, run_closure},
    error::labeled,
    recorder::{self, Surroundings},
    session,
    value::{Input, Program, arguments, custom, kind, record, template, wrap},
};
use nu_engine::CallExt;
use nu_protocol::{
    IntoPipelineData, PipelineData, ShellError, Span, SyntaxShape, Value,
    engine::{Call, Closure, Command, EngineState, Stack},
};
use nuka_pir::{Part, RunStep, Stdin, Stdout, Step, Template};

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![
        Box::new(RunExternal),
        Box::new(Read),
        Box::new(Save),
        Box::new(Expect),
        Box::new(ExpectExit),
        Box::new(Within),
        Box::new(WithVariables),
        Box::new(WithEnv),
    ]
}

command!(
    /// What nu makes of `^tool ...`.
    RunExternal, "run-external", "Step: start a program of the build environment.",
    |signature| signature.required("command", SyntaxShape::Any, "The program.").rest("arguments", SyntaxShape::Any, "Its arguments."),
    run_external
);
command!(
    /// `read FILE | ^tool`
    Read, "read", "The contents of a file of the build, for a program to read.",
    |signature| signature.required("file", SyntaxShape::Any, "The file."), read
);
command!(
    /// `^tool | save FILE`
    Save, "save", "Writes a program's output to a file of the build.",
    |signature| signature.required("file", SyntaxShape::Any, "The file."), save
);
command!(
    /// `^tool | expect TEXT [--contains]`
    Expect, "expect", "A program's output must be this text.",
    |signature| signature.required("text", SyntaxShape::Any, "The text.").switch("contains", "It need only be in the output.", None),
    expect
);
command!(
    /// `expect-exit CODE { ^tool ... }`
    ExpectExit, "expect-exit", "The program inside must end with this exit code.",
    |signature| signature.required("code", SyntaxShape::Int, "The exit code.").required(
        "program", SyntaxShape::Closure(None), "The program."),
    expect_exit
);
command!(
    /// `within DIRECTORY { ... }`
    Within, "within", "Programs inside start in this directory.",
    |signature| signature.required("directory", SyntaxShape::Any, "The directory.").required(
        "programs", SyntaxShape::Closure(None), "The programs."),
    within
);
command!(
    /// `with-variables {NAME: value} { ... }`
    WithVariables, "with-variables", "Programs inside see these environment variables.",
    |signature| signature.required("variables", SyntaxShape::Any, "The variables.").required(
        "programs", SyntaxShape::Closure(None), "The programs."),
    with_variables
);
command!(
    /// What nu makes of `NAME=value ^tool ...`.
    WithEnv, "with-env", "Programs inside see these environment variables.",
    |signature| signature.required("variables", SyntaxShape::Any, "The variables.").required(
        "programs", SyntaxShape::Closure(None), "The programs."),
    with_env
);

type Result<T> = std::result::Result<T, ShellError>;

fn run_external(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    let words: Vec<Value> = call.rest(engine, stack, 0)?;
    let name = words.first().map_or(call.head, Value::span);
    let stdin = match session::current()?.is_piped(call.head) {
        true => piped(input, call.head)?.map(|value| stdin(&value, call.head)).transpose()?,
        false => None,
    };
    let command = arguments(&words)?;
    let id = {
        let inside = recorder::with("`^` starts a program, which", name, |recorder| {
            Ok(recorder.surroundings.clone())
        })?;
        let Surroundings { directory, env, exit_code } = inside;
        let step = RunStep { command, env, directory, stdin, stdout: None, exit_code };
        recorder::record("`^`", name, Step::Run(step))?
    };
    Ok(wrap(Program(id), call.head).into_pipeline_data())
}

fn stdin(value: &Value, span: Span) -> Result<Stdin> {
    if let Some(input) = custom::<Input>(value) {
        return Ok(input.0.clone());
    }
    if custom::<Program>(value).is_some() {
        return Err(labeled("pipe", "one program does not read from another here")
            .with_label("this is given a program's output", span)
            .with_help("`^first | save FILE`, then `read FILE | ^second`")
            .into());
    }
    template(value).map(Stdin::Text)
}

fn read(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("read", input, call.head)?;
    let file = template(&call.req(engine, stack, 0)?)?;
    Ok(wrap(Input(Stdin::File(file)), call.head).into_pipeline_data())
}

/// Says what becomes of the output of the program in front.
fn output(name: &str, call: &Call, input: PipelineData, stdout: Stdout) -> Result<PipelineData> {
    let value = piped(input, call.head)?;
    let Some(program) = value.as_ref().and_then(custom::<Program>) else {
        let given = value.as_ref().map_or("nothing".to_owned(), |value| format!("a {}", kind(value)));
        return Err(labeled("input", format!("`{name}` stands behind a program"))
            .with_label(format!("this is given {given}"), call.head)
            .with_help(format!(
                "write `^tool ... | {name} ...`; a text is written to a file with `write PATH TEXT`"
            ))
            .into());
    };
    recorder::amend(name, call.head, program.0, |run| {
        if run.stdout.is_some() {
            return Err(labeled("output", "this output is spoken for already")
                .with_label("a second `save` or `expect`", call.head)
                .with_help(
                    "start the program twice, or `save` its output and look at the file with another program",
                )
                .into());
        }
        run.stdout = Some(stdout);
        Ok(())
    })?;
    Ok(PipelineData::empty())
}

fn save(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    let file = template(&call.req(engine, stack, 0)?)?;
    output("save", call, input, Stdout::Save(file))
}

fn expect(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    let text = template(&call.req(engine, stack, 0)?)?;
    let contains = call.has_flag(engine, stack, "contains")?;
    output("expect", call, input, if contains { Stdout::Contains(text) } else { Stdout::Expect(text) })
}

fn inside(
    name: &str,
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
    change: impl FnOnce(&mut Surroundings),
) -> Result<PipelineData> {
    let closure: Closure = call.req(engine, stack, 1)?;
    let mut given = None;
    recorder::surrounded(name, call.head, change, || {
        given = Some(run_closure(engine, stack, closure, Vec::new(), input, call.head)?);
        Ok(())
    })?;
    // So that `with-variables {...} { ^tool } | save FILE` and `A=b ^tool | save FILE` work.
    Ok(given.map_or(PipelineData::empty(), IntoPipelineData::into_pipeline_data))
}

fn expect_exit(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("expect-exit", input, call.head)?;
    let code: i64 = call.req(engine, stack, 0)?;
    let code = u8::try_from(code).map_err(|_| {
        ShellError::from(
            labeled("type", format!("an exit code is between 0 and 255, not {code}"))
                .with_label("here", call.head),
        )
    })?;
    inside("`expect-exit`", engine, stack, call, PipelineData::empty(), |inside| inside.exit_code = code)
}

fn within(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("within", input, call.head)?;
    let directory = template(&call.req(engine, stack, 0)?)?;
    inside("`within`", engine, stack, call, PipelineData::empty(), |inside| {
        inside.directory = Some(join(inside.directory.take(), directory));
    })
}

/// A directory inside another one.
fn join(outer: Option<Template>, inner: Template) -> Template {
    let absolute = inner.literals().next().is_some_and(|text| text.starts_with('/'));
    match outer {
        Some(outer) if !absolute => {
            let parts = |template| match template {
                Template::Literal(text) => vec![Part::Literal(text)],
                Template::Parts(parts) => parts,
            };
            let slash = [Part::Literal("/".to_owned())];
            Template::from_parts(parts(outer).into_iter().chain(slash).chain(parts(inner)))
        }
        _ => inner,
    }
}

fn with_variables(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("with-variables", input, call.head)?;
    with_env(engine, stack, call, PipelineData::empty())
}

/// Hands on what it is given: `"text" | NAME=value ^tool` gives the text to the tool.
fn with_env(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    let given: Value = call.req(engine, stack, 0)?;
    let mut variables = Vec::new();
    for (name, value) in record(&given)?.iter() {
        variables.push((name.clone(), template(value)?));
    }
    inside("`with-variables`", engine, stack, call, input, |inside| inside.env.extend(variables))
}
