//! Runs the steps of a build over its tree, in order; groups side by side.

use super::{
    expand::{ExpandError, Scope},
    files, merge,
    merge::MergeError,
    program::{ProgramError, Programs},
    steps::{Line, Part, Recorder},
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
    /// Records finished steps, and knows which are done already; `None` if all are to be done.
    pub recorder: Option<&'a Recorder<'a>>,
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

/// What steps leave behind beside the tree.
#[derive(Default)]
pub struct Trail {
    /// What they wrote.
    pub log: Log,
    /// How many were done, groups not counted.
    pub done: u32,
    /// Whether a process was refused memory or room for files.
    pub refused: bool,
}

impl Executor<'_> {
    /// Runs all steps over `/build` and gives the tree they leave. What programs print goes to the log, also
    /// when a step fails.
    pub fn run(&self, steps: &[Step], tree: Tree, log: &mut Log) -> Result<Tree, Box<StepError>> {
        let line = Line::of_build(self.recorder, steps);
        let mut trail = Trail::default();
        let (from, tree) = line.go_on(tree, &mut trail);
        let result = self.steps(&line, from, tree, &Scope::default(), "", &mut trail);
        log.append(&mut trail.log);
        result
    }

    /// Does the steps of a list from the one at `from` on.
    fn steps(
        &self,
        line: &Line<'_>,
        from: usize,
        mut tree: Tree,
        scope: &Scope,
        place: &str,
        trail: &mut Trail,
    ) -> Result<Tree, Box<StepError>> {
        for (number, step) in line.steps.iter().enumerate().skip(from) {
            let place = format!("{place}{}", number + 1);
            tree = match step {
                Step::ForEach { over, steps } => {
                    self.for_each((line, number), over, steps, tree, scope, &place, trail)?
                }
                Step::Parallel(branches) => {
                    let works = (1..).zip(branches).map(|(branch, steps)| Work {
                        line: line.part(number, Part::Branch(branch), branch as usize, steps),
                        scope: scope.clone(),
                        name: format!("branch {branch}"),
                    });
                    self.group(&works.collect::<Vec<_>>(), &tree, &place, trail)?
                }
                Step::StepsFrom(path) => {
                    let steps =
                        self.generated(path, &tree, scope).map_err(|kind| failed(&place, step, kind))?;
                    line.expanded(1, &steps);
                    let inner = line.part(number, Part::Generated, 0, &steps);
                    let (from, tree) = inner.go_on(tree, trail);
                    self.steps(&inner, from, tree, &Scope::default(), &format!("{place}."), trail)?
                }
                _ => {
                    if self.cancelled.load(Ordering::Relaxed) {
                        return Err(failed(&place, step, StepErrorKind::Cancelled));
                    }
                    line.begins();
                    let tree =
                        self.one(step, tree, scope, trail).map_err(|kind| failed(&place, step, kind))?;
                    trail.done += 1;
                    tree
                }
            };
            line.finished(number + 1, &tree, trail);
        }
        Ok(tree)
    }

    fn one(&self, step: &Step, tree: Tree, scope: &Scope, trail: &mut Trail) -> Result<Tree, StepErrorKind> {
        let world = World { build: tree, around: self.around };
        match step {
            Step::Run(run) => self.programs.run(self, run, world, scope, trail),
            Step::Unpack { archive, to } => {
                let archive = scope.text(archive)?;
                let tree = (self.unpack)(files::read(&world, scope, &archive)?)
                    .map_err(|reason| StepErrorKind::Unpack { archive, reason })?;
                Ok(files::add_tree(world, scope, &scope.text(to)?, tree)?)
            }
            other => Ok(files::apply(other, world, scope, self.prefix)?),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a step's place, and all that it has there")]
    fn for_each(
        &self,
        (line, number): (&Line<'_>, usize),
        over: &Items,
        steps: &[Step],
        tree: Tree,
        scope: &Scope,
        place: &str,
        trail: &mut Trail,
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
        if matches!(over, Items::Glob(_)) {
            line.expanded(items.len(), steps);
        }
        let mut works = Vec::with_capacity(items.len());
        for (order, item) in items.iter().enumerate() {
            let mut scope = scope.clone();
            scope.items.push(item.clone());
            let line = line.part(number, Part::Item(item), order, steps);
            works.push(Work { line, scope, name: item.clone() });
        }
        self.group(&works, &tree, place, trail)
    }

    /// Does each work over the same tree, side by side, and puts their writes together in list order. When
    /// several fail, the first in the list is the one that is reported.
    fn group(
        &self,
        works: &[Work<'_>],
        tree: &Tree,
        place: &str,
        trail: &mut Trail,
    ) -> Result<Tree, Box<StepError>> {
        let first_failure = AtomicUsize::new(usize::MAX);
        // What is done already is known of all before one of them begins.
        let begin = |work: &Work<'_>| {
            let mut trail = Trail { refused: trail.refused, ..Trail::default() };
            let (from, tree) = work.line.go_on(tree.clone(), &mut trail);
            (from, tree, trail)
        };
        let begun: Vec<_> = works.iter().map(begin).collect();
        let run = |(number, (work, (from, tree, mut trail))): (usize, (&Work<'_>, (usize, Tree, Trail)))| {
            if first_failure.load(Ordering::Relaxed) < number {
                return None;
            }
            let place = format!("{place} ({}).", work.name);
            let result = self.steps(&work.line, from, tree, &work.scope, &place, &mut trail);
            if result.is_err() {
                first_failure.fetch_min(number, Ordering::Relaxed);
            }
            Some((result, trail))
        };
        let outcomes: Vec<_> =
            self.pool.install(|| works.par_iter().zip(begun).enumerate().map(run).collect());
        let mut trees = Vec::with_capacity(outcomes.len());
        for (result, branch) in outcomes.into_iter().flatten() {
            trail.log.extend_from_slice(&branch.log);
            trail.done += branch.done;
            trail.refused |= branch.refused;
            trees.push(result?);
        }
        let names: Vec<String> = works.iter().map(|work| work.name.clone()).collect();
        merge::merge(tree, &trees, &names).map_err(|error| {
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

/// One part of a group.
struct Work<'a> {
    line: Line<'a>,
    scope: Scope,
    name: String,
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
