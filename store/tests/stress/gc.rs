//! Collecting while everything else goes on, and being killed in the middle of it.

use crate::{
    add::{add_tree, check_whole, pid_of, pin},
    common::{Random, myself, rounds},
    support::{self, open},
};
use nuka_pir::Pid;
use nuka_store::{
    Root, RootTarget, Store, StoreError,
    check::{VerifyOptions, verify},
    export,
    gc::{self, GcOptions},
    import::{self, Limits},
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The last moment at which a collection is killed.
const LAST: Duration = Duration::from_millis(150);

pub fn options() -> GcOptions {
    GcOptions { keep_since_ms: u64::MAX, now_ms: 1, ..GcOptions::default() }
}

pub fn collect(store: &Store) -> gc::GcReport {
    gc::collect(store, &options(), &mut |_| ()).unwrap()
}

/// Collects again and again.
pub fn child(root: &Path, rounds: u32) {
    let store = open(root);
    for _ in 0..rounds {
        collect(&store);
    }
}

fn start(arguments: &[&str]) -> Child {
    myself(arguments).stdout(Stdio::null()).spawn().unwrap()
}

/// Everything that is registered is whole, and nothing is damaged.
fn check(root: &Path) -> BTreeSet<Pid> {
    let report = verify(&open(root), &VerifyOptions::default(), &|_, _| ()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    check_whole(root).into_keys().collect()
}

pub fn killed_at_random_points() {
    let (mut random, rounds) = (Random::new("gc is killed"), rounds());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut pinned = BTreeSet::new();
    let mut freed = 0;
    for round in 0..rounds {
        let name = format!("round{round}");
        let store = open(&root);
        for number in 1..4 {
            add_tree(&store, &name, number).unwrap();
        }
        pin(&store, &name, 1);
        pinned.insert(pid_of(&name, 1));
        drop(store);
        let mut child = start(&["child-gc", root.to_str().unwrap(), "1000"]);
        std::thread::sleep(random.moment(LAST));
        child.kill().unwrap();
        child.wait().unwrap();
        let left = check(&root);
        assert!(left.is_superset(&pinned), "a pinned package is lost");
        // Whatever was in the way, the next one goes to the end.
        freed += collect(&open(&root)).freed.objects;
        assert_eq!(check(&root), pinned);
        assert!(!root.join("trash").exists());
    }
    println!(
        "stress: gc was killed {rounds} times; {freed} objects were left for the next one, nothing lost"
    );
}

/// A process adds, its trees are pinned as they come, another collects: both are killed now and then.
pub fn beside_adding() {
    let (mut random, rounds) = (Random::new("gc beside adding is killed"), rounds());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut kept = BTreeSet::new();
    for round in 0..rounds {
        let name = format!("r{round}");
        let path = root.to_str().unwrap();
        open(&root);
        let mut others =
            [start(&["child-gc", path, "1000"]), start(&["child-add", path, "never-pinned", "1000"])];
        let store = open(&root);
        for number in 1..5 {
            // Trees that the other process adds and the collection removes all the time: found, lost, found again.
            add_tree(&store, "never-pinned", number % 2 + 1).unwrap();
            pin(&store, &name, number);
            add_tree(&store, &name, number).unwrap();
            kept.insert(pid_of(&name, number));
        }
        std::thread::sleep(random.moment(LAST));
        for other in &mut others {
            other.kill().unwrap();
            other.wait().unwrap();
        }
        drop(store);
        assert!(check(&root).is_superset(&kept), "an acknowledged, pinned tree is lost");
    }
    collect(&open(&root));
    assert_eq!(check(&root), kept);
    println!(
        "stress: {rounds} times gc beside two processes that add; {} pinned trees, none lost",
        kept.len()
    );
}

/// Eight processes add, and one collects: what is pinned is there, and everybody ends well.
pub fn many_processes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let store = open(&root);
    let names: Vec<String> = (0..8).map(|number| format!("p{}", number / 2)).collect();
    for (name, number) in names.iter().flat_map(|name| (0..6).map(move |number| (name, number))) {
        pin(&store, name, number);
    }
    drop(store);
    let mut collecting = start(&["child-gc", root.to_str().unwrap(), "100000"]);
    let mut adding: Vec<Child> =
        names.iter().map(|name| start(&["child-add", root.to_str().unwrap(), name, "6"])).collect();
    for child in &mut adding {
        assert!(child.wait().unwrap().success());
    }
    assert!(collecting.try_wait().unwrap().is_none(), "the collection ended by an error");
    collecting.kill().unwrap();
    collecting.wait().unwrap();
    assert_eq!(check(&root).len(), 24);
    println!("stress: 8 processes added 24 trees while another one collected, nothing lost");
}

pub fn child_import(root: &Path, file: &Path) {
    let file = std::fs::File::open(file).unwrap();
    import::closure(&open(root), file, &Limits::default(), 1).unwrap();
}

/// Importing a closure is killed, and collected beside: all of it is there, or nothing.
pub fn import_killed() {
    let (mut random, rounds) = (Random::new("import is killed"), rounds());
    let dir = tempfile::tempdir().unwrap();
    let from = open(&dir.path().join("from"));
    let mut needs = Vec::new();
    for number in 0..60_u64 {
        let content: Vec<String> = (0..20).map(|file| format!("{number} {file}")).collect();
        let names: Vec<String> = (0..20).map(|file| format!("d/{file}")).collect();
        let files: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(content.iter().map(String::as_str)).collect();
        needs.push(support::package(&from, &format!("n{number}"), &[], 1, &files).unwrap().0);
    }
    let top = support::package(&from, "top", &needs, 1, &[("t", "top")]).unwrap().0;
    let file = dir.path().join("closure.tar");
    export::closure(&from, &[top], &mut std::fs::File::create(&file).unwrap()).unwrap();
    let (mut whole, mut nothing) = (0, 0);
    for round in 0..rounds {
        let root = dir.path().join(format!("to{round}"));
        let path = root.to_str().unwrap();
        // What it brings is pinned before it is there, so that the collections beside it leave it.
        let target = RootTarget::Package(top);
        let pin = Root { target, time_ms: 1 };
        open(&root).update(|index| Ok::<_, StoreError>(index.put_root(b"top", &pin)?)).unwrap();
        let mut importing = start(&["child-import", path, file.to_str().unwrap()]);
        let mut collecting = start(&["child-gc", path, "1000"]);
        match round {
            // Before anything was done, and after all was.
            0 => {}
            1 => assert!(importing.wait().unwrap().success()),
            _ => std::thread::sleep(random.moment(8 * LAST)),
        }
        for child in [&mut importing, &mut collecting] {
            // One that has ended needs no killing.
            let _ = child.kill();
            child.wait().unwrap();
        }
        match check(&root).len() {
            0 => nothing += 1,
            61 => whole += 1,
            count => panic!("{count} of 61 packages"),
        }
        import::closure(&open(&root), std::fs::File::open(&file).unwrap(), &Limits::default(), 1).unwrap();
        assert_eq!(check(&root).len(), 61);
        std::fs::remove_dir_all(&root).unwrap();
    }
    assert!(rounds < 2 || (whole > 0 && nothing > 0), "{whole} times all, {nothing} times nothing");
    println!(
        "stress: import was killed {rounds} times: {whole} times all was there, {nothing} times nothing"
    );
}

/// Leases everything, says so, and waits to be killed.
pub fn child_lease(root: &Path) {
    let store = open(root);
    let realised = store.read().unwrap().realised().unwrap();
    let items: Vec<RootTarget> = realised.iter().map(|(pid, _)| RootTarget::Package(*pid)).collect();
    let _lease = store.lease(&items).unwrap();
    println!("leased");
    std::thread::sleep(Duration::from_secs(600));
}

/// A lease of a process in another user namespace counts, and ends when the process is killed.
pub fn lease_dies_with_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let store = open(&root);
    let program = std::env::current_exe().unwrap();
    let namespace = ["unshare", "--user", "--map-root-user"];
    let allowed = Command::new(namespace[0]).args(&namespace[1..]).arg("true").status();
    let mut ways = vec![Vec::new()];
    match allowed {
        Ok(status) if status.success() => ways.push(namespace.to_vec()),
        other => {
            println!("stress: SKIPPED lease_killed in a user namespace: this host allows none ({other:?})")
        }
    }
    for way in ways {
        add_tree(&store, "leased", 1).unwrap();
        let words: Vec<&OsStr> = way.iter().map(OsStr::new).chain([program.as_os_str()]).collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["child-lease".as_ref(), root.as_os_str()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "leased\n");
        assert_eq!(collect(&store).packages, 0, "{way:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(collect(&store).packages, 1, "{way:?}");
    }
    println!("stress: a lease was kept while its process lived, and ended when it was killed");
}
