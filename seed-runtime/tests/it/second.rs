//! The second engine computes what the first does, with the same calls of the same host.

use nuka_seed_runtime::{Exit, Limits, Process, second::Interpreter, tree::diff};

use super::{
    engine, module,
    script::{Script, over},
};

/// Runs a module in both engines, and expects equal outcomes.
fn both(wat: &str, process: Process) -> Exit {
    let first = engine().run(&module(wat), process.clone(), None).unwrap();
    let bytes = wat::parse_str(wat).unwrap();
    let second = Interpreter::new().unwrap().run(&bytes, process).unwrap();
    let (stdout, stderr) = ((&first.stdout, &second.stdout), (&first.stderr, &second.stderr));
    assert_eq!(stdout.0, stdout.1);
    assert_eq!(stderr.0, stderr.1);
    assert_eq!(first.reads, second.reads);
    assert_eq!(first.peak_memory, second.peak_memory);
    for (one, two) in first.mounts.iter().zip(&second.mounts) {
        assert!(diff(one, two).unwrap().is_empty());
    }
    match (first.exit, second.exit) {
        // Each says it in its own words.
        (Exit::Trapped { .. }, trapped @ Exit::Trapped { .. }) => trapped,
        (Exit::StackExhausted { .. }, exhausted @ Exit::StackExhausted { .. }) => exhausted,
        (first, second) => {
            assert_eq!(first, second);
            second
        }
    }
}

#[test]
fn clocks_random_numbers_listings_and_files() {
    let mut script = Script::new();
    script.call("random_get", &[0, 64]);
    script.call("clock_time_get", &[0, 0, 0x40]);
    script.call("clock_time_get", &[1, 0, 0x48]);
    script.open(3, "out", 9, 66, 0x50);
    let list = script.buffer(0, 0x60);
    script.call("fd_write", &[5, list, 1, 0x54]);
    script.call("fd_filestat_get", &[5, 0x100]);
    script.open(3, ".", 2, 2, 0x58);
    script.call("fd_readdir", &[6, 0x200, 0x800, 0, 0x5c]);
    assert_eq!(both(&script.wat(), over(nuka_seed_runtime::tree::Tree::new())), Exit::Code(0));
}

#[test]
fn ends_and_limits() {
    let start = |body: &str| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1) (func $start (export "_start") {body}))"#
        )
    };
    let run = |body: &str, limits| both(&start(body), Process { limits, ..Process::default() });
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    assert_eq!(run("(call $exit (i32.const 7))", Limits::default()), Exit::Code(7));
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    assert_eq!(run(grow, limits), Exit::OutOfMemory { limit: 1 << 20 });
    assert!(matches!(run("unreachable", limits), Exit::Trapped { .. }));
    assert!(matches!(run("(call $start) (call $start)", limits), Exit::StackExhausted { .. }));
    // What no number is, and bits of it that differ between machines.
    let nan = "(call $exit (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.const 0))))";
    assert_eq!(run(nan, limits), Exit::Code(0x7fc0_0000));
}
