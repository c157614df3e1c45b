//! `nuka gc`: removes what nothing keeps, and says what keeps something.

use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{Amount, Cached, GcDone, GcPlanned, GcWish, KeptBy, PackageRef},
    exit::Exit,
    output::Format,
    quantity::{Age, Size},
    report::{
        escape::escape,
        plan,
        style::Style,
        table::{Table, number, text},
        units,
    },
};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

/// Remove what has not been used for a while
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Pinned packages stay, and what they need; so does what is being used right now. Everything else stays as long as
it is used: a package when it is built, run or looked into, or when another is built from it.

Examples:
  nuka gc --dry-run                 what would go
  nuka gc --keep-since 7d           keep what was used in the last week
  nuka gc --max-size 20G            the least recently used goes until the rest fits
  nuka gc --why lua                 what keeps it
  nuka store pin lua                keeps it whatever happens")]
pub struct Arguments {
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
    /// Keep what was used in this time: 30d, 12h
    #[arg(long, value_name = "AGE", default_value = "30d")]
    keep_since: Age,
    /// Let the least recently used go until the objects have no more than this: 20G
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
    /// Also let go what profiles and environments keep whose directories are gone
    #[arg(long, conflicts_with_all = ["dry_run", "why"])]
    lost_profiles: bool,
    /// Say what keeps a package or a path: NAME, a PID or CID, each also with /PATH
    #[arg(long, value_name = "WHAT", conflicts_with = "dry_run")]
    why: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// What is printed as data.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    planned: &'a GcPlanned,
    /// Nothing, if nothing was done.
    done: Option<GcDone>,
}

/// Collects.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let wish = GcWish {
        keep_seconds: Some(arguments.keep_since.0),
        max_bytes: arguments.max_size.map(|size| size.0),
    };
    if let Some(what) = &arguments.why {
        return why(context, arguments, what, wish);
    }
    let lost = nuka.lost_generations()?;
    if arguments.lost_profiles {
        nuka.drop_generations(lost)?;
    } else if !lost.is_empty() {
        let places: BTreeSet<_> = lost.iter().map(|root| root.profile.display().to_string()).collect();
        let places = places.into_iter().collect::<Vec<_>>().join(", ");
        context.say(&format!(
            "what was installed by profiles and environments that are gone stays: {}; `nuka gc --lost-profiles` lets it go",
            escape(&places)
        ));
    }
    let planned = nuka.gc_plan(wish)?;
    if arguments.format.is_text() {
        // Before anything is removed.
        crate::output::print(&show(&planned, Style { colour: context.terminal.stdout_colour }))?;
    }
    let nothing = planned.packages.is_empty()
        && planned.sources.is_empty()
        && planned.freed.objects == 0
        && planned.cache.all().objects == 0;
    let done = if arguments.dry_run || nothing {
        None
    } else {
        let progress = context.progress(&WorkArguments::LOCAL);
        let done = nuka.gc(wish, &progress);
        progress.finish();
        Some(done?)
    };
    if !arguments.format.is_text() {
        arguments.format.print(context, &Report { planned: &planned, done }, |_| String::new())?;
    }
    context.say(&match &done {
        None if nothing => format!("nothing to remove: {} stay", amount(planned.kept)),
        None => format!("{} would go, {} stay", gone(planned.freed, &planned.cache), amount(planned.kept)),
        Some(done) => format!("{} went, {} stay", gone(done.freed, &done.cache), amount(planned.kept)),
    });
    if let Some(done) = done.filter(|done| done.aside.objects > 0) {
        context.say(&format!(
            "{} of them go with the next `nuka gc`: work that is going on may want them",
            amount(done.aside)
        ));
    }
    Ok(Exit::Success)
}

fn amount(amount: Amount) -> String {
    let objects = units::count(amount.objects, "object", "objects");
    format!("{} in {objects}", units::bytes(amount.bytes))
}

/// What goes of the store, and beside it.
fn gone(freed: Amount, cache: &Cached) -> String {
    match cache.all() {
        Amount { objects: 0, .. } => amount(freed),
        Amount { bytes, .. } => {
            format!("{} and {} of what was kept beside it", amount(freed), units::bytes(bytes))
        }
    }
}

fn show(planned: &GcPlanned, style: Style) -> String {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
    let mut table =
        Table::new([text("PACKAGE"), text("VERSION"), text("LAST USED"), number("FREES"), number("SHARED")]);
    for dead in &planned.packages {
        let PackageRef { pid, name, version } = &dead.package;
        let name = if name.is_empty() { pid.short() } else { name.clone() };
        let cells = [
            name,
            version.clone(),
            units::ago(now_ms, dead.last_use_ms),
            units::bytes(dead.unique_bytes),
            units::bytes(dead.shared_bytes),
        ];
        table.row(cells);
    }
    let mut shown = if table.is_empty() { String::new() } else { table.show(style) };
    let sources: u64 = planned.sources.iter().map(|source| source.unique_bytes).sum();
    let fetched = "to be fetched again when wanted";
    let Cached { modules, downloads, launchers, steps } = planned.cache;
    for (count, bytes, one, many, what) in [
        (planned.sources.len() as u64, sources, "source", "sources", fetched),
        (planned.leftovers.objects, planned.leftovers.bytes, "object", "objects", "that nothing names"),
        (
            modules.objects,
            modules.bytes,
            "compiled program",
            "compiled programs",
            "to be compiled again when wanted",
        ),
        (downloads.objects, downloads.bytes, "download", "downloads", "that were not used"),
        (launchers.objects, launchers.bytes, "launcher", "launchers", "of shells that are closed"),
        (steps.objects, steps.bytes, "record", "records", "of builds that were cut"),
    ] {
        if count > 0 {
            shown.push_str(&format!("{} {what}: {}\n", units::count(count, one, many), units::bytes(bytes)));
        }
    }
    shown
}

fn why(context: &Context, arguments: &Arguments, what: &str, wish: GcWish) -> Done {
    let chain = context.local().gc_why(what, wish)?;
    let Some(chain) = &chain else {
        arguments.format.print(context, &chain, |_| String::new())?;
        context.say(&format!("nothing keeps {}: `nuka gc` would remove it", escape(what)));
        return Ok(Exit::Failure);
    };
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
    arguments.format.print(context, chain, |_| {
        let mut shown = String::new();
        for (depth, link) in chain.iter().enumerate() {
            shown.push_str(&format!("{}{}\n", "  ".repeat(depth), line(link, now_ms)));
        }
        shown
    })?;
    Ok(Exit::Success)
}

/// A pin, or what profiles and environments keep: see `nuka_daemon::profile::GenerationRoot`.
fn pin(name: &str) -> String {
    let mut words = name.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some("generation"), Some(_), Some(rest)) if rest.contains(" /") => {
            let (number, profile) = rest.split_once(' ').unwrap_or((rest, ""));
            format!("generation {} of the profile {}", escape(number), escape(profile))
        }
        (Some("environment"), Some(_), Some(file)) => format!("the environment of {}", escape(file)),
        _ => format!("the pin {}", escape(name)),
    }
}

fn line(link: &KeptBy, now_ms: u64) -> String {
    match link {
        KeptBy::Pin { name } => pin(name),
        KeptBy::Lease { name } => {
            format!("process {}, which works with it", escape(name.split('-').next().unwrap_or(name)))
        }
        KeptBy::Use { time_ms } => format!("it was used {}", units::ago(now_ms, *time_ms)),
        KeptBy::Package { package } if package.name.is_empty() => package.pid.to_string(),
        KeptBy::Package { package } => format!("{}  {}", plan::name(package), package.pid.short()),
        KeptBy::Source { id } => format!("source {}", id.short()),
        KeptBy::Output { name, cid } => format!("{}  {}", escape(name), cid.short()),
        KeptBy::Tree { cid } => format!("tree {}", cid.short()),
        KeptBy::Object { what, blob: None } => escape(what).into_owned(),
        KeptBy::Object { what, blob: Some(blob) } => format!("{}  {}", escape(what), blob.short()),
    }
}
