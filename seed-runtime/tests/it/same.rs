//! The same process gives the same outcome: at another time, in another tier, beside others.

use nuka_seed_runtime::{
    Process, Tier,
    process::Clock,
    tree::{File, Tree, diff},
};

use super::{
    engine,
    script::{Script, over},
};

/// A process that looks at all that could differ: clocks, random numbers, listings, inode numbers, its stack
/// of floating point.
fn curious() -> Script {
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
    script
}

fn tree() -> Tree {
    let mut tree = Tree::new();
    for name in ["z", "a", "m/x"] {
        tree.insert(name, File::from_bytes(name.to_owned(), false)).unwrap();
    }
    tree
}

#[test]
fn two_runs_are_equal() {
    let first = curious().run(over(tree()));
    std::thread::sleep(std::time::Duration::from_millis(5));
    let second = curious().run(over(tree()));
    assert!(first.errnos.iter().all(|e| *e == 0));
    assert_eq!(first.outcome.stdout, second.outcome.stdout);
    assert!(diff(&first.outcome.mounts[0], &second.outcome.mounts[0]).unwrap().is_empty());
    assert_eq!(first.outcome.reads, second.outcome.reads);
}

#[test]
fn seed_and_clock_are_seen() {
    let first = curious().run(over(tree()));
    let mut other = over(tree());
    other.seed = [1; 32];
    other.clock = Clock { epoch_ns: 5, ..Clock::default() };
    let second = curious().run(other);
    assert_ne!(first.memory[..64], second.memory[..64]);
    assert_eq!(first.u64(0x40), 315_532_800_000_001_000);
    assert_eq!(second.u64(0x40), 1_005);
    // Every time of every file is the epoch.
    assert_eq!([40, 48, 56].map(|at| second.u64(0x100 + at)), [5; 3]);
}

#[test]
fn tiers_and_threads_agree() {
    let bytes = wat::parse_str(curious().wat()).unwrap();
    let modules = [Tier::Quick, Tier::Optimised].map(|tier| engine().compile(&bytes, tier).unwrap());
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|i| {
                scope.spawn({
                    let module = &modules[i % 2];
                    move || engine().run(module, over(tree()), None).unwrap().stdout
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(outputs.iter().all(|o| *o == outputs[0]));
}

#[test]
fn floating_point_is_canonical_in_both_tiers() {
    // 0/0 in single, double and vector form, its sign flipped and its bits told through memory and output.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\10\00\00\00\30\00\00\00")
        (func (export "_start") (local $zero f64)
            (f64.store (i32.const 16) (f64.div (local.get $zero) (local.get $zero)))
            (f64.store (i32.const 24) (f64.sqrt (f64.sub (local.get $zero) (f64.const 4))))
            (f32.store (i32.const 32) (f32.add (f32.reinterpret_i32 (i32.const 0xffa12345)) (f32.const 1)))
            (f64.store (i32.const 40) (f64.min (f64.reinterpret_i64 (i64.const 0xfff0000000000123)) (f64.const 1)))
            (v128.store (i32.const 48) (f64x2.div (v128.const f64x2 0 1) (v128.const f64x2 0 0)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let bytes = wat::parse_str(wat).unwrap();
    let outputs = [Tier::Quick, Tier::Optimised].map(|tier| {
        let module = engine().compile(&bytes, tier).unwrap();
        engine().run(&module, Process::default(), None).unwrap().stdout
    });
    assert_eq!(outputs[0], outputs[1]);
    let quiet = 0x7ff8_0000_0000_0000u64.to_le_bytes();
    assert_eq!(outputs[0][0..8], quiet);
    assert_eq!(outputs[0][8..16], quiet);
}
