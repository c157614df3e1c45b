//! Removing what a plan says, slice by slice, and sparing what was used, made or named since.

use super::{
    PATIENCE, SLICE,
    error::GcError,
    known::Known,
    options::{Amount, GcOptions, GcProgress, GcReport},
    plan::{self, GcPlan, State},
    select::{self, Reason},
    trash::Trash,
};
use crate::{
    error::StoreError,
    id_hash::IdSet,
    index::{Forget, Used},
    lease,
    reserve::{self, Given},
    store::Store,
    watch::FileChange,
};
use nuka_pir::{BlobId, BuildId, Pid, SourceId};
use std::time::{Duration, Instant};

/// Objects removed between two looks at the clock.
const STEP: usize = 64;
/// Packages that are forgotten at a time when the disk is full.
const FEW: usize = 16;

/// Removes what the plan says, except for what was used, made, leased or named since. Waits for another collection,
/// if there is one.
///
/// # Errors
/// As [`plan`](super::plan), before anything is removed; those of removing. After an error in the middle, and where it
/// was cancelled there, nothing that is named is missing, and the next collection goes on.
pub fn run(store: &Store, plan: GcPlan, progress: &mut dyn FnMut(GcProgress)) -> Result<GcReport, GcError> {
    sweep(store, plan.state, progress)
}

/// Plans and removes at once. Nobody looks at the plan, so what goes is not weighed, which takes a third of the time.
///
/// # Errors
/// As [`plan`](super::plan) and [`run`].
pub fn collect(
    store: &Store,
    options: &GcOptions,
    progress: &mut dyn FnMut(GcProgress),
) -> Result<GcReport, GcError> {
    sweep(store, plan::survey(store, options)?, progress)
}

fn sweep(store: &Store, mut state: State, progress: &mut dyn FnMut(GcProgress)) -> Result<GcReport, GcError> {
    let _turn =
        store.inner().gc.turn(store.cancel(), &mut |process| progress(GcProgress::Waits { process }))?;
    // Once there is room: when the objects are gone, or if it was not needed.
    let _reserve = Given(store.root());
    let mut report = GcReport::default();
    forget(store, &mut state, &mut report)?;
    let total = state.objects.len() as u64;
    let objects = std::mem::take(&mut state.objects);
    let mut rest = objects.as_slice();
    while !rest.is_empty() {
        store.cancel().check()?;
        let done = slice(store, &mut state, rest, &mut report)?;
        rest = rest.get(done..).unwrap_or_default();
        progress(GcProgress::Removes { done: total - rest.len() as u64, total });
    }
    remove_damaged(store)?;
    purge(store, PATIENCE, &mut report)?;
    Ok(report)
}

/// Removes for good what was moved aside, if no batch can want it any more.
fn purge(store: &Store, wait: Duration, report: &mut GcReport) -> Result<(), StoreError> {
    if let Some(trash) = Trash::open(store.root())?
        && let Some(_no_finds) = store.inner().gc.no_finds(wait)?
    {
        trash.purge(store.inner().objects.watch())?;
        report.aside = Amount::default();
    }
    Ok(())
}

/// Removes objects for one slice of time. Returns how many are done.
fn slice(
    store: &Store,
    state: &mut State,
    objects: &[(BlobId, Option<u64>)],
    report: &mut GcReport,
) -> Result<usize, GcError> {
    let _slice = store.inner().gc.slice()?;
    refresh(store, state)?;
    let no_finds = store.inner().gc.no_finds(Duration::ZERO)?;
    let aside = if no_finds.is_some() { None } else { Some(Trash::create(store.root())?) };
    let started = Instant::now();
    let all = &store.inner().objects;
    let (mut remover, mut done) = (all.remover(), 0);
    for part in objects.chunks(STEP) {
        for (id, size) in part.iter().filter(|(id, _)| !state.marks.contains(id)) {
            let gone = match &aside {
                Some(trash) => trash.put(all, id, *size)?,
                None => remover.remove(id, *size)?,
            };
            if let Some(size) = gone {
                report.freed.add(size);
                if aside.is_some() {
                    report.aside.add(size);
                }
            }
        }
        done += part.len();
        if started.elapsed() >= SLICE {
            break;
        }
    }
    Ok(done)
}

/// Marks what came since the index and the leases were last looked at. Only in a slice.
fn refresh(store: &Store, state: &mut State) -> Result<(), GcError> {
    let leases = lease::living(store.root(), true)?;
    if leases == state.known.leases && store.read()?.generation()? == state.known.generation {
        return Ok(());
    }
    let known = Known::read(store, true)?;
    let mut seeds = select::mark_pins(store, &mut state.marks, select::pins(&known, &state.options))?;
    // What the plan did not condemn is kept, and so is what was used or made again since.
    let spared = |used: &Used| {
        state.dead.get(used).is_none_or(|planned| known.uses.get(used).is_some_and(|now| now != planned))
    };
    let realised = known.realised.keys().filter(|pid| spared(&Used::Package(**pid)));
    seeds.extend(realised.map(|pid| (*pid, Reason::Caller)));
    let sources: Vec<SourceId> =
        known.sources.keys().filter(|id| spared(&Used::Source(**id))).copied().collect();
    state.selection.add_packages(store, seeds)?;
    let packages: Vec<Pid> = state.selection.packages.keys().copied().collect();
    state.selection.sources.extend(sources);
    let sources: Vec<SourceId> = state.selection.sources.iter().copied().collect();
    select::mark(store, &known, &mut state.marks, &packages, &sources)?;
    let pirs = state.selection.pirs(store)?;
    state.dead_pirs.retain(|pid| !pirs.contains(pid));
    let kept = known.names.keys().filter(|pid| !state.dead_pirs.contains(*pid)).copied().collect();
    select::mark_metas(store, &known, &mut state.marks, &kept)?;
    let selection = &state.selection;
    state.dead.retain(|used, _| match used {
        Used::Package(pid) => !selection.packages.contains_key(pid),
        Used::Source(id) => !selection.sources.contains(id),
    });
    state.known = known;
    Ok(())
}

/// Removes the records of what is dead from the index, in one commit.
fn forget(store: &Store, state: &mut State, report: &mut GcReport) -> Result<(), GcError> {
    let _slice = store.inner().gc.slice()?;
    refresh(store, state)?;
    let forget = dead_records(&state.known, state);
    report.packages = forget.packages.len();
    report.sources = forget.sources.len();
    report.pirs = forget.pirs.len();
    // Nothing that this index names from now on is dead.
    state.dead.clear();
    state.dead_pirs.clear();
    if !forget.is_empty() {
        report.logs = match store.update(|index| index.forget(&forget).map_err(StoreError::Index)) {
            Err(error) if error.is_storage_full() => {
                reserve::give(store.root());
                forget_on_full_disk(store, state, &forget)?
            }
            result => result?,
        };
    }
    state.known.generation = store.read()?.generation()?;
    Ok(())
}

fn dead_records(known: &Known, state: &State) -> Forget {
    let marks = &state.marks;
    let is_dead = |trees: &[nuka_pir::Cid]| trees.iter().any(|cid| !marks.contains(&(*cid).into()));
    let mut packages: Vec<Pid> =
        known.realised.keys().filter(|pid| state.dead.contains_key(&Used::Package(**pid))).copied().collect();
    let mut sources: Vec<SourceId> =
        known.sources.keys().filter(|id| state.dead.contains_key(&Used::Source(**id))).copied().collect();
    let mut pirs: Vec<_> = known
        .names
        .iter()
        .filter(|(pid, _)| state.dead_pirs.contains(*pid))
        .map(|(pid, (name, _))| (*pid, name.clone()))
        .collect();
    let mut builds: Vec<BuildId> =
        known.builds.iter().filter(|(_, trees)| is_dead(trees)).map(|(build, _)| *build).collect();
    // In the order of the tables, which is the fastest.
    packages.sort_unstable();
    sources.sort_unstable();
    builds.sort_unstable();
    pirs.sort_unstable();
    let orphans: IdSet<Used> = known
        .uses
        .keys()
        .filter(|used| match used {
            Used::Package(pid) => {
                state.dead_pirs.contains(pid)
                    || (!known.realised.contains_key(pid) && !known.names.contains_key(pid))
            }
            Used::Source(id) => !known.sources.contains_key(id),
        })
        .copied()
        .collect();
    let stale_blob = |blob: &BlobId| !marks.contains(blob);
    let values = if pirs.is_empty() { Vec::new() } else { state.options.forget_values.clone() };
    let stats = state.objects.iter().any(|(id, _)| stale_blob(id));
    let live = stats.then(|| state.marks.ids());
    Forget { packages, sources, builds, pirs, uses: orphans, values, stats_kept: live }
}

/// Makes room before the index is written: what nothing names can go before the index says so, and then the index is
/// told in small parts, each of which needs little room. What was forgotten before one of them fails is forgotten.
fn forget_on_full_disk(store: &Store, state: &State, forget: &Forget) -> Result<Vec<String>, GcError> {
    remove_damaged(store)?;
    purge(store, Duration::ZERO, &mut GcReport::default())?;
    let reached = match &state.reached {
        Some(reached) => reached,
        None => {
            &plan::weigh_dead(store, &state.known, &state.marks, &forget.packages, &forget.sources).reached
        }
    };
    if let Some(_no_finds) = store.inner().gc.no_finds(PATIENCE)? {
        for (id, _) in &state.objects {
            if !reached.contains_key(id) && !state.marks.contains(id) {
                store.inner().objects.remove(id)?;
            }
        }
    }
    let mut logs = Vec::new();
    let (parts, rest) = forget.parts(FEW);
    for part in parts {
        logs.extend(store.update(|index| index.forget(&part).map_err(StoreError::Index))?);
    }
    match store.update(|index| index.forget(&rest).map_err(StoreError::Index)) {
        // Nobody relies on it: the next collection forgets it.
        Err(error) if error.is_storage_full() => {}
        result => logs.extend(result?),
    }
    Ok(logs)
}

/// Removes what verifying moved away.
fn remove_damaged(store: &Store) -> Result<(), StoreError> {
    let path = store.root().join("damaged");
    let remove = || -> std::io::Result<()> {
        let watch = store.inner().objects.watch();
        for entry in fs_err::read_dir(&path)? {
            let entry = entry?;
            watch.ask_path(|| entry.path(), |path| FileChange::Remove(path))?;
            match entry.file_type()?.is_dir() {
                true => fs_err::remove_dir_all(entry.path())?,
                false => fs_err::remove_file(entry.path())?,
            }
        }
        fs_err::remove_dir(&path)
    };
    match remove() {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}
