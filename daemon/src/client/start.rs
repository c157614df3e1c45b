//! Meeting the daemon of a store, and starting it if there is none.

use super::{DaemonStatus, remote::unreachable};
use crate::{
    config::Config,
    event::{Event, Observer},
    fault::{Fault, FaultKind},
    handed::Handed,
    socket::{self, FrameError, Hello, Kind, Link, MAX_ANSWER, PROTOCOL, Session, Welcome},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The line by which a daemon that was started says that it can be met.
pub const READY: &str = "ready";

/// How long a daemon that is beginning or ending right now is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that was met.
pub struct Daemon {
    link: Link,
    welcome: Welcome,
}

/// How a daemon came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Started {
    /// It was there.
    Already,
    /// It was started now.
    Now,
}

/// Asks a daemon what it is doing. Its name and [`STOP`]'s are in every version.
pub const STATUS: &str = "daemon-status";
/// Asks a daemon to end: after what is going on, or, with `now`, before.
pub const STOP: &str = "daemon-stop";

/// The fields of [`STOP`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Stop {
    /// Stop what is going on.
    pub now: bool,
}

/// Meets the daemon of a store, which is started if there is none and replaced if it is another build of nuka.
pub fn meet(config: &Config, observer: &dyn Observer) -> Result<Daemon, Box<Fault>> {
    let mut begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let daemon = match Daemon::find(config)? {
            Some(daemon) => daemon,
            None => {
                start(config)?;
                continue;
            }
        };
        if daemon.welcome.ending {
            daemon.wait_for_its_end(observer);
            begun = Instant::now();
            continue;
        }
        if daemon.is_ours(config) {
            return Ok(daemon);
        }
        let (version, process) = (&daemon.welcome.version, daemon.welcome.process);
        let what = format!("another build of nuka's daemon (version {version}, process {process}) to finish");
        observer.event(Event::Waiting { what });
        daemon.stop(false)?;
        begun = Instant::now();
    }
    let message = "the daemon ends each time it is started, or is started by another build of nuka";
    Err(Box::new(
        Fault::new(FaultKind::NoDaemon, "nuka::daemon", message)
            .with_help("`nuka daemon log` shows what it said"),
    ))
}

/// Starts the daemon of a store if there is none.
pub fn ensure(config: &Config) -> Result<(Daemon, Started), Box<Fault>> {
    match Daemon::find(config)? {
        Some(daemon) if daemon.welcome.ending => daemon.wait_for_its_end(&crate::event::Silent),
        Some(daemon) => return Ok((daemon, Started::Already)),
        None => {}
    }
    start(config)?;
    Ok((meet(config, &crate::event::Silent)?, Started::Now))
}

impl Daemon {
    /// Meets the daemon of a store; `None` if there is none.
    pub fn find(config: &Config) -> Result<Option<Self>, Box<Fault>> {
        let stream = match socket::connect(&config.store) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unreachable("meet the daemon", &error)),
        };
        let link = Link::new(stream);
        match greet(&link, config) {
            Ok(welcome) => Ok(Some(Self { link, welcome: welcome? })),
            // It was about to end.
            Err(FrameError::Closed) => Ok(None),
            Err(error) => Err(unreachable("meet the daemon", &io::Error::other(error))),
        }
    }

    /// The socket.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Whether it is this build of nuka, or serves others too, from whom it must not be taken away.
    fn is_ours(&self, config: &Config) -> bool {
        self.welcome.for_all || self.welcome.identity == socket::identity(config.executable.as_deref())
    }

    /// Fails unless it answers requests of this name.
    pub(super) fn require(&self, name: &str) -> Result<(), Box<Fault>> {
        if self.welcome.capabilities.iter().any(|known| known == name) {
            return Ok(());
        }
        let message = format!("the daemon (nuka {}) does not let you `{name}`", self.welcome.version);
        let help = match self.welcome.for_all {
            true => {
                "it serves all users of this machine and keeps that to the administrator; NUKA_STORE names a store of your own"
            }
            false => "it is of another version of nuka: `nuka daemon stop` ends it",
        };
        Err(Box::new(Fault::new(FaultKind::Refused, "nuka::daemon", message).with_help(help)))
    }

    /// What it is doing.
    pub fn status(&self) -> Result<DaemonStatus, Box<Fault>> {
        self.command(STATUS, &serde_json::json!({}))
    }

    /// Has it end, and waits until it has.
    pub fn stop(self, now: bool) -> Result<(), Box<Fault>> {
        self.require(STOP)?;
        let _: serde_json::Value = self.command(STOP, &Stop { now })?;
        // Its end is the socket's.
        let _ = self.link.stream().read_to_end_quietly();
        Ok(())
    }

    /// Waits until a daemon that was told to end has done what it is doing.
    pub(super) fn wait_for_its_end(self, observer: &dyn Observer) {
        let process = self.welcome.process;
        let what = format!("the daemon (process {process}) to finish: it was told to end");
        observer.event(Event::Waiting { what });
        let _ = self.link.stream().read_to_end_quietly();
    }

    fn command<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        request: &impl Serialize,
    ) -> Result<T, Box<Fault>> {
        let failed = |error: FrameError| unreachable("ask the daemon", &io::Error::other(error));
        let question = socket::Question { name: name.to_owned(), places: Vec::new(), request };
        self.link.send(Kind::Question, &question, &[]).map_err(failed)?;
        let frame = self.link.receive(MAX_ANSWER).map_err(failed)?;
        match frame.kind {
            Kind::Answer => frame.read().map_err(failed),
            Kind::Fault => Err(frame.read().map_err(failed)?),
            _ => Err(failed(FrameError::Malformed("an answer of another kind"))),
        }
    }
}

trait ReadToEnd {
    fn read_to_end_quietly(self) -> io::Result<u64>;
}

impl ReadToEnd for &std::os::unix::net::UnixStream {
    fn read_to_end_quietly(mut self) -> io::Result<u64> {
        io::copy(&mut self, &mut io::sink())
    }
}

/// Says hello. The inner error is the daemon's.
fn greet(link: &Link, config: &Config) -> Result<Result<Welcome, Box<Fault>>, FrameError> {
    let mut given = Vec::new();
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for directory in &config.recipe_directories {
        let handed = Handed::own(directory);
        // One that is not there, or is no directory, has no recipes.
        if directory.is_dir()
            && let Ok(open) = handed.duplicate()
        {
            descriptors.push(open);
            given.push(handed);
        }
    }
    let session = Session {
        recipe_directories: config.recipe_directories.clone(),
        given,
        jobs: config.jobs,
        offline: config.offline,
        home: config.home.clone(),
        env: config.env.clone(),
        current_directory: config.current_directory.clone(),
    };
    let hello = Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity: socket::identity(config.executable.as_deref()),
        session,
    };
    let open: Vec<_> = descriptors.iter().map(OwnedFd::as_fd).collect();
    link.send(Kind::Hello, &hello, &open)?;
    let frame = link.receive(MAX_ANSWER)?;
    match frame.kind {
        Kind::Welcome => {
            let welcome: Welcome = frame.read()?;
            if welcome.protocol != PROTOCOL {
                return Ok(Err(other_protocol(&welcome)));
            }
            Ok(Ok(welcome))
        }
        Kind::Fault => Ok(Err(frame.read()?)),
        _ => Err(FrameError::Malformed("no greeting")),
    }
}

fn other_protocol(welcome: &Welcome) -> Box<Fault> {
    let Welcome { version, process, .. } = welcome;
    let message = format!("the daemon is nuka {version} (process {process}), which speaks another protocol");
    let help = "end that process, and ask again; what it has finished is kept";
    Box::new(Fault::new(FaultKind::NoDaemon, "nuka::daemon", message).with_help(help))
}

/// Starts a daemon and waits until it can be met, or somebody else's can.
fn start(config: &Config) -> Result<(), Box<Fault>> {
    let executable = config.executable.as_deref();
    let executable = executable.ok_or_else(|| {
        unreachable(
            "start the daemon",
            &io::Error::new(io::ErrorKind::NotFound, "nuka's own executable is unknown"),
        )
    })?;
    let failed = |error: io::Error| unreachable("start the daemon", &error);
    let mut child = command(executable, config).map_err(failed)?.spawn().map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        // That nothing can be read means what an end means: there is no daemon.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    if line.trim() == READY {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    let _ = child.wait();
    if said.contains(crate::server::ALREADY) {
        // Another is about to be met, or about to have ended.
        std::thread::sleep(Duration::from_millis(20));
        return Ok(());
    }
    let message = format!("the daemon did not start: {}", said.trim().trim_start_matches(['×', ' ']));
    let help = "`nuka doctor` looks at the store; `--no-daemon` does the work without a daemon";
    Err(Box::new(Fault::new(FaultKind::NoDaemon, "nuka::daemon", message).with_help(help)))
}

/// The daemon of this configuration's store, as a process that has nothing of the person's terminal.
fn command(executable: &Path, config: &Config) -> io::Result<Command> {
    let mut command = Command::new(executable);
    command.args(["daemon", "run"]).current_dir("/").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("NUKA_STORE", &config.store).env("NUKA_CACHE_DIR", &config.cache);
    // Whether others may be contacted is what each command says for itself.
    command.env_remove("NUKA_OFFLINE");
    // The directory that it was derived from: the last part of it is nuka's own.
    if let Some(state) = config.state.parent() {
        command.env("XDG_STATE_HOME", state);
    }
    command.process_group(0);
    Ok(command)
}
