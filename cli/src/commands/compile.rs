//! `nuka compile`: what nuka starts for itself in the background.

use crate::{commands::Done, context::Context, exit::Exit};
use std::path::PathBuf;

/// Compile a wasm file with all optimisations, for the next time that it is run
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The wasm file
    file: PathBuf,
}

/// Compiles, less urgently than whatever else this machine does.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    context.local().compile(&arguments.file)?;
    Ok(Exit::Success)
}
