//! `nuka apply`: a profile becomes what an environment says.

use super::{from_beside, pins, target};
use crate::{
    commands::{
        Done,
        profile::{ProfileArgument, agreed, tell},
    },
    context::{Context, WorkArguments},
    daemon::{BuildOptions, Edit, Settings},
    exit::Exit,
    report::{hashes, plan},
};
use std::{collections::BTreeSet, path::PathBuf};

/// Make a profile what an environment's file says
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What the file does not name is removed; what was preferred and permitted stays. It is a new generation, which
`nuka rollback` takes back.

Example:
  nuka apply ~/dotfiles/nuka.nu")]
pub struct Arguments {
    /// The environment's file
    file: PathBuf,
    #[command(flatten)]
    profile: ProfileArgument,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    work: WorkArguments,
}

/// Applies it.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.nuka(&arguments.work);
    let file = context.environment.current_directory.join(&arguments.file);
    let targets = [target(&file)];
    let named = |fault| hashes::name_recipe(fault, &targets);
    let pins = pins(context, &nuka, &file)?;
    if pins.is_none() {
        let planned = nuka.plan(&targets, &BuildOptions::default()).map_err(named)?;
        if !plan::is_empty(&planned) {
            let processors = arguments.work.jobs.unwrap_or(context.environment.jobs);
            context.say(&plan::show(&planned, processors, context.style()));
            if !agreed("go on?", arguments.yes)? {
                return Ok(Exit::Failure);
            }
        }
    }
    let progress = context.progress(&arguments.work);
    let made = nuka.environment(&targets[0], pins, false, &progress);
    progress.finish();
    let mut made = made.map_err(named)?;
    from_beside(&file, &mut made.packages);
    let progress = context.progress(&arguments.work);
    for program in made.packages.iter().flat_map(|package| &package.programs) {
        nuka.make_ready(program, &progress)?;
    }
    progress.finish();
    let profile = arguments.profile.open(&nuka);
    let progress = context.progress(&arguments.work);
    let changed = profile.change(&format!("apply {}", file.display()), &progress, |state| {
        let wanted: BTreeSet<&str> = made.packages.iter().map(|package| package.name()).collect();
        let remove = state.packages.keys().filter(|name| !wanted.contains(name.as_str())).cloned().collect();
        let Settings { variables, files, hooks, .. } = made.settings.clone();
        let settings = Settings { variables, files, hooks, ..state.settings.clone() };
        Ok(Edit { put: made.packages.clone(), remove, settings: Some(settings) })
    });
    progress.finish();
    tell(context, &profile, &changed?);
    Ok(Exit::Success)
}
