//! The store as a file system.

use crate::support::Place;

const HI: &str = r#"export def main [] {
  derivation hi "1" { language: data, build: {|p| write out/usr/share/hi "hello from the store\n" } }
}"#;

/// This host has no means of mounting, and nuka says which it tried.
#[allow(clippy::print_stdout, reason = "a test that is skipped says why")]
pub fn is_impossible(place: &Place) -> bool {
    let doctor = place.run(&["doctor"]);
    let impossible =
        !doctor.stdout.lines().any(|line| line.contains("mount: ") && line.contains("can be used"));
    if impossible {
        println!("skipped, because nothing can be mounted here:\n{doctor}");
    }
    impossible
}

#[test]
fn a_command_sees_the_mounted_store() {
    let place = Place::new();
    if is_impossible(&place) {
        return;
    }
    place.write("hi.nu", HI);
    assert_eq!(place.run(&["build", "./hi.nu"]).code, 0);
    let script = "cat m/*-hi-1/usr/share/hi; touch m/x 2>/dev/null || echo read-only; exit 7";
    let ended = place.run(&["store", "mount", "m", "--", "sh", "-c", script]);
    insta::assert_snapshot!(ended, @"
    exit 7
    --- stdout
    hello from the store
    read-only
    ");
    // It is gone with the command.
    assert_eq!(fs_err::read_dir(place.here().join("m")).unwrap().count(), 0);
    assert_eq!(place.run(&["store", "unmount", "m"]).code, 1);
}

#[test]
fn what_is_not_mounted_is_not_unmounted() {
    let place = Place::new();
    place.write("m/precious", "");
    insta::assert_snapshot!(place.run(&["store", "unmount", "m"]), @"
    exit 1
    --- stderr
      × nothing of nuka is mounted on [PLACE]/here/m
      help: `nuka store mount` mounts it
    ");
    assert!(place.here().join("m/precious").exists());
}

#[test]
fn a_mount_hides_nothing_that_it_is_served_from() {
    let place = Place::new();
    if is_impossible(&place) {
        return;
    }
    place.write("hi.nu", HI);
    assert_eq!(place.run(&["build", "./hi.nu"]).code, 0);
    let store = place.home().join(".local/share/nuka/store");
    for over in [store.clone(), store.join("objects"), place.home()] {
        let ended = place.run(&["store", "mount", over.to_str().unwrap(), "--", "true"]);
        assert_eq!(ended.code, 1, "{ended}");
        assert!(ended.stderr.contains("cannot be mounted over"), "{ended}");
    }
    let ended = place.run(&["store", "mount", "hi.nu", "--", "true"]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(fs_err::read_to_string(place.here().join("hi.nu")).unwrap().contains("derivation"));
}

#[test]
fn a_directory_is_mounted_once() {
    let place = Place::new();
    if is_impossible(&place) {
        return;
    }
    place.write("hi.nu", HI);
    assert_eq!(place.run(&["build", "./hi.nu"]).code, 0);
    let nuka = env!("CARGO_BIN_EXE_nuka");
    let script = format!("{nuka} -q store mount m -- true; echo $?; cat m/*-hi-1/usr/share/hi");
    let ended = place.run(&["store", "mount", "m", "--", "sh", "-c", &script]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "1\nhello from the store\n"), "{ended}");
    assert!(ended.stderr.contains("is mounted on") && ended.stderr.contains("store unmount"), "{ended}");
}
