//! Garbage collection: what is kept, why, and that everybody else can go on.

use crate::support::{TestStore, assert_no_temporaries, files_below, noise, open, package, path, pir, tree};
use nuka_pir::{BlobId, BuildId, OutputName, Pid, SourceId};
use nuka_store::{
    LogRecord, Node, ObjectReader, Realisation, Root, RootTarget, SourceRecord, Store, StoreError,
    TreeBuilder, Used,
    gc::{self, GcError, GcOptions, GcReport},
    verify_tree,
};
use std::{collections::BTreeMap, path::Path};

const DAY: u64 = 24 * 60 * 60 * 1000;
const NOW: u64 = 20_000 * DAY;

/// Use keeps nothing.
fn pinned_only() -> GcOptions {
    GcOptions { keep_since_ms: u64::MAX, now_ms: NOW, ..GcOptions::default() }
}

fn since(days: u64) -> GcOptions {
    GcOptions { keep_since_ms: NOW - days * DAY, now_ms: NOW, ..GcOptions::default() }
}

fn collect(store: &Store, options: &GcOptions) -> GcReport {
    let plan = gc::plan(store, options).unwrap();
    let mut last = (0, 0);
    let mut note = |progress| match progress {
        gc::GcProgress::Removes { done, total } => last = (done, total),
        gc::GcProgress::Waits { .. } => panic!("nobody else collects"),
    };
    gc::run(store, plan, &mut note).inspect(|_| assert_eq!(last.0, last.1)).unwrap()
}

fn root(store: &Store, name: &str, target: RootTarget) {
    store
        .update(|index| Ok::<_, StoreError>(index.put_root(name.as_bytes(), &Root { target, time_ms: 1 })?))
        .unwrap();
}

fn objects(store: &Store) -> usize {
    files_below(store.objects_path()).len()
}

/// The realised packages; all of them are whole.
fn realised(store: &Store) -> Vec<Pid> {
    let realised = store.read().unwrap().realised().unwrap();
    for (_, made) in &realised {
        for tree in made.outputs.values() {
            let problems = verify_tree(store, &tree.cid);
            assert!(problems.is_empty(), "{problems:?}");
        }
    }
    realised.into_iter().map(|(pid, _)| pid).collect()
}

fn sorted(mut pids: Vec<Pid>) -> Vec<Pid> {
    pids.sort();
    pids
}

#[test]
fn roots_keep_what_they_name_with_all_that_it_needs() {
    let test = TestStore::new();
    let store = &test.store;
    let (base, _) = package(store, "base", &[], 1, &[("lib/base", "base"), ("same", "shared")]).unwrap();
    let (middle, _) = package(store, "middle", &[base], 1, &[("m", "middle")]).unwrap();
    let (top, _) = package(store, "top", &[middle], 1, &[("t", "top")]).unwrap();
    let (dead, _) = package(store, "dead", &[base], 1, &[("d", "dead"), ("same", "shared")]).unwrap();
    let batch = store.batch();
    let (kept_tree, lost_tree) = (tree(&batch, &[("kept/x", "kept")]), tree(&batch, &[("lost/x", "lost")]));
    let blob = batch.add_blob(b"a blob of its own").unwrap();
    batch.commit_objects().unwrap();
    root(store, "profile", RootTarget::Package(top));
    root(store, "tree", RootTarget::Tree(kept_tree.cid));
    root(store, "blob", RootTarget::Blob(blob));
    // Naming a package that is not there keeps nothing and hinders nothing.
    root(store, "unknown", RootTarget::Package(pir("unknown", &[]).0));

    let before = crate::support::listing(store);
    let plan = gc::plan(store, &pinned_only()).unwrap();
    assert_eq!(crate::support::listing(store), before, "a plan changes nothing");
    assert_eq!(plan.packages.len(), 1);
    let [gone] = plan.packages.as_slice() else { panic!() };
    assert_eq!(gone.pid, dead);
    assert_eq!(gone.name.as_ref().unwrap().0.as_str(), "dead");
    // Its directory object, its own file and its record; the other file is also base's.
    assert_eq!(gone.shared_bytes, "shared".len() as u64);
    assert_eq!(plan.freed.objects, 3 + 3, "and the lost tree: two directories and a file");
    assert_eq!(plan.leftovers.objects, 3);
    assert_eq!(gone.unique_bytes + plan.leftovers.bytes, plan.freed.bytes);

    // What nobody looks at is not weighed, and is the same.
    let report = gc::collect(store, &pinned_only(), &mut |_| ()).unwrap();
    assert_eq!((report.packages, report.pirs, report.freed), (1, 1, plan.freed));
    assert_eq!(realised(store), sorted(vec![base, middle, top]));
    assert!(verify_tree(store, &kept_tree.cid).is_empty() && store.has(&blob).unwrap());
    assert!(!store.has(&lost_tree.cid.into()).unwrap());
    let index = store.read().unwrap();
    assert_eq!(index.pir(&dead).unwrap(), None);
    assert!(index.packages().unwrap().iter().all(|(_, pid, _)| *pid != dead));
    assert!(index.record(&Used::Package(dead)).unwrap().is_none());
    assert!(index.build(&BuildId::from_bytes(*blake3::hash(dead.as_bytes()).as_bytes())).unwrap().is_none());
    drop(index);
    // There is no more to do, and what went can be made again.
    assert_eq!(collect(store, &pinned_only()), GcReport::default());
    package(store, "dead", &[base], 1, &[("d", "dead"), ("same", "shared")]).unwrap();
    assert_eq!(realised(store).len(), 4);
}

#[test]
fn what_was_used_lately_stays_and_the_default_keeps_all_of_it() {
    let test = TestStore::new();
    let store = &test.store;
    let at = |days: u64| NOW - days * DAY;
    let (old, _) = package(store, "old", &[], at(90), &[("f", "old")]).unwrap();
    let (touched, _) = package(store, "touched", &[], at(90), &[("f", "touched")]).unwrap();
    let (needed, _) = package(store, "needed", &[], at(90), &[("f", "needed")]).unwrap();
    let (new, _) = package(store, "new", &[needed], at(5), &[("f", "new")]).unwrap();
    store.touch(&[Used::Package(touched)], at(2)).unwrap();
    let batch = store.batch();
    let source = |content: &str, days| SourceRecord {
        tree: tree(&batch, &[("s", content)]),
        download: Some(batch.add_blob(format!("download of {content}").as_bytes()).unwrap()),
        time_ms: at(days),
    };
    let (fresh, stale) = (source("fresh", 3), source("stale", 60));
    let ids = [1, 2].map(|byte| SourceId::from_bytes([byte; 32]));
    batch.add_source_record(&ids[0], &fresh).unwrap();
    batch.add_source_record(&ids[1], &stale).unwrap();
    batch
        .commit(|index| {
            index.put_source(&ids[0], &fresh)?;
            Ok::<_, StoreError>(index.put_source(&ids[1], &stale)?)
        })
        .unwrap();
    let all = objects(store);
    let everything = gc::plan(store, &GcOptions { now_ms: NOW, ..GcOptions::default() }).unwrap();
    assert_eq!((everything.packages.len(), everything.sources.len(), everything.freed.objects), (0, 0, 0));
    let plan = gc::plan(store, &since(30)).unwrap();
    assert_eq!(plan.packages.iter().map(|dead| dead.pid).collect::<Vec<_>>(), [old]);
    assert_eq!(plan.sources.iter().map(|dead| dead.id).collect::<Vec<_>>(), [ids[1]]);
    let report = collect(store, &since(30));
    assert_eq!((report.packages, report.sources), (1, 1));
    assert_eq!(realised(store), sorted(vec![touched, needed, new]));
    let index = store.read().unwrap();
    assert_eq!(index.source(&ids[0]).unwrap(), Some(fresh.clone()));
    assert_eq!(index.source(&ids[1]).unwrap(), None);
    drop(index);
    assert!(store.has(&fresh.download.unwrap()).unwrap() && !store.has(&stale.download.unwrap()).unwrap());
    assert_eq!(objects(store) as u64, all as u64 - report.freed.objects);
}

#[test]
fn the_least_recently_used_go_until_the_rest_fits() {
    let test = TestStore::new();
    let store = &test.store;
    let content: Vec<String> = (0..5).map(|number| noise_text(number, 10_000)).collect();
    let mut pids = Vec::new();
    for (number, content) in content.iter().enumerate() {
        let time = NOW - (10 - number as u64) * DAY;
        pids.push(package(store, &format!("p{number}"), &[], time, &[("f", content)]).unwrap().0);
    }
    // The oldest is pinned: it stays and takes room.
    root(store, "pin", RootTarget::Package(pids[0]));
    let limited = |max_bytes| GcOptions { max_bytes: Some(max_bytes), now_ms: NOW, ..GcOptions::default() };
    let plan = gc::plan(store, &limited(33_000)).unwrap();
    let dead: Vec<Pid> = plan.packages.iter().map(|dead| dead.pid).collect();
    assert_eq!(dead, [pids[1], pids[2]], "the oldest first");
    assert!(plan.kept.bytes <= 33_000, "{:?}", plan.kept);
    assert!(gc::plan(store, &limited(100_000)).unwrap().packages.is_empty());
    assert_eq!(gc::plan(store, &limited(0)).unwrap().packages.len(), 4);
    assert_eq!(collect(store, &limited(33_000)).packages, 2);
    assert_eq!(realised(store), sorted(vec![pids[0], pids[3], pids[4]]));
}

fn noise_text(seed: u64, length: usize) -> String {
    noise(seed, length / 2).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_clock_that_jumps_makes_nothing_old() {
    let test = TestStore::new();
    let store = &test.store;
    let (one, _) = package(store, "one", &[], NOW - 40 * DAY, &[("f", "one")]).unwrap();
    let (two, _) = package(store, "two", &[], NOW - DAY, &[("f", "two")]).unwrap();
    // Used while the clock was ten years ahead.
    let (future, _) = package(store, "future", &[], NOW + 3650 * DAY, &[("f", "future")]).unwrap();
    let dead = |now: u64| {
        let options = GcOptions { keep_since_ms: now - 30 * DAY, now_ms: now, ..GcOptions::default() };
        gc::plan(store, &options).unwrap().packages.iter().map(|dead| dead.pid).collect::<Vec<_>>()
    };
    assert_eq!(dead(NOW), [one], "what is of the future counts as used now");
    assert!(dead(NOW - 3650 * DAY).is_empty(), "ten years back");
    collect(
        store,
        &GcOptions { keep: vec![RootTarget::Package(one), RootTarget::Package(two)], ..pinned_only() },
    );
    assert_eq!(dead(NOW + 3650 * DAY), [one], "ten years ahead: two is as old as it was");
    assert!(!realised(store).contains(&future));
}

#[test]
fn leases_keep_what_living_processes_work_with() {
    let test = TestStore::new();
    let store = &test.store;
    let (base, _) = package(store, "base", &[], 1, &[("b", "base")]).unwrap();
    let (running, _) = package(store, "running", &[base], 1, &[("r", "running")]).unwrap();
    let batch = store.batch();
    let mounted = tree(&batch, &[("m/x", "mounted")]);
    batch.commit_objects().unwrap();
    let lease = store.lease(&[RootTarget::Package(running)]).unwrap();
    lease.extend(&[RootTarget::Tree(mounted.cid)]).unwrap();
    // What is not there yet is kept once it is.
    let later = BlobId::of(b"later");
    let other =
        open(&test.root()).lease(&[RootTarget::Blob(later), RootTarget::Tree(later.into_tree())]).unwrap();
    let batch = store.batch();
    batch.add_blob(b"later").unwrap();
    batch.commit_objects().unwrap();
    collect(store, &pinned_only());
    assert_eq!(realised(store), sorted(vec![base, running]));
    assert!(verify_tree(store, &mounted.cid).is_empty() && store.has(&later).unwrap());
    drop((lease, other));
    assert_eq!(files_below(&test.root().join("leases")), [] as [&Path; 0]);
    collect(store, &pinned_only());
    assert_eq!((realised(store).len(), objects(store)), (0, 0));
}

trait IntoTree {
    fn into_tree(self) -> nuka_pir::Cid;
}

impl IntoTree for BlobId {
    fn into_tree(self) -> nuka_pir::Cid {
        nuka_pir::Cid::from_bytes([9; 32])
    }
}

/// A lease whose process died is nobody's.
#[test]
fn a_lease_that_nobody_holds_keeps_nothing_and_is_removed() {
    let test = TestStore::new();
    let (pid, _) = package(&test.store, "p", &[], 1, &[("f", "p")]).unwrap();
    let lease = test.store.lease(&[RootTarget::Package(pid)]).unwrap();
    let held = files_below(&test.root().join("leases"));
    let bytes = std::fs::read(test.root().join("leases").join(&held[0])).unwrap();
    assert_eq!((bytes.len(), bytes[0], &bytes[1..]), (33, 1, pid.as_bytes().as_slice()));
    drop(lease);
    for name in ["17-0", "new-17-1"] {
        std::fs::write(test.root().join("leases").join(name), &bytes).unwrap();
    }
    assert_eq!(collect(&test.store, &pinned_only()).packages, 1);
    assert_eq!(files_below(&test.root().join("leases")), [] as [&Path; 0]);
}

/// What a batch found it did not write: it is there when the batch commits, however long that takes.
#[test]
fn what_a_living_batch_found_is_brought_back() {
    let test = TestStore::new();
    let store = &test.store;
    package(store, "dead", &[], 1, &[("d/f", "found"), ("g", "also found"), ("h", "not found")]).unwrap();
    let batch = store.batch();
    let new = tree(&batch, &[("d/f", "found"), ("x/g", "also found"), ("y", "new")]);
    assert_eq!(batch.new_objects(), 3, "a file, the directory `x` and the root");
    let report = collect(store, &pinned_only());
    assert_eq!(report.packages, 1);
    assert_eq!(report.aside.objects, report.freed.objects, "nothing goes for good while the batch lives");
    assert_eq!(objects(store), 0);
    assert!(verify_tree(&batch, &new.cid).is_empty(), "the batch sees it all the time");
    let build = BuildId::from_bytes([1; 32]);
    let outputs = BTreeMap::from([(OutputName::out(), new)]);
    let realisation = Realisation { build, outputs, time_ms: 1, duration_ms: 1 };
    let (pid, _) = pir("alive", &[]);
    batch.commit(|index| Ok::<_, StoreError>(index.put_realisation(&pid, &realisation)?)).unwrap();
    assert_eq!(realised(store), [pid]);
    root(store, "r", RootTarget::Package(pid));
    collect(store, &pinned_only());
    assert!(!test.root().join("trash").exists(), "the rest went with the next collection");
    assert_eq!((realised(store).len(), objects(store)), (1, 6));
}

/// A plan may be looked at for a while before it is done.
#[test]
fn what_was_used_or_named_after_the_plan_is_spared() {
    let test = TestStore::new();
    let store = &test.store;
    let names = ["rooted", "touched", "leased", "again", "dead"];
    let [rooted, touched, leased, again, dead] =
        names.map(|name| package(store, name, &[], 1, &[("f", name), ("same", "same")]).unwrap().0);
    let plan = gc::plan(store, &pinned_only()).unwrap();
    assert_eq!(plan.packages.len(), 5);
    root(store, "r", RootTarget::Package(rooted));
    store.touch(&[Used::Package(touched)], NOW).unwrap();
    let _lease = store.lease(&[RootTarget::Package(leased)]).unwrap();
    package(store, "again", &[], 2, &[("f", "again"), ("same", "same")]).unwrap();
    let (new, _) = package(store, "new", &[again], 2, &[("f", "new"), ("same", "same")]).unwrap();
    let report = gc::run(store, plan, &mut |_| ()).unwrap();
    assert_eq!((report.packages, report.pirs), (1, 1));
    assert_eq!(realised(store), sorted(vec![rooted, touched, leased, again, new]));
    assert!(store.read().unwrap().pir(&dead).unwrap().is_none());
}

#[test]
fn what_cannot_be_read_ends_it_before_anything_is_removed() {
    let test = TestStore::new();
    let store = &test.store;
    let (kept, tree) = package(store, "kept", &[], 1, &[("d/f", "kept")]).unwrap();
    package(store, "dead", &[], 1, &[("f", "dead")]).unwrap();
    root(store, "r", RootTarget::Package(kept));
    let inner = match store.directory(&tree.cid).unwrap().get(b"d") {
        Some(Node::Directory { cid, .. }) => *cid,
        _ => panic!(),
    };
    let file = store.blob_path(&inner.into());
    let good = std::fs::read(&file).unwrap();
    let before = crate::support::listing(store);
    for damage in ["flip", "cut", "missing"] {
        let mut bytes = good.clone();
        bytes[20] ^= 4;
        std::fs::remove_file(&file).unwrap_or_default();
        match damage {
            "flip" => std::fs::write(&file, bytes).unwrap(),
            "cut" => std::fs::write(&file, &good[..20]).unwrap(),
            _ => {}
        }
        let error = gc::plan(store, &pinned_only()).unwrap_err();
        assert!(matches!(&error, GcError::Unreadable { id, .. } if *id == inner.into()), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("nothing was removed, because the package kept 1 ("), "{text}");
        assert!(text.contains(&inner.to_string()) && text.contains("`nuka store verify"), "{text}");
    }
    std::fs::write(&file, &good).unwrap();
    // Damage that comes between the plan and its run: what is new must be followed, and cannot be.
    let plan = gc::plan(store, &pinned_only()).unwrap();
    let (_, late) = package(store, "late", &[], 2, &[("f", "late")]).unwrap();
    let before_late = crate::support::listing(store);
    let late = store.blob_path(&late.cid.into());
    let late_good = std::fs::read(&late).unwrap();
    std::fs::remove_file(&late).unwrap();
    assert!(matches!(gc::run(store, plan, &mut |_| ()), Err(GcError::Unreadable { .. })));
    std::fs::write(&late, late_good).unwrap();
    assert_eq!(crate::support::listing(store), before_late);
    assert!(before_late.len() > before.len());
    // A PIR that cannot be read, and a root.
    store
        .update(|index| {
            let (name, version) = (crate::support::name("kept"), crate::support::version("1"));
            Ok::<_, StoreError>(index.put_pir(&kept, &name, &version, b"{pir: 99}")?)
        })
        .unwrap();
    assert!(matches!(gc::plan(store, &pinned_only()), Err(GcError::Pir { pid, .. }) if pid == kept));
    assert_no_temporaries(&test.root());
}

#[test]
fn logs_stats_and_memories_go_with_what_they_are_of() {
    let test = TestStore::new();
    let store = &test.store;
    let (kept, _) = package(store, "kept", &[], 1, &[("f", "kept")]).unwrap();
    let (dead, _) = package(store, "dead", &[], 1, &[("f", "dead")]).unwrap();
    root(store, "r", RootTarget::Package(kept));
    let files = test.dir.path().join("files");
    std::fs::create_dir_all(files.join("a")).unwrap();
    std::fs::write(files.join("a/x"), "not kept").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(120));
    nuka_store::import::add_directory(store, &files, &Default::default()).unwrap();
    store
        .update(|index| {
            for (pid, path) in [(kept, "logs/kept"), (dead, "logs/dead")] {
                let build = BuildId::from_bytes(*blake3::hash(pid.as_bytes()).as_bytes());
                index.put_log(&pid, &LogRecord { build, succeeded: true, time_ms: 1, path: path.into() })?;
            }
            index.put_value("evaluations", b"q", b"a")?;
            Ok::<_, StoreError>(index.put_value("other", b"q", b"a")?)
        })
        .unwrap();
    std::fs::create_dir_all(test.root().join("damaged")).unwrap();
    std::fs::write(test.root().join("damaged/x"), "x").unwrap();
    let report = collect(store, &GcOptions { forget_values: vec!["evaluations".into()], ..pinned_only() });
    assert_eq!(report.logs, ["logs/dead"]);
    assert!(!test.root().join("damaged").exists());
    let index = store.read().unwrap();
    assert!(index.log_of(&kept).unwrap().is_some() && index.log_of(&dead).unwrap().is_none());
    assert!(index.values("evaluations").unwrap().is_empty());
    assert_eq!(index.values("other").unwrap().len(), 1);
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(files.join("a")).unwrap());
    let device = std::os::unix::fs::MetadataExt::dev(&std::fs::metadata(files.join("a")).unwrap());
    assert_eq!(index.stats(device, inode).unwrap(), None);
    drop(index);
    // The files are read again, and are whole.
    let stored = nuka_store::import::add_directory(store, &files, &Default::default()).unwrap();
    assert!(verify_tree(store, &stored.cid).is_empty());
}

/// A tree put together from stored trees, read through the batch.
#[test]
fn stored_trees_in_a_new_one_are_kept_for_it() {
    let test = TestStore::new();
    let store = &test.store;
    let (_, part) = package(store, "dead", &[], 1, &[("d/e/f", "deep"), ("g", "g")]).unwrap();
    let batch = store.batch();
    let mut builder = TreeBuilder::new();
    builder.insert(&batch, &path("part"), part.node()).unwrap();
    let whole = builder.finish(&batch).unwrap();
    collect(store, &pinned_only());
    let lease = store.lease(&[RootTarget::Tree(whole.cid)]).unwrap();
    batch.commit_objects().unwrap();
    collect(store, &pinned_only());
    assert!(verify_tree(store, &whole.cid).is_empty());
    drop(lease);
}

#[test]
fn why_shows_the_chain_from_a_root() {
    let test = TestStore::new();
    let store = &test.store;
    let (base, tree_of_base) = package(store, "base", &[], NOW, &[("lib/x/file", "base")]).unwrap();
    let (top, _) = package(store, "top", &[base], NOW - 90 * DAY, &[("t", "top")]).unwrap();
    let (dead, _) = package(store, "dead", &[], NOW - 90 * DAY, &[("d", "dead")]).unwrap();
    let why = |options: &GcOptions, target| {
        gc::why(store, options, &target).unwrap().map(|chain| {
            let shown = |link: &gc::Link| match link {
                gc::Link::Root(name) => format!("root {}", String::from_utf8_lossy(name)),
                gc::Link::Lease(_) => "lease".to_owned(),
                gc::Link::Package { name, .. } => name.as_ref().unwrap().0.to_string(),
                gc::Link::Output { name, .. } => format!("{name}"),
                gc::Link::Path(path) => path.to_string(),
                gc::Link::Use(time) => format!("used {} days ago", (NOW - time) / DAY),
                other => format!("{other:?}").split('(').next().unwrap().to_owned(),
            };
            chain.iter().map(shown).collect::<Vec<_>>().join(" > ")
        })
    };
    let file = RootTarget::Blob(BlobId::of(b"base"));
    assert_eq!(why(&pinned_only(), file), None);
    assert_eq!(why(&since(30), file).as_deref(), Some("used 0 days ago > base > out > lib/x/file"));
    root(store, "profile", RootTarget::Package(top));
    assert_eq!(why(&pinned_only(), file).as_deref(), Some("root profile > top > base > out > lib/x/file"));
    assert_eq!(why(&pinned_only(), RootTarget::Package(base)).as_deref(), Some("root profile > top > base"));
    assert_eq!(why(&pinned_only(), RootTarget::Package(dead)), None);
    let inner = match store.directory(&tree_of_base.cid).unwrap().get(b"lib") {
        Some(Node::Directory { cid, .. }) => *cid,
        _ => panic!(),
    };
    let inner = RootTarget::Tree(inner);
    assert_eq!(why(&pinned_only(), inner).as_deref(), Some("root profile > top > base > out > lib"));
    let whole = RootTarget::Tree(tree_of_base.cid);
    assert_eq!(why(&pinned_only(), whole).as_deref(), Some("root profile > top > base > out"));
    let record = store.read().unwrap().record(&Used::Package(top)).unwrap().unwrap();
    assert_eq!(why(&pinned_only(), RootTarget::Blob(record)).as_deref(), Some("root profile > top > Blob"));
    let _lease = store.lease(&[RootTarget::Tree(tree_of_base.cid)]).unwrap();
    assert_eq!(why(&pinned_only(), whole).as_deref(), Some("lease > Tree"));
}
