//! Putting together what the branches of a group wrote.
//!
//! Each branch of a `for-each` or `parallel` began with the same tree. Their writes are applied in list order;
//! two branches that write one path are an error, whatever they wrote, so that a result can never depend on
//! which of them was faster. Only a directory may be made by several.

use nuka_seed_runtime::tree::{Change, Node, Tree, TreeError, diff};
use std::collections::BTreeMap;

/// Why branches could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Two branches wrote one path.
    #[error("`{path}` is written by two branches that run side by side: {first} and {second}")]
    Conflict {
        /// The path, relative to the build directory.
        path: String,
        /// The branch that comes first in the list.
        first: String,
        /// The other.
        second: String,
    },
    /// A file of a dependency could not be read to compare it.
    #[error("a file could not be compared: {0}")]
    Read(#[from] std::io::Error),
    /// A path in the result is not one.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    MadeDirectory,
    WroteOrRemoved,
}

/// Applies the changes of every branch, named by `names`, to the tree that all of them began with.
pub fn merge(base: &Tree, branches: &[Tree], names: &[String]) -> Result<Tree, MergeError> {
    let mut merged = base.clone();
    let mut writers: BTreeMap<Vec<u8>, (usize, Kind)> = BTreeMap::new();
    for (branch, tree) in branches.iter().enumerate() {
        for change in diff(base, tree)? {
            match change {
                Change::Remove { path } => {
                    claim(&mut writers, names, &path, branch, Kind::WroteOrRemoved)?;
                    merged.remove(&path)?;
                }
                Change::Write { path, node } => write(&mut merged, &mut writers, names, path, node, branch)?,
            }
        }
    }
    Ok(merged)
}

fn write(
    merged: &mut Tree,
    writers: &mut BTreeMap<Vec<u8>, (usize, Kind)>,
    names: &[String],
    path: Vec<u8>,
    node: Node,
    branch: usize,
) -> Result<(), MergeError> {
    let Node::Directory(tree) = &node else {
        claim(writers, names, &path, branch, Kind::WroteOrRemoved)?;
        merged.insert(&path, node)?;
        return Ok(());
    };
    // A new directory may be everybody's; what is in it is not.
    make_directory(merged, writers, names, &path, branch)?;
    for (below, node) in tree.walk() {
        let path = [&path, &b"/"[..], &below].concat();
        if matches!(node, Node::Directory(_)) {
            make_directory(merged, writers, names, &path, branch)?;
        } else {
            claim(writers, names, &path, branch, Kind::WroteOrRemoved)?;
            merged.insert(&path, node.clone())?;
        }
    }
    Ok(())
}

fn make_directory(
    merged: &mut Tree,
    writers: &mut BTreeMap<Vec<u8>, (usize, Kind)>,
    names: &[String],
    path: &[u8],
    branch: usize,
) -> Result<(), MergeError> {
    claim(writers, names, path, branch, Kind::MadeDirectory)?;
    if !matches!(merged.get(path), Some(Node::Directory(_))) {
        merged.insert(path, Tree::new())?;
    }
    Ok(())
}

/// Notes that a branch wrote a path, unless another branch's write stands against it.
fn claim(
    writers: &mut BTreeMap<Vec<u8>, (usize, Kind)>,
    names: &[String],
    path: &[u8],
    branch: usize,
    kind: Kind,
) -> Result<(), MergeError> {
    let conflict = |other: usize| {
        let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| format!("branch {}", at + 1));
        MergeError::Conflict {
            path: String::from_utf8_lossy(path).into_owned(),
            first: name(other.min(branch)),
            second: name(other.max(branch)),
        }
    };
    // Something above it that another branch wrote or removed as a whole.
    for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        if let Some((other, Kind::WroteOrRemoved)) = path.get(..end).and_then(|above| writers.get(above))
            && *other != branch
        {
            return Err(conflict(*other));
        }
    }
    match writers.get(path) {
        Some((other, before))
            if *other != branch && (*before, kind) != (Kind::MadeDirectory, Kind::MadeDirectory) =>
        {
            return Err(conflict(*other));
        }
        _ => {}
    }
    if kind == Kind::WroteOrRemoved {
        let below = [path, b"/"].concat();
        let inside = writers.range(below.clone()..).take_while(|(key, _)| key.starts_with(&below));
        if let Some((_, (other, _))) = { inside }.find(|(_, (other, _))| *other != branch) {
            return Err(conflict(*other));
        }
    }
    writers.insert(path.to_vec(), (branch, kind));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuka_seed_runtime::tree::File;

    fn file(text: &'static str) -> File {
        File::from_bytes(text, false)
    }

    fn base() -> Tree {
        let mut tree = Tree::new();
        tree.insert("src/a.c", file("a")).unwrap();
        tree.insert("src/b.c", file("b")).unwrap();
        tree
    }

    fn merged(changes: [fn(&mut Tree); 2]) -> Result<Tree, String> {
        let base = base();
        let branches = changes.map(|change| {
            let mut tree = base.clone();
            change(&mut tree);
            tree
        });
        merge(&base, &branches, &["one".into(), "two".into()]).map_err(|e| e.to_string())
    }

    #[test]
    fn separate_writes_are_all_there() {
        let tree = merged([
            |t| drop(t.insert("obj/x/a.o", file("1")).unwrap()),
            |t| {
                t.insert("obj/x/b.o", file("2")).unwrap();
                t.remove("src/b.c").unwrap();
            },
        ]);
        let paths: Vec<_> = tree.unwrap().walk().map(|(p, _)| String::from_utf8(p).unwrap()).collect();
        assert_eq!(paths, ["obj", "obj/x", "obj/x/a.o", "obj/x/b.o", "src", "src/a.c"]);
    }

    #[test]
    fn racing_writers_are_an_error_whatever_they_wrote() {
        let same: fn(&mut Tree) = |t| drop(t.insert("log", file("same")).unwrap());
        insta::assert_snapshot!(merged([same, same]).unwrap_err(),
            @"`log` is written by two branches that run side by side: one and two");
        for [one, two] in [
            [(|t| drop(t.insert("d", file("1")).unwrap())) as fn(&mut Tree), |t| {
                drop(t.insert("d/x", file("2")).unwrap());
            }],
            [|t| drop(t.remove("src").unwrap()), |t| drop(t.insert("src/new", file("2")).unwrap())],
            [|t| drop(t.insert("src/new", file("2")).unwrap()), |t| drop(t.remove("src").unwrap())],
            [|t| drop(t.remove("src/a.c").unwrap()), |t| drop(t.insert("src/a.c", file("2")).unwrap())],
            [|t| drop(t.insert("n/x", file("1")).unwrap()), |t| drop(t.insert("n", file("2")).unwrap())],
        ] {
            assert!(merged([one, two]).is_err());
            assert!(merged([two, one]).is_err());
        }
    }
}
