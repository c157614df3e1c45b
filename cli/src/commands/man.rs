//! `nuka man`: the manual, made from the same texts as `--help`. For those who package nuka.

use crate::{arguments::Cli, commands::Done, context::Context, error::Error, exit::Exit};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use fs_err as fs;
use std::{
    io::{self, Write as _},
    path::PathBuf,
};

/// Write the manual pages
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write one page for each verb into this directory, rather than the main page to stdout
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Writes the pages.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let mut command = Cli::command();
    let Some(directory) = &arguments.output else {
        command.build();
        let page = page(&command)?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&page).and_then(|()| stdout.flush()).map_err(Error::Output)?;
        return Ok(Exit::Success);
    };
    fs::create_dir_all(directory).map_err(Error::file("make", directory))?;
    clap_mangen::generate_to(command, directory).map_err(Error::file("write the pages to", directory))?;
    context.print_line(&directory.display().to_string())?;
    Ok(Exit::Success)
}

fn page(command: &Command) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(Error::Output)?;
    Ok(page)
}
