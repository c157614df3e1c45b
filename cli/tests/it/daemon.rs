//! The daemon, as people meet it: it is there when it is needed, shared by who wants the same, and may end at any time.

use crate::support::{Ended, Place};
use std::{
    os::{
        fd::AsRawFd as _,
        unix::{net::UnixListener, process::CommandExt as _},
    },
    process::{Child, Stdio},
    time::{Duration, Instant},
};

const HELLO: &str = r#"export def main [] {
  derivation hello 1.0 {
    language: data
    build: {|p|
      write hello.txt "hello\n"
      install hello.txt share/
    }
  }
}
"#;

/// A recipe whose build runs a program that spins as long as its module says.
const SPIN: &str = r#"export def main [] {
  derivation spin 1.0 {
    src: (fetch path src)
    language: data
    build: {|p|
      ^src/spin.wasm
      write done.txt "done"
      install done.txt share/
    }
  }
}
"#;

fn hello() -> Place {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    place
}

/// With a program that goes round `rounds` times; for ever, if not given.
fn spin(rounds: Option<u64>) -> Place {
    let place = Place::new();
    let end = rounds.map_or(String::new(), |rounds| {
        format!(
            "(local.set 0 (i64.add (local.get 0) (i64.const 1)))
             (br_if 1 (i64.ge_u (local.get 0) (i64.const {rounds})))"
        )
    });
    let text = format!(
        r#"(module (memory (export "memory") 1)
             (func (export "_start") (local i64) (block (loop {end} (br 0)))))"#
    );
    place.write("src/spin.wasm", wat::parse_str(text).unwrap());
    place.write("spin.nu", SPIN);
    let written = place.run(&["update-hashes", "./spin.nu"]);
    assert_eq!(written.code, 0, "{written}");
    place
}

pub fn good(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{ended}");
    ended
}

pub fn status(place: &Place) -> serde_json::Value {
    let ended = place.run(&["daemon", "status", "--json"]);
    let status = serde_json::from_str(&ended.stdout);
    assert!(status.is_ok(), "{ended}");
    status.unwrap()
}

fn process(place: &Place) -> u64 {
    status(place)["process"].as_u64().unwrap()
}

/// Waits until the daemon tells what is wanted of it.
pub fn until(place: &Place, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let status = status(place);
        if holds(&status) {
            return;
        }
        assert!(Instant::now() < patience, "not {what}: {status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn begin(place: &Place, arguments: &[&str]) -> Child {
    let mut command = place.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn it_is_there_when_it_is_needed() {
    let place = hello();
    insta::assert_snapshot!(place.run(&["daemon", "status"]), @"
    exit 3
    --- stderr
    no daemon runs; the next command that needs one starts it
    ");
    good(place.run(&["build", "./hello.nu"]));
    let first = process(&place);
    good(place.run(&["store", "list"]));
    assert_eq!(process(&place), first);
    insta::assert_snapshot!(place.run(&["daemon", "stop"]), @"
    exit 0
    --- stderr
    the daemon has ended
    ");
    assert_eq!(place.run(&["daemon", "status"]).code, 3);
    good(place.run(&["build", "./hello.nu"]));
    assert_ne!(process(&place), first);
}

#[test]
fn it_ends_when_nobody_uses_it() {
    let place = hello();
    let mut command = place.command(&["build", "./hello.nu"]);
    command.env("NUKA_DAEMON_IDLE", "0");
    good(place.end(command));
    let patience = Instant::now() + Duration::from_secs(60);
    while place.run(&["daemon", "status"]).code == 0 {
        assert!(Instant::now() < patience, "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_it_nothing_is_done_beside_it() {
    let place = hello();
    good(place.run(&["--no-daemon", "build", "./hello.nu"]));
    assert_eq!(place.run(&["daemon", "status"]).code, 3);
    good(place.run(&["daemon", "start"]));
    let refused = place.run(&["--no-daemon", "build", "./hello.nu"]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains(&format!("{}", process(&place))), "{refused}");
    assert!(refused.stderr.contains("nuka daemon stop"), "{refused}");
}

#[test]
fn killed_it_leaves_what_was_done() {
    let place = hello();
    good(place.run(&["build", "./hello.nu"]));
    let pid = rustix::process::Pid::from_raw(process(&place).try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let ended = good(place.run(&["build", "./hello.nu"]));
    assert!(ended.stdout.contains("present"), "{ended}");
}

#[test]
fn another_build_of_nuka_starts_its_own() {
    let place = hello();
    good(place.run(&["build", "./hello.nu"]));
    let first = process(&place);
    // The same program as another file is what a newly compiled nuka is.
    let other = place.here().join("nuka");
    fs_err::copy(env!("CARGO_BIN_EXE_nuka"), &other).unwrap();
    let mut command = std::process::Command::new(other);
    command.args(["store", "list"]).current_dir(place.here()).env_clear().env("HOME", place.home());
    good(place.end(command));
    assert_ne!(process(&place), first);
}

#[test]
fn two_commands_share_one_build() {
    let place = spin(Some(3_000_000_000));
    let one = begin(&place, &["build", "./spin.nu", "--json"]);
    until(&place, "building", |status| status["working"] == 1);
    let two = good(place.run(&["build", "./spin.nu", "--json"]));
    let one = one.wait_with_output().unwrap();
    let time = |text: &str| -> u64 {
        let report: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(report["packages"][0]["how"], "built", "{text}");
        report["packages"][0]["milliseconds"].as_u64().unwrap()
    };
    // The same build took the same time, for both.
    assert_eq!(time(std::str::from_utf8(&one.stdout).unwrap()), time(&two.stdout));
}

#[test]
fn who_goes_away_ends_only_what_nobody_else_waits_for() {
    let place = spin(None);
    let mut one = begin(&place, &["build", "./spin.nu"]);
    until(&place, "building", |status| status["working"] == 1);
    let mut two = begin(&place, &["build", "./spin.nu"]);
    until(&place, "waited for", |status| status["working"] == 2);
    one.kill().unwrap();
    one.wait().unwrap();
    until(&place, "without the first", |status| status["clients"] == 1);
    // The build goes on for the other; it would have ended by now.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(two.try_wait().unwrap(), None);
    assert!(status(&place)["working"].as_u64() >= Some(1));
    two.kill().unwrap();
    two.wait().unwrap();
    until(&place, "idle", |status| status["working"] == 0);
}

#[test]
fn told_to_end_now_it_stops_what_is_going_on() {
    let place = spin(None);
    let one = begin(&place, &["build", "./spin.nu"]);
    until(&place, "building", |status| status["working"] == 1);
    good(place.run(&["daemon", "stop", "--now"]));
    let one = one.wait_with_output().unwrap();
    assert_eq!(one.status.code(), Some(1), "{}", String::from_utf8_lossy(&one.stderr));
}

#[test]
fn systemd_may_hand_it_its_socket() {
    let place = hello();
    let socket = place.here().join("handed");
    let listener = UnixListener::bind(&socket).unwrap();
    let nuka = env!("CARGO_BIN_EXE_nuka");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("LISTEN_FDS=1 LISTEN_PID=$$ exec {nuka} daemon run --foreground")]);
    command.env_clear().env("HOME", place.home()).env("PATH", "/usr/bin:/bin").env("NUKA_DAEMON_IDLE", "0");
    command.current_dir(place.here()).stderr(Stdio::piped());
    // Above all that the child opens on its way.
    let high = rustix::io::fcntl_dupfd_cloexec(&listener, 100).unwrap();
    let number = high.as_raw_fd();
    #[expect(unsafe_code, reason = "a descriptor of a certain number is what the protocol wants")]
    // SAFETY: between fork and exec only this one call is made, which is allowed there.
    unsafe {
        command.pre_exec(move || match libc::dup2(number, 3) {
            3 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    let daemon = command.spawn().unwrap();
    // Somebody connects, says nothing, and goes; then nobody is left.
    drop(std::os::unix::net::UnixStream::connect(&socket).unwrap());
    // Who has the other ends of its streams does not matter here.
    drop((listener, high));
    let ended = daemon.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && said.contains("clients can connect"), "{said}");
    // The socket is systemd's, and stays.
    assert!(socket.exists());
}

/// A step's time holds for compiling what the build itself has: a module whose one function is so large that compiling it
/// takes longer than that is given up, and the compiler with it.
#[test]
fn compiling_a_program_of_the_builds_own_is_held_to_the_steps_time() {
    let place = Place::new();
    let mut body = String::new();
    for number in 0..60_000 {
        body.push_str(&format!(
            "(local.set {} (i64.add (local.get {}) (i64.mul (local.get {}) (i64.const {number}))))\n",
            number % 97,
            (number * 7) % 97,
            (number * 13) % 97
        ));
        if number % 50 == 0 {
            body.push_str("(br_if 0 (i64.eqz (local.get 3)))\n");
        }
    }
    let locals = "i64 ".repeat(97);
    let text = format!(
        r#"(module (memory (export "memory") 1) (func (export "_start") (local {locals}) (block (loop {body} (br 0)))))"#
    );
    place.write("src/large.wasm", wat::parse_str(text).unwrap());
    place.write(
        "large.nu",
        r#"export def main [] {
  derivation large 1.0 {
    src: (fetch path src)
    language: data
    limits: { time: 1sec }
    build: {|p|
      ^src/large.wasm
      write done.txt "done"
      install done.txt share/
    }
  }
}
"#,
    );
    good(place.run(&["update-hashes", "./large.nu"]));
    let ended = place.run(&["build", "./large.nu"]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(
        ended.stderr.contains("compiling it for this machine takes longer than the 1 seconds"),
        "{ended}"
    );
}
