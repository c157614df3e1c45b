//! One evaluation under way: what it has read, found and recorded so far.
//!
//! Nushell's commands are given an engine and a stack, nothing of ours, so the session at hand is kept by the
//! thread that evaluates; that thread is the evaluator's own and runs one session.

use crate::{
    Environment, Evaluation, Fetch, Options, Package, RecipeError, RecipePath, Warning, error::labeled,
    meter::Meter, recorder::Recorder, served::Served, value::Derivation,
};
use nu_protocol::{ShellError, Span, engine::EngineState};
use nuka_pir::{BlobId, Cpu, Pid, Platform, Version};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Range,
    rc::Rc,
    sync::Arc,
};

/// What a package is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    pub platform: Platform,
    pub cpu: Cpu,
}

/// A recipe to evaluate, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub recipe: RecipePath,
    pub version: Option<Version>,
    pub context: Context,
}

/// What a recipe came to.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub derivations: Vec<Arc<Derivation>>,
}

/// A recipe that is being evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub request: Request,
    pub versions: Vec<Version>,
    /// Places of commands that a pipe gives something to.
    pub piped: HashSet<usize>,
    /// Closures that a command of nu's decides by, as addresses of their blocks, and where that command stands.
    pub deciding: HashMap<usize, (String, Span)>,
}

pub(crate) struct Session {
    pub files: Served,
    pub options: Options,
    pub base: EngineState,
    pub meter: Arc<Meter>,
    pub state: RefCell<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub memo: HashMap<Request, Answer>,
    pub active: Vec<Active>,
    pub packages: HashMap<Pid, Box<Package>>,
    pub read: BTreeMap<RecipePath, Arc<[u8]>>,
    pub not_found: BTreeSet<RecipePath>,
    /// The names that nu knows files by, and the recipe files that they are.
    pub seen: HashMap<String, RecipePath>,
    pub fetches: BTreeMap<(RecipePath, usize, String), Fetch>,
    pub warnings: Vec<Warning>,
    /// Why an inner recipe failed, on its way out.
    pub error: Option<RecipeError>,
    pub recorders: Vec<Recorder>,
    /// What the target's `environment` says, if it has one.
    pub environment: Option<Environment>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Session>>> = const { RefCell::new(None) };
}

/// Makes a session the thread's own until the guard is dropped.
pub(crate) fn enter(session: Rc<Session>) -> Entered {
    CURRENT.with(|current| *current.borrow_mut() = Some(session));
    Entered
}

pub(crate) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.borrow_mut().take());
    }
}

/// The thread's session.
pub(crate) fn current() -> Result<Rc<Session>, ShellError> {
    let session = CURRENT.with(|current| current.borrow().clone());
    session.ok_or_else(|| labeled("no_session", "this command only works while a recipe is evaluated").into())
}

/// The recipe file that nu knows by this name.
pub(crate) fn shown(name: &str) -> Option<String> {
    let session = CURRENT.with(|current| current.borrow().clone())?;
    let state = session.state.borrow();
    state.seen.get(name).map(|path| path.as_str().to_owned())
}

impl Session {
    /// Reads a recipe file, once.
    pub(crate) fn read(&self, path: &RecipePath) -> Result<Option<Arc<[u8]>>, RecipeError> {
        if let Some(text) = self.state.borrow().read.get(path) {
            return Ok(Some(text.clone()));
        }
        let text = self.files.read(path).map_err(|error| {
            RecipeError::new("read", format!("`{path}` cannot be read: {error}"))
                .with_help("look at the file's permissions, and that it is a file")
        })?;
        let mut state = self.state.borrow_mut();
        match &text {
            Some(text) => drop(state.read.insert(path.clone(), text.clone())),
            None => drop(state.not_found.insert(path.clone())),
        }
        Ok(text)
    }

    /// What the recipe at hand is evaluated for.
    pub(crate) fn context(&self) -> Context {
        let wasm = Context { platform: self.options.builder, cpu: Cpu::GENERIC };
        self.state.borrow().active.last().map_or(wasm, |active| active.request.context)
    }

    /// True if a `|` gives something to the command that begins here.
    pub(crate) fn is_piped(&self, head: Span) -> bool {
        self.state.borrow().active.last().is_some_and(|active| active.piped.contains(&head.start))
    }

    /// What build tools are wanted for.
    pub(crate) fn builder(&self) -> Context {
        Context { platform: self.options.builder, cpu: Cpu::GENERIC }
    }

    /// Adds a package that a recipe described.
    pub(crate) fn add_package(&self, package: Package) {
        self.state.borrow_mut().packages.entry(package.pid).or_insert_with(|| Box::new(package));
    }

    pub(crate) fn warn(
        &self,
        code: &'static str,
        message: String,
        place: Option<(RecipePath, Range<usize>)>,
    ) {
        let warning = Warning { code, message, place };
        let mut state = self.state.borrow_mut();
        if !state.warnings.contains(&warning) {
            state.warnings.push(warning);
        }
    }

    /// The recipe file and the bytes of it that a place of nu's is.
    pub(crate) fn place(&self, engine: &EngineState, span: Span) -> Option<(RecipePath, Range<usize>)> {
        let file = engine.files().find(|file| file.covered_span.contains_span(span))?;
        let path = self.state.borrow().seen.get(&*file.name)?.clone();
        Some((path, span.start - file.covered_span.start..span.end - file.covered_span.start))
    }

    /// Everything found, with what the roots do not refer to left out.
    pub(crate) fn finish(&self, roots: Vec<Pid>) -> Evaluation {
        let mut state = self.state.borrow_mut();
        let mut found = std::mem::take(&mut state.packages);
        let mut packages = Vec::with_capacity(found.len());
        let mut stack = roots.clone();
        while let Some(pid) = stack.pop() {
            if let Some(package) = found.remove(&pid) {
                stack.extend(package.pir.references().map(|(_, input)| input.pid));
                stack.extend(package.check);
                packages.push((pid, package));
            }
        }
        let packages = packages.into_iter().collect();
        Evaluation {
            roots,
            packages,
            files_read: state.read.iter().map(|(path, text)| (path.clone(), BlobId::of(text))).collect(),
            not_found: std::mem::take(&mut state.not_found).into_iter().collect(),
            fetches: std::mem::take(&mut state.fetches).into_values().collect(),
            warnings: std::mem::take(&mut state.warnings),
            environment: state.environment.take(),
        }
    }
}
