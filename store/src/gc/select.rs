//! Which packages and sources are kept, and why: roots, leases and uses, and the closure of what packages need.

use super::{
    error::GcError,
    known::Known,
    mark::{Kept, Marks},
    options::GcOptions,
    references::{self, References},
};
use crate::{
    error::StoreError,
    group::Members,
    id_hash::{IdMap, IdSet},
    index::{RootTarget, Used},
    store::Store,
};
use nuka_pir::{Pid, SourceId};
use rayon::prelude::*;

/// Why a package is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A root of this name.
    Root(Vec<u8>),
    /// A lease; its name begins with the process.
    Lease(String),
    /// It was used at this time, in milliseconds since 1970.
    Use(u64),
    /// Another kept package needs it.
    Need(Pid),
    /// The caller wants it.
    Caller,
}

/// Something pinned: a root, a lease, or what the caller adds.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    pub(crate) target: RootTarget,
    pub(crate) reason: Reason,
}

/// What is kept, as far as the index says.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Kept packages, realised or not.
    pub(crate) packages: IdMap<Pid, Reason>,
    pub(crate) sources: IdSet<SourceId>,
    /// What PIRs name, read so far.
    references: IdMap<Pid, References>,
}

/// Everything that is pinned.
pub(crate) fn pins(known: &Known, options: &GcOptions) -> Vec<Pin> {
    let roots = known
        .roots
        .iter()
        .map(|(name, root)| Pin { target: root.target, reason: Reason::Root(name.clone()) });
    let leases = known.leases.iter().flat_map(|lease| {
        let pin = |target: &RootTarget| Pin { target: *target, reason: Reason::Lease(lease.name.clone()) };
        lease.items.iter().map(pin)
    });
    let caller = options.keep.iter().map(|target| Pin { target: *target, reason: Reason::Caller });
    roots.chain(leases).chain(caller).collect()
}

/// What was used recently enough, the latest first.
pub(crate) fn recent(known: &Known, options: &GcOptions) -> Vec<(Used, u64)> {
    if options.keep_since_ms == u64::MAX {
        return Vec::new();
    }
    // The latest use there is stands for the time now if the clock says that it was long ago.
    let latest = known.uses.values().copied().max().unwrap_or(0).min(options.now_ms);
    let since = options.keep_since_ms.saturating_sub(options.now_ms - latest);
    let mut recent: Vec<(Used, u64)> = known
        .uses
        .keys()
        .map(|used| (*used, known.last_use(used, options.now_ms)))
        .filter(|(_, time)| *time >= since)
        .collect();
    recent.sort_by(|(a, first), (b, second)| second.cmp(first).then_with(|| a.cmp(b)));
    recent
}

impl Selection {
    pub(crate) fn new() -> Self {
        Self { packages: IdMap::default(), sources: IdSet::default(), references: IdMap::default() }
    }

    /// Keeps packages with all that they need. Returns those that were not kept before.
    pub(crate) fn add_packages(
        &mut self,
        store: &Store,
        seeds: Vec<(Pid, Reason)>,
    ) -> Result<Vec<Pid>, GcError> {
        let mut added = Vec::new();
        let mut level = Vec::new();
        for (pid, reason) in seeds {
            if let std::collections::hash_map::Entry::Vacant(entry) = self.packages.entry(pid) {
                entry.insert(reason);
                level.push(pid);
            }
        }
        while !level.is_empty() {
            self.read_references(store, &level)?;
            let mut next = Vec::new();
            for pid in &level {
                for need in self.references.get(pid).into_iter().flat_map(|references| &references.needs) {
                    if let std::collections::hash_map::Entry::Vacant(entry) = self.packages.entry(*need) {
                        entry.insert(Reason::Need(*pid));
                        next.push(*need);
                    }
                }
            }
            added.append(&mut level);
            level = next;
        }
        Ok(added)
    }

    /// The packages whose PIRs are kept: kept packages and all that they refer to, in any way.
    pub(crate) fn pirs(&mut self, store: &Store) -> Result<IdSet<Pid>, GcError> {
        let mut kept: IdSet<Pid> = self.packages.keys().copied().collect();
        let mut level: Vec<Pid> = kept.iter().copied().collect();
        while !level.is_empty() {
            self.read_references(store, &level)?;
            let mut next = Vec::new();
            for references in level.iter().filter_map(|pid| self.references.get(pid)) {
                let named = references.needs.iter().chain(&references.inputs);
                next.extend(named.filter(|pid| kept.insert(**pid)));
            }
            level = next;
        }
        Ok(kept)
    }

    /// Reads what the PIRs of these packages name. The index is free again while they are parsed.
    fn read_references(&mut self, store: &Store, pids: &[Pid]) -> Result<(), GcError> {
        let unknown: Vec<Pid> =
            pids.iter().filter(|pid| !self.references.contains_key(*pid)).copied().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut texts = Vec::with_capacity(unknown.len());
        let index = store.read()?;
        for pid in unknown {
            texts.push((pid, index.pir(&pid)?));
        }
        drop(index);
        let read = |(pid, text): (Pid, Option<Vec<u8>>)| match text {
            Some(text) => match references::read(&text) {
                Ok(references) => Ok((pid, references)),
                Err(source) => Err(GcError::Pir { pid, source }),
            },
            // What it needs is known to nobody, and so needed by nobody.
            None => Ok((pid, References::default())),
        };
        let read = texts.into_par_iter().with_min_len(64).map(read).collect::<Result<Vec<_>, _>>()?;
        self.references.extend(read);
        Ok(())
    }
}

/// Marks all that is pinned but the packages, also those of groups, which are returned with the reasons.
pub(crate) fn mark_pins(
    store: &Store,
    marks: &mut Marks,
    pins: Vec<Pin>,
) -> Result<Vec<(Pid, Reason)>, GcError> {
    let objects = &store.inner().objects;
    let (mut packages, mut trees, mut members) = (Vec::new(), Vec::new(), Members::default());
    for Pin { target, reason } in pins {
        match target {
            RootTarget::Package(pid) => packages.push((pid, reason)),
            RootTarget::Blob(blob) => marks.add_blob(objects, blob)?,
            RootTarget::Tree(cid) => {
                // A lease may name what is about to be made.
                let optional = !matches!(reason, Reason::Root(_));
                trees.push(Kept { cid, keeper: reason.to_string(), optional });
            }
            RootTarget::Group(cid) => {
                let optional = !matches!(reason, Reason::Root(_));
                let keeper = reason.to_string();
                match members.new_in(store, &cid) {
                    Ok(pids) => packages.extend(pids.into_iter().map(|pid| (pid, reason.clone()))),
                    Err(StoreError::NoObject { .. }) if optional => {}
                    Err(source) => return Err(GcError::Unreadable { id: cid.into(), keeper, source }),
                }
                trees.push(Kept { cid, keeper, optional });
            }
        }
    }
    marks.add_trees(objects, trees)?;
    Ok(packages)
}

/// Marks the objects of packages and sources.
pub(crate) fn mark(
    store: &Store,
    known: &Known,
    marks: &mut Marks,
    packages: &[Pid],
    sources: &[SourceId],
) -> Result<(), GcError> {
    let objects = &store.inner().objects;
    let mut trees = Vec::new();
    for pid in packages {
        trees.extend(known.trees_of(pid).map(|cid| Kept { cid, keeper: known.shown(pid), optional: false }));
        known.blobs_of(pid).try_for_each(|blob| marks.add_blob(objects, blob))?;
    }
    for id in sources {
        if let Some((tree, _)) = known.sources.get(id) {
            let keeper = format!("the source {}", id.short());
            trees.push(Kept { cid: tree.cid, keeper, optional: false });
        }
        known.blobs_of_source(id).try_for_each(|blob| marks.add_blob(objects, blob))?;
    }
    marks.add_trees(objects, trees)
}

/// Marks what describes packages whose PIRs are kept.
pub(crate) fn mark_metas(
    store: &Store,
    known: &Known,
    marks: &mut Marks,
    pirs: &IdSet<Pid>,
) -> Result<(), StoreError> {
    let kept = known.metas.iter().filter(|(pid, _)| pirs.contains(pid));
    kept.map(|(_, blob)| *blob).try_for_each(|blob| marks.add_blob(&store.inner().objects, blob))
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root(name) => write!(f, "the root `{}`", crate::name::escape(name)),
            Self::Lease(name) => write!(f, "the lease {name}"),
            Self::Use(_) => f.write_str("its last use"),
            Self::Need(pid) => write!(f, "the package {}", pid.short()),
            Self::Caller => f.write_str("the caller"),
        }
    }
}
