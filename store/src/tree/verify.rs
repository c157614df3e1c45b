//! Checking a stored tree to the last byte: every object is here, hashes to its name, and has the size and
//! the totals that the directory that holds it says.

use crate::{
    directory::Node,
    error::StoreError,
    name::{MAX_DEPTH, TreePath},
    objects::hash_file,
    reader::ObjectReader,
};
use nuka_pir::{BlobId, Cid};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// Something wrong with an object of a tree.
#[derive(Debug)]
pub struct Problem {
    /// The first path at which the object stands; the root for the root's directory object.
    pub path: TreePath,
    /// What is wrong.
    pub error: StoreError,
}

/// A blob as a tree has it: where it stands first, and its length in bytes.
type Blobs = HashMap<(BlobId, u64), TreePath>;

/// Checks every object of the tree `cid`, with all processors. What is wrong is listed by path; nothing wrong
/// is an empty list. Behind a directory object that cannot be read nothing can be checked.
pub fn verify_tree(objects: &impl ObjectReader, cid: &Cid) -> Vec<Problem> {
    let mut problems = Vec::new();
    let blobs = check_directories(objects, cid, &mut problems);
    let wrong = blobs.into_par_iter().map_init(Vec::new, |buffer, ((blob, said), path)| {
        let error = check_blob(objects, &blob, &path, said, buffer).err()?;
        Some(Problem { path, error })
    });
    problems.par_extend(wrong.flatten());
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    problems
}

/// Checks the directory objects, each once with each of the totals that are said of it. Returns the blobs.
fn check_directories(objects: &impl ObjectReader, cid: &Cid, problems: &mut Vec<Problem>) -> Blobs {
    let mut blobs = Blobs::new();
    let mut seen = HashSet::new();
    let mut todo = vec![(TreePath::root(), *cid, None)];
    while let Some((at, cid, said)) = todo.pop() {
        let directory = match objects.directory(&cid) {
            Ok(directory) => directory,
            Err(error) => {
                problems.push(Problem { path: at, error });
                continue;
            }
        };
        let got = (directory.size(), directory.count());
        if let Some(said) = said.filter(|said| *said != got) {
            let error = StoreError::Totals { path: at.clone(), said, got };
            problems.push(Problem { path: at.clone(), error });
        }
        if at.depth() >= MAX_DEPTH && !directory.is_empty() {
            problems.push(Problem { path: at.clone(), error: StoreError::TooDeep { path: at } });
            continue;
        }
        for (name, node) in directory.entries() {
            match node {
                Node::File { blob, size, .. } => {
                    blobs.entry((*blob, *size)).or_insert_with(|| at.join(name.clone()));
                }
                Node::Directory { cid, size, count } => {
                    if seen.insert((*cid, *size, *count)) {
                        todo.push((at.join(name.clone()), *cid, Some((*size, *count))));
                    }
                }
                Node::Symlink { .. } => {}
            }
        }
    }
    blobs
}

fn check_blob(
    objects: &impl ObjectReader,
    id: &BlobId,
    path: &TreePath,
    said: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let mut file = objects.open_blob(id)?;
    let object = || objects.blob_path(id);
    let (found, got) =
        hash_file(&mut file, buffer).map_err(|error| StoreError::io("read the object", object(), error))?;
    if found != *id {
        return Err(StoreError::Damaged { id: *id, found, path: object() });
    }
    if got == said { Ok(()) } else { Err(StoreError::Size { path: path.clone(), said, got }) }
}
