//! `nuka exec`: a program that is here as a file, let at no more than a package's program would be.

use crate::{
    commands::{Done, grants::GrantArguments, outside},
    context::{Context, WorkArguments},
    daemon::FaultKind,
    error::Error,
    exit::Exit,
};
use fs_err as fs;
use std::{ffi::OsString, io::Read as _, path::Path};

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
    outside::say(context, &file.to_string_lossy(), rest, &grants);
    let progress = context.progress(&arguments.work);
    let code = context.nuka(&arguments.work).exec(Path::new(file), rest, &grants, &progress);
    progress.finish();
    match code {
        Ok(code) => Ok(Exit::Program(code)),
        Err(fault) if fault.kind == FaultKind::NotExecutable => Err(Error::NoProgram {
            path: file.into(),
            reason: fault.message,
            help: instead(&beginning(Path::new(file))).to_owned(),
        }),
        Err(fault) => Err(fault.into()),
    }
}

/// The first bytes of a file; none if it cannot be read, which was told before.
fn beginning(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(8).read_to_end(&mut bytes));
    if read.is_err() {
        bytes.clear();
    }
    bytes
}

/// What to do with a file that begins like this.
fn instead(bytes: &[u8]) -> &'static str {
    let native: [&[u8]; 5] = [b"\x7fELF", b"MZ", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
    let packed: [&[u8]; 5] = [b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd"];
    let begins = |beginnings: &[&[u8]]| beginnings.iter().any(|beginning| bytes.starts_with(beginning));
    if begins(&native) {
        "it is for a machine and its system, which start it without nuka; to run it here, build it from source for \
         wasm32-wasip1: `nuka new NAME` begins a recipe"
    } else if bytes.starts_with(b"#!") {
        "give it to its interpreter: `nuka run lua FILE` for a Lua script"
    } else if begins(&packed) {
        "unpack it first"
    } else if bytes.starts_with(b"\0asm") {
        "nuka runs commands of WASI preview 1: compile it as a program (not as a library) for wasm32-wasip1"
    } else {
        "name the .wasm file that a compiler has written for wasm32-wasip1; `nuka run PACKAGE` runs a package's program"
    }
}
