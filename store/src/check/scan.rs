//! One pass over all objects: each is read and hashed; directory objects and records are decoded.

use super::bytes;
use crate::{
    directory::{DIRECTORY_MAGIC, Node, decode_directory},
    error::StoreError,
    id_hash::IdState,
    name::EntryName,
    platform::NO_FOLLOW,
    record::{RECORD_MAGIC, Record},
    store::Store,
};
use nuka_pir::{BlobId, Cid};
use rayon::prelude::*;
use rustix::{
    fs::{self, Mode, OFlags},
    io::Errno,
};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// All that is among the objects.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Sound objects, with their lengths in bytes.
    pub(super) sizes: HashMap<BlobId, u64, IdState>,
    /// Those that are directory objects. A file may look like one; it is asked for only where a directory should be.
    pub(super) directories: HashMap<Cid, Listing, IdState>,
    pub(super) records: Vec<(BlobId, Record)>,
    /// Objects whose bytes hash to something else.
    pub(super) damaged: Vec<(BlobId, BlobId)>,
    /// Objects that cannot be read.
    pub(super) unreadable: Vec<(BlobId, Errno)>,
    /// Files that are no objects.
    pub(super) strays: Vec<PathBuf>,
    pub(super) bytes: u64,
}

/// What a directory object says.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) size: u64,
    pub(super) count: u64,
    pub(super) entries: Vec<(EntryName, Named)>,
}

/// An object that a directory names, and what it says of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    File { blob: BlobId, size: u64 },
    Directory { cid: Cid, size: u64, count: u64 },
}

impl Named {
    pub(super) fn id(&self) -> BlobId {
        match self {
            Self::File { blob, .. } => *blob,
            Self::Directory { cid, .. } => (*cid).into(),
        }
    }
}

/// Reads every object, with all processors. `progress` is told how many objects and bytes are done.
pub(super) fn scan(store: &Store, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Scan, StoreError> {
    let (objects, cancel) = (&store.inner().objects, store.cancel());
    let (done, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let scans = objects.shards()?.into_par_iter().map_init(Vec::new, |buffer, shard| {
        let mut scan = Scan::default();
        let path = objects.path().join(&shard);
        let (ids, strays) = objects.list(&shard)?;
        // No name: the directory that should be is a file.
        let stray = |name: std::ffi::OsString| if name.is_empty() { path.clone() } else { path.join(name) };
        scan.strays.extend(strays.into_iter().map(stray));
        if ids.is_empty() {
            return Ok(scan);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW;
        let dir = fs::openat(objects.fd(), &shard, flags, Mode::empty())
            .map_err(|error| StoreError::io("open", &path, error))?;
        for id in ids {
            let name = id.to_string();
            let name = name.get(2..).unwrap_or_default();
            let content = fs::openat(&dir, name, OFlags::RDONLY | NO_FOLLOW, Mode::empty())
                .and_then(|file| bytes::read(&file, &[DIRECTORY_MAGIC, RECORD_MAGIC], buffer, cancel));
            cancel.check()?;
            match content {
                Ok(content) => scan.add(id, content),
                // Collected meanwhile.
                Err(Errno::NOENT) => {}
                Err(error) => scan.unreadable.push((id, error)),
            }
        }
        let count = done.fetch_add(scan.sizes.len() as u64, Ordering::Relaxed) + scan.sizes.len() as u64;
        let total = bytes.fetch_add(scan.bytes, Ordering::Relaxed) + scan.bytes;
        progress(count, total);
        Ok::<_, StoreError>(scan)
    });
    let mut all = Scan::default();
    for scan in scans.collect::<Result<Vec<_>, _>>()? {
        all.sizes.extend(scan.sizes);
        all.directories.extend(scan.directories);
        all.records.extend(scan.records);
        all.damaged.extend(scan.damaged);
        all.unreadable.extend(scan.unreadable);
        all.strays.extend(scan.strays);
        all.bytes += scan.bytes;
    }
    Ok(all)
}

impl Scan {
    fn add(&mut self, id: BlobId, content: bytes::Content) {
        if content.id != id {
            self.damaged.push((id, content.id));
            return;
        }
        self.bytes += content.size;
        self.sizes.insert(id, content.size);
        let Some(bytes) = content.bytes else { return };
        if let Ok(record) = Record::decode(&bytes) {
            self.records.push((id, record));
        } else if let Ok(directory) = decode_directory(&bytes) {
            let named = |(name, node): &(EntryName, Node)| {
                let named = match node {
                    Node::File { blob, size, .. } => Named::File { blob: *blob, size: *size },
                    Node::Directory { cid, size, count } => {
                        Named::Directory { cid: *cid, size: *size, count: *count }
                    }
                    Node::Symlink { .. } => return None,
                };
                Some((name.clone(), named))
            };
            let entries = directory.entries().iter().filter_map(named).collect();
            let listing = Listing { size: directory.size(), count: directory.count(), entries };
            self.directories.insert(Cid::from_bytes(*id.as_bytes()), listing);
        }
    }

    /// Whether what a directory says of an entry is so.
    pub(super) fn agrees(&self, named: &Named) -> bool {
        match named {
            Named::File { blob, size } => self.sizes.get(blob) == Some(size),
            Named::Directory { cid, size, count } => {
                self.directories.get(cid).is_some_and(|there| (there.size, there.count) == (*size, *count))
            }
        }
    }

    /// Directories with something wrong in them, at any depth.
    pub(super) fn broken(&self) -> HashSet<Cid, IdState> {
        let mut holders: HashMap<Cid, Vec<Cid>, IdState> = HashMap::default();
        let mut todo = Vec::new();
        for (cid, listing) in &self.directories {
            let mut wrong = false;
            for (_, named) in &listing.entries {
                wrong |= !self.agrees(named);
                if let Named::Directory { cid: inner, .. } = named {
                    holders.entry(*inner).or_default().push(*cid);
                }
            }
            if wrong {
                todo.push(*cid);
            }
        }
        let mut broken: HashSet<Cid, IdState> = todo.iter().copied().collect();
        while let Some(cid) = todo.pop() {
            let new = holders.get(&cid).into_iter().flatten().filter(|holder| broken.insert(**holder));
            todo.extend(new.copied());
        }
        broken
    }
}
