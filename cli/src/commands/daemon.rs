//! `nuka daemon`: the process that works on the store for all commands of a person, or of a machine.

use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{self, Daemon, DaemonStatus, ServeOptions, Started},
    error::Error,
    exit::Exit,
    output::{self, Format},
    report::{
        escape::{escape, escape_lines},
        units,
    },
};
use fs_err as fs;
use std::{
    io::Write as _,
    path::PathBuf,
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
  nuka daemon stop --now       ends builds that are going on
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
        /// Stop builds that are going on, rather than wait for them
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
        Verb::Log { path: true } => context.print_line(&log_file(context).display().to_string())?,
        Verb::Log { path: false } => {
            let path = log_file(context);
            match fs::read(&path) {
                Ok(bytes) => output::print(&escape_lines(&String::from_utf8_lossy(&bytes)))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    context.say("no daemon has said anything yet");
                }
                Err(error) => return Err(Error::file("read the log", path)(error)),
            }
        }
        Verb::Run { foreground, for_all } => serve(context, *foreground, *for_all)?,
    }
    Ok(Exit::Success)
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
    let DaemonStatus { process, version, store, up_seconds, clients, working, .. } = status;
    format!(
        "process {process}, nuka {}, for {}\n  {}\n  {}, {}\n",
        escape(version),
        units::seconds(*up_seconds as f64),
        escape(&store.display().to_string()),
        units::count(*clients as u64, "client", "clients"),
        units::count(
            *working as u64,
            "request that is being carried out",
            "requests that are being carried out"
        ),
    )
}

fn log_file(context: &Context) -> PathBuf {
    context.environment.state.join("daemon.log")
}

fn serve(context: &Context, foreground: bool, for_all: bool) -> Result<(), Error> {
    // First of all, before anything else opens a file.
    let socket = daemon::activated(&context.environment.variables);
    let config = context.config(&WorkArguments::default());
    let idle = (!foreground || socket.is_some()).then_some(context.environment.daemon_idle);
    let options = ServeOptions { idle: idle.filter(|idle| *idle < Duration::MAX), for_all, socket };
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
fn open_log(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_KEPT) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    Ok(fs::OpenOptions::new().create(true).append(true).open(path)?.into_parts().0)
}
