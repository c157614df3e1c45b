//! What changed between two snapshots of a tree. Parts that both share are not looked at.

use std::{io, sync::Arc};

use super::{Name, Node, Tree, entries::Entries};

/// One difference between two trees.
#[derive(Debug, Clone)]
pub enum Change {
    /// At this path there is now `node`, which was not there before or was different. A directory that is new
    /// comes once, whole (its content is not listed again); one that was there before comes only as the changes
    /// below it.
    Write {
        /// Path relative to the tree, components joined by `/`.
        path: Vec<u8>,
        /// What is there now.
        node: Node,
    },
    /// At this path there is nothing any more. A directory that went comes once.
    Remove {
        /// Path relative to the tree, components joined by `/`.
        path: Vec<u8>,
    },
}

impl Change {
    /// The path that changed.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        match self {
            Self::Write { path, .. } | Self::Remove { path } => path,
        }
    }
}

/// Lists what must be written and removed to turn `before` into `after`, in the order of a sorted walk. A file
/// that was replaced by a directory, or the reverse, is one [`Change::Write`]. Files are compared by sharing,
/// identity or length first, and by their bytes only when these do not tell.
///
/// # Errors
/// What loading a lazy file's bytes gives, when two files had to be compared by bytes.
pub fn diff(before: &Tree, after: &Tree) -> io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    directory(before, after, &mut Vec::new(), &mut changes)?;
    Ok(changes)
}

// Recursion is bounded by MAX_DEPTH, which the process and the store hold trees to.
fn directory(before: &Tree, after: &Tree, path: &mut Vec<u8>, changes: &mut Vec<Change>) -> io::Result<()> {
    if before.same(after) {
        return Ok(());
    }
    let (mut old, mut new) = (Cursor::new(before.entries()), Cursor::new(after.entries()));
    loop {
        if old.skip_shared(&mut new) {
            continue;
        }
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let (mut was, mut is) = (None, None);
        if order.is_le() {
            was = old.next();
        }
        if order.is_ge() {
            is = new.next();
        }
        let Some((name, _)) = is.or(was) else { return Ok(()) };
        let length = path.len();
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        match (was.map(|(_, n)| n), is.map(|(_, n)| n)) {
            (Some(Node::Directory(a)), Some(Node::Directory(b))) => directory(a, b, path, changes)?,
            (Some(a), Some(b)) if equal(a, b)? => {}
            (_, Some(node)) => changes.push(Change::Write { path: path.clone(), node: node.clone() }),
            (_, None) => changes.push(Change::Remove { path: path.clone() }),
        }
        path.truncate(length);
    }
}

fn equal(a: &Node, b: &Node) -> io::Result<bool> {
    if a.same(b) {
        return Ok(true);
    }
    match (a, b) {
        (Node::File(a), Node::File(b)) if a.executable() == b.executable() && a.len() == b.len() => {
            if let (Some(x), Some(y)) = (a.identity(), b.identity()) {
                return Ok(x == y);
            }
            Ok(a.bytes()? == b.bytes()?)
        }
        _ => Ok(false),
    }
}

/// A place in a directory's chunks.
struct Cursor<'a> {
    chunks: &'a [Arc<Vec<(Name, Node)>>],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(entries: &'a Entries) -> Self {
        Self { chunks: entries.chunks(), at: 0 }
    }

    fn peek(&self) -> Option<(&'a Name, &'a Node)> {
        self.chunks.first()?.get(self.at).map(|(name, node)| (name, node))
    }

    fn next(&mut self) -> Option<(&'a Name, &'a Node)> {
        let (first, rest) = self.chunks.split_first()?;
        let entry = first.get(self.at).map(|(name, node)| (name, node));
        self.at += 1;
        if self.at >= first.len() {
            (self.chunks, self.at) = (rest, 0);
        }
        entry
    }

    /// Steps over one whole chunk when both cursors stand at the start of the same one.
    fn skip_shared(&mut self, other: &mut Self) -> bool {
        match (self.chunks.split_first(), other.chunks.split_first()) {
            (Some((a, rest)), Some((b, other_rest)))
                if self.at == 0 && other.at == 0 && Arc::ptr_eq(a, b) =>
            {
                (self.chunks, other.chunks) = (rest, other_rest);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::tree::{Content, File};

    fn file(text: impl Into<Bytes>) -> File {
        File::from_bytes(text, false)
    }

    fn shown(before: &Tree, after: &Tree) -> Vec<String> {
        let sign = |change: &Change| match change {
            Change::Write { .. } => "+",
            Change::Remove { .. } => "-",
        };
        let changes = diff(before, after).unwrap();
        changes.iter().map(|c| format!("{}{}", sign(c), c.path().escape_ascii())).collect()
    }

    struct Unreadable;
    impl Content for Unreadable {
        fn len(&self) -> u64 {
            3
        }
        fn load(&self) -> io::Result<Bytes> {
            Err(io::Error::other("must not be loaded"))
        }
    }

    #[test]
    fn lists_writes_and_removals() {
        let mut before = Tree::new();
        before.insert("keep/lazy", File::lazy(Unreadable, false)).unwrap();
        before.insert("gone/x", file("1")).unwrap();
        before.insert("same", file("1")).unwrap();
        before.insert("kind", file("1")).unwrap();
        before.insert("link", Node::Symlink("a".into())).unwrap();
        let mut after = before.clone();
        after.remove("gone").unwrap();
        after.insert("same", file(b"1".to_vec())).unwrap();
        after.insert("kind/now-a-directory", file("1")).unwrap_err();
        after.insert("kind", Tree::new()).unwrap();
        after.insert("link", Node::Symlink("b".into())).unwrap();
        after.insert("new/deep/file", file("2")).unwrap();
        after.insert("keep/other", File::from_bytes("", true)).unwrap();
        assert_eq!(shown(&before, &after), ["-gone", "+keep/other", "+kind", "+link", "+new"]);
        assert!(shown(&after, &after.clone()).is_empty());
    }

    fn apply(tree: &mut Tree, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Write { path, node } => drop(tree.insert(path, node.clone()).unwrap()),
                Change::Remove { path } => drop(tree.remove(path).unwrap()),
            }
        }
    }

    proptest! {
        #[test]
        fn applying_a_diff_gives_the_other_tree(
            a in prop::collection::vec((0u8..6, 0u8..60, 0u8..3), 0..200),
            b in prop::collection::vec((0u8..6, 0u8..60, 0u8..3), 0..200),
        ) {
            let build = |mut tree: Tree, list: Vec<(u8, u8, u8)>| {
                for (dir, name, text) in list {
                    tree.insert(format!("{dir}/{name}"), file(vec![text])).unwrap();
                }
                tree
            };
            let before = build(Tree::new(), a);
            let mut after = build(before.clone(), b);
            let _ = after.remove("3").unwrap();
            let mut applied = before.clone();
            apply(&mut applied, &diff(&before, &after).unwrap());
            prop_assert!(diff(&applied, &after).unwrap().is_empty());
            prop_assert!(diff(&after, &applied).unwrap().is_empty());
        }
    }
}
