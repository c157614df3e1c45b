//! How long work will take, guessed from what was measured.
//!
//! A build of a library or a program of the usual size takes some ten seconds of a processor. The compiler itself
//! is a program in wasm, which is compiled for this machine once; that takes far longer than most builds, and
//! uses all processors.

use crate::daemon::Plan;
use std::num::NonZeroUsize;

/// Processor seconds that compiling clang for this machine takes, quickly (75 MB of wasm).
const COMPILE_CLANG: f64 = 25.0;
/// Processor seconds of a usual build.
const BUILD: f64 = 10.0;
/// Bytes a second of a usual connection.
const NETWORK: f64 = 4e6;

/// Wall seconds, more or less.
pub fn seconds(plan: &Plan, processors: NonZeroUsize) -> f64 {
    let known: u64 = plan.fetches.iter().filter_map(|fetch| fetch.bytes).sum();
    let compile = if makes_the_compiler(plan) { COMPILE_CLANG } else { 0.0 };
    let builds = plan.builds.len() as f64 * BUILD;
    // A person's builds depend on one another more often than not, so that few run side by side.
    let side_by_side = processors.get().min(4) as f64;
    known as f64 / NETWORK + compile / processors.get() as f64 + builds / side_by_side
}

/// Whether the C compiler is among what will be built, and so will be compiled for this machine.
pub fn makes_the_compiler(plan: &Plan) -> bool {
    plan.builds.iter().any(|package| package.name == "clang")
}
