//! From targets to packages.

use crate::{
    Evaluation, Options, RecipeError, RecipeFiles, RecipeName, RecipePath, Target,
    engine::{base, load},
    error::labeled,
    meter::{Meter, Stop, Watchdog},
    served::{self, Served},
    session::{self, Active, Answer, Context, Request, Session, State},
    suggest,
    value::{Derivation, PackageValue, custom, kind},
};
use nu_protocol::{ShellError, Span, Value, engine::EngineState};
use nuka_pir::{PackageName, Pid, Version};
use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

/// Stack of the thread that evaluates. Recipes that ask for one another, and nu's parser and evaluator, recurse;
/// what is not used is never more than reserved addresses.
const STACK_BYTES: usize = 1 << 30;
/// Recipes may ask for one another this deep.
const MAX_DEPTH: usize = 1000;

/// Evaluates recipes. Cheap to make; holds nothing between evaluations.
pub struct Evaluator<'a> {
    files: &'a dyn RecipeFiles,
    options: Options,
}

impl<'a> Evaluator<'a> {
    /// An evaluator over these recipe roots.
    pub fn new(files: &'a dyn RecipeFiles, options: Options) -> Self {
        Self { files, options }
    }

    /// Evaluates the targets, and every recipe that they ask for, each once.
    ///
    /// The outcome depends on nothing but the targets, the options and the recipe files. Two evaluators may
    /// work side by side.
    pub fn evaluate(&self, targets: &[Target]) -> Result<Evaluation, RecipeError> {
        let meter = Arc::new(Meter::new(&self.options.limits));
        let failed = |error: std::io::Error| {
            RecipeError::new("thread", format!("a thread to evaluate recipes cannot be started: {error}"))
                .with_help("look at the limits on threads and memory (`ulimit -a`)")
        };
        let _watchdog = Watchdog::start(meter.clone(), self.options.limits.clone()).map_err(failed)?;
        let (server, files) = served::files();
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("recipes".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || self.on_this_thread(targets, files, meter))
                .map_err(failed)?;
            server.serve(self.files);
            thread.join().unwrap_or_else(|_| {
                Err(RecipeError::new("bug", "the evaluation ended in a way that it never should")
                    .with_help("this is a bug of nuka or of Nushell: please report it with the recipe"))
            })
        })
    }

    fn on_this_thread(
        &self,
        targets: &[Target],
        files: Served,
        meter: Arc<Meter>,
    ) -> Result<Evaluation, RecipeError> {
        let base = base::engine(&meter).map_err(|error| RecipeError::new("engine", error.to_string()))?;
        let session = Rc::new(Session {
            files,
            options: self.options.clone(),
            base,
            meter,
            state: RefCell::new(State::default()),
        });
        let _entered = session::enter(session.clone());
        let mut roots: Vec<Pid> = Vec::new();
        for target in targets {
            let recipe = match &target.recipe {
                RecipeName::Package(name) => RecipePath::of_package(name),
                RecipeName::File(path) => path.clone(),
            };
            let context = Context { platform: target.platform, cpu: target.cpu };
            let request = Request { recipe, version: target.version.clone(), context };
            let answer = answer(&session, &request)?;
            roots.extend(answer.derivations.iter().map(|derivation| derivation.pid));
        }
        Ok(session.finish(roots))
    }
}

/// The package that a recipe asks for with `pkg`.
pub(crate) fn package(
    name: &PackageName,
    version: Option<&Version>,
    context: Context,
    span: Span,
) -> Result<Arc<Derivation>, ShellError> {
    let session = session::current()?;
    let request = Request { recipe: RecipePath::of_package(name), version: version.cloned(), context };
    let one = |answer: Answer| match <[Arc<Derivation>; 1]>::try_from(answer.derivations) {
        Ok([one]) => Ok(one),
        Err(several) => Err(labeled("several", format!("`{name}` gives {} packages", several.len()))
            .with_label("one package is wanted here", span)
            .with_help("let its `main` give one, and choose by `--version` or by recipes of their own")
            .into()),
    };
    if let Some(found) = session.state.borrow().memo.get(&request) {
        return one(found.clone());
    }
    match answer(&session, &request) {
        Ok(answer) => one(answer),
        Err(error) => {
            // The place of the `pkg` is known only in the asking recipe's engine, which has it converted on
            // the way out.
            let asked = labeled("asked_for", format!("`{name}` is asked for here")).with_label("here", span);
            session.state.borrow_mut().error = Some(error);
            Err(asked.into())
        }
    }
}

/// Evaluates a recipe, once.
fn answer(session: &Rc<Session>, request: &Request) -> Result<Answer, RecipeError> {
    if let Some(found) = session.state.borrow().memo.get(request) {
        return Ok(found.clone());
    }
    check_chain(session, request)?;
    let Some(text) = session.read(&request.recipe)? else { return Err(not_found(session, &request.recipe)) };
    let mut loaded = load::load(session, request, text.clone())?;
    if let Some(wanted) = &request.version
        && !loaded.versions.is_empty()
        && !loaded.versions.contains(wanted)
    {
        return Err(no_version(request, wanted, &loaded.versions));
    }
    let piped = std::mem::take(&mut loaded.piped);
    let versions = loaded.versions.clone();
    let active = Active { request: request.clone(), versions, piped, deciding: HashMap::new() };
    session.state.borrow_mut().active.push(active);
    let symbolic = session.meter.set_symbolic(0);
    let called = loaded.call(loaded.version(request.version.as_ref()).as_ref());
    let result = called.and_then(|value| derivations(&value, request.context, loaded.span()));
    session.meter.set_symbolic(symbolic);
    session.state.borrow_mut().active.pop();
    let result = outcome(session, result, &loaded.engine)?;
    if let Some(wanted) = &request.version {
        let offered: Vec<Version> = result.iter().map(|derivation| derivation.version.clone()).collect();
        if offered.iter().any(|version| version != wanted) {
            return Err(no_version(request, wanted, &offered));
        }
    }
    let answer = Answer { derivations: result };
    session.state.borrow_mut().memo.insert(request.clone(), answer.clone());
    Ok(answer)
}

/// What an evaluation came to: what stopped it, or made an inner one fail, counts before its own result.
fn outcome<T>(
    session: &Session,
    result: Result<T, ShellError>,
    engine: &EngineState,
) -> Result<T, RecipeError> {
    let inner = session.state.borrow_mut().error.take();
    if let Some(inner) = inner {
        return Err(match &result {
            Err(asked) => inner.asked_for_by(RecipeError::from_shell(asked, engine)),
            Ok(_) => inner,
        });
    }
    if let Some(stop) = session.meter.stopped() {
        return Err(stopped(&stop, result.as_ref().err(), engine));
    }
    result.map_err(|error| RecipeError::from_shell(&error, engine))
}

fn stopped(stop: &Stop, error: Option<&ShellError>, engine: &EngineState) -> RecipeError {
    let at = match error {
        Some(ShellError::Interrupted { span }) => Some(*span),
        _ => None,
    };
    let error = |code, message: String, help: &str, span: Option<Span>| {
        let error = labeled(code, message).with_help(help);
        let error = match span {
            Some(span) => error.with_label("it was stopped here", span),
            None => error,
        };
        RecipeError::from_shell(&error.into(), engine)
    };
    match stop {
        Stop::Refused(refused) => RecipeError::from_shell(refused, engine),
        Stop::Steps => error(
            "endless",
            "the recipe does too much: it was stopped".to_owned(),
            "look for a loop that does not end; heavy work belongs into the build",
            at,
        ),
        Stop::Time(time) => error(
            "endless",
            format!("the recipe took more than {} s: it was stopped", time.as_secs_f32()),
            "look for a loop that does not end; heavy work belongs into the build",
            at,
        ),
        Stop::Memory(bytes) => error(
            "huge",
            format!("the recipe takes more than {} MiB of memory: it was stopped", bytes >> 20),
            "look for a list or text that grows without end; data belongs into a source",
            at,
        ),
        Stop::Value(bytes, span) => error(
            "huge",
            format!("a value of the recipe takes {} MiB: it was stopped", bytes >> 20),
            "look for a list or text that grows without end; data belongs into a source",
            Some(*span),
        ),
    }
}

/// Refuses circles, and chains without end.
fn check_chain(session: &Session, request: &Request) -> Result<(), RecipeError> {
    let state = session.state.borrow();
    let names = |from: usize| {
        let chain = state.active.iter().skip(from).map(|active| &active.request.recipe);
        chain.chain([&request.recipe]).map(RecipePath::stem).collect::<Vec<_>>().join(" -> ")
    };
    if let Some(at) = state.active.iter().position(|active| active.request == *request) {
        return Err(RecipeError::new("cycle", format!("packages need each other: {}", names(at)))
            .with_help("a package cannot be built before itself: build a smaller variant of one first, in a recipe of its own"));
    }
    if state.active.len() >= MAX_DEPTH {
        return Err(RecipeError::new(
            "depth",
            format!("recipes ask for one another more than {MAX_DEPTH} deep"),
        )
        .with_help("look for recipes that ask for ever other versions of each other"));
    }
    Ok(())
}

fn not_found(session: &Session, path: &RecipePath) -> RecipeError {
    let name = path.stem();
    let known = session.files.list().unwrap_or_default();
    let packages = known.iter().filter(|path| path.directory().is_empty()).map(RecipePath::stem);
    let error = RecipeError::new("not_found", format!("there is no recipe for `{name}`"));
    match suggest::nearest(name, packages) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => {
            error.with_help(format!(
                "`nuka search {name}` looks for it; `nuka new {name}` begins a recipe; a recipe's file is named with its path: `./{name}.nu`"
            ))
        }
    }
}

fn no_version(request: &Request, wanted: &Version, offered: &[Version]) -> RecipeError {
    let offered: Vec<&str> = offered.iter().map(Version::as_str).collect();
    let name = request.recipe.stem();
    RecipeError::new("version", format!("`{name}` has no version {wanted}"))
        .with_help(format!("there is {}", offered.join(", ")))
}

/// The packages in what `main` gave: one, a list, or a record of them.
fn derivations(value: &Value, context: Context, main: Span) -> Result<Vec<Arc<Derivation>>, ShellError> {
    if let Some(package) = custom::<PackageValue>(value) {
        return Ok(vec![package.resolve(context)?]);
    }
    let several: Vec<&Value> = match value {
        Value::List { vals, .. } => vals.iter().collect(),
        Value::Record { val, .. } => val.iter().map(|(_, value)| value).collect(),
        Value::Error { error, .. } => return Err((**error).clone()),
        _ => Vec::new(),
    };
    let packages: Option<Vec<&PackageValue>> = several.into_iter().map(custom::<PackageValue>).collect();
    match packages.filter(|packages| !packages.is_empty()) {
        Some(packages) => packages.into_iter().map(|package| package.resolve(context)).collect(),
        // An environment need not have any.
        None if matches!(value, Value::List { vals, .. } if vals.is_empty())
            && session::current()?.state.borrow().environment.is_some() =>
        {
            Ok(Vec::new())
        }
        None => Err(labeled("main_type", "`main` of a recipe gives a derivation")
            .with_label(format!("this gives a {}", kind(value)), main)
            .with_help("end it with `derivation NAME VERSION { ... }`")
            .into()),
    }
}
