//! `fetch`: trees from elsewhere, fixed by a hash.

use crate::{
    Fetch, MissingHashes,
    command::command,
    error::labeled,
    session::{self, Session},
    value::{SourceValue, text, wrap},
};
use nu_engine::CallExt;
use nu_protocol::{
    IntoPipelineData, PipelineData, ShellError, Signature, Span, SyntaxShape, Value,
    engine::{Call, Command, EngineState, Stack},
};
use nuka_pir::{ArchiveFormat, Origin, Source, SourceHash, Unpack};

pub(super) fn all() -> Vec<Box<dyn Command>> {
    vec![
        Box::new(FetchCommand),
        Box::new(FetchCrate),
        Box::new(FetchNpm),
        Box::new(FetchPypi),
        Box::new(FetchDebian),
        Box::new(FetchUrl),
        Box::new(FetchBootstrap),
        Box::new(FetchPath),
    ]
}

/// The flags that every kind of `fetch` has.
fn flags(signature: Signature) -> Signature {
    signature
        .named("hash", SyntaxShape::String, "What the bytes hash to, as the ecosystem writes it.", None)
        .named("subdir", SyntaxShape::String, "Only this directory of the archive.", None)
        .named("strip", SyntaxShape::Int, "How many leading directories are dropped.", None)
        .named("format", SyntaxShape::String, "tar, zip, deb or file, where the bytes do not say.", None)
        .switch("drop-extras", "Leave out what a tree cannot hold, such as repeated entries.", None)
}

fn versioned(signature: Signature) -> Signature {
    flags(signature.required("name", SyntaxShape::String, "The package's name there.").required(
        "version",
        SyntaxShape::String,
        "Its exact version.",
    ))
}

fn file(signature: Signature) -> Signature {
    versioned(signature).named("file", SyntaxShape::String, "Which file of the release.", None)
}

command!(
    FetchCommand,
    "fetch",
    "A tree from elsewhere.",
    |signature| signature.rest("arguments", SyntaxShape::Any, ""),
    which
);
command!(FetchCrate, "fetch crate", "A source crate.", |signature| versioned(signature), fetch_crate);
command!(FetchNpm, "fetch npm", "An npm package.", |signature| versioned(signature), npm);
command!(FetchPypi, "fetch pypi", "A file of a PyPI release.", |signature| file(signature), pypi);
command!(FetchDebian, "fetch debian", "A file of a Debian package.", |signature| file(signature), debian);
command!(
    FetchUrl,
    "fetch url",
    "What is at an address.",
    |signature| flags(signature.required("url", SyntaxShape::Any, "The address.")),
    url
);
command!(
    FetchBootstrap,
    "fetch bootstrap",
    "The tools of a compiler that compiles itself here.",
    |signature| versioned(signature),
    bootstrap
);
command!(
    FetchPath,
    "fetch path",
    "A directory or archive beside the recipe.",
    |signature| flags(signature.required("path", SyntaxShape::Any, "Relative to the recipe.")),
    path
);

type Result<T> = std::result::Result<T, ShellError>;

fn which(_: &EngineState, _: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    Err(labeled("fetch", "`fetch` needs to know where from")
        .with_label("here", call.head)
        .with_help(
            "write `fetch crate`, `fetch npm`, `fetch pypi`, `fetch debian`, `fetch url`, `fetch bootstrap` or `fetch path`",
        )
        .into())
}

/// A text argument, which must be one line that hides nothing.
fn given(engine: &EngineState, stack: &mut Stack, call: &Call, at: usize) -> Result<String> {
    let value: Value = call.req(engine, stack, at)?;
    plain(&value)
}

fn plain(value: &Value) -> Result<String> {
    let text = match value {
        // Written bare it is a text; what was computed may be a number.
        Value::Int { val, .. } => val.to_string(),
        Value::Float { .. } => {
            return Err(labeled("type", "a version is a text")
                .with_label("this is a number", value.span())
                .with_help("quote it: as a number, 1.20 would be 1.2")
                .into());
        }
        value => text(value)?.to_owned(),
    };
    let wrong = if text.is_empty() {
        Some("it is empty".to_owned())
    } else {
        nuka_pir::check_text(&text).err().map(|e| e.to_string())
    };
    match wrong {
        None => Ok(text),
        Some(reason) => Err(labeled("text", reason).with_label("here", value.span()).into()),
    }
}

fn flag(engine: &EngineState, stack: &mut Stack, call: &Call, name: &str) -> Result<Option<String>> {
    call.get_flag::<Value>(engine, stack, name)?.map(|value| plain(&value)).transpose()
}

fn needed_file(kind: &str, engine: &EngineState, stack: &mut Stack, call: &Call) -> Result<String> {
    flag(engine, stack, call, "file")?.ok_or_else(|| {
        labeled("fetch", format!("`fetch {kind}` needs the file that is meant"))
            .with_label("no --file", call.head)
            .with_help("a release has several files: `--file NAME` says which")
            .into()
    })
}

fn fetch_crate(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    _: PipelineData,
) -> Result<PipelineData> {
    let origin =
        Origin::Crate { name: given(engine, stack, call, 0)?, version: given(engine, stack, call, 1)? };
    source(engine, stack, call, origin, None)
}

fn npm(engine: &EngineState, stack: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    let origin =
        Origin::Npm { name: given(engine, stack, call, 0)?, version: given(engine, stack, call, 1)? };
    source(engine, stack, call, origin, None)
}

fn pypi(engine: &EngineState, stack: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    // PyPI's names are the same in upper and lower case, and with any of - _ . in a row.
    let given_name = given(engine, stack, call, 0)?.to_lowercase();
    let name =
        given_name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let version = given(engine, stack, call, 1)?;
    let origin = Origin::Pypi { name, version, file: needed_file("pypi", engine, stack, call)? };
    source(engine, stack, call, origin, None)
}

fn debian(engine: &EngineState, stack: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    let (name, version) = (given(engine, stack, call, 0)?, given(engine, stack, call, 1)?);
    let origin = Origin::Debian { name, version, file: needed_file("debian", engine, stack, call)? };
    source(engine, stack, call, origin, None)
}

fn bootstrap(engine: &EngineState, stack: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    let origin =
        Origin::Bootstrap { name: given(engine, stack, call, 0)?, version: given(engine, stack, call, 1)? };
    source(engine, stack, call, origin, None)
}

fn url(engine: &EngineState, stack: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    let origin = Origin::Url { url: given(engine, stack, call, 0)? };
    source(engine, stack, call, origin, None)
}

fn path(engine: &EngineState, stack: &mut Stack, call: &Call, _: PipelineData) -> Result<PipelineData> {
    let path = given(engine, stack, call, 0)?;
    let outside = path.starts_with('/') || path.starts_with('~') || path.split('/').any(|part| part == "..");
    if outside {
        return Err(labeled("fetch", "a local source is beside its recipe, or below")
            .with_label("this leads elsewhere", call.head)
            .with_help("copy it beside the recipe; what is elsewhere on this machine is nowhere on others")
            .into());
    }
    let session = session::current()?;
    let local = match session.place(engine, call.head) {
        Some((file, _)) if !file.directory().is_empty() => format!("{}/{path}", file.directory()),
        _ => path.clone(),
    };
    source(engine, stack, call, Origin::Path { path }, Some(local))
}

fn unpack(engine: &EngineState, stack: &mut Stack, call: &Call) -> Result<Unpack> {
    let format = match flag(engine, stack, call, "format")?.as_deref() {
        None => None,
        Some("tar") => Some(ArchiveFormat::Tar),
        Some("zip") => Some(ArchiveFormat::Zip),
        Some("deb") => Some(ArchiveFormat::Deb),
        Some("file") => Some(ArchiveFormat::File),
        Some(other) => {
            let span = call.get_flag_span(stack, "format").unwrap_or(call.head);
            return Err(labeled("fetch", format!("`{other}` is not a format"))
                .with_label("here", span)
                .with_help("there are tar (however compressed), zip, deb and file")
                .into());
        }
    };
    let strip = match call.get_flag::<i64>(engine, stack, "strip")? {
        None => None,
        Some(number) => Some(u8::try_from(number).map_err(|_| {
            ShellError::from(
                labeled("fetch", "--strip is between 0 and 255")
                    .with_label("here", call.get_flag_span(stack, "strip").unwrap_or(call.head)),
            )
        })?),
    };
    let drop_extras = call.has_flag(engine, stack, "drop-extras")?;
    Ok(Unpack { format, strip, subdir: flag(engine, stack, call, "subdir")?, drop_extras })
}

fn source(
    engine: &EngineState,
    stack: &mut Stack,
    call: &Call,
    origin: Origin,
    local: Option<String>,
) -> Result<PipelineData> {
    let session = session::current()?;
    let unpack = unpack(engine, stack, call)?;
    let value: Option<Value> = call.get_flag(engine, stack, "hash")?;
    let hash = match &value {
        None => None,
        Some(value) => Some(text(value)?.parse::<SourceHash>().map_err(|error| {
            ShellError::from(
                labeled("hash", error.to_string())
                    .with_label("here", value.span())
                    .with_help(format!("`nuka update-hashes {}` writes it", recipe(&session))),
            )
        })?),
    };
    let written = value.as_ref().map(|value| written(engine, value.span()));
    note(&session, engine, call.span(), hash.zip(written), &origin, &unpack);
    let hash = match (hash, session.options.missing_hashes) {
        (Some(hash), _) => hash,
        (None, MissingHashes::Collect) => SourceHash::Blake3([0; 32]),
        (None, MissingHashes::Refuse) => {
            return Err(labeled("missing_hash", format!("the fetch of {origin} has no hash"))
                .with_label("no --hash", call.head)
                .with_help(format!(
                    "`nuka update-hashes {}` writes the one that is published",
                    recipe(&session)
                ))
                .into());
        }
    };
    let source = Source { origin, hash, unpack };
    Ok(wrap(SourceValue { source, local, span: call.head }, call.head).into_pipeline_data())
}

/// What people call the recipe at hand.
fn recipe(session: &Session) -> String {
    let state = session.state.borrow();
    state.active.last().map_or_else(|| "RECIPE".to_owned(), |active| active.request.recipe.stem().to_owned())
}

/// Where the value of `--hash` is written: nu says that it begins with the flag.
fn written(engine: &EngineState, span: Span) -> Span {
    let text = engine.get_span_contents(span);
    let Some(value) = text.strip_prefix(b"--hash") else { return span };
    let before = value.iter().take_while(|byte| **byte == b'=' || byte.is_ascii_whitespace()).count();
    Span::new(span.end - (value.len() - before), span.end)
}

/// Notes the call, so that its hash can be written in place.
fn note(
    session: &Session,
    engine: &EngineState,
    call: Span,
    hash: Option<(SourceHash, Span)>,
    origin: &Origin,
    unpack: &Unpack,
) {
    let Some((file, range)) = session.place(engine, call) else { return };
    let hash = hash.map(|(hash, span)| (hash, session.place(engine, span).map_or(0..0, |(_, range)| range)));
    let fetch = Fetch {
        file: file.clone(),
        call: range.clone(),
        hash,
        origin: origin.clone(),
        unpack: unpack.clone(),
    };
    session.state.borrow_mut().fetches.insert((file, range.start, origin.to_string()), fetch);
}
