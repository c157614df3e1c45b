//! `nuka prefer`: whose program it is that several packages have.

use super::{ProfileArgument, tell};
use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::Edit,
    error::Error,
    exit::Exit,
    output::Format,
    report::{
        escape::escape,
        table::{Table, text},
    },
};

/// Say whose program it is that several packages have
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nuka prefer lua luajit       `lua` is luajit's, now or as soon as it is installed
  nuka prefer lua --forget     nobody's in particular
  nuka prefer                  what was decided")]
pub struct Arguments {
    /// The program
    program: Option<String>,
    /// The package
    #[arg(requires = "program")]
    package: Option<String>,
    /// Decide no more
    #[arg(long, requires = "program", conflicts_with = "package")]
    forget: bool,
    #[command(flatten)]
    profile: ProfileArgument,
    #[command(flatten)]
    format: Format,
}

/// Decides, or shows what was decided.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let profile = arguments.profile.open(&nuka);
    let Some(program) = &arguments.program else {
        let prefer = profile.state()?.settings.prefer;
        arguments.format.print(context, &prefer, |style| {
            let mut table = Table::new([text("PROGRAM"), text("PACKAGE")]);
            prefer.iter().for_each(|(program, package)| table.row([program, package]));
            if prefer.is_empty() { String::new() } else { table.show(style) }
        })?;
        return Ok(Exit::Success);
    };
    if arguments.package.is_none() && !arguments.forget {
        return Err(Error::Usage {
            message: format!("whose `{program}` is it to be?"),
            help: format!("`nuka prefer {program} PACKAGE`, or `nuka prefer {program} --forget`"),
        });
    }
    let why = format!("prefer {program} {}", arguments.package.as_deref().unwrap_or("--forget"));
    let progress = context.progress(&WorkArguments::LOCAL);
    let changed = profile.change(&why, &progress, |state| {
        let mut settings = state.settings.clone();
        match &arguments.package {
            Some(package) => drop(settings.prefer.insert(program.clone(), package.clone())),
            None => drop(settings.prefer.remove(program)),
        }
        Ok(Edit { settings: Some(settings), ..Edit::default() })
    });
    progress.finish();
    tell(context, &profile, &changed?);
    if let Some(package) = &arguments.package {
        let state = profile.state()?;
        let has = |name: &&str| name == program;
        if !state.packages.get(package).is_some_and(|package| package.program_names().any(|name| has(&name)))
        {
            context.say(&format!(
                "no installed package {} has a program {}: this counts once there is one",
                escape(package),
                escape(program)
            ));
        }
    }
    Ok(Exit::Success)
}
