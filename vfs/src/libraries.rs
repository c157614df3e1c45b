//! The native libraries of a view, told to the dynamic loader: a fresh `ld.so.cache` for each root that has some.
//!
//! A loader finds a library by its name in this file, or else in a few directories that it was built with. Packages put
//! libraries into others too, and whoever looks for one by `ldconfig -p` (Python's `ctypes`, say) finds none without it.
//!
//! Looked into are the directories that `/etc/ld.so.conf` and `/etc/ld.so.conf.d/*.conf` of the view name, in this order,
//! then `/usr/lib/<triplet>`, then `/usr/lib` and its like. A library goes by the name that it has written in itself
//! (`DT_SONAME`), else by its file's; a link to it by its own. Of two of one name the first is taken.

mod cache;
mod elf;

use cache::Entry;
use nuka_pir::{BlobId, Cid};
use nuka_store::{Directory, LookupError, Node, ObjectReader, StoreError, TreePath, lookup};
use std::collections::HashSet;

/// Directories of every system.
const USUAL: [&str; 5] = ["usr/lib", "usr/lib64", "usr/lib32", "usr/libx32", "usr/local/lib"];
/// What is taken of a file that names directories, in bytes.
const LONGEST: u64 = 64 << 10;
/// Links that are followed from one name to the next.
const LINKS: usize = 8;

/// An `ld.so.cache` of a view's libraries; nothing if it has none that a native program of a known machine could load.
/// Files that are no libraries, or damaged ones, are passed over.
///
/// # Errors
/// If an object of the view cannot be read.
pub fn loader_cache(objects: &impl ObjectReader, view: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
    let mut entries = Vec::new();
    for place in places(objects, view)? {
        let Some(directory) = directory(objects, view, &place)? else { continue };
        for (name, node) in directory.entries() {
            let Some(name) = std::str::from_utf8(name.as_bytes()).ok().filter(|name| is_library(name)) else {
                continue;
            };
            let Some(blob) = file(&directory, node) else { continue };
            let Some(library) = elf::library(objects.open_blob(&blob)?) else { continue };
            let own = library.name.filter(|_| matches!(node, Node::File { .. }));
            entries.push(Entry {
                name: own.unwrap_or_else(|| name.to_owned()),
                path: format!("/{place}/{name}"),
                flags: library.flags,
            });
        }
    }
    let mut seen = HashSet::new();
    entries.retain(|entry| seen.insert((entry.name.clone(), entry.flags)));
    Ok((!entries.is_empty()).then(|| cache::encode(entries)))
}

fn is_library(name: &str) -> bool {
    let begins = name.starts_with("lib") || name.starts_with("ld");
    name.is_ascii() && begins && (name.ends_with(".so") || name.contains(".so."))
}

/// The directories that are looked into.
fn places(objects: &impl ObjectReader, view: &Cid) -> Result<Vec<String>, StoreError> {
    let mut places = Vec::new();
    if let Some(etc) = directory(objects, view, "etc")? {
        named(objects, &etc, "ld.so.conf", &mut places)?;
    }
    if let Some(more) = directory(objects, view, "etc/ld.so.conf.d")? {
        for (name, _) in more.entries().iter().filter(|(name, _)| name.as_bytes().ends_with(b".conf")) {
            named(objects, &more, name.as_bytes(), &mut places)?;
        }
    }
    if let Some(usr) = directory(objects, view, "usr/lib")? {
        let names = usr.entries().iter().filter_map(|(name, _)| std::str::from_utf8(name.as_bytes()).ok());
        places.extend(names.filter(|name| name.contains("-linux-")).map(|name| format!("usr/lib/{name}")));
    }
    places.extend(USUAL.map(str::to_owned));
    let mut seen = HashSet::new();
    places.retain(|place| seen.insert(place.clone()));
    Ok(places)
}

/// The directories that a file names, each on a line of its own. Which files it includes is known without it.
fn named(
    objects: &impl ObjectReader,
    directory: &Directory,
    name: impl AsRef<[u8]>,
    places: &mut Vec<String>,
) -> Result<(), StoreError> {
    let Some(Node::File { blob, size, .. }) = directory.get(name.as_ref()) else { return Ok(()) };
    if *size > LONGEST {
        return Ok(());
    }
    let text = objects.read_blob(blob)?;
    for line in String::from_utf8_lossy(&text).lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(place) = line.strip_prefix('/').map(|place| place.trim_end_matches('/')) else { continue };
        // At the root these are links to what is in `/usr`.
        let merged = place == "lib" || place.starts_with("lib/") || place.starts_with("lib64");
        places.push(if merged { format!("usr/{place}") } else { place.to_owned() });
    }
    Ok(())
}

/// A directory of the view; nothing if there is none.
fn directory(objects: &impl ObjectReader, view: &Cid, place: &str) -> Result<Option<Directory>, StoreError> {
    let Ok(path) = TreePath::parse(place) else { return Ok(None) };
    match lookup(objects, view, &path) {
        Ok(Node::Directory { cid, .. }) => objects.directory(&cid).map(Some),
        Ok(_) | Err(LookupError::NotFound { .. } | LookupError::NotADirectory { .. }) => Ok(None),
        Err(LookupError::Store(error)) => Err(error),
    }
}

/// The file that a node is, or that its links lead to within the directory.
fn file(directory: &Directory, node: &Node) -> Option<BlobId> {
    let mut node = node;
    for _ in 0..LINKS {
        match node {
            Node::File { blob, .. } => return Some(*blob),
            Node::Symlink { target } => node = directory.get(target.as_bytes())?,
            Node::Directory { .. } => return None,
        }
    }
    None
}
