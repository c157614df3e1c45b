//! `nuka exec`: a program that is here as a file, let at no more than a package's program would be.

use crate::{
    commands::{Done, grants::GrantArguments},
    context::{Context, WorkArguments},
    error::Error,
    exit::Exit,
};
use std::{ffi::OsString, path::Path};

/// Run a wasm program that is here as a file
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "nuka exec [OPTIONS] FILE [ARGS]...",
    after_help = "\
Everything after FILE is the program's own. The program reads the current directory and
nothing else, unless an option here says more.

Examples:
  nuka exec ./tool.wasm --version
  nuka exec --dir /srv/data:/data:rw ./tool.wasm /data/input"
)]
pub struct Arguments {
    #[command(flatten)]
    work: WorkArguments,
    /// The program's file, and what it is given
    #[arg(required = true, trailing_var_arg = true, value_names = ["FILE", "ARGS"])]
    command: Vec<OsString>,
    #[command(flatten)]
    grants: GrantArguments,
}

/// Runs the file.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let Some((file, rest)) = arguments.command.split_first() else {
        return Err(Error::Usage { message: "no file is named".into(), help: "`nuka exec FILE`".into() });
    };
    let grants = arguments.grants.grants(context)?;
    let progress = context.progress(&arguments.work);
    let code = context.nuka(&arguments.work).exec(Path::new(file), rest, &grants, &progress);
    progress.finish();
    Ok(Exit::Program(code?))
}
