//! `nuka install`: packages whose programs start by their names from now on.

use super::{ProfileArgument, agreed, tell};
use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::{BuildOptions, Client, Edit, Event, Installed, Observer, Plan, Target},
    error::Error,
    exit::Exit,
    report::{escape::escape, hashes, plan, progress::Progress, units},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

/// Install packages: their programs start by their names
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is installed is a generation of a profile: the one before is there as long as nobody deletes it, and
`nuka rollback` goes back to it. Programs may do what `nuka run` lets them; `nuka permit` lets them do more.

Examples:
  nuka install lua sqlite            the newest versions
  nuka install lua@5.4.8             a certain one
  nuka install ./hello.nu            from a recipe of your own
  nuka install --profile work jsonnet")]
pub struct Arguments {
    /// Names, NAME@VERSION, or the paths of recipes
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<Target>,
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

/// Installs.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.nuka(&arguments.work);
    let targets = absolute(context, &arguments.packages);
    let Some(packages) = obtain(context, &nuka, &targets, &arguments.work, arguments.yes, arguments.dry_run)?
    else {
        return Ok(if arguments.dry_run { Exit::Success } else { Exit::Failure });
    };
    let mut seen = BTreeMap::new();
    for package in &packages {
        if let Some(other) = seen.insert(package.name(), &package.asked) {
            return Err(Error::Usage {
                message: format!("`{other}` and `{}` are both the package {}", package.asked, package.name()),
                help: "a profile has one version of a package: leave one out, or install it with `--profile NAME`"
                    .to_owned(),
            });
        }
    }
    let profile = arguments.profile.open(&nuka);
    let names: Vec<_> = arguments.packages.iter().map(ToString::to_string).collect();
    let progress = context.progress(&arguments.work);
    let shown: Vec<Installed> = packages.clone();
    let edit = Edit { put: packages, ..Edit::default() };
    let changed = profile.change(&format!("install {}", names.join(" ")), &progress, |_| Ok(edit));
    progress.finish();
    let changed = changed?;
    if changed.new {
        shown.iter().for_each(|package| say(context, package));
    }
    tell(context, &profile, &changed);
    Ok(Exit::Success)
}

/// Recipes by where they are, wherever they are asked for again.
pub fn absolute(context: &Context, targets: &[Target]) -> Vec<Target> {
    let here = &context.environment.current_directory;
    let absolute = |target: &Target| match target {
        Target::File { path, version, platform } => {
            let path = std::path::absolute(here.join(path)).unwrap_or_else(|_| here.join(path));
            Target::File { path, version: version.clone(), platform: *platform }
        }
        name @ Target::Name { .. } => name.clone(),
    };
    targets.iter().map(absolute).collect()
}

/// Has packages built, if that is agreed to, and their programs made ready. `None` if it is not.
pub fn obtain(
    context: &Context,
    nuka: &Client,
    targets: &[Target],
    work: &WorkArguments,
    yes: bool,
    dry_run: bool,
) -> Result<Option<Vec<Installed>>, Error> {
    let named = |fault| hashes::name_recipe(fault, targets);
    let planned = nuka.plan(targets, &BuildOptions::default()).map_err(named)?;
    if !plan::is_empty(&planned) {
        let processors = work.jobs.unwrap_or(context.environment.jobs);
        context.say(&plan::show(&planned, processors, context.style()));
        context.say(&shared(&planned));
        if dry_run || !agreed("go on?", yes)? {
            return Ok(None);
        }
    } else if dry_run {
        context.say("everything is here: nothing would be fetched or built");
        return Ok(None);
    }
    let progress = context.progress(work);
    let packages = nuka.installable(targets, &Agreed(&progress));
    progress.finish();
    let packages = packages.map_err(named)?;
    let progress = context.progress(work);
    for program in packages.iter().flat_map(|package| &package.programs) {
        nuka.make_ready(program, &progress)?;
    }
    progress.finish();
    Ok(Some(packages))
}

fn shared(plan: &Plan) -> String {
    match plan.shared {
        0 => "nothing that this uses is here yet".to_owned(),
        shared => {
            format!("{} that this uses are here already", units::count(shared as u64, "package", "packages"))
        }
    }
}

fn say(context: &Context, package: &Installed) {
    let programs: Vec<_> = package.program_names().map(|name| escape(name).into_owned()).collect();
    let name = plan::name(&package.package);
    let bytes = units::bytes(package.bytes);
    if programs.is_empty() {
        context.say(&format!("{name} has no programs: it is a library, or data ({bytes})"));
        return;
    }
    context.say(&format!("{name} has {} ({bytes})", programs.join(", ")));
    for program in &package.programs {
        let declared = program.declared();
        if !declared.is_empty() {
            let declared = declared.join(", ");
            context.say(&format!("its recipe lets {} {}", escape(&program.program), escape(&declared)));
        }
    }
}

/// Progress of work whose plan was agreed to, and need not be told again.
struct Agreed<'p>(&'p Progress);

impl Observer for Agreed<'_> {
    fn event(&self, event: Event) {
        if !matches!(event, Event::Planned(_)) {
            self.0.event(event);
        }
    }

    fn gone(&self) -> Option<Arc<AtomicBool>> {
        self.0.gone()
    }
}
