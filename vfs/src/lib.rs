//! What a process sees: the mounted store, views, and a probe of what this host allows.
//!
//! - [`mount`](mod@mount) shows a [`Source`](source::Source) as a read-only filesystem: `<pid>-<name>-<version>` at its
//!   root, trees below, straight from the store's objects. [`Integrity`] sees to it that no wrong byte is shown.
//! - [`view`] composes one tree as a directory, by the best means that the host has, and [`sandbox`] starts programs in
//!   a root of their own that is made of it, or with the host's root and the view in it; [`loader_cache`] is what its
//!   native libraries are found by.
//! - [`namespace`] is where an unprivileged process may mount.
//! - [`probe`](mod@probe) tells people beforehand whether this machine can do the work.
//!
//! What each operation of a mount answers is in `filesystem`, how FUSE asks for it in `fuse`; views and the sandbox
//! know of neither, and the probe knows of none of them. What only Linux has is in `platform`. Nothing here prints, reads the environment or asks for the time of day.

mod erofs;
mod filesystem;
mod fuse;
mod integrity;
mod libraries;
pub mod mount;
pub mod namespace;
mod platform;
pub mod probe;
pub mod sandbox;
pub mod source;
pub mod view;

pub use integrity::{Damage, Fault, Integrity};
pub use libraries::loader_cache;
