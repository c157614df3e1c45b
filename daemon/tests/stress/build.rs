//! Builds that are killed, and many at once: the next one builds all, and comes to the same to the byte.

use crate::{
    common::{Random, rounds},
    place::{Place, Results},
    recipes::{self, ALL, LONG, LONG_STEPS},
};
use nuka_daemon::{Event, Observer};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Recipes, what they come to when nothing disturbs, and how long that takes a process of its own.
struct Undisturbed {
    directory: TempDir,
    results: Results,
    time: Duration,
}

fn undisturbed() -> Undisturbed {
    let directory = tempfile::tempdir().unwrap();
    let recipes = directory.path().join("recipes");
    recipes::write(&recipes);
    let place = Place::new(directory.path());
    let results = place.built(&ALL);
    assert_eq!(results.len(), ALL.len());
    place.check_clean();
    let second = Place::with_recipes(&directory.path().join("timed"), &recipes);
    let begun = Instant::now();
    assert!(second.command(&ALL).status().unwrap().success());
    let time = begun.elapsed();
    assert_eq!(second.built(&ALL), results);
    Undisturbed { directory, results, time }
}

pub fn killed_at_random_points() {
    let (mut random, rounds) = (Random::new("a build is killed"), rounds());
    let Undisturbed { directory, results, time } = undisturbed();
    let (mut cut, mut kept, mut left) = (0, 0, 0);
    for round in 0..rounds {
        let root = directory.path().join(format!("round{round}"));
        let place = Place::with_recipes(&root, &directory.path().join("recipes"));
        let mut child = place.command(&ALL).spawn().unwrap();
        std::thread::sleep(random.moment(time * 3 / 2));
        child.kill().unwrap();
        cut += u32::from(!child.wait().unwrap().success());
        // What it registered is whole, before anything is done about the rest.
        kept += place.registered().len();
        left += place.leftovers().len();
        assert_eq!(place.built(&ALL), results, "round {round}");
        assert_eq!(place.registered().len(), ALL.len());
        place.check_clean();
        place.check_objects();
        std::fs::remove_dir_all(&root).unwrap();
    }
    println!(
        "stress: a build was killed {rounds} times, {cut} times before its end (in {} ms), with {kept} packages \
         registered and {left} temporaries about; the next one always came to the same and left none",
        time.as_millis()
    );
}

/// Counts what need not be done again.
#[derive(Default)]
struct GoesOn(AtomicU32);

impl Observer for GoesOn {
    fn event(&self, event: Event) {
        if let Event::WentOn { done, total, .. } = event {
            assert!(
                done < LONG_STEPS && total.is_none_or(|total| total == LONG_STEPS),
                "{done} of {total:?}"
            );
            self.0.store(done, Ordering::Relaxed);
        }
    }
}

/// One build of many steps: what a kill leaves is gone on with, however often that is killed again.
pub fn steps_killed_at_random_points() {
    let (mut random, rounds) = (Random::new("steps are killed"), rounds());
    let directory = tempfile::tempdir().unwrap();
    let recipes = directory.path().join("recipes");
    recipes::write(&recipes);
    let place = Place::new(directory.path());
    let results = place.built(&[LONG]);
    let timed = Place::with_recipes(&directory.path().join("timed"), &recipes);
    // Nothing but the build itself is to be killed.
    timed.built(&["put"]);
    let begun = Instant::now();
    assert!(timed.command(&[LONG]).status().unwrap().success());
    let time = begun.elapsed();
    let (mut cut, mut went_on, mut steps) = (0, 0, 0);
    for round in 0..rounds {
        let root = directory.path().join(format!("round{round}"));
        let place = Place::with_recipes(&root, &recipes);
        place.built(&["put"]);
        for _ in 0..1 + round % 3 {
            let mut child = place.command(&[LONG]).spawn().unwrap();
            std::thread::sleep(random.moment(time));
            child.kill().unwrap();
            cut += u32::from(!child.wait().unwrap().success());
        }
        let told = GoesOn::default();
        let report = place.build_told(&[LONG], &told).unwrap();
        assert!(report.failed.is_empty(), "{:#?}", report.failed);
        let told = told.0.into_inner();
        went_on += u32::from(told > 0);
        steps += told;
        assert_eq!(place.built(&[LONG]), results, "round {round}");
        place.registered();
        place.check_clean();
        place.check_objects();
        std::fs::remove_dir_all(&root).unwrap();
    }
    println!(
        "stress: a build of {LONG_STEPS} steps was killed {cut} times before its end (in {} ms); {went_on} of {rounds} \
         times what came after went on, {steps} steps in all, and always came to the same",
        time.as_millis()
    );
}

/// Eight processes that want the same, all at once and from nothing: each has it, and no one is told of the others.
pub fn many_at_once() {
    let Undisturbed { directory, results, .. } = undisturbed();
    let place = Place::with_recipes(&directory.path().join("many"), &directory.path().join("recipes"));
    let mut children: Vec<_> = (0..8).map(|_| place.command(&ALL).spawn().unwrap()).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(place.registered().len(), ALL.len());
    place.check_clean();
    place.check_objects();
    assert_eq!(place.built(&ALL), results);
    println!("stress: 8 processes built the same at once, nothing lost");
}
