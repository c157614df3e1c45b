//! What a collection would remove, found out without changing anything.

use super::{
    error::GcError,
    known::Known,
    mark::Marks,
    options::{Amount, DeadPackage, DeadSource, GcOptions},
    select::{self, Reason, Selection},
    weigh::{self, Load, Weights},
};
use crate::{
    error::StoreError,
    id_hash::{IdMap, IdSet},
    index::Used,
    lost,
    store::Store,
};
use nuka_pir::{BlobId, Pid, SourceId};
use rayon::prelude::*;
use std::collections::HashSet;

/// What a collection would remove. [`run`](super::run) does it, and spares what was used, made or named since.
#[derive(Debug)]
pub struct GcPlan {
    /// The packages that go, least recently used first.
    pub packages: Vec<DeadPackage>,
    /// The sources that go, least recently used first.
    pub sources: Vec<DeadSource>,
    /// How many PIRs are forgotten, of these packages and of what was never realised.
    pub pirs: usize,
    /// Objects that stay.
    pub kept: Amount,
    /// Objects that go.
    pub freed: Amount,
    /// Those among them that nothing names any more: of failed work, or damaged and moved away.
    pub leftovers: Amount,
    pub(crate) state: State,
}

/// What the sweep goes by.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: GcOptions,
    /// Which state of the index and which leases were looked at last.
    pub(crate) known: Known,
    pub(crate) marks: Marks,
    pub(crate) selection: Selection,
    /// What goes, with its trees and its last use as the plan had them: what has others now was used since.
    pub(crate) dead: IdMap<Used, u64>,
    pub(crate) dead_pirs: IdSet<Pid>,
    /// Objects to remove, in the order of the directories that they are in, with their lengths in bytes if they are known.
    pub(crate) objects: Vec<(BlobId, Option<u64>)>,
    /// The objects that dead records reach, if that was found out: the others can go first.
    pub(crate) reached: Option<IdMap<BlobId, u64>>,
}

/// Finds out what `options` leave to be removed, and what it weighs. Changes nothing, and holds no lock that others wait
/// for.
///
/// # Errors
/// [`GcError::Unreadable`] and [`GcError::Pir`] if it cannot be told what is kept; those of the index, so also when a
/// root's record cannot be read.
pub fn plan(store: &Store, options: &GcOptions) -> Result<GcPlan, GcError> {
    let mut state = survey(store, options)?;
    let State { known, marks, objects, dead, .. } = &mut state;
    let (mut packages, mut sources) = (Vec::new(), Vec::new());
    for used in dead.keys() {
        match used {
            Used::Package(pid) => packages.push(*pid),
            Used::Source(id) => sources.push(*id),
        }
    }
    let (known, marks) = (&*known, &*marks);
    let last_use = |used: Used| known.last_use(&used, options.now_ms);
    packages.sort_by_cached_key(|pid| (last_use(Used::Package(*pid)), *pid));
    sources.sort_by_cached_key(|id| (last_use(Used::Source(*id)), *id));
    let weights = weigh_dead(store, known, marks, &packages, &sources);

    let mut freed = Amount::default();
    let mut leftovers = Amount::default();
    for (id, size) in objects {
        let reached = weights.reached.get(id).copied();
        let known_size = match reached {
            Some(size) => size,
            None => store.inner().objects.size(id)?.unwrap_or(0),
        };
        *size = Some(known_size);
        freed.add(known_size);
        if reached.is_none() {
            leftovers.add(known_size);
        }
    }
    let mut unique = weights.unique.iter();
    let mut shares = |bytes: u64| {
        let (all, in_files) = unique.next().copied().unwrap_or_default();
        (all, bytes.saturating_sub(in_files))
    };
    let packages = packages.into_iter().map(|pid| {
        let trees = known.realised.get(&pid).into_iter().flatten();
        let (unique_bytes, shared_bytes) = shares(trees.map(|(_, tree)| tree.size).sum());
        let name = known.names.get(&pid).cloned();
        DeadPackage { pid, name, last_use_ms: last_use(Used::Package(pid)), unique_bytes, shared_bytes }
    });
    let packages: Vec<DeadPackage> = packages.collect();
    let sources = sources.into_iter().map(|id| {
        let bytes = known.sources.get(&id).map_or(0, |(tree, _)| tree.size);
        let (unique_bytes, shared_bytes) = shares(bytes);
        DeadSource { id, last_use_ms: last_use(Used::Source(id)), unique_bytes, shared_bytes }
    });
    let sources: Vec<DeadSource> = sources.collect();
    let kept = Amount { objects: marks.len() as u64, bytes: marks.bytes() };
    state.reached = Some(weights.reached);
    Ok(GcPlan { packages, sources, pirs: state.dead_pirs.len(), kept, freed, leftovers, state })
}

/// What is kept and what goes, without what it weighs: no dead directory object is read for it.
pub(super) fn survey(store: &Store, options: &GcOptions) -> Result<State, GcError> {
    if lost::is_lost(store.root()) {
        return Err(GcError::LostIndex);
    }
    let known = Known::read(store, false)?;
    let (mut selection, mut marks) = (Selection::new(), Marks::new(store.cancel()));
    let pinned = select::mark_pins(store, &mut marks, select::pins(&known, options))?;
    let added = selection.add_packages(store, pinned)?;
    select::mark(store, &known, &mut marks, &added, &[])?;
    keep_recent(store, &known, options, &mut selection, &mut marks)?;
    let pirs = selection.pirs(store)?;
    select::mark_metas(store, &known, &mut marks, &pirs)?;

    let packages = known.realised.keys().filter(|pid| !selection.packages.contains_key(*pid));
    let sources = known.sources.keys().filter(|id| !selection.sources.contains(*id));
    let dead = packages.map(|pid| Used::Package(*pid)).chain(sources.map(|id| Used::Source(*id)));
    let dead = dead.map(|used| (used, known.uses.get(&used).copied().unwrap_or(0))).collect();
    let dead_pirs = known.names.keys().filter(|pid| !pirs.contains(*pid)).copied().collect();
    let objects = dead_objects(store, &marks)?;
    let options = options.clone();
    Ok(State { options, known, marks, selection, dead, dead_pirs, objects, reached: None })
}

/// Keeps what was used recently enough, as far as there is room.
fn keep_recent(
    store: &Store,
    known: &Known,
    options: &GcOptions,
    selection: &mut Selection,
    marks: &mut Marks,
) -> Result<(), GcError> {
    let recent = select::recent(known, options);
    let Some(most) = options.max_bytes else {
        let mut seeds = Vec::new();
        for (used, time) in recent {
            match used {
                Used::Package(pid) => seeds.push((pid, Reason::Use(time))),
                Used::Source(id) => drop(selection.sources.insert(id)),
            }
        }
        let added = selection.add_packages(store, seeds)?;
        let sources: Vec<SourceId> = selection.sources.iter().copied().collect();
        return select::mark(store, known, marks, &added, &sources);
    };
    for (used, time) in recent {
        marks.begin();
        let (added, source) = match used {
            Used::Package(pid) => (selection.add_packages(store, vec![(pid, Reason::Use(time))])?, None),
            Used::Source(id) => (Vec::new(), Some(id)),
        };
        select::mark(store, known, marks, &added, source.as_slice())?;
        if marks.bytes() > most {
            marks.undo();
            added.iter().for_each(|pid| drop(selection.packages.remove(pid)));
            break;
        }
        selection.sources.extend(source);
    }
    Ok(())
}

/// What dead packages and sources weigh, in the order in which they are given.
pub(super) fn weigh_dead(
    store: &Store,
    known: &Known,
    marks: &Marks,
    packages: &[Pid],
    sources: &[SourceId],
) -> Weights {
    let packages = packages
        .iter()
        .map(|pid| Load { trees: known.trees_of(pid).collect(), blobs: known.blobs_of(pid).collect() });
    let sources = sources.iter().map(|id| Load {
        trees: known.sources.get(id).map(|(tree, _)| tree.cid).into_iter().collect(),
        blobs: known.blobs_of_source(id).collect(),
    });
    // Builds that no package has any more are one owner: nobody asks what one of them would free.
    let builds = Load {
        trees: known.builds.iter().flat_map(|(_, trees)| trees).copied().collect(),
        blobs: Vec::new(),
    };
    let dead: HashSet<_> = packages.clone().chain(sources.clone()).flat_map(|load| load.trees).collect();
    let builds =
        Load { trees: builds.trees.into_iter().filter(|cid| !dead.contains(cid)).collect(), ..builds };
    let loads: Vec<Load> = packages.chain(sources).chain([builds]).collect();
    weigh::weigh(&store.inner().objects, marks, &loads)
}

/// All objects that are not marked.
fn dead_objects(store: &Store, marks: &Marks) -> Result<Vec<(BlobId, Option<u64>)>, StoreError> {
    let objects = &store.inner().objects;
    let found = objects.shards()?.into_par_iter().map(|shard| {
        store.cancel().check()?;
        let ids = objects.list(&shard)?.0.into_iter();
        Ok(ids.filter(|id| !marks.contains(id)).map(|id| (id, None)).collect())
    });
    Ok(found.collect::<Result<Vec<Vec<_>>, StoreError>>()?.concat())
}
