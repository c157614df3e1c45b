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
mod full_disk;
mod gc;
mod straits;
#[allow(dead_code)]
#[path = "../it/support.rs"]
mod support;

use std::path::Path;

/// What is tried, by the names that test runners filter by.
const TRIALS: [(&str, fn()); 14] = [
    ("add_killed", add::killed_at_random_points),
    ("add_at_once", add::two_processes_lose_nothing),
    ("add_full_disk", straits::full_disk),
    ("add_limits", straits::limits),
    ("gc_killed", gc::killed_at_random_points),
    ("gc_beside_adding", gc::beside_adding),
    ("gc_many_processes", gc::many_processes),
    ("import_killed", gc::import_killed),
    ("lease_killed", gc::lease_dies_with_its_process),
    ("closure_memory", straits::closures_take_no_memory),
    ("gc_full_disk", full_disk::collecting),
    ("gc_full_disk_many", full_disk::collecting_many),
    ("rebuild_full_disk", full_disk::importing_and_rebuilding),
    ("bombs", straits::bombs_take_no_memory),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["child-add", root, name, count] => add::child(Path::new(root), name, count.parse().unwrap()),
        ["child-limited", root, name] => straits::child_limited(Path::new(root), name),
        ["child-gc", root, rounds] => gc::child(Path::new(root), rounds.parse().unwrap()),
        ["child-lease", root] => gc::child_lease(Path::new(root)),
        ["child-closure", root] => straits::child_closure(Path::new(root)),
        ["child-import", root, file] => gc::child_import(Path::new(root), Path::new(file)),
        ["child-collect-full", disk] => full_disk::child_collect(Path::new(disk)),
        ["child-collect-many", disk] => full_disk::child_collect_many(Path::new(disk)),
        ["child-rebuild-full", disk] => full_disk::child_rebuild(Path::new(disk)),
        ["child-bomb", root] => straits::child_bomb(Path::new(root)),
        ["child-fill", disk] => straits::child_fill(Path::new(disk)),
        rest => common::run(&TRIALS, rest),
    }
}
