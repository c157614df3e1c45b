//! Prints what the store costs: processor time beside wall time and memory, and `cp -a` of the same files.
//!
//! `cargo run --release -p nuka-store --example figures -- DIRECTORY [FACTOR]` makes its files in DIRECTORY (about
//! 8 GB, removed at the end); FACTOR divides their number and sizes. Each measurement is a process of its own.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nuka_pir::{BuildId, Cid, OutputName, PackageName, Pid, Version};
use nuka_store::{
    Directory, EntryName, Node, Realisation, Store, StoreError, StoreOptions, Tree,
    check::{self, VerifyOptions},
    export::export_directory,
    gc::{self, GcOptions},
    import::{ImportOptions, add_directory},
    verify_tree,
};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["import", store, source] => import(Path::new(store), Path::new(source)),
        ["export", store, cid, place] => {
            export_directory(&open(store), &cid.parse().unwrap(), Path::new(place)).unwrap();
        }
        ["verify", store, cid] => assert!(verify_tree(&open(store), &cid.parse::<Cid>().unwrap()).is_empty()),
        ["index", store] => index(&open(store)),
        ["packages", store, count] => packages(&open(store), count.parse().unwrap()),
        ["gc", store] => collect(&open(store)),
        ["verify-all", store] => {
            assert!(check::verify(&open(store), &VerifyOptions::default(), &|_, _| ()).unwrap().is_clean());
        }
        ["b3sum", store] => b3sum(Path::new(store)),
        ["rebuild", store] => drop(check::rebuild_index(&open(store), 1, &|_, _| ()).unwrap()),
        ["open", store] => drop(open(store)),
        [directory] => figures(Path::new(directory), 1),
        [directory, factor] => figures(Path::new(directory), factor.parse().unwrap()),
        _ => println!("usage: figures DIRECTORY [FACTOR]"),
    }
}

fn open(store: impl AsRef<Path>) -> Store {
    Store::open(store, &StoreOptions::default()).unwrap()
}

fn import(store: &Path, source: &Path) {
    println!("{}", add_directory(&open(store), source, &ImportOptions::default()).unwrap().cid);
}

fn figures(directory: &Path, factor: u64) {
    let work = directory.join("nuka-store-figures");
    clean(&work);
    fs::create_dir_all(&work).unwrap();
    println!("{:34}{:>9}{:>9}{:>9}", "", "CPU s", "wall s", "MiB");
    let store = work.join("store");
    let store_text = store.to_str().unwrap();
    measure("make and open the store", &["open", store_text]);
    measure("open the store", &["open", store_text]);
    for (name, files, per_directory, bytes) in
        [("src", 12_000, 8, 228 << 20), ("small", 100_000, 250, 152 << 20), ("big", 1, 1, 1 << 30)]
    {
        let source = work.join(name);
        generate(&source, (files / factor).max(1), per_directory, bytes / factor);
        std::thread::sleep(Duration::from_millis(100));
        let source = source.to_str().unwrap();
        let copy = work.join(format!("{name}-copy"));
        command(&format!("{name}: cp -a"), Command::new("cp").arg("-a").arg(source).arg(&copy));
        let cid = measure(&format!("{name}: import"), &["import", store_text, source]);
        measure(&format!("{name}: import again"), &["import", store_text, source]);
        measure(&format!("{name}: verify"), &["verify", store_text, &cid]);
        let place = work.join(format!("{name}-out"));
        measure(&format!("{name}: export"), &["export", store_text, &cid, place.to_str().unwrap()]);
    }
    measure("index", &["index", store_text]);
    housekeeping(&work, factor);
    fs::remove_dir_all(&work).unwrap();
}

/// What looking after a store costs.
fn housekeeping(work: &Path, factor: u64) {
    // Objects of the files of `src` alone, so that hashing them is compared with hashing the same bytes.
    let store = work.join("verified");
    let (store_text, source) = (store.to_str().unwrap(), work.join("src"));
    measure("src: import into a store of its own", &["import", store_text, source.to_str().unwrap()]);
    for _ in 0..2 {
        measure("src: hash all objects, the crate alone", &["b3sum", store_text]);
        measure("src: verify the store", &["verify-all", store_text]);
    }
    let dead = work.join("dead");
    let dead_text = dead.to_str().unwrap();
    measure("make 10,000 packages", &["packages", dead_text, &(10_000 / factor).to_string()]);
    measure("gc of 10,000 dead packages", &["gc", dead_text]);
    for objects in [10_000, 100_000] {
        let store = work.join(format!("rebuilt-{objects}"));
        let store_text = store.to_str().unwrap();
        // Three objects each: a file, its directory, the record.
        measure("make packages", &["packages", store_text, &(objects / 3 / factor).to_string()]);
        measure(&format!("rebuild the index of {objects} objects"), &["rebuild", store_text]);
    }
}

/// Makes packages of one file each, in one commit.
fn packages(store: &Store, count: u32) {
    let (name, version) = (PackageName::new("generated").unwrap(), Version::new("1.0").unwrap());
    let texts: Vec<(Pid, String)> = (0..count)
        .map(|number| {
            let text = format!(
                "{{build: {{builder: \"wasm/1\", cpu: \"generic\", steps: [], target: \"wasm32-wasip1\"}}, \
                 name: \"generated\", pir: 1, run: {{language: \"c\", platforms: [\"wasm32-wasip1\"]}}, \
                 version: \"{number}\"}}"
            );
            (nuka_pir::Pir::pid_of_text(&text), text)
        })
        .collect();
    let put = |index: &mut nuka_store::IndexWriter<'_>| {
        texts.iter().try_for_each(|(pid, text)| index.put_pir(pid, &name, &version, text.as_bytes()))
    };
    store.update(|index| put(index).map_err(StoreError::Index)).unwrap();
    let batch = store.batch();
    let mut made = Vec::new();
    for (pid, _) in &texts {
        let bytes = pid.to_string().repeat(20);
        let blob = batch.add_blob(bytes.as_bytes()).unwrap();
        let node = Node::File { blob, size: bytes.len() as u64, executable: false };
        let directory = Directory::new(vec![(EntryName::new("file").unwrap(), node)]).unwrap();
        let outputs = BTreeMap::from([(OutputName::out(), batch.add_directory(&directory).unwrap())]);
        let realisation =
            Realisation { build: BuildId::from_bytes(*pid.as_bytes()), outputs, time_ms: 1, duration_ms: 0 };
        assert!(batch.add_package_record(pid, &realisation).unwrap());
        made.push((pid, realisation));
    }
    let put = |index: &mut nuka_store::IndexWriter<'_>| {
        made.iter().try_for_each(|(pid, realisation)| index.put_realisation(pid, realisation))
    };
    batch.commit(|index| put(index).map_err(StoreError::Index)).unwrap();
}

fn collect(store: &Store) {
    let timed = |name: &str, cpu: f64| println!("{name}: {:.1} ms CPU", own_cpu() - cpu);
    let cpu = own_cpu();
    let options = GcOptions { keep_since_ms: u64::MAX, now_ms: 1, ..GcOptions::default() };
    drop(gc::plan(store, &options).unwrap());
    timed("plan, with weights", cpu);
    let cpu = own_cpu();
    let report = gc::collect(store, &options, &mut |_| ()).unwrap();
    timed("collect", cpu);
    println!("{} packages, {} objects", report.packages, report.freed.objects);
    println!();
}

/// Reads every object and hashes it, with the crate alone.
fn b3sum(store: &Path) {
    let shards = fs::read_dir(store.join("objects")).unwrap().map(|entry| entry.unwrap().path());
    shards.collect::<Vec<_>>().into_par_iter().for_each(|shard| {
        for entry in fs::read_dir(shard).unwrap() {
            std::hint::black_box(blake3::hash(&fs::read(entry.unwrap().path()).unwrap()));
        }
    });
}

/// Removes what earlier runs left. ext4 creates files ten times slower for some minutes after many were
/// removed, so nothing is removed between two measurements.
fn clean(work: &Path) {
    if work.exists() {
        fs::remove_dir_all(work).unwrap();
        println!("(an earlier run was removed just now: wait some minutes for true figures)");
    }
}

/// Runs this program again and prints what it cost. Returns the last line that it printed.
fn measure(name: &str, arguments: &[&str]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    command(name, child.args(arguments))
}

fn command(name: &str, command: &mut Command) -> String {
    let (before, started) = (children_cpu(), Instant::now());
    // GNU time is not everywhere; the peak memory of a child is asked of the child's own status at its end.
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let peak = std::thread::spawn(move || watch_peak(id));
    let output = child.wait_with_output().unwrap();
    let wall = started.elapsed().as_secs_f64();
    assert!(output.status.success(), "{name} failed");
    let cpu = children_cpu() - before;
    println!("{name:34}{cpu:>9.2}{wall:>9.2}{:>9}", peak.join().unwrap() >> 20);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.pop().unwrap_or_default().to_owned();
    for line in lines {
        println!("    {line}");
    }
    last
}

/// The peak memory of a process, in bytes, as long as it lives; looked at every few milliseconds.
fn watch_peak(id: u32) -> u64 {
    let mut peak = 0;
    while let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(line) = line else { break };
        peak = line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024;
        std::thread::sleep(Duration::from_millis(3));
    }
    peak
}

/// Processor seconds of all children that have ended.
fn children_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(13) + ticks(14)) / 100.0
}

/// Files that cannot be compressed into each other: lengths spread around their mean, like sources.
fn generate(root: &Path, files: u64, per_directory: u64, bytes: u64) {
    let mean = bytes / files;
    let mut random = blake3::Hasher::new().update(root.as_os_str().as_encoded_bytes()).finalize_xof();
    let mut buffer = vec![0; 1 << 20];
    for file in 0..files {
        let directory = root.join(format!("d{}/e{}", file / (per_directory * 20), file / per_directory));
        if file.is_multiple_of(per_directory) {
            fs::create_dir_all(&directory).unwrap();
        }
        // A triangle between nothing and twice the mean.
        let mut left = if files == 1 { bytes } else { mean * (1 + file * 7919 % 199) / 100 };
        let mut out = fs::File::create(directory.join(format!("f{file}"))).unwrap();
        while left > 0 {
            let count = left.min(buffer.len() as u64);
            let part = &mut buffer[..usize::try_from(count).unwrap()];
            random.fill(part);
            out.write_all(part).unwrap();
            left -= count;
        }
    }
}

fn index(store: &Store) {
    let timed = |name: &str, work: &mut dyn FnMut()| {
        let (cpu, wall) = (own_cpu(), Instant::now());
        work();
        println!("{name}: {:.2} ms CPU, {:.2} ms wall", own_cpu() - cpu, wall.elapsed().as_secs_f64() * 1e3);
    };
    let mut pids: Vec<Pid> = (0..10_000_u32)
        .map(|number| Pid::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes()))
        .collect();
    pids.sort();
    let (name, version) = (PackageName::new("generated").unwrap(), Version::new("1.0").unwrap());
    let text = vec![b'x'; 1500];
    timed("register 10,000 PIRs of 1.5 kB", &mut || {
        store
            .update(|index| {
                pids.iter()
                    .try_for_each(|pid| index.put_pir(pid, &name, &version, &text))
                    .map_err(StoreError::Index)
            })
            .unwrap();
    });
    let tree = Tree { cid: Cid::from_bytes([1; 32]), size: 1, count: 1 };
    let realisation = Realisation {
        build: BuildId::from_bytes([2; 32]),
        outputs: BTreeMap::from([(OutputName::new("out").unwrap(), tree)]),
        time_ms: 0,
        duration_ms: 0,
    };
    timed("register 1,000 realisations", &mut || {
        let put = |index: &mut nuka_store::IndexWriter<'_>| {
            pids[..1000].iter().try_for_each(|pid| index.put_realisation(pid, &realisation))
        };
        store.update(|index| put(index).map_err(StoreError::Index)).unwrap();
    });
    timed("100 commits of one value each", &mut || {
        for number in 0..100_u8 {
            store.update(|index| index.put_value("n", &[number], b"v").map_err(StoreError::Index)).unwrap();
        }
    });
    timed("close", &mut || store.release_index());
    timed("open and close for reading, 100 times", &mut || {
        for _ in 0..100 {
            drop(store.read().unwrap());
        }
    });
    timed("open and look up 1,000 realisations", &mut || {
        let index = store.read().unwrap();
        assert!(pids[..1000].iter().all(|pid| index.realisation(pid).unwrap().is_some()));
    });
    println!();
}

/// Processor milliseconds of this process.
fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss)]
    let milliseconds = time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6;
    milliseconds
}
