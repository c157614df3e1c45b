//! Builds that did not come to their end, and go on after their last finished step.

use crate::world::{Kept, World};
use nuka_daemon::{
    Event, Nuka, Silent,
    api::{BuildOptions, BuildReport, care::GcWish},
};
use std::{fs, path::PathBuf};

/// A nuka that records each step, and what it has recorded.
struct Recording<'a> {
    world: &'a World,
    nuka: Nuka,
}

impl<'a> Recording<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, nuka: Nuka::new(world.nuka.config().clone()).recording_each_step() }
    }

    /// Builds `long` with this as its third step, and says after how many steps of how many it went on.
    fn build(&self, third: &str, options: &BuildOptions) -> (BuildReport, Vec<(u32, Option<u32>)>) {
        // The second step says something.
        let steps = format!("write x one; expect-exit 3 {{ ^put }}; {third}; install x share/");
        self.world.user("long", &steps);
        let kept = Kept::default();
        let report = self.nuka.build(&["long".parse().unwrap()], options, &kept).unwrap();
        let went_on = |event: &Event| match event {
            Event::WentOn { package, done, total } => {
                assert_eq!(package.name, "long");
                Some((*done, *total))
            }
            _ => None,
        };
        let told = kept.0.lock().unwrap().iter().filter_map(went_on).collect();
        (report, told)
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.world.path("cache/steps")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

const WRONG: &str = "^put";
const RIGHT: &str = "^put y two";

#[test]
fn a_recipe_that_was_put_right_goes_on_where_it_failed() {
    let world = World::new(2);
    let recording = Recording::new(&world);
    let options = BuildOptions::default();
    let (report, told) = recording.build(WRONG, &options);
    assert!(report.failed[0].reason.starts_with("step 3 failed"), "{report:#?}");
    assert_eq!((told.len(), recording.journals().len()), (0, 1));
    // The same again fails the same, without what was done.
    let (report, told) = recording.build(WRONG, &options);
    assert!(report.failed[0].reason.starts_with("step 3 failed"), "{report:#?}");
    assert_eq!(told, [(2, Some(4))]);
    let (report, told) = recording.build(RIGHT, &options);
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
    assert_eq!((told, recording.journals().len()), (vec![(2, Some(4))], 0));
    // As if nothing had happened.
    let other = World::new(1);
    let (whole, told) = Recording::new(&other).build(RIGHT, &options);
    assert_eq!((&whole.requested[0].outputs, told.len()), (&report.requested[0].outputs, 0));
    let log = |world: &World, report: &BuildReport| {
        let build = report.requested[0].build;
        fs::read_to_string(world.path("state/logs").join(format!("{build}.log"))).unwrap()
    };
    assert_eq!(log(&world, &report), "put: no file\n");
    assert_eq!(log(&other, &whole), "put: no file\n");
}

#[test]
fn a_second_build_does_all_again() {
    let world = World::new(2);
    let recording = Recording::new(&world);
    recording.build(WRONG, &BuildOptions::default());
    let [journal] = recording.journals().try_into().unwrap();
    let before = fs::read(&journal).unwrap();
    recording.build(RIGHT, &BuildOptions::default());
    assert_eq!(recording.journals().len(), 0);
    // Somebody's steps lie there that would be gone on with.
    fs::write(&journal, &before).unwrap();
    let (report, told) = recording.build(RIGHT, &BuildOptions { rebuild: true, ..BuildOptions::default() });
    assert_eq!(report.requested[0].differences.as_deref(), Some([].as_slice()));
    assert_eq!(told, []);
    assert_eq!(fs::read(&journal).unwrap(), before);
}

#[test]
fn what_is_not_asked_for_again_goes_with_a_collection() {
    let world = World::new(2);
    let recording = Recording::new(&world);
    recording.build(WRONG, &BuildOptions::default());
    let keep = |seconds| GcWish { keep_seconds: Some(seconds), max_bytes: None };
    let planned = world.nuka.gc_plan(keep(3600)).unwrap();
    assert_eq!(planned.cache.steps.objects, 0);
    let [journal] = recording.journals().try_into().unwrap();
    // As if it had been a day ago.
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(24 * 3600);
    let file = fs::File::options().write(true).open(&journal).unwrap();
    file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
    drop(file);
    let done = world.nuka.gc(keep(3600), &Silent).unwrap();
    assert_eq!((done.cache.steps.objects, recording.journals().len()), (1, 0));
    assert!(recording.build(RIGHT, &BuildOptions::default()).1.is_empty());
}

#[test]
fn steps_of_a_build_that_is_done_go_when_the_store_is_opened() {
    let world = World::new(2);
    let recording = Recording::new(&world);
    recording.build(WRONG, &BuildOptions::default());
    let [journal] = recording.journals().try_into().unwrap();
    // Of a build that is not done they stay.
    Recording::new(&world).nuka.check_store().unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    let build = recording.build(RIGHT, &BuildOptions::default()).0.requested[0].build;
    bytes[8..40].copy_from_slice(build.as_bytes());
    fs::write(&journal, bytes).unwrap();
    Recording::new(&world).nuka.check_store().unwrap();
    assert_eq!(recording.journals().len(), 0);
}
