//! The only place that reads the environment: variables, directories, the terminal.
//!
//! Directories follow the XDG rules (relative values are passed over); a `NUKA_*` variable goes before them.
//!
//! | what | variable | else |
//! |---|---|---|
//! | store | `NUKA_STORE` | `/var/lib/nuka/store` if a daemon serves it, `$XDG_DATA_HOME/nuka/store`, `~/.local/share/nuka/store` |
//! | cache | `NUKA_CACHE_DIR` | `$XDG_CACHE_HOME/nuka`, `~/.cache/nuka` |
//! | logs | | `$XDG_STATE_HOME/nuka`, `~/.local/state/nuka` |
//! | recipes | `NUKA_RECIPE_PATH`, separated by `:` | |
//! | recipes, after those | | `$XDG_CONFIG_HOME/nuka/recipes`, `~/.config/nuka/recipes` |
//! | jobs | `NUKA_JOBS` | the processors that there are |
//! | contact nobody | `NUKA_OFFLINE` | no |
//! | work through the daemon | `NUKA_DAEMON` | yes |
//! | how long the daemon stays unused | `NUKA_DAEMON_IDLE` | ten minutes |
//! | go on in the background | `NUKA_BACKGROUND` | yes |

use std::{
    collections::BTreeMap,
    env, io,
    io::IsTerminal as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The store of all users of a machine, where there is one: see the units in `daemon/systemd`.
const STORE_FOR_ALL: &str = "/var/lib/nuka/store";

/// How long a daemon stays without anybody who uses it.
const DAEMON_IDLE: Duration = Duration::from_secs(600);

/// What nuka finds around it.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Variables whose names and values are UTF-8.
    pub variables: BTreeMap<String, String>,
    /// The person's home.
    pub home: PathBuf,
    /// Where nuka was started.
    pub current_directory: PathBuf,
    /// The store's directory.
    pub store: PathBuf,
    /// Downloads and evaluations.
    pub cache: PathBuf,
    /// Logs.
    pub state: PathBuf,
    /// Where recipes are looked for before the built-in ones.
    pub recipe_directories: Vec<PathBuf>,
    /// How much is done at once.
    pub jobs: NonZeroUsize,
    /// Whether nobody may be contacted.
    pub offline: bool,
    /// This executable.
    pub executable: Option<PathBuf>,
    /// Whether work may go on in the background.
    pub background: bool,
    /// Whether the store is worked on by a daemon.
    pub daemon: bool,
    /// How long a daemon stays without anybody who uses it.
    pub daemon_idle: Duration,
}

/// Why the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable has a value that it cannot have.
    #[error("the variable {name} is `{value}`, where {expected} is expected")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it could be.
        expected: &'static str,
    },
    /// It is not known where the person's files are.
    #[error("HOME is not set, so there is no place for {purpose}")]
    NoHome {
        /// What a directory is wanted for.
        purpose: &'static str,
        /// The variable that would do as well.
        variable: &'static str,
    },
    /// The current directory is gone or closed.
    #[error("the current directory cannot be used: {0}")]
    CurrentDirectory(io::Error),
}

impl EnvironmentError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Variable { name, .. } => format!("correct it, or leave it out: `unset {name}`"),
            Self::NoHome { variable, .. } => format!("set HOME, or {variable} to an absolute path"),
            Self::CurrentDirectory(_) => "change to a directory that exists".to_owned(),
        }
    }
}

impl Environment {
    /// Whether this is the system's administrator.
    pub fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Reads what this process was started with.
    pub fn read() -> Result<Self, EnvironmentError> {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let variables =
            env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect();
        let directory = match env::current_dir() {
            // One that was removed: what is named from there is not found, and everything else works.
            Err(error) if error.kind() == io::ErrorKind::NotFound => PathBuf::from("/"),
            other => other.map_err(EnvironmentError::CurrentDirectory)?,
        };
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::from_variables(variables, directory, processors, env::current_exe().ok())
    }

    /// The same from given variables.
    pub fn from_variables(
        variables: BTreeMap<String, String>,
        current_directory: PathBuf,
        processors: NonZeroUsize,
        executable: Option<PathBuf>,
    ) -> Result<Self, EnvironmentError> {
        let value = |name: &str| variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let absolute = |name: &str| value(name).map(Path::new).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let below = |xdg: &str, in_home: &str, rest: &str| {
            let base = absolute(xdg).map(Path::to_owned).or_else(|| Some(home?.join(in_home)));
            base.map(|base| base.join(rest))
        };
        let place =
            |own: Option<&str>, xdg: &'static str, in_home: &str, rest: &str, purpose: &'static str| {
                let own = own.map(|path| current_directory.join(path));
                own.or_else(|| below(xdg, in_home, rest))
                    .ok_or(EnvironmentError::NoHome { purpose, variable: xdg })
            };
        // A daemon that serves all users of the machine takes the place of one's own.
        let for_all = Path::new(STORE_FOR_ALL);
        let store = match value("NUKA_STORE") {
            None if for_all.join("daemon/socket").exists() => for_all.to_owned(),
            own => place(own, "XDG_DATA_HOME", ".local/share", "nuka/store", "the store")?,
        };
        let cache = place(value("NUKA_CACHE_DIR"), "XDG_CACHE_HOME", ".cache", "nuka", "the cache")?;
        let state = place(None, "XDG_STATE_HOME", ".local/state", "nuka", "logs")?;
        let listed = value("NUKA_RECIPE_PATH").into_iter().flat_map(|path| path.split(':'));
        let mut recipe_directories: Vec<_> =
            listed.filter(|path| !path.is_empty()).map(|path| current_directory.join(path)).collect();
        recipe_directories.extend(below("XDG_CONFIG_HOME", ".config", "nuka/recipes"));
        let jobs = match value("NUKA_JOBS") {
            None => processors,
            Some(text) => text.trim().parse().map_err(|_| EnvironmentError::Variable {
                name: "NUKA_JOBS",
                value: text.to_owned(),
                expected: "a number from 1",
            })?,
        };
        let switch =
            |name: &'static str, usual: bool| match value(name).map(str::to_ascii_lowercase).as_deref() {
                None => Ok(usual),
                Some("0" | "false" | "no" | "off") => Ok(false),
                Some("1" | "true" | "yes" | "on") => Ok(true),
                Some(other) => {
                    let (value, expected) = (other.to_owned(), "1 or 0");
                    Err(EnvironmentError::Variable { name, value, expected })
                }
            };
        let offline = switch("NUKA_OFFLINE", false)?;
        let background = switch("NUKA_BACKGROUND", true)?;
        let daemon = switch("NUKA_DAEMON", true)?;
        let daemon_idle = match value("NUKA_DAEMON_IDLE") {
            None => DAEMON_IDLE,
            Some(text) => {
                let seconds = text.trim().parse().ok().map(Duration::from_secs);
                let (value, expected) = (text.to_owned(), "a number of seconds");
                seconds.ok_or(EnvironmentError::Variable { name: "NUKA_DAEMON_IDLE", value, expected })?
            }
        };
        let home = home.unwrap_or(Path::new("/")).to_owned();
        Ok(Self {
            home,
            current_directory,
            store,
            cache,
            state,
            recipe_directories,
            jobs,
            offline,
            executable,
            background,
            daemon,
            daemon_idle,
            variables,
        })
    }
}

/// When colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colour {
    /// On terminals, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the standard streams are.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether data goes to a terminal.
    pub stdout: bool,
    /// Whether data is coloured.
    pub stdout_colour: bool,
    /// Whether messages are coloured.
    pub stderr_colour: bool,
    /// Whether messages can be taken back, as bars are.
    pub can_redraw: bool,
    /// Columns; 100 where nobody looks.
    pub width: usize,
    /// Columns and lines of the terminal that data goes to.
    pub size: Option<(u16, u16)>,
}

impl Terminal {
    /// Looks at the standard streams.
    pub fn read(colour: Colour) -> Self {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let coloured = |terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !set("NO_COLOR") && (terminal && !dumb || set("CLICOLOR_FORCE")),
        };
        let size = terminal_size::terminal_size().filter(|_| stdout || stderr);
        let width = size.map_or(100, |(width, _)| usize::from(width.0).max(40));
        let size = size.map(|(width, height)| (width.0, height.0)).filter(|_| stdout);
        Self {
            stdout,
            stdout_colour: coloured(stdout),
            stderr_colour: coloured(stderr),
            can_redraw: stderr && !dumb,
            width,
            size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment::from_variables(variables, "/here".into(), NonZeroUsize::MIN, None)
    }

    #[test]
    fn directories_are_where_xdg_says() {
        let found = read(&[("HOME", "/h")]).unwrap();
        assert_eq!(found.store, Path::new("/h/.local/share/nuka/store"));
        assert_eq!(found.cache, Path::new("/h/.cache/nuka"));
        assert_eq!(found.state, Path::new("/h/.local/state/nuka"));
        assert_eq!(found.recipe_directories, [Path::new("/h/.config/nuka/recipes")]);
        let found = read(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CACHE_HOME", "relative")]).unwrap();
        assert_eq!(found.store, Path::new("/d/nuka/store"));
        assert_eq!(found.cache, Path::new("/h/.cache/nuka"));
    }

    #[test]
    fn own_variables_go_first_and_may_be_relative() {
        let variables = [
            ("HOME", "/h"),
            ("NUKA_STORE", "s"),
            ("NUKA_RECIPE_PATH", "/a::b"),
            ("NUKA_JOBS", "3"),
            ("NUKA_OFFLINE", "1"),
        ];
        let found = read(&variables).unwrap();
        assert_eq!(found.store, Path::new("/here/s"));
        assert_eq!(found.recipe_directories, ["/a", "/here/b", "/h/.config/nuka/recipes"].map(PathBuf::from));
        assert_eq!((found.jobs.get(), found.offline), (3, true));
    }

    #[test]
    fn nonsense_is_named() {
        let text = |pairs: &[(&str, &str)]| {
            read(pairs).map_err(|error| format!("{error}; {}", error.help())).unwrap_err()
        };
        insta::assert_snapshot!(text(&[("HOME", "/h"), ("NUKA_JOBS", "0")]), @"the variable NUKA_JOBS is `0`, where a number from 1 is expected; correct it, or leave it out: `unset NUKA_JOBS`");
        insta::assert_snapshot!(text(&[("HOME", "/h"), ("NUKA_OFFLINE", "maybe")]), @"the variable NUKA_OFFLINE is `maybe`, where 1 or 0 is expected; correct it, or leave it out: `unset NUKA_OFFLINE`");
        insta::assert_snapshot!(text(&[]), @"HOME is not set, so there is no place for the store; set HOME, or XDG_DATA_HOME to an absolute path");
    }

    #[test]
    fn without_a_home_everything_may_be_named() {
        let named = [("NUKA_STORE", "/s"), ("NUKA_CACHE_DIR", "/c"), ("XDG_STATE_HOME", "/t")];
        assert!(read(&named).unwrap().recipe_directories.is_empty());
    }
}
