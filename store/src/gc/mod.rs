//! Garbage collection: what is kept, how that is found out, and how the rest goes while others work.
//!
//! # What is kept
//! - what a root names;
//! - packages and sources that were used since [`GcOptions::keep_since_ms`], as far as [`GcOptions::max_bytes`]
//!   allows, least recently used first to go;
//! - what a lease of a living process names, and what the caller adds;
//! - with a package, all that it needs at run time, and so on; with each of them all its outputs (a realisation without
//!   one of its outputs would be taken for a package that has no such output), its description and its record;
//! - the PIR of everything that a kept package refers to: text alone.
//!
//! A time in the future counts as now, and the age of things is counted from the latest use there is rather than from a
//! clock that is ahead of it: a clock that jumps by years makes nothing old.
//!
//! # Who holds which lock
//! | lock | who | how long |
//! |---|---|---|
//! | `gc.turn` | a collection, alone | all of it |
//! | `gc.lock` | a commit, shared | from the first rename among the objects to the end of the index's commit |
//! | `gc.lock` | a lease, shared | while it is written |
//! | `gc.lock` | a collection, alone | a slice of [`SLICE`] at most, again and again |
//! | `gc.queue` | commits and slices | while they wait for `gc.lock`, so that neither starves |
//! | `finds.lock` | a batch, shared | from its first look into the store to its end |
//! | `finds.lock` | a collection, alone | the same slice, if no batch has it |
//!
//! # How it goes
//! 1. *Mark*, under no lock: a snapshot of the index says what is kept; directory objects are read once each, checked,
//!    in parallel. One that cannot be read ends the collection before anything is removed.
//! 2. *Forget*, in the first slice: the index's newest state is compared with the snapshot, what came since is marked,
//!    and one index commit removes the records of what is dead. Only then are objects removed: a kill leaves objects
//!    that nothing names, never names without objects.
//! 3. *Sweep*, slice by slice. Each slice first looks whether the index or the leases changed since the last one, and
//!    marks what came. Between slices commits end, leases begin, builds go on.
//!
//! An object that a living batch may have found, and so did not write, is not removed but moved to `trash/`. The batch's
//! commit brings back what it found. The trash is removed for good as soon as no batch has found anything: at the end
//! of this collection if it need not wait longer than [`PATIENCE`], or else of the next. So a batch that lasts for an
//! hour neither stops a collection nor is stopped by it.
//!
//! That an object is there says nothing of what it names: only what the index or a root names is whole, and what a batch
//! has found, read or written in this way. Who works with anything else, or with what it looked up before, has a
//! [`Lease`](crate::Lease) of it.

mod error;
mod known;
pub(crate) mod locks;
mod mark;
mod options;
mod plan;
pub(crate) mod references;
mod run;
mod select;
pub(crate) mod trash;
mod weigh;
mod why;

use std::time::Duration;

pub use error::GcError;
pub(crate) use known::Known;
pub use options::{Amount, DeadPackage, DeadSource, GcOptions, GcProgress, GcReport};
pub use plan::{GcPlan, plan};
pub use run::{collect, run};
pub use why::{Link, WhyTarget, why};

/// The longest that a collection keeps commits waiting, about.
pub(crate) const SLICE: Duration = Duration::from_millis(30);

/// How long the end of a collection waits for batches that may want something of the trash.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
