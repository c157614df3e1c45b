//! Programs that are run: their output, their arguments, their exit codes, and what they may not do.

use crate::support::Place;

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
