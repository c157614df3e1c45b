//! `nuka completions`: what makes shells complete nuka's arguments.

use crate::{arguments::Cli, commands::Done, error::Error, exit::Exit};
use clap::CommandFactory as _;
use clap_complete::{Generator as _, Shell as Known};
use std::io::{self, Write as _};

/// Print what makes a shell complete nuka's arguments
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where to put it:
  bash      nuka completions bash > ~/.local/share/bash-completion/completions/nuka
  fish      nuka completions fish > ~/.config/fish/completions/nuka.fish
  zsh       nuka completions zsh > DIRECTORY-IN-FPATH/_nuka
  nushell   nuka completions nushell | save ~/.config/nushell/autoload/nuka.nu")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
    Nushell,
}

/// Prints the shell's code.
pub fn run(arguments: &Arguments) -> Done {
    let mut command = Cli::command();
    command.set_bin_name("nuka");
    command.build();
    let mut code = Vec::new();
    let known = match arguments.shell {
        Shell::Bash => Some(Known::Bash),
        Shell::Zsh => Some(Known::Zsh),
        Shell::Fish => Some(Known::Fish),
        Shell::Powershell => Some(Known::PowerShell),
        Shell::Elvish => Some(Known::Elvish),
        Shell::Nushell => None,
    };
    match known {
        Some(shell) => shell.try_generate(&command, &mut code),
        None => clap_complete_nushell::Nushell.try_generate(&command, &mut code),
    }
    .map_err(Error::Output)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(Error::Output)?;
    Ok(Exit::Success)
}
