//! The command line: verbs, and what all of them take.

use crate::{commands, environment::Colour, exit::EXIT_CODES};
use clap::{Parser, Subcommand};

/// Packages built from source inside WebAssembly, bit for bit the same everywhere
#[derive(Debug, Parser)]
#[command(
    name = "nuka",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = "\
Start here:
  nuka run lua -e 'print(\"hello from wasm\")'     builds Lua from source, once, and runs it
  nuka search                                    which packages there are",
    after_long_help = concat_examples()
)]
pub struct Cli {
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        help_heading = "Everywhere"
    )]
    pub color: Colour,
    /// Say nothing but failures
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Everywhere")]
    pub quiet: bool,
    /// Say each step
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub verbose: bool,
    /// Work on the store in this process, not through the daemon
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_daemon: bool,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build packages from source
    Build(commands::build::Arguments),
    /// Run a package's program, building the package first if it is not here
    Run(commands::run::Arguments),
    /// Open a shell with packages' programs in it
    Shell(commands::shell::Arguments),
    /// Run a wasm program that is here as a file
    Exec(commands::exec::Arguments),
    /// Install packages: their programs start by their names
    Install(commands::profile::install::Arguments),
    /// Remove installed packages
    #[command(alias = "uninstall")]
    Remove(commands::profile::remove::Arguments),
    /// Show what is installed
    List(commands::profile::list::Arguments),
    /// Show what `nuka upgrade` would change
    Update(commands::profile::update::UpdateArguments),
    /// Install the newest versions of what is installed
    Upgrade(commands::profile::update::UpgradeArguments),
    /// Show what was installed, removed and changed, the latest first
    History(commands::profile::generation::ListArguments),
    /// Go back to the generation before the one that is used
    Rollback(commands::profile::generation::RollbackArguments),
    /// Look at the states that a profile was in, and go to one of them
    Generation(commands::profile::generation::Arguments),
    /// Say whose program it is that several packages have
    Prefer(commands::profile::prefer::Arguments),
    /// Let an installed program do more, from now on
    Permit(commands::profile::permit::Arguments),
    /// Hold an environment to the packages that it has now
    Lock(commands::environment::lock::Arguments),
    /// Make a profile what an environment's file says
    Apply(commands::environment::apply::Arguments),
    /// Let shells enter this directory's environment when you go there
    Allow(commands::environment::allow::Arguments),
    /// Print what a shell does before its prompt
    #[command(name = "__hook", hide = true)]
    Hook(commands::environment::hook::Arguments),
    /// Write packages, or an environment, with all that they need, so that they run where only nuka is
    Export(commands::environment::export::Arguments),
    /// Have shells find what is installed
    Setup(commands::setup::Arguments),
    /// Find packages by their names and descriptions
    Search(commands::search::Arguments),
    /// Show what a package is: its ids, sizes, sources and inputs
    #[command(alias = "info")]
    Show(commands::show::Arguments),
    /// Show how one package comes to use another
    Why(commands::why::Arguments),
    /// Show what a package's build printed
    Log(commands::log::Arguments),
    /// Show packages as the plain data that their ids are hashes of
    Pir(commands::pir::Arguments),
    /// Write a recipe to start from
    New(commands::new::Arguments),
    /// Write the hashes that a recipe's sources have now into the recipe
    UpdateHashes(commands::update_hashes::Arguments),
    /// Print a file's hashes as recipes write them
    Hash(commands::hash::Arguments),
    /// Look into the store, and put things there
    Store(commands::store::Arguments),
    /// Remove what has not been used for a while
    Gc(commands::gc::Arguments),
    /// Start, stop and look after the daemon that works on the store
    Daemon(commands::daemon::Arguments),
    /// Have a compiler, as WebAssembly, compile itself until nothing changes any more
    Bootstrap(commands::bootstrap::Arguments),
    /// Look at this machine and this store, and say what is not as it should be
    Doctor(commands::doctor::Arguments),
    /// Print what makes a shell complete nuka's arguments
    Completions(commands::completions::Arguments),
    /// Write the manual pages
    #[command(hide = true)]
    Man(commands::man::Arguments),
}

/// The short help of nuka itself: with thirty commands, what each is for is told by where it stands.
pub const SHORT_HELP: &str = "\
{about}

{usage-heading} {usage}

Commands, which `nuka help COMMAND` and `nuka --help` explain:
  building, running   build  run  shell  exec  log
  looking             search  show  why  pir
  installing          install  remove  list  update  upgrade  prefer  permit
  going back          history  rollback  generation
  environments        lock  apply  allow  export
  shells              setup  completions
  recipes             new  update-hashes  hash
  this machine        store  gc  daemon  doctor  bootstrap

Options:
  -h, --help          Print help (see more with '--help')
  -V, --version       Print version

Everywhere:
      --color <WHEN>  When to use colours [possible values: auto, always, never]
  -q, --quiet         Say nothing but failures
  -v, --verbose       Say each step
      --no-daemon     Work on the store in this process, not through the daemon

{after-help}";

fn concat_examples() -> String {
    format!(
        "\
Start here:
  nuka run lua -e 'print(\"hello from wasm\")'     builds Lua from source, once, and runs it
  nuka search                                    which packages there are
  nuka build zlib -o zlib                        builds zlib and copies its tree to ./zlib
  nuka new hello                                 begins a recipe of your own

Variables:
  NUKA_STORE        the store [default: $XDG_DATA_HOME/nuka/store]
  NUKA_CACHE_DIR    downloads and compiled programs [default: $XDG_CACHE_HOME/nuka]
  NUKA_RECIPE_PATH  directories with your own recipes, separated by `:`
  NUKA_JOBS         how much is done at once
  NUKA_OFFLINE      contact nobody, if 1
  NUKA_DAEMON       work on the store in each command's own process, if 0
  NUKA_DAEMON_IDLE  seconds without commands after which the daemon ends [default: 600]
  NUKA_BACKGROUND   compile large programs to the end at once, not in the background, if 0
  NO_COLOR          no colours

{EXIT_CODES}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_short_help_has_every_command() {
        let words: Vec<&str> = SHORT_HELP.split_whitespace().collect();
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(words.contains(&command.get_name()), "{}", command.get_name());
        }
    }
}
