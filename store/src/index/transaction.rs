//! The two ways to use the index: an [`IndexReader`], and an [`IndexWriter`] within an update.

use super::{
    access::{Tables, put_content_key, put_name_key, value_key},
    damage::{Guard, IndexError},
    handle::Lease,
    last_use::{self, Used},
    realisation::{BuildResult, Realisation},
    record::{LogRecord, Root, SourceRecord},
    stat_record::{self, StatRecord},
};
use nuka_pir::{BlobId, BuildId, PackageName, Pid, SourceId, Version};
use redb::{ReadOnlyTable, ReadTransaction, Table, WriteTransaction};
use std::ops::Deref;

type Bytes = &'static [u8];

/// The index as it was when the reader was made. It can be used by several threads.
#[derive(Debug)]
pub struct IndexReader {
    tables: Tables<ReadOnlyTable<Bytes, Bytes>>,
    // After the tables: fields are dropped in order, and the last lease closes the file.
    _lease: Lease,
}

impl IndexReader {
    pub(crate) fn new(transaction: ReadTransaction, lease: Lease, guard: Guard) -> Result<Self, IndexError> {
        let tables = Tables::open(guard, |definition| transaction.open_table(definition))?;
        Ok(Self { tables, _lease: lease })
    }
}

impl Deref for IndexReader {
    type Target = Tables<ReadOnlyTable<Bytes, Bytes>>;

    fn deref(&self) -> &Self::Target {
        &self.tables
    }
}

/// The index within an update: reads see what the update has written so far.
#[derive(Debug)]
pub struct IndexWriter<'t> {
    tables: Tables<Table<'t, Bytes, Bytes>>,
}

impl<'t> Deref for IndexWriter<'t> {
    type Target = Tables<Table<'t, Bytes, Bytes>>;

    fn deref(&self) -> &Self::Target {
        &self.tables
    }
}

fn put(
    guard: &Guard,
    table: &mut Table<'_, Bytes, Bytes>,
    key: &[u8],
    value: &[u8],
) -> Result<(), IndexError> {
    guard.run(|| table.insert(key, value).map(|_| ()))
}

fn remove(guard: &Guard, table: &mut Table<'_, Bytes, Bytes>, key: &[u8]) -> Result<bool, IndexError> {
    guard.run(|| table.remove(key).map(|old| old.is_some()))
}

impl<'t> IndexWriter<'t> {
    pub(crate) fn new(transaction: &'t WriteTransaction, guard: Guard) -> Result<Self, IndexError> {
        Ok(Self { tables: Tables::open(guard, |definition| transaction.open_table(definition))? })
    }

    /// Registers what a package became: by its PID, by its build id, and under each of its trees.
    pub fn put_realisation(&mut self, pid: &Pid, realisation: &Realisation) -> Result<(), IndexError> {
        let before = self.tables.realisation(pid)?;
        let Tables { guard, realisations, contents, .. } = &mut self.tables;
        for (output, tree) in before.iter().flat_map(|before| &before.outputs) {
            if realisation.outputs.get(output) != Some(tree) {
                remove(guard, contents, &put_content_key(&tree.cid, pid, output))?;
            }
        }
        put(guard, realisations, pid.as_bytes(), &realisation.encode())?;
        for (output, tree) in &realisation.outputs {
            put(guard, contents, &put_content_key(&tree.cid, pid, output), &[])?;
        }
        let result = BuildResult {
            outputs: realisation.outputs.clone(),
            time_ms: realisation.time_ms,
            duration_ms: realisation.duration_ms,
        };
        self.put_build(&realisation.build, &result)
    }

    /// Forgets what a package became. Says whether anything was known.
    pub fn remove_realisation(&mut self, pid: &Pid) -> Result<bool, IndexError> {
        let before = self.tables.realisation(pid)?;
        let Tables { guard, realisations, contents, .. } = &mut self.tables;
        for (output, tree) in before.iter().flat_map(|before| &before.outputs) {
            remove(guard, contents, &put_content_key(&tree.cid, pid, output))?;
        }
        remove(guard, realisations, pid.as_bytes())
    }

    /// Registers what a build gave, for no package.
    pub fn put_build(&mut self, build: &BuildId, result: &BuildResult) -> Result<(), IndexError> {
        let Tables { guard, builds, .. } = &mut self.tables;
        put(guard, builds, build.as_bytes(), &result.encode())
    }

    /// Forgets what a build gave. Says whether anything was known.
    pub fn remove_build(&mut self, build: &BuildId) -> Result<bool, IndexError> {
        let Tables { guard, builds, .. } = &mut self.tables;
        remove(guard, builds, build.as_bytes())
    }

    /// Registers a PIR under its name and version. `text` is canonical; its hash is `pid`, which the caller
    /// has computed. Many PIRs are registered fastest in the order of their PIDs.
    pub fn put_pir(
        &mut self,
        pid: &Pid,
        name: &PackageName,
        version: &Version,
        text: &[u8],
    ) -> Result<(), IndexError> {
        let Tables { guard, pirs, names, .. } = &mut self.tables;
        put(guard, pirs, pid.as_bytes(), text)?;
        put(guard, names, &put_name_key(name, pid), version.as_str().as_bytes())
    }

    /// Registers the blob that describes a package.
    pub fn put_meta(&mut self, pid: &Pid, meta: &BlobId) -> Result<(), IndexError> {
        let Tables { guard, metas, .. } = &mut self.tables;
        put(guard, metas, pid.as_bytes(), meta.as_bytes())
    }

    /// Registers what a source was unpacked to.
    pub fn put_source(&mut self, source: &SourceId, record: &SourceRecord) -> Result<(), IndexError> {
        let Tables { guard, sources, .. } = &mut self.tables;
        put(guard, sources, source.as_bytes(), &record.encode())
    }

    /// Forgets what a source was unpacked to. Says whether anything was known.
    pub fn remove_source(&mut self, source: &SourceId) -> Result<bool, IndexError> {
        let Tables { guard, sources, .. } = &mut self.tables;
        remove(guard, sources, source.as_bytes())
    }

    /// Registers where the log of a package's last build is, by the package and by the build.
    pub fn put_log(&mut self, pid: &Pid, record: &LogRecord) -> Result<(), IndexError> {
        let Tables { guard, logs, .. } = &mut self.tables;
        let value = record.encode();
        put(guard, logs, pid.as_bytes(), &value)?;
        put(guard, logs, record.build.as_bytes(), &value)
    }

    /// Registers a root.
    pub fn put_root(&mut self, name: &[u8], root: &Root) -> Result<(), IndexError> {
        let Tables { guard, roots, .. } = &mut self.tables;
        put(guard, roots, name, &root.encode())
    }

    /// Forgets a root. Says whether there was one.
    pub fn remove_root(&mut self, name: &[u8]) -> Result<bool, IndexError> {
        let Tables { guard, roots, .. } = &mut self.tables;
        remove(guard, roots, name)
    }

    /// Writes down that these are used now, where that is news: what was used in the last day already is left
    /// as it is. Says how many were written.
    pub fn touch(&mut self, items: &[Used], now_ms: u64) -> Result<usize, IndexError> {
        let items = self.tables.to_touch(items, now_ms)?;
        let Tables { guard, uses, .. } = &mut self.tables;
        for used in &items {
            put(guard, uses, &used.key(), &last_use::encode(now_ms))?;
        }
        Ok(items.len())
    }

    /// Registers the object that says of a package or a source what this index does.
    pub(crate) fn put_record(&mut self, of: &Used, record: &BlobId) -> Result<(), IndexError> {
        let Tables { guard, records, .. } = &mut self.tables;
        put(guard, records, &of.key(), record.as_bytes())
    }

    /// The tables themselves, for what goes through many of them.
    pub(super) fn tables_mut(&mut self) -> &mut Tables<Table<'t, Bytes, Bytes>> {
        &mut self.tables
    }

    /// Counts this update.
    pub(crate) fn count(&mut self) -> Result<(), IndexError> {
        let next = self.tables.generation()?.wrapping_add(1);
        let Tables { guard, state, .. } = &mut self.tables;
        put(guard, state, b"generation", &next.to_le_bytes())
    }

    /// Remembers what the files of a directory on disk are. Their blobs must be durable by now: call this in
    /// the commit of the batch that added them.
    pub fn put_stats(
        &mut self,
        device: u64,
        inode: u64,
        records: &mut [StatRecord],
    ) -> Result<(), IndexError> {
        let Tables { guard, stat_cache, .. } = &mut self.tables;
        put(guard, stat_cache, &stat_record::key(device, inode), &stat_record::encode(records))
    }

    /// Forgets all that is known of files on disk. Whoever removes blobs calls this.
    pub fn clear_stats(&mut self) -> Result<(), IndexError> {
        let Tables { guard, stat_cache, .. } = &mut self.tables;
        guard.run(|| stat_cache.retain(|_, _| false))
    }

    /// Gives a key of a namespace a value.
    pub fn put_value(&mut self, namespace: &str, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        let Tables { guard, values, .. } = &mut self.tables;
        put(guard, values, &value_key(namespace, key), value)
    }

    /// Removes a key of a namespace. Says whether it was there.
    pub fn remove_value(&mut self, namespace: &str, key: &[u8]) -> Result<bool, IndexError> {
        let Tables { guard, values, .. } = &mut self.tables;
        remove(guard, values, &value_key(namespace, key))
    }

    /// Removes all keys of a namespace.
    pub fn clear_values(&mut self, namespace: &str) -> Result<(), IndexError> {
        for (key, _) in self.tables.values(namespace)? {
            self.remove_value(namespace, &key)?;
        }
        Ok(())
    }
}
