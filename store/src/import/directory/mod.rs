//! Importing a directory of this machine.
//!
//! 1. [`scan`] lists and stats everything, level by level, in parallel.
//! 2. The index says what the files were when they were last imported: one short read for all of them. A file
//!    with the same inode, size, modification and change time, whose blob is in the store, is not read again.
//! 3. [`ingest`] reads, hashes and stores the others, in parallel.
//! 4. Directory objects are made from the deepest level up.
//!
//! Symlinks are never followed below the top. A file that changes while it is read is read again.

mod ingest;
mod scan;

use super::{error::ImportError, options::ImportOptions};
use crate::{
    batch::Batch,
    directory::{Directory, Node, Tree},
    error::StoreError,
    index::{IndexError, IndexWriter, StatRecord},
    reader::ObjectReader,
    store::Store,
};
use rayon::prelude::*;
use scan::{Entry, FileStat, Found, Scanned};
use std::path::Path;

/// A file whose times are this close to now, in nanoseconds, may change again without its times showing it,
/// because the kernel's clock for files is coarse: it is not remembered.
const RACY_NS: i64 = 50_000_000;

/// A directory that was imported.
#[derive(Debug)]
pub struct DirectoryImport {
    /// The tree.
    pub tree: Tree,
    /// What to remember of its files, so that the next import need not read them.
    pub files: ImportedFiles,
}

/// What files on disk were when they were imported.
#[derive(Debug, Default)]
pub struct ImportedFiles {
    directories: Vec<(u64, u64, Vec<StatRecord>)>,
    read: u64,
}

impl ImportedFiles {
    /// Remembers them. Call this in the commit of the batch that they were imported into.
    pub fn remember(mut self, index: &mut IndexWriter<'_>) -> Result<(), IndexError> {
        for (device, inode, records) in &mut self.directories {
            index.put_stats(*device, *inode, records)?;
        }
        Ok(())
    }

    /// Whether there is nothing new to remember.
    pub fn is_empty(&self) -> bool {
        self.directories.is_empty()
    }

    /// How many files were read; the others were known.
    pub fn files_read(&self) -> u64 {
        self.read
    }
}

/// Imports the directory at `path` into `batch`.
///
/// Of the options, `extras`, `limits` and `rehash` apply.
pub fn import_directory(
    batch: &Batch,
    path: &Path,
    options: &ImportOptions,
) -> Result<DirectoryImport, ImportError> {
    let mut scanned = scan::scan(path, options, batch.store().cancel())?;
    if !options.rehash {
        recognise(batch, &mut scanned)?;
    }
    let (read, settled_before) = ingest::ingest(batch, &mut scanned)?;
    let directories = scanned.directories.iter().filter_map(|found| records(found, settled_before));
    let files = ImportedFiles { directories: directories.collect(), read };
    Ok(DirectoryImport { tree: fold(batch, scanned)?, files })
}

/// Imports the directory at `path` and commits it: its objects, and what to remember of its files.
pub fn add_directory(store: &Store, path: &Path, options: &ImportOptions) -> Result<Tree, ImportError> {
    let batch = store.batch();
    let DirectoryImport { tree, files } = import_directory(&batch, path, options)?;
    if files.is_empty() {
        batch.commit_objects()?;
    } else {
        batch.commit(|index| files.remember(index).map_err(StoreError::Index))?;
    }
    Ok(tree)
}

/// Gives the files that the index knows their blobs.
fn recognise(batch: &Batch, scanned: &mut Scanned) -> Result<(), ImportError> {
    let index = batch.store().read()?;
    scanned.directories.par_iter_mut().try_for_each(|found| {
        let Some(known) = index.stats(found.device, found.inode).map_err(StoreError::Index)? else {
            return Ok(());
        };
        for (_, entry) in &mut found.entries {
            let Entry::File(file) = entry else { continue };
            let same = |record: &&StatRecord| {
                record.size == file.size
                    && record.modified_ns == file.modified_ns
                    && record.changed_ns == file.changed_ns
            };
            let first = known.partition_point(|record| record.inode < file.inode);
            let candidates = known.iter().skip(first).take_while(|record| record.inode == file.inode);
            if let Some(record) = candidates.into_iter().find(same)
                && batch.knows(&record.blob, record.size)?
            {
                file.blob = Some(record.blob);
                file.recognised = true;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

/// What to remember of a directory's files: nothing if all were known.
fn records(found: &Found, settled_before: i64) -> Option<(u64, u64, Vec<StatRecord>)> {
    let files = || found.entries.iter().filter_map(|(_, entry)| entry.file());
    if files().all(|file| file.recognised) {
        return None;
    }
    let settled = |file: &FileStat| file.modified_ns.max(file.changed_ns) < settled_before - RACY_NS;
    let record = |file: &FileStat| {
        Some(StatRecord {
            inode: file.inode,
            size: file.size,
            modified_ns: file.modified_ns,
            changed_ns: file.changed_ns,
            blob: file.blob?,
        })
    };
    let records = files().filter(|file| file.recognised || settled(file)).filter_map(record).collect();
    Some((found.device, found.inode, records))
}

/// Makes the directory objects, from the deepest level up, and returns the root's tree.
fn fold(batch: &Batch, scanned: Scanned) -> Result<Tree, ImportError> {
    let Scanned { mut directories, levels, .. } = scanned;
    let mut trees: Vec<Option<Tree>> = vec![None; directories.len()];
    for level in levels.into_iter().rev() {
        let made = directories
            .get_mut(level.clone())
            .unwrap_or_default()
            .par_iter_mut()
            .map(|found| {
                let entries = std::mem::take(&mut found.entries);
                let nodes = entries.into_iter().filter_map(|(name, entry)| Some((name, entry.node(&trees)?)));
                let directory = Directory::new(nodes.collect())
                    .map_err(|source| StoreError::InvalidDirectory { source })?;
                batch.add_directory(&directory)
            })
            .collect::<Result<Vec<Tree>, StoreError>>()?;
        for (slot, tree) in trees.get_mut(level).unwrap_or_default().iter_mut().zip(made) {
            *slot = Some(tree);
        }
    }
    match trees.first() {
        Some(Some(tree)) => Ok(*tree),
        // There is always a root.
        _ => Ok(batch.add_directory(&Directory::default())?),
    }
}

impl Entry {
    fn file(&self) -> Option<&FileStat> {
        if let Self::File(file) = self { Some(file) } else { None }
    }

    /// The entry's node. By now files have blobs and directories trees.
    fn node(self, trees: &[Option<Tree>]) -> Option<Node> {
        Some(match self {
            Self::File(FileStat { blob, size, executable, .. }) => {
                Node::File { blob: blob?, size, executable }
            }
            Self::Directory(index) => trees.get(index).copied()??.node(),
            Self::Symlink(target) => Node::Symlink { target },
        })
    }
}

impl Batch {
    /// Whether a blob that was stored earlier is still here.
    fn knows(&self, id: &nuka_pir::BlobId, size: u64) -> Result<bool, StoreError> {
        Ok(self.blob_size(id)? == Some(size))
    }
}
