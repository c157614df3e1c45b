//! The content-addressed store: blobs, directory objects, and the index of what is known about them.
//!
//! - [`Store`] is the store on disk; a [`Batch`] adds objects to it, durably; both are [`ObjectReader`]s.
//! - [`Directory`] and [`Node`] are what trees are made of; [`TreeBuilder`] makes them, [`walk`], [`lookup`],
//!   [`diff`] and [`verify_tree`] read them, [`merge`] makes views.
//! - [`import`] turns directories and archives into trees, [`export`] does the reverse.
//! - [`gc`] removes what nobody keeps; a [`Lease`] keeps what a process works with, a [`group`] what is installed. [`check`] verifies and repairs.
//! - [`IndexReader`] and [`IndexWriter`] are the index.
//!
//! Nothing here prints, reads the environment or asks for the time of day.

mod batch;
mod buffer;
mod cancel;
pub mod check;
mod closure_format;
mod directory;
mod error;
pub mod export;
pub mod gc;
pub mod group;
mod id_hash;
pub mod import;
mod index;
mod lease;
mod lock_file;
mod loose;
mod lost;
mod name;
mod objects;
mod owner;
mod panics;
mod platform;
mod reader;
mod record;
mod reserve;
mod staging;
mod store;
mod sync;
mod tree;
mod view;
mod watch;
pub mod wire;
mod writer;

pub use batch::Batch;
pub use cancel::Cancel;
pub use directory::{
    DIRECTORY_MAGIC, Directory, DirectoryError, MAX_DIRECTORY_OBJECT, Node, Tree, decode_directory,
};
pub use error::StoreError;
pub use index::{
    BuildResult, IndexError, IndexOptions, IndexReader, IndexWriter, LogRecord, Outputs, PrefixError,
    Realisation, Root, RootTarget, SourceRecord, StatRecord, Tables, Used,
};
pub use lease::Lease;
pub use loose::Objects;
pub use name::{
    EntryName, MAX_DEPTH, MAX_NAME, MAX_TARGET, NameError, PathError, SymlinkTarget, TargetError, TreePath,
    escape,
};
pub use owner::Ownership;
pub use reader::ObjectReader;
pub use record::{MAX_RECORD, PackageRecord, RECORD_MAGIC, Record};
pub use store::{STORE_VERSION, Store, StoreOptions};
pub use sync::sync_file_system;
pub use tree::{
    BuildError, Change, Difference, LookupError, Problem, TreeBuilder, Visit, Walk, diff, lookup,
    verify_tree, walk,
};
pub use view::{MergeError, Part, merge};
pub use watch::{FileChange, FileWatch};
pub use wire::WireError;
pub use writer::BlobWriter;
