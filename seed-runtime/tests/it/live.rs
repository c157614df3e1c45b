//! Live programs, through the binary: real streams, real directories, real exit codes.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Puts a module into a file of `dir`.
fn program(dir: &Path, name: &str, wat: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, wat::parse_str(wat).unwrap()).unwrap();
    path
}

fn seed() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuka-seed"));
    command.env("RUST_BACKTRACE", "0");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(
        (output.status.code(), text(&output.stdout), text(&output.stderr)),
        (Some(code), stdout.to_owned(), stderr.to_owned())
    );
}

/// Copies standard input to standard output, then ends with code 5.
const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (loop
            (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
            (if (i32.load (i32.const 4)) (then
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 1))))
        (call $exit (i32.const 5))))"#;

#[test]
fn streams_and_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let cat = program(dir.path(), "cat.wasm", CAT);
    for verb in ["live", "run"] {
        let mut command = seed();
        command.arg(verb).args(if verb == "run" { vec!["--stdin"] } else { vec![] }).arg(&cat);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"some\nwords\n").unwrap();
        check(&child.wait_with_output().unwrap(), 5, "some\nwords\n", "");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let wat = CAT.replace("(i32.load (i32.const 4))", "(i32.const 1)").replacen(
        "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))",
        "",
        1,
    );
    let yes = program(dir.path(), "yes.wasm", &wat);
    let mut command = seed();
    command.arg("live").arg(&yes).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut pipe, &mut [0; 10_000]).unwrap();
    drop(pipe);
    check(&child.wait_with_output().unwrap(), 141, "", "");
}

/// Opens the path that `open` names below each preopened directory, and ends with a bit set for each that worked.
fn opens(path: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (data (i32.const 0) "{path}")
        (func $try (param i32) (result i32) (i32.shl (i32.eqz (call $open (local.get 0) (i32.const 0) (i32.const 0)
            (i32.const {}) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 512)))
            (i32.sub (local.get 0) (i32.const 3))))
        (func (export "_start") (call $exit
            (i32.or (call $try (i32.const 3)) (i32.or (call $try (i32.const 4)) (call $try (i32.const 5)))))))"#,
        path.len()
    )
}

#[test]
fn it_sees_what_it_is_given_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (here, data) = (dir.path().join("here"), dir.path().join("data"));
    std::fs::create_dir(&here).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::write(here.join("f"), "").unwrap();
    std::fs::write(data.join("g"), "").unwrap();
    std::os::unix::fs::symlink("/etc", here.join("etc")).unwrap();
    let run = |path: &str, args: &[String]| {
        let opener = program(dir.path(), "open.wasm", &opens(path));
        let output = seed().arg("live").args(args).arg(&opener).current_dir(&here).output().unwrap();
        assert_eq!(text(&output.stderr), "");
        output.status.code().unwrap()
    };
    let granted = ["--here".to_owned(), "--dir".to_owned(), format!("{}:/data", data.display())];
    assert_eq!(run("f", &[]), 0);
    assert_eq!(run("f", &granted[..1]), 0b11);
    assert_eq!(run("f", &granted), 0b110);
    assert_eq!(run("g", &granted), 0b001);
    for outside in ["../data/g", "/etc/passwd", "etc/passwd", ".."] {
        assert_eq!(run(outside, &granted), 0, "{outside}");
    }
}

#[test]
fn errors_name_the_file_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("script"), "#!/bin/sh\n").unwrap();
    program(
        dir,
        "trap.wasm",
        r#"(module (memory (export "memory") 1) (func $oops (export "_start") unreachable))"#,
    );
    program(
        dir,
        "js.wasm",
        r#"(module (import "env" "_embind_register_void" (func (param i32 i32))) (memory (export "memory") 1) (func (export "_start")))"#,
    );
    let run = |args: &[&str]| seed().args(args).current_dir(dir).output().unwrap();
    check(
        &run(&["live", "script"]),
        125,
        "",
        "nuka-seed: `script`: it is not a WebAssembly module but a script\n",
    );
    check(
        &run(&["live", "js.wasm"]),
        125,
        "",
        "nuka-seed: `js.wasm`: it needs 1 import that is not provided here (env._embind_register_void); it seems to be \
         made by Emscripten to be run with its JavaScript (build it with -sSTANDALONE_WASM)\n",
    );
    let trapped = run(&["live", "trap.wasm"]);
    assert_eq!(trapped.status.code(), Some(125));
    assert!(text(&trapped.stderr).starts_with(
        "nuka-seed: the process crashed: wasm trap: wasm `unreachable` instruction executed\noops (at 0x"
    ));
    check(
        &run(&["live", "--dir", "/nowhere:/x", "trap.wasm"]),
        125,
        "",
        "nuka-seed: `trap.wasm`: the directory `/nowhere` cannot be given to the program: No such file or directory (os error 2)\n",
    );
    check(
        &run(&["live", "--dir", &format!("{}:/", dir.display()), "trap.wasm"]),
        125,
        "",
        "nuka-seed: `trap.wasm`: `/` is never given to a program; name the directories that it needs\n",
    );
}

#[test]
fn what_emscripten_programs_need_beside_wasi() {
    let dir = tempfile::tempdir().unwrap();
    let wat = r#"(module
        (import "env" "emscripten_notify_memory_growth" (func $notify (param i32)))
        (import "env" "__syscall_openat" (func $openat (param i32 i32 i32 i32) (result i32)))
        (import "env" "emscripten_resize_heap" (func $resize (param i32) (result i32)))
        (import "env" "_emscripten_memcpy_js" (func $memcpy (param i32 i32 i32)))
        (import "env" "emscripten_date_now" (func $now (result f64)))
        (import "env" "_abort_js" (func $abort))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (call $notify (i32.const 0))
            (if (i32.ne (call $openat (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -52)) (then (call $exit (i32.const 1))))
            (if (i32.ne (call $resize (i32.const 200000)) (i32.const 1)) (then (call $exit (i32.const 2))))
            (if (i32.ne (memory.size) (i32.const 4)) (then (call $exit (i32.const 3))))
            (i32.store (i32.const 8) (i32.const 77))
            (call $memcpy (i32.const 199000) (i32.const 8) (i32.const 4))
            (if (i32.ne (i32.load (i32.const 199000)) (i32.const 77)) (then (call $exit (i32.const 4))))
            (if (f64.lt (call $now) (f64.const 1.5e12)) (then (call $exit (i32.const 5))))
            (call $abort)))"#;
    program(dir.path(), "e.wasm", wat);
    let output = seed().args(["live", "e.wasm"]).current_dir(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).starts_with("nuka-seed: the process crashed: the program aborted itself\n"));
    let output = seed().args(["run", "e.wasm"]).current_dir(dir.path()).output().unwrap();
    assert!(text(&output.stderr).contains("it needs 6 imports"), "{}", text(&output.stderr));
}

#[test]
fn run_loads_directories_and_writes_changes_back() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    std::fs::create_dir(&work).unwrap();
    std::fs::write(work.join("f"), "old").unwrap();
    // Renames f to g.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (data (i32.const 0) "fg")
        (func (export "_start") (call $exit (call $rename (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 3) (i32.const 1) (i32.const 1)))))"#;
    let rename = program(dir.path(), "rename.wasm", wat);
    let run = |option: &str| {
        let mount = format!("{}:/w", work.display());
        seed().args(["run", option, &mount, "--reads"]).arg(&rename).output().unwrap()
    };
    assert_eq!(run("--dir").status.code(), Some(69));
    assert!(work.join("f").exists());
    let output = run("--dir-rw");
    check(&output, 0, "", "Metadata /w/f\nContent /w/f\nAbsent /w/g\n");
    assert_eq!(std::fs::read_to_string(work.join("g")).unwrap(), "old");
    assert!(!work.join("f").exists());
}
