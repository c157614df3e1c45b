//! The `nuka` command: arguments in, text out. All work is done by `nuka_daemon`.
//!
//! There are two programs: `nuka` is all of it, and `nuka-launch` starts what is installed. Starting a process costs the more the
//! larger its program is, and that is what most of such a start was.

mod arguments;
mod commands;
mod context;
mod daemon;
mod environment;
mod error;
mod exit;
mod output;
mod quantity;
mod replace;
mod report;
mod start;

use std::process::ExitCode;

/// Does what the command line says. `give_back` gives the system the memory that work has left.
pub fn nuka(give_back: fn()) -> ExitCode {
    start::start(give_back).into()
}

/// Starts the program of a launcher, and leaves everything else to `nuka`.
pub fn nuka_launch() -> ExitCode {
    commands::launch::alone().into()
}
