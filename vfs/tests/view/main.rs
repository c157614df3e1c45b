//! Views by every means that this host has, and programs in roots of their own.
//!
//! This program starts itself again: as another user, and as the program in a sandbox that looks around there.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not as it should be ends a test, and a program prints"
)]

mod cache;
#[path = "../mount/errors.rs"]
#[allow(dead_code, reason = "shared with the tests of the mount")]
mod errors;
mod inside;
mod limits;
#[path = "../mount/mounted.rs"]
#[allow(dead_code, reason = "shared with the tests of the mount")]
mod mounted;
mod process;
mod root;
#[path = "../mount/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the mount")]
mod server;
mod suite;
mod terminal;
#[path = "../mount/trees.rs"]
#[allow(dead_code, reason = "shared with the tests of the mount")]
mod trees;

use std::{panic, process::ExitCode};

/// What is tried, by the names that test runners filter by.
const TRIALS: [(&str, fn()); 27] = [
    ("every_means_shows_the_tree", suite::every_means),
    ("every_means_shows_random_trees", suite::random_trees),
    ("every_means_as_another_user", suite::as_another_user),
    ("images_are_handed_over", suite::handed_over),
    ("cut_preparations_are_made_again", cache::cut_preparations),
    ("killed_preparations_leave_nothing", cache::killed),
    ("preparations_at_once", cache::at_once),
    ("damaged_objects_are_not_shown", cache::damaged),
    ("views_are_removed_and_swept", cache::removed),
    ("pure_root_has_the_view_only", root::pure),
    ("files_go_before_the_views", root::files),
    ("libraries_are_found", root::libraries),
    ("binds", root::binds),
    ("binds_are_what_was_opened", limits::replaced),
    ("places_that_cannot_be", limits::places),
    ("failing_steps_are_named", limits::failures),
    ("nothing_is_left_of_privileges", limits::privileges),
    ("own_network", limits::network),
    ("reaches_nobody_outside", limits::outside),
    ("ends_as_the_program_ends", process::endings),
    ("signals_are_passed_on", process::signals),
    ("ends_with_whoever_started_it", process::orphans),
    ("nothing_outlives_the_program", process::outliving),
    ("becomes_the_program", process::exec),
    ("many_at_once", process::at_once),
    ("terminal", terminal::interrupt),
    ("typing_into_the_terminal", terminal::typing),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    act(&arguments)
}

fn act(arguments: &[&str]) -> ExitCode {
    match arguments {
        ["serve", rest @ ..] => server::serve(rest),
        ["join", process, rest @ ..] => {
            nuka_vfs::namespace::join(process.parse().unwrap()).unwrap();
            return act(rest);
        }
        ["suite", rest @ ..] => suite::run(rest),
        ["given", rest @ ..] => suite::given(rest),
        ["prepare", rest @ ..] => cache::prepare(rest),
        ["exec", rest @ ..] => process::become_program(rest),
        ["inside", what, rest @ ..] => return inside::look(what, rest),
        ["--list", ..] | [.., "--list"] => TRIALS.iter().for_each(|(name, _)| println!("{name}: test")),
        filters => return run(filters),
    }
    ExitCode::SUCCESS
}

/// Runs the trials that a test runner asks for, all of them also when one fails.
fn run(arguments: &[&str]) -> ExitCode {
    if let Err(reasons) = suite::possible() {
        println!("SKIPPED, all of it: {reasons}");
        return ExitCode::SUCCESS;
    }
    let exact = arguments.contains(&"--exact");
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut failed = Vec::new();
    for (name, trial) in TRIALS {
        let meant = |filter: &&&str| if exact { name == **filter } else { name.contains(**filter) };
        if !filters.is_empty() && !filters.iter().any(meant) {
            continue;
        }
        let result = panic::catch_unwind(trial);
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        if result.is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {failed:?}");
    ExitCode::FAILURE
}
