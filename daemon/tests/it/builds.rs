//! Builds that succeed: what runs, what does not have to, and what comes out.

use crate::world::{Kept, World};
use nuka_daemon::{Event, api::BuildOptions, event::How};

#[test]
fn a_build_is_done_once() {
    let world = World::new(2);
    world.user("greeting", "make-directory out/usr/share\n^put out/usr/share/greeting hello");
    assert_eq!(world.how("greeting"), How::Built);
    assert_eq!(world.how("greeting"), How::Present);
    let mut out = Vec::new();
    world.nuka.store_cat("greeting/usr/share/greeting", &mut out).unwrap();
    assert_eq!(out, b"hello\n");
}

#[test]
fn a_changed_recipe_with_the_same_content_runs_nothing_downstream() {
    let world = World::new(2);
    world.user("greeting", "make-directory out/usr/share\n^put out/usr/share/greeting hello");
    let first = world.build("greeting");
    // A new version is a new PIR; what it builds is the same.
    world.put_recipe("2.0", "");
    let kept = Kept::default();
    let report = world.told("greeting", &BuildOptions::default(), &kept);
    let second = &report.requested[0];
    assert_ne!(first.package.pid, second.package.pid);
    assert_eq!((second.how, second.build), (How::Unchanged, first.build));
    assert_eq!(first.outputs, second.outputs);
    let ran = kept.0.lock().unwrap().iter().filter(|event| matches!(event, Event::Step { .. })).count();
    assert_eq!(ran, 0, "no program may run");
}

#[test]
fn changed_content_is_seen_through_what_lies_between() {
    let world = World::new(2);
    // `middle` passes the tool on as something that it needs; `end` sees only `middle`.
    world.recipe(
        "middle",
        r#"export def main [] {
  derivation middle "1.0" {
    language: data
    needs: { put: (pkg put) }
    build: {|p| write out/usr/share/middle "middle" }
  }
}"#,
    );
    world.recipe(
        "end",
        r#"export def main [] {
  derivation end "1.0" {
    language: data
    tools: { middle: (pkg middle) }
    build: {|p| make-directory out/usr/share; ^put out/usr/share/end "end" }
  }
}"#,
    );
    let first = world.build("end");
    world.put_recipe("1.0", "write out/usr/share/more \"more\"");
    let second = world.build("end");
    assert_eq!(second.how, How::Built);
    assert_ne!(first.build, second.build);
    assert_eq!(first.outputs, second.outputs);
}

#[test]
fn a_second_build_is_the_same_to_the_bit() {
    let world = World::new(2);
    world.user(
        "many",
        r#"for-each [a b c d] {|f| make-directory out/usr/share; ^put $"out/usr/share/($f)" $f }"#,
    );
    let options = BuildOptions { rebuild: true, ..BuildOptions::default() };
    let report = world.build_with("many", &options);
    assert_eq!(report.requested[0].differences.as_deref(), Some(&[][..]));
    // And once more when it is there already.
    let report = world.build_with("many", &options);
    assert_eq!(report.requested[0].differences.as_deref(), Some(&[][..]), "{report:#?}");
}

#[test]
fn a_check_is_built_when_it_is_asked_for() {
    let world = World::new(2);
    world.recipe(
        "checked",
        r#"export def main [] {
  derivation checked "1.0" {
    language: data
    tools: { put: (pkg put) }
    build: {|p| write out/usr/share/x "x" }
    check: {|p| expect-exit 3 { ^put } }
  }
}"#,
    );
    let report = world.build_with("checked", &BuildOptions { checks: true, ..BuildOptions::default() });
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
    let names: Vec<_> = report.done.iter().map(|outcome| outcome.package.name.as_str()).collect();
    assert!(names.contains(&"checked-check"), "{names:?}");
}

#[test]
fn outputs_are_split_and_a_changed_run_part_builds_nothing() {
    let world = World::new(2);
    let recipe = |extra: &str| {
        format!(
            r#"export def main [] {{
  derivation split "1.0" {{
    language: data
    build: {{|p|
      write out/usr/include/x.h "x"
      write out/usr/share/x "x"
    }}
    outputs: {{ dev: ["include/**"] }}
    {extra}
  }}
}}"#
        )
    };
    world.recipe("split", &recipe(""));
    let first = world.build("split");
    let names: Vec<_> = first.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["dev", "out"]);
    world.recipe("split", &recipe("permissions: { network: true }"));
    let second = world.build("split");
    assert_ne!(first.package.pid, second.package.pid);
    assert_eq!((second.how, second.build), (How::Unchanged, first.build));
}

#[test]
fn what_a_recipe_tells_of_a_package_is_told_for_that_recipe() {
    let world = World::new(1);
    let say = |recipe: &str, words: &str| {
        let text = format!(
            r#"export def main [] {{
  derivation same "1.0" {{
    meta: {{ description: "{words}" }}
    language: data
    build: {{|p| write out/usr/share/same "same" }}
  }}
}}
"#
        );
        world.recipe(recipe, &text);
    };
    say("same", "first");
    say("other", "second");
    let shown = |recipe: &str| world.nuka.show(&recipe.parse().unwrap()).unwrap();
    let (same, other, again) = (shown("same"), shown("other"), shown("same"));
    assert_eq!(same.package.pid, other.package.pid);
    let told = [same, other, again].map(|shown| shown.description.unwrap());
    assert_eq!(told, ["first", "second", "first"]);
    let found = world.nuka.search("same first").unwrap();
    assert_eq!(found.len(), 1);
}
