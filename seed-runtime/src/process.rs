//! What a process is given, and what is left when it has ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;

use crate::tree::{GuestPath, Tree};

/// The time that every process sees as its beginning, and on every file: 1980-01-01 00:00:00 UTC, the oldest
/// that every archive format can hold. Seconds since the Unix epoch.
pub const DEFAULT_EPOCH_SECONDS: u64 = 315_532_800;

/// One command to be run: everything that it can see, and nothing else.
///
/// Two runs of one module with equal processes give equal outcomes, except when a limit on *time* stops one.
#[derive(Debug, Clone)]
pub struct Process {
    /// Arguments; the first is the program's own name.
    pub args: Vec<Vec<u8>>,
    /// Environment; the process sees it sorted by name.
    pub env: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The trees that the process sees. None may lie inside another.
    pub mounts: Vec<Mount>,
    /// The working directory: a directory inside one of the mounts. The process sees it under its absolute path
    /// and as `.`; without one, relative paths name nothing.
    pub cwd: Option<GuestPath>,
    /// What standard input gives.
    pub stdin: Bytes,
    /// Seed of the random numbers. Every byte that the process asks for follows from it.
    pub seed: [u8; 32],
    /// The virtual clocks.
    pub clock: Clock,
    /// What the process may use.
    pub limits: Limits,
    /// Set from outside when nobody wants the outcome any more: the process is then stopped, within a fraction of a second.
    pub cancelled: Option<Arc<AtomicBool>>,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            args: vec![b"program".to_vec()],
            env: BTreeMap::new(),
            mounts: Vec::new(),
            cwd: None,
            stdin: Bytes::new(),
            seed: [0; 32],
            clock: Clock::default(),
            limits: Limits::default(),
            cancelled: None,
        }
    }
}

/// A tree at a place in the world of the process.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Where it is.
    pub path: GuestPath,
    /// What is there when the process begins.
    pub tree: Tree,
    /// Whether the process may change it.
    pub access: Access,
}

/// Whether something may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may only be read; attempts to change it give `EROFS`.
    ReadOnly,
    /// It may be read and changed.
    ReadWrite,
}

/// The virtual clocks of a process: they move by a fixed step with every look at them, and by the whole time
/// asked for when the process sleeps, which costs no real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds since the Unix epoch that the real-time clock shows first, and that every file shows as
    /// each of its times.
    pub epoch_ns: u64,
    /// Nanoseconds that the monotonic clock shows first.
    pub start_ns: u64,
    /// Nanoseconds that both clocks advance with each look at one of them.
    pub step_ns: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { epoch_ns: DEFAULT_EPOCH_SECONDS * 1_000_000_000, start_ns: 1_000_000_000, step_ns: 1_000 }
    }
}

/// What a process may use before it is stopped, or refused more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory and tables together. A growth past it fails inside the process.
    pub memory: u64,
    /// Real time that may pass; `None` is no limit. The only thing in an outcome that depends on the machine.
    pub wall_time: Option<Duration>,
    /// Bytes that may be written to standard output.
    pub stdout: u64,
    /// Bytes that may be written to standard error.
    pub stderr: u64,
    /// Bytes that files written by the process may hold together, with a little for each new name. Writing
    /// more gives `ENOSPC`.
    pub tree: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            wall_time: Some(Duration::from_secs(3600)),
            stdout: 64 << 20,
            stderr: 64 << 20,
            tree: 8 << 30,
        }
    }
}

/// One of the two streams that a process writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
        })
    }
}

/// Called with each piece of output as the process writes it, beside its being kept for the [`Outcome`].
pub type Output = Box<dyn FnMut(Stream, &[u8]) + Send>;

/// What a process left behind.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to standard output.
    pub stdout: Bytes,
    /// What it wrote to standard error.
    pub stderr: Bytes,
    /// The trees of [`Process::mounts`], in the same order, as the process left them. Unchanged parts share
    /// memory with the trees that it was given.
    pub mounts: Vec<Tree>,
    /// What the process learned of the trees that it was given. Its own writes are not in it.
    pub reads: BTreeSet<Read>,
    /// The most linear memory that it had at once, in bytes.
    pub peak_memory: u64,
    /// Whether it was refused memory, or room for files, because of its limits: with others it might have done otherwise.
    pub refused: bool,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It ended itself; 0 is success.
    Code(u32),
    /// WebAssembly trapped: a bug in the program, such as an access outside its memory.
    Trapped {
        /// What happened.
        message: String,
        /// Where: the functions that were being run, innermost first, one a line. May be empty.
        backtrace: String,
    },
    /// Calls nested too deep.
    StackExhausted {
        /// Where: the functions that were being run, innermost first, one a line, cut after some.
        backtrace: String,
    },
    /// It was refused memory and did not succeed afterwards.
    OutOfMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It was refused room for files and did not succeed afterwards.
    TreeFull {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It wrote too much to one of its streams and was stopped.
    TooMuchOutput {
        /// Which.
        stream: Stream,
        /// The limit, in bytes.
        limit: u64,
    },
    /// It ran for too long and was stopped.
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// Whoever had it run wanted it no longer.
    Cancelled,
}

impl Exit {
    /// Whether the process ended itself with code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(0) => f.write_str("succeeded"),
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Trapped { message, .. } => write!(f, "crashed: {message}"),
            Self::StackExhausted { .. } => f.write_str("crashed: its calls nested too deep for its stack"),
            Self::OutOfMemory { limit } => {
                write!(f, "needs more memory than its limit of {} MiB", limit >> 20)
            }
            Self::TreeFull { limit } => {
                write!(f, "wrote more to its files than its limit of {} MiB", limit >> 20)
            }
            Self::TooMuchOutput { stream, limit } => {
                write!(f, "wrote more to its {stream} than its limit of {} MiB", limit >> 20)
            }
            Self::TimedOut { limit } => {
                write!(f, "ran for longer than its limit of {} s", limit.as_secs_f64())
            }
            Self::Cancelled => f.write_str("was stopped, because nobody wanted it any more"),
        }
    }
}

/// One thing that a process learned of the trees it was given: if all of them are as they were, a second run
/// does the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// Absolute path, symlinks resolved.
    pub path: Vec<u8>,
    /// What it learned.
    pub kind: ReadKind,
}

/// What a process can learn of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadKind {
    /// That nothing is there.
    Absent,
    /// What is there (its kind, size and executable bit), and the target if it is a symlink.
    Metadata,
    /// The names and kinds of a directory's entries.
    Listing,
    /// A file's bytes; or everything below a directory that was moved as a whole.
    Content,
}
