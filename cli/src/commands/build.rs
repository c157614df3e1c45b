//! `nuka build`: packages from source.

use crate::{
    commands::{Done, log, platform::PlatformArgument, publish::publish},
    context::{Context, WorkArguments},
    daemon::{BuildOptions, BuildReport, Client, Outcome, Target},
    error::Error,
    exit::Exit,
    output::{Format, print},
    report::{
        escape::escape,
        failure, hashes, outcome, plan,
        results::{Results, same_bits},
    },
};
use fs_err as fs;
use std::{io, path::Path, path::PathBuf};

/// Build packages from source
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A TARGET is a package's name, NAME@VERSION, or the path of a recipe: with a / in it, or .nu
at its end.

Examples:
  nuka build zlib                     builds zlib and runs its check
  nuka build zlib -o zlib             and copies its tree to ./zlib
  nuka build ./hello.nu --log         a recipe of your own, with what its build printed
  nuka build gofmt --target linux/amd64 -o gofmt   a static program for another system
  nuka build --rebuild lua            builds again, and names each file that differs
  nuka build --all --keep-going       everything there is")]
pub struct Arguments {
    /// What to build
    #[arg(required_unless_present = "all", value_name = "TARGET")]
    targets: Vec<Target>,
    /// Build every package that has a recipe
    #[arg(long, conflicts_with_all = ["targets", "output"])]
    all: bool,
    /// Copy the result to a directory that is empty or not there; of several targets, each to DIR/NAME
    #[arg(short, long, value_name = "DIR", conflicts_with = "dry_run")]
    output: Option<PathBuf>,
    /// Build again, with another clock, other random numbers and another number of jobs, and compare
    #[arg(long, visible_alias = "check", conflicts_with = "dry_run")]
    rebuild: bool,
    /// Only show what would be fetched and built
    #[arg(long)]
    dry_run: bool,
    /// Go on with what does not depend on a failure
    #[arg(short, long)]
    keep_going: bool,
    /// Do not run the packages' checks
    #[arg(long)]
    no_check: bool,
    /// Print what the builds printed
    #[arg(long, conflicts_with = "dry_run")]
    log: bool,
    /// Write the CIDs of what was asked for into FILE, as those that are promised for these recipes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "target"])]
    publish: Option<PathBuf>,
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    format: Format,
}

/// Builds.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.nuka(&arguments.work);
    let targets = if arguments.all { nuka.all()? } else { arguments.targets.clone() };
    let targets = arguments.platform.of_all(&targets);
    let Arguments { rebuild, keep_going, no_check, .. } = *arguments;
    let options = BuildOptions { rebuild, keep_going, checks: !no_check };
    if arguments.dry_run {
        return dry_run(context, arguments, &nuka, &targets, &options);
    }
    if let Some(directory) = &arguments.output {
        // Asked first: a build may take long.
        check_free(directory)?;
    }
    let progress = context.progress(&arguments.work);
    let report = nuka.build(&targets, &options, &progress);
    progress.finish();
    let mut report = report.map_err(|error| hashes::name_recipe(error, &targets))?;
    hashes::name_recipes(&mut report.failed, &targets);
    if arguments.log {
        logs(context, &nuka, &targets, &report)?;
    }
    let results = Results::gather(&nuka, &targets, &report, arguments.all || !arguments.format.is_text())?;
    arguments.format.print(context, &results, |style| results.show(style))?;
    for (outcome, published) in results.surprises() {
        context.say(&outcome::difference(outcome, published, context.style()));
    }
    let mut differs = false;
    for outcome in &report.requested {
        if let Some(differences) = &outcome.differences {
            differs |= !differences.is_empty();
            context.say(&same_bits(outcome, differences, context.style()));
        }
    }
    if let Some(directory) = &arguments.output {
        export(context, &nuka, directory, &report.requested)?;
    }
    if let Some(file) = &arguments.publish {
        publish(file, &report.requested)?;
    }
    if !report.failed.is_empty() {
        crate::context::say(failure::show(&report.failed, context.style()).trim_end());
    }
    // A recipe that was named by its file is expected to be one's own.
    let own = targets.iter().any(|target| matches!(target, Target::File { .. }));
    let good = report.failed.is_empty() && !differs && (own || results.is_whole());
    Ok(if good { Exit::Success } else { Exit::Failure })
}

fn dry_run(
    context: &Context,
    arguments: &Arguments,
    nuka: &Client,
    targets: &[Target],
    options: &BuildOptions,
) -> Done {
    let planned = nuka.plan(targets, options).map_err(|error| hashes::name_recipe(error, targets))?;
    arguments.format.print(context, &planned, |_| plan::show_whole(&planned))?;
    if plan::is_empty(&planned) {
        context.say("everything is there: nothing would be fetched or built");
    } else if arguments.format.is_text() {
        let processors = arguments.work.jobs.unwrap_or(context.environment.jobs);
        context.say(&plan::summary(&planned, processors));
    }
    Ok(Exit::Success)
}

/// Fails unless a directory is empty or not there.
fn check_free(directory: &Path) -> Result<(), Error> {
    let full = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => true,
        Err(error) => return Err(Error::file("look into", directory)(error)),
    };
    if full {
        let help = "name a directory that is empty or not there: nothing is overwritten".to_owned();
        return Err(Error::Exists { path: directory.to_owned(), help });
    }
    Ok(())
}

fn export(context: &Context, nuka: &Client, directory: &Path, outcomes: &[Outcome]) -> Result<(), Error> {
    for outcome in outcomes {
        let place = match outcomes {
            [_] => directory.to_owned(),
            _ => {
                fs::create_dir_all(directory).map_err(Error::file("make", directory))?;
                directory.join(&outcome.package.name)
            }
        };
        nuka.export(outcome, &place)?;
        let place = place.display().to_string();
        context.say(&format!("{} is in {}", plan::name(&outcome.package), escape(&place)));
    }
    Ok(())
}

/// Prints the logs of what was built and was asked for.
fn logs(context: &Context, nuka: &Client, targets: &[Target], report: &BuildReport) -> Result<(), Error> {
    for target in targets {
        // A package that was not built has no log; its failure is told at the end.
        match nuka.log(target) {
            Ok(file) => log::show(&file)?,
            Err(error) if report.failed.is_empty() => context.warn(&error.to_string()),
            Err(_) => {}
        }
    }
    print("")
}
