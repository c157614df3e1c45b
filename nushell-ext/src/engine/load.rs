//! Reads a recipe into an engine of its own, and calls its `main`.

use crate::{
    RecipeError,
    engine::{base, forbidden, imports::imports, layout, piped, scan},
    session::{Request, Session},
    suggest,
};
use nu_protocol::{
    DeclId, IntoPipelineData, IntoSpanned, ParseError, PipelineData, ShellError, Span, Type, Value,
    ast::{Argument, Call, Expr, Expression},
    debugger::WithDebug,
    engine::{EngineState, FileStack, Stack, StateWorkingSet, VirtualPath},
};
use nuka_pir::Version;
use std::{collections::HashSet, sync::Arc};

/// A recipe, ready to be called.
pub(crate) struct Loaded {
    pub engine: EngineState,
    main: DeclId,
    /// What `versions` says, in its order.
    pub versions: Vec<Version>,
    /// Places, as nu counts them, of commands that a pipe gives something to.
    pub piped: HashSet<usize>,
    takes_version: bool,
}

/// Parses a recipe and everything that it brings in, and checks it.
pub(crate) fn load(session: &Session, request: &Request, text: Arc<[u8]>) -> Result<Loaded, RecipeError> {
    let path = &request.recipe;
    let files = imports(session, path, text.clone())?;
    let mut engine = base::copy(&session.base, &session.meter)
        .map_err(|error| RecipeError::from_shell(&error, &session.base))?;
    let (delta, main, versions, piped) = {
        let mut set = StateWorkingSet::new(&engine);
        let mut allowed: HashSet<&str> = HashSet::from([layout::ENTRY]);
        for file in &files {
            let id = set.add_file(&file.seen, &file.text);
            let _ = set.add_virtual_path(file.seen.clone(), VirtualPath::File(id));
        }
        allowed.extend(files.iter().map(|file| file.seen.as_str()));
        set.files = FileStack::with_file(layout::ENTRY.into());
        let entry = format!("use \"{path}\"");
        let block = nu_parser::parse(&mut set, Some(layout::ENTRY), entry.as_bytes(), false);
        parse_errors(&set)?;
        scan::scan(&set, &block)?;
        let piped = piped::piped(&set, &block)?;
        // What is above lets nu read nothing else; if it did, nothing of it may be used.
        let foreign = set.files().map(|file| file.name.to_string()).find(|name| {
            !allowed.contains(name.as_str()) && !session.base.files().any(|file| *file.name == **name)
        });
        if let Some(name) = foreign {
            return Err(RecipeError::new(
                "use_outside",
                format!("a file that is no recipe was read: {}", name.escape_debug()),
            ));
        }
        let module = set.find_module(path.stem().as_bytes()).map(|id| set.get_module(id).clone());
        let Some(main) = module.as_ref().and_then(|module| module.main) else {
            return Err(RecipeError::new("no_main", format!("`{path}` has no `export def main`"))
                .with_help("a recipe is a module whose `export def main [] { derivation NAME VERSION { ... } }` gives a package")
                .with_place(path.as_str(), &text, 0..text.len().min(1), "this recipe"));
        };
        let constant = module.and_then(|module| module.constants.get(b"versions".as_slice()).copied());
        let value = constant.and_then(|id| set.get_variable(id).const_val.clone());
        let versions = value.map_or(Ok(Vec::new()), |value| versions(&value));
        let versions = versions.map_err(|error| RecipeError::from_set(&error, &set))?;
        (set.render(), main, versions, piped)
    };
    engine.merge_delta(delta).map_err(|error| RecipeError::from_shell(&error, &session.base))?;
    let takes_version = engine.get_decl(main).signature().named.iter().any(|flag| flag.long == "version");
    Ok(Loaded { engine, main, versions, piped, takes_version })
}

fn versions(value: &Value) -> Result<Vec<Version>, ShellError> {
    crate::value::strings(value)?
        .iter()
        .map(|text| {
            Version::new(text).map_err(|error| {
                crate::error::labeled("version", error.to_string())
                    .with_label("in `versions`", value.span())
                    .with_help("write `export const versions = [\"1.2\" \"1.1\"]`")
                    .into()
            })
        })
        .collect()
}

fn parse_errors(set: &StateWorkingSet<'_>) -> Result<(), RecipeError> {
    if let Some(error) = set.parse_errors.first() {
        return Err(parse_error(error, set));
    }
    match set.compile_errors.first() {
        Some(error) => Err(RecipeError::from_set(error, set)),
        None => Ok(()),
    }
}

/// A parser's error; where it stumbled over a word that recipes do not have, what there is instead.
fn parse_error(error: &ParseError, set: &StateWorkingSet<'_>) -> RecipeError {
    let mut result = RecipeError::from_parse(error, set);
    let text = set.get_span_contents(error.span());
    let text = String::from_utf8_lossy(text);
    let word = text.split(|c: char| c.is_whitespace() || c == '.').next().unwrap_or("").to_owned();
    if let ParseError::ExtraPositional(usage, _) = error
        && let Some(parent) = usage.split_whitespace().next()
        && PARENTS.contains(&parent)
    {
        let known = known(set, parent);
        result.code = "nuka::recipe::unknown_command".to_owned();
        result.message = format!("`{parent} {word}` is not a command");
        result.help = Some(match suggest::nearest(&word, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{parent} {near}`?"),
            None => format!(
                "there are {}; others differ between machines, or are not for recipes",
                known.join(", ")
            ),
        });
        return result;
    }
    let looked_up = if word == "$nu" { "sys" } else { word.as_str() };
    if let Some(help) = forbidden::instead_of(looked_up) {
        result.code = "nuka::recipe::impure".to_owned();
        result.message = format!("`{word}` is not there in a recipe");
        result.help = Some(help.to_owned());
    }
    result
}

/// Commands that only stand in front of their subcommands.
const PARENTS: &[&str] = &["bytes", "from", "hash", "into", "math", "path", "split", "str", "to", "url"];

/// The subcommands of a command, sorted.
fn known(set: &StateWorkingSet<'_>, parent: &str) -> Vec<String> {
    let mut known = Vec::new();
    set.traverse_commands(|name, _| {
        let name = String::from_utf8_lossy(name);
        known.extend(name.strip_prefix(parent).and_then(|rest| rest.strip_prefix(' ')).map(str::to_owned));
    });
    known.sort();
    known.dedup();
    known
}

impl Loaded {
    /// The version that `main` is asked for: the one wanted, or the first of `versions`.
    pub(crate) fn version(&self, wanted: Option<&Version>) -> Option<Version> {
        if !self.takes_version {
            return None;
        }
        wanted.or(self.versions.first()).cloned()
    }

    /// Calls `main`.
    pub(crate) fn call(&self, version: Option<&Version>) -> Result<Value, ShellError> {
        let span = self.span();
        let mut call = Call::new(span);
        call.decl_id = self.main;
        if let Some(version) = version {
            let text = Expression::new_unknown(Expr::String(version.to_string()), span, Type::String);
            call.arguments.push(Argument::Named(("version".to_owned().into_spanned(span), None, Some(text))));
        }
        let mut stack = Stack::new();
        let result =
            nu_engine::eval_call::<WithDebug>(&self.engine, &mut stack, &call, PipelineData::empty())?
                .into_value(span)?;
        match result {
            Value::Error { error, .. } => Err(*error),
            value => value.into_pipeline_data().into_value(span),
        }
    }

    /// Where `main` stands.
    pub(crate) fn span(&self) -> Span {
        let block = self.engine.get_decl(self.main).block_id().map(|id| self.engine.get_block(id).clone());
        block.and_then(|block| block.span).unwrap_or_else(Span::unknown)
    }
}
