//! `nuka remove`: packages whose programs start by their names no more.

use super::{ProfileArgument, tell};
use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::Edit,
    exit::Exit,
};
use std::collections::BTreeSet;

/// Remove installed packages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The generation before still has them: `nuka rollback` brings them back, and `nuka gc` leaves them. `nuka generation
delete` lets them go.

Example:
  nuka remove lua")]
pub struct Arguments {
    /// The packages, by their names
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<String>,
    #[command(flatten)]
    profile: ProfileArgument,
}

/// Removes.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let profile = arguments.profile.open(&nuka);
    let progress = context.progress(&WorkArguments::LOCAL);
    let names: BTreeSet<String> = arguments.packages.iter().cloned().collect();
    let edit = Edit { remove: names.into_iter().collect(), ..Edit::default() };
    let why = format!("remove {}", arguments.packages.join(" "));
    let changed = profile.change(&why, &progress, |_| Ok(edit));
    progress.finish();
    tell(context, &profile, &changed?);
    Ok(Exit::Success)
}
