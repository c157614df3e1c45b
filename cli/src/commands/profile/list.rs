//! `nuka list`: what is installed.

use super::ProfileArgument;
use crate::{
    commands::Done,
    context::Context,
    daemon::{Installed, State},
    exit::Exit,
    output::Format,
    report::{
        table::{Table, number, text},
        units,
    },
};
use serde::Serialize;

/// Show what is installed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nuka list\n  nuka list --profile work --json")]
pub struct Arguments {
    #[command(flatten)]
    profile: ProfileArgument,
    #[command(flatten)]
    format: Format,
}

/// A package as data.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    version: &'a str,
    pid: nuka_pir::Pid,
    asked: String,
    /// Whether it was asked for by its version.
    pinned: bool,
    description: Option<&'a str>,
    programs: Vec<&'a str>,
    bytes: u64,
}

/// Prints it.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let profile = arguments.profile.open(&nuka);
    profile.find_nuka();
    let state = profile.state()?;
    let rows: Vec<Row<'_>> = state.packages.values().map(row).collect();
    arguments.format.print(context, &rows, |style| {
        let mut table = Table::new([text("PACKAGE"), text("VERSION"), number("SIZE"), text("PROGRAMS")]);
        for package in &rows {
            let programs = programs(&state, package).join(" ");
            // What stays at its version says so.
            let version = match package.pinned {
                true => format!("{} (stays)", package.version),
                false => package.version.to_owned(),
            };
            table.row([package.name, &version, &units::bytes(package.bytes), &programs]);
        }
        if rows.is_empty() { String::new() } else { table.show(style) }
    })?;
    if rows.is_empty() && arguments.format.is_text() {
        context.say("nothing is installed; `nuka search` shows what there is");
    }
    Ok(Exit::Success)
}

fn row(package: &Installed) -> Row<'_> {
    Row {
        name: &package.package.name,
        version: &package.package.version,
        pid: package.package.pid,
        asked: package.asked.to_string(),
        pinned: package.asked.version().is_some(),
        description: package.description.as_deref(),
        programs: package.program_names().collect(),
        bytes: package.bytes,
    }
}

/// Its programs; one that another package's goes before is in parentheses.
fn programs(state: &State, package: &Row<'_>) -> Vec<String> {
    let winners = state.programs().unwrap_or_default();
    let mine = |name: &str| winners.get(name).is_none_or(|(owner, _)| owner.name() == package.name);
    let shown = |name: &&str| if mine(name) { (*name).to_owned() } else { format!("({name})") };
    package.programs.iter().map(shown).collect()
}
