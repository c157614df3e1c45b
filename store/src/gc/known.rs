//! What the index knows, as a collection needs it: read at once, so that the index is free again soon.

use crate::{
    directory::Tree,
    error::StoreError,
    id_hash::IdMap,
    index::{Outputs, Root, Used},
    lease::{self, Leased},
    store::Store,
};
use nuka_pir::{BlobId, BuildId, Cid, OutputName, PackageName, Pid, SourceId, Version};

/// What the index and the leases say.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Which state of the index this is.
    pub(crate) generation: u64,
    /// Realised packages.
    pub(crate) realised: IdMap<Pid, Vec<(OutputName, Tree)>>,
    /// All registered packages.
    pub(crate) names: IdMap<Pid, (PackageName, Version)>,
    pub(crate) sources: IdMap<SourceId, (Tree, Option<BlobId>)>,
    /// The trees of each build's outputs.
    pub(crate) builds: Vec<(BuildId, Vec<Cid>)>,
    pub(crate) roots: Vec<(Vec<u8>, Root)>,
    pub(crate) metas: IdMap<Pid, BlobId>,
    pub(crate) records: IdMap<Used, BlobId>,
    /// When each realised package and source was last used, or made.
    pub(crate) uses: IdMap<Used, u64>,
    pub(crate) leases: Vec<Leased>,
}

impl Known {
    /// Reads all of it. Leases of dead processes are removed if `clean`: only in a slice.
    pub(crate) fn read(store: &Store, clean: bool) -> Result<Self, StoreError> {
        let leases = lease::living(store.root(), clean)?;
        let index = store.read()?;
        let mut known = Self { generation: index.generation()?, leases, ..Self::default() };
        known.uses = index.last_uses()?.into_iter().collect();
        for (pid, realisation) in index.realised()? {
            let used = known.uses.entry(Used::Package(pid)).or_insert(0);
            *used = (*used).max(realisation.time_ms);
            known.realised.insert(pid, realisation.outputs.into_iter().collect());
        }
        for (id, source) in index.all_sources()? {
            let used = known.uses.entry(Used::Source(id)).or_insert(0);
            *used = (*used).max(source.time_ms);
            known.sources.insert(id, (source.tree, source.download));
        }
        known.names =
            index.packages()?.into_iter().map(|(name, pid, version)| (pid, (name, version))).collect();
        let trees = |outputs: Outputs| outputs.into_values().map(|tree| tree.cid).collect();
        known.builds =
            index.all_builds()?.into_iter().map(|(build, result)| (build, trees(result.outputs))).collect();
        known.roots = index.roots()?;
        known.metas = index.all_metas()?.into_iter().collect();
        known.records = index.all_records()?.into_iter().collect();
        Ok(known)
    }

    /// The trees of a package's outputs.
    pub(crate) fn trees_of(&self, pid: &Pid) -> impl Iterator<Item = Cid> {
        self.realised.get(pid).into_iter().flatten().map(|(_, tree)| tree.cid)
    }

    /// The blobs that go with a package: its description and its record.
    pub(crate) fn blobs_of(&self, pid: &Pid) -> impl Iterator<Item = BlobId> {
        let record = self.records.get(&Used::Package(*pid));
        record.into_iter().chain(self.metas.get(pid)).copied()
    }

    /// The blobs that go with a source: its download and its record.
    pub(crate) fn blobs_of_source(&self, id: &SourceId) -> impl Iterator<Item = BlobId> {
        let download = self.sources.get(id).and_then(|(_, download)| *download);
        download.into_iter().chain(self.records.get(&Used::Source(*id)).copied())
    }

    /// When something was last used. A clock that was ahead counts as `now`.
    pub(crate) fn last_use(&self, used: &Used, now_ms: u64) -> u64 {
        self.uses.get(used).copied().unwrap_or(0).min(now_ms)
    }

    /// How a package is called in messages.
    pub(crate) fn shown(&self, pid: &Pid) -> String {
        match self.names.get(pid) {
            Some((name, version)) => format!("the package {name} {version} ({})", pid.short()),
            None => format!("the package {pid}"),
        }
    }
}
