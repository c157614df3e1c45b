//! Bootstraps from end to end, in small: what stages agree on and what not, what may not matter to that, and what people are
//! told where something goes wrong.

use crate::{
    toy::{HELLO, Toy},
    world::{Kept, World},
};
use nuka_daemon::api::bootstrap::{
    Artefact, BootstrapReport, BootstrapStage, BootstrapWish, Difference, Extent, Verdict,
};
use std::{fs, path::Path};

/// A world with a toy in it.
fn world(jobs: usize, toy: &Toy) -> World {
    let world = World::new(jobs);
    write(&world, toy);
    world
}

fn write(world: &World, toy: &Toy) {
    let hash = |path: &Path| {
        let cid = world.nuka.store_add(path).unwrap();
        cid.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    toy.write(&world.path("recipes"), hash);
}

/// Bootstraps a slice; `None` where this host lets nobody run the seed's native program, which is said.
fn bootstrap(world: &World) -> Option<BootstrapReport> {
    bootstrap_as(world, BootstrapWish { stage: 3, extent: Extent::Slice, second_engine: false })
}

fn bootstrap_as(world: &World, wish: BootstrapWish) -> Option<BootstrapReport> {
    let report = world.nuka.bootstrap_go(wish, &Kept::default());
    let report = report.unwrap_or_else(|error| panic!("{error}\n{error:?}"));
    let (left, _) = world.listing();
    assert_eq!(left, 0, "temporaries are left");
    if let Some(failure) = report.failed.iter().find(|failure| failure.reason.contains("allows no root")) {
        println!("not tried: {}", failure.reason);
        return None;
    }
    Some(report)
}

/// The stage, package, reason and help of what failed.
fn failure(report: &BootstrapReport) -> String {
    let [failure, ..] = report.failed.as_slice() else { panic!("{report:#?}") };
    format!("stage {}, {}: {}", report.stages.len() + 1, failure.package.name, failure.reason)
}

fn files(stage: &BootstrapStage) -> Vec<&Artefact> {
    stage.archives.iter().chain(&stage.programs).collect()
}

#[test]
fn three_stages_agree_and_are_made_once() {
    let world = world(2, &Toy::default());
    let Some(report) = bootstrap(&world) else { return };
    assert_eq!(report.failed, []);
    assert_eq!(report.verdict, Verdict::Equal { stages: vec![1, 2, 3] });
    let built: Vec<_> = report.stages.iter().map(|stage| stage.built).collect();
    // The seed, Go's source and ours too; then three archives and a program.
    assert_eq!(built, [4, 4, 4]);
    let again = bootstrap(&world).unwrap();
    assert!(again.stages.iter().all(|stage| stage.built == 0), "{again:#?}");
    assert_eq!(again.verdict, report.verdict);
}

#[test]
fn jobs_directories_and_stores_make_no_difference() {
    let worlds = [1, 2].map(|jobs| world(jobs, &Toy::default()));
    let [Some(one), Some(two)] = worlds.each_ref().map(bootstrap) else { return };
    assert_ne!(worlds[0].path(""), worlds[1].path(""));
    // Stage 2 of one store, stage 3 of the other.
    assert_eq!(files(&one.stages[1]), files(&two.stages[2]));
    assert_eq!(files(&one.stages[2]), files(&two.stages[1]));
    assert_eq!(one.stages[0].programs, two.stages[0].programs);
}

#[test]
fn what_two_stages_do_not_agree_on_is_told() {
    let world = world(2, &Toy { two: "?two", ..Toy::default() });
    let Some(report) = bootstrap(&world) else { return };
    let Verdict::Different { first, files } = &report.verdict else { panic!("{report:#?}") };
    assert_eq!((&first.stages, first.path.as_str(), *files), (&[2, 3], "two", 1));
    // At least the text before the random numbers is the same.
    let Difference { offset, .. } = first;
    assert!((4..36).contains(offset), "{offset}");
}

#[test]
fn a_compiler_that_traps_is_told_and_what_is_built_stays() {
    let world = world(2, &Toy { two: "!", ..Toy::default() });
    let Some(report) = bootstrap(&world) else { return };
    insta::assert_snapshot!(failure(&report), @"
    stage 2, go-two: step 2 failed: `compile` crashed: wasm trap: wasm `unreachable` instruction executed
    the step: compile out/usr/lib/go/wasip1_wasm/two.a !
    ");
    assert!(world.listing().1.iter().any(|name| name.starts_with("go-one@")));
    // Put right, it goes on after what was there: only the planner is another program.
    write(&world, &Toy::default());
    let report = bootstrap(&world).unwrap();
    assert_eq!(report.verdict, Verdict::Equal { stages: vec![1, 2, 3] });
    assert!(report.stages[1].built < 4, "{report:#?}");
}

#[test]
fn a_compiler_that_wants_too_much_memory_is_told() {
    let world = world(2, &Toy { two: "#", ..Toy::default() });
    let Some(report) = bootstrap(&world) else { return };
    insta::assert_snapshot!(failure(&report), @"
    stage 2, go-two: step 2 failed: `compile` needs more memory than its limit of 4096 MiB
    the step: compile out/usr/lib/go/wasip1_wasm/two.a #
    ");
    assert!(world.listing().1.iter().any(|name| name.starts_with("go-one@")));
}

#[test]
fn a_patch_that_no_longer_applies_is_told() {
    let world = world(2, &Toy { patch: "substitute src/src/runtime/alg.go { gone: x }", ..Toy::default() });
    let Some(report) = bootstrap(&world) else { return };
    insta::assert_snapshot!(failure(&report), @"
    stage 1, go-source: step 1 failed: `gone` is not in `src/src/runtime/alg.go`, so it cannot be replaced
    the step: substitute src/src/runtime/alg.go
    ");
    assert!(report.stages.is_empty());
}

#[test]
fn a_changed_byte_of_source_or_seed_is_told() {
    for (file, package) in [("toy-source/src/runtime/alg.go", "go-source"), ("toy-seed/go", "go-seed")] {
        let world = world(2, &Toy::default());
        let path = world.path("recipes").join(file);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let report = bootstrap(&world).unwrap();
        let told = failure(&report);
        assert!(told.starts_with(&format!("stage 1, {package}: ")), "{told}");
        let source = file.split('/').next().unwrap();
        let wrong = format!("the download of path:{source} does not have the hash that the recipe names");
        assert!(told.contains(&wrong), "{told}");
        assert!(world.listing().1.iter().all(|name| !name.starts_with(package)));
    }
}

#[test]
fn the_second_engine_agrees_or_says_where_it_does_not() {
    let wish = BootstrapWish { stage: 2, extent: Extent::Slice, second_engine: true };
    let world = world(2, &Toy::default());
    let Some(report) = bootstrap_as(&world, wish) else { return };
    let second = report.second.unwrap();
    // Three archives, a program, and the plan.
    assert_eq!((second.packages, second.agrees()), (5, true), "{second:#?}");
    // What depends on random numbers is not the same: it is given others.
    write(&world, &Toy { two: "?two", ..Toy::default() });
    let second = bootstrap_as(&world, wish).unwrap().second.unwrap();
    let [(package, files)] = second.different.as_slice() else { panic!("{second:#?}") };
    assert_eq!(package.name, "go-two");
    assert_eq!(files, &["usr/lib/go/wasip1_wasm/two.a"]);
    assert!(!second.agrees());
}

#[test]
fn the_program_that_all_stages_make_is_compared() {
    let Some(report) = bootstrap(&world(1, &Toy::default())) else { return };
    for stage in &report.stages {
        assert!(stage.programs.iter().any(|program| program.path == HELLO && program.sha256.is_some()));
    }
}
