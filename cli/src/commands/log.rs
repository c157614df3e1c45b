//! `nuka log`: what a build printed.

use crate::{
    commands::Done,
    context::Context,
    daemon::Target,
    error::Error,
    exit::Exit,
    output::print,
    report::{escape::escape_lines, hashes},
};
use std::path::Path;

/// Show what a package's build printed
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The package
    package: Target,
    /// Print the log's path instead
    #[arg(long)]
    path: bool,
}

/// Prints the log.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let target = &arguments.package;
    let file = context.local().log(target);
    let file = file.map_err(|error| hashes::name_recipe(error, std::slice::from_ref(target)))?;
    if arguments.path {
        context.print_line(&file.display().to_string())?;
    } else {
        show(&file)?;
    }
    Ok(Exit::Success)
}

/// Prints a log's file. What compilers print is not obeyed by the terminal.
pub fn show(file: &Path) -> Result<(), Error> {
    let bytes = fs_err::read(file).map_err(Error::file("read the log", file))?;
    print(&escape_lines(&String::from_utf8_lossy(&bytes)))
}
