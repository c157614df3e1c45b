//! Faults that need other processes: kill -9 at random points of a fetch and of a build, many processes at once, a
//! full disk, limits.
//!
//! This program starts itself again as the process that it happens to. `NUKA_STRESS_ROUNDS` sets how often it kills
//! (10), `NUKA_STRESS_SEED` when. Needs no network but the loopback.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not as it should be ends a test, and a stress program prints"
)]

mod build;
#[path = "../../../store/tests/stress/common.rs"]
mod common;
mod fetch;
mod place;
mod recipes;
#[allow(dead_code)]
#[path = "../../src/fetch/tests/server.rs"]
mod server;
mod straits;

use std::path::Path;

/// What is tried, by the names that test runners filter by.
const TRIALS: [(&str, fn()); 7] = [
    ("fetch_killed", fetch::killed_at_random_points),
    ("build_killed", build::killed_at_random_points),
    ("steps_killed", build::steps_killed_at_random_points),
    ("build_at_once", build::many_at_once),
    ("fetch_full_disk", straits::fetch_on_full_disk),
    ("build_full_disk", straits::build_on_full_disk),
    ("build_limits", straits::limits),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["child-build", root, targets @ ..] => place::child_build(Path::new(root), targets),
        ["child-full-fetch", disk] => straits::child_full_fetch(Path::new(disk)),
        ["child-full-build", disk] => straits::child_full_build(Path::new(disk)),
        rest => common::run(&TRIALS, rest),
    }
}
