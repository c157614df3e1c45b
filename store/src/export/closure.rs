//! Writing packages with all that they need as one file: see [`closure_format`](crate::closure_format).

use super::{
    ExportError,
    tar::{BLOCK, failed, write_data},
};
use crate::{
    closure_format::{Item, VERSION},
    directory::{Directory, Node},
    gc::references,
    index::{Realisation, RootTarget},
    name::TreePath,
    reader::ObjectReader,
    record::{PackageRecord, Record},
    store::Store,
};
use nuka_pir::{BlobId, Cid, Pid};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::Write,
};

/// Writes the packages `pids`, and all that they need at run time, to `writer`, in flat memory. They are leased
/// meanwhile; every byte is checked on the way. After an error, what was written must not be used; it cannot be
/// imported either.
///
/// # Errors
/// [`ExportError::NotRealised`] if one of them is not here; objects that are missing or damaged; those of `writer`.
pub fn closure(store: &Store, pids: &[Pid], writer: &mut dyn Write) -> Result<(), ExportError> {
    let targets: Vec<RootTarget> = pids.iter().map(|pid| RootTarget::Package(*pid)).collect();
    let _lease = store.lease(&targets)?;
    let mut out = Closure { store, writer, done: HashSet::new() };
    out.item(Item::First, VERSION)?;
    for package in packages(store, pids)? {
        for tree in package.realisation.outputs.values() {
            out.tree(tree.cid)?;
        }
        if let Some(meta) = package.meta {
            let size = store.blob_size(&meta)?.unwrap_or(0);
            out.blob(meta, size)?;
        }
        let pid = package.pid;
        out.item(Item::Package(pid), &Record::Package(package).encode())?;
    }
    let end = [0; 2 * BLOCK];
    out.writer
        .write_all(&end)
        .and_then(|()| out.writer.flush())
        .map_err(|source| failed(&TreePath::root(), source))
}

/// The packages with all that they need, each after what it needs.
fn packages(store: &Store, pids: &[Pid]) -> Result<Vec<PackageRecord>, ExportError> {
    let mut found: HashMap<Pid, (PackageRecord, Vec<Pid>)> = HashMap::new();
    let mut todo: Vec<Pid> = pids.to_vec();
    let index = store.read()?;
    while let Some(pid) = todo.pop() {
        if found.contains_key(&pid) {
            continue;
        }
        let (realisation, text) = (index.realisation(&pid), index.pir(&pid));
        let (Some(realisation), Some(text)) = (realisation.map_err(index_error)?, text.map_err(index_error)?)
        else {
            return Err(ExportError::NotRealised { pid });
        };
        let mut needs = references::read(&text).map_err(|source| ExportError::Pir { pid, source })?.needs;
        needs.sort();
        needs.dedup();
        todo.extend_from_slice(&needs);
        // When it was made, and how long that took, is this store's own.
        let realisation = Realisation { time_ms: 0, duration_ms: 0, ..realisation };
        let pir = String::from_utf8(text).unwrap_or_default();
        let meta = index.meta(&pid).map_err(index_error)?;
        found.insert(pid, (PackageRecord { pid, realisation, pir, meta }, needs));
    }
    drop(index);
    // Those that need nothing that is not out yet, the lowest id first.
    let mut waiting: HashMap<Pid, usize> = HashMap::new();
    let mut wanted_by: HashMap<Pid, Vec<Pid>> = HashMap::new();
    let mut ready = BTreeSet::new();
    for (pid, (_, needs)) in &found {
        waiting.insert(*pid, needs.len());
        if needs.is_empty() {
            ready.insert(*pid);
        }
        needs.iter().for_each(|need| wanted_by.entry(*need).or_default().push(*pid));
    }
    let mut out = Vec::with_capacity(found.len());
    while let Some(pid) = ready.pop_first() {
        out.extend(found.remove(&pid).map(|(package, _)| package));
        for by in wanted_by.remove(&pid).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(&by) {
                *left -= 1;
                if *left == 0 {
                    ready.insert(by);
                }
            }
        }
    }
    Ok(out)
}

fn index_error(error: crate::index::IndexError) -> ExportError {
    ExportError::Store(error.into())
}

struct Closure<'c> {
    store: &'c Store,
    writer: &'c mut dyn Write,
    done: HashSet<BlobId>,
}

impl Closure<'_> {
    fn write(&mut self, item: Item, bytes: &[u8]) -> Result<(), ExportError> {
        let path = TreePath::parse(item.name()).unwrap_or_default();
        self.writer.write_all(bytes).map_err(|source| failed(&path, source))
    }

    fn item(&mut self, item: Item, bytes: &[u8]) -> Result<(), ExportError> {
        let mut block = item.head(bytes.len() as u64);
        block.extend_from_slice(bytes);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        self.write(item, &block)
    }

    fn blob(&mut self, id: BlobId, size: u64) -> Result<(), ExportError> {
        if !self.done.insert(id) {
            return Ok(());
        }
        let item = Item::Blob(id);
        self.write(item, &item.head(size))?;
        let path = TreePath::parse(item.name()).unwrap_or_default();
        write_data(self.store, &path, &id, size, self.writer)
    }

    /// Writes a tree's objects, children first. It keeps one directory for each level.
    fn tree(&mut self, root: Cid) -> Result<(), ExportError> {
        let mut levels: Vec<(Cid, Directory, usize)> = Vec::new();
        if !self.done.contains(&root.into()) {
            levels.push((root, self.store.directory(&root)?, 0));
        }
        while let Some((cid, directory, next)) = levels.last_mut() {
            let Some((_, node)) = directory.entries().get(*next) else {
                let (cid, bytes) = (*cid, directory.encode());
                levels.pop();
                // The same directory may have come deeper down in the meantime.
                if self.done.insert(cid.into()) {
                    self.item(Item::Tree(cid), &bytes)?;
                }
                continue;
            };
            *next += 1;
            match node {
                Node::File { blob, size, .. } => {
                    let (blob, size) = (*blob, *size);
                    self.blob(blob, size)?;
                }
                Node::Directory { cid, .. } if !self.done.contains(&(*cid).into()) => {
                    let cid = *cid;
                    if levels.len() > crate::name::MAX_DEPTH {
                        return Err(crate::error::StoreError::TooDeep { path: TreePath::root() }.into());
                    }
                    levels.push((cid, self.store.directory(&cid)?, 0));
                }
                Node::Directory { .. } | Node::Symlink { .. } => {}
            }
        }
        Ok(())
    }
}
