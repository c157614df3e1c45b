//! Prints what it costs to enter a view and run `true` in it, and what reading through a view costs beside the files
//! themselves.
//!
//! `cargo run --release -p nuka-vfs --example view_figures -- DIRECTORY [RUNS]` makes its files in DIRECTORY (about 800 MB,
//! removed at the end). Wall times are the tenth of a hundred of RUNS (200), to be robust where others use the machine; processor time is
//! that of all processes that were waited for, divided by the runs (some of `bwrap`, measured beside if it is installed, are not).

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use nuka_store::{
    Batch, EntryName, Node, Objects, Part, Store, StoreOptions, Tree, TreeBuilder, TreePath,
    import::{ImportOptions, add_directory},
    merge,
};
use nuka_vfs::{
    Integrity,
    sandbox::{Namespaces, Root, Sandbox, Streams},
    view::{Composed, ViewMeans, Views},
};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Instant,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["inside", top, rounds] => inside(Path::new(top), rounds.parse().unwrap()),
        [directory] => figures(Path::new(directory), 200),
        [directory, runs] => figures(Path::new(directory), runs.parse().unwrap()),
        _ => println!("usage: view_figures DIRECTORY [RUNS]"),
    }
}

fn figures(directory: &Path, runs: u32) {
    let work = directory.join("nuka-view-figures");
    if work.exists() {
        fs::remove_dir_all(&work).unwrap();
    }
    fs::create_dir_all(work.join("at")).unwrap();
    let store = Store::open(work.join("store"), &StoreOptions::default()).unwrap();
    let views = Views::new(
        Objects::open(store.root()).unwrap(),
        work.join("cache"),
        Arc::new(Integrity::new(|damage| println!("{damage}"))),
    );
    for (means, answer) in views.probe(false) {
        println!("{means}: {}", answer.map_or_else(|reason| reason.to_string(), |()| "works".to_owned()));
    }
    entering(&work, &store, &views, runs);
    reading(&work, &store, &views);
    fs::remove_dir_all(&work).unwrap();
}

/// A package: a program, and some files of its own.
fn package(batch: &Batch, number: u32) -> Tree {
    let mut builder = TreeBuilder::new();
    let mut add = |path: String, bytes: &[u8], executable| {
        let blob = batch.add_blob(bytes).unwrap();
        let node = Node::File { blob, size: bytes.len() as u64, executable };
        builder.insert(batch, &TreePath::parse(path).unwrap(), node).unwrap();
    };
    add(format!("usr/bin/program{number}"), format!("#!/bin/sh\necho {number}\n").as_bytes(), true);
    add(format!("etc/package{number}"), b"configuration\n", false);
    for file in 0..10 {
        add(format!("usr/lib/package{number}/file{file}"), format!("{number} {file}").as_bytes(), false);
    }
    builder.finish(batch).unwrap()
}

/// `true` with the libraries that it needs here.
fn base(batch: &Batch) -> Tree {
    let program = Path::new("/bin/true");
    let said = Command::new("ldd").arg(program).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let libraries = said.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new);
    let mut builder = TreeBuilder::new();
    for path in libraries.chain([program]) {
        let at = path.strip_prefix("/usr").or_else(|_| path.strip_prefix("/")).unwrap();
        let names = Path::new("usr").join(at);
        let names: TreePath = names
            .components()
            .map(|name| EntryName::new(name.as_os_str().as_encoded_bytes()).unwrap())
            .collect();
        let bytes = fs::read(path).unwrap();
        let blob = batch.add_blob(&bytes).unwrap();
        builder
            .insert(batch, &names, Node::File { blob, size: bytes.len() as u64, executable: true })
            .unwrap();
    }
    builder.finish(batch).unwrap()
}

fn sandbox(root: Root, namespaces: Namespaces, argv: &[&str]) -> Sandbox {
    Sandbox {
        root,
        binds: Vec::new(),
        namespaces,
        privileged: false,
        argv: argv.iter().map(Into::into).collect(),
        env: vec![("PATH".into(), "/usr/bin".into())],
        cwd: PathBuf::from("/"),
    }
}

/// Milliseconds of wall and processor time.
struct Cost {
    wall: f64,
    cpu: f64,
}

/// Processor time, in milliseconds, of this process and of all that it has waited for.
fn cpu() -> f64 {
    let of = |path: &str| {
        let stat = fs::read_to_string(path).unwrap();
        stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
    };
    of("/proc/self/schedstat") + children()
}

fn children() -> f64 {
    // SAFETY: fills plain data.
    #[allow(unsafe_code, reason = "the processor time of ended children is told in no other way")]
    let usage = unsafe {
        let mut usage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0);
        usage
    };
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    ms(usage.ru_utime) + ms(usage.ru_stime)
}

fn measure(runs: u32, start: impl Fn() -> Child) -> Cost {
    let run = || {
        let started = Instant::now();
        assert!(start().wait().unwrap().success());
        started.elapsed().as_secs_f64() * 1e3
    };
    for _ in 0..5 {
        run();
    }
    let before = cpu();
    let mut walls: Vec<f64> = (0..runs).map(|_| run()).collect();
    let spent = cpu() - before;
    walls.sort_by(f64::total_cmp);
    Cost { wall: walls[walls.len() / 10], cpu: spent / f64::from(runs) }
}

fn entering(work: &Path, store: &Store, views: &Views, runs: u32) {
    let plain = measure(runs, || Command::new("/bin/true").spawn().unwrap());
    println!("{:58}{:>9}{:>9}{:>9}{:>9}", "", "wall ms", "over", "CPU ms", "over");
    let print = |what: &str, cost: &Cost| {
        let over = (cost.wall - plain.wall, cost.cpu - plain.cpu);
        println!("{what:58}{:>9.2}{:>9.2}{:>9.2}{:>9.2}", cost.wall, over.0, cost.cpu, over.1);
    };
    print("plain exec", &plain);
    for packages in [1, 50, 200] {
        let batch = store.batch();
        let mut parts = vec![Part { owner: "base".into(), cid: base(&batch).cid }];
        parts.extend(
            (0..packages).map(|number| Part { owner: number.to_string(), cid: package(&batch, number).cid }),
        );
        let tree = merge(&batch, &parts).unwrap();
        batch.commit_objects().unwrap();
        for means in [ViewMeans::Overlay, ViewMeans::Prepared] {
            let view = views.compose(&tree.cid, means).unwrap();
            let at = work.join("at");
            let pure = |own| sandbox(Root::Pure { view: view.clone(), files: Vec::new() }, own, &["true"]);
            let host = Root::Host { view: view.clone(), at };
            let least = Namespaces { user: true, ..Namespaces::least() };
            let shapes = [
                ("host and view, user and mount namespaces", sandbox(host, least, &["/bin/true"])),
                ("view only, user and mount namespaces", pure(least)),
                ("view only, pid, ipc and uts namespaces too", pure(Namespaces::own(false))),
            ];
            for (shape, sandbox) in shapes {
                let cost = measure(runs, || sandbox.spawn(Streams::default()).unwrap());
                let how = if means == ViewMeans::Overlay { "overlay" } else { "bound" };
                print(&format!("{packages:3}, {how}: {shape}"), &cost);
            }
        }
    }
    if Command::new("bwrap").arg("--version").output().is_err() {
        return println!("bwrap is not installed");
    }
    for binds in [0, 50, 200] {
        let place = work.join("bound");
        fs::create_dir_all(&place).unwrap();
        let start = || {
            let mut bwrap = Command::new("bwrap");
            bwrap.args(["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]);
            bwrap.args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
            for number in 0..binds {
                bwrap.arg("--ro-bind").arg(&place).arg(format!("/tmp/{number}"));
            }
            bwrap.arg("/bin/true").spawn().unwrap()
        };
        print(&format!("bubblewrap, {binds} binds"), &measure(runs.min(50), start));
    }
}

/// What a view is read with, where it is: one line for each round, names and milliseconds of wall and processor time.
fn inside(top: &Path, rounds: u32) {
    let list = Command::new("find").arg(top).args(["-type", "f", "-print0"]).output().unwrap();
    let mut paths: Vec<&str> = std::str::from_utf8(&list.stdout).unwrap().split_terminator('\0').collect();
    paths.sort_unstable();
    for _ in 0..rounds {
        let mut find = Command::new("find");
        find.arg(top).args(["-printf", "%s\n"]);
        let mut cat = Command::new("cat");
        cat.args(&paths);
        for (name, command) in [("find", &mut find), ("cat", &mut cat)] {
            let (before, started) = (children(), Instant::now());
            assert!(command.stdout(Stdio::null()).status().unwrap().success());
            println!("{name} {} {}", started.elapsed().as_secs_f64() * 1e3, children() - before);
        }
    }
}

const ROUNDS: &str = "9";

fn reading(work: &Path, store: &Store, views: &Views) {
    let src = work.join("src");
    support::generate(&src, 12_000, 228 << 20);
    let tree = add_directory(store, &src, &ImportOptions::default()).unwrap();
    let myself = std::env::current_exe().unwrap();
    let native =
        || Command::new(&myself).arg("inside").arg(&src).arg(ROUNDS).stdout(Stdio::piped()).spawn().unwrap();
    let mut rows = vec![("native", heard(native()))];
    for means in [ViewMeans::Overlay, ViewMeans::Prepared] {
        let started = Instant::now();
        let view: Composed = views.compose(&tree.cid, means).unwrap();
        println!("{means}: prepared in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
        let at = work.join("at");
        let argv = [myself.to_str().unwrap(), "inside", at.to_str().unwrap(), ROUNDS];
        let root = Root::Host { view, at: at.clone() };
        let mut sandbox = sandbox(root, Namespaces { user: true, ..Namespaces::least() }, &argv);
        sandbox.env = vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())];
        let streams = || Streams { output: Stdio::piped(), ..Streams::default() };
        let name = if means == ViewMeans::Overlay { "overlay" } else { "bound" };
        rows.push((name, heard(sandbox.spawn(streams()).unwrap())));
        // Again, because what is beside changes in the meantime.
        rows.push(("native", heard(native())));
    }
    println!("{:12}{:>12}{:>10}{:>12}{:>10}{:>12}", "", "find ms", "CPU ms", "cat ms", "CPU ms", "first cat");
    for (name, [find, cat, first]) in rows {
        println!(
            "{name:12}{:>12.1}{:>10.1}{:>12.1}{:>10.1}{:>12.1}",
            find.wall, find.cpu, cat.wall, cat.cpu, first.wall
        );
    }
}

/// Medians of what a reader said, of `find`, `cat`, and the first `cat`.
fn heard(mut reader: Child) -> [Cost; 3] {
    let mut said = String::new();
    reader.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(reader.wait().unwrap().success());
    let of = |name: &str| -> Vec<(f64, f64)> {
        let lines = said.lines().filter_map(|line| line.strip_prefix(name)?.trim().split_once(' '));
        lines.map(|(wall, cpu)| (wall.parse().unwrap(), cpu.parse().unwrap())).collect()
    };
    let median = |costs: &[(f64, f64)]| {
        let middle = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Cost {
            wall: middle(costs.iter().map(|cost| cost.0).collect()),
            cpu: middle(costs.iter().map(|cost| cost.1).collect()),
        }
    };
    let (find, cat) = (of("find"), of("cat"));
    [median(&find[1..]), median(&cat[1..]), median(&cat[..1])]
}
