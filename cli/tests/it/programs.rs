//! Programs that are run: their output, their arguments, their exit codes, and what they may not do.

use crate::support::Place;
use nuka_seed_runtime::{Engine, ModuleCache, ModuleId, Tier};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Writes `hi` and a line end to stdout and ends with 7.
const HI: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\03\00\00\00hi\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $exit (i32.const 7))))"#;

const TRAP: &str = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;

/// Ends with the number of its arguments.
const COUNT: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (call $exit (i32.load (i32.const 0)))))"#;

#[test]
fn a_program_has_its_own_output_and_exit_code() {
    let place = Place::new();
    place.write("hi.wasm", wat::parse_str(HI).unwrap());
    let ended = place.run(&["--quiet", "exec", "hi.wasm"]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (7, "hi\n", ""), "{ended}");
    // The second time there is nothing to say.
    let ended = place.run(&["exec", "hi.wasm"]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (7, "hi\n", ""), "{ended}");
}

#[test]
fn everything_after_the_file_is_the_programs() {
    let place = Place::new();
    place.write("count.wasm", wat::parse_str(COUNT).unwrap());
    for (arguments, count) in
        [(&[][..], 1), (&["--help"], 2), (&["--", "-j", "--offline"], 4), (&["a b", ""], 3)]
    {
        let ended = place.run(&[&["exec", "count.wasm"], arguments].concat());
        assert_eq!(ended.code, count, "{arguments:?}: {ended}");
    }
}

#[test]
fn a_crash_is_told_as_one() {
    let place = Place::new();
    place.write("trap.wasm", wat::parse_str(TRAP).unwrap());
    let ended = place.run(&["--quiet", "exec", "trap.wasm"]);
    assert_eq!(ended.code, 134, "{ended}");
    insta::assert_snapshot!(ended, @"
    exit 134
    --- stderr
      × the program crashed: wasm trap: wasm `unreachable` instruction executed
    ");
}

/// A large program is compiled quickly for its first run, and well in the background.
#[test]
fn a_large_program_starts_soon_and_is_improved_later() {
    let place = Place::new();
    let large = HI.replace(
        "(memory (export \"memory\") 1)",
        &format!("(memory (export \"memory\") 200) (data (i32.const 65536) \"{}\")", "x".repeat(9 << 20)),
    );
    let file = place.write("large.wasm", wat::parse_str(large).unwrap());
    let run = || {
        let ended = place.run(&["--quiet", "exec", "large.wasm"]);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (7, "hi\n", ""), "{ended}");
    };
    run();
    // It ends by itself; how long it takes is the machine's affair.
    let compiled = || -> Vec<PathBuf> {
        let entries = fs_err::read_dir(place.home().join(".cache/nuka/modules")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
    };
    let id = ModuleId::of(&fs_err::read(&file).unwrap());
    let optimised = || {
        let cache = ModuleCache::open(place.home().join(".cache/nuka/modules")).unwrap();
        let engine = Engine::new().unwrap();
        cache.contains(&engine, id, Tier::Optimised).unwrap()
            && !cache.contains(&engine, id, Tier::Quick).unwrap()
    };
    let patience = Instant::now() + Duration::from_secs(120);
    while !optimised() {
        assert!(Instant::now() < patience, "not improved: {:?}", compiled());
        std::thread::sleep(Duration::from_millis(50));
    }
    run();
    assert_eq!(compiled().len(), 1);
}
