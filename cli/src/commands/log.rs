//! `nuka log`: what a build printed.

use crate::{
    commands::{Done, platform::PlatformArgument},
    context::Context,
    daemon::{Handed, Target},
    error::Error,
    exit::Exit,
    output::{Format, print},
    report::{escape::escape_lines, hashes},
};
use serde::Serialize;
use std::{io::Read as _, path::Path};

/// Show what a package's build printed
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The package
    package: Target,
    /// Print the log's path instead
    #[arg(long)]
    path: bool,
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    format: Format,
}

/// What is printed as data.
#[derive(Debug, Serialize)]
struct Log<'a> {
    /// The log's file.
    path: &'a Path,
    /// What is in it; bytes that are no text are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Prints the log.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let target = &arguments.platform.of(&arguments.package);
    let file = context.local().log(target);
    let file = file.map_err(|error| hashes::name_recipe(error, std::slice::from_ref(target)))?;
    let format = arguments.format;
    if !format.is_text() {
        let text = if arguments.path { None } else { Some(read(&file)?) };
        format.print(context, &Log { path: &file.shown, text }, |_| String::new())?;
    } else if arguments.path {
        context.print_line(&file.shown.display().to_string())?;
    } else {
        show(&file)?;
    }
    Ok(Exit::Success)
}

/// Prints a log's file. What compilers print is not obeyed by the terminal.
pub fn show(log: &Handed) -> Result<(), Error> {
    print(&escape_lines(&read(log)?))
}

fn read(log: &Handed) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = log.open().and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(Error::file("read the log", &log.shown))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
