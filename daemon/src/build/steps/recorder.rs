//! When finished steps are written down, and what a build that goes on after them is told of.

use super::{
    journal::{Found, Journal},
    key::StepKey,
    record::{Record, Room},
};
use crate::build::Perturbation;
use nuka_pir::{BuildId, BuildRequest, Items, Step};
use nuka_seed_runtime::tree::{Tree, diff};
use nuka_store::{Lease, Store};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How often finished steps are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Not in the first such time of a build, and not again for as long after each writing.
    pub every: Duration,
}

impl Pace {
    /// Each step as soon as it is done.
    pub const EACH: Self = Self { every: Duration::ZERO };
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(5) }
    }
}

/// Writing takes at most about this part of a build's time.
const SHARE: u32 = 20;

impl Pace {
    /// How long nothing is written after a writing that took so long.
    fn rest(self, took: Duration) -> Duration {
        if self == Self::EACH { Duration::ZERO } else { self.every.max(took.saturating_mul(SHARE)) }
    }
}

/// Where a list of steps stands with what is written of it.
#[derive(Default)]
pub struct Spot {
    /// The last record, written or read.
    pub key: Option<StepKey>,
    /// The tree of that, or the first one.
    pub tree: Tree,
    /// How much of the log is recorded, or waits to be, in bytes.
    pub logged: usize,
    /// How many steps were done, of all, when the list began.
    pub done: u32,
}

/// What waits to be written of a list of steps.
pub struct Pending {
    /// What the tree is known by.
    pub key: StepKey,
    /// What the steps have said since the last record.
    pub log: Vec<u8>,
    /// How many steps of the list are done.
    pub done: u32,
    /// Whether one of them was refused room.
    pub exact: bool,
    /// What they have left.
    pub tree: Tree,
    /// Where the list stands.
    pub spot: Arc<Mutex<Spot>>,
}

/// Steps that a list has, as far as can be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Steps that are no groups.
    steps: i64,
    /// Groups of which it is not known yet how many steps they have.
    open: i64,
}

impl Count {
    /// Counts them.
    pub fn of(steps: &[Step]) -> Self {
        steps.iter().fold(Self::default(), |all, step| all.plus(1, Self::of_one(step)))
    }

    fn of_one(step: &Step) -> Self {
        match step {
            Step::Parallel(branches) => {
                branches.iter().fold(Self::default(), |all, steps| all.plus(1, Self::of(steps)))
            }
            Step::ForEach { over: Items::List(items), steps } => {
                Self::default().plus(items.len(), Self::of(steps))
            }
            Step::ForEach { .. } | Step::StepsFrom(_) => Self { steps: 0, open: 1 },
            _ => Self { steps: 1, open: 0 },
        }
    }

    fn plus(self, times: usize, other: Self) -> Self {
        let times = i64::try_from(times).unwrap_or(i64::MAX);
        let sum = |a: i64, b: i64| a.saturating_add(b.saturating_mul(times));
        Self { steps: sum(self.steps, other.steps), open: sum(self.open, other.open) }
    }
}

/// Records the steps of one build.
pub struct Recorder<'a> {
    request: &'a BuildRequest,
    build: BuildId,
    perturbation: Perturbation,
    directory: &'a Path,
    pace: Pace,
    kept: (&'a Store, &'a Lease),
    /// Told after how many steps, of how many if that is known, the build goes on.
    tell: &'a (dyn Fn(u32, Option<u32>) + Sync),
    first: OnceLock<Option<StepKey>>,
    begun: Instant,
    /// Whether something was recorded before this build.
    goes_on: bool,
    state: Mutex<State>,
}

struct State {
    journal: Opened,
    /// Whether no more is written.
    full: bool,
    /// By the place of the list, and how many of its steps are done.
    pending: BTreeMap<Vec<u32>, (usize, Pending)>,
    /// When it is written next.
    due: Instant,
    count: Count,
    skipped: u32,
    told: u32,
}

enum Opened {
    /// There is none yet.
    No,
    Yes(Journal),
    /// It is somebody else's, or cannot be written, and what waits is of no use.
    Never,
}

impl<'a> Recorder<'a> {
    /// For a build. `directory` has the journals; if it has one of this build, that is gone on with.
    pub fn new(
        (request, build): (&'a BuildRequest, BuildId),
        perturbation: Perturbation,
        directory: &'a Path,
        pace: Pace,
        kept: (&'a Store, &'a Lease),
        tell: &'a (dyn Fn(u32, Option<u32>) + Sync),
    ) -> Self {
        let begun = Instant::now();
        let state = State {
            journal: Opened::No,
            full: false,
            pending: BTreeMap::new(),
            due: begun + pace.every,
            count: Count::default(),
            skipped: 0,
            told: 0,
        };
        let mut recorder = Self {
            request,
            build,
            perturbation,
            directory,
            pace,
            kept,
            tell,
            first: OnceLock::new(),
            begun,
            goes_on: false,
            state: Mutex::new(state),
        };
        // Mostly there is none of any build, and then no key need be known.
        if is_empty(directory) {
            return recorder;
        }
        let found = recorder.path().map(|path| Journal::open(&path, build));
        if let Some(Ok(Some(journal))) = found {
            recorder.goes_on = !journal.is_empty();
            let mut state = recorder.lock();
            state.journal = Opened::Yes(journal);
            state.count = Count::of(&request.steps);
            drop(state);
        }
        recorder
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What it guards is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the tree is known by that the build begins with.
    pub fn first(&self) -> Option<StepKey> {
        *self.first.get_or_init(|| StepKey::first(self.request, self.perturbation).ok())
    }

    fn path(&self) -> Option<PathBuf> {
        let key = self.first()?.after(self.request.steps.first()?).ok()?;
        Some(self.directory.join(key.to_string()))
    }

    /// Whether something was recorded before this build.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Whether the build has gone on for long enough.
    pub fn is_awake(&self) -> bool {
        self.goes_on || self.begun.elapsed() >= self.pace.every
    }

    /// A recorded tree of a list that began with `first`.
    pub fn find(&self, key: StepKey, first: &Tree) -> Option<Found> {
        match &self.lock().journal {
            Opened::Yes(journal) => journal.find(key, first, self.request.limits, self.kept),
            _ => None,
        }
    }

    /// The first steps of a list need not be done: so many, and counted as this before.
    pub fn skipped(&self, done: u32, counted: Count) {
        let mut state = self.lock();
        state.skipped += done;
        state.count.steps += i64::from(done) - counted.steps;
        state.count.open -= counted.open;
    }

    /// A group turned out to be so many times these steps.
    pub fn expanded(&self, times: usize, steps: Count) {
        let mut state = self.lock();
        state.count = state.count.plus(times, steps);
        state.count.open -= 1;
    }

    /// Says after how many steps the build goes on, if that is news.
    pub fn tell(&self) {
        if !self.goes_on {
            return;
        }
        let mut state = self.lock();
        if state.skipped > state.told {
            state.told = state.skipped;
            let all = (state.count.open == 0).then(|| u32::try_from(state.count.steps).ok()).flatten();
            let skipped = state.skipped;
            drop(state);
            (self.tell)(skipped, all);
        }
    }

    /// So many steps of the list at this place are done. What waits of groups among them is part of it.
    pub fn finished(&self, place: &[u32], count: usize, mut pending: Pending) {
        let mut state = self.lock();
        if state.full || matches!(state.journal, Opened::Never) {
            return;
        }
        let below = [place, &[0]].concat();
        let parts: Vec<Vec<u32>> = state
            .pending
            .range(below..)
            .map(|(place, _)| place)
            .take_while(|below| below.starts_with(place))
            .cloned()
            .collect();
        for part in parts {
            state.pending.remove(&part);
        }
        if let Some((_, mut earlier)) = state.pending.remove(place) {
            // Behind what is there, which may be long, rather than copied with it for each step.
            earlier.log.append(&mut pending.log);
            pending.log = earlier.log;
        }
        state.pending.insert(place.to_vec(), (count, pending));
        if Instant::now() >= state.due {
            self.write(&mut state);
        }
    }

    /// Writes down what waits: the build has come to an end before its time.
    pub fn keep(&self) {
        self.write(&mut self.lock());
    }

    /// Forgets all of it: the build is done.
    pub fn forget(&self) {
        if let Opened::Yes(journal) = std::mem::replace(&mut self.lock().journal, Opened::Never) {
            // One that stays is removed some time later.
            let _ = journal.remove();
        }
    }

    fn write(&self, state: &mut State) {
        let begun = Instant::now();
        let pending = std::mem::take(&mut state.pending);
        if pending.is_empty() {
            return;
        }
        if let Opened::No = state.journal {
            let made = self.path().map(|path| Journal::open_or_make(&path, self.build));
            state.journal = made.and_then(Result::ok).flatten().map_or(Opened::Never, Opened::Yes);
        }
        let Opened::Yes(journal) = &mut state.journal else { return };
        let limits = self.request.limits;
        let written = || -> io::Result<bool> {
            for (_, (_, pending)) in pending {
                let Pending { key, log, done, exact, tree, spot } = pending;
                let mut spot = spot.lock().unwrap_or_else(PoisonError::into_inner);
                let changes = diff(&spot.tree, &tree)?;
                let room = Room { memory_mib: limits.memory_mib, tree_mib: limits.tree_mib, exact };
                let record = Record { key, parent: spot.key, room, done, log, changes: Vec::new() };
                if !journal.add(record, &changes)? {
                    return Ok(false);
                }
                (spot.key, spot.tree) = (Some(key), tree);
            }
            journal.sync()?;
            Ok(true)
        };
        // Where there is no more room, what is there is of use.
        match written() {
            Ok(true) => {}
            Ok(false) => state.full = true,
            Err(_) => {
                journal.cut();
                state.full = true;
            }
        }
        let now = Instant::now();
        state.due = now + self.pace.rest(now - begun);
    }
}

/// Whether nothing is in a directory, or it is not there.
fn is_empty(directory: &Path) -> bool {
    fs_err::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}
