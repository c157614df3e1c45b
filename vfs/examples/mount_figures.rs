//! Prints what a mount costs beside the files themselves: wall time and processor time, the server's included.
//!
//! `cargo run --release -p nuka-vfs --example mount_figures -- DIRECTORY [ROUNDS [ENTRIES]]` makes its files in DIRECTORY
//! (about 3 GB, removed at the end). As a plain user: `unshare --map-root-user --mount cargo run ...`. Every figure is the
//! least of ROUNDS (5), each with a server of its own; at the end ENTRIES (1,000,000) names are walked through.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use nuka_store::{
    EntryName, Node, Store, StoreOptions, Tree, TreeBuilder, TreePath,
    import::{ImportOptions, add_directory},
};
use nuka_vfs::{
    Integrity,
    mount::{MountMeans, MountOptions, mount},
    namespace,
    source::Packages,
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Instant,
};
use support::{generate, place_of};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", rest @ ..] => serve(rest),
        ["open", list] => {
            for path in fs::read_to_string(list).unwrap().split_terminator('\0') {
                drop(fs::File::open(path).unwrap());
            }
        }
        [directory] => figures(Path::new(directory), 5, 1_000_000),
        [directory, rounds] => figures(Path::new(directory), rounds.parse().unwrap(), 1_000_000),
        [directory, rounds, entries] => {
            figures(Path::new(directory), rounds.parse().unwrap(), entries.parse().unwrap());
        }
        _ => println!("usage: mount_figures DIRECTORY [ROUNDS [ENTRIES]]"),
    }
}

/// `serve STORE PLACE SNAPSHOT THREADS PASSTHROUGH (NAME CID SIZE COUNT)...`: serves until its input ends.
fn serve(arguments: &[&str]) {
    let [store, place, snapshot, threads, passthrough, trees @ ..] = arguments else {
        panic!("{arguments:?}")
    };
    let source = Packages::new(Store::open(store, &StoreOptions::default()).unwrap());
    for tree in trees.chunks_exact(4) {
        let (size, count) = (tree[2].parse().unwrap(), tree[3].parse().unwrap());
        source.insert(EntryName::new(tree[0]).unwrap(), Tree { cid: tree[1].parse().unwrap(), size, count });
    }
    let integrity = Arc::new(Integrity::new(|damage| println!("{damage}")));
    if let Ok(known) = fs::read(snapshot) {
        assert!(integrity.recall(&known));
    }
    let options = MountOptions {
        threads: threads.parse().unwrap(),
        passthrough: passthrough.parse().unwrap(),
        ..MountOptions::default()
    };
    let served =
        mount(Arc::new(source), Arc::clone(&integrity), Path::new(place), MountMeans::Privileged, &options);
    let served = served.unwrap();
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        match line.unwrap().as_str() {
            "known" => println!("{}", served.known_inodes()),
            _ => println!("{:?}", served.passthrough()),
        }
    }
    fs::write(snapshot, integrity.snapshot()).unwrap();
}

/// A mount and its server.
struct Server {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Server {
    fn start(work: &Path, snapshot: &str, passthrough: bool, trees: &[(&str, Tree)]) -> Self {
        let threads =
            std::env::var("NUKA_THREADS").unwrap_or_else(|_| MountOptions::default().threads.to_string());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("serve").arg(work.join("store")).arg(work.join("mnt")).arg(work.join(snapshot));
        command.args([threads, passthrough.to_string()]);
        for (name, tree) in trees {
            command.args([
                (*name).to_owned(),
                tree.cid.to_string(),
                tree.size.to_string(),
                tree.count.to_string(),
            ]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut server = Self { output: BufReader::new(child.stdout.take().unwrap()), child };
        assert_eq!(server.line(), "ready");
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what}").unwrap();
        self.line()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// Milliseconds of wall time, of processor time, and of the server's part of that.
type Cost = (f64, f64, f64);

/// The least cost of each measurement, in the order in which they came.
#[derive(Default)]
struct Figures {
    names: Vec<&'static str>,
    least: BTreeMap<&'static str, Cost>,
}

impl Figures {
    fn note(&mut self, name: &'static str, cost: Cost) {
        let Some(least) = self.least.get_mut(name) else {
            self.names.push(name);
            self.least.insert(name, cost);
            return;
        };
        *least = (least.0.min(cost.0), least.1.min(cost.1), least.2.min(cost.2));
    }

    fn print(&self) {
        println!("{:44}{:>10}{:>8}{:>10}{:>8}{:>10}", "", "wall ms", "ratio", "CPU ms", "ratio", "server's");
        for name in &self.names {
            let (wall, cpu, server) = self.least[name];
            let what = name.split(':').next().unwrap();
            let native =
                self.least.iter().find(|(other, _)| other.starts_with(what) && other.ends_with("native"));
            let (native_wall, native_cpu, _) = *native.unwrap().1;
            println!(
                "{name:44}{wall:>10.1}{:>8.2}{cpu:>10.1}{:>8.2}{server:>10.1}",
                wall / native_wall,
                cpu / native_cpu
            );
        }
    }
}

/// Runs a program to its end; the processor time is its own and that of the server meanwhile.
fn cost(server: Option<&Server>, command: &mut Command) -> Cost {
    let served = || server.map_or(0.0, |server| threads_cpu(server.child.id()));
    let (before, started) = (served(), Instant::now());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let id = rustix::process::Pid::from_child(&child);
    let wait = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(id), wait).unwrap();
    let wall = started.elapsed().as_secs_f64() * 1e3;
    let own = schedstat(&format!("/proc/{}/schedstat", child.id()));
    assert!(child.wait().unwrap().success());
    let served = served() - before;
    (wall, own + served, served)
}

fn threads_cpu(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.map(|thread| schedstat(thread.unwrap().path().join("schedstat").to_str().unwrap())).sum()
}

/// Milliseconds that a thread ran.
fn schedstat(path: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn figures(directory: &Path, rounds: u32, entries: u32) {
    namespace::enter_private_mounts().expect("needs the right to mount: see the head of this file");
    let work = directory.join("nuka-mount-figures");
    if work.exists() {
        fs::remove_dir_all(&work).unwrap();
    }
    fs::create_dir_all(work.join("mnt")).unwrap();
    let (src, big) = (work.join("src"), work.join("big"));
    generate(&src, 12_000, 228 << 20);
    generate(&big, 1, 1 << 30);
    let store = Store::open(work.join("store"), &StoreOptions::default()).unwrap();
    let add = |place: &Path| add_directory(&store, place, &ImportOptions::default()).unwrap();
    let trees = [("src", add(&src)), ("big", add(&big))];
    let mut figures = Figures::default();
    for round in 0..rounds {
        round_of(&work, &trees, round, &mut figures);
    }
    figures.print();
    walk(&work, &store, entries);
    fs::remove_dir_all(&work).unwrap();
}

fn round_of(work: &Path, trees: &[(&str, Tree)], round: u32, figures: &mut Figures) {
    let mount = work.join("mnt");
    let native = Jobs::new(work, work, "native");
    let mounted = Jobs::new(work, &mount, "mounted");
    // The least of several, because the first reads from the disk.
    for _ in 0..3 {
        figures.note("names: native", cost(None, &mut native.names()));
        figures.note("find: native", cost(None, &mut native.find()));
        figures.note("cat: native", cost(None, &mut native.cat()));
        figures.note("open: native", cost(None, &mut native.open()));
        figures.note("1 GiB: native", cost(None, &mut native.sequential()));
    }
    // Nothing is known of the objects; then what the one before found.
    let snapshot = format!("snapshot{round}");
    let server = Server::start(work, &snapshot, false, trees);
    figures.note("find: first", cost(Some(&server), &mut mounted.find()));
    figures.note("cat: first, every object is hashed", cost(Some(&server), &mut mounted.cat()));
    server.end();
    let server = Server::start(work, &snapshot, false, trees);
    figures.note("find: first", cost(Some(&server), &mut mounted.find()));
    figures.note("cat: first, the objects are known", cost(Some(&server), &mut mounted.cat()));
    for _ in 0..3 {
        figures.note("names: warm", cost(Some(&server), &mut mounted.names()));
        figures.note("find: warm", cost(Some(&server), &mut mounted.find()));
        figures.note("cat: warm", cost(Some(&server), &mut mounted.cat()));
        figures.note("open: warm", cost(Some(&server), &mut mounted.open()));
    }
    server.end();
    let server = Server::start(work, &snapshot, false, trees);
    figures.note("names: first", cost(Some(&server), &mut mounted.names()));
    server.end();
    let server = Server::start(work, &snapshot, false, trees);
    figures.note("cat: first, without a find before", cost(Some(&server), &mut mounted.cat()));
    figures.note("1 GiB: first", cost(Some(&server), &mut mounted.sequential()));
    for _ in 0..3 {
        figures.note("1 GiB: warm", cost(Some(&server), &mut mounted.sequential()));
    }
    server.end();
    let mut server = Server::start(work, &snapshot, true, trees);
    figures.note("1 GiB: passthrough, first", cost(Some(&server), &mut mounted.sequential()));
    for _ in 0..3 {
        figures.note("1 GiB: passthrough, again", cost(Some(&server), &mut mounted.sequential()));
    }
    if round == 0 {
        println!("passthrough: {}", server.ask("passthrough"));
    }
    server.end();
}

/// What is run, over the files themselves or over a mount.
struct Jobs {
    src: PathBuf,
    big: PathBuf,
    list: PathBuf,
}

impl Jobs {
    fn new(work: &Path, top: &Path, name: &str) -> Self {
        let list = work.join(format!("{name}.list"));
        if !list.exists() {
            // In the order in which the directories list them, as `find | xargs` has it.
            let find =
                Command::new("find").arg(work.join("src")).args(["-type", "f", "-print0"]).output().unwrap();
            let mut paths: Vec<&[u8]> =
                find.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
            if top != work {
                paths.sort_unstable();
            }
            let below =
                |path: &[u8]| top.join(Path::new(OsStr::from_bytes(path)).strip_prefix(work).unwrap());
            let text: Vec<u8> = paths
                .iter()
                .flat_map(|path| below(path).into_os_string().into_encoded_bytes().into_iter().chain([0]))
                .collect();
            fs::write(&list, text).unwrap();
        }
        Self { src: top.join("src"), big: top.join("big").join(place_of(0)), list }
    }

    /// Names only: of an ordinary directory, not one inode is looked at.
    fn names(&self) -> Command {
        let mut find = Command::new("find");
        find.arg(&self.src);
        find
    }

    fn find(&self) -> Command {
        let mut find = self.names();
        find.args(["-printf", "%s\n"]);
        find
    }

    fn cat(&self) -> Command {
        let mut cat = Command::new("cat");
        cat.args(fs::read_to_string(&self.list).unwrap().split_terminator('\0'));
        cat
    }

    fn open(&self) -> Command {
        let mut open = Command::new(std::env::current_exe().unwrap());
        open.arg("open").arg(&self.list);
        open
    }

    fn sequential(&self) -> Command {
        let mut cat = Command::new("cat");
        cat.arg(&self.big);
        cat
    }
}

/// Walks through many names, and says what the server takes of memory then.
fn walk(work: &Path, store: &Store, entries: u32) {
    let batch = store.batch();
    let blob = batch.add_blob(b"equal").unwrap();
    let mut builder = TreeBuilder::new();
    for number in 0..entries {
        let path = TreePath::parse(format!("d{}/a-name-of-some-length-{number}", number / 1000)).unwrap();
        builder.insert(&batch, &path, Node::File { blob, size: 5, executable: false }).unwrap();
    }
    let tree = builder.finish(&batch).unwrap();
    batch.commit_objects().unwrap();
    let mut server = Server::start(work, "snapshot-walk", false, &[("many", tree)]);
    let memory = |server: &Server, what: &str| {
        let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    };
    let before = memory(&server, "VmRSS:");
    let (wall, cpu, _) = cost(Some(&server), Command::new("find").arg(work.join("mnt/many")));
    println!(
        "walk of {entries} entries: {wall:.0} ms wall, {cpu:.0} ms CPU; {} inodes known",
        server.ask("known")
    );
    let (now, peak) = (memory(&server, "VmRSS:"), memory(&server, "VmHWM:"));
    println!("memory of the server: {before} MiB before, {now} MiB after, {peak} MiB at most");
    server.end();
}
