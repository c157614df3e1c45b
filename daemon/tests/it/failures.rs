//! Builds that fail: what people are told, and that nothing is left behind.

use crate::world::World;
use nuka_daemon::api::BuildOptions;

fn failure(build: &str) -> (String, Option<String>, Vec<String>) {
    let world = World::new(2);
    world.user("broken", build);
    let report = world.build_with("broken", &BuildOptions::default());
    let failure = report.failed.first().unwrap_or_else(|| panic!("{build} did not fail")).clone();
    let (left, names) = world.listing();
    assert_eq!(left, 0, "temporaries are left");
    assert!(names.iter().all(|name| !name.starts_with("broken")), "{names:?}");
    (failure.reason, failure.help, failure.log_tail)
}

#[test]
fn a_failed_step_shows_its_output() {
    let (reason, _, log) = failure("^put");
    insta::assert_snapshot!(reason, @"
    step 1 failed: `put` ended with exit code 3
    the step: put
    ");
    assert_eq!(log, ["put: no file"]);
}

#[test]
fn mistakes_are_named() {
    insta::assert_snapshot!(failure("^putt x").0, @"
    step 1 failed: there is no program `putt` among the build's tools; did you mean `put`?
    the step: putt x
    ");
    insta::assert_snapshot!(failure("write x y").0, @"the build put nothing into `out/`");
    insta::assert_snapshot!(failure("install nothing share/").0, @"
    step 1 failed: `nothing` is not there
    the step: install nothing share/
    ");
    insta::assert_snapshot!(failure("install (glob \"*.c\") share/").0, @"
    step 1 failed: nothing matches `*.c`
    the step: install *.c share/
    ");
    insta::assert_snapshot!(failure("write out/opt/x y").0, @"the build put `opt` into `out/`; there can be `usr` and `etc` only");
    insta::assert_snapshot!(failure("^put ../usr/x y").0, @"
    step 1 failed: `put` ended with exit code 4
    the step: put ../usr/x y
    ");
    insta::assert_snapshot!(failure("write /usr/bin/put y").0, @"
    step 1 failed: `/usr/bin/put` is outside the build directory, where nothing can be written
    the step: write /usr/bin/put
    ");
    insta::assert_snapshot!(failure("expect-exit 9 { ^put }").0, @"
    step 1 failed: `put` ended with exit code 3; the recipe expects 9
    the step: put
    ");
    insta::assert_snapshot!(failure("write x.wasm nonsense --executable; ^./x.wasm").0, @"
    step 2 failed: `./x.wasm` cannot be run: it is not a WebAssembly module but text
    the step: ./x.wasm
    ");
    insta::assert_snapshot!(failure("write steps '[{run: 1}]'; steps-from steps").0, @"
    step 2 failed: `steps` does not hold a list of steps: invalid type: integer `1`, expected struct RunStep
    the step: steps-from steps
    ");
}

#[test]
fn what_needs_a_failure_is_named_with_it() {
    let world = World::new(2);
    world.user("broken", "^put");
    world.recipe(
        "above",
        r#"export def main [] {
  derivation above "1.0" {
    language: data
    tools: { broken: (pkg broken) }
    build: {|p| write out/usr/share/x x }
  }
}"#,
    );
    let report = world.build_with("above", &BuildOptions { keep_going: true, ..BuildOptions::default() });
    let told: Vec<_> = report
        .failed
        .iter()
        .map(|f| (f.package.name.as_str(), f.because_of.as_ref().map(|package| package.name.as_str())))
        .collect();
    assert_eq!(told, [("broken", None), ("above", Some("broken"))]);
}

#[test]
fn different_files_at_one_path_of_a_view_are_an_error() {
    let world = World::new(2);
    world.user("one", "write out/usr/share/same one");
    world.user("two", "write out/usr/share/same two");
    world.recipe(
        "both",
        r#"export def main [] {
  derivation both "1.0" {
    language: data
    tools: { one: (pkg one) two: (pkg two) }
    build: {|p| write out/usr/share/x x }
  }
}"#,
    );
    let report = world.build_with("both", &BuildOptions::default());
    insta::assert_snapshot!(report.failed[0].reason, @"`usr/share/same` comes from both `one` (file) and `two` (file), and they differ");
}

#[test]
fn a_wrong_hash_says_what_came() {
    let world = World::new(2);
    world.put_recipe("1.0", "");
    std::fs::write(world.path("recipes/put-source/more"), "changed").unwrap();
    let report = world.build_with("put", &BuildOptions::default());
    let failure = &report.failed[0];
    assert_eq!(
        failure.reason,
        "the download of path:put-source does not have the hash that the recipe names"
    );
    let help = failure.help.clone().unwrap();
    for part in ["expected blake3:", "got blake3:", "nuka update-hashes"] {
        assert!(help.contains(part), "{help}");
    }
    assert!(world.listing().1.is_empty());
}
