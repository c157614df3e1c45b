//! Making the index again from the objects.
//!
//! All objects are read once. Records say what packages and sources became; those whose trees are whole are registered
//! in a new index beside the old one, which then takes its place in one rename. Meanwhile nobody else uses the index.

use super::scan::{Scan, scan};
use crate::{
    error::StoreError,
    index::{Index, IndexError, Root, Used},
    lost,
    record::{PackageRecord, Record},
    store::Store,
};
use nuka_pir::{BlobId, Cid};
use std::collections::BTreeMap;

/// What the new index knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Realised packages.
    pub packages: usize,
    /// Sources.
    pub sources: usize,
    /// Packages and sources that are not registered because something of them is missing or damaged.
    pub incomplete: Vec<Used>,
    /// Damaged objects. They stay where they are; see [`repair`](super::repair).
    pub damaged: Vec<BlobId>,
    /// Roots that the old index could still tell.
    pub roots: usize,
}

/// What is read from the old index, as far as it can be.
#[derive(Debug, Default)]
struct Salvage {
    roots: Vec<(Vec<u8>, Root)>,
    uses: Vec<(Used, u64)>,
}

/// Makes a new index from the objects, whether the old one is sound, damaged or missing. Roots and last uses are taken
/// from the old one if it can be read; otherwise everything counts as used now. Evaluations, logs and what is known of
/// files on disk are not taken over: all of it is found out again.
///
/// # Errors
/// Those of reading the objects and of writing the new index; the old one is untouched then.
pub fn rebuild_index(
    store: &Store,
    now_ms: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<RebuildReport, StoreError> {
    let salvage = salvage(store).unwrap_or_default();
    let inner = store.inner();
    // What is committed from now on would be missing from the new index: it waits.
    let _committing = inner.gc.slice()?;
    let report = inner.index().replace(|| {
        let scan = scan(store, progress)?;
        let stage = inner.process_directory()?.batch()?;
        let mut report = RebuildReport {
            damaged: scan.damaged.iter().map(|(id, _)| *id).collect(),
            roots: salvage.roots.len(),
            ..RebuildReport::default()
        };
        report.damaged.sort();
        let index = Index::open_at(stage.path())?;
        fill(&index, scan, &salvage, now_ms, &mut report)?;
        drop(index);
        Ok((report, stage))
    })?;
    lost::found(store.root())?;
    Ok(report)
}

fn salvage(store: &Store) -> Result<Salvage, IndexError> {
    let index = store.inner().index().read()?;
    // Roots first: if uses cannot be read, roots still are.
    let roots = index.roots()?;
    Ok(Salvage { roots, uses: index.last_uses().unwrap_or_default() })
}

fn fill(
    index: &Index,
    scan: Scan,
    salvage: &Salvage,
    now_ms: u64,
    report: &mut RebuildReport,
) -> Result<(), StoreError> {
    let broken = scan.broken();
    let whole = |cid: &Cid| scan.directories.contains_key(cid) && !broken.contains(cid);
    let has = |blob: &BlobId| scan.sizes.contains_key(blob);
    // The latest of several records of one thing; of two at one time, the one with the higher id.
    let mut latest: BTreeMap<Used, (u64, BlobId, &Record)> = BTreeMap::new();
    for (id, record) in &scan.records {
        let (used, time, complete) = match record {
            Record::Package(package) => {
                let outputs = &package.realisation.outputs;
                let complete = outputs.values().all(|tree| whole(&tree.cid));
                (Used::Package(package.pid), package.realisation.time_ms, complete)
            }
            Record::Source { id, source } => (Used::Source(*id), source.time_ms, whole(&source.tree.cid)),
        };
        if !complete {
            report.incomplete.push(used);
            continue;
        }
        let candidate = (time, *id, record);
        let best = latest.entry(used).or_insert(candidate);
        if (candidate.0, candidate.1) > (best.0, best.1) {
            *best = candidate;
        }
    }
    report.incomplete.retain(|used| !latest.contains_key(used));
    report.incomplete.sort();
    report.incomplete.dedup();
    index.update(|index| {
        for (used, (_, id, record)) in &latest {
            match record {
                Record::Package(PackageRecord { pid, realisation, pir, meta }) => {
                    let record = PackageRecord {
                        pid: *pid,
                        realisation: realisation.clone(),
                        pir: pir.clone(),
                        meta: *meta,
                    };
                    if let Some((name, version)) = record.name() {
                        index.put_pir(pid, &name, &version, pir.as_bytes())?;
                    }
                    index.put_realisation(pid, realisation)?;
                    if let Some(meta) = meta.filter(|meta| has(meta)) {
                        index.put_meta(pid, &meta)?;
                    }
                    report.packages += 1;
                }
                Record::Source { id, source } => {
                    let mut source = source.clone();
                    source.download = source.download.filter(|blob| has(blob));
                    index.put_source(id, &source)?;
                    report.sources += 1;
                }
            }
            index.put_record(used, id)?;
        }
        for (name, root) in &salvage.roots {
            index.put_root(name, root)?;
        }
        let uses: BTreeMap<Used, u64> = salvage.uses.iter().copied().collect();
        for used in latest.keys() {
            index.touch(&[*used], uses.get(used).copied().unwrap_or(now_ms))?;
        }
        Ok::<_, StoreError>(())
    })
}
