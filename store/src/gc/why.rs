//! Why something is kept: the chain from a root to it.

use super::{
    error::GcError,
    known::Known,
    options::GcOptions,
    select::{self, Reason, Selection},
};
use crate::{
    directory::Node,
    group::Members,
    index::{RootTarget, Used},
    name::{EntryName, TreePath},
    store::Store,
};
use nuka_pir::{BlobId, Cid, OutputName, PackageName, Pid, SourceId, Version};
use std::collections::HashMap;

/// What is asked about.
pub type WhyTarget = RootTarget;

/// One link of the chain; the first one is a reason, each next one is kept by the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A root of this name.
    Root(Vec<u8>),
    /// A lease of a living process: the name of its file, which begins with the process id.
    Lease(String),
    /// It was used at this time, in milliseconds since 1970.
    Use(u64),
    /// The caller's own wish ([`GcOptions::keep`]).
    Caller,
    /// A package.
    Package {
        /// Its id.
        pid: Pid,
        /// Its name and version, if they are known.
        name: Option<(PackageName, Version)>,
    },
    /// A source.
    Source(SourceId),
    /// An output of the package before: its tree.
    Output {
        /// Which.
        name: OutputName,
        /// Its tree.
        cid: Cid,
    },
    /// The tree of the source before, or of a root or lease.
    Tree(Cid),
    /// A path in the tree before.
    Path(TreePath),
    /// A blob that the one before names itself: a description, a record, a download.
    Blob(BlobId),
}

/// A tree that is kept, with the chain that leads to it.
struct Seed {
    cid: Cid,
    chain: Vec<Link>,
}

/// One chain that keeps the target, by the rules of `options` but [`GcOptions::max_bytes`]; nothing if a collection
/// would remove it.
///
/// # Errors
/// As [`plan`](super::plan), except that what cannot be read is passed by.
pub fn why(store: &Store, options: &GcOptions, target: &WhyTarget) -> Result<Option<Vec<Link>>, GcError> {
    let known = Known::read(store, false)?;
    let mut selection = Selection::new();
    let (mut seeds, mut trees, mut blobs) = (Vec::new(), Vec::new(), Vec::new());
    let mut members = Members::default();
    for pin in select::pins(&known, options) {
        let reason = link(&pin.reason);
        match pin.target {
            RootTarget::Package(pid) => seeds.push((pid, pin.reason)),
            RootTarget::Tree(cid) => trees.push(Seed { cid, chain: vec![reason, Link::Tree(cid)] }),
            RootTarget::Blob(blob) => blobs.push((blob, vec![reason, Link::Blob(blob)])),
            RootTarget::Group(cid) => {
                let members = members.new_in(store, &cid).unwrap_or_default();
                seeds.extend(members.into_iter().map(|pid| (pid, pin.reason.clone())));
                trees.push(Seed { cid, chain: vec![reason, Link::Tree(cid)] });
            }
        }
    }
    let mut sources = Vec::new();
    for (used, time) in select::recent(&known, options) {
        match used {
            Used::Package(pid) => seeds.push((pid, Reason::Use(time))),
            Used::Source(id) if known.sources.contains_key(&id) => sources.push((id, time)),
            Used::Source(_) => {}
        }
    }
    let packages = selection.add_packages(store, seeds)?;
    if let RootTarget::Package(pid) = target {
        return Ok(selection.packages.contains_key(pid).then(|| chain(&known, &selection, *pid)));
    }
    for pid in packages {
        for (name, tree) in known.realised.get(&pid).into_iter().flatten() {
            let mut chain = chain(&known, &selection, pid);
            chain.push(Link::Output { name: name.clone(), cid: tree.cid });
            trees.push(Seed { cid: tree.cid, chain });
        }
        for blob in known.blobs_of(&pid) {
            let mut chain = chain(&known, &selection, pid);
            chain.push(Link::Blob(blob));
            blobs.push((blob, chain));
        }
    }
    for (id, time) in sources {
        let chain = vec![Link::Use(time), Link::Source(id)];
        if let Some((tree, _)) = known.sources.get(&id) {
            let chain = [chain.as_slice(), &[Link::Tree(tree.cid)]].concat();
            trees.push(Seed { cid: tree.cid, chain });
        }
        for blob in known.blobs_of_source(&id) {
            blobs.push((blob, [chain.as_slice(), &[Link::Blob(blob)]].concat()));
        }
    }
    let wanted: BlobId = match target {
        RootTarget::Tree(cid) | RootTarget::Group(cid) => (*cid).into(),
        RootTarget::Blob(blob) => *blob,
        RootTarget::Package(_) => return Ok(None),
    };
    if let Some((_, chain)) = blobs.into_iter().find(|(blob, _)| *blob == wanted) {
        return Ok(Some(chain));
    }
    Ok(find(store, trees, &wanted))
}

fn link(reason: &Reason) -> Link {
    match reason {
        Reason::Root(name) => Link::Root(name.clone()),
        Reason::Lease(name) => Link::Lease(name.clone()),
        Reason::Use(time) => Link::Use(*time),
        Reason::Caller | Reason::Need(_) => Link::Caller,
    }
}

/// The reason, and the packages that lead to this one.
fn chain(known: &Known, selection: &Selection, pid: Pid) -> Vec<Link> {
    let mut links = Vec::new();
    let mut at = Some(pid);
    while let Some(pid) = at.take() {
        links.push(Link::Package { pid, name: known.names.get(&pid).cloned() });
        match selection.packages.get(&pid) {
            Some(Reason::Need(by)) => at = Some(*by),
            Some(reason) => links.push(link(reason)),
            None => {}
        }
    }
    links.reverse();
    links
}

/// Looks for an object in trees, each directory once, breadth first: so the path is a short one.
fn find(store: &Store, seeds: Vec<Seed>, wanted: &BlobId) -> Option<Vec<Link>> {
    // How each directory was met: in which one, by which name. A seed has none.
    let mut met: HashMap<Cid, Option<(Cid, EntryName)>> = HashMap::new();
    let mut first: HashMap<Cid, usize> = HashMap::new();
    for (place, seed) in seeds.iter().enumerate() {
        met.insert(seed.cid, None);
        first.entry(seed.cid).or_insert(place);
    }
    let path = |met: &HashMap<Cid, Option<(Cid, EntryName)>>, mut at: Cid, last: Option<EntryName>| {
        let mut names: Vec<EntryName> = last.into_iter().collect();
        while let Some(Some((outer, name))) = met.get(&at) {
            names.push(name.clone());
            at = *outer;
        }
        names.reverse();
        let mut chain = first.get(&at).and_then(|place| seeds.get(*place)).map(|seed| seed.chain.clone())?;
        if !names.is_empty() {
            chain.push(Link::Path(names.into_iter().collect()));
        }
        Some(chain)
    };
    let mut level: Vec<Cid> = seeds.iter().map(|seed| seed.cid).collect();
    level.dedup();
    if let Some(seed) = seeds.iter().find(|seed| BlobId::from(seed.cid) == *wanted) {
        return Some(seed.chain.clone());
    }
    while !level.is_empty() {
        let mut next = Vec::new();
        for cid in level {
            let Ok((directory, _)) = store.inner().objects.read_directory(&cid) else { continue };
            for (name, node) in directory.entries() {
                if node.object().as_ref() == Some(wanted) {
                    return path(&met, cid, Some(name.clone()));
                }
                if let Node::Directory { cid: inner, .. } = node
                    && !met.contains_key(inner)
                {
                    met.insert(*inner, Some((cid, name.clone())));
                    next.push(*inner);
                }
            }
        }
        level = next;
    }
    None
}
