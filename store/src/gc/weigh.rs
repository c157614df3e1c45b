//! What dead packages and sources weigh: the bytes that each alone has, and all that they reach.
//!
//! Each directory object is read once. Owners flow from directories to what is in them, parents before children: one
//! owner stays itself, two become "several". So the work is linear in the edges of the graph of directories.

use super::mark::Marks;
use crate::{directory::Node, id_hash::IdState, objects::ObjectDir};
use nuka_pir::{BlobId, Cid};
use rayon::prelude::*;
use std::collections::HashMap;

/// Nobody yet.
const NOBODY: u32 = u32::MAX;
/// More than one.
const SEVERAL: u32 = u32::MAX - 1;

/// What one owner names.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) trees: Vec<Cid>,
    pub(crate) blobs: Vec<BlobId>,
}

/// What the owners weigh.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    /// For each owner: bytes of objects that it alone has, and how many of these are files' bytes.
    pub(crate) unique: Vec<(u64, u64)>,
    /// All objects that dead things reach, with their lengths in bytes.
    pub(crate) reached: HashMap<BlobId, u64, IdState>,
}

#[derive(Debug)]
struct Directory {
    id: BlobId,
    owner: u32,
    /// How many directories that are not done yet hold it.
    waiting: u32,
    length: u64,
    directories: Vec<usize>,
    files: Vec<(BlobId, u64)>,
}

fn join(a: u32, b: u32) -> u32 {
    if a == NOBODY || a == b {
        b
    } else if b == NOBODY {
        a
    } else {
        SEVERAL
    }
}

/// Weighs what these owners name; what is marked belongs to the living and is left out.
pub(crate) fn weigh(objects: &ObjectDir, marks: &Marks, loads: &[Load]) -> Weights {
    let mut graph = read(objects, marks, loads);
    for (owner, load) in (0_u32..).zip(loads) {
        for cid in &load.trees {
            if let Some(directory) = graph.places.get(&(*cid).into()).and_then(|at| graph.all.get_mut(*at)) {
                directory.owner = join(directory.owner, owner);
            }
        }
    }
    let mut files: HashMap<BlobId, (u64, u32), IdState> = HashMap::default();
    let mut unique = vec![(0_u64, 0_u64); loads.len()];
    let mut reached = HashMap::default();
    let mut ready: Vec<usize> = Vec::with_capacity(graph.all.len());
    ready.extend(graph.all.iter().enumerate().filter(|(_, one)| one.waiting == 0).map(|(at, _)| at));
    while let Some(at) = ready.pop() {
        let Some(directory) = graph.all.get_mut(at) else { continue };
        let (owner, children) = (directory.owner, std::mem::take(&mut directory.directories));
        reached.insert(directory.id, directory.length);
        if let Some((bytes, _)) = unique.get_mut(owner as usize) {
            *bytes += directory.length;
        }
        for (blob, size) in std::mem::take(&mut directory.files) {
            let file = files.entry(blob).or_insert((size, NOBODY));
            file.1 = join(file.1, owner);
        }
        for child in children {
            if let Some(child_directory) = graph.all.get_mut(child) {
                child_directory.owner = join(child_directory.owner, owner);
                child_directory.waiting -= 1;
                if child_directory.waiting == 0 {
                    ready.push(child);
                }
            }
        }
    }
    // Records, descriptions and downloads are in no tree, but may be a tree's file too.
    let mut beside: HashMap<BlobId, (u64, u32), IdState> = HashMap::default();
    for (owner, load) in (0_u32..).zip(loads) {
        for blob in load.blobs.iter().filter(|blob| !marks.contains(blob)) {
            match files.get_mut(blob) {
                Some(file) => file.1 = join(file.1, owner),
                None => {
                    let size = objects.size(blob).ok().flatten().unwrap_or(0);
                    let one = beside.entry(*blob).or_insert((size, NOBODY));
                    one.1 = join(one.1, owner);
                }
            }
        }
    }
    for (all, is_file) in [(files, true), (beside, false)] {
        for (blob, (size, owner)) in all {
            reached.insert(blob, size);
            if let Some((bytes, in_files)) = unique.get_mut(owner as usize) {
                *bytes += size;
                *in_files += if is_file { size } else { 0 };
            }
        }
    }
    Weights { unique, reached }
}

#[derive(Debug, Default)]
struct Graph {
    all: Vec<Directory>,
    places: HashMap<BlobId, usize, IdState>,
}

impl Graph {
    /// The place of a directory, and whether it is new.
    fn place(&mut self, id: BlobId) -> (usize, bool) {
        let next = self.all.len();
        let at = *self.places.entry(id).or_insert(next);
        if at == next {
            self.all.push(Directory {
                id,
                owner: NOBODY,
                waiting: 0,
                length: 0,
                directories: Vec::new(),
                files: Vec::new(),
            });
        }
        (at, at == next)
    }
}

/// Reads the dead directory objects, level by level, in parallel. One that cannot be read ends there: it goes, and
/// what it names goes as something that nobody names.
fn read(objects: &ObjectDir, marks: &Marks, loads: &[Load]) -> Graph {
    let mut graph = Graph::default();
    let mut level = Vec::new();
    for cid in loads.iter().flat_map(|load| &load.trees) {
        let id = (*cid).into();
        if !marks.contains(&id)
            && let (at, true) = graph.place(id)
        {
            level.push((at, *cid));
        }
    }
    while !level.is_empty() {
        // What is wanted no more is not used: the caller looks.
        let read = |(at, cid): (usize, Cid)| match marks.cancel().is_set() {
            true => None,
            false => objects.read_directory(&cid).ok().map(|found| (at, found)),
        };
        let directories: Vec<_> = level.into_par_iter().with_min_len(16).filter_map(read).collect();
        level = Vec::new();
        for (at, (directory, length)) in directories {
            let (mut inner, mut files) = (Vec::new(), Vec::new());
            for (_, node) in directory.entries() {
                match node {
                    Node::File { blob, size, .. } if !marks.contains(blob) => files.push((*blob, *size)),
                    Node::Directory { cid, .. } if !marks.contains(&(*cid).into()) => {
                        let (child, new) = graph.place((*cid).into());
                        if new {
                            level.push((child, *cid));
                        }
                        if let Some(child) = graph.all.get_mut(child) {
                            child.waiting += 1;
                        }
                        inner.push(child);
                    }
                    _ => {}
                }
            }
            if let Some(one) = graph.all.get_mut(at) {
                (one.length, one.directories, one.files) = (length, inner, files);
            }
        }
    }
    graph
}
