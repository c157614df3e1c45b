//! `nuka permit`: what installed programs may do beyond what their recipes declare.

use super::{ProfileArgument, tell};
use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{Edit, Permit, State, no_program},
    error::Error,
    exit::Exit,
    output::Format,
    report::table::{Table, text},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Let an installed program do more, from now on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A program reads the directory that it is started in, unless that is your home or one above, and does what its recipe declares. What is permitted here is added
to what was permitted before, and holds whatever version is installed.

Examples:
  nuka permit sqlite3 --write ~/data      it may change what is in there
  nuka permit bsdtar --write-here         it may change the directory that it is started in
  nuka permit --list                      what was permitted
  nuka permit sqlite3 --revoke            nothing of it any more")]
pub struct Arguments {
    /// The program
    #[arg(required_unless_present = "list")]
    program: Option<String>,
    /// It may change a directory and what is in it
    #[arg(long, value_name = "DIR", requires = "program")]
    write: Vec<PathBuf>,
    /// It may read a directory
    #[arg(long, value_name = "DIR", requires = "program")]
    read: Vec<PathBuf>,
    /// It may change the directory that it is started in, whichever that is below your home or elsewhere
    #[arg(long, requires = "program")]
    write_here: bool,
    /// It sees a variable, with the value that it has when the program is started
    #[arg(long, value_name = "NAME", requires = "program")]
    env: Vec<String>,
    /// It may open network connections
    #[arg(long, requires = "program")]
    network: bool,
    /// Take back all that was permitted; what else is named here is permitted
    #[arg(long, requires = "program")]
    revoke: bool,
    /// Show what was permitted, of one program or of all
    #[arg(short, long)]
    list: bool,
    #[command(flatten)]
    profile: ProfileArgument,
    #[command(flatten)]
    format: Format,
}

/// What one program may do.
#[derive(Debug, Serialize)]
struct Row {
    program: String,
    /// By its recipe.
    declared: Vec<String>,
    /// By its owner.
    permitted: Option<Permit>,
}

/// Permits, or shows what was permitted.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let profile = arguments.profile.open(&nuka);
    let more = permit(context, arguments)?;
    let Some(program) = arguments.program.as_ref().filter(|_| !arguments.list) else {
        return list(context, arguments, &profile.state()?);
    };
    if more.is_empty() && !arguments.revoke {
        return Err(Error::Usage {
            message: format!("what may `{program}` do?"),
            help: "`--write DIR`, `--read DIR`, `--write-here`, `--env NAME`, `--network` or `--revoke`"
                .to_owned(),
        });
    }
    let progress = context.progress(&WorkArguments::LOCAL);
    let changed = profile.change(&format!("permit {program}"), &progress, |state| {
        let mut settings = state.settings.clone();
        let known =
            state.packages.values().any(|package| package.program_names().any(|name| name == program));
        if !known && !settings.permits.contains_key(program) {
            return Err(no_program(state, program));
        }
        let before = settings.permits.remove(program).filter(|_| !arguments.revoke).unwrap_or_default();
        let now = before.and(more);
        if !now.is_empty() {
            settings.permits.insert(program.clone(), now);
        }
        Ok(Edit { settings: Some(settings), ..Edit::default() })
    });
    progress.finish();
    tell(context, &profile, &changed?);
    Ok(Exit::Success)
}

fn permit(context: &Context, arguments: &Arguments) -> Result<Permit, Error> {
    let here = &context.environment.current_directory;
    let place = |path: &Path| {
        let path = here.join(path);
        let real = path.canonicalize().map_err(Error::file("let the program into", &path))?;
        if !real.is_dir() || real.parent().is_none() {
            return Err(Error::Usage {
                message: format!("{} cannot be given to a program", real.display()),
                help: "name a directory below `/`".to_owned(),
            });
        }
        match real.to_str() {
            Some(_) => Ok(real),
            None => Err(Error::Usage {
                message: format!("{} is not UTF-8, which a program's path must be", real.display()),
                help: "name another directory".to_owned(),
            }),
        }
    };
    let mut permit = Permit { here: arguments.write_here, network: arguments.network, ..Permit::default() };
    for (paths, write) in [(&arguments.read, false), (&arguments.write, true)] {
        for path in paths {
            *permit.directories.entry(place(path)?).or_default() |= write;
        }
    }
    for name in &arguments.env {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Error::Usage {
                message: format!("`{name}` is no variable's name"),
                help: "a program sees a variable with the value that it has when it is started: `--env NAME`"
                    .to_owned(),
            });
        }
    }
    permit.env = arguments.env.clone();
    Ok(permit)
}

fn list(context: &Context, arguments: &Arguments, state: &State) -> Done {
    let mut rows = Vec::new();
    for package in state.packages.values() {
        for prepared in &package.programs {
            let name = &prepared.program;
            if arguments.program.as_ref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            let permitted = state.settings.permits.get(name).cloned();
            rows.push(Row { program: name.clone(), declared: prepared.declared(), permitted });
        }
    }
    if let Some(program) = arguments.program.as_ref().filter(|_| rows.is_empty()) {
        return Err(Error::Nuka(no_program(state, program).into()));
    }
    rows.sort_by(|a, b| a.program.cmp(&b.program));
    arguments.format.print(context, &rows, |style| {
        let mut table = Table::new([text("PROGRAM"), text("BY ITS RECIPE"), text("PERMITTED")]);
        for row in &rows {
            let permitted = row.permitted.as_ref().map(Permit::in_words).unwrap_or_default();
            table.row([&row.program, &row.declared.join(", "), &permitted]);
        }
        if rows.is_empty() { String::new() } else { table.show(style) }
    })?;
    Ok(Exit::Success)
}
