//! What differs between two stored trees, path by path. Equal subtrees are not read.

use crate::{
    directory::{Directory, Node},
    error::StoreError,
    name::{EntryName, MAX_DEPTH, TreePath},
    reader::ObjectReader,
};
use nuka_pir::Cid;
use std::cmp::Ordering;

/// One path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path.
    pub path: TreePath,
    /// How they differ there.
    pub change: Change,
}

/// How two trees differ at a path. A directory that is in one alone is one difference, whatever is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Only the second has it.
    Added(Node),
    /// Only the first has it.
    Removed(Node),
    /// Both have something else; never two directories.
    Changed {
        /// The first's.
        before: Node,
        /// The second's.
        after: Node,
    },
}

/// Every path at which the trees `first` and `second` differ, in order.
pub fn diff(objects: &impl ObjectReader, first: &Cid, second: &Cid) -> Result<Vec<Difference>, StoreError> {
    let mut out = Vec::new();
    let mut todo = vec![(TreePath::root(), *first, *second)];
    while let Some((at, first, second)) = todo.pop() {
        if first == second {
            continue;
        }
        if at.depth() >= MAX_DEPTH {
            return Err(StoreError::TooDeep { path: at });
        }
        let (first, second) = (objects.directory(&first)?, objects.directory(&second)?);
        for (name, before, after) in pairs(&first, &second) {
            let path = at.join(name.clone());
            let change = match (before, after) {
                (Some(before), Some(after)) if before == after => continue,
                (Some(Node::Directory { cid: before, .. }), Some(Node::Directory { cid: after, .. })) => {
                    todo.push((path, *before, *after));
                    continue;
                }
                (Some(before), Some(after)) => {
                    Change::Changed { before: before.clone(), after: after.clone() }
                }
                (Some(before), None) => Change::Removed(before.clone()),
                (None, Some(after)) => Change::Added(after.clone()),
                (None, None) => continue,
            };
            out.push(Difference { path, change });
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

type Entry = (EntryName, Node);

/// The entries of two directories side by side, by name.
pub(crate) fn pairs<'d>(
    first: &'d Directory,
    second: &'d Directory,
) -> impl Iterator<Item = (&'d EntryName, Option<&'d Node>, Option<&'d Node>)> {
    let mut first = first.entries().iter().peekable();
    let mut second = second.entries().iter().peekable();
    std::iter::from_fn(move || {
        let order = match (first.peek(), second.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let left: Option<&Entry> = if order.is_le() { first.next() } else { None };
        let right: Option<&Entry> = if order.is_ge() { second.next() } else { None };
        let name = left.or(right).map(|(name, _)| name)?;
        Some((name, left.map(|(_, node)| node), right.map(|(_, node)| node)))
    })
}
