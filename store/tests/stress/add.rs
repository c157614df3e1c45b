//! Adding: what was acknowledged is there whatever happens to the process, and the rest is whole or absent.

use crate::{
    common::{Random, myself, rounds},
    support::{self, files_below, open},
};
use nuka_pir::{BuildId, OutputName, PackageName, Pid, Version};
use nuka_store::{
    Node, ObjectReader, Realisation, Root, RootTarget, Store, StoreError, Tree, TreeBuilder, TreePath,
    verify_tree,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

/// The last moment at which a process is killed: from before its first object to some trees later.
const LAST: Duration = Duration::from_millis(400);

pub fn pid_of(name: &str, number: u32) -> Pid {
    support::pir(&pir_name(name, number), &[]).0
}

fn pir_name(name: &str, number: u32) -> String {
    format!("{}-{number}", name.to_lowercase())
}

/// A tree whose contents follow from its name: small files, directories, and now and then a large file.
pub fn add_tree(store: &Store, name: &str, number: u32) -> Result<Tree, StoreError> {
    let batch = store.batch();
    let mut builder = TreeBuilder::new();
    for file in 0..40_u32 {
        let length = if number.is_multiple_of(5) && file == 0 { 9 << 20 } else { 10 + file as usize * 50 };
        let mut bytes = vec![0; length];
        let text = format!("{name} {number} {file}");
        blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut bytes);
        let blob = batch.add_blob(&bytes)?;
        let path = TreePath::parse(format!("d{}/{file}", file % 3)).unwrap();
        let node = Node::File { blob, size: length as u64, executable: false };
        builder.insert(&batch, &path, node).unwrap();
    }
    let tree = builder.finish(&batch).map_err(|error| match error {
        nuka_store::BuildError::Store(error) => error,
        other => panic!("{other}"),
    })?;
    let (pid, text) = support::pir(&pir_name(name, number), &[]);
    let outputs = BTreeMap::from([(OutputName::out(), tree)]);
    let build = BuildId::from_bytes(*pid.as_bytes());
    let realisation = Realisation { build, outputs, time_ms: 0, duration_ms: 0 };
    batch.commit(|index| {
        index.put_pir(&pid, &PackageName::new("x").unwrap(), &Version::new("1").unwrap(), text.as_bytes())?;
        index.put_realisation(&pid, &realisation)?;
        Ok::<_, StoreError>(())
    })?;
    Ok(tree)
}

/// A root that keeps what [`add_tree`] added.
pub fn pin(store: &Store, name: &str, number: u32) {
    let root = Root { target: RootTarget::Package(pid_of(name, number)), time_ms: 0 };
    let key = format!("{name} {number}");
    store.update(|index| Ok::<_, StoreError>(index.put_root(key.as_bytes(), &root)?)).unwrap();
}

/// Adds trees, and says each one's number and CID when it is acknowledged.
pub fn child(root: &Path, name: &str, count: u32) {
    let store = open(root);
    let mut out = std::io::stdout();
    for number in 0..count {
        let tree = add_tree(&store, name, number).unwrap();
        writeln!(out, "{number} {}", tree.cid).unwrap();
        out.flush().unwrap();
    }
}

fn start(root: &Path, name: &str, count: u32) -> Child {
    let mut command = myself(&["child-add", root.to_str().unwrap(), name, &count.to_string()]);
    command.stdout(Stdio::piped()).spawn().unwrap()
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

/// What is registered, by package. All of it is whole, and nothing is temporary.
pub fn registered(root: &Path) -> BTreeMap<Pid, Tree> {
    let store = open(root);
    let index = store.read().unwrap();
    let realised = index.realised().unwrap();
    assert_eq!(realised.len(), index.pids().unwrap().len(), "registered by halves");
    drop(index);
    for entry in std::fs::read_dir(root.join("tmp")).unwrap() {
        assert_eq!(entry.unwrap().file_name(), "lock", "a temporary is left");
    }
    realised.into_iter().map(|(pid, made)| (pid, *made.outputs.values().next().unwrap())).collect()
}

/// The same, with every byte looked at: of what is registered, and of what is merely there under its name.
pub fn check_whole(root: &Path) -> BTreeMap<Pid, Tree> {
    let trees = registered(root);
    let store = open(root);
    for tree in trees.values() {
        let problems = verify_tree(&store, &tree.cid);
        assert!(problems.is_empty(), "{problems:?}");
    }
    for object in files_below(store.objects_path()) {
        let id = object.to_str().unwrap().replace('/', "");
        store.read_blob(&id.parse().unwrap()).unwrap();
    }
    trees
}

pub fn killed_at_random_points() {
    let (mut random, rounds) = (Random::new("add is killed"), rounds());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut promised = BTreeMap::new();
    for round in 0..rounds {
        let name = format!("round{round}");
        let mut child = start(&root, &name, 1000);
        std::thread::sleep(random.moment(LAST));
        child.kill().unwrap();
        child.wait().unwrap();
        for (number, cid) in acknowledged(&mut child) {
            promised.insert(pid_of(&name, number), cid);
        }
        // Each round adds, so looking at every byte is for some of them.
        let trees =
            if round % 10 == 9 || round + 1 == rounds { check_whole(&root) } else { registered(&root) };
        for (pid, cid) in &promised {
            let tree = trees.get(pid).unwrap_or_else(|| panic!("{pid} was acknowledged and is lost"));
            assert_eq!(tree.cid.to_string(), *cid);
        }
    }
    println!("stress: add was killed {rounds} times; {} trees acknowledged, none lost", promised.len());
}

pub fn two_processes_lose_nothing() {
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
