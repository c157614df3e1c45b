//! Faults that need other processes: kill -9 at random points, two writers at once, a full disk.
//!
//! This program starts itself again as the process to be killed. `STRESS_ROUNDS` sets how often (10).

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "it/support.rs"]
mod support;

use nuka_pir::{BuildId, OutputName, PackageName, Pid, Version};
use nuka_store::{
    IndexOptions, Node, ObjectReader, Realisation, Store, StoreError, StoreOptions, Tree, TreeBuilder,
    TreePath,
    import::{ImportOptions, import_tar},
    verify_tree,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["child-add", root, name, count] => child_add(Path::new(root), name, count.parse().unwrap()),
        ["child-bomb", root] => child_bomb(Path::new(root)),
        ["child-fill", root] => child_fill(Path::new(root)),
        // What test runners ask.
        [.., "--list"] | ["--list", ..] => println!("stress: test"),
        rest => {
            let filters: Vec<_> = rest.iter().filter(|argument| !argument.starts_with('-')).collect();
            if filters.is_empty() || filters.iter().any(|filter| "stress".contains(**filter)) {
                let rounds = std::env::var("STRESS_ROUNDS").map_or(10, |text| text.parse().unwrap());
                killed_at_random_points(rounds);
                two_processes_lose_nothing();
                full_disk();
                bombs_take_no_memory();
            }
        }
    }
}

fn open(root: &Path) -> Store {
    Store::open(root, &StoreOptions::default()).unwrap()
}

fn hashed(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// A tree whose contents follow from its name: small files, a directory, and now and then a large one.
fn add_tree(store: &Store, name: &str, number: u32) -> Result<Tree, StoreError> {
    let batch = store.batch();
    let mut builder = TreeBuilder::new();
    for file in 0..40_u32 {
        let length = if number.is_multiple_of(5) && file == 0 { 9 << 20 } else { 10 + file as usize * 50 };
        let mut bytes = vec![0; length];
        blake3::Hasher::new()
            .update(format!("{name} {number} {file}").as_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        let blob = batch.add_blob(&bytes)?;
        let path = TreePath::parse(format!("d{}/{file}", file % 3)).unwrap();
        let node = Node::File { blob, size: length as u64, executable: false };
        builder.insert(&batch, &path, node).unwrap();
    }
    let tree = builder.finish(&batch).unwrap();
    let key = format!("{name} {number}");
    let outputs = BTreeMap::from([(OutputName::new("out").unwrap(), tree)]);
    let realisation =
        Realisation { build: BuildId::from_bytes(hashed(&key)), outputs, time_ms: 0, duration_ms: 0 };
    batch.commit(|index| {
        let pid = Pid::from_bytes(hashed(&key));
        index.put_pir(&pid, &PackageName::new("x").unwrap(), &Version::new("1").unwrap(), key.as_bytes())?;
        index.put_realisation(&pid, &realisation)?;
        Ok::<_, StoreError>(())
    })?;
    Ok(tree)
}

/// Adds trees, and says each one's number and CID when it is acknowledged.
fn child_add(root: &Path, name: &str, count: u32) {
    let store = open(root);
    let mut out = std::io::stdout();
    for number in 0..count {
        let tree = add_tree(&store, name, number).unwrap();
        writeln!(out, "{number} {}", tree.cid).unwrap();
        out.flush().unwrap();
    }
}

fn start(root: &Path, name: &str, count: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child-add", root.to_str().unwrap(), name, &count.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child acknowledged: lines that are whole.
fn acknowledged(child: &mut Child) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if let Some((number, cid)) = line.strip_suffix('\n').and_then(|line| line.split_once(' ')) {
            lines.push((number.parse().unwrap(), cid.to_owned()));
        }
        line.clear();
    }
    lines
}

/// Everything registered is whole, and nothing is temporary.
fn check_whole(root: &Path) -> BTreeMap<Pid, Tree> {
    let store = open(root);
    let index = store.read().unwrap();
    let realised = index.realised().unwrap();
    assert_eq!(realised.len(), index.pids().unwrap().len(), "registered by halves");
    let mut trees = BTreeMap::new();
    for (pid, realisation) in realised {
        let tree = *realisation.outputs.values().next().unwrap();
        let problems = verify_tree(&store, &tree.cid);
        assert!(problems.is_empty(), "{problems:?}");
        trees.insert(pid, tree);
    }
    drop(index);
    for entry in std::fs::read_dir(root.join("tmp")).unwrap() {
        assert_eq!(entry.unwrap().file_name(), "lock", "a temporary is left");
    }
    // What has a name among the objects is what its name says, also if nothing registers it.
    for shard in std::fs::read_dir(store.objects_path()).unwrap() {
        let shard = shard.unwrap().path();
        for object in std::fs::read_dir(&shard).unwrap() {
            let object = object.unwrap().path();
            let id =
                format!("{}{}", shard.file_name().unwrap().display(), object.file_name().unwrap().display());
            store.read_blob(&id.parse().unwrap()).unwrap();
        }
    }
    trees
}

fn killed_at_random_points(rounds: u32) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    drop(open(&root));
    let mut promised = BTreeMap::new();
    let mut cut = 0;
    for round in 0..rounds {
        let name = format!("round{round}");
        let mut child = start(&root, &name, 1000);
        // From before the first object to some trees later; never the same twice.
        let entropy = std::process::id().wrapping_add(round).wrapping_mul(2_654_435_761);
        std::thread::sleep(Duration::from_micros(u64::from(entropy % 400_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        for (number, cid) in acknowledged(&mut child) {
            promised.insert(Pid::from_bytes(hashed(&format!("{name} {number}"))), cid);
        }
        cut += 1;
        let trees =
            if round % 10 == 9 || round + 1 == rounds { check_whole(&root) } else { quick_check(&root) };
        for (pid, cid) in &promised {
            let tree = trees.get(pid).unwrap_or_else(|| panic!("{pid} was acknowledged and is lost"));
            assert_eq!(tree.cid.to_string(), *cid);
        }
    }
    println!("stress: killed {cut} times, {} trees acknowledged, none lost", promised.len());
}

/// What is registered, without reading every object.
fn quick_check(root: &Path) -> BTreeMap<Pid, Tree> {
    let store = open(root);
    let realised = store.read().unwrap().realised().unwrap();
    for entry in std::fs::read_dir(root.join("tmp")).unwrap() {
        assert_eq!(entry.unwrap().file_name(), "lock", "a temporary is left");
    }
    realised.into_iter().map(|(pid, made)| (pid, *made.outputs.values().next().unwrap())).collect()
}

fn two_processes_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    // All at once, so that they also make the store at once; two of them add the same trees.
    let mut children: Vec<Child> = ["a", "b", "same", "same"].map(|name| start(&root, name, 12)).into();
    for child in &mut children {
        assert_eq!(acknowledged(child).len(), 12);
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(check_whole(&root).len(), 36);
    println!("stress: 4 processes added 36 trees at once, nothing lost");
}

/// In a process of its own, on a small file system: adds until the disk is full.
fn child_fill(root: &Path) {
    let store = open(root);
    let mut stored = Vec::new();
    let error = loop {
        match add_tree(&store, "fill", u32::try_from(stored.len()).unwrap()) {
            Ok(tree) => stored.push(tree),
            Err(error) => break error,
        }
        assert!(stored.len() < 1000, "the disk never fills");
    };
    assert!(error.is_storage_full(), "{error:?}");
    assert!(error.to_string().starts_with("the disk is full: cannot "), "{error}");
    // Earlier work is readable, by this process and by the next.
    for tree in &stored {
        assert!(verify_tree(&store, &tree.cid).is_empty());
    }
    drop(store);
    let options = StoreOptions { index: IndexOptions { linger: Duration::ZERO, ..IndexOptions::default() } };
    let store = Store::open(root, &options).unwrap();
    assert_eq!(store.read().unwrap().realised().unwrap().len(), stored.len());
    println!("stress: the disk was full after {} trees: {error}", stored.len());
}

/// In a process of its own, whose peak memory is then known: seven gigabytes of zeros, and a greedy window.
fn child_bomb(root: &Path) {
    let store = open(root);
    let header = support::tar_block(&support::TarEntry { size: Some(7 << 30), ..support::file("zeros", "") });
    let packed = |data: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = [packed(&header), packed(&vec![0; 10 << 20]).repeat(1000)].concat();
    let greedy = [b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".as_slice(), &[0; 64]].concat();
    for bytes in [bomb, greedy] {
        let batch = store.batch();
        let before = peak_memory();
        let error = import_tar(&batch, bytes.as_slice(), &ImportOptions::default()).unwrap_err();
        let grown = peak_memory() - before;
        assert!(grown < 48 << 20, "{grown} bytes of memory for: {error}");
    }
}

/// The most memory that this process has had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn bombs_take_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let status =
        Command::new(std::env::current_exe().unwrap()).arg("child-bomb").arg(&root).status().unwrap();
    assert!(status.success());
    check_whole(&root);
    println!("stress: bombs were stopped in flat memory");
}

fn full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=24m none \"$1\" && exec \"$2\" child-fill \"$1/store\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return println!("stress: SKIPPED full_disk: no `unshare` here ({error})"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    let refused = ["unshare failed", "Operation not permitted", "permission denied", "mount:"];
    if !output.status.success() && refused.iter().any(|text| errors.contains(text)) {
        return println!(
            "stress: SKIPPED full_disk: no mount in a user namespace is allowed here ({})",
            errors.trim()
        );
    }
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{errors}");
}
