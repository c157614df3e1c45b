//! Everything that acts: evaluating, fetching, scheduling and building, behind one API.
//!
//! [`Nuka`] answers requests ([`api`]) and tells an [`Observer`] what happens meanwhile ([`event`]). Both are plain
//! data, so a socket can be put between a caller and this crate without moving code.

pub mod api;
mod background;
mod beneath;
mod bootstrap;
mod build;
mod client;
mod clock;
mod config;
pub mod disk;
mod error;
mod evaluate;
pub mod event;
mod fault;
pub mod fetch;
mod handed;
mod in_flight;
mod inputs;
pub mod launcher;
mod leftovers;
mod lock;
mod logs;
mod new_recipe;
mod nuka;
mod outputs;
mod plan;
pub mod profile;
pub mod published;
pub mod quote;
mod realised;
mod recipe_files;
mod recipes;
pub mod request;
mod scheduler;
mod server;
mod shared;
mod socket;
mod sources;
mod stream;
mod suggest;
mod worker;

pub use background::{STDIN as COMPILE_STDIN, VERB as COMPILE_VERB};
pub use client::{
    Activity, AtWork, By, Client, Daemon, DaemonStatus, READY, Started, Who, ensure as ensure_daemon,
};
pub use config::Config;
pub use error::Error;
pub use event::{Event, Observer, Silent};
pub use fault::{Fault, FaultKind, file_help};
pub use handed::Handed;
pub use nuka::{ComposedView, FileHashes, MountRequest, Nuka, Prepared, PreparedView};
pub use nuka_nushell_ext::RecipeError;
pub use nuka_vfs::mount::{Answer as MountAnswer, MountMeans, Mounted};
pub use nuka_vfs::{
    sandbox::{Bind, Namespaces, Root, RootFile, Sandbox, SandboxError, Streams},
    view::{Composed, ViewMeans},
};
pub use server::{ServeOptions, activated, serve};
pub use worker::WorkError;
