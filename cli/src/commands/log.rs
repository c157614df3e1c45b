//! `nuka log`: what a build printed.

use crate::{
    commands::Done,
    context::Context,
    daemon::{Handed, Target},
    error::Error,
    exit::Exit,
    output::print,
    report::{escape::escape_lines, hashes},
};
use std::io::Read as _;

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
        context.print_line(&file.shown.display().to_string())?;
    } else {
        show(&file)?;
    }
    Ok(Exit::Success)
}

/// Prints a log's file. What compilers print is not obeyed by the terminal.
pub fn show(log: &Handed) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let read = log.open().and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(Error::file("read the log", &log.shown))?;
    print(&escape_lines(&String::from_utf8_lossy(&bytes)))
}
