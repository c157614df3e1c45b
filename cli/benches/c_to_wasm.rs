//! Compiling Lua's sources to wasm at -O2: with clang as wasm in nuka, and natively with `zig cc` where it is installed
//! (`pip install ziglang`). Then the start of a program that is built. CPU seconds of all processes, beside wall time:
//!
//! `cargo bench -p nuka-cli --bench c_to_wasm`
//!
//! Works in the person's own store and cache, so that clang need not be compiled for this machine once more; what it
//! builds there is a few objects. The first run fetches, and compiles clang with all optimisations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is not as it should be ends a benchmark, and a benchmark prints"
)]

mod measure;

use measure::children;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// The sources alone, so that both compilers have the same; and their objects. `SALT` makes it a new build.
const RECIPE: &str = r#"
use lib/c.nu
export def main [] {
  derivation lua-objects "5.4.8" {
    src: (fetch pypi lupa "2.8" --file lupa-2.8.tar.gz --subdir third-party/lua54
      --hash "sha256:d8022641b9ec8ecf2c5ecbe9f47e5a70e0b87c4b5ae921b92cb02a638e0acd08")
    language: c
    tools: (c tools)
    packages: (c packages)
    env: { SALT: "SALT" }
    build: {|p|
      WHAT
    }
  }
}
"#;

const SOURCES: &str = r#"install (glob "src/*.[ch]") share/lua/"#;
const OBJECTS: &str = r#"c compile lib (glob "src/l*.c" --except ["src/lua.c" "src/ltests.c" "src/loslib.c"]) [
        -O2 "-std=gnu99" -DLUA_COMPAT_5_3 ...$c.posix ...$c.setjmp
      ]
      install (glob "obj/**/*.o") lib/"#;

/// Runs of each; the fastest counts.
const RUNS: usize = 3;

/// Starts that are measured together.
const STARTS: u32 = 50;

fn main() {
    let work = tempfile::tempdir().unwrap();
    let recipe = |what: &str, salt: &str| {
        let path = work.path().join("lua-objects.nu");
        fs::write(&path, RECIPE.replace("WHAT", what).replace("\"SALT\"", &format!("\"{salt}\""))).unwrap();
        path
    };
    let sources = work.path().join("sources");
    must(nuka(work.path()).arg("build").arg(recipe(SOURCES, "sources")).arg("-o").arg(&sources));
    let files = c_files(&sources);
    // Compiles clang with all optimisations where that has not been done.
    let warm = recipe(OBJECTS, &format!("{:?}", Instant::now()));
    must(nuka(work.path()).env("NUKA_BACKGROUND", "0").args(["build"]).arg(warm));

    println!("{:<58} {:>9} {:>9}", format!("{} files of Lua at -O2", files.len()), "CPU s", "wall s");
    let ours = best(|| {
        let again = recipe(OBJECTS, &format!("{:?}", Instant::now()));
        measured(&mut nuka(work.path()), |command| command.args(["--quiet", "build"]).arg(again))
    });
    line("clang as wasm in nuka", ours);
    let Some(zig) = zig() else {
        println!("zig cc is not installed (`pip install ziglang`): nothing to compare with");
        return start(work.path());
    };
    let theirs = best(|| {
        // Its cache would answer from the second time on.
        let cache = tempfile::tempdir().unwrap();
        let mut all = (0.0, 0.0);
        for file in &files {
            let object = cache.path().join(file.file_name().unwrap()).with_extension("o");
            let one = measured(&mut Command::new(&zig), |command| {
                command.args([
                    "cc",
                    "-target",
                    "wasm32-wasi",
                    "-c",
                    "-O2",
                    "-std=gnu99",
                    "-DLUA_COMPAT_5_3",
                    "-w",
                ]);
                command.args([
                    "-D_WASI_EMULATED_SIGNAL",
                    "-D_WASI_EMULATED_PROCESS_CLOCKS",
                    "-D_WASI_EMULATED_MMAN",
                ]);
                command
                    .args(["-mcpu=generic+exception_handling", "-mllvm", "-wasm-enable-sjlj"])
                    .arg(file)
                    .arg("-o")
                    .arg(object);
                command.env("ZIG_GLOBAL_CACHE_DIR", cache.path()).env("ZIG_LOCAL_CACHE_DIR", cache.path())
            });
            all = (all.0 + one.0, all.1 + one.1);
        }
        all
    });
    line("zig cc, one file after another", theirs);
    println!("{:<58} {:>9.2}", "ratio", ours.0 / theirs.0);
    start(work.path());
}

/// How long a program that is built takes to start and end.
fn start(work: &Path) {
    must(nuka(work).args(["run", "lua", "-e", ""]));
    // Many at once, because the kernel counts in hundredths of a second.
    let all = best(|| {
        (0..STARTS).fold((0.0, 0.0), |sum, _| {
            let one = measured(&mut nuka(work), |command| command.args(["run", "lua", "-e", ""]));
            (sum.0 + one.0, sum.1 + one.1)
        })
    });
    line("nuka run lua -e ''", (all.0 / f64::from(STARTS), all.1 / f64::from(STARTS)));
}

fn nuka(work: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuka"));
    command.current_dir(work);
    command
}

/// The `zig` that is on PATH, or in PyPI's package; started itself, because Python's own start would count against it.
fn zig() -> Option<PathBuf> {
    let works = |path: &PathBuf| {
        let tried = Command::new(path).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let find = "import ziglang, pathlib; print(pathlib.Path(ziglang.__file__).parent / 'zig')";
    let in_python = Command::new("python3").args(["-c", find]).stderr(Stdio::null()).output();
    let in_python = in_python.ok().map(|found| String::from_utf8_lossy(&found.stdout).trim().into());
    [Some("zig".into()), in_python].into_iter().flatten().find(works)
}

fn c_files(tree: &Path) -> Vec<PathBuf> {
    let directory = tree.join("usr/share/lua");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let compiled = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // zig's libc has no names of temporary files, which loslib.c wants.
        let without = ["lua.c", "ltests.c", "loslib.c"];
        name.starts_with('l') && name.ends_with(".c") && !without.contains(&name.as_str())
    };
    entries.filter(compiled).collect()
}

fn must(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn best(run: impl FnMut() -> (f64, f64)) -> (f64, f64) {
    std::iter::repeat_with(run).take(RUNS).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

/// CPU seconds of a command and its children, and wall seconds.
fn measured(command: &mut Command, with: impl FnOnce(&mut Command) -> &mut Command) -> (f64, f64) {
    let (before, begun) = (children(), Instant::now());
    must(with(command).stdout(Stdio::null()));
    ((children() - before).as_secs_f64(), begun.elapsed().as_secs_f64())
}

fn line(what: &str, (cpu, wall): (f64, f64)) {
    println!("{what:<58} {cpu:>9.3} {wall:>9.3}");
}
