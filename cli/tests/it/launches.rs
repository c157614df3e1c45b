//! `nuka-launch`: the program that launchers start, and what it leaves to nuka.

use crate::{
    installed::{package, profile, saying, start, world},
    support::{Place, good},
};
use std::{
    path::Path,
    process::{Command, Stdio},
};

const LAUNCH: &str = env!("CARGO_BIN_EXE_nuka-launch");

/// Does what no program may.
const CRASH: &str = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;

/// `nuka-launch` with nothing beside it, where no nuka is to be had.
fn lonely(place: &Place) -> Command {
    let directory = place.here().join("lonely");
    fs_err::create_dir_all(&directory).unwrap();
    let copy = directory.join("nuka-launch");
    // Never over one that is there: it may be a link to the very file.
    if !copy.exists() {
        fs_err::hard_link(LAUNCH, &copy).or_else(|_| fs_err::copy(LAUNCH, &copy).map(drop)).unwrap();
    }
    let mut command = Command::new(copy);
    command.current_dir(place.here()).env_clear().env("HOME", place.home()).stdin(Stdio::null());
    command
}

fn launcher(place: &Place, program: &str) -> String {
    profile(place).join("current/bin").join(program).display().to_string()
}

#[test]
fn what_is_compiled_is_started_without_nuka_and_all_else_is_left_to_it() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu"]));
    let leads_to = fs_err::read_link(place.home().join(".local/state/nuka/profiles/.nuka")).unwrap();
    assert_eq!(leads_to, Path::new(LAUNCH));
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    let alone = || {
        let mut command = lonely(&place);
        command.args(["__launch", &launcher(&place, "one")]);
        place.end(command)
    };
    assert_eq!(good(alone()).stdout, "one\n");
    // Nothing is compiled any more: that is nuka's to do, which is not there for the lonely one.
    fs_err::remove_dir_all(place.home().join(".cache/nuka/modules")).unwrap();
    insta::assert_snapshot!(alone(), @r"
    exit 127
    --- stderr
      × cannot go on as [PLACE]/here/lonely/nuka: No such file or directory (os error 2)
      help: nuka-launch is a part of nuka: install both in one directory
    ");
    // Where it is gone, that is told, and set right.
    let link = place.home().join(".local/state/nuka/profiles/.nuka");
    fs_err::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/nowhere/nuka-launch", &link).unwrap();
    let doctor = place.run(&["doctor"]);
    assert!(doctor.stdout.contains("started by /nowhere/nuka-launch, which is not there"), "{doctor}");
    good(place.run(&["setup", "--shell", "bash"]));
    assert_eq!(fs_err::read_link(&link).unwrap(), Path::new(LAUNCH));
    // A link to itself is no nuka.
    std::os::unix::fs::symlink("nuka-launch", place.here().join("lonely/nuka")).unwrap();
    assert!(alone().stderr.contains("cannot go on as [PLACE]/here/lonely/nuka"));
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    assert_eq!(good(alone()).stdout, "one\n");
}

#[test]
fn a_program_that_crashes_is_told_of_as_nuka_does() {
    let place = Place::new();
    package(&place, "crash", "1.0", &[("crash", wat::parse_str(CRASH).unwrap())]);
    good(place.run(&["install", "--yes", "./crash.nu"]));
    start(&place, "crash");
    let by_launch = start(&place, "crash");
    let by_nuka = place.run(&["__launch", &launcher(&place, "crash")]);
    assert_eq!(by_launch.code, 134, "{by_launch}");
    assert!(by_launch.stderr.contains("crash"), "{by_launch}");
    assert_eq!((by_launch.code, by_launch.stderr), (by_nuka.code, by_nuka.stderr));
}

/// What this nuka does not know may be a limit that a later one has set.
#[test]
fn a_launcher_that_says_more_than_is_known_starts_nothing() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu"]));
    let text = fs_err::read_to_string(launcher(&place, "one")).unwrap();
    let (head, json) = text.split_once('\n').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let end = |json: &serde_json::Value| {
        let file = place.write("changed", format!("{head}\n{json}\n"));
        let mut command = Command::new(LAUNCH);
        command.arg("__launch").arg(file).current_dir(place.here()).env_clear().env("HOME", place.home());
        place.end(command)
    };
    assert_eq!(good(end(&json)).stdout, "one\n");
    for part in ["", "/prepared", "/grants", "/prepared/permissions"] {
        let mut more = json.clone();
        more.pointer_mut(part).unwrap()["denied"] = serde_json::json!(["network"]);
        let ended = end(&more);
        assert_eq!((ended.code, ended.stdout.as_str()), (126, ""), "{part}: {ended}");
        assert!(ended.stderr.contains("denied"), "{part}: {ended}");
    }
}

#[test]
fn what_is_no_launch_is_for_nuka() {
    let place = Place::new();
    let says = |arguments: &[&str]| {
        let mut command = Command::new(LAUNCH);
        command.args(arguments).current_dir(place.here()).env_clear().env("HOME", place.home());
        place.end(command)
    };
    assert_eq!(says(&["--version"]).stdout, place.run(&["--version"]).stdout);
    let file = place.write("no-launcher", saying("no"));
    let file = file.to_str().unwrap();
    let (by_launch, by_nuka) = (says(&["__launch", file]), place.run(&["__launch", file]));
    assert_eq!(by_launch.code, 126, "{by_launch}");
    assert_eq!((by_launch.code, by_launch.stderr), (by_nuka.code, by_nuka.stderr));
}
