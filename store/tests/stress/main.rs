//! Faults that need other processes: kill -9 at random points, two writers at once, a full disk, limits, bombs.
//!
//! This program starts itself again as the process that it happens to. `NUKA_STRESS_ROUNDS` sets how often it kills
//! (10), `NUKA_STRESS_SEED` when.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not as it should be ends a test, and a stress program prints"
)]

mod add;
mod common;
mod straits;
#[allow(dead_code)]
#[path = "../it/support.rs"]
mod support;

use std::path::Path;

/// What is tried, by the names that test runners filter by.
const TRIALS: [(&str, fn()); 5] = [
    ("add_killed", add::killed_at_random_points),
    ("add_at_once", add::two_processes_lose_nothing),
    ("add_full_disk", straits::full_disk),
    ("add_limits", straits::limits),
    ("bombs", straits::bombs_take_no_memory),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["child-add", root, name, count] => add::child(Path::new(root), name, count.parse().unwrap()),
        ["child-limited", root, name] => straits::child_limited(Path::new(root), name),
        ["child-bomb", root] => straits::child_bomb(Path::new(root)),
        ["child-fill", disk] => straits::child_fill(Path::new(disk)),
        rest => common::run(&TRIALS, rest),
    }
}
