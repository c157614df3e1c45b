//! Forgetting many things at once: what a collection removes from the index.

use super::{
    access::{put_content_key, put_name_key},
    damage::IndexError,
    last_use::Used,
    realisation::Realisation,
    record::LogRecord,
    stat_record,
    transaction::IndexWriter,
};
use crate::id_hash::IdSet;
use nuka_pir::{BlobId, BuildId, PackageName, Pid, SourceId};
use redb::ReadableTableMetadata;
use std::collections::HashSet;

/// What is forgotten.
#[derive(Debug, Default, Clone)]
pub(crate) struct Forget {
    /// Realisations, sorted.
    pub(crate) packages: Vec<Pid>,
    /// PIRs with their descriptions, sorted.
    pub(crate) pirs: Vec<(Pid, PackageName)>,
    pub(crate) sources: Vec<SourceId>,
    pub(crate) builds: Vec<BuildId>,
    /// Uses of what is not known.
    pub(crate) uses: IdSet<Used>,
    /// Namespaces that are emptied.
    pub(crate) values: Vec<String>,
    /// Blobs that stay: what is known of files on disk that are others is forgotten. `None`: all blobs stay.
    pub(crate) stats_kept: Option<IdSet<BlobId>>,
}

impl Forget {
    pub(crate) fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.pirs.is_empty()
            && self.sources.is_empty()
            && self.builds.is_empty()
            && self.uses.is_empty()
            && self.stats_kept.is_none()
    }

    /// The same in parts of about `count` things, in an order in which each may be the last; and what may be left out:
    /// uses, and what is known of files on disk, which are looked up and then checked.
    pub(crate) fn parts(&self, count: usize) -> (Vec<Self>, Self) {
        let mut parts: Vec<Self> = Vec::new();
        // Memories name PIRs: they go before those.
        if !self.values.is_empty() {
            parts.push(Self { values: self.values.clone(), ..Self::default() });
        }
        parts.extend(
            self.packages.chunks(count).map(|part| Self { packages: part.to_vec(), ..Self::default() }),
        );
        parts.extend(self.pirs.chunks(count).map(|part| Self { pirs: part.to_vec(), ..Self::default() }));
        parts.extend(
            self.sources.chunks(count).map(|part| Self { sources: part.to_vec(), ..Self::default() }),
        );
        parts.extend(self.builds.chunks(count).map(|part| Self { builds: part.to_vec(), ..Self::default() }));
        let Self { uses, stats_kept, .. } = self.clone();
        (parts, Self { uses, stats_kept, ..Self::default() })
    }
}

impl IndexWriter<'_> {
    /// Forgets all of it. Returns the log files whose records went.
    pub(crate) fn forget(&mut self, forget: &Forget) -> Result<Vec<String>, IndexError> {
        let mut gone_logs: Vec<[u8; 32]> = Vec::new();
        let tables = self.tables_mut();
        let guard = tables.guard.clone();
        guard.run(|| {
            // A table after the other, each in the order of its keys: what is removed next lies beside what was last.
            let (mut contents, mut packages) = (Vec::new(), Vec::new());
            for pid in &forget.packages {
                let before = tables.realisations.remove(pid.as_bytes().as_slice())?;
                // One that cannot be read leaves a content that leads to a package that is not there.
                let before = before.and_then(|value| Realisation::decode(value.value()).ok());
                for (output, tree) in before.iter().flat_map(|before| &before.outputs) {
                    contents.push(put_content_key(&tree.cid, pid, output));
                }
                packages.push(Used::Package(*pid).key());
                gone_logs.push(*pid.as_bytes());
            }
            contents.sort_unstable();
            remove_all(&mut tables.contents, &contents)?;
            remove_all(&mut tables.uses, &packages)?;
            remove_all(&mut tables.records, &packages)?;
            let pirs: Vec<&[u8; 32]> = forget.pirs.iter().map(|(pid, _)| pid.as_bytes()).collect();
            let mut names: Vec<_> = forget.pirs.iter().map(|(pid, name)| put_name_key(name, pid)).collect();
            names.sort_unstable();
            remove_all(&mut tables.pirs, &pirs)?;
            remove_all(&mut tables.metas, &pirs)?;
            remove_all(&mut tables.names, &names)?;
            gone_logs.extend(pirs);
            for id in &forget.sources {
                tables.sources.remove(id.as_bytes().as_slice())?;
                let used = Used::Source(*id).key();
                tables.uses.remove(used.as_slice())?;
                tables.records.remove(used.as_slice())?;
            }
            for build in &forget.builds {
                tables.builds.remove(build.as_bytes().as_slice())?;
                gone_logs.push(*build.as_bytes());
            }
            for used in &forget.uses {
                tables.uses.remove(used.key().as_slice())?;
            }
            if let Some(kept) = &forget.stats_kept {
                tables.stat_cache.retain(|_, value| {
                    stat_record::decode(value)
                        .is_ok_and(|records| records.iter().all(|record| kept.contains(&record.blob)))
                })?;
            }
            Ok::<_, redb::StorageError>(())
        })?;
        for namespace in &forget.values {
            self.clear_values(namespace)?;
        }
        self.forget_logs(&gone_logs)
    }

    /// Forgets the logs of these packages and builds. Returns their files.
    fn forget_logs(&mut self, keys: &[[u8; 32]]) -> Result<Vec<String>, IndexError> {
        let tables = self.tables_mut();
        let guard = tables.guard.clone();
        guard.run(|| {
            let mut paths = HashSet::new();
            for key in keys {
                if tables.logs.is_empty()? {
                    break;
                }
                let removed = tables.logs.remove(key.as_slice())?;
                paths.extend(
                    removed.and_then(|value| LogRecord::decode(value.value()).ok()).map(|log| log.path),
                );
            }
            // The file of a log that is also another package's stays.
            if !paths.is_empty() {
                for pair in redb::ReadableTable::range::<&[u8]>(&tables.logs, ..)? {
                    let (_, value) = pair?;
                    if let Ok(log) = LogRecord::decode(value.value()) {
                        paths.remove(&log.path);
                    }
                }
            }
            let mut paths: Vec<String> = paths.into_iter().collect();
            paths.sort();
            Ok::<_, redb::StorageError>(paths)
        })
    }
}

/// Removes keys, which cost nothing more once the table is empty.
fn remove_all(
    table: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    keys: &[impl AsRef<[u8]>],
) -> Result<(), redb::StorageError> {
    for key in keys {
        if table.is_empty()? {
            break;
        }
        table.remove(key.as_ref())?;
    }
    Ok(())
}
