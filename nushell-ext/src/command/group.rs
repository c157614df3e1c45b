//! Globs, and steps that hold other steps.

use crate::{
    command::{command, no_input, run_closure},
    error::labeled,
    recorder, session,
    value::{GlobValue, Item, custom, kind, strings, template, wrap},
};
use nu_engine::CallExt;
use nu_protocol::{
    IntoPipelineData, PipelineData, ShellError, SyntaxShape, Value,
    engine::{Call, Closure, Command, EngineState, Stack},
};
use nuka_pir::{Field, Glob, Items, Step, Template, Variable};

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![Box::new(GlobCommand), Box::new(ForEach), Box::new(Parallel), Box::new(StepsFrom)]
}

command!(
    /// `glob PATTERN... [--except PATTERN...]`
    GlobCommand, "glob", "The sorted paths that match, found in the build.",
    |signature| signature
        .rest("patterns", SyntaxShape::OneOf(vec![SyntaxShape::GlobPattern, SyntaxShape::Any]), "Each must match something.")
        .named("except", SyntaxShape::Any, "What matches one of these is left out.", None),
    glob
);
command!(
    /// `for-each ITEMS {|f| ... }`
    ForEach, "for-each", "Step: do steps for each file or text, side by side.",
    |signature| signature
        .required("items", SyntaxShape::OneOf(vec![SyntaxShape::List(Box::new(SyntaxShape::Any)), SyntaxShape::GlobPattern, SyntaxShape::Any]), "A glob, or a list of texts.")
        .required("steps", SyntaxShape::Closure(None), "What to do with each."),
    for_each
);
command!(
    /// `parallel {...} {...}`
    Parallel, "parallel", "Step: do lists of steps side by side.",
    |signature| signature.rest("branches", SyntaxShape::Closure(None), "What to do."),
    parallel
);
command!(
    /// `steps-from FILE`
    StepsFrom, "steps-from", "Step: do the steps that an earlier step wrote into a file.",
    |signature| signature.required("file", SyntaxShape::Any, "Canonical NUON: a list of steps."),
    steps_from
);

type Result<T> = std::result::Result<T, ShellError>;

/// Texts with or without items, from one value or a list.
fn templates(value: &Value) -> Result<Vec<Template>> {
    match value {
        Value::List { vals, .. } => vals.iter().map(template).collect(),
        one => Ok(vec![template(one)?]),
    }
}

fn glob(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("glob", input, call.head)?;
    let mut patterns = Vec::new();
    for value in call.rest::<Value>(engine, stack, 0)? {
        patterns.extend(templates(&value)?);
    }
    if patterns.is_empty() {
        return Err(labeled("arguments", "`glob` needs a pattern")
            .with_label("no pattern", call.head)
            .with_help("write `glob \"src/*.c\"`")
            .into());
    }
    let except = call.get_flag::<Value>(engine, stack, "except")?;
    let except = except.map_or(Ok(Vec::new()), |value| templates(&value))?;
    Ok(wrap(GlobValue(Glob { glob: patterns, except }), call.head).into_pipeline_data())
}

fn for_each(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("for-each", input, call.head)?;
    let items: Value = call.req(engine, stack, 0)?;
    let closure: Closure = call.req(engine, stack, 1)?;
    let over = match (&items, custom::<GlobValue>(&items)) {
        (_, Some(glob)) => Items::Glob(glob.0.clone()),
        (Value::Glob { no_expand: false, .. }, None) => {
            Items::Glob(Glob { glob: vec![template(&items)?], except: Vec::new() })
        }
        (Value::List { .. }, None) => Items::List(strings(&items)?),
        _ => {
            return Err(labeled("type", "`for-each` goes over a glob or a list of texts")
                .with_label(format!("this is a {}", kind(&items)), items.span())
                .with_help("write `for-each (glob \"src/*.c\") {|f| ... }`")
                .into());
        }
    };
    let item = recorder::items("`for-each`", call.head)?;
    let variable = wrap(Item(Variable { item, field: Field::Path }), items.span());
    let meter = session::current()?.meter.clone();
    let before = meter.set_symbolic(usize::from(item) + 1);
    let steps = recorder::group("`for-each`", call.head, 1, || {
        run_closure(engine, stack, closure, vec![variable], PipelineData::empty(), call.head).map(drop)
    });
    meter.set_symbolic(before);
    recorder::record("`for-each`", call.head, Step::ForEach { over, steps: steps? })?;
    Ok(PipelineData::empty())
}

fn parallel(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("parallel", input, call.head)?;
    let branches: Vec<Closure> = call.rest(engine, stack, 0)?;
    let mut lists = Vec::new();
    for branch in branches {
        lists.push(recorder::group("`parallel`", call.head, 0, || {
            run_closure(engine, stack, branch, Vec::new(), PipelineData::empty(), call.head).map(drop)
        })?);
    }
    recorder::record("`parallel`", call.head, Step::Parallel(lists))?;
    Ok(PipelineData::empty())
}

fn steps_from(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("steps-from", input, call.head)?;
    let file = template(&call.req(engine, stack, 0)?)?;
    recorder::record("`steps-from`", call.head, Step::StepsFrom(file))?;
    Ok(PipelineData::empty())
}
