//! One list of steps as it is done: from where it goes on, and what of it is to be recorded.

use super::{
    key::{Part, StepKey},
    recorder::{Count, Pending, Recorder, Spot},
};
use crate::build::executor::Trail;
use nuka_pir::Step;
use nuka_seed_runtime::tree::Tree;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A list of steps at its place in a build.
pub struct Line<'a> {
    recorder: Option<&'a Recorder<'a>>,
    /// Its steps.
    pub steps: &'a [Step],
    origin: Origin<'a>,
    place: Vec<u32>,
    /// Whether the build is done with its last step.
    last: bool,
    /// What the tree is known by after none of its steps, after the first, and so on, as far as somebody has asked.
    keys: Mutex<Vec<StepKey>>,
    spot: Arc<Mutex<Spot>>,
}

/// What a list of steps begins with.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Build,
    /// A part of a group, after so many steps of another list.
    Part(&'a Line<'a>, usize, Part<'a>),
}

impl<'a> Line<'a> {
    /// The steps of a build.
    pub fn of_build(recorder: Option<&'a Recorder<'a>>, steps: &'a [Step]) -> Self {
        Self::new(recorder, steps, Origin::Build, Vec::new(), true)
    }

    /// A part of the group that this list's step `number` is, counted from 0.
    pub fn part<'b>(&'b self, number: usize, part: Part<'b>, order: usize, steps: &'b [Step]) -> Line<'b> {
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let place = [self.place.as_slice(), &[count(number), count(order)]].concat();
        let last = self.last && matches!(part, Part::Generated) && number + 1 == self.steps.len();
        Line::new(self.recorder, steps, Origin::Part(self, number, part), place, last)
    }

    fn new(
        recorder: Option<&'a Recorder<'a>>,
        steps: &'a [Step],
        origin: Origin<'a>,
        place: Vec<u32>,
        last: bool,
    ) -> Self {
        Self { recorder, steps, origin, place, last, keys: Mutex::default(), spot: Arc::default() }
    }

    /// What the tree is known by after so many of its steps; `None` if a step has no canonical text.
    fn key(&self, count: usize) -> Option<StepKey> {
        let mut keys = lock(&self.keys);
        if keys.is_empty() {
            keys.push(match self.origin {
                Origin::Build => self.recorder?.first()?,
                Origin::Part(line, count, part) => line.key(count)?.inside(part),
            });
        }
        while keys.len() <= count {
            let (before, step) = (keys.last()?, self.steps.get(keys.len() - 1)?);
            let after = before.after(step).ok()?;
            keys.push(after);
        }
        keys.get(count).copied()
    }

    /// How many of its steps are done already, with the tree that they have left. `tree` is the one that it begins with.
    pub fn go_on(&self, tree: Tree, trail: &mut Trail) -> (usize, Tree) {
        {
            let mut spot = lock(&self.spot);
            spot.tree = tree.clone();
            (spot.logged, spot.done) = (trail.log.len(), trail.done);
        }
        let Some(recorder) = self.recorder.filter(|recorder| recorder.goes_on()) else { return (0, tree) };
        for count in (1..=self.steps.len()).rev() {
            let Some(key) = self.key(count) else { continue };
            let Some(found) = recorder.find(key, &tree) else { continue };
            recorder.skipped(found.done, Count::of(self.steps.get(..count).unwrap_or_default()));
            trail.log.extend_from_slice(&found.log);
            trail.done += found.done;
            trail.refused |= found.exact;
            let mut spot = lock(&self.spot);
            spot.key = Some(key);
            spot.tree = found.tree.clone();
            spot.logged = trail.log.len();
            return (count, found.tree);
        }
        (0, tree)
    }

    /// So many of its steps are done, and have left this tree.
    pub fn finished(&self, count: usize, tree: &Tree, trail: &Trail) {
        let Some(recorder) = self.recorder.filter(|recorder| recorder.is_awake()) else { return };
        if self.last && count == self.steps.len() {
            return;
        }
        let Some(key) = self.key(count) else { return };
        let (log, done) = {
            let mut spot = lock(&self.spot);
            let log = trail.log.get(spot.logged..).unwrap_or_default().to_vec();
            spot.logged = trail.log.len();
            (log, trail.done - spot.done)
        };
        let pending = Pending {
            key,
            log,
            done,
            exact: trail.refused,
            tree: tree.clone(),
            spot: Arc::clone(&self.spot),
        };
        recorder.finished(&self.place, count, pending);
    }

    /// A group turned out to have so many more steps than were known of.
    pub fn expanded(&self, times: usize, steps: &[Step]) {
        if let Some(recorder) = self.recorder.filter(|recorder| recorder.goes_on()) {
            recorder.expanded(times, Count::of(steps));
        }
    }

    /// A step is going to be done.
    pub fn begins(&self) {
        if let Some(recorder) = self.recorder {
            recorder.tell();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
