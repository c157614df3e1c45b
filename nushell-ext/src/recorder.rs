//! What a `build` or `check` closure has recorded so far.

use crate::{error::labeled, session};
use nu_protocol::{ShellError, Span};
use nuka_pir::{RunStep, Step, Template};
use std::collections::BTreeMap;

/// The steps of one closure. Groups (`for-each`, `parallel`) collect theirs in a frame of their own.
#[derive(Debug)]
pub(crate) struct Recorder {
    frames: Vec<Vec<Step>>,
    /// How many `for-each` stand around.
    items: u8,
    /// What `within`, `with-variables` and `expect-exit` say about the programs inside them.
    pub surroundings: Surroundings,
}

/// What holds for every program that is started inside a group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub directory: Option<Template>,
    pub env: BTreeMap<String, Template>,
    pub exit_code: u8,
}

/// Where a step stands, for those that come after it in the same pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepId {
    recorder: usize,
    frame: usize,
    index: usize,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { frames: vec![Vec::new()], items: 0, surroundings: Surroundings::default() }
    }

    pub(crate) fn finish(mut self) -> Vec<Step> {
        self.frames.pop().unwrap_or_default()
    }
}

/// Works on the recorder of the closure at hand.
pub(crate) fn with<T>(
    command: &str,
    span: Span,
    work: impl FnOnce(&mut Recorder) -> Result<T, ShellError>,
) -> Result<T, ShellError> {
    let session = session::current()?;
    let mut state = session.state.borrow_mut();
    match state.recorders.last_mut() {
        Some(recorder) => work(recorder),
        None => Err(labeled("step_outside_build", format!("{command} is a step of a build"))
            .with_label("outside of a `build` or `check` closure", span)
            .with_help("steps are recorded in `build: {|p| ... }`; a recipe itself runs nothing")
            .into()),
    }
}

/// Records a step.
pub(crate) fn record(command: &str, span: Span, step: Step) -> Result<StepId, ShellError> {
    let session = session::current()?;
    let depth = session.state.borrow().recorders.len();
    with(command, span, |recorder| {
        let inside = &recorder.surroundings;
        if !matches!(step, Step::Run(_)) && (inside.directory.is_some() || inside.exit_code != 0) {
            return Err(labeled("step_in_group", format!("{command} cannot stand in this group"))
                .with_label("not the start of a program", span)
                .with_help("`within` and `expect-exit` are about programs (`^tool`); write other steps outside of them")
                .into());
        }
        let frame = recorder.frames.len();
        let Some(steps) = recorder.frames.last_mut() else {
            return Err(labeled("step_outside_build", "there is nothing to record this step in").into());
        };
        steps.push(step);
        Ok(StepId { recorder: depth, frame, index: steps.len() - 1 })
    })
}

/// Changes a program's start that was recorded in this very pipeline.
pub(crate) fn amend(
    command: &str,
    span: Span,
    id: StepId,
    change: impl FnOnce(&mut RunStep) -> Result<(), ShellError>,
) -> Result<(), ShellError> {
    let session = session::current()?;
    let depth = session.state.borrow().recorders.len();
    with(command, span, |recorder| {
        let here = StepId { recorder: depth, frame: recorder.frames.len(), index: id.index };
        let last = recorder.frames.last_mut().filter(|frame| here == id && frame.len() == id.index + 1);
        match last.and_then(|frame| frame.last_mut()) {
            Some(Step::Run(run)) => change(run),
            _ => Err(labeled("late_pipeline", format!("{command} comes too late"))
                .with_label("the program was started in another statement", span)
                .with_help(format!("write it in one pipeline: `^tool ... | {command} ...`"))
                .into()),
        }
    })
}

/// Collects what `work` records into a list of its own.
pub(crate) fn group(
    command: &str,
    span: Span,
    items: u8,
    work: impl FnOnce() -> Result<(), ShellError>,
) -> Result<Vec<Step>, ShellError> {
    with(command, span, |recorder| {
        recorder.items += items;
        recorder.frames.push(Vec::new());
        Ok(())
    })?;
    let result = work();
    let steps = with(command, span, |recorder| {
        recorder.items -= items;
        Ok(recorder.frames.pop().unwrap_or_default())
    })?;
    result.map(|()| steps)
}

/// How many `for-each` stand around.
pub(crate) fn items(command: &str, span: Span) -> Result<u8, ShellError> {
    with(command, span, |recorder| Ok(recorder.items))
}

/// Lets other surroundings hold for what `work` records.
pub(crate) fn surrounded(
    command: &str,
    span: Span,
    change: impl FnOnce(&mut Surroundings),
    work: impl FnOnce() -> Result<(), ShellError>,
) -> Result<(), ShellError> {
    let before = with(command, span, |recorder| {
        let before = recorder.surroundings.clone();
        change(&mut recorder.surroundings);
        Ok(before)
    })?;
    let result = work();
    with(command, span, |recorder| {
        recorder.surroundings = before;
        Ok(())
    })?;
    result
}
