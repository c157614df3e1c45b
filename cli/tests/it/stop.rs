//! Commands that are killed in the middle, and a daemon that is told to end now: what nobody waits for any more ends, and the
//! store is as it was.

use crate::{
    daemon::{begin, good, status, until},
    support::Place,
};
use std::{
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Stdio},
};

/// A package of three mebibytes, in a file of its own.
fn large() -> Place {
    let place = Place::new();
    let noise: Vec<u8> =
        (0..3_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    place.write("src/noise", noise);
    place.write(
        "large.nu",
        r#"export def main [] {
  derivation large 1.0 {
    src: (fetch path src)
    language: data
    build: {|p| install src/noise share/ }
  }
}
"#,
    );
    good(place.run(&["update-hashes", "./large.nu"]));
    good(place.run(&["build", "./large.nu"]));
    place
}

fn store(place: &Place) -> PathBuf {
    place.home().join(".local/share/nuka/store")
}

/// What is registered, and what lies about. Temporary directories of a daemon that lives are its own.
fn listing(place: &Place) -> (String, Vec<PathBuf>) {
    let mut files = Vec::new();
    for part in ["objects", "tmp", "trash", "damaged"] {
        let mut todo = vec![store(place).join(part)];
        while let Some(directory) = todo.pop() {
            for entry in fs_err::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => todo.push(path),
                    false if path.ends_with("lock") => {}
                    false => files.push(path),
                }
            }
        }
    }
    files.sort();
    (good(place.run(&["store", "list"])).stdout, files)
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until the daemon carries out one request of this name.
fn until_at_work(place: &Place, name: &str) {
    until(place, name, |status| status["requests"][0]["request"] == name);
}

fn until_idle(place: &Place) {
    until(place, "idle", |status| status["working"] == 0);
}

#[test]
fn an_import_of_which_nothing_comes_hinders_nobody() {
    let place = large();
    good(place.run(&["store", "export", "large", "-o", "large.tar"]));
    let bytes = fs_err::read(place.here().join("large.tar")).unwrap();
    let before = listing(&place);
    for length in [0, bytes.len() - 4000] {
        let mut command = place.command(&["store", "import", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut import = command.spawn().unwrap();
        let mut pipe = import.stdin.take().unwrap();
        pipe.write_all(&bytes[..length]).unwrap();
        until_at_work(&place, "import");
        // Others go on meanwhile.
        good(place.run(&["store", "ls", "large"]));
        good(place.run(&["build", "./large.nu"]));
        kill(import);
        until_idle(&place);
        drop(pipe);
        assert_eq!(listing(&place), before);
    }
    good(place.run(&["store", "verify"]));
}

#[test]
fn told_to_end_now_it_waits_for_nothing_that_does_not_come() {
    let place = large();
    let before = listing(&place);
    let mut command = place.command(&["store", "import", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let import = command.spawn().unwrap();
    until_at_work(&place, "import");
    let export = begin(&place, &["store", "export", "large", "-o", "-"]);
    until(&place, "both", |status| status["working"] == 2);
    good(place.run(&["daemon", "stop", "--now"]));
    assert_eq!(place.run(&["daemon", "status"]).code, 3);
    let import = import.wait_with_output().unwrap();
    assert_eq!(import.status.code(), Some(1));
    let said = String::from_utf8(import.stderr).unwrap();
    assert!(said.contains("stopped before its end") && said.contains("told to end"), "{said}");
    let export = export.wait_with_output().unwrap();
    assert_eq!(export.status.code(), Some(1));
    assert_eq!(listing(&place), before);
}

#[test]
fn an_export_that_nobody_reads_ends_with_who_wanted_it() {
    let place = large();
    let before = listing(&place);
    let export = begin(&place, &["store", "export", "large", "-o", "-"]);
    until_at_work(&place, "export");
    kill(export);
    until_idle(&place);
    assert_eq!(listing(&place), before);
}

/// A server that takes requests and never answers; its address is the source's.
#[test]
fn a_fetch_from_a_silent_server_ends_with_who_wanted_it() {
    let place = large();
    let before = listing(&place);
    // The next one is started by a command that may contact others.
    good(place.run(&["daemon", "stop"]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.tar", listener.local_addr().unwrap());
    place.write(
        "far.nu",
        format!(
            r#"export def main [] {{
  derivation far 1.0 {{
    src: (fetch url "{url}" --hash "blake3:{}")
    language: data
    build: {{|p| install src/a share/ }}
  }}
}}
"#,
            "0".repeat(64)
        ),
    );
    for plan_only in [false, true] {
        let arguments: &[&str] =
            if plan_only { &["build", "./far.nu", "--dry-run"] } else { &["build", "./far.nu"] };
        let mut command = place.command(arguments);
        command.env_remove("NUKA_OFFLINE").stdout(Stdio::null()).stderr(Stdio::null());
        let build = command.spawn().unwrap();
        // It has been asked, and so is waited for.
        let connection = listener.accept().unwrap();
        kill(build);
        until_idle(&place);
        drop(connection);
    }
    assert_eq!(listing(&place), before);
}

/// An object so long that looking at it would take hours: a file with a hole.
#[allow(clippy::print_stdout, reason = "a test that is skipped says why")]
fn endless(place: &Place) -> Option<PathBuf> {
    let directory = store(place).join("objects/aa");
    fs_err::create_dir_all(&directory).unwrap();
    let path = directory.join("a".repeat(50));
    let file = fs_err::File::create(&path).unwrap();
    // A file system that has no such files says so.
    match file.set_len(1 << 43) {
        Ok(()) => Some(path),
        Err(error) => {
            fs_err::remove_file(path).unwrap();
            println!("skipped: no file with a hole of 8 TiB can be made here: {error}");
            None
        }
    }
}

#[test]
fn looking_at_every_object_ends_with_who_wanted_it() {
    let place = large();
    let Some(path) = endless(&place) else { return };
    let before = listing(&place);
    for (arguments, name) in [
        (["store", "verify"].as_slice(), "verify"),
        (&["store", "verify", "--repair"], "verify"),
        (&["store", "verify", "--rebuild-index"], "rebuild-index"),
    ] {
        let look = begin(&place, arguments);
        until_at_work(&place, name);
        kill(look);
        until_idle(&place);
        assert_eq!(listing(&place), before);
        let look = begin(&place, arguments);
        until_at_work(&place, name);
        good(place.run(&["daemon", "stop", "--now"]));
        let look = look.wait_with_output().unwrap();
        assert_eq!(look.status.code(), Some(1));
        assert_eq!(listing(&place), before);
    }
    fs_err::remove_file(path).unwrap();
    good(place.run(&["store", "verify"]));
}

#[test]
fn a_collection_that_waits_for_another_ends_with_who_wanted_it() {
    let place = large();
    let before = listing(&place);
    // What a collection by another process has locked.
    let turn = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(store(&place).join("gc.turn"));
    let turn = turn.unwrap();
    turn.file().lock().unwrap();
    let gc = begin(&place, &["gc", "--keep-since", "0s"]);
    until_at_work(&place, "gc");
    kill(gc);
    until_idle(&place);
    assert_eq!(listing(&place), before);
}

/// A daemon that was told to end after what it is doing says so, begins nothing, and can be told to hurry; a command that
/// comes meanwhile waits for its end, and starts the next one.
#[test]
fn a_daemon_that_is_ending_can_still_be_asked_and_hurried() {
    let place = large();
    let mut command = place.command(&["store", "import", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut import = command.spawn().unwrap();
    until_at_work(&place, "import");
    let stop = begin(&place, &["daemon", "stop"]);
    until(&place, "ending", |status| status["ending"] == true);
    let shown = good(place.run(&["daemon", "status"]));
    assert!(shown.stdout.contains("as soon as what it is doing is done"), "{shown}");
    assert!(shown.stdout.contains("import for process"), "{shown}");
    let first = status(&place)["process"].clone();
    let list = begin(&place, &["store", "list"]);
    until(&place, "waited for", |status| status["clients"] == 3);
    good(place.run(&["daemon", "stop", "--now"]));
    let list = list.wait_with_output().unwrap();
    assert_eq!(list.status.code(), Some(0));
    assert!(stop.wait_with_output().unwrap().status.success());
    assert_eq!(import.wait().unwrap().code(), Some(1));
    assert_ne!(status(&place)["process"], first);
}
