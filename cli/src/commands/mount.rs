//! `nuka store mount` and `unmount`: the store as a file system that can be looked into.
//!
//! A mount is served by a process. With a command it is this one, until the command ends. Without, it is another one that
//! this one starts; it ends when the mount is taken away.

use crate::{
    commands::{Done, shell},
    context::Context,
    daemon::{MountMeans, MountRequest},
    error::Error,
    exit::Exit,
    report::escape::escape,
};
use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Mount the store: every package as a directory, `<pid>-<name>-<version>`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a command the mount stays until `nuka store unmount`. Where only a user namespace can be mounted in (no root, no
fusermount3), nobody outside of it sees the mount, so a command is needed, such as your shell.

Examples:
  nuka store mount ~/store
  nuka store mount ~/store -- find /home/me/store -name '*.h'
  nuka store unmount ~/store")]
pub struct Arguments {
    /// Where [default: /nuka/store for root, else `mount` beside the logs]
    directory: Option<PathBuf>,
    /// Let the kernel read large files itself, where it allows that
    #[arg(long)]
    passthrough: bool,
    /// Serve the mount in this process, until it is taken away
    #[arg(long, conflicts_with = "command")]
    foreground: bool,
    /// Run this while the store is mounted, and unmount it then
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Take the mounted store away
#[derive(Debug, clap::Args)]
pub struct UnmountArguments {
    /// Where it is mounted [default: as for `mount`]
    directory: Option<PathBuf>,
}

/// Mounts.
pub fn mount(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let place = place(context, arguments.directory.as_deref());
    let means = nuka.best_means()?;
    if arguments.command.is_empty() && !means.seen_by_all() {
        return Err(Error::Usage {
            message: format!("{means} is all that this host allows, and nobody outside would see the mount"),
            help: "name a command that is to see it: `nuka store mount DIR -- bash`; or install fusermount3"
                .to_owned(),
        });
    }
    if arguments.command.is_empty() && !arguments.foreground {
        return serve_elsewhere(context, arguments, &place, means);
    }
    let request = MountRequest { place: place.clone(), means, passthrough: arguments.passthrough };
    let mounted = nuka.mount(&request, |damage| crate::context::say(&escape(&damage)))?;
    let Some((program, rest)) = arguments.command.split_first() else {
        // Whoever started this process waits for the line.
        crate::output::print("mounted\n")?;
        mounted.wait().map_err(|error| Error::Usage {
            message: error.to_string(),
            help: "mount it again: `nuka store mount`".to_owned(),
        })?;
        return Ok(Exit::Success);
    };
    let status = Command::new(program).args(rest).status();
    let status = status.map_err(Error::file("start", Path::new(program)))?;
    // Whoever went on in the background keeps what is open; the name is gone.
    drop(mounted);
    if arguments.directory.is_none() {
        tidy(&place);
    }
    Ok(Exit::Program(shell::code(status)))
}

/// Unmounts.
pub fn unmount(context: &Context, arguments: &UnmountArguments) -> Done {
    let place = place(context, arguments.directory.as_deref());
    context.local().unmount(&place)?;
    if arguments.directory.is_none() {
        tidy(&place);
    }
    Ok(Exit::Success)
}

/// Removes the directory that was made because nobody named one, and the one above root's, if there is nothing in them.
fn tidy(place: &Path) {
    let _ = fs_err::remove_dir(place);
    if let Some(above) = place.parent().filter(|above| *above == Path::new("/nuka")) {
        let _ = fs_err::remove_dir(above);
    }
}

fn place(context: &Context, named: Option<&Path>) -> PathBuf {
    let environment = &context.environment;
    match named {
        Some(named) => environment.current_directory.join(named),
        None if environment.is_root() => PathBuf::from("/nuka/store"),
        None => environment.state.join("mount"),
    }
}

/// Starts a process that serves the mount, and waits until it does.
fn serve_elsewhere(context: &Context, arguments: &Arguments, place: &Path, means: MountMeans) -> Done {
    let failed = Error::file("start", Path::new("nuka"));
    let executable = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(executable);
    command.args(["store", "mount", "--foreground"]).args(arguments.passthrough.then_some("--passthrough"));
    command.arg(place).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut server = command.spawn().map_err(Error::file("start", Path::new("nuka")))?;
    let mut line = String::new();
    if let Some(stdout) = server.stdout.take() {
        // That nothing can be read means what an end means: there is no mount.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    if line.trim() == "mounted" {
        context.say(&format!("{} is the store, by {means}", escape(&place.display().to_string())));
        context.say("`nuka store unmount` takes it away");
        return Ok(Exit::Success);
    }
    // It has said why.
    let ended = server.wait_with_output().map_err(Error::file("wait for", Path::new("nuka")))?;
    let _ = std::io::stderr().lock().write_all(&ended.stderr);
    Ok(Exit::Failure)
}
