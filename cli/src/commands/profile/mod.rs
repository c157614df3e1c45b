//! What is installed: the verbs that show and change profiles.

pub mod generation;
pub mod install;
pub mod list;
pub mod permit;
pub mod prefer;
pub mod remove;
mod show;

pub mod update;

pub use show::change as shown;

use crate::{
    context::Context,
    daemon::{Changed, Client, Profile, ProfileName},
    error::Error,
    report::{escape::escape, units},
};
use std::{
    ffi::OsStr,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
};

/// Which profile a command is about.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ProfileArgument {
    /// The profile
    #[arg(long = "profile", value_name = "NAME", default_value_t, hide_default_value = true)]
    name: ProfileName,
}

impl ProfileArgument {
    /// It, as it is there.
    pub fn open<'c>(&self, client: &'c Client) -> Profile<'c> {
        Profile::new(client, &self.name)
    }
}

/// Asks whether to go on.
pub fn agreed(question: &str, yes: bool) -> Result<bool, Error> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(Error::Usage {
            message: "this has to be agreed to, and nobody is there to be asked".to_owned(),
            help: "`--yes` agrees".to_owned(),
        });
    }
    let mut stderr = io::stderr().lock();
    let asked = write!(stderr, "{question} [Y/n] ").and_then(|()| stderr.flush());
    drop(stderr);
    let mut answer = String::new();
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    // An end of input is no yes.
    let count = read.map_err(Error::file("read the answer from", "the terminal"))?;
    Ok(count > 0 && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Says what was done to a profile.
pub fn tell(context: &Context, profile: &Profile<'_>, changed: &Changed) {
    if !changed.new {
        context.say("nothing to change");
        return;
    }
    for change in &changed.record.packages {
        context.say(&show::change(change));
    }
    for line in &changed.record.settings {
        context.say(&escape(line));
    }
    context.say(&format!("this is generation {}; `nuka rollback` takes it back", changed.record.number));
    hint(context, &profile.current_path().join("bin"));
}

/// Says how the programs get on PATH, if they are not.
fn hint(context: &Context, bin: &Path) {
    let path = context.environment.variables.get("PATH").map(String::as_str).unwrap_or_default();
    if std::env::split_paths(OsStr::new(path)).all(|entry| entry != bin) {
        let shown = escape(&bin.display().to_string()).into_owned();
        let default = bin.components().rev().nth(2).is_some_and(|name| name.as_os_str() == "default");
        context.say(&match default {
            true => format!("its programs are in {shown}, which is not on PATH: `nuka setup` puts it there"),
            false => format!("its programs are in {shown}"),
        });
    }
}

/// The time now, in milliseconds since 1970.
fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

/// How long ago something was, more exactly than in days.
fn ago(then_ms: u64) -> String {
    let now = now_ms();
    match now.saturating_sub(then_ms) / 1000 {
        0..60 => "just now".to_owned(),
        seconds @ 60..3600 => format!("{} ago", units::count(seconds / 60, "minute", "minutes")),
        seconds @ 3600..86400 => format!("{} ago", units::count(seconds / 3600, "hour", "hours")),
        _ => units::ago(now, then_ms),
    }
}
