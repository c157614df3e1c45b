//! Mounts, held against what they should show: by looking, by changing, by breaking, and by real programs.
//!
//! This program starts itself again as the server of each mount, in namespaces of its own, so that nothing is mounted
//! on the machine, and nothing is left when a test ends.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not as it should be ends a test, and a program prints"
)]

mod changes;
mod compare;
mod damage;
mod death;
mod errors;
mod mounted;
mod operations;
mod programs;
mod reading;
mod server;
mod trees;
mod users;

use std::{panic, path::Path, process::ExitCode};

/// What is tried, by the names that test runners filter by.
const TRIALS: [(&str, fn()); 25] = [
    ("shows_what_the_tree_has", compare::random_trees),
    ("shows_awkward_trees", compare::awkward_trees),
    ("numbers_survive_remounts", compare::numbers_survive_remounts),
    ("reads_in_every_way", reading::in_every_way),
    ("reads_through_the_kernel", reading::through_the_kernel),
    ("reads_at_once", reading::at_once),
    ("reads_in_order", reading::in_order),
    ("random_operations", operations::random_operations),
    ("errors", errors::table),
    ("errors_are_those_of_a_local_filesystem", errors::local),
    ("errors_when_writable", errors::remounted_writable),
    ("root_changes", changes::of_the_root),
    ("root_is_read_on_while_it_changes", changes::while_reading),
    ("inodes_are_forgotten", changes::inodes_are_forgotten),
    ("damaged_file", damage::of_a_file),
    ("damaged_directory", damage::of_a_directory),
    ("damage_while_open", damage::while_open),
    ("collected", damage::of_what_was_collected),
    ("server_killed", death::server_killed),
    ("server_killed_while_busy", death::while_busy),
    ("unmount", death::unmount_trial),
    ("programs", programs::run_from_a_mount),
    ("unprivileged_user", users::unprivileged),
    ("other_users", users::others),
    ("fusermount", users::fusermount),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    act(&arguments)
}

fn act(arguments: &[&str]) -> ExitCode {
    match arguments {
        ["serve", rest @ ..] => server::serve(rest),
        ["hold", rest @ ..] => death::hold(rest),
        ["join", process, rest @ ..] => {
            nuka_vfs::namespace::join(process.parse().unwrap()).unwrap();
            return act(rest);
        }
        ["compare", mounted, local] => compare::same(Path::new(mounted), Path::new(local)),
        ["errors-local", place] => errors::check_local(Path::new(place)),
        ["errors", place] => errors::check(Path::new(place)),
        ["programs", place, work] => programs::check(Path::new(place), Path::new(work)),
        ["--list", ..] | [.., "--list"] => TRIALS.iter().for_each(|(name, _)| println!("{name}: test")),
        filters => return run(filters),
    }
    ExitCode::SUCCESS
}

/// Runs the trials that a test runner asks for, all of them also when one fails.
fn run(arguments: &[&str]) -> ExitCode {
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
