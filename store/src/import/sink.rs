//! Where every archive reader puts what it finds: paths are checked, stripped and joined to a tree here, and
//! bytes become blobs.
//!
//! Small files are gathered and hashed by all processors at once; large ones flow through a blob writer.

use super::{
    error::{ImportError, Limit},
    options::{Extras, ImportOptions},
};
use crate::{
    batch::Batch,
    directory::{Node, Tree},
    name::{SymlinkTarget, TreePath},
    tree::TreeBuilder,
};
use nuka_pir::BlobId;
use rayon::prelude::*;
use std::{
    collections::HashSet,
    io::{self, Read},
};

/// Files up to this length, in bytes, are gathered.
const SMALL: u64 = 1 << 20;
/// Gathered files are stored when they have this many bytes together, or are this many.
const GATHERED: (usize, usize) = (16 << 20, 1024);

pub(super) struct Sink<'b> {
    batch: &'b Batch,
    options: &'b ImportOptions,
    builder: TreeBuilder,
    entries: u64,
    gathered: Vec<Gathered>,
    gathered_bytes: usize,
    /// Files outside the chosen directory: they have a place in the tree, and no blob.
    skipped: HashSet<TreePath>,
}

/// An entry whose turn to be put into the tree comes with the next flush.
struct Gathered {
    path: TreePath,
    what: What,
}

enum What {
    Directory,
    Leaf(Node),
    Small { executable: bool, bytes: Vec<u8> },
}

/// What stands for the bytes of a skipped file. No tree that is stored holds it.
const NO_BLOB: BlobId = BlobId::from_bytes([0; 32]);

impl<'b> Sink<'b> {
    pub(super) fn new(batch: &'b Batch, options: &'b ImportOptions) -> Self {
        Self {
            batch,
            options,
            builder: TreeBuilder::new(),
            entries: 0,
            gathered: Vec::new(),
            gathered_bytes: 0,
            skipped: HashSet::new(),
        }
    }

    pub(super) fn options(&self) -> &'b ImportOptions {
        self.options
    }

    /// Counts an entry, whatever it is.
    pub(super) fn count(&mut self) -> Result<(), ImportError> {
        self.entries += 1;
        let max = self.options.limits.entries;
        if self.entries > max { Err(ImportError::Limit { limit: Limit::Entries, max }) } else { Ok(()) }
    }

    /// What a tree cannot hold: an error, or nothing.
    pub(super) fn extra(&self, path: &[u8], extra: impl Into<String>) -> Result<(), ImportError> {
        match self.options.extras {
            Extras::Refuse => Err(ImportError::Extra { path: path.to_vec(), extra: extra.into() }),
            Extras::Drop => Ok(()),
        }
    }

    /// Set-user-id and set-group-id bits of a file's mode.
    pub(super) fn check_mode(&self, path: &[u8], mode: u32) -> Result<(), ImportError> {
        match mode & 0o6000 {
            0 => Ok(()),
            0o2000 => self.extra(path, "the set-group-id bit"),
            _ => self.extra(path, "the set-user-id bit"),
        }
    }

    /// The path as the archive writes it, without the directories that are dropped. The root if nothing is left.
    fn stripped(&self, raw: &[u8]) -> Result<TreePath, ImportError> {
        let path = TreePath::parse_loose(raw)?;
        Ok(match self.options.strip {
            None | Some(0) => path,
            Some(strip) => path.names().iter().skip(usize::from(strip)).cloned().collect(),
        })
    }

    fn file_path(&self, raw: &[u8]) -> Result<TreePath, ImportError> {
        let path = self.stripped(raw)?;
        if path.is_root() {
            let strip = self.options.strip.unwrap_or(0);
            return Err(ImportError::Strip { path: raw.to_vec(), strip });
        }
        Ok(path)
    }

    /// Whether the path can be part of the result.
    fn wanted(&self, path: &TreePath) -> bool {
        let Some(subdir) = &self.options.subdir else { return true };
        let begins = |skip: usize| {
            let names = path.names().get(skip..).unwrap_or_default();
            names.starts_with(subdir.names())
        };
        // Whether the one top directory is dropped is not known before the end.
        begins(0) || (self.options.strip.is_none() && begins(1))
    }

    pub(super) fn directory(&mut self, raw: &[u8]) -> Result<(), ImportError> {
        let path = self.stripped(raw)?;
        self.gather(path, What::Directory)
    }

    pub(super) fn symlink(&mut self, raw: &[u8], target: &[u8]) -> Result<(), ImportError> {
        let path = self.file_path(raw)?;
        let target = SymlinkTarget::new(target)
            .map_err(|source| ImportError::Target { path: path.clone(), source })?;
        self.gather(path, What::Leaf(Node::Symlink { target }))
    }

    /// A second name for a file that came before.
    pub(super) fn hard_link(&mut self, raw: &[u8], raw_target: &[u8]) -> Result<(), ImportError> {
        let path = self.file_path(raw)?;
        self.flush()?;
        let wrong = |why| ImportError::HardLink { path: path.clone(), target: raw_target.to_vec(), why };
        let target = self.stripped(raw_target).map_err(|_| wrong("is not a path inside the archive"))?;
        let node = match self.builder.get(&target) {
            Some(Some(node @ Node::File { .. })) => node.clone(),
            Some(_) => return Err(wrong("is not a file")),
            None => return Err(wrong("is not an earlier entry")),
        };
        if self.skipped.contains(&target) {
            if self.wanted(&path) {
                return Err(wrong("is outside the chosen directory"));
            }
            self.skipped.insert(path.clone());
        }
        self.place(&path, node)
    }

    /// A file of a known length. `reader` may hold more; exactly `size` bytes are taken.
    pub(super) fn file(
        &mut self,
        raw: &[u8],
        executable: bool,
        size: u64,
        reader: &mut dyn Read,
    ) -> Result<(), ImportError> {
        let path = self.file_path(raw)?;
        let cut = || ImportError::truncated(format!("`{path}`"));
        let mut data = reader.take(size);
        if !self.wanted(&path) {
            if io::copy(&mut data, &mut io::sink())? != size {
                return Err(cut());
            }
            self.skipped.insert(path.clone());
            let node = Node::File { blob: NO_BLOB, size: 0, executable };
            return self.gather(path, What::Leaf(node));
        }
        if size > SMALL {
            let mut writer = self.batch.blob_writer(size);
            if writer.write_from(&mut data)?? != size {
                return Err(cut());
            }
            let (blob, size) = writer.finish()?;
            return self.gather(path, What::Leaf(Node::File { blob, size, executable }));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        data.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(cut());
        }
        self.gathered_bytes += bytes.len();
        self.gather(path, What::Small { executable, bytes })
    }

    fn gather(&mut self, path: TreePath, what: What) -> Result<(), ImportError> {
        self.gathered.push(Gathered { path, what });
        if self.gathered_bytes >= GATHERED.0 || self.gathered.len() >= GATHERED.1 {
            self.flush()?;
        }
        Ok(())
    }

    /// A file whose length is not known.
    pub(super) fn whole_file(&mut self, raw: &[u8], reader: &mut dyn Read) -> Result<(), ImportError> {
        let path = self.file_path(raw)?;
        let (blob, size) = self.batch.add_reader(reader)??;
        let node = Node::File { blob, size, executable: false };
        self.gather(path, What::Leaf(node))
    }

    /// Puts a node into the tree. One that is there already, the very same, is an extra.
    fn place(&mut self, path: &TreePath, node: Node) -> Result<(), ImportError> {
        if self.builder.get(path) == Some(Some(&node)) {
            return self.extra(path.to_string().as_bytes(), "a second entry, the same as the first");
        }
        Ok(self.builder.insert(self.batch, path, node)?)
    }

    /// Stores the gathered files, in parallel, and puts them into the tree, in the order in which they came.
    fn flush(&mut self) -> Result<(), ImportError> {
        self.gathered_bytes = 0;
        let gathered = std::mem::take(&mut self.gathered);
        let store = |entry: &Gathered| match &entry.what {
            What::Small { bytes, .. } => self.batch.add_blob(bytes).map(Some),
            What::Directory | What::Leaf(_) => Ok(None),
        };
        let blobs: Vec<_> = if gathered.len() < 4 {
            gathered.iter().map(store).collect::<Result<_, _>>()?
        } else {
            gathered.par_iter().map(store).collect::<Result<_, _>>()?
        };
        for (Gathered { path, what }, blob) in gathered.into_iter().zip(blobs) {
            let node = match (what, blob) {
                (What::Leaf(node), _) => node,
                (What::Small { executable, bytes }, Some(blob)) => {
                    Node::File { blob, size: bytes.len() as u64, executable }
                }
                (What::Directory | What::Small { .. }, _) => {
                    self.builder.insert_directory(self.batch, &path)?;
                    continue;
                }
            };
            self.place(&path, node)?;
        }
        Ok(())
    }

    /// Stores the directories and returns the tree.
    pub(super) fn finish(mut self) -> Result<Tree, ImportError> {
        self.flush()?;
        let mut below = TreePath::root();
        if self.options.strip.is_none()
            && let Some(only) = self.builder.only_directory()
        {
            below = below.join(only.clone());
        }
        if let Some(subdir) = &self.options.subdir {
            below = below.names().iter().chain(subdir.names()).cloned().collect();
        }
        match (self.builder.finish_at(self.batch, &below)?, &self.options.subdir) {
            (Some(tree), _) => Ok(tree),
            (None, subdir) => Err(ImportError::Subdir { subdir: subdir.clone().unwrap_or_default() }),
        }
    }
}
