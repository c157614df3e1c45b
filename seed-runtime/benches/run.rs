//! What one process costs beside its own work, and what loading a compiled module costs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::sync::OnceLock;

use divan::{Bencher, black_box};
use nuka_seed_runtime::{
    Engine, Limits, Module, ModuleCache, ModuleId, Mount, Process, Tier,
    process::Access,
    tree::{File, GuestPath, Tree},
};

fn main() {
    divan::main();
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new().unwrap())
}

/// Opens a new file in the working directory and writes a line to it.
const WRITER: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 16) (data (i32.const 0) "out\0a") (data (i32.const 16) "\00\00\00\00\04\00\00\00")
    (func (export "_start")
        (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 32)))
        (drop (call $write (i32.load (i32.const 32)) (i32.const 16) (i32.const 1) (i32.const 32)))))"#;

fn module(wat: &str) -> Module {
    engine().compile(&wat::parse_str(wat).unwrap(), Tier::Optimised).unwrap()
}

fn process(limits: Limits) -> Process {
    let mut tree = Tree::new();
    for i in 0..100 {
        tree.insert(format!("src/{i}.c"), File::from_bytes("int x;", false)).unwrap();
    }
    let path = GuestPath::new("/build").unwrap();
    Process {
        mounts: vec![Mount { path: path.clone(), tree, access: Access::ReadWrite }],
        cwd: Some(path),
        limits,
        ..Process::default()
    }
}

#[divan::bench]
fn run_trivial(bencher: Bencher) {
    let module = module(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    bencher
        .with_inputs(Process::default)
        .bench_values(|process| black_box(engine().run(&module, process, None).unwrap()));
}

#[divan::bench]
fn run_that_writes_a_file(bencher: Bencher) {
    let (module, process) = (module(WRITER), process(Limits::default()));
    bencher.with_inputs(|| process.clone()).bench_values(|process| {
        let outcome = engine().run(&module, process, None).unwrap();
        assert!(outcome.mounts[0].get("out").is_some());
        outcome
    });
}

#[divan::bench]
fn run_without_a_time_limit(bencher: Bencher) {
    let module = module(WRITER);
    let process = process(Limits { wall_time: None, ..Limits::default() });
    bencher
        .with_inputs(|| process.clone())
        .bench_values(|process| black_box(engine().run(&module, process, None).unwrap()));
}

#[divan::bench]
fn start_an_engine() -> Engine {
    Engine::new().unwrap()
}

#[divan::bench]
fn load_a_cached_module(bencher: Bencher) {
    let dir = std::env::temp_dir().join(format!("nuka-seed-bench-{}", std::process::id()));
    let bytes: bytes::Bytes = wat::parse_str(WRITER).unwrap().into();
    let id = ModuleId::of(&bytes);
    let load = || {
        let cache = ModuleCache::open(&dir).unwrap();
        cache.load(engine(), id, &|| Ok(bytes.clone()), Tier::Optimised, &|_| {}).unwrap()
    };
    load();
    bencher.bench(load);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[divan::bench]
fn change_one_file_of_ten_thousand(bencher: Bencher) {
    let mut tree = Tree::new();
    for i in 0..10_000 {
        tree.insert(format!("{i}.o"), File::from_bytes("object", false)).unwrap();
    }
    bencher.bench(|| {
        let mut after = tree.clone();
        after.insert("5000.o", File::from_bytes("new", false)).unwrap();
        black_box(nuka_seed_runtime::tree::diff(&tree, &after).unwrap().len())
    });
}
