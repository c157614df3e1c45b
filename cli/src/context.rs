//! What every command is given: the environment, the terminal, and how much to say.

use crate::daemon::{By, Client, Config};
use crate::{
    environment::{Environment, Terminal},
    error::Error,
    report::{escape::escape, progress::Progress, style::Role, style::Style},
};
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    num::NonZeroUsize,
};

/// More threads than this help no machine, and cost all of them.
const MOST_JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(511);

/// How much is said while nuka works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Failures only.
    Quiet,
    /// What is done.
    Normal,
    /// Each step too.
    Verbose,
}

/// What a command runs in.
#[derive(Debug)]
pub struct Context {
    /// What was found around.
    pub environment: Environment,
    /// What the standard streams are.
    pub terminal: Terminal,
    /// How much is said.
    pub verbosity: Verbosity,
    /// Who does the work on the store.
    pub by: By,
    /// Gives the system the memory that work has left.
    pub give_back: fn(),
}

/// Options of all verbs that may fetch or build.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct WorkArguments {
    /// Do at most this many things at once [env: NUKA_JOBS] [default: all processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Contact nobody: use only what is here [env: NUKA_OFFLINE]
    #[arg(long)]
    pub offline: bool,
}

impl WorkArguments {
    /// Of verbs that neither fetch nor build.
    pub const LOCAL: Self = Self { jobs: None, offline: true };
}

impl Context {
    /// Everything that nuka does. Nobody is met and nothing opened before it is used.
    pub fn nuka(&self, work: &WorkArguments) -> Client {
        Client::new(self.config(work), self.by)
    }

    /// Where and how nuka works.
    pub fn config(&self, work: &WorkArguments) -> Config {
        let environment = &self.environment;
        Config {
            store: environment.store.clone(),
            cache: environment.cache.clone(),
            state: environment.state.clone(),
            recipe_directories: environment.recipe_directories.clone(),
            user: rustix::process::geteuid().as_raw(),
            jobs: work.jobs.unwrap_or(environment.jobs).min(MOST_JOBS),
            offline: work.offline || environment.offline,
            executable: environment.executable.clone(),
            background: environment.background,
            home: environment.home.clone(),
            env: self.variables(),
            current_directory: environment.current_directory.clone(),
        }
    }

    /// The person's variables, with the size of the terminal that programs cannot ask for themselves.
    fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.environment.variables.clone();
        if let Some((columns, lines)) = self.terminal.size {
            for (name, value) in [("COLUMNS", columns), ("LINES", lines)] {
                variables.entry(name.to_owned()).or_insert_with(|| value.to_string());
            }
        }
        variables
    }

    /// The same for verbs that neither fetch nor build.
    pub fn local(&self) -> Client {
        self.nuka(&WorkArguments::LOCAL)
    }

    /// Shows work as it goes on.
    pub fn progress(&self, work: &WorkArguments) -> Progress {
        Progress::new(self.terminal, self.verbosity, work.jobs.unwrap_or(self.environment.jobs))
    }

    /// The look of messages.
    pub fn style(&self) -> Style {
        Style { colour: self.terminal.stderr_colour }
    }

    /// Says a line that is not data. It must be escaped already.
    pub fn say(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(text);
        }
    }

    /// Says something that should be looked at, even when little is said. May be untrusted.
    pub fn warn(&self, text: &str) {
        say(&format!("{}: {}", self.style().show(Role::Warning, "warning"), escape(text)));
    }

    /// Prints the name of a file that was written, escaped on a terminal.
    pub fn print_line(&self, text: &str) -> Result<(), Error> {
        crate::output::print(&format!("{}\n", escape(text)))
    }
}

/// Writes a line to stderr. That nobody reads it is no reason to stop.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
