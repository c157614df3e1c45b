//! Steps that work on files of the build tree.

use crate::{
    command::{command, no_input},
    error::labeled,
    recorder,
    value::{argument, arguments, template},
};
use nu_engine::CallExt;
use nu_protocol::{
    PipelineData, ShellError, Signature, Span, SyntaxShape, Value,
    engine::{Call, Command, EngineState, Stack},
};
use nuka_pir::{Argument, Step, Template};

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![
        Box::new(Install),
        Box::new(Copy),
        Box::new(MoveTo),
        Box::new(Remove),
        Box::new(MakeDirectory),
        Box::new(Symlink),
        Box::new(Write),
        Box::new(Substitute),
        Box::new(Unpack),
    ]
}

/// A path, where a bare word may be a pattern.
fn path() -> SyntaxShape {
    SyntaxShape::OneOf(vec![SyntaxShape::GlobPattern, SyntaxShape::Any])
}

fn from_to(signature: Signature) -> Signature {
    signature.rest("paths", path(), "What, and last where to.")
}

command!(
    /// `install FROM... TO [--executable]`
    Install, "install", "Step: copy into the output, below its prefix.",
    |signature| from_to(signature).switch("executable", "Files become executable.", Some('x')).switch(
        "plain", "Files become not executable.", None),
    install
);
command!(Copy, "copy", "Step: copy files, directories and symlinks.", |signature| from_to(signature), copy);
command!(
    MoveTo,
    "move-to",
    "Step: move files, directories and symlinks.",
    |signature| from_to(signature),
    move_to
);
command!(
    Remove,
    "remove",
    "Step: remove files, symlinks and whole directories.",
    |signature| signature.rest("paths", path(), "What."),
    remove
);
command!(
    MakeDirectory,
    "make-directory",
    "Step: make a directory, and those above it.",
    |signature| signature.rest("paths", path(), "Which."),
    make_directory
);
command!(
    Symlink,
    "symlink",
    "Step: make a symlink.",
    |signature| signature.required("path", SyntaxShape::Any, "Where it stands.").required(
        "target",
        SyntaxShape::Any,
        "What it says."
    ),
    symlink
);
command!(
    Write,
    "write",
    "Step: write a file.",
    |signature| signature
        .required("path", SyntaxShape::Any, "The file.")
        .required("text", SyntaxShape::Any, "Its contents.")
        .switch("executable", "It may be executed.", Some('x')),
    write
);
command!(
    Substitute,
    "substitute",
    "Step: replace text in a file; each text must be there.",
    |signature| signature.required("path", SyntaxShape::Any, "The file.").required(
        "replacements",
        SyntaxShape::Any,
        "A record {old: new}, or a list of pairs [[old new]]."
    ),
    substitute
);

command!(
    Unpack,
    "unpack",
    "Step: unpack an archive of the build tree: a tar, a zip, a .deb.",
    |signature| signature.required("archive", SyntaxShape::Any, "The archive.").required(
        "to",
        SyntaxShape::Any,
        "The directory for its contents."
    ),
    unpack
);

type Result<T> = std::result::Result<T, ShellError>;

fn done(name: &str, call: &Call, step: Step) -> Result<PipelineData> {
    recorder::record(&format!("`{name}`"), call.head, step)?;
    Ok(PipelineData::empty())
}

/// What to work on, and where to put it: the last one.
fn split(
    name: &str,
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
) -> Result<(Vec<Argument>, Template)> {
    let paths: Vec<Value> = call.rest(engine, stack, 0)?;
    match paths.split_last() {
        Some((to, from)) if !from.is_empty() => Ok((arguments(from)?, template(to)?)),
        _ => Err(labeled("arguments", format!("`{name}` needs what, and where to"))
            .with_label("too few paths", call.head)
            .with_help(format!("write `{name} FROM... TO`; a TO that ends in `/` is a directory"))
            .into()),
    }
}

fn install(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("install", input, call.head)?;
    let (from, to) = split("install", engine, stack, call)?;
    let executable =
        match (call.has_flag(engine, stack, "executable")?, call.has_flag(engine, stack, "plain")?) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
    done("install", call, Step::Install { from, to, executable })
}

fn copy(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("copy", input, call.head)?;
    let (from, to) = split("copy", engine, stack, call)?;
    done("copy", call, Step::Copy { from, to })
}

fn move_to(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("move-to", input, call.head)?;
    let (from, to) = split("move-to", engine, stack, call)?;
    done("move-to", call, Step::Move { from, to })
}

fn remove(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("remove", input, call.head)?;
    let paths: Vec<Value> = call.rest(engine, stack, 0)?;
    if paths.is_empty() {
        return Err(labeled("arguments", "`remove` needs what to remove")
            .with_label("no path", call.head)
            .into());
    }
    done("remove", call, Step::Remove(arguments(&paths)?))
}

fn make_directory(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("make-directory", input, call.head)?;
    for path in call.rest::<Value>(engine, stack, 0)? {
        let Argument::Text(path) = argument(&path)? else {
            return Err(labeled("glob", "a directory to make has one name")
                .with_label("this is a pattern", path.span())
                .with_help("to make one for each file, use `for-each`")
                .into());
        };
        recorder::record("`make-directory`", call.head, Step::MakeDirectory(path))?;
    }
    Ok(PipelineData::empty())
}

fn unpack(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("unpack", input, call.head)?;
    let archive = template(&call.req(engine, stack, 0)?)?;
    let to = template(&call.req(engine, stack, 1)?)?;
    done("unpack", call, Step::Unpack { archive, to })
}

fn symlink(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("symlink", input, call.head)?;
    let path = template(&call.req(engine, stack, 0)?)?;
    let target = template(&call.req(engine, stack, 1)?)?;
    done("symlink", call, Step::Symlink { path, target })
}

fn write(engine: &EngineState, stack: &mut Stack, call: &Call, input: PipelineData) -> Result<PipelineData> {
    no_input("write", input, call.head)?;
    let path = template(&call.req(engine, stack, 0)?)?;
    let text = template(&call.req(engine, stack, 1)?)?;
    let executable = call.has_flag(engine, stack, "executable")?;
    done("write", call, Step::Write { path, text, executable })
}

fn substitute(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    input: PipelineData,
) -> Result<PipelineData> {
    no_input("substitute", input, call.head)?;
    let path = template(&call.req(engine, stack, 0)?)?;
    let given: Value = call.req(engine, stack, 1)?;
    let wrong = |span: Span| -> ShellError {
        labeled("type", "`substitute` needs a record, or a list of pairs")
            .with_label("this is neither", span)
            .with_help("write `substitute FILE {old: new}`, or `substitute FILE [[old new] [\"an other\" \"text\"]]`")
            .into()
    };
    let mut replacements = Vec::new();
    match &given {
        Value::Record { val, .. } => {
            for (old, new) in val.iter() {
                replacements.push((Template::literal(old.clone()), template(new)?));
            }
        }
        Value::List { vals, .. } => {
            for pair in vals.iter() {
                match pair {
                    Value::List { vals, .. } => match &vals[..] {
                        [old, new] => replacements.push((template(old)?, template(new)?)),
                        _ => return Err(wrong(pair.span())),
                    },
                    _ => return Err(wrong(pair.span())),
                }
            }
        }
        other => return Err(wrong(other.span())),
    }
    if replacements.is_empty() {
        return Err(wrong(given.span()));
    }
    done("substitute", call, Step::Substitute { path, replacements })
}
