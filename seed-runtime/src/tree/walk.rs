//! Walking a tree from the top, sorted, without recursion.

use super::{Name, Node, Tree};

type Entries<'a> = Box<dyn Iterator<Item = (&'a Name, &'a Node)> + 'a>;

/// Iterator over everything below a directory; see [`Tree::walk`]. Items are the path relative to where the
/// walk began (components joined by `/`) and the node.
pub struct Walk<'a> {
    /// The directories that the walk is in: length of the path before their names, and the entries to come.
    stack: Vec<(usize, Entries<'a>)>,
    path: Vec<u8>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { stack: vec![(0, Box::new(tree.iter()))], path: Vec::new() }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (Vec<u8>, &'a Node);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (prefix, entries) = self.stack.last_mut()?;
            let Some((name, node)) = entries.next() else {
                self.stack.pop();
                continue;
            };
            self.path.truncate(*prefix);
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_bytes());
            if let Node::Directory(tree) = node {
                self.stack.push((self.path.len(), Box::new(tree.iter())));
            }
            return Some((self.path.clone(), node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    #[test]
    fn parents_first_then_sorted() {
        let mut tree = Tree::new();
        for path in ["b/z", "b/a/q", "a", "b.c"] {
            tree.insert(path, File::from_bytes("", false)).unwrap();
        }
        let paths: Vec<_> = tree.walk().map(|(p, _)| String::from_utf8(p).unwrap()).collect();
        assert_eq!(paths, ["a", "b", "b/a", "b/a/q", "b/z", "b.c"]);
    }
}
