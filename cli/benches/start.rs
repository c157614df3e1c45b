//! What starting an installed program costs, and how much of that is nuka's own:
//!
//! `cargo bench -p nuka-cli --bench start [-- LAUNCHER ARGUMENT...]`
//!
//! A program that does nothing is built and installed in a home of its own, and started by its launcher. So what is between that
//! and `/bin/true` is nuka's part: its process, the launcher, the program's files, the engine. `LAUNCHER` is one of an installed
//! program (`~/.local/state/nuka/profiles/default/current/bin/lua -e ''`), whose rest is its own: its code and what it does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is not as it should be ends a benchmark, and a benchmark prints"
)]

mod measure;

use measure::children;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Starts of each, of which the middle one counts.
const STARTS: usize = 301;

const RECIPE: &str = r#"export def main [] {
  derivation nothing "1.0" {
    src: (fetch path nothing-src)
    language: data
    build: {|p| install src/nothing.wasm bin/nothing --executable }
    programs: { nothing: "bin/nothing" }
  }
}
"#;

const NOTHING: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    fs::create_dir(at("nothing-src")).unwrap();
    fs::write(at("nothing-src/nothing.wasm"), wat::parse_str(NOTHING).unwrap()).unwrap();
    fs::write(at("nothing.nu"), RECIPE).unwrap();
    must(nuka(home.path()).args(["--quiet", "update-hashes", "./nothing.nu"]));
    must(nuka(home.path()).args(["--quiet", "install", "--yes", "./nothing.nu"]));
    let launcher = at(".local/state/nuka/profiles/default/current/bin/nothing");

    println!("{:<56} {:>8} {:>8}", "", "wall ms", "CPU ms");
    let none = row("/bin/true", || Command::new("/bin/true"));
    row("nuka --version", || {
        let mut command = nuka(home.path());
        command.arg("--version");
        command
    });
    let empty = row("an installed program that does nothing", || {
        let mut command = Command::new(&launcher);
        command.env("HOME", home.path());
        command
    });
    println!("{:<56} {:>8.2} {:>8.2}", "  of which nuka's own part", empty.0 - none.0, empty.1 - none.1);
    if let [program, arguments @ ..] = given.as_slice() {
        let own = row(&given.join(" "), || {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        });
        println!("{:<56} {:>8.2} {:>8.2}", "  of which the program's own", own.0 - empty.0, own.1 - empty.1);
    }
}

fn nuka(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuka"));
    command.current_dir(home).env_clear().env("HOME", home).env("NUKA_DAEMON", "0");
    command
}

fn must(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// Milliseconds of the clock of the middle one of all starts, and milliseconds of the processor of each on average.
fn row(what: &str, make: impl Fn() -> Command) -> (f64, f64) {
    let start = || {
        let mut command = make();
        let begun = Instant::now();
        must(command.stdin(Stdio::null()).stdout(Stdio::null()));
        begun.elapsed()
    };
    // Warm.
    (0..20).for_each(|_| {
        start();
    });
    let before = children();
    let mut walls: Vec<Duration> = (0..STARTS).map(|_| start()).collect();
    let cpu = (children() - before).as_secs_f64() / STARTS as f64;
    walls.sort_unstable();
    let all = (walls[STARTS / 2].as_secs_f64() * 1e3, cpu * 1e3);
    println!("{what:<56} {:>8.2} {:>8.2}", all.0, all.1);
    all
}
