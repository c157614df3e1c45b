//! `nuka update` shows what could change, `nuka upgrade` changes it.

use super::{ProfileArgument, install::obtain, show, tell};
use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{Client, Edit, Installed, PackageChange, State, Target, not_installed},
    error::Error,
    exit::Exit,
    output::Format,
    report::hashes,
};

/// Show what `nuka upgrade` would change
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A package can change when its recipe does: with nuka itself, or with a recipe of your own. What was installed as
NAME@VERSION stays at that version.

Example:
  nuka update")]
pub struct UpdateArguments {
    #[command(flatten)]
    profile: ProfileArgument,
    #[command(flatten)]
    format: Format,
}

/// Install the newest versions of what is installed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nuka upgrade          everything\n  nuka upgrade lua      one package")]
pub struct UpgradeArguments {
    /// Packages, by their names; without any, all that are installed
    #[arg(value_name = "PACKAGE")]
    packages: Vec<String>,
    #[command(flatten)]
    profile: ProfileArgument,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would be fetched and built
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    work: WorkArguments,
}

/// Prints what could change.
pub fn update(context: &Context, arguments: &UpdateArguments) -> Done {
    let nuka = context.local();
    let state = arguments.profile.open(&nuka).state()?;
    let (mut changes, mut unknown) = (Vec::new(), false);
    for package in state.packages.values() {
        match newer(&nuka, package) {
            Ok(change) => changes.extend(change),
            // A recipe that is gone or broken holds up nothing else.
            Err(error) => {
                unknown = true;
                context.warn(&format!("{}: {error}", package.name()));
            }
        }
    }
    arguments.format.print(context, &changes, |_| {
        changes.iter().map(|change| format!("{}\n", show::change(change))).collect()
    })?;
    context.say(match changes.is_empty() {
        true if unknown => "all others are as their recipes say",
        true => "everything is as its recipe says",
        false => "`nuka upgrade` changes this",
    });
    Ok(if unknown { Exit::Failure } else { Exit::Success })
}

fn newer(nuka: &Client, package: &Installed) -> Result<Option<PackageChange>, Error> {
    let targets = std::slice::from_ref(&package.asked);
    let now = nuka.show(&package.asked).map_err(|fault| hashes::name_recipe(fault, targets))?;
    let (old, new) = (&package.package, now.package);
    let change = || PackageChange {
        name: old.name.clone(),
        from: Some(old.version.clone()),
        to: Some(new.version.clone()),
    };
    Ok((old.pid != new.pid).then(change))
}

/// Upgrades.
pub fn upgrade(context: &Context, arguments: &UpgradeArguments) -> Done {
    let nuka = context.nuka(&arguments.work);
    let profile = arguments.profile.open(&nuka);
    let state = profile.state()?;
    let mut targets = wanted(&state, &arguments.packages)?;
    if targets.is_empty() {
        context.say("nothing is installed");
        return Ok(Exit::Success);
    }
    // A recipe that is gone or broken holds up no other package, unless it was named.
    let all = targets.len();
    if arguments.packages.is_empty() {
        targets.retain(|target| match nuka.show(target) {
            Ok(_) => true,
            Err(error) => {
                context.warn(&format!("{target} stays as it is: {}", error.message));
                false
            }
        });
    }
    let exit = if targets.len() == all { Exit::Success } else { Exit::Failure };
    if targets.is_empty() {
        return Ok(exit);
    }
    let Some(packages) = obtain(context, &nuka, &targets, &arguments.work, arguments.yes, arguments.dry_run)?
    else {
        return Ok(if arguments.dry_run { exit } else { Exit::Failure });
    };
    let why = format!("upgrade {}", arguments.packages.join(" "));
    let progress = context.progress(&arguments.work);
    let changed = profile.change(why.trim_end(), &progress, |now| {
        // What was removed while this was built does not come back.
        let put = packages.into_iter().filter(|package| now.packages.contains_key(package.name())).collect();
        Ok(Edit { put, ..Edit::default() })
    });
    progress.finish();
    tell(context, &profile, &changed?);
    Ok(exit)
}

fn wanted(state: &State, names: &[String]) -> Result<Vec<Target>, Error> {
    if names.is_empty() {
        return Ok(state.packages.values().map(|package| package.asked.clone()).collect());
    }
    let find = |name: &String| match state.packages.get(name) {
        Some(package) => Ok(package.asked.clone()),
        None => Err(Error::Nuka(not_installed(state, name).into())),
    };
    names.iter().map(find).collect()
}
