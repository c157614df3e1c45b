//! `nuka daemon`: the process that works on the store for all commands of a person, or of a machine.

use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{self, Activity, AtWork, Daemon, DaemonStatus, ServeOptions, Started, Who},
    error::Error,
    exit::Exit,
    output::{self, Format},
    report::{
        escape::{escape, escape_lines},
        units,
    },
};
use fs_err as fs;
use serde::Serialize;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Bytes of its log that are kept from one daemon to the next.
const LOG_KEPT: u64 = 1 << 20;

/// Start, stop and look after the daemon that works on the store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Commands start the daemon when they need it, and it ends when it has not been used for a while. It may be
ended at any time, also by force: what it has finished is kept.

Examples:
  nuka daemon status
  nuka daemon stop --now       ends what is going on
  nuka --no-daemon build lua   works in its own process, while no daemon runs")]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Start the daemon, if none runs
    Start,
    /// End the daemon, after what it is doing
    Stop {
        /// Stop what is going on, rather than wait for it
        #[arg(long)]
        now: bool,
    },
    /// Show what the daemon is doing
    Status {
        #[command(flatten)]
        format: Format,
    },
    /// Print what the daemon has said
    Log {
        /// Print the log's path instead
        #[arg(long)]
        path: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Be the daemon, in this process
    #[command(after_help = "\
What commands start, and what systemd starts for all users of a machine: docs/daemon.md has the units.
A socket that systemd hands over (LISTEN_FDS) is used instead of the store's own; then it ends when it is idle.")]
    Run {
        /// Stay until told to end, and write to stderr instead of the log
        #[arg(long)]
        foreground: bool,
        /// Serve all users of this machine
        #[arg(long)]
        for_all: bool,
    },
}

/// Does what is asked.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let config = context.config(&WorkArguments::LOCAL);
    match &arguments.verb {
        Verb::Start => {
            let (daemon, started) = daemon::ensure_daemon(&config)?;
            let process = daemon.status()?.process;
            context.say(&match started {
                Started::Already => format!("the daemon runs already: process {process}"),
                Started::Now => format!("the daemon runs: process {process}"),
            });
        }
        Verb::Stop { now } => match Daemon::find(&config)? {
            None => context.say("no daemon runs"),
            Some(daemon) => {
                daemon.stop(*now)?;
                context.say("the daemon has ended");
            }
        },
        Verb::Status { format } => return status(context, *format),
        Verb::Log { path, format } => log(context, *path, *format)?,
        Verb::Run { foreground, for_all } => serve(context, *foreground, *for_all)?,
    }
    Ok(Exit::Success)
}

/// What is printed as data of the log.
#[derive(Debug, Serialize)]
struct Log {
    /// Its file.
    path: PathBuf,
    /// What is in it, unless only its path was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<LogLine>>,
}

/// A line of the log: by a daemon, or by something in it that met a fault.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct LogLine {
    /// Seconds since 1970.
    seconds: Option<u64>,
    /// The daemon's process.
    process: Option<u32>,
    text: String,
}

impl LogLine {
    fn read(line: &str) -> Self {
        let mut words = line.splitn(3, ' ');
        let mut next = || words.next().unwrap_or_default();
        match (next().parse(), next().parse(), next()) {
            (Ok(seconds), Ok(process), text) => {
                Self { seconds: Some(seconds), process: Some(process), text: text.to_owned() }
            }
            _ => Self { seconds: None, process: None, text: line.to_owned() },
        }
    }
}

fn log(context: &Context, path_only: bool, format: Format) -> Result<(), Error> {
    let path = log_file(context);
    let text = match fs::read(&path) {
        _ if path_only => None,
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            context.say("no daemon has said anything yet");
            Some(String::new())
        }
        Err(error) => return Err(Error::file("read the log", path)(error)),
    };
    if !format.is_text() {
        let lines = text.map(|text| text.lines().map(LogLine::read).collect());
        return format.print(context, &Log { path, lines }, |_| String::new());
    }
    match text {
        Some(text) => output::print(&escape_lines(&text)),
        None => context.print_line(&path.display().to_string()),
    }
}

fn status(context: &Context, format: Format) -> Done {
    let found = Daemon::find(&context.config(&WorkArguments::LOCAL))?;
    let status = found.map(|daemon| daemon.status()).transpose()?;
    format.print(context, &status, |_| status.as_ref().map(show).unwrap_or_default())?;
    if status.is_none() {
        context.say("no daemon runs; the next command that needs one starts it");
        return Ok(Exit::Absent);
    }
    Ok(Exit::Success)
}

fn show(status: &DaemonStatus) -> String {
    let DaemonStatus { process, version, up_seconds, .. } = status;
    let up = units::seconds(*up_seconds as f64);
    let mut shown = format!("process {process}, nuka {}, for {up}\n", escape(version));
    let log = status.log.as_deref().map_or_else(|| "written by whoever started it".to_owned(), path);
    let whom = if status.for_all { "all users of this machine" } else { "you" };
    let clients = units::count(status.clients as u64, "client", "clients");
    for (name, what) in [
        ("store", path(&status.store)),
        ("socket", path(&status.socket)),
        ("log", log),
        ("serves", format!("{whom}; {clients} now")),
        ("ends", end(status)),
    ] {
        shown.push_str(&format!("  {name:<8}{what}\n"));
    }
    for request in &status.requests {
        shown.push_str(&at_work(request));
    }
    shown
}

fn path(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}

/// When it will end.
fn end(status: &DaemonStatus) -> String {
    match status.idle_seconds {
        _ if status.ending => "as soon as what it is doing is done".to_owned(),
        None => "when it is told to".to_owned(),
        Some(seconds) => {
            let idle = units::seconds(seconds as f64);
            match status.clients {
                0 => format!("in {idle}, if no command comes"),
                _ => format!("{idle} after its last client has gone"),
            }
        }
    }
}

fn at_work(request: &AtWork) -> String {
    let AtWork { request: name, client, seconds, activities } = request;
    let Who { process, user } = client;
    let time = units::seconds(*seconds as f64);
    let mut shown = format!("  {} for process {process} of user {user}, for {time}\n", escape(name));
    for Activity { what, name, done, total } in activities {
        let amount = match (what.as_str(), done, total) {
            ("fetching", Some(done), Some(total)) => {
                format!(", {} of {}", units::bytes(*done), units::bytes(*total))
            }
            ("fetching" | "verifying" | "reading objects", Some(done), None) => {
                format!(", {}", units::bytes(*done))
            }
            (_, Some(done), Some(total)) => format!(", {done} of {total}"),
            _ => String::new(),
        };
        let name = if name.is_empty() { String::new() } else { format!(" {}", escape(name)) };
        shown.push_str(&format!("    {}{name}{amount}\n", escape(what)));
    }
    shown
}

fn log_file(context: &Context) -> PathBuf {
    context.environment.state.join("daemon.log")
}

fn serve(context: &Context, foreground: bool, for_all: bool) -> Result<(), Error> {
    // First of all, before anything else opens a file.
    let socket = daemon::activated(&context.environment.variables);
    let config = context.config(&WorkArguments::default());
    let idle = (!foreground || socket.is_some()).then_some(context.environment.daemon_idle);
    let log = (!foreground).then(|| log_file(context));
    let idle = idle.filter(|idle| *idle < Duration::MAX);
    let options = ServeOptions { idle, for_all, socket, log, give_back: context.give_back };
    if foreground {
        let said = |line: &str| crate::context::say(&escape(line));
        let ready = || said("clients can connect");
        return Ok(daemon::serve(config, options, ready, said).map_err(Box::<daemon::Fault>::from)?);
    }
    // What ends the session in which the first command was typed does not end the daemon.
    let _ = rustix::process::setsid();
    let path = log_file(context);
    let log = open_log(&path).map_err(Error::file("write the log", path))?;
    let streams = log.try_clone().map_err(Error::file("write the log", "daemon.log"))?;
    let log = Mutex::new(log);
    let said = move |line: &str| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        if let Ok(mut log) = log.lock() {
            // A full disk costs the line.
            let _ = writeln!(log, "{now} {} {line}", std::process::id());
        }
    };
    let ready = || {
        // Whoever started this process waits for the line, and is gone then.
        let _ = output::print(&format!("{}\n", daemon::READY));
        let _ = rustix::stdio::dup2_stdout(&streams);
        let _ = rustix::stdio::dup2_stderr(&streams);
    };
    Ok(daemon::serve(config, options, ready, said).map_err(Box::<daemon::Fault>::from)?)
}

/// The log, to be written at its end; one that has become long is begun anew.
fn open_log(path: &Path) -> std::io::Result<std::fs::File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_KEPT) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    Ok(fs::OpenOptions::new().create(true).append(true).open(path)?.into_parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_log_are_read_back() {
        let line = LogLine::read("1700000000 42 it was told to end");
        let expected =
            LogLine { seconds: Some(1_700_000_000), process: Some(42), text: "it was told to end".into() };
        assert_eq!(line, expected);
        assert_eq!(
            LogLine::read("thread panicked at x"),
            LogLine { seconds: None, process: None, text: "thread panicked at x".into() }
        );
    }
}
