//! What is installed: profiles, their generations, and what keeps and breaks them.

use crate::{
    installed::{installed, package, profile, saying, start, world},
    support::{Place, good},
    terminal::Terminal,
};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// Ends with the number of the directories that it may use.
const COUNT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $fd i32)
    (local.set $fd (i32.const 3))
    (block $end (loop $next
      (br_if $end (call $prestat (local.get $fd) (i32.const 0)))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br $next)))
    (call $exit (i32.sub (local.get $fd) (i32.const 3)))))"#;

/// Copies its input to its output and ends with the number of its arguments.
const COPY: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (block $end (loop $next
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4096))
      (br_if $end (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (br_if $end (i32.eqz (i32.load (i32.const 16))))
      (i32.store (i32.const 4) (i32.load (i32.const 16)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
      (br $next)))
    (drop (call $sizes (i32.const 24) (i32.const 28)))
    (call $exit (i32.load (i32.const 24)))))"#;

/// Ends with the number of variables that it sees.
const VARIABLES: &str = r#"(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (call $exit (i32.load (i32.const 0)))))"#;

#[test]
fn what_is_installed_starts_by_its_name_and_every_change_can_be_taken_back() {
    let place = world();
    let first = good(place.run(&["install", "--yes", "./one.nu"]));
    assert!(first.stderr.contains("+ one 1.0") && first.stderr.contains("`nuka setup`"), "{first}");
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    let page = fs_err::read_to_string(profile(&place).join("current/share/man/man1/one.1")).unwrap();
    assert_eq!(page, ".TH one 1\n");
    // What is there already is no change.
    assert!(good(place.run(&["install", "--yes", "./one.nu"])).stderr.contains("nothing to change"));
    good(place.run(&["install", "--yes", "./two.nu"]));
    assert_eq!(installed(&place), "one@1.0 two@1.0");
    good(place.run(&["remove", "one"]));
    assert_eq!(installed(&place), "two@1.0");
    assert!(!profile(&place).join("current/bin/one").exists());
    insta::assert_snapshot!(good(place.run(&["history"])).stdout, @r"
    4  remove one (just now, used)
         - one 1.0
    3  install ./two.nu (just now)
         + two 1.0
    2  install ./one.nu (just now)
         + one 1.0
    1  begin (just now)
    ");
    insta::assert_snapshot!(good(place.run(&["rollback"])).stderr, @r"
    + one 1.0
    generation 3 (install ./two.nu) is used now
    its programs are in [PLACE]/home/.local/state/nuka/profiles/default/current/bin, which is not on PATH: `nuka setup` puts it there
    ");
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    insta::assert_snapshot!(good(place.run(&["generation", "diff", "2", "4"])).stdout, @r"
    - one 1.0
    + two 1.0
    ");
    // Back to the very beginning, and forward again.
    good(place.run(&["generation", "switch", "1"]));
    assert_eq!(installed(&place), "");
    assert_eq!(place.run(&["rollback"]).code, 3);
    good(place.run(&["generation", "switch", "3"]));
    assert_eq!(installed(&place), "one@1.0 two@1.0");
}

#[test]
fn an_upgrade_follows_the_recipe() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu", "./two.nu"]));
    assert!(good(place.run(&["update"])).stderr.contains("everything is as its recipe says"));
    package(&place, "one", "2.0", &[("one", saying("one two"))]);
    insta::assert_snapshot!(good(place.run(&["update"])), @r"
    exit 0
    --- stdout
    ~ one 1.0 -> 2.0
    --- stderr
    `nuka upgrade` changes this
    ");
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    let ended = place.run(&["upgrade"]);
    // Nobody is there to be asked.
    assert_eq!(ended.code, 2, "{ended}");
    good(place.run(&["upgrade", "--yes"]));
    assert_eq!(installed(&place), "one@2.0 two@1.0");
    assert_eq!(good(start(&place, "one")).stdout, "one two\n");
    good(place.run(&["rollback"]));
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
}

#[test]
fn a_recipe_that_is_gone_holds_up_no_other_package() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu", "./two.nu@1.0"]));
    insta::assert_snapshot!(good(place.run(&["list"])).stdout, @"
    PACKAGE  VERSION       SIZE  PROGRAMS
    one      1.0          154 B  one
    two      1.0 (stays)  154 B  two
    ");
    package(&place, "one", "2.0", &[("one", saying("one two"))]);
    fs_err::remove_file(place.here().join("two.nu")).unwrap();
    let ended = place.run(&["upgrade", "--yes"]);
    assert!(ended.code == 1 && ended.stderr.contains("two.nu@1.0 stays as it is"), "{ended}");
    assert_eq!(installed(&place), "one@2.0 two@1.0");
    assert_eq!(place.run(&["upgrade", "--yes", "two"]).code, 3, "what was named has to be there");
}

#[test]
fn a_recipe_named_by_its_file_decides_nothing_about_others() {
    let place = world();
    fs_err::create_dir(place.here().join("beside")).unwrap();
    for (name, version) in [("one", "9.0"), ("two", "9.0")] {
        package(&place, name, version, &[(name, saying("beside"))]);
        for name in [format!("{name}.nu"), format!("{name}-src")] {
            fs_err::rename(place.here().join(&name), place.here().join("beside").join(&name)).unwrap();
        }
        package(&place, name, "1.0", &[(name, saying(name))]);
    }
    for order in [["one", "./beside/two.nu"], ["./beside/two.nu", "one"]] {
        let mut command = place.command(&["install", "--yes"]);
        command.args(order).env("NUKA_RECIPE_PATH", place.here());
        good(place.end(command));
        assert_eq!(installed(&place), "one@1.0 two@9.0", "{order:?}");
    }
    assert_eq!(good(start(&place, "two")).stdout, "beside\n");
    // Of one package there is one version.
    let ended = place.run(&["install", "--yes", "./one.nu", "./beside/one.nu"]);
    assert!(ended.code == 2 && ended.stderr.contains("are both the package one"), "{ended}");
    assert_eq!(installed(&place), "one@1.0 two@9.0");
}

#[test]
fn a_directory_that_was_removed_is_no_reason_not_to_start() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu"]));
    let program = profile(&place).join("current/bin/one");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "mkdir gone; cd gone; rmdir ../gone; exec \"$0\""]).arg(&program);
    shell.current_dir(place.here()).env_clear().env("HOME", place.home()).stdin(Stdio::null());
    assert_eq!(good(place.end(shell)).stdout, "one\n");
}

#[test]
fn one_program_of_two_packages_is_a_question() {
    let place = world();
    package(&place, "other", "1.0", &[("one", saying("other"))]);
    good(place.run(&["install", "--yes", "./one.nu"]));
    let ended = place.run(&["install", "--yes", "./other.nu"]);
    assert_eq!(ended.code, 1, "{ended}");
    let (_, error) = ended.stderr.split_once("  × ").unwrap();
    insta::assert_snapshot!(error, @r"
    `one` is a program of one and other
      help: say whose it is, and try again: `nuka prefer one other`
    ");
    assert_eq!(installed(&place), "one@1.0");
    let ended = good(place.run(&["prefer", "one", "other"]));
    assert!(ended.stderr.contains("no installed package other has a program one"), "{ended}");
    good(place.run(&["install", "--yes", "./other.nu"]));
    assert_eq!(good(start(&place, "one")).stdout, "other\n");
    insta::assert_snapshot!(good(place.run(&["list"])).stdout, @"
    PACKAGE  VERSION   SIZE  PROGRAMS
    one      1.0      154 B  (one)
    other    1.0      158 B  one
    ");
    good(place.run(&["prefer", "one", "one"]));
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    assert_eq!(place.run(&["prefer", "one", "--forget"]).code, 1, "there would be a conflict again");
    good(place.run(&["remove", "one"]));
    assert_eq!(good(start(&place, "one")).stdout, "other\n", "of one that is not there nothing is preferred");
}

#[test]
fn what_is_permitted_is_remembered() {
    let place = Place::new();
    package(&place, "count", "1.0", &[("count", wat::parse_str(COUNT).unwrap())]);
    good(place.run(&["install", "--yes", "./count.nu"]));
    let before = start(&place, "count").code;
    // Beside the current directory, which it may read anyway.
    place.write("../data/file", "");
    insta::assert_snapshot!(good(place.run(&["permit", "count", "--write", "../data"])).stderr.lines().next().unwrap(), @"permission count: write [PLACE]/data");
    assert_eq!(start(&place, "count").code, before + 1);
    // Whatever version is installed.
    package(&place, "count", "2.0", &[("count", wat::parse_str(COUNT).unwrap())]);
    good(place.run(&["upgrade", "--yes"]));
    assert_eq!(start(&place, "count").code, before + 1);
    insta::assert_snapshot!(good(place.run(&["permit", "--list"])).stdout, @r"
    PROGRAM  BY ITS RECIPE  PERMITTED
    count                   write [PLACE]/data
    ");
    good(place.run(&["permit", "count", "--revoke"]));
    assert_eq!(start(&place, "count").code, before);
    good(place.run(&["rollback"]));
    assert_eq!(start(&place, "count").code, before + 1);
    for (arguments, code) in [
        (&["permit", "coun", "--network"][..], 3),
        (&["permit", "count"], 2),
        (&["permit", "count", "--write", "nowhere"], 1),
    ] {
        assert_eq!(place.run(arguments).code, code, "{arguments:?}");
    }
}

/// Arguments, input, pipes, signals, the current directory and the terminal are as for any program.
#[test]
fn installed_programs_are_like_any_others() {
    use std::{io::Write as _, os::unix::process::ExitStatusExt as _};
    let place = Place::new();
    let programs = [("copy", wat::parse_str(COPY).unwrap()), ("vars", wat::parse_str(VARIABLES).unwrap())];
    package(&place, "copy", "1.0", &programs);
    good(place.run(&["install", "--yes", "./copy.nu"]));
    let bin = profile(&place).join("current/bin");
    let shell = |text: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]).current_dir(place.here()).env_clear().stdin(Stdio::null());
        command.env("HOME", place.home()).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        place.end(command)
    };
    assert_eq!(shell("echo text | copy | copy --help '' | cat; exit 9").stdout, "text\n");
    assert_eq!(shell("copy a 'b c' -- </dev/null").code, 4);
    assert_eq!(shell("yes | copy | head -n 1; vars").stdout, "y\n");
    // A signal ends it as any program.
    let mut command = Command::new(bin.join("copy"));
    command.env_clear().env("HOME", place.home()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.current_dir(place.here()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"once\n").unwrap();
    let mut output = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut output, &mut [0; 5]).unwrap();
    // Not an interrupt: who runs the tests in the background has those ignored.
    assert_eq!(shell(&format!("kill -TERM {}", child.id())).code, 0);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    // It sees the size of a terminal, and nothing of what is not its.
    let before = shell("vars").code;
    let mut terminal = Terminal::open();
    let mut command = Command::new(bin.join("vars"));
    command.env_clear().env("HOME", place.home()).env("SECRET", "x").current_dir(place.here());
    let status = terminal.start(command).wait().unwrap();
    assert_eq!(status.code(), Some(before + 2));
}

#[test]
fn what_will_be_built_is_asked_about_once() {
    use std::io::{Read as _, Write as _};
    let place = world();
    for (answer, installs) in [("n\n", false), ("\n", true)] {
        let mut terminal = Terminal::open();
        let mut child = terminal.start(place.command(&["install", "./one.nu"]));
        terminal.ours.write_all(answer.as_bytes()).unwrap();
        let mut ours = terminal.ours.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            let mut part = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(count @ 1..) = ours.read(&mut part) {
                said.extend_from_slice(&part[..count]);
                if String::from_utf8_lossy(&said).contains("this is generation") {
                    break;
                }
            }
            String::from_utf8_lossy(&said).into_owned()
        });
        assert_eq!(child.wait().unwrap().success(), installs);
        drop(terminal);
        let said = reader.join().unwrap();
        assert_eq!(said.matches("go on? [Y/n]").count(), 1, "{said}");
        assert!(said.contains("one 1.0") && said.contains("nothing that this uses is here yet"), "{said}");
        assert_eq!(installed(&place), if installs { "one@1.0" } else { "" });
    }
}

#[test]
fn a_collection_leaves_what_generations_need() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu", "./two.nu"]));
    good(place.run(&["remove", "one"]));
    good(place.run(&["gc", "--keep-since", "0s"]));
    good(place.run(&["rollback"]));
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    let why = good(place.run(&["gc", "--why", "one", "--keep-since", "0s"]));
    assert!(why.stdout.contains("generation 2 of") && why.stdout.contains("profiles/default"), "{why}");
    // It is known, too: nothing is built.
    assert!(good(place.run(&["install", "--yes", "./one.nu"])).stderr.contains("nothing to change"));
    good(place.run(&["generation", "switch", "3"]));
    assert_eq!(place.run(&["generation", "delete", "3"]).code, 1, "it is used");
    assert_eq!(place.run(&["generation", "delete", "1", "99"]).code, 3);
    good(place.run(&["generation", "delete", "--all-but", "1"]));
    good(place.run(&["gc", "--keep-since", "0s"]));
    assert_eq!(place.run(&["store", "ls", "one"]).code, 3, "only the deleted ones needed it");
    assert_eq!(good(start(&place, "two")).stdout, "two\n");
    let rows = good(place.run(&["generation", "list", "--json"])).stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&rows).unwrap().as_array().unwrap().len(), 1);
}

#[test]
fn changes_at_one_time_all_take_effect() {
    let place = Place::new();
    let names = ["a", "b", "c", "d"];
    for name in names {
        package(&place, name, "1.0", &[(name, saying(name))]);
    }
    let files: Vec<String> = names.iter().map(|name| format!("./{name}.nu")).collect();
    let arguments: Vec<&str> = ["build"].into_iter().chain(files.iter().map(String::as_str)).collect();
    good(place.run(&arguments));
    let mut children: Vec<_> = files
        .iter()
        .map(|file| {
            let mut command = place.command(&["install", "--yes", file]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(installed(&place), "a@1.0 b@1.0 c@1.0 d@1.0");
}

#[test]
fn it_works_without_a_daemon_too() {
    let place = Place::new();
    place.write("one-src/one.wasm", saying("one"));
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("NUKA_DAEMON", "0");
        good(place.end(command))
    };
    place.write(
        "one.nu",
        r#"export def main [] {
  derivation one "1.0" {
    src: (fetch path one-src)
    language: data
    build: {|p| install src/one.wasm bin/one --executable }
    programs: { one: "bin/one" }
  }
}
"#,
    );
    run(&["update-hashes", "./one.nu"]);
    run(&["install", "--yes", "./one.nu"]);
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    run(&["remove", "one"]);
    run(&["gc", "--keep-since", "0s"]);
    run(&["rollback"]);
    assert_eq!(good(start(&place, "one")).stdout, "one\n");
    assert!(run(&["list"]).stdout.contains("one"));
    assert!(!place.home().join(".local/share/nuka/store/daemon/socket").exists());
}

#[test]
fn what_is_not_there_is_named() {
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu"]));
    insta::assert_snapshot!(place.run(&["remove", "onee"]), @r"
    exit 3
    --- stderr
      × `onee` is not installed
      help: did you mean `one`?
    ");
    assert_eq!(place.run(&["upgrade", "--yes", "nothing"]).code, 3);
    assert_eq!(place.run(&["install", "--yes", "./nowhere.nu"]).code, 3);
    assert_eq!(place.run(&["generation", "switch", "7"]).code, 3);
    assert_eq!(place.run(&["generation", "switch", "0"]).code, 2);
    assert_eq!(place.run(&["list", "--profile", "../x"]).code, 2);
    assert_eq!(installed(&place), "one@1.0");
}

#[test]
fn a_profile_that_was_edited_or_damaged_says_so_and_can_be_left() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu"]));
    good(place.run(&["install", "--yes", "./two.nu"]));
    // `current` leads somewhere else.
    let current = profile(&place).join("current");
    fs_err::remove_file(&current).unwrap();
    symlink("elsewhere", &current).unwrap();
    insta::assert_snapshot!(place.run(&["list"]), @r"
    exit 1
    --- stderr
      × [PLACE]/home/.local/state/nuka/profiles/default/current is not as nuka left it: it leads to `elsewhere`, which is no generation
      help: `nuka generation list` shows what there is, `nuka generation switch N` makes one count
    ");
    good(place.run(&["generation", "switch", "3"]));
    // A record is no record.
    fs_err::write(profile(&place).join("generations/2"), "{").unwrap();
    assert_eq!(place.run(&["generation", "switch", "2"]).code, 1);
    assert!(good(place.run(&["history"])).stderr.contains("is not as nuka left it"));
    assert_eq!(good(start(&place, "two")).stdout, "two\n");
    // A launcher whose package is gone.
    let object = good(place.run(&["store", "path", "--json", "two/usr/bin/two"])).stdout;
    let object: serde_json::Value = serde_json::from_str(&object).unwrap();
    let root = place.home().parent().unwrap().to_str().unwrap().to_owned();
    let object = PathBuf::from(object["object"].as_str().unwrap().replace("[PLACE]", &root));
    fs_err::set_permissions(object.parent().unwrap(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let bytes = fs_err::read(&object).unwrap();
    fs_err::remove_file(&object).unwrap();
    fs_err::remove_dir_all(place.home().join(".cache/nuka/modules")).unwrap();
    let gone = start(&place, "two");
    assert_eq!(gone.code, 125, "{gone}");
    assert!(gone.stderr.contains("nuka store verify --repair"), "{gone}");
    fs_err::write(&object, bytes).unwrap();
    assert_eq!(good(start(&place, "two")).stdout, "two\n");
    // A directory that cannot be written to.
    let blocked = place.home().join(".local/state/nuka/profiles/blocked");
    fs_err::write(&blocked, "a file").unwrap();
    let ended = place.run(&["install", "--yes", "--profile", "blocked", "./one.nu"]);
    assert!(ended.code == 1 && ended.stderr.contains("profiles/blocked"), "{ended}");
}

/// However a change is cut short, what counts is a whole generation, and the next change goes through.
#[test]
fn kills_leave_the_old_or_the_new_generation() {
    let rounds: u32 = std::env::var("NUKA_STRESS_ROUNDS").map_or(10, |text| text.parse().unwrap());
    let place = world();
    good(place.run(&["install", "--yes", "./one.nu"]));
    good(place.run(&["install", "--yes", "./two.nu"]));
    // So that there is no way back to where nothing was installed.
    good(place.run(&["generation", "delete", "1"]));
    let bashrc = place.home().join(".bashrc");
    fs_err::write(&bashrc, "mine\n").unwrap();
    for round in 0..rounds {
        let arguments: &[&str] = match round % 7 {
            0 => &["remove", "two"],
            1 => &["install", "--yes", "./two.nu"],
            2 => &["rollback"],
            3 => &["permit", "one", "--network"],
            4 => &["setup", "--shell", "bash"],
            5 => &["generation", "switch", "2"],
            _ => &["setup", "--undo"],
        };
        let mut child = place.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Anywhere between its start and its end.
        std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 7919 % 40_000));
        let _ = child.kill();
        child.wait().unwrap();
        let names = installed(&place);
        assert!(["one@1.0", "one@1.0 two@1.0"].contains(&names.as_str()), "round {round}: {names}");
        assert_eq!(good(start(&place, "one")).stdout, "one\n", "round {round}");
        assert_eq!(profile(&place).join("current/bin/two").exists(), names.contains("two"), "round {round}");
        let rc = fs_err::read_to_string(&bashrc).unwrap();
        let rest = rc.strip_prefix("mine\n").unwrap();
        assert!(rest.is_empty() || rest.ends_with("# <<< nuka <<<\n"), "round {round}: {rc}");
    }
    good(place.run(&["setup", "--undo"]));
    assert_eq!(fs_err::read_to_string(&bashrc).unwrap(), "mine\n");
    good(place.run(&["install", "--yes", "./two.nu"]));
    good(place.run(&["generation", "delete", "--all-but", "1"]));
    good(place.run(&["gc", "--keep-since", "0s"]));
    assert_eq!(good(start(&place, "two")).stdout, "two\n");
    assert!(good(place.run(&["store", "verify"])).stdout.contains("sound"));
}
