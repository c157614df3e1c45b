//! `nuka new`: a recipe to start from.

use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    error::Error,
    exit::Exit,
    output::print,
    report::escape::{escape, escape_lines},
};
use fs_err as fs;
use nuka_pir::PackageName;
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Write a recipe to start from
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    nuka new hello                              hello.nu, for a C program in src/\n  \
    nuka new bzip2 --from crate:bzip2-sys       with its version, its hash, and what it says of itself\n  \
    nuka new zlib --from https://HOST/zlib-1.3.1.tar.gz")]
pub struct Arguments {
    /// The package's name
    name: PackageName,
    /// Where its source is: crate:NAME, npm:NAME, pypi:NAME or debian:NAME, each with @VERSION if you want one, or
    /// an address
    #[arg(long, value_name = "SPEC")]
    from: Option<String>,
    /// The file to write; `-` prints it [default: NAME.nu]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    work: WorkArguments,
}

/// Writes the recipe. A file that is there stays.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let Arguments { name, from, output, work } = arguments;
    let file = output.clone().unwrap_or_else(|| format!("{name}.nu").into());
    let to_stdout = file == Path::new("-");
    // Asked first, so that nothing is fetched in vain; the file is made only if it is still not there.
    if !to_stdout && fs::symlink_metadata(&file).is_ok() {
        return Err(exists(&file));
    }
    let text = context.nuka(work).new_recipe(name, from.as_deref())?;
    if to_stdout {
        print(&if context.terminal.stdout { escape_lines(&text).into_owned() } else { text })?;
        return Ok(Exit::Success);
    }
    let mut made = fs::OpenOptions::new().write(true).create_new(true).open(&file).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            exists(&file)
        } else {
            Error::file("write", &file)(error)
        }
    })?;
    made.write_all(text.as_bytes()).map_err(Error::file("write", &file))?;
    context.print_line(&file.display().to_string())?;
    let shown = if file.components().count() == 1 {
        format!("./{}", file.display())
    } else {
        file.display().to_string()
    };
    let shown = escape(&shown);
    context.say(&match from {
        Some(_) => format!("next: `nuka build {shown}`; what it says tells what to edit"),
        None => {
            format!(
                "next: put {name}.c into src/ beside it, `nuka update-hashes {shown}`, `nuka run {shown}`"
            )
        }
    });
    Ok(Exit::Success)
}

fn exists(file: &Path) -> Error {
    let help = "choose another file with `-o FILE`, or move this one away".to_owned();
    Error::Exists { path: file.to_owned(), help }
}
