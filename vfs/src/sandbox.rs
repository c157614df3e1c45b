//! Starting a program in a root of its own: one that was composed from a view, or the host's with a view in it.
//!
//! A [`Sandbox`] is plain data. What it asks for becomes a list of steps (`plan`), which the new process takes between
//! `fork` and `exec` with plain system calls; the first one that fails is named in the error. Nothing is mounted that
//! outlives the program, and nothing needs a privilege where the host allows user namespaces.
//!
//! With [`Root::Pure`] the program sees
//!
//! ```text
//! /usr /etc /bin /sbin /lib ...   the view's; what of /etc is not the view's comes from `files`
//! /nuka/view                      the view as it is
//! /proc /dev /tmp                 the usual ones, `/tmp` and `/dev/shm` empty and gone with the program
//! its own path of each bind       what the person let in
//! ```
//!
//! and nothing else. `/usr` is the view's own directory, and so is `/etc` where no file is to go before it: each costs one
//! mount, whatever is in it. Otherwise `/etc` has a symlink for each name of the view's.
//!
//! With [`Root::Host`] the program sees what is there anyhow, and the view at one place.
//!
//! The program has the person's user and group id, and its own standard input, output and error, process group and
//! terminal. With a process id namespace two small processes stand between it and its starter: they pass on signals, its
//! exit code, and the signal that it died of; when they die, it does.

mod error;
mod plan;
mod step;

use crate::{platform, view::Composed};
use rustix::fd::OwnedFd;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub use error::SandboxError;
pub(crate) use plan::trial;
pub(crate) use step::{Given, Kind, Plan, Step};

/// What the program's root is.
#[derive(Debug)]
pub enum Root {
    /// The host's, with a view at a directory, which must be there.
    Host {
        /// The view.
        view: Composed,
        /// Where it is to be: an absolute path without symlinks.
        at: PathBuf,
    },
    /// The view, and what else a program expects of a root.
    Pure {
        /// The view.
        view: Composed,
        /// Files that are made for this root alone: whatever of `/etc` is the machine's or the person's. Here belongs
        /// the [`loader_cache`](crate::loader_cache()) of the view's libraries. They go before the view's own.
        files: Vec<RootFile>,
    },
}

/// A file that is made for one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFile {
    /// Its absolute path, in `/etc` or in a directory that the view does not have.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A file or directory of the host that is let in.
#[derive(Debug)]
pub struct Bind {
    source: OwnedFd,
    real: PathBuf,
    target: PathBuf,
    writable: bool,
}

impl Bind {
    /// Lets in what is at `path`, at that same path. It is opened now: what is put in its place later is not let in.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path, writable: bool) -> Result<Self, SandboxError> {
        let target = std::path::absolute(path)
            .map_err(|source| SandboxError::Source { path: path.to_owned(), source })?;
        let source = platform::open_path(path)
            .map_err(|source| SandboxError::Source { path: path.to_owned(), source })?;
        Self::new(source, &target, writable)
    }

    /// Lets in what a descriptor stands for, at an absolute path.
    ///
    /// # Errors
    /// [`SandboxError::Target`] if the path is not absolute, is the root, or has `..` in it.
    pub fn new(source: OwnedFd, target: &Path, writable: bool) -> Result<Self, SandboxError> {
        let real = platform::real_path(&source)
            .map_err(|source| SandboxError::Source { path: target.to_owned(), source })?;
        Ok(Self { source, real, target: plan::normal(target)?, writable })
    }
}

/// Which namespaces the program has for itself. A mount namespace it always has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a namespace")]
pub struct Namespaces {
    /// Users: only this user's and group's id exist in it. Who may not mount needs it.
    pub user: bool,
    /// Processes: others are not seen, and none outlives the program.
    pub pid: bool,
    /// System V and POSIX message queues, semaphores and shared memory.
    pub ipc: bool,
    /// The host's name.
    pub uts: bool,
    /// The network: none but a loopback of its own.
    pub net: bool,
}

impl Namespaces {
    /// What mounting needs here, and no more.
    pub fn least() -> Self {
        Self { user: !platform::privileged(), pid: false, ipc: false, uts: false, net: false }
    }

    /// All of them; the network as is said.
    pub fn own(net: bool) -> Self {
        Self { user: true, pid: true, ipc: true, uts: true, net }
    }
}

/// A program, and what it is to see.
#[derive(Debug)]
pub struct Sandbox {
    /// Its root.
    pub root: Root,
    /// What else is let in, each at its own place. What lies in another comes after it, in whatever order they are here.
    pub binds: Vec<Bind>,
    /// What it has for itself.
    pub namespaces: Namespaces,
    /// Whether privileges can be kept that the starter has: for root's own shell. Otherwise the program has no capability,
    /// neither it nor what it starts can gain any, and it cannot type into the terminal that it shares with its starter.
    pub privileged: bool,
    /// The program, which is looked for in `PATH` of `env` if it has no `/`, and its arguments.
    pub argv: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub cwd: PathBuf,
}

/// What the program's standard input, output and error are.
#[derive(Debug)]
pub struct Streams {
    /// Standard input.
    pub input: Stdio,
    /// Standard output.
    pub output: Stdio,
    /// Standard error.
    pub error: Stdio,
}

impl Default for Streams {
    /// Those of this process.
    fn default() -> Self {
        Self { input: Stdio::inherit(), output: Stdio::inherit(), error: Stdio::inherit() }
    }
}

impl Sandbox {
    fn command(&self) -> Result<(Command, Plan), SandboxError> {
        let plan = plan::plan(self)?;
        let (program, arguments) = self.argv.split_first().ok_or(SandboxError::NoProgram)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok((command, plan))
    }

    fn program(&self) -> PathBuf {
        self.argv.first().map(PathBuf::from).unwrap_or_default()
    }

    /// Starts the program. Other threads may go on meanwhile. However the thread that starts it ends, the program ends with
    /// it, and in a process id namespace what that has started too: the thread is to wait for the program.
    ///
    /// # Errors
    /// [`SandboxError::Step`] names the step that failed, [`SandboxError::Program`] says that all was well and the program
    /// could not be run.
    pub fn spawn(&self, streams: Streams) -> Result<Child, SandboxError> {
        let (mut command, plan) = self.command()?;
        command.stdin(streams.input).stdout(streams.output).stderr(streams.error);
        platform::spawn(command, plan, &self.program())
    }

    /// Becomes the program. With a process id namespace this process stays, as the one that passes on signals and the exit
    /// code.
    ///
    /// # Errors
    /// As [`Sandbox::spawn`], and [`SandboxError::Threads`] if this process has several. It may have some of the
    /// namespaces by then, so there is little to do but to say so and end.
    pub fn exec(&self) -> SandboxError {
        match self.command() {
            Ok((command, plan)) => platform::exec(command, plan, &self.program()),
            Err(error) => error,
        }
    }
}
