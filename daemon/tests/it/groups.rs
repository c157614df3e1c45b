//! Work that runs side by side: its result never depends on how many workers there are.

use crate::world::World;
use nuka_daemon::api::BuildOptions;

const MANY: &str = r#"make-directory out/usr/share
      for-each [a b c d e f g h] {|f|
        for-each [x y z] {|g| ^put $"out/usr/share/($f)($g)" $f $g }
      }
      parallel { ^put out/usr/share/one 1 } { ^put out/usr/share/two 2 }"#;

#[test]
fn the_number_of_workers_makes_no_difference() {
    let cids: Vec<_> = [1, 2, 7]
        .into_iter()
        .map(|jobs| {
            let world = World::new(jobs);
            world.user("many", MANY);
            world.build("many").outputs
        })
        .collect();
    assert_eq!(cids[0], cids[1]);
    assert_eq!(cids[0], cids[2]);
}

#[test]
fn two_writers_of_one_path_are_an_error() {
    for jobs in [1, 4] {
        let world = World::new(jobs);
        world.user("race", r#"for-each [one two three] {|f| ^put log $f }"#);
        let before = world.listing();
        let report = world.build_with("race", &BuildOptions::default());
        let reason = report.failed[0].reason.clone();
        insta::allow_duplicates! {
            insta::assert_snapshot!(reason, @"
            step 1 failed: `log` is written by two branches that run side by side: one and two
            the step: a group
            ");
        }
        let after = world.listing();
        assert_eq!(before.0, after.0);
        assert!(after.1.iter().all(|name| !name.starts_with("race")), "{after:?}");
    }
}

#[test]
fn the_first_failure_in_the_list_is_the_one_that_is_told() {
    for jobs in [1, 4] {
        let world = World::new(jobs);
        world.user("first", r#"for-each [b a] {|f| ^put $"nowhere-($f)/x" $f }"#);
        let report = world.build_with("first", &BuildOptions::default());
        insta::allow_duplicates! {
            insta::assert_snapshot!(report.failed[0].reason, @"
            step 1 (b).1 failed: `put` ended with exit code 4
            the step: put nowhere-{path}/x {path}
            ");
        }
    }
}
