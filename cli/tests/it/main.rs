//! Runs the real binary: what people see of it, and how it ends. No test needs a network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod bootstrap;
mod care;
mod completions;
mod crowd;
mod daemon;
mod environments;
mod errors;
mod help;
mod installed;
mod launches;
mod mount;
mod packages;
mod pipes;
mod profiles;
mod programs;
mod shell;
mod stop;
mod support;
mod terminal;
#[allow(dead_code)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../../../daemon/tests/it/toy.rs"]
mod toy;
mod usage;
