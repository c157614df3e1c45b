//! Shells over what is in the store.

use crate::support::{Place, good};
use std::{
    os::unix::fs::{PermissionsExt as _, chown},
    process::{Child, Command, Stdio},
};

/// Writes its arguments' count, so that a shell can see that it ran.
const PROGRAM: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\03\00\00\00hi\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

/// A package with a program.
pub fn with_program() -> Place {
    let place = Place::new();
    place.write("src/hi.wasm", wat::parse_str(PROGRAM).unwrap());
    place.write(
        "greet.nu",
        r#"export def main [] {
  derivation greet 1.0 {
    src: (fetch path src)
    language: data
    build: {|p|
      install src/hi.wasm bin/greet --executable
      write note.txt "a note\n"
      install note.txt share/greet/
    }
    programs: { greet: "bin/greet" }
  }
}
"#,
    );
    good(place.run(&["update-hashes", "./greet.nu"]));
    place
}

#[test]
fn what_a_pure_shell_is_made_of_is_not_replaced() {
    let place = with_program();
    for grant in [
        ["--env", "PATH=/x"],
        ["--env", "LD_LIBRARY_PATH=/x"],
        ["--dir", ".:/proc"],
        ["--dir", ".:/usr"],
        ["--dir", ".:/nuka/host"],
    ] {
        let ended = place.run(&["shell", "--pure", grant[0], grant[1], "./greet.nu", "-c", "true"]);
        assert_eq!(ended.code, 2, "{ended}");
    }
}

#[test]
fn a_shell_has_the_packages_programs_and_files() {
    let place = with_program();
    let command = "greet; cat $NUKA_VIEW/usr/share/greet/note.txt; touch $NUKA_VIEW/usr/x 2>/dev/null || echo read-only; exit 5";
    let mut shell = place.command(&["--quiet", "shell", "./greet.nu", "-c", command]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    let ended = place.end(shell);
    assert_eq!((ended.code, ended.stdout.as_str()), (5, "hi\na note\nread-only\n"), "{ended}");
}

#[test]
fn what_an_open_shell_sees_stays_whatever_becomes_of_the_daemon() {
    let place = with_program();
    let nuka = env!("CARGO_BIN_EXE_nuka");
    let command = format!(
        "{nuka} -q daemon stop; {nuka} -q gc --keep-since 0s > gc.txt; cat $NUKA_VIEW/usr/share/greet/note.txt; greet; \
         SECRET=seen; env | grep -c ^TOKEN=secret; grep -rl secret $HOME/.cache/nuka/launchers || true"
    );
    let mut shell =
        place.command(&["--quiet", "shell", "--env", "TOKEN=secret", "./greet.nu", "-c", &command]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    let ended = place.end(shell);
    // The variable is there, and its value lies nowhere.
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "a note\nhi\n1\n"), "{ended}");
    good(place.run(&["gc", "--keep-since", "0s"]));
    assert_eq!(place.run(&["store", "ls", "greet"]).code, 3);
    // What was prepared of it is gone too.
    let composed = place.home().join(".cache/nuka/composed/1/overlay/trees");
    assert_eq!(fs_err::read_dir(composed).into_iter().flatten().count(), 0);
}

#[test]
fn a_directory_let_into_a_pure_shell_is_where_it_was_put() {
    if std::process::Command::new("ldd").arg("/bin/sh").output().is_err() {
        println!("skipped: there is no ldd here");
        return;
    }
    let place = with_program();
    place.write("data/file.txt", "inside");
    let mut shell = place.command(&[
        "--quiet",
        "shell",
        "--pure",
        "--dir",
        "data:/data",
        "./greet.nu",
        "-c",
        "greet; read -r line < /data/file.txt || true; echo $line; echo x > /data/new 2>/dev/null || echo read-only",
    ]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    let ended = place.end(shell);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "hi\ninside\nread-only\n"), "{ended}");
}

#[test]
fn a_pure_shell_sees_nothing_else() {
    if std::process::Command::new("ldd").arg("/bin/sh").output().is_err() {
        println!("skipped: there is no ldd here");
        return;
    }
    let place = with_program();
    let command = "greet; read -r note < /usr/share/greet/note.txt; echo $note; \
                   [ -w /proc/sys/kernel/core_pattern ] && echo escape; \
                   (: < /proc/1/environ) 2>/dev/null && echo leak; for path in /home /root /usr/bin/env /etc/hostname; do [ -e $path ] && echo $path; done; echo end";
    let mut shell = place.command(&["--quiet", "shell", "--pure", "./greet.nu", "-c", command]);
    shell.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    let ended = place.end(shell);
    let place_root = place.home().display().to_string();
    // A home directory below which the store lies has that path, and nothing else in it.
    let seen: Vec<&str> = ended.stdout.lines().filter(|line| !place_root.starts_with(line)).collect();
    assert_eq!((ended.code, seen), (0, vec!["hi", "a note", "end"]), "{ended}");
}

#[test]
fn two_programs_of_one_name_are_an_error() {
    let place = with_program();
    let text = fs_err::read_to_string(place.here().join("greet.nu")).unwrap();
    place.write("other.nu", text.replace("derivation greet 1.0", "derivation other 1.0"));
    let ended = place.run(&["--quiet", "shell", "./greet.nu", "./other.nu", "-c", "true"]);
    assert!(ended.stderr.contains("`greet` is a program of both"), "{ended}");
}

/// A user that every system has, and that owns nothing: nobody.
const NOBODY: u32 = 65_534;

/// A daemon that is killed when a test ends, however it ends.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Root's daemon for all users mounts an image of a view, and a user who may not mount one has a shell in it.
#[test]
#[allow(clippy::print_stdout, reason = "a test that is skipped says why")]
fn a_view_is_handed_over_to_another_user() {
    let place = with_program();
    // As the user, who has another home and reaches the program by a name of its own.
    let (root, home) = (place.home().parent().unwrap().to_owned(), place.home().join("user"));
    let nuka = root.join("nuka");
    let copied = fs_err::hard_link(env!("CARGO_BIN_EXE_nuka"), &nuka);
    copied.or_else(|_| fs_err::copy(env!("CARGO_BIN_EXE_nuka"), &nuka).map(drop)).unwrap();
    fs_err::create_dir(&home).unwrap();
    for directory in [&root, &place.home(), &place.here()] {
        fs_err::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let store = root.join("store");
    let as_user = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]).arg("--clear-groups");
        command.arg(&nuka).args(arguments).current_dir("/").env_clear().stdin(Stdio::null());
        command
            .env("HOME", &home)
            .env("NUKA_STORE", &store)
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh");
        place.end(command)
    };
    if chown(&home, Some(NOBODY), Some(NOBODY)).is_err() {
        println!("skipped: this user cannot become another one");
        return;
    }
    let doctor = place.run(&["doctor"]);
    if !doctor.stdout.lines().any(|line| line.contains("EROFS") && line.contains("can be used")) {
        println!("skipped: this host mounts no images: {doctor}");
        return;
    }
    let mut daemon = place.command(&["daemon", "run", "--foreground", "--for-all"]);
    daemon.env("NUKA_STORE", &store).env("NUKA_RECIPE_PATH", place.here()).stderr(Stdio::null());
    let _daemon = Serving(daemon.spawn().unwrap());
    let socket = store.join("daemon/socket");
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // A mount of overlay over an image, which the user's own overlay would need `userxattr` for.
    let look = "greet; read -r note < $NUKA_VIEW/usr/share/greet/note.txt; echo $note; \
                touch $NUKA_VIEW/usr/x 2>/dev/null || echo read-only; \
                grep \" $NUKA_VIEW \" /proc/self/mountinfo | grep -c 'overlay.*userxattr'; \
                grep \" $NUKA_VIEW \" /proc/self/mountinfo | grep -c ' - overlay '";
    let ended = as_user(&["--quiet", "shell", "--means", "image", "greet", "-c", look]);
    assert_eq!(ended.stdout, "hi\na note\nread-only\n0\n1\n", "{ended}");
    // And with nothing else of the machine.
    let inside = "greet; read -r note < /usr/share/greet/note.txt; echo $note; [ -e /root ] || echo alone";
    let ended = as_user(&["--quiet", "shell", "--pure", "--means", "image", "greet", "-c", inside]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "hi\na note\nalone\n"), "{ended}");
    // Its own recipes are all that the daemon builds for others.
    fs_err::write(
        home.join("mine.nu"),
        "export def main [] { derivation mine 1.0 { language: data, build: {|p| } } }",
    )
    .unwrap();
    let mine = home.join("mine.nu");
    let ended = as_user(&["--quiet", "shell", mine.to_str().unwrap(), "-c", "true"]);
    assert_eq!(ended.code, 125, "{ended}");
    assert!(ended.stderr.contains("builds no recipes of theirs"), "{ended}");
}
