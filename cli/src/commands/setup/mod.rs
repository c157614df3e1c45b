//! `nuka setup`: shells find what is installed; and `--undo` takes that back whole.
//!
//! Each shell gets a script of nuka's, and is told to read it: by a file of nuka's own where the shell reads all of a
//! directory (`fish`, `nushell`), else by a marked block in a file of the person's (`block.rs`). Scripts come before what reads
//! them, and every file is replaced as a whole, so that whatever interrupts this leaves shells that start.

mod block;
mod places;
mod scripts;
mod work;

use crate::{
    commands::Done,
    context::Context,
    daemon::{Disk, Profile, ProfileName},
    error::Error,
    exit::Exit,
};
use places::Places;
pub use places::Shell;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use work::Work;

/// Have shells find what is installed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It takes effect in shells that are opened afterwards: PATH has the installed programs first, and man, completions and
the desktop find what comes with them.

Examples:
  nuka setup                    the shells that this machine has
  nuka setup --shell fish       one of them
  nuka setup --hook             also enters a directory's nuka.nu when you go there: see `nuka allow`
  nuka setup --undo             takes everything back")]
pub struct Arguments {
    /// Only this shell
    #[arg(long, value_name = "SHELL")]
    shell: Vec<Shell>,
    /// Shells also enter the environments of directories that were allowed
    #[arg(long, conflicts_with = "undo")]
    hook: bool,
    /// Take back all that `nuka setup` did
    #[arg(long)]
    undo: bool,
}

/// Sets up, or takes back.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let environment = &context.environment;
    let variables = &environment.variables;
    let client = context.local();
    // Launchers start nuka by a symlink, which may be of a nuka that has moved.
    Profile::new(&client, &ProfileName::default()).find_nuka();
    let places = Places {
        home: environment.home.clone(),
        config: Places::variable(variables.get("XDG_CONFIG_HOME"))
            .unwrap_or_else(|| environment.home.join(".config")),
        zdotdir: Places::variable(variables.get("ZDOTDIR")),
        profile: Profile::new(&client, &ProfileName::default()).current_path(),
        nuka: environment.executable.clone().unwrap_or_else(|| PathBuf::from("nuka")),
    };
    let shells: BTreeSet<Shell> = match arguments.shell.as_slice() {
        [] if arguments.undo => Shell::ALL.into(),
        [] => Shell::ALL.into_iter().filter(|shell| is_here(context, *shell)).collect(),
        named => named.iter().copied().collect(),
    };
    if shells.is_empty() {
        return Err(Error::Absent {
            message: "none of bash, zsh, fish and nushell is on PATH".to_owned(),
            help: format!(
                "put {} on PATH yourself, or name a shell with `--shell`",
                places.profile.join("bin").display()
            ),
        });
    }
    let say = |text: String| context.say(&text);
    let work = Work { places: &places, disk: Disk::default(), say: &say };
    if arguments.undo {
        context.say(match work.undo(&shells)? {
            true => "taken back: shells that are opened from now on know nothing of it",
            false => "nothing was set up",
        });
        return Ok(Exit::Success);
    }
    work.set_up(&shells, arguments.hook)?;
    let names: Vec<_> = shells.iter().map(|shell| shell.names().0).collect();
    context.say(&format!("set up {}: open a new shell", names.join(", ")));
    Ok(Exit::Success)
}

/// Whether a shell is on this machine.
fn is_here(context: &Context, shell: Shell) -> bool {
    let variables = &context.environment.variables;
    let (_, program) = shell.names();
    let own = variables.get("SHELL").is_some_and(|own| Path::new(own).file_name() == Some(program.as_ref()));
    let path = variables.get("PATH").map(String::as_str).unwrap_or_default();
    own || std::env::split_paths(path).any(|directory| directory.join(program).is_file())
}
