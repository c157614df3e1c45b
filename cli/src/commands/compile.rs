//! What nuka starts for itself in the background: compiling a wasm file with all optimisations, less urgently than
//! whatever else this machine does. Not a verb for people, so not one that completions offer.

use crate::{
    context::{Context, Verbosity},
    environment::{Colour, Environment, Terminal},
    error::Error,
    exit::Exit,
};
use std::path::Path;

/// The first argument.
pub const VERB: &str = nuka_daemon::COMPILE_VERB;

/// Compiles. Nobody reads what it would say.
pub fn run(file: &Path) -> Exit {
    let compiled = Environment::read().map_err(Error::from).and_then(|environment| {
        let context =
            Context { environment, terminal: Terminal::read(Colour::Never), verbosity: Verbosity::Quiet };
        Ok(context.local().compile(file)?)
    });
    if compiled.is_ok() { Exit::Success } else { Exit::Failure }
}
