//! Steps that start a program: finding it, running it as a wasm process over the build tree, and judging the
//! result.

use super::{
    executor::{Executor, Log, StepErrorKind, Trail},
    expand::{ExpandError, Scope},
    files,
    native::{NativeError, NativeRun, Seeds},
    world::{self, BUILD, PathError, World},
};
use crate::event::Observer;
use nuka_pir::{Cid, RunStep, Stdin, Stdout};
use nuka_seed_runtime::{
    Engine, Exit, Limits, Module, Mount, Outcome, Process,
    process::{Access, Clock},
    second::Interpreter,
    tree::{File, GuestPath, Node, Tree},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long compiling a tool may take: once for all builds, so a step's own time says nothing of it.
const TOOL_COMPILE: Duration = Duration::from_secs(3600);

/// Gives the compiled module of a program's file.
pub trait Modules: Sync {
    /// Loads or compiles, the latter within a time and told to the observer; `program` is its name for people.
    fn module(
        &self,
        file: &File,
        program: &str,
        limit: Duration,
        observer: &dyn Observer,
    ) -> Result<Module, ModulesError>;
}

/// Why there is no compiled module of a program.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// It cannot be compiled.
    #[error(transparent)]
    Seed(#[from] nuka_seed_runtime::Error),
    /// It would take too long.
    #[error("compiling it for this machine takes longer than the {} seconds that there are for it", limit.as_secs())]
    TimedOut {
        /// The time.
        limit: Duration,
    },
    /// The compiler met its own end.
    #[error("compiling it for this machine crashed the compiler")]
    Crashed,
}

/// Finds and runs programs.
pub struct Programs<'a> {
    /// Runs modules.
    pub engine: &'a Engine,
    /// Gives modules.
    pub modules: &'a dyn Modules,
    /// Runs modules instead, to check what the engine gave.
    pub second: Option<&'a Interpreter>,
    /// Runs the programs of a seed, and the tree that has them; `None` if every program is WebAssembly.
    pub seed: Option<(&'a Seeds, Cid)>,
}

/// Why a program could not be started, or did not do what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No tool has such a program.
    #[error("there is no program `{program}` among the build's tools{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    NotFound {
        /// The program.
        program: String,
        /// One with a similar name.
        suggestion: Option<String>,
    },
    /// A directory, say.
    #[error("`{program}` is not a file that can be started")]
    NotAFile {
        /// The program.
        program: String,
    },
    /// Its bytes.
    #[error("`{program}` cannot be read: {source}")]
    Read {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It could not be loaded or run.
    #[error("`{program}` cannot be run: {source}")]
    Seed {
        /// The program.
        program: String,
        /// Why.
        source: nuka_seed_runtime::Error,
    },
    /// It could not be compiled.
    #[error("`{program}` cannot be run: {source}")]
    Compile {
        /// The program.
        program: String,
        /// Why.
        source: ModulesError,
    },
    /// It did not end with the exit code that means success.
    #[error("`{program}` {exit}")]
    Exit {
        /// The program.
        program: String,
        /// How it ended.
        exit: Exit,
    },
    /// It ended well where the recipe says that it must not.
    #[error("`{program}` ended with exit code {got}; the recipe expects {expected}")]
    ExitCode {
        /// The program.
        program: String,
        /// What came.
        got: u32,
        /// What should have come.
        expected: u8,
    },
    /// Its output is not what the recipe expects.
    #[error("`{program}` printed {got:?}; the recipe expects {rule} {expected:?}")]
    Output {
        /// The program.
        program: String,
        /// The first part of what it printed.
        got: String,
        /// `exactly` or `something with`.
        rule: &'static str,
        /// What should have come.
        expected: String,
    },
    /// A native program of a seed.
    #[error("`{program}` (native): {source}")]
    Native {
        /// The program.
        program: String,
        /// Why.
        source: NativeError,
    },
    /// An argument or directory that cannot be given to a process.
    #[error(transparent)]
    Name(#[from] nuka_seed_runtime::tree::NameError),
}

impl Programs<'_> {
    /// Runs one program, and gives the build tree as it leaves it.
    pub(super) fn run(
        &self,
        executor: &Executor<'_>,
        step: &RunStep,
        world: World<'_>,
        scope: &Scope,
        trail: &mut Trail,
    ) -> Result<Tree, StepErrorKind> {
        let mut scope = scope.clone();
        if let Some(directory) = &step.directory {
            scope.directory = world::absolute(&scope.directory, &scope.text(directory)?);
        }
        let command = scope.arguments(&world, &step.command)?;
        let program = command.first().cloned().ok_or(ExpandError::Scope)?;
        (executor.progress)(&command.join(" "));
        if let Some((seeds, tools)) = self.seed {
            return native(executor, step, seeds, tools, &world, &scope, command, &mut trail.log);
        }
        let (place, file) = find(&world, &scope, &program)?;
        let seed = |source| ProgramError::Seed { program: program.clone(), source };
        let mut process = process(executor, step, &world, &scope, command)?;
        if let Some(second) = self.second {
            let bytes =
                file.bytes().map_err(|source| ProgramError::Read { program: program.clone(), source })?;
            let outcome = executor.pool.install(|| second.run(&bytes, process)).map_err(seed)?;
            return finished(&program, step, &scope, outcome, trail);
        }
        let compile = |limit| {
            let module = self.modules.module(&file, &program, limit, executor.observer);
            module.map_err(|source| ProgramError::Compile { program: program.clone(), source })
        };
        let module = match process.limits.wall_time {
            // What the build made, or was given as a source, is held to the step's time with its compiling.
            Some(limit) if world::is_in_build(&place) => {
                let begun = Instant::now();
                let module = compile(limit)?;
                process.limits.wall_time = Some(limit.saturating_sub(begun.elapsed()));
                module
            }
            _ => compile(TOOL_COMPILE)?,
        };
        // On the pool, so that never more processes run than there are workers.
        let outcome = executor.pool.install(|| self.engine.run(&module, process, None)).map_err(seed)?;
        finished(&program, step, &scope, outcome, trail)
    }
}

/// The build tree that a process left, if it ended as it should and said what it should.
fn finished(
    program: &str,
    step: &RunStep,
    scope: &Scope,
    outcome: Outcome,
    Trail { log, refused, .. }: &mut Trail,
) -> Result<Tree, StepErrorKind> {
    *refused |= outcome.refused;
    let saved = matches!(step.stdout, Some(Stdout::Save(_)));
    if !saved {
        log.extend_from_slice(&outcome.stdout);
    }
    log.extend_from_slice(&outcome.stderr);
    judge(program, step.exit_code, &outcome.exit, log)?;
    let mut build = outcome.mounts.into_iter().next().unwrap_or_default();
    match &step.stdout {
        None => {}
        Some(Stdout::Save(path)) => {
            let place = world::in_build(&scope.directory, &scope.text(path)?)?;
            build.insert(place, File::from_bytes(outcome.stdout, false))?;
        }
        Some(Stdout::Expect(text)) => {
            let expected = scope.text(text)?;
            expect(program, &outcome.stdout, "exactly", expected, |got, expected| got == expected)?;
        }
        Some(Stdout::Contains(text)) => {
            let expected = scope.text(text)?;
            expect(program, &outcome.stdout, "something with", expected, |got, e| got.contains(e))?;
        }
    }
    Ok(build)
}

/// Runs a program of the seed. It is what a bootstrap begins with, not a builder for recipes: it knows no `stdin`,
/// `stdout` or `exit_code`, and nothing is given to it but its arguments and environment.
#[expect(clippy::too_many_arguments, reason = "all that `Programs::run` has at hand")]
fn native(
    executor: &Executor<'_>,
    step: &RunStep,
    seeds: &Seeds,
    tools: Cid,
    world: &World<'_>,
    scope: &Scope,
    command: Vec<String>,
    log: &mut Log,
) -> Result<Tree, StepErrorKind> {
    let program = command.first().cloned().unwrap_or_default();
    let run = NativeRun {
        tools,
        build: &world.build,
        command,
        env: environment(executor, step, scope, b"")?,
        directory: &scope.directory,
        limit: Duration::from_secs(executor.limits.seconds.into()),
        cancelled: executor.cancelled,
    };
    // On the pool, as all programs.
    let ran = executor.pool.install(|| seeds.run(run, log));
    Ok(ran.map_err(|source| ProgramError::Native { program, source })?)
}

/// The whole environment of a program.
fn environment(
    executor: &Executor<'_>,
    step: &RunStep,
    scope: &Scope,
    path: &[u8],
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StepErrorKind> {
    let mut env: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::from([
        (b"PATH".to_vec(), path.to_vec()),
        (b"HOME".to_vec(), b"/tmp".to_vec()),
        (b"TMPDIR".to_vec(), b"/tmp".to_vec()),
        (b"PWD".to_vec(), scope.directory.clone().into_bytes()),
    ]);
    for (name, value) in executor.env {
        env.insert(name.clone().into_bytes(), value.clone().into_bytes());
    }
    for (name, value) in &step.env {
        env.insert(name.clone().into_bytes(), scope.text(value)?.into_bytes());
    }
    Ok(env)
}

fn judge(program: &str, expected: u8, exit: &Exit, log: &mut Log) -> Result<(), ProgramError> {
    match exit {
        Exit::Code(code) if *code == u32::from(expected) => Ok(()),
        Exit::Code(code) if expected != 0 => {
            Err(ProgramError::ExitCode { program: program.to_owned(), got: *code, expected })
        }
        Exit::Trapped { backtrace, .. } | Exit::StackExhausted { backtrace } => {
            log.extend_from_slice(backtrace.as_bytes());
            log.push(b'\n');
            Err(ProgramError::Exit { program: program.to_owned(), exit: exit.clone() })
        }
        other => Err(ProgramError::Exit { program: program.to_owned(), exit: other.clone() }),
    }
}

fn expect(
    program: &str,
    stdout: &[u8],
    rule: &'static str,
    expected: String,
    holds: fn(&str, &str) -> bool,
) -> Result<(), ProgramError> {
    let got = String::from_utf8_lossy(stdout);
    if holds(&got, &expected) {
        return Ok(());
    }
    let short = |text: &str| text.chars().take(400).collect();
    Err(ProgramError::Output {
        program: program.to_owned(),
        got: short(&got),
        rule,
        expected: short(&expected),
    })
}

/// A program's file and where it really is: by path where it has a `/`, else in the tools' `/usr/bin`.
fn find(world: &World<'_>, scope: &Scope, program: &str) -> Result<(String, File), StepErrorKind> {
    let path = if program.contains('/') { program.to_owned() } else { format!("/usr/bin/{program}") };
    match world.find(&scope.directory, &path, true) {
        Ok((place, Node::File(file))) => Ok((place, file)),
        Ok(_) => Err(ProgramError::NotAFile { program: program.to_owned() }.into()),
        Err(PathError::Missing { .. }) if !program.contains('/') => {
            let there = world.around.usr.directory("bin").cloned().unwrap_or_default();
            let names = there.iter().map(|(name, _)| String::from_utf8_lossy(name.as_bytes()).into_owned());
            let suggestion = crate::suggest::nearest(program, names);
            Err(ProgramError::NotFound { program: program.to_owned(), suggestion }.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn process(
    executor: &Executor<'_>,
    step: &RunStep,
    world: &World<'_>,
    scope: &Scope,
    command: Vec<String>,
) -> Result<Process, StepErrorKind> {
    let mount = |path: &str, tree: &Tree, access| -> Result<Mount, ProgramError> {
        Ok(Mount { path: GuestPath::new(path)?, tree: tree.clone(), access })
    };
    let env = environment(executor, step, scope, b"/usr/bin")?;
    let stdin = match &step.stdin {
        None => bytes::Bytes::new(),
        Some(Stdin::Text(text)) => scope.text(text)?.into(),
        Some(Stdin::File(path)) => files::read(world, scope, &scope.text(path)?)?,
    };
    let mut seed = [0; 32];
    if let Some(first) = seed.first_mut() {
        *first = executor.perturbation.seed;
    }
    let mut clock = Clock::default();
    clock.epoch_ns += u64::from(executor.perturbation.clock_seconds) * 1_000_000_000;
    let mib = |count: u32| u64::from(count) << 20;
    let limits = Limits {
        memory: mib(executor.limits.memory_mib),
        wall_time: Some(Duration::from_secs(executor.limits.seconds.into())),
        tree: mib(executor.limits.tree_mib),
        ..Limits::default()
    };
    Ok(Process {
        args: command.into_iter().map(String::into_bytes).collect(),
        env,
        // The build tree comes first: its place among the mounts is where the result is looked for.
        mounts: vec![
            mount(BUILD, &world.build, Access::ReadWrite)?,
            mount("/tmp", &Tree::new(), Access::ReadWrite)?,
            mount("/usr", &world.around.usr, Access::ReadOnly)?,
            mount("/etc", &world.around.etc, Access::ReadOnly)?,
            mount("/nuka", &world.around.nuka, Access::ReadOnly)?,
        ],
        cwd: Some(GuestPath::new(&scope.directory).map_err(ProgramError::from)?),
        stdin,
        seed,
        clock,
        limits,
        cancelled: Some(Arc::clone(executor.cancelled)),
    })
}
