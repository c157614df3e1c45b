//! Runs the steps of a build over its tree, in order; groups side by side.

use super::{
    expand::{ExpandError, Scope},
    files, merge,
    merge::MergeError,
    program::{ProgramError, Programs},
    world::{PathError, Surroundings, World},
};
use crate::{event::Observer, in_flight::Gone};
use nuka_pir::{Items, Limits, Step, Template};
use nuka_seed_runtime::tree::{Tree, TreeError};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What makes two runs of one build different where a build must not notice: used to prove that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Perturbation {
    /// Added to the seed of the random numbers.
    pub seed: u8,
    /// Seconds added to the clock.
    pub clock_seconds: u32,
}

/// Everything that running steps needs beside the tree.
pub struct Executor<'a> {
    /// Finds and runs programs.
    pub programs: &'a Programs<'a>,
    /// The trees around `/build`.
    pub around: &'a Surroundings,
    /// Environment of every program.
    pub env: &'a BTreeMap<String, String>,
    /// The build's limits.
    pub limits: Limits,
    /// The prefix in `out/`: `usr`.
    pub prefix: &'a str,
    /// Where programs run side by side.
    pub pool: &'a rayon::ThreadPool,
    /// See [`Perturbation`].
    pub perturbation: Perturbation,
    /// Set from outside when nobody waits for this build any more.
    pub cancelled: &'a Gone,
    /// Reads an archive's bytes into a tree, or says why it cannot be.
    pub unpack: &'a (dyn Fn(bytes::Bytes) -> Result<Tree, String> + Sync),
    /// Told when programs are compiled.
    pub observer: &'a dyn Observer,
    /// Told what is being done: a short line for each step that starts.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// A step that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("step {} failed: {kind}", place)]
pub struct StepError {
    /// Which: `3`, or `2 (src/a.c).1` for the first step of a group's item.
    pub place: String,
    /// What the step was, shortened.
    pub step: String,
    /// Why.
    #[source]
    pub kind: StepErrorKind,
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StepErrorKind {
    /// A template, glob or argument.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// A path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A change of the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Two branches of a group wrote one path.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A program.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file operation.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// A generated list of steps.
    #[error("`{path}` does not hold a list of steps: {error}")]
    Steps {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: nuka_pir::PirError,
    },
    /// An archive.
    #[error("`{archive}` cannot be unpacked: {reason}")]
    Unpack {
        /// The file.
        archive: String,
        /// Why.
        reason: String,
    },
    /// Nobody waits for this any more.
    #[error("cancelled")]
    Cancelled,
}

/// What steps wrote for people to read, in the order of the steps, whatever ran side by side.
pub type Log = Vec<u8>;

impl Executor<'_> {
    /// Runs all steps over `/build` and gives the tree they leave. What programs print goes to the log, also
    /// when a step fails.
    pub fn run(&self, steps: &[Step], tree: Tree, log: &mut Log) -> Result<Tree, Box<StepError>> {
        self.steps(steps, tree, &Scope::default(), "", log)
    }

    fn steps(
        &self,
        steps: &[Step],
        mut tree: Tree,
        scope: &Scope,
        place: &str,
        log: &mut Log,
    ) -> Result<Tree, Box<StepError>> {
        for (number, step) in steps.iter().enumerate() {
            let place = format!("{place}{}", number + 1);
            tree = match step {
                Step::ForEach { over, steps } => self.for_each(over, steps, tree, scope, &place, log)?,
                Step::Parallel(branches) => {
                    let names: Vec<_> = (1..=branches.len()).map(|n| format!("branch {n}")).collect();
                    let works = branches.iter().map(|steps| (steps.as_slice(), scope.clone())).collect();
                    self.group(works, names, tree, &place, log)?
                }
                Step::StepsFrom(path) => {
                    let steps =
                        self.generated(path, &tree, scope).map_err(|kind| failed(&place, step, kind))?;
                    self.steps(&steps, tree, &Scope::default(), &format!("{place}."), log)?
                }
                _ => {
                    if self.cancelled.load(Ordering::Relaxed) {
                        return Err(failed(&place, step, StepErrorKind::Cancelled));
                    }
                    self.one(step, tree, scope, log).map_err(|kind| failed(&place, step, kind))?
                }
            };
        }
        Ok(tree)
    }

    fn one(&self, step: &Step, tree: Tree, scope: &Scope, log: &mut Log) -> Result<Tree, StepErrorKind> {
        let world = World { build: tree, around: self.around };
        match step {
            Step::Run(run) => self.programs.run(self, run, world, scope, log),
            Step::Unpack { archive, to } => {
                let archive = scope.text(archive)?;
                let tree = (self.unpack)(files::read(&world, scope, &archive)?)
                    .map_err(|reason| StepErrorKind::Unpack { archive, reason })?;
                Ok(files::add_tree(world, scope, &scope.text(to)?, tree)?)
            }
            other => Ok(files::apply(other, world, scope, self.prefix)?),
        }
    }

    fn for_each(
        &self,
        over: &Items,
        steps: &[Step],
        tree: Tree,
        scope: &Scope,
        place: &str,
        log: &mut Log,
    ) -> Result<Tree, Box<StepError>> {
        let world = World { build: tree.clone(), around: self.around };
        let items = scope.over(&world, over).map_err(|error| {
            let kind = StepErrorKind::Expand(error);
            Box::new(StepError {
                place: place.to_owned(),
                step: format!("for-each {}", shown_items(over)),
                kind,
            })
        })?;
        let inside = |item: &String| {
            let mut inner = scope.clone();
            inner.items.push(item.clone());
            (steps, inner)
        };
        let works = items.iter().map(inside).collect();
        self.group(works, items, tree, place, log)
    }

    /// Runs each work over the same tree, side by side, and puts their writes together in list order. When
    /// several fail, the first in the list is the one that is reported.
    fn group(
        &self,
        works: Vec<(&[Step], Scope)>,
        names: Vec<String>,
        tree: Tree,
        place: &str,
        log: &mut Log,
    ) -> Result<Tree, Box<StepError>> {
        let first_failure = AtomicUsize::new(usize::MAX);
        let run = |(number, (steps, scope)): (usize, &(&[Step], Scope))| {
            if first_failure.load(Ordering::Relaxed) < number {
                return None;
            }
            let name = names.get(number).map_or("", String::as_str);
            let mut log = Log::new();
            let result = self.steps(steps, tree.clone(), scope, &format!("{place} ({name})."), &mut log);
            if result.is_err() {
                first_failure.fetch_min(number, Ordering::Relaxed);
            }
            Some((result, log))
        };
        let outcomes: Vec<_> = self.pool.install(|| works.par_iter().enumerate().map(run).collect());
        let mut trees = Vec::with_capacity(outcomes.len());
        for (result, branch_log) in outcomes.into_iter().flatten() {
            log.extend_from_slice(&branch_log);
            trees.push(result?);
        }
        merge::merge(&tree, &trees, &names).map_err(|error| {
            Box::new(StepError { place: place.to_owned(), step: "a group".to_owned(), kind: error.into() })
        })
    }

    fn generated(&self, path: &Template, tree: &Tree, scope: &Scope) -> Result<Vec<Step>, StepErrorKind> {
        let path = scope.text(path)?;
        let world = World { build: tree.clone(), around: self.around };
        let bytes = files::read(&world, scope, &path)?;
        let text = String::from_utf8_lossy(&bytes);
        nuka_pir::steps_from_text(&text).map_err(|error| StepErrorKind::Steps { path, error })
    }
}

fn failed(place: &str, step: &Step, kind: StepErrorKind) -> Box<StepError> {
    Box::new(StepError { place: place.to_owned(), step: shown(step), kind })
}

fn shown_items(over: &Items) -> String {
    match over {
        Items::List(items) => items.join(" "),
        Items::Glob(glob) => glob.glob.iter().map(shown_template).collect::<Vec<_>>().join(" "),
    }
}

fn shown_template(template: &Template) -> String {
    use nuka_pir::Part;
    match template {
        Template::Literal(text) => text.clone(),
        Template::Parts(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Variable(variable) => format!("{{{:?}}}", variable.field).to_lowercase(),
            })
            .collect(),
    }
}

/// A step in one short line, for progress and errors.
pub fn shown(step: &Step) -> String {
    use nuka_pir::Argument;
    let arguments = |arguments: &[Argument]| {
        let shown = arguments.iter().map(|argument| match argument {
            Argument::Text(template) => shown_template(template),
            Argument::Glob(glob) => glob.glob.iter().map(shown_template).collect::<Vec<_>>().join(" "),
        });
        shown.collect::<Vec<_>>().join(" ")
    };
    let rest = match step {
        Step::Run(run) => arguments(&run.command),
        Step::Copy { from, to } | Step::Move { from, to } | Step::Install { from, to, .. } => {
            format!("{} {} {}", step.verb(), arguments(from), shown_template(to))
        }
        Step::Remove(paths) => format!("remove {}", arguments(paths)),
        Step::Write { path, .. } | Step::Symlink { path, .. } | Step::Substitute { path, .. } => {
            format!("{} {}", step.verb(), shown_template(path))
        }
        Step::MakeDirectory(path) | Step::StepsFrom(path) | Step::Unpack { archive: path, .. } => {
            format!("{} {}", step.verb(), shown_template(path))
        }
        Step::ForEach { .. } | Step::Parallel(_) => step.verb().to_owned(),
    };
    let short: String = rest.chars().take(160).collect();
    if short.len() < rest.len() { format!("{short}…") } else { short }
}
