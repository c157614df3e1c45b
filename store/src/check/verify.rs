//! Verifying the store: every object against its name, every directory against what it names, the index against both.

use super::scan::{Named, Scan, scan};
use crate::{
    error::StoreError,
    gc::Known,
    id_hash::IdState,
    index::{IndexError, RootTarget},
    lost,
    name::EntryName,
    store::Store,
};
use nuka_pir::{BlobId, BuildId, Cid, Pid, SourceId};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::PathBuf,
};

/// What is looked at. The default is all.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Only the objects: for a store whose index cannot be read.
    pub objects_only: bool,
}

/// Something that the index knows, and that an object is part of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A package.
    Package(Pid),
    /// A source.
    Source(SourceId),
    /// A build whose result no package has now.
    Build(BuildId),
    /// A root that names a tree or a blob.
    Root(Vec<u8>),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The object's bytes hash to something else.
    Damaged {
        /// What they hash to.
        found: BlobId,
    },
    /// The object cannot be read.
    Unreadable {
        /// Why.
        error: String,
    },
    /// The object is not there.
    Missing,
    /// A directory says something else of the object than what it is.
    Disagrees {
        /// The directory.
        directory: Cid,
        /// The entry.
        name: EntryName,
    },
    /// It should be a directory object, and is another one.
    NotADirectory,
}

/// Something wrong with an object that the index or a root needs, or with any object's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreProblem {
    /// The object.
    pub id: BlobId,
    /// What is wrong with it.
    pub wrong: Wrong,
    /// What it is part of; nothing if nobody needs it.
    pub owners: Vec<Owner>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// Sound objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Directory objects among them.
    pub directories: u64,
    /// Records among them.
    pub records: u64,
    /// What is wrong, in the order of the objects' ids.
    pub problems: Vec<StoreProblem>,
    /// Files among the objects that are none.
    pub strays: Vec<PathBuf>,
    /// Why the index could not be compared: it is to be made again.
    pub index: Option<IndexError>,
}

impl VerifyReport {
    /// Whether all is as it should be.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.strays.is_empty() && self.index.is_none()
    }

    /// Everything that is not whole.
    pub fn affected(&self) -> BTreeSet<Owner> {
        self.problems.iter().flat_map(|problem| problem.owners.iter().cloned()).collect()
    }
}

/// Reads and hashes every object with all processors, and compares directories, records and the index with what is
/// there. `progress` is told how many objects and bytes are done. Changes nothing.
///
/// # Errors
/// The directory of objects cannot be listed, or the index is busy. What is damaged is in the report.
pub fn verify(
    store: &Store,
    options: &VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<VerifyReport, StoreError> {
    // The index first: what is registered after this is not expected among the objects.
    let (known, index) = if options.objects_only {
        (Known::default(), None)
    } else {
        match Known::read(store, false) {
            Ok(known) => {
                let lost = IndexError::Lost { path: store.root().join("index.redb") };
                (known, lost::is_lost(store.root()).then_some(lost))
            }
            Err(StoreError::Index(error @ (IndexError::Damaged { .. } | IndexError::Record { .. }))) => {
                (Known::default(), Some(error))
            }
            Err(error) => return Err(error),
        }
    };
    let scan = scan(store, progress)?;
    let mut report = VerifyReport {
        objects: scan.sizes.len() as u64,
        bytes: scan.bytes,
        directories: scan.directories.len() as u64,
        records: scan.records.len() as u64,
        index,
        ..VerifyReport::default()
    };
    let mut problems = Problems::new(&scan);
    problems.check(&known);
    // What came or went while this looked: it is asked again.
    let still = |problem: &StoreProblem| {
        problem.wrong != Wrong::Missing
            || store.inner().objects.size(&problem.id).is_ok_and(|size| size.is_none())
    };
    report.problems = problems.finish().into_iter().filter(still).collect();
    report.strays = scan.strays;
    report.strays.sort();
    Ok(report)
}

/// Problems with the owners of what they concern.
struct Problems<'s> {
    scan: &'s Scan,
    bad: HashMap<BlobId, Wrong, IdState>,
    /// Directories that are not whole.
    broken: HashSet<Cid, IdState>,
    found: HashMap<BlobId, (Wrong, BTreeSet<Owner>), IdState>,
}

impl<'s> Problems<'s> {
    fn new(scan: &'s Scan) -> Self {
        let mut bad: HashMap<BlobId, Wrong, IdState> = HashMap::default();
        bad.extend(scan.damaged.iter().map(|(id, found)| (*id, Wrong::Damaged { found: *found })));
        bad.extend(
            scan.unreadable.iter().map(|(id, error)| (*id, Wrong::Unreadable { error: error.to_string() })),
        );
        let found = bad.iter().map(|(id, wrong)| (*id, (wrong.clone(), BTreeSet::new()))).collect();
        Self { scan, bad, broken: scan.broken(), found }
    }

    fn check(&mut self, known: &Known) {
        for (pid, outputs) in &known.realised {
            let owner = Owner::Package(*pid);
            outputs.iter().for_each(|(_, tree)| self.tree(&owner, tree.cid));
            known.blobs_of(pid).for_each(|blob| self.blob(&owner, blob));
        }
        for (id, (tree, _)) in &known.sources {
            self.tree(&Owner::Source(*id), tree.cid);
            known.blobs_of_source(id).for_each(|blob| self.blob(&Owner::Source(*id), blob));
        }
        for (build, trees) in &known.builds {
            trees.iter().for_each(|cid| self.tree(&Owner::Build(*build), *cid));
        }
        for (name, root) in &known.roots {
            let owner = Owner::Root(name.clone());
            match root.target {
                RootTarget::Package(_) => {}
                RootTarget::Tree(cid) | RootTarget::Group(cid) => self.tree(&owner, cid),
                RootTarget::Blob(blob) => self.blob(&owner, blob),
            }
        }
    }

    fn blob(&mut self, owner: &Owner, id: BlobId) {
        if !self.scan.sizes.contains_key(&id) {
            self.report(owner, id, Wrong::Missing);
        }
    }

    /// Looks for what is wrong in a tree, only where something is.
    fn tree(&mut self, owner: &Owner, root: Cid) {
        let mut seen = HashSet::<Cid, IdState>::default();
        let mut todo = vec![root];
        while let Some(cid) = todo.pop() {
            if !seen.insert(cid) {
                continue;
            }
            let Some(listing) = self.scan.directories.get(&cid) else {
                let id = cid.into();
                let there = self.scan.sizes.contains_key(&id);
                self.report(owner, id, if there { Wrong::NotADirectory } else { Wrong::Missing });
                continue;
            };
            if !self.broken.contains(&cid) {
                continue;
            }
            for (name, named) in &listing.entries {
                let is_there = match named {
                    Named::File { blob, .. } => self.scan.sizes.contains_key(blob),
                    Named::Directory { cid, .. } => {
                        todo.push(*cid);
                        self.scan.directories.contains_key(cid)
                    }
                };
                if is_there && !self.scan.agrees(named) {
                    let wrong = Wrong::Disagrees { directory: cid, name: name.clone() };
                    self.report(owner, named.id(), wrong);
                } else if !is_there && matches!(named, Named::File { .. }) {
                    self.report(owner, named.id(), Wrong::Missing);
                }
            }
        }
    }

    fn report(&mut self, owner: &Owner, id: BlobId, wrong: Wrong) {
        let wrong = self.bad.get(&id).cloned().unwrap_or(wrong);
        self.found.entry(id).or_insert_with(|| (wrong, BTreeSet::new())).1.insert(owner.clone());
    }

    fn finish(self) -> Vec<StoreProblem> {
        let problem = |(id, (wrong, owners)): (BlobId, (Wrong, BTreeSet<Owner>))| StoreProblem {
            id,
            wrong,
            owners: owners.into_iter().collect(),
        };
        let mut problems: Vec<StoreProblem> = self.found.into_iter().map(problem).collect();
        problems.sort_by_key(|problem| problem.id);
        problems
    }
}
