//! One file for each verb: its arguments, and what it does.

pub mod bootstrap;
pub mod build;
mod care;
pub mod compile;
pub mod completions;
pub mod daemon;
pub mod doctor;
pub mod environment;
pub mod exec;
pub mod gc;
pub mod grants;
pub mod hash;
pub mod launch;
pub mod log;
pub mod man;
mod mount;
pub mod new;
mod outside;
pub mod pir;
pub mod platform;
pub mod profile;
mod publish;
mod pure;
pub mod run;
pub mod search;
pub mod setup;
pub mod shell;
pub mod show;
pub mod store;
pub mod update_hashes;
pub mod why;

use crate::{error::Error, exit::Exit};

/// What every verb gives.
pub type Done = Result<Exit, Error>;
