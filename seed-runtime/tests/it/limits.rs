//! Every limit stops a process with an outcome that names it.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use nuka_seed_runtime::{Exit, Limits, Process, Stream, Tier, process::Output};

use super::{engine, module};

fn run(wat: &str, limits: Limits) -> Exit {
    let process = Process { limits, ..Process::default() };
    engine().run(&module(wat), process, None).unwrap().exit
}

/// The same in both tiers.
fn both(wat: &str, limits: Limits) -> [Exit; 2] {
    let bytes = wat::parse_str(wat).unwrap();
    [Tier::Quick, Tier::Optimised].map(|tier| {
        let module = engine().compile(&bytes, tier).unwrap();
        assert_eq!(module.tier(), tier);
        let process = Process { limits, ..Process::default() };
        engine().run(&module, process, None).unwrap().exit
    })
}

const FOREVER: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;

#[test]
fn time() {
    let limit = Duration::from_millis(200);
    let limits = Limits { wall_time: Some(limit), ..Limits::default() };
    let begun = Instant::now();
    for exit in both(FOREVER, limits) {
        assert_eq!(exit, Exit::TimedOut { limit });
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn memory_at_the_start_and_while_growing() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let large = r#"(module (memory (export "memory") 17) (func (export "_start")))"#;
    assert_eq!(run(large, limits), Exit::OutOfMemory { limit: 1 << 20 });
    let grows = r#"(module (memory (export "memory") 1)
        (func (export "_start") (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable))"#;
    for exit in both(grows, limits) {
        assert_eq!(exit, Exit::OutOfMemory { limit: 1 << 20 });
    }
    // One that lives with less is not blamed.
    let copes = r#"(module (memory (export "memory") 1) (func (export "_start") (drop (memory.grow (i32.const 100)))))"#;
    assert_eq!(run(copes, limits), Exit::Code(0));
    // All that 32-bit addresses reach is a limit, a module's own maximum is not.
    let all = grows.replace("(i32.const 1)) (i32", "(i32.const 1024)) (i32");
    assert_eq!(run(&all, Limits::default()), Exit::OutOfMemory { limit: 4 << 30 });
    let own = grows.replace(r#""memory") 1)"#, r#""memory") 1 2)"#);
    assert!(matches!(run(&own, limits), Exit::Trapped { .. }));
    let table = r#"(module (memory (export "memory") 1) (table 200000 funcref) (func (export "_start")))"#;
    assert_eq!(run(table, limits), Exit::OutOfMemory { limit: 1 << 20 });
}

#[test]
fn peak_memory_is_told() {
    let wat = r#"(module (memory (export "memory") 1) (func (export "_start") (drop (memory.grow (i32.const 9)))))"#;
    let outcome = engine().run(&module(wat), Process::default(), None).unwrap();
    assert_eq!(outcome.peak_memory, 10 << 16);
}

#[test]
fn endless_recursion() {
    let wat = r#"(module (memory (export "memory") 1) (func $f (export "_start") (call $f) (call $f)))"#;
    for exit in both(wat, Limits::default()) {
        assert!(matches!(exit, Exit::StackExhausted { .. }), "{exit:?}");
    }
}

#[test]
fn a_small_thread_is_enough() {
    // 8 MiB of frames on a thread whose own stack has 256 KiB.
    let wat = r#"(module (memory (export "memory") 1)
        (func $f (param i32) (result i64) (local i64 i64 i64 i64)
            (if (result i64) (i32.eqz (local.get 0)) (then (i64.const 1))
                (else (i64.add (i64.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))))
        (func (export "_start") (drop (call $f (i32.const 100000)))))"#;
    let module = module(wat);
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let running = thread.spawn(move || engine().run(&module, Process::default(), None).unwrap().exit);
    assert_eq!(running.unwrap().join().unwrap(), Exit::Code(0));
}

const CHATTY: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 0) "\10\00\00\00\0a\00\00\00") (data (i32.const 16) "0123456789")
    (func (export "_start") (loop (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))))"#;

#[test]
fn output_is_limited_and_passed_on_as_it_comes() {
    let (sender, receiver) = mpsc::channel();
    let output: Output = Box::new(move |stream, bytes| sender.send((stream, bytes.to_vec())).unwrap());
    let process = Process { limits: Limits { stderr: 25, ..Limits::default() }, ..Process::default() };
    let outcome = engine().run(&module(CHATTY), process, Some(output)).unwrap();
    assert_eq!(outcome.exit, Exit::TooMuchOutput { stream: Stream::Stderr, limit: 25 });
    assert_eq!(outcome.stderr, "0123456789012345678901234");
    let pieces: Vec<_> = receiver.iter().collect();
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[2], (Stream::Stderr, b"01234".to_vec()));
}

#[test]
fn files_are_limited() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (data (i32.const 0) "f")
        (func (export "_start")
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16)))
            (call $exit (call $size (i32.load (i32.const 16)) (i64.const 5000000)))))"#;
    let mut process = super::script::over(nuka_seed_runtime::tree::Tree::new());
    process.limits.tree = 1 << 20;
    let outcome = engine().run(&module(wat), process.clone(), None).unwrap();
    assert_eq!(outcome.exit, Exit::TreeFull { limit: 1 << 20 });
    process.limits.tree = 1 << 30;
    let outcome = engine().run(&module(wat), process, None).unwrap();
    assert_eq!(outcome.exit, Exit::Code(0));
    assert_eq!(outcome.mounts[0].get("f").unwrap().as_file().unwrap().len(), 5_000_000);
}

/// Programs that spend their time in different ways: counting, calling, calling indirectly, copying memory (in
/// the engine), asking the host, growing memory, dividing.
const ENDLESS: [&str; 7] = [
    "(local i32) (loop (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0))",
    "(loop (drop (call $fib (i32.const 20))) (br 0))",
    "(loop (drop (call_indirect (param i32) (result i32) (i32.const 9) (i32.const 0))) (br 0))",
    "(loop (memory.copy (i32.const 0) (i32.const 65536) (i32.const 65536)) (br 0))",
    "(loop (drop (call $yield)) (br 0))",
    "(loop (drop (memory.grow (i32.const 1))) (br 0))",
    "(local f64) (loop (f64.store (i32.const 0) (local.tee 0 (f64.sqrt (f64.add (local.get 0) (f64.const 2))))) (br 0))",
];

#[test]
fn stopped_wherever_they_are() {
    let modules: Vec<_> = ENDLESS
        .iter()
        .flat_map(|body| {
            let wat = format!(
                r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
                (memory (export "memory") 2) (table funcref (elem $fib))
                (func $fib (param i32) (result i32)
                    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                                       (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
                (func (export "_start") {body}))"#
            );
            let bytes = wat::parse_str(wat).unwrap();
            [Tier::Quick, Tier::Optimised].map(|tier| engine().compile(&bytes, tier).unwrap())
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let modules = &modules;
            scope.spawn(move || {
                for round in 0..25u64 {
                    let module = &modules[(round as usize * 3 + thread as usize) % modules.len()];
                    let limit = Duration::from_micros(500 + (round * 1237 + thread * 331) % 4000);
                    let limits = Limits { wall_time: Some(limit), memory: 1 << 30, ..Limits::default() };
                    let process = Process { limits, ..Process::default() };
                    let exit = engine().run(module, process, None).unwrap().exit;
                    assert_eq!(exit, Exit::TimedOut { limit });
                }
            });
        }
    });
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    let wat = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    let module = module(wat);
    for limit in [None, Some(Duration::from_secs(60)), Some(Duration::MAX)] {
        let limits = Limits { wall_time: limit, ..Limits::default() };
        for _ in 0..100 {
            let process = Process { limits, ..Process::default() };
            assert_eq!(engine().run(&module, process, None).unwrap().exit, Exit::Code(0));
        }
    }
}
