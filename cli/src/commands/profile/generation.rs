//! `nuka generation`, `history` and `rollback`: the states that a profile was in.

use super::{ProfileArgument, ago, hint, show};
use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{Changed, Client, GenerationNumber, Profile, Record, Silent},
    error::Error,
    exit::Exit,
    output::Format,
    quantity::Age,
    report::{
        escape::escape,
        table::{Table, number, text},
        units,
    },
};
use serde::Serialize;

/// Look at the states that a profile was in, and go to one of them
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show all generations
    List(ListArguments),
    /// Show what is other in one generation than in another
    Diff {
        /// The earlier one; without it, the one that the other was made of
        #[arg(value_name = "N")]
        first: Option<GenerationNumber>,
        /// The later one; without it, the one that is used
        #[arg(value_name = "M")]
        second: Option<GenerationNumber>,
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(flatten)]
        format: Format,
    },
    /// Go to a generation
    Switch {
        /// Its number
        number: GenerationNumber,
        #[command(flatten)]
        profile: ProfileArgument,
    },
    /// Delete generations; what only they kept goes with `nuka gc`
    Delete {
        /// Their numbers
        #[arg(value_name = "N", required_unless_present_any = ["older_than", "all_but"])]
        numbers: Vec<GenerationNumber>,
        /// Those that were made longer ago than this: 30d, 12h
        #[arg(long, value_name = "AGE", conflicts_with = "numbers")]
        older_than: Option<Age>,
        /// All but the last so many
        #[arg(long, value_name = "COUNT", conflicts_with = "numbers")]
        all_but: Option<usize>,
        #[command(flatten)]
        profile: ProfileArgument,
    },
}

/// Show what was changed, the latest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nuka history\n  nuka history --last 5")]
pub struct ListArguments {
    /// Only the last so many
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,
    #[command(flatten)]
    profile: ProfileArgument,
    #[command(flatten)]
    format: Format,
}

/// Go back to the generation before the one that is used
#[derive(Debug, clap::Args)]
#[command(after_help = "`nuka generation switch N` goes to any of them, also forward again.")]
pub struct RollbackArguments {
    #[command(flatten)]
    profile: ProfileArgument,
}

/// A generation as data.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// Whether it is the one that is used.
    current: bool,
}

/// What is other, as data.
#[derive(Debug, Serialize)]
struct Diff {
    packages: Vec<nuka_daemon::profile::PackageChange>,
    settings: Vec<String>,
}

/// Does it.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    match &arguments.what {
        What::List(list) => self::list(context, &nuka, list, false),
        What::Diff { first, second, profile, format } => {
            diff(context, &profile.open(&nuka), (*first, *second), *format)
        }
        What::Switch { number, profile } => switch(context, &profile.open(&nuka), *number),
        What::Delete { numbers, older_than, all_but, profile } => {
            let profile = profile.open(&nuka);
            let numbers = match (older_than, all_but) {
                (None, None) => numbers.clone(),
                (age, count) => chosen(&profile, *age, *count)?,
            };
            profile.delete(&numbers, &Silent)?;
            let count = units::count(numbers.len() as u64, "generation", "generations");
            context.say(&format!("{count} deleted; `nuka gc` frees what only they kept"));
            Ok(Exit::Success)
        }
    }
}

/// Prints what was done, with all that it changed.
pub fn history(context: &Context, arguments: &ListArguments) -> Done {
    list(context, &context.local(), arguments, true)
}

/// Goes back.
pub fn rollback(context: &Context, arguments: &RollbackArguments) -> Done {
    let nuka = context.local();
    let profile = arguments.profile.open(&nuka);
    let earlier = profile.earlier()?;
    switch(context, &profile, earlier)
}

fn switch(context: &Context, profile: &Profile<'_>, number: GenerationNumber) -> Done {
    let before = profile.state().ok();
    let progress = context.progress(&WorkArguments::LOCAL);
    let changed = profile.switch(number, &progress);
    progress.finish();
    let Changed { record, new } = changed?;
    if let Some(before) = before {
        let state = profile.state_of(&record)?;
        for change in state.changes_since(&before) {
            context.say(&show::change(&change));
        }
        for line in state.settings.changes_since(&before.settings) {
            context.say(&escape(&line));
        }
    }
    let what = if new { "is used now" } else { "is used already, and was put up anew" };
    context.say(&format!("generation {} ({}) {what}", record.number, escape(&record.why)));
    hint(context, &profile.current_path().join("bin"));
    Ok(Exit::Success)
}

fn list(context: &Context, nuka: &Client, arguments: &ListArguments, whole: bool) -> Done {
    let profile = arguments.profile.open(nuka);
    let progress = context.progress(&WorkArguments::LOCAL);
    let mut records = profile.records(&progress)?;
    progress.finish();
    records.reverse();
    records.truncate(arguments.last.unwrap_or(usize::MAX));
    let current = match profile.current() {
        Ok(current) => current.map(|record| record.number),
        Err(error) => {
            context.warn(&error.to_string());
            None
        }
    };
    let row = |record| Row { record, current: current == Some(record.number) };
    let rows: Vec<Row<'_>> = records.iter().map(row).collect();
    arguments.format.print(context, &rows, |style| {
        if whole {
            return rows.iter().map(entry).collect();
        }
        let mut table = Table::new([number("N"), text(""), text("MADE"), text("BY"), text("CHANGES")]);
        for Row { record, current } in &rows {
            let used = if *current { "used" } else { "" };
            let changes = show::changes(record);
            let changes = match changes.as_slice() {
                [one] => one.clone(),
                [] => String::new(),
                several => units::count(several.len() as u64, "change", "changes"),
            };
            table.row([&record.number.to_string(), used, &ago(record.time_ms), &record.why, &changes]);
        }
        if rows.is_empty() { String::new() } else { table.show(style) }
    })?;
    if rows.is_empty() && arguments.format.is_text() {
        context.say("there are no generations: nothing was ever installed");
    }
    Ok(Exit::Success)
}

fn entry(row: &Row<'_>) -> String {
    let Row { record, current } = row;
    let used = if *current { ", used" } else { "" };
    let mut text = format!("{}  {} ({}{used})\n", record.number, escape(&record.why), ago(record.time_ms));
    for line in show::changes(record) {
        text.push_str(&format!("     {line}\n"));
    }
    text
}

fn diff(
    context: &Context,
    profile: &Profile<'_>,
    (first, second): (Option<GenerationNumber>, Option<GenerationNumber>),
    format: Format,
) -> Done {
    let nothing = || Error::Absent {
        message: "there are no generations".to_owned(),
        help: "`nuka install PACKAGE` makes one".to_owned(),
    };
    let second = match second {
        Some(number) => profile.record(number)?,
        None => profile.current()?.ok_or_else(nothing)?,
    };
    let first = match first.or(second.from) {
        Some(number) => profile.record(number)?,
        None => second.clone(),
    };
    let (before, after) = (profile.state_of(&first)?, profile.state_of(&second)?);
    let diff = Diff {
        packages: after.changes_since(&before),
        settings: after.settings.changes_since(&before.settings),
    };
    format.print(context, &diff, |_| {
        let settings = diff.settings.iter().map(|line| escape(line).into_owned());
        diff.packages.iter().map(show::change).chain(settings).map(|line| line + "\n").collect()
    })?;
    if diff.packages.is_empty() && diff.settings.is_empty() {
        context.say(&format!("generations {} and {} are the same", first.number, second.number));
    }
    Ok(Exit::Success)
}

/// Generations by their age or number, without the one that is used.
fn chosen(
    profile: &Profile<'_>,
    older_than: Option<Age>,
    all_but: Option<usize>,
) -> Result<Vec<GenerationNumber>, Error> {
    let records = profile.records(&Silent)?;
    let current = profile.current()?.map(|record| record.number);
    let before = older_than.map(|age| super::now_ms().saturating_sub(age.0.saturating_mul(1000)));
    let last = records.len().saturating_sub(all_but.unwrap_or(0));
    let old = |record: &&Record| before.is_none_or(|before| record.time_ms <= before);
    let others = records.iter().take(last).filter(old).map(|record| record.number);
    Ok(others.filter(|number| Some(*number) != current).collect())
}
