//! A program in a sandbox is a process like any other: it ends, is stopped and is signalled as one.

use crate::{
    mounted::{LONG, myself},
    root::Home,
    suite::output,
};
use nuka_vfs::sandbox::{Namespaces, Streams};
use rustix::process::{Pid, Signal};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
    time::Instant,
};

fn spaces() -> [Namespaces; 2] {
    [Namespaces::least(), Namespaces::own(false)]
}

pub fn endings() {
    let home = Home::new();
    for namespaces in spaces() {
        let run = |arguments: &[&str]| {
            let mut sandbox = home.sandbox(arguments);
            sandbox.namespaces = namespaces;
            let streams = Streams { error: Stdio::null(), ..Streams::default() };
            sandbox.spawn(streams).unwrap().wait().unwrap()
        };
        for code in [0, 1, 7, 127, 130, 255] {
            assert_eq!(run(&["exit", &code.to_string()]).code(), Some(code), "{namespaces:?}");
        }
        for signal in [Signal::TERM, Signal::KILL, Signal::ABORT, Signal::HUP] {
            let ended = run(&["die", &signal.as_raw().to_string()]);
            assert_eq!(ended.signal(), Some(signal.as_raw()), "{namespaces:?}");
        }
    }
}

/// Starts a program that waits, and waits until it does.
fn waiting(home: &Home, namespaces: Namespaces, arguments: &[&str]) -> (Child, String) {
    let mut sandbox = home.sandbox(arguments);
    sandbox.namespaces = namespaces;
    let mut child = sandbox.spawn(Streams { output: Stdio::piped(), ..Streams::default() }).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

pub fn orphans() {
    let home = Home::new();
    for namespaces in spaces() {
        // A thread is to the kernel what a process is.
        let (mut child, _) =
            std::thread::scope(|scope| scope.spawn(|| waiting(&home, namespaces, &["wait"])).join().unwrap());
        let begun = Instant::now();
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            if begun.elapsed() > LONG {
                child.kill().unwrap();
                panic!("it outlives whoever started it: {namespaces:?}");
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{namespaces:?}");
    }
}

/// Whether this process ignores a signal, and so all that it starts does: a shell has what it starts in the background ignore
/// `INT`.
fn is_ignored(signal: Signal) -> bool {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal.as_raw() - 1)) != 0
}

pub fn signals() {
    let home = Home::new();
    for namespaces in spaces() {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR1, Signal::KILL] {
            if is_ignored(signal) {
                println!("    {signal:?}: SKIPPED: whoever started the tests has them ignore it");
                continue;
            }
            let (mut child, said) = waiting(&home, namespaces, &["wait"]);
            assert_eq!(said, "ready\n");
            rustix::process::kill_process(Pid::from_child(&child), signal).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()), "{namespaces:?}");
        }
    }
}

/// What tells the processes of this run from those of another.
fn mark() -> String {
    format!("mark-{}", std::process::id())
}

/// Processes of this program that wait.
fn waiters() -> usize {
    let ending = format!("inside\0wait\0{}\0", mark());
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let is = |path: std::path::PathBuf| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| line.ends_with(ending.as_bytes()))
            && std::fs::read_to_string(path.join("stat")).is_ok_and(|stat| !stat.contains(") Z"))
    };
    all.filter(|entry| is(entry.path())).count()
}

fn until_none() {
    let started = Instant::now();
    while waiters() > 0 {
        assert!(started.elapsed() < LONG, "{} are left", waiters());
        std::thread::yield_now();
    }
}

pub fn outliving() {
    let home = Home::new();
    // What the program leaves behind ends with it.
    let (mut child, said) = waiting(&home, Namespaces::own(false), &["leave", &mark()]);
    assert_eq!(said, "left\n");
    assert!(child.wait().unwrap().success());
    until_none();
    // What stands outside is killed, and all in it with that.
    let (mut child, _) = waiting(&home, Namespaces::own(false), &["wait", &mark()]);
    assert!(waiters() > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    until_none();
}

/// `exec pid|- VIEW-METADATA OBJECTS CODE`; the code can be `wait`.
pub fn become_program(arguments: &[&str]) {
    let [pid, metadata, objects, code] = arguments else { panic!("{arguments:?}") };
    let view = if *objects == "-" {
        nuka_vfs::view::Composed::Directory(metadata.into())
    } else {
        nuka_vfs::view::Composed::Overlay { metadata: metadata.into(), objects: objects.into() }
    };
    let argv =
        if *code == "wait" { vec!["look", "inside", "wait"] } else { vec!["look", "inside", "exit", code] };
    let sandbox = nuka_vfs::sandbox::Sandbox {
        root: nuka_vfs::sandbox::Root::Pure { view, files: Vec::new() },
        binds: Vec::new(),
        namespaces: if *pid == "pid" { Namespaces::own(false) } else { Namespaces::least() },
        privileged: false,
        argv: argv.iter().map(Into::into).collect(),
        env: vec![("PATH".into(), "/usr/bin".into())],
        cwd: "/".into(),
    };
    let error = sandbox.exec();
    panic!("{error}");
}

pub fn exec() {
    let home = Home::new();
    for pid in ["pid", "-"] {
        let mut command = myself(&["exec", pid]);
        match home.view() {
            nuka_vfs::view::Composed::Overlay { metadata, objects } => command.arg(metadata).arg(objects),
            nuka_vfs::view::Composed::Directory(path) => command.arg(path).arg("-"),
            other @ nuka_vfs::view::Composed::Mounted(_) => panic!("{other:?} serves once"),
        };
        assert_eq!(command.arg("42").status().unwrap().code(), Some(42), "{pid}");
    }
    // This process has several threads, so it can start programs and not become one.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let error = home.sandbox(&["exit", "0"]).exec();
            assert!(matches!(error, nuka_vfs::sandbox::SandboxError::Threads { .. }), "{error}");
        });
    });
}

pub fn at_once() {
    let home = Home::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let home = &home;
            scope.spawn(move || {
                for number in 0..10 {
                    let words = format!("{thread}-{number}");
                    let mut shell = home.sandbox(&[]);
                    shell.argv =
                        ["sh", "-c", "echo $0 > /tmp/x; read -r x < /tmp/x; echo $x"].map(Into::into).into();
                    shell.argv.push(words.clone().into());
                    assert_eq!(output(&shell), format!("{words}\n"));
                }
            });
        }
    });
}
