//! Environments of directories: entered, locked, applied, allowed and exported; and shells that are set up.

use crate::support::{Ended, Place};
use std::process::{Command, Stdio};

const PROGRAM: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\03\00\00\00hi\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

const ENVIRONMENT: &str = r#"export def main [] {
  environment {
    packages: [greet]
    variables: { NOTE: "$NUKA_FILES/a/note", GREETING: "it's" }
    files: { "a/note": "a note\n" }
    hooks: { sh: "export HOOK=ran" }
  }
}
"#;

fn good(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{ended}");
    ended
}

fn greet(place: &Place, version: &str) {
    place.write("greet-src/hi.wasm", wat::parse_str(PROGRAM).unwrap());
    let text = r#"export def main [] {
  derivation greet "VERSION" {
    src: (fetch path greet-src)
    language: data
    build: {|p| install src/hi.wasm bin/greet --executable }
    programs: { greet: "bin/greet" }
  }
}
"#;
    place.write("greet.nu", text.replace("VERSION", version));
    good(place.run(&["update-hashes", "./greet.nu"]));
}

fn world() -> Place {
    let place = Place::new();
    greet(&place, "1.0");
    place.write("nuka.nu", ENVIRONMENT);
    place.write("sub/file", "");
    place
}

fn shell(place: &Place, directory: &str, command: &str) -> Ended {
    let mut shell = place.command(&["--quiet", "shell", "-c", command]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh").current_dir(place.here().join(directory));
    place.end(shell)
}

#[test]
fn a_directorys_environment_is_entered_from_below_too() {
    let place = world();
    let ended =
        good(shell(&place, "sub", "greet; cat $NOTE; echo \"$GREETING $HOOK\"; test -r $NUKA_FILES/a/note"));
    assert_eq!(ended.stdout, "hi\na note\nit's ran\n");
    // Also where nothing was ever installed.
    good(place.run(&["allow"]));
    // Kept as long as its file is there.
    good(place.run(&["gc", "--keep-since", "0s"]));
    assert!(good(place.run(&["store", "list"])).stdout.contains("greet"));
    fs_err::remove_file(place.here().join("nuka.nu")).unwrap();
    let ended = shell(&place, "sub", "true");
    assert_eq!(ended.code, 127, "{ended}");
    place.write(
        "nuka.nu",
        "export def main [] { derivation x 1 { language: data, build: {|p| write x x } } }",
    );
    let ended = shell(&place, "", "true");
    assert!(ended.stderr.contains("describes no environment"), "{ended}");
}

#[test]
fn a_lock_file_holds_what_recipes_were() {
    let place = world();
    assert_eq!(place.run(&["lock", "--check"]).code, 1);
    good(place.run(&["lock"]));
    good(place.run(&["lock", "--check"]));
    greet(&place, "2.0");
    let version = |place: &Place| {
        good(shell(place, "", "true"));
        good(place.run(&["apply", "--yes", "nuka.nu"]));
        good(place.run(&["list", "--json"])).stdout.contains("\"version\": \"1.0\"")
    };
    assert!(version(&place), "the lock file's version");
    insta::assert_snapshot!(good(place.run(&["lock"])).stderr, @r"
    ~ greet 1.0 -> 2.0
    wrote [PLACE]/here/nuka.lock
    ");
    assert!(!version(&place), "the version of now");
    // What it names must be known.
    let text = fs_err::read_to_string(place.here().join("nuka.lock")).unwrap();
    let pid = text.split('"').find(|part| part.len() == 52).unwrap().to_owned();
    place.write("nuka.lock", text.replace(&pid[..8], "aaaaaaaa"));
    assert!(shell(&place, "", "true").stderr.contains("of the lock file is known to no recipe"));
    place.write("nuka.lock", "{}");
    assert_eq!(shell(&place, "", "true").code, 2);
}

#[test]
fn one_line_of_an_environment_is_one_line_of_a_diff() {
    let place = world();
    good(place.run(&["apply", "--yes", "nuka.nu"]));
    // Its packages are upgraded from the recipes beside it.
    greet(&place, "1.1");
    good(place.run(&["upgrade", "--yes"]));
    assert!(good(place.run(&["list"])).stdout.contains("1.1"));
    greet(&place, "1.0");
    good(place.run(&["upgrade", "--yes"]));
    let profile = place.home().join(".local/state/nuka/profiles/default/current");
    assert_eq!(fs_err::read_to_string(profile.join("files/a/note")).unwrap(), "a note\n");
    let script = format!(". {}; cat $NOTE; echo $HOOK", profile.join("environment.sh").display());
    let output = Command::new("/bin/sh").args(["-c", &script]).env_clear().output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a note\nran\n");
    place.write("nuka.nu", ENVIRONMENT.replace("it's", "hello"));
    good(place.run(&["apply", "--yes", "nuka.nu"]));
    insta::assert_snapshot!(good(place.run(&["generation", "diff"])).stdout, @"variable GREETING: it's -> hello");
    place.write("nuka.nu", ENVIRONMENT.replace("it's", "hello").replace("[greet]", "[]"));
    good(place.run(&["apply", "--yes", "nuka.nu"]));
    insta::assert_snapshot!(good(place.run(&["generation", "diff"])).stdout, @"- greet 1.0");
}

#[test]
fn what_is_exported_runs_where_only_nuka_is() {
    let place = world();
    good(place.run(&["export", "dir", "./greet.nu", "-o", "out"]));
    good(place.run(&["export", "tar", "./greet.nu", "-o", "one.tar"]));
    good(place.run(&["export", "tar", "./greet.nu", "-o", "two.tar"]));
    let read = |name: &str| fs_err::read(place.here().join(name)).unwrap();
    assert_eq!(read("one.tar"), read("two.tar"));
    assert_eq!(
        place.run(&["export", "tar", "./greet.nu", "-o", "one.tar"]).code,
        1,
        "nothing is overwritten"
    );
    // Elsewhere: another home, where nothing of it is.
    let other = Place::new();
    let moved = other.here().join("moved with space");
    fs_err::rename(place.here().join("out"), &moved).unwrap();
    let nuka = std::path::Path::new(env!("CARGO_BIN_EXE_nuka")).parent().unwrap().to_owned();
    let mut command = Command::new(moved.join("bin/greet"));
    command.env_clear().env("HOME", other.home()).env("PATH", format!("{}:/usr/bin:/bin", nuka.display()));
    command.current_dir(other.here()).stdin(Stdio::null());
    let ended = good(other.end(command));
    assert_eq!(ended.stdout, "hi\n");
    let store = other.home().join(".local/share/nuka/store");
    assert!(!store.exists(), "no store was made");
    // An environment, with what belongs to it.
    good(place.run(&["export", "dir", "-o", "environment"]));
    assert_eq!(read("environment/files/a/note"), b"a note\n");
}

#[test]
fn a_shell_is_set_up_and_taken_back_whole() {
    let place = world();
    let bashrc = place.home().join(".bashrc");
    fs_err::write(&bashrc, "mine=1 # no end of line").unwrap();
    let setup = |arguments: &[&str]| {
        let mut command =
            place.command(&[&["setup", "--shell", "bash", "--shell", "fish"], arguments].concat());
        command.env("PATH", "/usr/bin:/bin");
        good(place.end(command))
    };
    setup(&["--hook"]);
    setup(&["--hook"]);
    good(place.run(&["install", "--yes", "./greet.nu"]));
    let bash = |directory: &str, command: &str| {
        let mut bash = Command::new("bash");
        let rc = format!(". {}; cd {directory}; {command}", bashrc.display());
        bash.args(["-c", &rc]).env_clear().env("HOME", place.home()).env("PATH", "/usr/bin:/bin");
        place.end(bash)
    };
    let here = place.here().display().to_string();
    if Command::new("bash").arg("-c").arg(":").status().is_ok() {
        assert_eq!(good(bash("/", "greet; echo $mine")).stdout, "hi\n1\n");
        let hooked = bash(&here, "_nuka_hook; echo \"<$GREETING>\"");
        assert!(hooked.stdout.contains("<>") && hooked.stderr.contains("nuka allow"), "{hooked}");
        good(place.run(&["allow"]));
        let command = "_nuka_hook; echo \"<$GREETING $HOOK>\"; cat $NOTE; cd /; _nuka_hook; echo \"<$GREETING$NUKA_ENTERED>\"";
        assert_eq!(good(bash(&here, command)).stdout, "<it's >\na note\n<>\n");
        place.write("nuka.nu", ENVIRONMENT.replace("it's", "changed"));
        let changed = bash(&here, "_nuka_hook; echo \"<$GREETING>\"");
        assert!(changed.stdout.contains("<>") && changed.stderr.contains("nuka allow"), "{changed}");
    } else {
        println!("skipped: there is no bash here");
    }
    let fish = place.home().join(".config/fish/conf.d/nuka.fish");
    assert!(fish.exists());
    setup(&["--undo"]);
    assert_eq!(fs_err::read_to_string(&bashrc).unwrap(), "mine=1 # no end of line");
    assert!(!fish.exists() && !place.home().join(".profile").exists());
    assert!(!place.home().join(".config/nuka").exists());
    assert!(setup(&["--undo"]).stderr.contains("nothing was set up"));
}
