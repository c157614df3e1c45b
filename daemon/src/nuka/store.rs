//! Looking into the store, and adding to it.

use super::Nuka;
use crate::{
    api::{Entry, EntryKind, FoundFile, Listed, StoreInfo, StorePath, care::PackageBytes},
    error::Error,
    event::{Observer, Outcome},
    handed::Handed,
    plan, suggest,
};
use fs_err as fs;
use nuka_pir::{BlobId, Cid, OutputName, PackageName, Pid};
use nuka_store::{
    EntryName, IndexReader, Node, ObjectReader as _, PrefixError, StoreError, check,
    import::{self, ImportOptions},
};
use nuka_vfs::source::store_name;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// Packages that are named as the biggest ones.
const BIGGEST: usize = 10;

/// Something that a text names.
pub(super) struct Found {
    pub(super) node: Node,
    pub(super) package: Option<Pid>,
    /// The path in it.
    pub(super) below: String,
}

impl Nuka {
    /// Adds a file or directory, durably; of a file, a tree that holds it.
    pub fn store_add(&self, what: &Handed, observer: &dyn Observer) -> Result<Cid, Error> {
        let options = ImportOptions::default();
        let batch = self.store_for(observer)?.batch();
        if what.is_dir() {
            let imported = import::import_directory(&batch, &what.place(), &options)?;
            batch.commit(|index| Ok::<_, StoreError>(imported.files.remember(index)?))?;
            return Ok(imported.tree.cid);
        }
        let failed = |action| move |source| Error::File { action, path: what.shown.clone(), source };
        let file = what.open().map_err(failed("reading"))?;
        if !file.metadata().map_err(failed("adding"))?.is_file() {
            // A device has no end.
            return Err(failed("adding")(std::io::ErrorKind::InvalidInput.into()));
        }
        let name = what.file_name().map(|name| name.as_os_str().as_encoded_bytes().to_vec());
        let name = EntryName::new(name.unwrap_or_default()).map_err(|error| Error::SourceName { error })?;
        let tree = import::import_file(&batch, &name, file, &options)?;
        batch.commit_objects()?;
        Ok(tree.cid)
    }

    /// The CID that a directory would have; nothing is added.
    pub fn tree_hash(&self, what: &Handed, observer: &dyn Observer) -> Result<Cid, Error> {
        let batch = self.store_for(observer)?.batch();
        Ok(import::import_directory(&batch, &what.place(), &ImportOptions::default())?.tree.cid)
    }

    /// Opens the store and its index, and says where it is.
    pub fn check_store(&self) -> Result<PathBuf, Error> {
        let store = self.store()?;
        drop(store.read()?);
        Ok(store.root().to_owned())
    }

    /// Every realised package, sorted by name and version.
    pub fn store_list(&self) -> Result<Vec<Listed>, Error> {
        let index = self.store()?.read()?;
        let names: HashMap<Pid, _> =
            index.packages()?.into_iter().map(|(name, pid, version)| (pid, (name, version))).collect();
        let mut list = Vec::new();
        for (pid, realisation) in index.realised()? {
            let Some((name, version)) = names.get(&pid) else { continue };
            let Some(out) = realisation.outputs.get(&OutputName::out()) else { continue };
            let bytes = realisation.outputs.values().map(|tree| tree.size).sum();
            let (name, version) = (name.to_string(), version.to_string());
            list.push(Listed { name, version, pid, cid: out.cid, bytes });
        }
        list.sort_by(|a, b| (&a.name, &a.version, a.pid).cmp(&(&b.name, &b.version, b.pid)));
        Ok(list)
    }

    /// What is in a tree; all that is below it if `recursive`.
    pub fn store_ls(
        &self,
        what: &str,
        recursive: bool,
        observer: &dyn Observer,
    ) -> Result<Vec<Entry>, Error> {
        let found = self.find(what)?;
        let Node::Directory { cid, .. } = found.node else {
            return Ok(vec![entry(found.below.as_bytes(), &found.node)]);
        };
        let store = self.store_for(observer)?;
        let mut entries = Vec::new();
        let mut stack = vec![(Vec::new(), cid)];
        while let Some((above, cid)) = stack.pop() {
            for (name, node) in store.directory(&cid)?.entries() {
                let path = [above.as_slice(), name.as_bytes()].concat();
                if let (true, Node::Directory { cid, .. }) = (recursive, node) {
                    stack.push(([path.as_slice(), b"/"].concat(), *cid));
                }
                entries.push(entry(&path, node));
            }
        }
        entries.sort_by(|a, b| (&a.path, &a.path_hex).cmp(&(&b.path, &b.path_hex)));
        Ok(entries)
    }

    /// A file's object. Its bytes are not checked yet.
    pub fn store_cat(&self, what: &str) -> Result<FoundFile, Error> {
        let Node::File { blob, size, .. } = self.find(what)?.node else {
            return Err(Error::WrongKind { what: what.to_owned(), wanted: "a file" });
        };
        let file = Handed::open_file(what, self.store()?.open_blob(&blob)?);
        Ok(FoundFile { blob, size, file })
    }

    /// Where something is.
    pub fn store_path(&self, what: &str) -> Result<StorePath, Error> {
        let found = self.find(what)?;
        let (blob, cid): (BlobId, _) = match &found.node {
            Node::Directory { cid, .. } => ((*cid).into(), Some(*cid)),
            Node::File { blob, .. } => (*blob, None),
            Node::Symlink { .. } => {
                return Err(Error::WrongKind { what: what.to_owned(), wanted: "a file or directory" });
            }
        };
        let below = if found.below.is_empty() { String::new() } else { format!("/{}", found.below) };
        let top = match found.package {
            Some(pid) => {
                let pir = plan::load(&self.store()?.read()?, pid)?;
                store_name(&pid, &pir.name, &pir.version, &OutputName::out())
            }
            None => cid.map(|cid| cid.to_string()).unwrap_or_default(),
        };
        Ok(StorePath {
            path: format!("/nuka/store/{top}{below}"),
            cid,
            object: self.store()?.blob_path(&blob),
        })
    }

    /// The store in figures.
    pub fn store_info(&self, observer: &dyn Observer) -> Result<StoreInfo, Error> {
        let store = self.store_for(observer)?;
        let info = check::info(&store)?;
        let (_, compiled_bytes) = totals(&self.config.modules());
        let (saved_bytes, ratio) = (info.saved_bytes(), info.ratio());
        let biggest = info.packages.iter().take(BIGGEST).map(|package| {
            let name = package.name.as_ref().map(|(name, version)| format!("{name} {version}"));
            PackageBytes { pid: package.pid, name: name.unwrap_or_default(), bytes: package.bytes }
        });
        Ok(StoreInfo {
            path: store.root().to_owned(),
            objects: info.objects,
            bytes: info.bytes,
            packages: info.packages.len() as u64,
            sources: info.sources,
            unshared_bytes: info.unshared_bytes,
            saved_bytes,
            ratio,
            biggest: biggest.collect(),
            compiled_bytes,
        })
    }

    /// Writes a package's `out` to a directory that is not there yet, or empty.
    pub fn export(&self, outcome: &Outcome, directory: &Path) -> Result<(), Error> {
        let out = outcome.outputs.iter().find(|(name, _)| name == "out");
        let (_, cid) =
            out.ok_or_else(|| Error::NotFound { what: outcome.package.name.clone(), suggestion: None })?;
        Ok(nuka_store::export::export_directory(self.shared.objects()?, cid, directory)?)
    }

    /// What a text names: `NAME[@VERSION][/PATH]`, or a PID or CID (or the beginning of one) with a path.
    pub(super) fn find(&self, what: &str) -> Result<Found, Error> {
        let what = what.strip_prefix("/nuka/store/").unwrap_or(what);
        let (head, below) = what.split_once('/').unwrap_or((what, ""));
        if head.is_empty() {
            return Err(Error::NotFound { what: what.to_owned(), suggestion: None });
        }
        let index = self.store()?.read()?;
        let (cid, package) = self.tree(&index, head)?;
        drop(index);
        let directory = self.store()?.directory(&cid)?;
        let mut node = Node::Directory { cid, size: directory.size(), count: directory.count() };
        for name in below.split('/').filter(|name| !name.is_empty()) {
            let Node::Directory { cid, .. } = node else {
                return Err(Error::NotFound { what: what.to_owned(), suggestion: None });
            };
            let directory = self.store()?.directory(&cid)?;
            let entries = directory.entries();
            let found = entries.iter().find(|(entry, _)| entry.as_bytes() == name.as_bytes());
            node = match found {
                Some((_, node)) => node.clone(),
                None => {
                    let names =
                        entries.iter().map(|(name, _)| String::from_utf8_lossy(name.as_bytes()).into_owned());
                    return Err(Error::NotFound {
                        what: what.to_owned(),
                        suggestion: suggest::nearest(name, names),
                    });
                }
            };
        }
        Ok(Found { node, package, below: below.trim_matches('/').to_owned() })
    }

    fn tree(&self, index: &IndexReader, head: &str) -> Result<(Cid, Option<Pid>), Error> {
        let not_found = |suggestion| Error::NotFound { what: head.to_owned(), suggestion };
        let (name, version) =
            head.split_once('@').map_or((head, None), |(name, version)| (name, Some(version)));
        if let Ok(package) = PackageName::new(name) {
            let mut named = index.packages_named(&package)?;
            named.retain(|(_, found)| version.is_none_or(|wanted| found.as_str() == wanted));
            // Of several that are built the one built last is meant.
            let mut built = Vec::new();
            for (pid, version) in named {
                if let Some(realisation) = index.realisation(&pid)? {
                    built.push((realisation.time_ms, pid, version, realisation));
                }
            }
            if let Some((_, pid, _, realisation)) =
                built.into_iter().max_by_key(|(time, pid, ..)| (*time, *pid))
            {
                let out = realisation.outputs.get(&OutputName::out()).ok_or_else(|| not_found(None))?;
                return Ok((out.cid, Some(pid)));
            }
        }
        // `<pid>-<name>-<version>` as the store shows it, or a PID's beginning.
        let id = head.split('-').next().unwrap_or(head);
        match index.pid_with_prefix(id)? {
            Ok(pid) => {
                if let Some(realisation) = index.realisation(&pid)?
                    && let Some(out) = realisation.outputs.get(&OutputName::out())
                {
                    return Ok((out.cid, Some(pid)));
                }
            }
            Err(PrefixError::Several { some, .. }) if id.len() > 3 => {
                let some = some.iter().map(ToString::to_string).collect();
                return Err(Error::Ambiguous { what: head.to_owned(), some });
            }
            Err(_) => {}
        }
        if let Ok(cid) = id.parse::<Cid>()
            && self.store()?.has(&cid.into())?
        {
            return Ok((cid, None));
        }
        let mut known: Vec<Cid> = Vec::new();
        let mut names = Vec::new();
        for (pid, realisation) in index.realised()? {
            known.extend(
                realisation
                    .outputs
                    .values()
                    .map(|tree| tree.cid)
                    .filter(|cid| cid.to_string().starts_with(id)),
            );
            names.push(pid);
        }
        known.sort_unstable();
        known.dedup();
        match known.as_slice() {
            [cid] if id.len() > 3 => Ok((*cid, None)),
            // So short a text would mean something else as soon as the next object comes.
            [cid] => Err(not_found(Some(cid.short()))),
            [] => {
                let names = index.packages()?.into_iter().map(|(name, ..)| name.to_string());
                Err(not_found(suggest::nearest(name, names)))
            }
            _ => {
                Err(Error::Ambiguous { what: head.to_owned(), some: known.iter().map(Cid::short).collect() })
            }
        }
    }
}

/// What a node is.
pub(super) fn kind(node: &Node) -> EntryKind {
    match node {
        Node::Directory { .. } => EntryKind::Directory,
        Node::File { executable: true, .. } => EntryKind::Executable,
        Node::File { .. } => EntryKind::File,
        Node::Symlink { .. } => EntryKind::Symlink,
    }
}

fn entry(path: &[u8], node: &Node) -> Entry {
    let target = match node {
        Node::Symlink { target } => Some(target.as_bytes()),
        _ => None,
    };
    Entry {
        path: String::from_utf8_lossy(path).into_owned(),
        path_hex: hex_unless_text(path),
        kind: kind(node),
        bytes: node.size(),
        target: target.map(|target| String::from_utf8_lossy(target).into_owned()),
        target_hex: target.and_then(hex_unless_text),
    }
}

/// Bytes that no text can tell.
fn hex_unless_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| data_encoding::HEXLOWER.encode(bytes))
}

/// Number and bytes of all files below a directory. What cannot be read is left out: these are figures for people.
fn totals(directory: &Path) -> (u64, u64) {
    let (mut files, mut bytes) = (0, 0);
    let mut stack = vec![directory.to_owned()];
    while let Some(directory) = stack.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => stack.push(entry.path()),
                Ok(metadata) => {
                    files += 1;
                    bytes += metadata.len();
                }
                Err(_) => {}
            }
        }
    }
    (files, bytes)
}
