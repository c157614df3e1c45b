//! Compiling by processes of their own, which can go on after a request, and can be ended when they take too long.
//!
//! Large programs are compiled well while their quickly compiled code does what is asked for: by a process with a lower
//! priority, which ends by itself and which nobody waits for. If it is killed, nothing is lost but time: the next request
//! that meets quickly compiled code starts another.
//!
//! A program that a build made is a stranger's: compiling it may take longer than anything. A compiler cannot be
//! interrupted, but its process can.

use nuka_seed_runtime::ModuleId;
use std::{
    collections::HashSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The verb of nuka's own executable that does such work; a file follows, or [`STDIN`].
pub const VERB: &str = "__compile";

/// In the place of a file: the module comes on standard input, and somebody waits for it.
pub const STDIN: &str = "-";

/// How much less urgent it is than what a person waits for, in steps of `nice(1)`.
const LESS_URGENT: i32 = 10;

/// Starts such work, once for each module.
#[derive(Debug)]
pub struct Background {
    executable: PathBuf,
    cache: PathBuf,
    /// Whether anything may go on after what it was begun for.
    goes_on: bool,
    started: Mutex<HashSet<ModuleId>>,
}

/// How a compilation that somebody waited for has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiled {
    /// By itself: the cache has the module, or compiling it here says why it cannot.
    Ended,
    /// It took too long and was stopped.
    TimedOut,
    /// The compiler itself crashed.
    Crashed,
}

impl Background {
    /// Work done by `executable`, nuka itself, for the cache of this directory.
    pub fn new(executable: PathBuf, cache: PathBuf, goes_on: bool) -> Self {
        Self { executable, cache, goes_on, started: Mutex::default() }
    }

    /// Whether large programs are to be compiled a second time.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Has a module compiled into the cache, and waits until that is done or has taken `limit`.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn compile_within(&self, module: &[u8], limit: Duration) -> io::Result<Compiled> {
        let deadline = Instant::now().checked_add(limit);
        let mut child =
            self.command(Path::new(STDIN)).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let in_time = std::thread::scope(|scope| {
            scope.spawn(|| {
                // A process that does not read to the end has ended, which is noticed below.
                let _ = stdin.map(|mut stdin| stdin.write_all(module));
            });
            let in_time = ends_before(&child, deadline);
            if !matches!(in_time, Ok(true)) {
                let _ = child.kill();
            }
            in_time
        });
        let status = child.wait()?;
        match in_time? {
            false => Ok(Compiled::TimedOut),
            true if status.code().is_none() => Ok(Compiled::Crashed),
            true => Ok(Compiled::Ended),
        }
    }

    /// Has the wasm file of the module compiled with all optimisations. True if that begins now; false if it was
    /// begun before, or cannot be.
    pub fn improve(&self, id: ModuleId, file: &Path) -> bool {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.insert(id) && self.start(file).is_ok()
    }

    fn start(&self, file: &Path) -> io::Result<()> {
        let mut command = self.command(file);
        detached(&mut command);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        // Nobody waits for its work, but a daemon that never asked how it ended would keep what is left of it.
        let reaper = std::thread::Builder::new().name("nuka-reaper".to_owned());
        reaper.spawn(move || drop(child.wait())).map(drop)
    }

    fn command(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg(VERB).arg(file).env("NUKA_CACHE_DIR", &self.cache).stderr(Stdio::null());
        // The cache's directory keeps no directory of the person's in use.
        command.current_dir(&self.cache);
        command
    }
}

/// Waits until a process that writes nothing has ended, which is when its standard output does. False if it goes on after
/// the deadline; without one it is waited for as long as it takes.
#[cfg(unix)]
fn ends_before(child: &Child, deadline: Option<Instant>) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, poll};
    let Some(stdout) = &child.stdout else { return Ok(true) };
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // At most a minute at a time, which every kind of time can hold.
        let wait = left.unwrap_or(Duration::MAX).min(Duration::from_secs(60));
        let wait =
            rustix::event::Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&wait)) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
fn ends_before(_: &Child, _: Option<Instant>) -> io::Result<bool> {
    Ok(true)
}

/// Makes this process less urgent than others.
#[cfg(unix)]
pub fn yield_to_others() {
    // If it cannot be, it is merely as urgent as others.
    let _ = rustix::process::nice(LESS_URGENT);
}

/// Makes this process less urgent than others.
#[cfg(not(unix))]
pub fn yield_to_others() {}

/// What interrupts the person's command does not end the work.
#[cfg(unix)]
fn detached(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn detached(_: &mut Command) {}
