//! The index: what is known about objects, in one redb file.
//!
//! redb lets one process write at a time, so the index is opened for each transaction, under a lock, and
//! never kept over a build. After a write it stays open for a moment ([`IndexOptions::linger`]), because
//! closing costs four syncs and builds come in bursts; a process that waits gets it first all the same.
//!
//! | table | key | value |
//! |---|---|---|
//! | `realisations` | PID | [`Realisation`] |
//! | `builds` | build id | [`BuildResult`] |
//! | `contents` | CID, PID, output name | nothing |
//! | `pirs` | PID | canonical text |
//! | `metas` | PID | blob id |
//! | `names` | package name, 0, PID | version |
//! | `sources` | source id | [`SourceRecord`] |
//! | `logs` | PID, or build id | [`LogRecord`] |
//! | `roots` | name | [`Root`] |
//! | `stat_cache` | device, inode of a directory | see [`StatRecord`] |
//! | `uses` | what was used | when, see [`Used`] |
//! | `state` | `generation` | how many updates there were |
//! | `records` | what it is of | blob id of a [`Record`](crate::Record) |
//! | `values` | length of a namespace, namespace, key | bytes |
//!
//! There is no table of durable blobs: a blob gets its name among the objects only when it is durable.

mod access;
mod damage;
mod file_lock;
mod forget;
mod handle;
mod last_use;
mod opening;
mod options;
mod realisation;
mod record;
mod stat_record;
mod transaction;

pub use access::{PrefixError, Tables};
pub use damage::IndexError;
pub use last_use::Used;
pub use options::IndexOptions;
pub use realisation::{BuildResult, Outputs, Realisation};
pub use record::{LogRecord, Root, RootTarget, SourceRecord};
pub use stat_record::StatRecord;
pub use transaction::{IndexReader, IndexWriter};

pub(crate) use forget::Forget;
pub(crate) use handle::Index;
