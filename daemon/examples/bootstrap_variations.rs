//! Bootstraps Go or C in two stores that differ in all that must not matter, and compares every file of every stage of one with
//! the same of the other: `cargo run -p nuka-daemon --example bootstrap_variations -- DIRECTORY [slice|whole|c]`.
//!
//! The stores are at places of other lengths, do one and two things at once, and know nothing of each other; what is compiled
//! for this machine and what was downloaded they share. Within each, stage 3 has another clock and other random numbers than
//! stage 2. Ends with 1 if anything differs. A slice and C take minutes, the whole an hour on two
//! cores.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program that talks to a person")]

use nuka_daemon::{
    By, Client, Config, Event, Observer,
    api::bootstrap::{Artefact, BootstrapReport, BootstrapWish, Extent, Verdict},
};
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What is bootstrapped.
#[derive(Clone, Copy)]
enum What {
    Go(Extent),
    C,
}

/// Says what goes on in one of the stores.
struct Told(&'static str);

impl Observer for Told {
    fn event(&self, event: Event) {
        if let Event::Building { package } = event {
            eprintln!("{}: building {} {}", self.0, package.name, package.version);
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, what) = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [directory] | [directory, "slice"] => (PathBuf::from(directory), What::Go(Extent::Slice)),
        [directory, "whole"] => (PathBuf::from(directory), What::Go(Extent::Whole)),
        [directory, "c"] => (PathBuf::from(directory), What::C),
        _ => {
            eprintln!("bootstrap_variations DIRECTORY [slice|whole|c]");
            return ExitCode::from(2);
        }
    };
    match compare(&directory, what) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(different) => {
            eprintln!("{different} files differ");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Bootstraps twice and gives how many files differ.
fn compare(directory: &Path, what: What) -> Result<usize, String> {
    let one = bootstrap(directory, "one", 1, "alone", what)?;
    let two = bootstrap(directory, "two", 2, "another/place/that/is/further/down", what)?;
    let mut different = 0;
    let mut files = 0;
    for first in &one.stages {
        for second in two.stages.iter().filter(|stage| stage.number > 1 || first.number == 1) {
            // A program has the path of its own archive.
            for (old, new) in [(&first.archives, &second.archives), (&first.programs, &second.programs)] {
                let known: BTreeMap<&str, &Artefact> =
                    new.iter().map(|artefact| (artefact.path.as_str(), artefact)).collect();
                for artefact in old {
                    let Some(other) = known.get(artefact.path.as_str()) else { continue };
                    files += 1;
                    if other.blob != artefact.blob {
                        let (one, two) = (first.number, second.number);
                        println!("{}: stage {one} of one, stage {two} of two", artefact.path);
                        different += 1;
                    }
                }
            }
        }
    }
    for (name, report) in [("one", &one), ("two", &two)] {
        if let Verdict::Different { first, .. } = &report.verdict {
            println!("{name}: {} differs between the stages {:?}", first.path, first.stages);
            different += 1;
        }
    }
    println!("{files} files compared, {different} differ");
    Ok(different)
}

fn bootstrap(
    directory: &Path,
    name: &'static str,
    jobs: usize,
    place: &str,
    what: What,
) -> Result<BootstrapReport, String> {
    let directory = std::path::absolute(directory).map_err(|error| error.to_string())?;
    let own = directory.join(place);
    let config = Config {
        user: 0,
        store: own.join("store"),
        cache: directory.join("cache"),
        state: own.join("state"),
        recipe_directories: Vec::new(),
        jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
        offline: false,
        home: own.join("home"),
        env: BTreeMap::new(),
        executable: None,
        background: false,
        current_directory: directory.clone(),
    };
    let nuka = Client::new(config, By::ThisProcess);
    let report = match what {
        What::Go(extent) => {
            nuka.bootstrap_go(BootstrapWish { stage: 3, extent, second_engine: false }, &Told(name))
        }
        What::C => nuka.bootstrap_c(3, &Told(name)),
    };
    let report = report.map_err(|fault| fault.message.clone())?;
    match report.failed.first() {
        Some(failure) => Err(format!("{name}: {}: {}", failure.package.name, failure.reason)),
        None => Ok(report),
    }
}
