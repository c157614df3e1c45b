//! The figures that nuka is held to, in CPU seconds of this process: `cargo bench -p nuka-daemon --bench figures`.
//! Give a number to scale the counts: `-- 0.1` for a quick look.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

use nuka_daemon::{
    Config, Handed, Nuka, Silent,
    api::{BuildOptions, Target},
};
use std::{collections::BTreeMap, fmt::Write as _, fs, num::NonZeroUsize, path::Path, time::Instant};

/// What the `nuka` command uses, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let scale = std::env::args().filter_map(|text| text.parse::<f64>().ok()).next().unwrap_or(1.0);
    let count = |full: usize| ((full as f64 * scale) as usize).max(1);
    println!("{:<58} {:>9} {:>9}", "work", "CPU s", "wall s");
    evaluate(count(10_000));
    evaluate(count(100_000));
    let world = build(count(1_000));
    nothing_to_do(world.path(), count(1_000));
}

/// How often short work is done, so that its mean says something.
const TIMES: u32 = 10;

/// Measures some work and prints a line.
fn measured<T>(what: &str, work: impl FnOnce() -> T) -> T {
    measured_parts(1, what, work)
}

/// Measures work that is done so many times, and prints a line of one of them.
fn measured_times(times: u32, what: &str, mut work: impl FnMut()) {
    measured_parts(times, what, || (0..times).for_each(|_| work()));
}

fn measured_parts<T>(parts: u32, what: &str, work: impl FnOnce() -> T) -> T {
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (before, begun) = (cpu(), Instant::now());
    let result = work();
    let (cpu, wall) = (cpu() - before, begun.elapsed().as_secs_f64());
    let parts = f64::from(parts);
    println!("{what:<58} {:>9.4} {:>9.4}", cpu / parts, wall / parts);
    result
}

fn nuka(dir: &Path) -> Nuka {
    Nuka::new(Config {
        user: 0,
        store: dir.join("store"),
        cache: dir.join("cache"),
        state: dir.join("state"),
        recipe_directories: vec![dir.join("recipes")],
        jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        offline: true,
        home: dir.join("home"),
        env: BTreeMap::new(),
        executable: None,
        background: false,
        current_directory: dir.to_owned(),
    })
}

fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(dir.path().join("recipes")).expect("a directory for recipes");
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join("recipes").join(name), text).expect("a recipe is written");
}

/// One recipe that gives many packages, each referring to the one before.
fn evaluate(count: usize) {
    let dir = world();
    let recipe = format!(
        r#"export def main [] {{
  1..{count} | each {{|n|
    derivation $"package($n)" "1.0" {{
      language: data
      env: {{ NUMBER: $"($n)" }}
      build: {{|p| write out/usr/share/number $"($n)" }}
    }}
  }}
}}
"#
    );
    write(dir.path(), "many.nu", &recipe);
    let target: Target = "many".parse().expect("a target");
    let nuka = nuka(dir.path());
    let options = BuildOptions::default();
    measured(&format!("evaluate and register {count} new packages, plan them"), || {
        nuka.plan(&[target], &options, &Silent).expect("a plan")
    });
}

/// Many packages, each built by one wasm process.
fn build(count: usize) -> tempfile::TempDir {
    let dir = world();
    let tool = dir.path().join("recipes/tool");
    fs::create_dir(&tool).expect("a directory");
    let wasm = wat::parse_str(include_str!("../tests/it/put.wat")).expect("a module");
    fs::write(tool.join("put.wasm"), wasm).expect("a tool");
    let nuka = nuka(dir.path());
    let cid = nuka.store_add(&Handed::own(tool), &Silent).expect("the tool is added");
    let hash: String = cid.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    write(
        dir.path(),
        "put.nu",
        &format!(
            r#"export def main [] {{
  derivation put "1" {{
    src: (fetch path tool --hash "blake3:{hash}")
    language: data
    build: {{|p| install src/put.wasm bin/put --executable }}
  }}
}}"#
        ),
    );
    let mut targets = Vec::new();
    for number in 0..count {
        let mut text = String::new();
        let _ = writeln!(
            text,
            r#"export def main [] {{
  derivation p{number} "1" {{
    language: data
    tools: {{ put: (pkg put) }}
    build: {{|p| make-directory out/usr; ^put out/usr/number {number} }}
  }}
}}"#
        );
        write(dir.path(), &format!("p{number}.nu"), &text);
        targets.push(format!("p{number}").parse::<Target>().expect("a target"));
    }
    let options = BuildOptions::default();
    measured(&format!("evaluate and plan {count} recipes"), || {
        nuka.plan(&targets, &options, &Silent).expect("a plan")
    });
    measured(&format!("build {count} trivial wasm packages"), || {
        let report = nuka.build(&targets, &options, &Silent).expect("a build");
        assert!(report.failed.is_empty(), "{:?}", report.failed.first());
    });
    dir
}

/// Everything is there already. A fresh `Nuka` each time, as a new process would have; the mean of ten times.
fn nothing_to_do(dir: &Path, count: usize) {
    let options = BuildOptions::default();
    for count in [1, count] {
        let targets: Vec<Target> = (0..count).map(|n| format!("p{n}").parse().expect("a target")).collect();
        // The question itself must have been asked before.
        nuka(dir).build(&targets, &options, &Silent).expect("a build");
        measured_times(TIMES, &format!("nothing to do, {count} packages (without process start)"), || {
            nuka(dir).build(&targets, &options, &Silent).expect("a build");
        });
    }
}
