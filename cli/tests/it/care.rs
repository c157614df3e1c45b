//! Looking after the store.

use crate::{
    shell::with_program,
    support::{Ended, Place, good},
};
use std::path::PathBuf;

fn recipe(name: &str, text: &str) -> String {
    format!(
        r#"export def main [] {{
  derivation {name} 1.0 {{
    language: data
    build: {{|p|
      write file.txt "{text}"
      install file.txt share/{name}/
    }}
  }}
}}
"#
    )
}

/// A place with the packages `one` and `two`, which share a file.
fn two() -> Place {
    let place = Place::new();
    place.write("one.nu", recipe("one", "the same in both"));
    place.write("two.nu", recipe("two", "the same in both"));
    good(place.run(&["build", "./one.nu", "./two.nu"]));
    place
}

fn store(place: &Place) -> PathBuf {
    place.home().join(".local/share/nuka/store")
}

/// The object's file of a path in the store.
fn object(place: &Place, what: &str) -> PathBuf {
    let ended = good(place.run(&["store", "path", "--json", what]));
    let path: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    PathBuf::from(
        path["object"].as_str().unwrap().replace("[PLACE]", place.home().parent().unwrap().to_str().unwrap()),
    )
}

fn flip(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bytes = fs_err::read(file).unwrap();
    bytes[0] ^= 1;
    fs_err::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(file, bytes).unwrap();
}

#[test]
fn what_is_not_used_goes_and_what_is_pinned_stays() {
    let place = two();
    // What building left, such as empty trees, and no package.
    assert!(!good(place.run(&["gc"])).stdout.contains("PACKAGE"));
    assert!(good(place.run(&["gc"])).stderr.contains("nothing to remove"));
    good(place.run(&["store", "pin", "one"]));
    let planned = good(place.run(&["gc", "--keep-since", "0s", "--dry-run"]));
    assert!(planned.stdout.contains("two") && !planned.stdout.contains("one"), "{planned}");
    // Nothing went.
    good(place.run(&["store", "ls", "two"]));
    let done = good(place.run(&["gc", "--keep-since", "0s", "--json"]));
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["done"]["packages"], 1, "{done}");
    assert_eq!(place.run(&["store", "ls", "two"]).code, 3);
    assert_eq!(good(place.run(&["store", "cat", "one/usr/share/one/file.txt"])).stdout, "the same in both");
    good(place.run(&["store", "verify"]));
    good(place.run(&["store", "unpin", "one"]));
    good(place.run(&["gc", "--keep-since", "0s"]));
    assert_eq!(place.run(&["store", "ls", "one"]).code, 3);
    // What went is made again when it is wanted.
    let again = good(place.run(&["build", "./two.nu"]));
    assert!(again.stdout.contains("built"), "{again}");
}

#[test]
fn why_something_is_kept() {
    let place = two();
    good(place.run(&["store", "pin", "one"]));
    insta::assert_snapshot!(place.run(&["gc", "--why", "one/usr/share/one/file.txt", "--keep-since", "0s"]), @"
    exit 0
    --- stdout
    the pin one
      one 1.0  7spszrrt2bfw
        out  dj2ts5zfzrhh
          usr/share/one/file.txt
    ");
    insta::assert_snapshot!(place.run(&["gc", "--why", "two"]), @"
    exit 0
    --- stdout
    it was used today
      two 1.0  zqnkc4oytdma
    ");
    insta::assert_snapshot!(place.run(&["gc", "--why", "two", "--keep-since", "0s"]), @"
    exit 1
    --- stderr
    nothing keeps two: `nuka gc` would remove it
    ");
    insta::assert_snapshot!(place.run(&["store", "kept"]), @"
    exit 0
    --- stdout
    KEPT BY  WHAT     LAST USED
    pin one  one 1.0
    use      two 1.0  today
    use      one 1.0  today
    ");
}

#[test]
fn damage_is_found_and_mended() {
    let place = two();
    insta::assert_snapshot!(place.run(&["store", "verify"]), @"
    exit 0
    --- stdout
    11 sound objects, 1.3 KiB
    ");
    flip(&object(&place, "one/usr/share/one/file.txt"));
    let found = place.run(&["store", "verify"]);
    assert_eq!(found.code, 1, "{found}");
    assert!(found.stdout.contains("one 1.0") && found.stderr.contains("--repair"), "{found}");
    let mended = good(place.run(&["store", "verify", "--repair"]));
    assert!(mended.stdout.contains("one 1.0 was made again"), "{mended}");
    good(place.run(&["store", "verify"]));
    assert_eq!(good(place.run(&["store", "cat", "one/usr/share/one/file.txt"])).stdout, "the same in both");
    // A damaged directory keeps everything: nothing is removed by guess.
    good(place.run(&["store", "pin", "one"]));
    flip(&object(&place, "one/usr"));
    let refused = place.run(&["gc", "--keep-since", "0s"]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("nothing was removed"), "{refused}");
    good(place.run(&["store", "cat", "two/usr/share/two/file.txt"]));
}

#[test]
fn a_lost_index_is_made_again() {
    let place = two();
    good(place.run(&["daemon", "stop"]));
    fs_err::remove_file(store(&place).join("index.redb")).unwrap();
    assert_eq!(place.run(&["store", "ls", "one"]).code, 3);
    // All that there is looks as if nobody wanted it: nothing of it goes.
    let refused = place.run(&["gc", "--keep-since", "0s"]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("--rebuild-index"), "{refused}");
    assert_eq!(place.run(&["store", "verify"]).code, 1);
    insta::assert_snapshot!(place.run(&["store", "verify", "--rebuild-index"]), @"
    exit 0
    --- stdout
    the index knows 2 packages, 0 sources and 0 pins
    ");
    assert_eq!(good(place.run(&["store", "cat", "one/usr/share/one/file.txt"])).stdout, "the same in both");
    let there = good(place.run(&["build", "./one.nu"]));
    assert!(there.stdout.contains("present") || there.stdout.contains("unchanged"), "{there}");
}

#[test]
fn packages_go_from_one_store_to_another() {
    let (place, other) = (two(), Place::new());
    good(place.run(&["store", "export", "one", "-o", "one.tar"]));
    good(place.run(&["store", "export", "one", "-o", "again.tar"]));
    let bytes = fs_err::read(place.here().join("one.tar")).unwrap();
    assert_eq!(bytes, fs_err::read(place.here().join("again.tar")).unwrap());
    other.write("one.tar", &bytes);
    let imported = good(other.run(&["store", "import", "one.tar"]));
    assert!(imported.stdout.starts_with("one 1.0"), "{imported}");
    assert_eq!(good(other.run(&["store", "cat", "one/usr/share/one/file.txt"])).stdout, "the same in both");
    good(other.run(&["store", "verify"]));
    // Cut anywhere, it brings nothing.
    let third = Place::new();
    third.write("cut.tar", &bytes[..bytes.len() - 700]);
    let cut = third.run(&["store", "import", "cut.tar"]);
    assert_eq!(cut.code, 1, "{cut}");
    assert!(good(third.run(&["store", "list"])).stdout.is_empty());
    let exists = place.run(&["store", "export", "one", "-o", "one.tar"]);
    assert_eq!(exists.code, 1, "{exists}");
}

#[test]
fn trees_are_compared() {
    let place = two();
    place.write("other/one.nu", recipe("one", "something else"));
    let first = good(place.run(&["store", "path", "--json", "one"]));
    let first: serde_json::Value = serde_json::from_str(&first.stdout).unwrap();
    good(place.run(&["build", "./other/one.nu"]));
    let first = first["cid"].as_str().unwrap();
    insta::assert_snapshot!(place.run(&["store", "diff", first, "one"]), @"
    exit 1
    --- stdout
    ~ usr/share/one/file.txt  16 B -> 14 B
    ");
    insta::assert_snapshot!(place.run(&["store", "diff", "one", "one"]), @"
    exit 0
    --- stderr
    the same tree
    ");
    insta::assert_snapshot!(place.run(&["store", "diff", "one", "two"]), @"
    exit 1
    --- stdout
    - usr/share/one  directory, 14 B
    + usr/share/two  directory, 16 B
    ");
}

#[test]
fn figures_of_the_store() {
    let place = two();
    let info = good(place.run(&["store", "info", "--json"]));
    let info: serde_json::Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(info["packages"], 2);
    assert_eq!(info["unshared_bytes"], 32);
    assert_eq!(info["biggest"][0]["bytes"], 16);
}

fn json(ended: &Ended) -> serde_json::Value {
    let value = serde_json::from_str(&ended.stdout);
    assert!(value.is_ok(), "{ended}");
    value.unwrap()
}

#[test]
fn everything_that_is_told_is_told_as_data_too() {
    let place = two();
    let pinned = json(&good(place.run(&["store", "pin", "one", "--json"])));
    assert_eq!(pinned, serde_json::json!({"pin": "one", "pinned": true}));
    assert!(good(place.run(&["store", "unpin", "one", "--nuon"])).stdout.contains("pinned: false"));
    let planned = json(&good(place.run(&["gc", "--keep-since", "0s", "--dry-run", "--json"])));
    assert!(planned["freed"]["objects"].as_u64() > Some(0) && planned["kept"]["bytes"].is_u64(), "{planned}");
    let log = json(&good(place.run(&["log", "./one.nu", "--json"])));
    assert!(log["path"].is_string() && log["text"].is_string(), "{log}");
    let log = json(&good(place.run(&["daemon", "log", "--json"])));
    assert!(log["lines"][0]["process"].is_u64(), "{log}");
    let same = json(&good(place.run(&["pir", "diff", "./one.nu", "./one.nu", "--json"])));
    assert_eq!(same["differences"], serde_json::json!([]));
    let other = place.run(&["pir", "diff", "./one.nu", "./two.nu", "--json"]);
    assert_eq!(other.code, 1, "{other}");
    let differences = &json(&other)["differences"];
    assert!(differences.as_array().unwrap().iter().any(|one| one["path"] == "name" && one["right"] == "two"));
    let trees = place.run(&["store", "diff", "one", "two", "--json"]);
    assert_eq!(json(&trees)[0]["before"]["kind"], "directory", "{trees}");
}

#[test]
fn errors_are_told_as_data_where_data_was_asked_for() {
    let place = two();
    for (arguments, code, kind) in [
        (["store", "ls", "nothing", "--json"].as_slice(), 3, "absent"),
        (&["store", "ls", "--json"], 2, "usage"),
        (&["store", "export", "one", "-o", "/nowhere/x", "--json"], 2, "usage"),
        (&["--json", "frobnicate"], 2, "usage"),
        (&["gc", "--why", "nothing", "--json"], 3, "absent"),
    ] {
        let ended = place.run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{ended}");
        let last = ended.stderr.lines().last().unwrap();
        let error: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(
            (&error["error"]["kind"], &error["error"]["exit"]),
            (&kind.into(), &code.into()),
            "{ended}"
        );
    }
    let nuon = place.run(&["store", "ls", "nothing", "--nuon"]);
    assert!(nuon.stderr.starts_with("{error: {code:"), "{nuon}");
}

#[test]
fn a_stray_file_is_moved_away_and_said_so() {
    let place = two();
    for round in 0..2 {
        fs_err::write(store(&place).join("objects/stray"), format!("{round}")).unwrap();
        let mended = good(place.run(&["store", "verify", "--repair"]));
        assert!(mended.stdout.contains("1 file that is no object was moved away"), "{mended}");
        assert!(!mended.stdout.contains("damaged object"), "{mended}");
    }
    // What was moved there before stays.
    for round in ["0", "1"] {
        let path = store(&place).join("damaged").join(format!("stray-{round}"));
        assert_eq!(fs_err::read_to_string(path).unwrap(), round);
    }
    good(place.run(&["store", "verify"]));
}

#[test]
fn an_export_that_cannot_be_written_names_where_it_goes() {
    let place = two();
    let mut command = place.command(&["store", "export", "one", "-o", "-"]);
    command.stdout(fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_parts().0);
    let output = command.stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("writing `standard output`: No space left"), "{said}");
}

#[test]
fn names_that_are_no_text_are_told_by_their_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    for name in [b"a\xffb".as_slice(), b"a\xfeb", b"plain"] {
        let path = place.here().join("tree").join(std::ffi::OsStr::from_bytes(name));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "x").unwrap();
    }
    let cid = good(place.run(&["store", "add", "tree"])).stdout;
    let listed = json(&good(place.run(&["store", "ls", cid.trim(), "--json"])));
    let mut hex: Vec<_> = listed.as_array().unwrap().iter().map(|entry| entry["path_hex"].as_str()).collect();
    hex.sort();
    assert_eq!(hex, [None, Some("61fe62"), Some("61ff62")], "{listed}");
    let nuon = good(place.run(&["store", "ls", cid.trim(), "--nuon"]));
    assert!(nuon.stdout.contains("path_hex: \"61ff62\""), "{nuon}");
}

#[test]
fn what_is_beside_the_store_goes_when_it_is_not_used() {
    let place = with_program();
    let mut shell = place.command(&["--quiet", "shell", "./greet.nu", "-c", "greet"]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    good(place.end(shell));
    let cache = place.home().join(".cache/nuka");
    fs_err::create_dir_all(cache.join("downloads")).unwrap();
    fs_err::write(cache.join("downloads/sha256-00"), "nobody wants it").unwrap();
    let files = |directory: &str| fs_err::read_dir(cache.join(directory)).unwrap().count();
    assert!(files("modules") > 0 && files("launchers") == 1);
    // All of it was used in the last month.
    let kept = json(&good(place.run(&["gc", "--json"])));
    assert_eq!(kept["cache"]["modules"]["objects"], 0, "{kept}");
    let planned = json(&good(place.run(&["gc", "--keep-since", "0s", "--dry-run", "--json"])));
    assert!(files("launchers") == 1, "{planned}");
    let done = json(&good(place.run(&["gc", "--keep-since", "0s", "--json"])));
    assert_eq!(done["done"]["cache"], planned["cache"]);
    for (part, least) in [("modules", 1), ("downloads", 1), ("launchers", 1)] {
        assert!(done["done"]["cache"][part]["objects"].as_u64() >= Some(least), "{done}");
    }
    assert_eq!((files("launchers"), files("downloads")), (0, 0));
    let compiled = fs_err::read_dir(cache.join("modules")).unwrap();
    assert_eq!(
        compiled.filter(|entry| entry.as_ref().unwrap().path().extension() == Some("cwasm".as_ref())).count(),
        0
    );
    // And is made again.
    let mut shell = place.command(&["--quiet", "shell", "./greet.nu", "-c", "greet"]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    assert_eq!(good(place.end(shell)).stdout, "hi\n");
}

/// Runs a shell's words with mounts of its own; `None` where this host lets nobody do that.
#[allow(clippy::print_stdout, reason = "a test that is skipped says why")]
fn with_own_mounts(place: &Place, script: &str) -> Option<Ended> {
    let mut probe = std::process::Command::new("unshare");
    let can = probe.args(["--mount", "true"]).output().is_ok_and(|output| output.status.success());
    if !can {
        println!("skipped: this host allows no mounts of one's own");
        return None;
    }
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script]).current_dir(place.here()).env_clear();
    command.env("HOME", place.home()).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("NUKA_JOBS", "2");
    command.env("NUKA", env!("CARGO_BIN_EXE_nuka"));
    Some(place.end(command))
}

#[test]
fn a_store_that_may_only_be_read_can_be_read() {
    let place = two();
    good(place.run(&["daemon", "stop"]));
    let script = r#"
        store=$HOME/.local/share/nuka/store
        mount --bind $store $store
        mount -o remount,ro,bind $store
        $NUKA store list --json | grep -c '"name"'
        $NUKA store cat one/usr/share/one/file.txt; echo
        $NUKA store verify
        $NUKA store export one -o - | wc -c
        $NUKA gc --dry-run --keep-since 0s 2>/dev/null | grep -c '1.0'
        if $NUKA gc --keep-since 0s 2>error.txt; then echo collected; else grep -o 'Read-only file system' error.txt | head -1; fi
    "#;
    let Some(ended) = with_own_mounts(&place, script) else { return };
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(lines[..3], ["2", "the same in both", "11 sound objects, 1.3 KiB"], "{ended}");
    assert!(lines[3].trim().parse::<u64>().unwrap() > 1024, "{ended}");
    assert_eq!(lines[4], "2", "{ended}");
    assert_eq!(lines.last(), Some(&"Read-only file system"), "{ended}");
}

#[test]
fn a_collection_makes_room_on_a_full_disk() {
    let place = Place::new();
    place.write("one.nu", recipe("one", "the same in both"));
    place.write("two.nu", recipe("two", "the same in both"));
    let script = r#"
        mkdir -p disk && mount -t tmpfs -o size=24m none disk
        export NUKA_STORE=$PWD/disk/store
        $NUKA -q build ./one.nu ./two.nu >/dev/null
        $NUKA store pin one
        $NUKA daemon stop
        cat /dev/zero >disk/filler 2>/dev/null || true
        $NUKA gc --keep-since 0s >/dev/null
        $NUKA store verify
        $NUKA store list
        $NUKA daemon stop
    "#;
    let Some(ended) = with_own_mounts(&place, script) else { return };
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("sound objects") && ended.stdout.contains("one"), "{ended}");
    assert!(!ended.stdout.contains("two"), "{ended}");
}
