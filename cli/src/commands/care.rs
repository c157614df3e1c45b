//! `nuka store verify`, `export`, `import`, `diff`, `pin`, `unpin` and `kept`: looking after the store.

use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{EntryKind, Handed, Keeping, Lost, Side, TreeDifference, Verified},
    error::Error,
    exit::Exit,
    output::Format,
    report::{
        escape::escape,
        plan,
        style::{Role, Style},
        table::{Table, text},
        units,
    },
};
use serde::Serialize;
use std::{
    io,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// Look at every object, and put right what is damaged
#[derive(Debug, clap::Args)]
pub struct VerifyArguments {
    /// Move damaged objects away, and fetch or build again what they were part of
    #[arg(long)]
    repair: bool,
    /// Make the index again from the objects: where it is lost or damaged
    #[arg(long, conflicts_with = "repair")]
    rebuild_index: bool,
    #[command(flatten)]
    format: Format,
}

/// Verifies, repairs, or makes the index again.
pub fn verify(context: &Context, arguments: &VerifyArguments) -> Done {
    let nuka = context.nuka(&WorkArguments::default());
    let progress = context.progress(&WorkArguments::LOCAL);
    if arguments.rebuild_index {
        let rebuilt = nuka.rebuild_index(&progress);
        progress.finish();
        let rebuilt = rebuilt?;
        arguments.format.print(context, &rebuilt, |_| {
            format!(
                "the index knows {}, {} and {}\n",
                units::count(rebuilt.packages, "package", "packages"),
                units::count(rebuilt.sources, "source", "sources"),
                units::count(rebuilt.pins, "pin", "pins"),
            )
        })?;
        if rebuilt.incomplete > 0 || rebuilt.damaged > 0 {
            let what = units::count(rebuilt.incomplete, "package or source is", "packages and sources are");
            let damaged = units::count(rebuilt.damaged, "object is", "objects are");
            context.say(&format!("{what} not whole, and {damaged} damaged: `nuka store verify --repair`"));
        }
        return Ok(Exit::Success);
    }
    let verified = nuka.verify(arguments.repair, &progress);
    progress.finish();
    let verified = verified?;
    arguments.format.print(context, &verified, |style| show(&verified, style))?;
    if verified.is_clean() {
        return Ok(Exit::Success);
    }
    let whole = verified
        .repaired
        .as_ref()
        .is_some_and(|repaired| repaired.lost.is_empty() && repaired.pins.is_empty());
    context.say(match &verified.repaired {
        Some(_) if whole => "everything is whole again",
        Some(_) => "what could not be made again is missing from the store; build it from its recipe",
        None if verified.index.is_some() => {
            "`nuka store verify --rebuild-index` makes the index again from the objects"
        }
        None => "`nuka store verify --repair` puts right what can be",
    });
    Ok(if whole { Exit::Success } else { Exit::Failure })
}

fn show(verified: &Verified, style: Style) -> String {
    let objects = units::count(verified.objects, "sound object", "sound objects");
    let mut shown = format!("{objects}, {}\n", units::bytes(verified.bytes));
    for problem in &verified.problems {
        let parts = match problem.parts_of.as_slice() {
            [] => "nobody needs it".to_owned(),
            parts => format!("part of {}", escape(&parts.join(", "))),
        };
        let wrong = style.show(Role::Bad, &escape(&problem.wrong)).to_string();
        shown.push_str(&format!("{}: {wrong}; {parts}\n", problem.object));
    }
    for stray in &verified.strays {
        shown.push_str(&format!("{} is no object\n", escape(&stray.display().to_string())));
    }
    if let Some(index) = &verified.index {
        shown.push_str(&format!("{}\n", escape(index)));
    }
    if let Some(repaired) = &verified.repaired {
        for (number, one, many) in [
            (repaired.quarantined.len() as u64, "damaged object was", "damaged objects were"),
            (repaired.strays, "file that is no object was", "files that are no objects were"),
        ] {
            if number > 0 {
                shown.push_str(&format!("{} moved away\n", units::count(number, one, many)));
            }
        }
        for package in &repaired.made {
            shown.push_str(&format!("{} was made again\n", plan::name(package)));
        }
        for Lost { package, reason } in &repaired.lost {
            shown.push_str(&format!("{} could not be made again: {}\n", plan::name(package), escape(reason)));
        }
        if repaired.sources > 0 {
            let count = units::count(repaired.sources, "source is", "sources are");
            shown.push_str(&format!("{count} fetched again when wanted\n"));
        }
        for pin in &repaired.pins {
            shown.push_str(&format!("the pin {} is of something that is not whole\n", escape(pin)));
        }
    }
    shown
}

/// Write packages, with all that they need when they run, to one file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is a tar archive that `tar -t` lists. The same packages give the same bytes. Compress it with what you have:

  nuka store export lua -o - | zstd > lua.tar.zst")]
pub struct ExportArguments {
    /// The packages: NAME, NAME@VERSION or a PID
    #[arg(required = true, value_name = "PACKAGE")]
    what: Vec<String>,
    /// The file, which is not there yet; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Exports.
pub fn export(context: &Context, arguments: &ExportArguments) -> Done {
    let output = &arguments.output;
    let stdout = output.as_os_str() == "-";
    if stdout && context.terminal.stdout {
        return Err(Error::Usage {
            message: "a terminal is no place for an export".to_owned(),
            help: "name a file: `-o FILE`".to_owned(),
        });
    }
    if !stdout && output.symlink_metadata().is_ok() {
        let help = "name a file that is not there: nothing is overwritten".to_owned();
        return Err(Error::Exists { path: output.clone(), help });
    }
    let into = match stdout {
        true => Handed::stream("standard output", io::stdout()),
        false => Handed::create(context.environment.current_directory.join(output)),
    };
    let into = into.map_err(Error::file("write", output))?;
    let progress = context.progress(&WorkArguments::LOCAL);
    let exported = context.local().export_closure(arguments.what.clone(), into, &progress);
    progress.finish();
    if exported.is_err() && !stdout {
        // Half an export is none.
        let _ = fs_err::remove_file(output);
    }
    exported?;
    Ok(Exit::Success)
}

/// Take in what another store has exported
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every byte is verified against its name. That a package became what the file says is believed: take in only what
comes from somebody you trust.")]
pub struct ImportArguments {
    /// The file; `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// Imports.
pub fn import(context: &Context, arguments: &ImportArguments) -> Done {
    if arguments.file.as_os_str() == "-" && std::io::IsTerminal::is_terminal(&io::stdin()) {
        return Err(Error::Usage {
            message: "nothing can be imported from a terminal".to_owned(),
            help: "name a file, or send one: `nuka store import - < FILE`".to_owned(),
        });
    }
    let from = match arguments.file.as_os_str() == "-" {
        true => Handed::stream("standard input", io::stdin()).map_err(Error::file("read", "-"))?,
        false => Handed::own(context.environment.current_directory.join(&arguments.file)),
    };
    let progress = context.progress(&WorkArguments::LOCAL);
    let imported = context.local().import_closure(from, &progress);
    progress.finish();
    let imported = imported?;
    arguments.format.print(context, &imported, |_| {
        let lines =
            imported.packages.iter().map(|package| format!("{}  {}\n", plan::name(package), package.pid));
        lines.collect()
    })?;
    let known = units::count(imported.known.len() as u64, "package was", "packages were");
    let objects = units::count(imported.new_objects, "object is", "objects are");
    context.say(&format!("{objects} new here; {known} here already"));
    Ok(Exit::Success)
}

/// Show the paths at which two trees differ
#[derive(Debug, clap::Args)]
pub struct DiffArguments {
    /// A package, PID or CID, each also with /PATH
    left: String,
    /// The other one
    right: String,
    #[command(flatten)]
    format: Format,
}

/// Compares.
pub fn diff(context: &Context, arguments: &DiffArguments) -> Done {
    let differences = context.local().store_diff(&arguments.left, &arguments.right)?;
    arguments.format.print(context, &differences, |style| {
        differences.iter().map(|difference| difference_line(difference, style)).collect()
    })?;
    if differences.is_empty() {
        context.say("the same tree");
        return Ok(Exit::Success);
    }
    Ok(Exit::Failure)
}

fn difference_line(difference: &TreeDifference, style: Style) -> String {
    let side = |Side { kind, bytes }: Side| match kind {
        EntryKind::Directory => format!("directory, {}", units::bytes(bytes)),
        EntryKind::File => units::bytes(bytes),
        EntryKind::Executable => format!("executable, {}", units::bytes(bytes)),
        EntryKind::Symlink => "link".to_owned(),
    };
    let (sign, role, what) = match (difference.before, difference.after) {
        (None, after) => ("+", Role::Good, after.map(side).unwrap_or_default()),
        (Some(before), None) => ("-", Role::Bad, side(before)),
        (Some(before), Some(after)) if before == after => {
            ("~", Role::Warning, format!("{}, other bytes", side(after)))
        }
        (Some(before), Some(after)) => ("~", Role::Warning, format!("{} -> {}", side(before), side(after))),
    };
    format!("{} {}  {what}\n", style.show(role, sign), escape(&difference.path))
}

/// Keep a package, tree or file whatever happens
#[derive(Debug, clap::Args)]
pub struct PinArguments {
    /// What: NAME, a PID or CID, each also with /PATH
    what: String,
    #[command(flatten)]
    format: Format,
}

/// What is printed as data of a pin.
#[derive(Debug, Serialize)]
struct Pinned<'a> {
    /// Its name.
    pin: &'a str,
    /// Whether it is kept from now on.
    pinned: bool,
}

/// Pins.
pub fn pin(context: &Context, arguments: &PinArguments) -> Done {
    let PinArguments { what, format } = arguments;
    context.local().pin(what)?;
    format.print(context, &Pinned { pin: what, pinned: true }, |_| String::new())?;
    Ok(Exit::Success)
}

/// Keep it no longer than it is used
#[derive(Debug, clap::Args)]
pub struct UnpinArguments {
    /// What, as it was pinned: see `nuka store kept`
    what: String,
    #[command(flatten)]
    format: Format,
}

/// Unpins.
pub fn unpin(context: &Context, arguments: &UnpinArguments) -> Done {
    let UnpinArguments { what, format } = arguments;
    if context.local().unpin(what)? {
        format.print(context, &Pinned { pin: what, pinned: false }, |_| String::new())?;
        return Ok(Exit::Success);
    }
    let (message, help) =
        (format!("nothing is pinned as `{what}`"), "`nuka store kept` lists the pins".to_owned());
    Err(Error::Absent { message, help })
}

/// Show what is kept, and why: pins, and packages with their last use
#[derive(Debug, clap::Args)]
pub struct KeptArguments {
    #[command(flatten)]
    format: Format,
}

/// Lists.
pub fn kept(context: &Context, arguments: &KeptArguments) -> Done {
    let kept = context.local().kept()?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
    arguments.format.print(context, &kept, |style| {
        let mut table = Table::new([text("KEPT BY"), text("WHAT"), text("LAST USED")]);
        for Keeping { pin, package, object, time_ms } in &kept {
            let what = match (package, object) {
                (Some(package), _) if package.name.is_empty() => package.pid.to_string(),
                (Some(package), _) => format!("{} {}", package.name, package.version),
                (None, object) => object.clone().unwrap_or_default(),
            };
            let by = pin.as_ref().map_or_else(|| "use".to_owned(), |name| format!("pin {name}"));
            let time = if pin.is_some() { String::new() } else { units::ago(now_ms, *time_ms) };
            table.row([by, what, time]);
        }
        if table.is_empty() { String::new() } else { table.show(style) }
    })?;
    Ok(Exit::Success)
}
