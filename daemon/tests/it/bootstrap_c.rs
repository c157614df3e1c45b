//! C's bootstrap from end to end, in small: a compiler as WebAssembly makes a native one, and that the next, in roots that have
//! nothing of the machine.

use crate::{
    toy_c::ToyC,
    world::{Kept, World},
};
use nuka_daemon::{
    Event,
    api::bootstrap::{BootstrapReport, Difference, Verdict},
};
use std::path::Path;

fn world(toy: &ToyC) -> World {
    let world = World::new(2);
    let hash = |path: &Path| {
        let cid = world.nuka.store_add(path).unwrap();
        cid.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    toy.write(&world.path("recipes"), hash);
    world
}

/// Bootstraps; `None` where this host lets nobody run native programs in a root of their own, which is said.
fn bootstrap(world: &World, last: u8, observer: &Kept) -> Option<BootstrapReport> {
    let report = world.nuka.bootstrap_c(last, observer);
    let report = report.unwrap_or_else(|error| panic!("{error}\n{error:?}"));
    if let Some(failure) = report.failed.iter().find(|failure| failure.reason.contains("allows no root")) {
        println!("not tried: {}", failure.reason);
        return None;
    }
    Some(report)
}

#[test]
fn native_compilers_agree_with_the_one_that_is_webassembly() {
    let world = world(&ToyC::default());
    let told = Kept::default();
    let Some(report) = bootstrap(&world, 3, &told) else { return };
    assert_eq!(report.failed, []);
    assert_eq!(report.verdict, Verdict::Equal { stages: vec![1, 2, 3] });
    // With the compiler and two sources; then a library, a compiler, a program, and its trial, which stage 2 need not repeat
    // for the same program.
    let built: Vec<_> = report.stages.iter().map(|stage| stage.built).collect();
    assert_eq!(built, [7, 3, 4]);
    for stage in &report.stages {
        assert!(stage.programs.iter().all(|program| program.sha256.is_some() && program.bytes > 0));
        assert_eq!(stage.archives.len(), 5);
    }
    let ends = |stage: &str| {
        let told = told.0.lock().unwrap();
        told.iter().any(|event| {
            matches!(event, Event::Progress { what, done, total: Some(total) } if what == stage && done == total)
        })
    };
    assert!(["stage 1", "stage 2", "stage 3"].into_iter().all(ends));
    let again = bootstrap(&world, 3, &Kept::default()).unwrap();
    assert!(again.stages.iter().all(|stage| stage.built == 0), "{again:#?}");
    assert_eq!(again.verdict, report.verdict);
}

#[test]
fn it_goes_on_after_the_stage_that_is_there() {
    let world = world(&ToyC::default());
    let Some(report) = bootstrap(&world, 1, &Kept::default()) else { return };
    assert_eq!((report.stages.len(), &report.verdict), (1, &Verdict::Open));
    let report = bootstrap(&world, 2, &Kept::default()).unwrap();
    let built: Vec<_> = report.stages.iter().map(|stage| stage.built).collect();
    assert_eq!(built, [0, 3]);
    assert_eq!(report.verdict, Verdict::Equal { stages: vec![1, 2] });
}

#[test]
fn a_library_that_differs_is_told_with_the_member_and_the_place_in_it() {
    let world = world(&ToyC { library: Some(ToyC::OTHER), ..ToyC::default() });
    let Some(report) = bootstrap(&world, 3, &Kept::default()) else { return };
    let first = Difference { stages: [1, 2], path: "libc.a(a.o)".into(), offset: 2 };
    // The compiler's own library too.
    assert_eq!(report.verdict, Verdict::Different { first, files: 2 });
}

#[test]
fn a_program_that_does_not_work_is_told() {
    let world = world(&ToyC { exit: 7, ..ToyC::default() });
    let Some(report) = bootstrap(&world, 3, &Kept::default()) else { return };
    let [failure] = report.failed.as_slice() else { panic!("{report:#?}") };
    assert_eq!(failure.package.name, "c-lua-check");
    assert!(
        failure.reason.contains("`/usr/bin/lua` (native): it ended with exit code 7"),
        "{}",
        failure.reason
    );
    assert!(report.stages.is_empty());
    assert!(world.listing().1.iter().any(|name| name.starts_with("c-tcc@")));
}

#[test]
fn what_it_rests_on_is_told_without_making_anything() {
    let world = world(&ToyC::default());
    let base = world.nuka.explain(&[]).unwrap();
    let named = |list: &[nuka_daemon::event::PackageRef]| -> Vec<String> {
        list.iter().map(|package| package.name.clone()).filter(|name| name.starts_with("c-")).collect()
    };
    assert_eq!(named(&base.packages), ["c-lua", "c-libc", "c-tcc"]);
    // The first stage is made by WebAssembly alone.
    assert_eq!(named(&base.native), [""; 0]);
    let origins: Vec<&str> = base.sources.iter().map(|source| source.origin.as_str()).collect();
    for source in ["path:toy-lua", "path:toy-musl-source", "path:toy-tcc", "path:toy-tcc-source"] {
        assert!(origins.contains(&source), "{origins:?}");
    }
    assert!(world.listing().1.is_empty());
}
