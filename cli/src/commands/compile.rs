//! What nuka starts for itself: compiling a wasm file with all optimisations, less urgently than whatever else this machine
//! does; or compiling what comes on standard input, which is waited for. Not a verb for people, so not one that
//! completions offer.

use crate::{
    context::{Context, Verbosity},
    daemon::By,
    environment::{Colour, Environment, Terminal},
    error::Error,
    exit::Exit,
};
use std::{
    io::{self, Read as _},
    path::Path,
};

/// The first argument.
pub const VERB: &str = nuka_daemon::COMPILE_VERB;

/// Compiles. Nobody reads what it would say.
pub fn run(file: &Path) -> Exit {
    let compiled = Environment::read().map_err(Error::from).and_then(|environment| {
        let context = Context {
            environment,
            terminal: Terminal::read(Colour::Never),
            verbosity: Verbosity::Quiet,
            by: By::ThisProcess,
            give_back: || {},
        };
        if file.as_os_str() != nuka_daemon::COMPILE_STDIN {
            return Ok(context.local().compile(file)?);
        }
        let mut module = Vec::new();
        io::stdin().lock().read_to_end(&mut module).map_err(Error::file("read", file))?;
        Ok(context.local().compile_now(module)?)
    });
    if compiled.is_ok() { Exit::Success } else { Exit::Failure }
}
