//! Power cuts and faults of the disk, by watching every change of a file.
//!
//! A cut leaves what was made durable before it; of what came after the last sync any part may be there, in any
//! combination: a file may have its new name and not its bytes. Each such state that is tried is made as a directory of
//! its own, opened, and verified.

use crate::support::{TestStore, noise, package, pir};
use nuka_pir::Pid;
use nuka_store::{
    FileChange, FileWatch, Ownership, Root, RootTarget, Store, StoreError, StoreOptions,
    check::{VerifyOptions, rebuild_index, repair, verify},
    gc::{self, GcError, GcOptions},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// A change with all that is needed to make it again.
#[derive(Debug, Clone)]
enum Recorded {
    Written(PathBuf, Vec<u8>),
    WrittenDurably(PathBuf, Vec<u8>),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncAll,
    IndexWrite(u64, Vec<u8>),
    IndexLength(u64),
    IndexSync,
    /// This package was acknowledged.
    Acknowledged(Pid),
    /// This package may go.
    Condemned(Pid),
}

#[derive(Debug, Default)]
struct Recorder {
    changes: Mutex<Vec<Recorded>>,
    /// Which change fails, if one does.
    fail_at: Option<usize>,
    /// Whether calls write fewer bytes than they are given.
    short: bool,
    asked: Mutex<usize>,
}

impl FileWatch for Recorder {
    fn before(&self, change: FileChange<'_>) -> io::Result<()> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        if self.fail_at == Some(*asked - 1) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.changes.lock().unwrap().push(match change {
            // What it has written is seen when it is whole.
            FileChange::Write(_) => return Ok(()),
            FileChange::WrittenDurably(path) => {
                Recorded::WrittenDurably(path.into(), std::fs::read(path).unwrap())
            }
            FileChange::Link(path, to) => Recorded::Link(path.into(), to.into()),
            FileChange::Written(path) => Recorded::Written(path.into(), std::fs::read(path).unwrap()),
            FileChange::Rename(from, to) => Recorded::Rename(from.into(), to.into()),
            FileChange::Remove(path) => Recorded::Remove(path.into()),
            FileChange::SyncAll => Recorded::SyncAll,
            FileChange::IndexWrite(offset, bytes) => Recorded::IndexWrite(offset, bytes.into()),
            FileChange::IndexLength(length) => Recorded::IndexLength(length),
            FileChange::IndexSync => Recorded::IndexSync,
        });
        Ok(())
    }

    fn short(&self, length: usize) -> usize {
        if self.short { length.div_ceil(3) } else { length }
    }
}

fn watched(root: &Path, watch: &Arc<Recorder>) -> Result<Store, StoreError> {
    let watch: Arc<dyn FileWatch> = Arc::<Recorder>::clone(watch);
    let options = StoreOptions { owner: Ownership::Exclusive, watch: Some(watch), ..StoreOptions::default() };
    Store::open(root, &options)
}

/// Adds packages, collects some, adds one of them again. Notes what was acknowledged.
fn work(store: &Store, note: &dyn Fn(Recorded)) -> Result<(), GcError> {
    let large = String::from_utf8(noise(1, 3 << 20).iter().map(|byte| b'a' + byte % 26).collect()).unwrap();
    for (name, files) in [
        ("one", vec![("d/a", "one"), ("same", "shared")]),
        ("two", vec![("b", "two"), ("same", "shared"), ("large", &large)]),
        ("three", vec![("c", "three"), ("x/y/z", "deep")]),
    ] {
        let (pid, _) = package(store, name, &[], 1, &files)?;
        note(Recorded::Acknowledged(pid));
    }
    let root = Root { target: RootTarget::Package(pir("one", &[]).0), time_ms: 1 };
    store.update(|index| Ok::<_, StoreError>(index.put_root(b"r", &root)?))?;
    let options = GcOptions { keep_since_ms: u64::MAX, now_ms: 1, ..GcOptions::default() };
    let plan = gc::plan(store, &options)?;
    plan.packages.iter().for_each(|dead| note(Recorded::Condemned(dead.pid)));
    gc::run(store, plan, &mut |_| ())?;
    let (pid, _) = package(store, "two", &[], 2, &[("b", "two"), ("same", "shared")])?;
    note(Recorded::Acknowledged(pid));
    // A stray is moved away, the index made again, and what was moved away removed.
    std::fs::write(store.objects_path().join("stray"), "no object").unwrap();
    repair(store, &verify(store, &VerifyOptions::default(), &|_, _| ())?)?;
    rebuild_index(store, 1, &|_, _| ())?;
    gc::run(store, gc::plan(store, &GcOptions { now_ms: 2, ..GcOptions::default() })?, &mut |_| ())?;
    Ok(())
}

/// A store with something in its trash, which the next collection removes for good.
fn with_trash(root: &Path) {
    let store = crate::support::open(root);
    store.update(|index| Ok::<_, StoreError>(index.put_value("n", b"k", b"v")?)).unwrap();
    let leftover = store.batch();
    leftover.add_blob(b"named by nobody").unwrap();
    leftover.commit_objects().unwrap();
    let batch = store.batch();
    batch.add_blob(b"somebody who may have found it").unwrap();
    let options = GcOptions { now_ms: 1, ..GcOptions::default() };
    let report = gc::run(&store, gc::plan(&store, &options).unwrap(), &mut |_| ()).unwrap();
    assert_eq!(report.aside.objects, 1);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, place) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() { copy(&path, &place) } else { std::fs::copy(&path, &place).map(drop).unwrap() }
    }
}

/// What is on the disk when the power goes after `cut` changes: all that was durable, and of the rest what `keep` says.
fn leave(changes: &[Recorded], cut: usize, keep: &mut dyn FnMut(usize) -> bool, from: &Path, root: &Path) {
    let last =
        |wanted: &dyn Fn(&Recorded) -> bool| changes[..cut].iter().rposition(wanted).map_or(0, |at| at + 1);
    let all = last(&|change| matches!(change, Recorded::SyncAll));
    let index_durable = all.max(last(&|change| matches!(change, Recorded::IndexSync)));
    let mut staged: BTreeMap<&Path, Vec<u8>> = BTreeMap::new();
    let place = |path: &Path| root.join(path.strip_prefix(from).unwrap());
    let index = std::fs::OpenOptions::new().write(true).open(root.join("index.redb")).unwrap();
    for (number, change) in changes[..cut].iter().enumerate() {
        let is_index = matches!(change, Recorded::IndexWrite(..) | Recorded::IndexLength(_));
        let stays = number < if is_index { index_durable } else { all } || keep(number);
        match change {
            Recorded::WrittenDurably(path, bytes) => drop(staged.insert(path, bytes.clone())),
            Recorded::Link(path, to) if stays => {
                std::fs::create_dir_all(place(to).parent().unwrap()).unwrap();
                let _ = std::fs::copy(place(path), place(to));
            }
            // A file without its bytes is an empty one.
            Recorded::Written(path, bytes) => {
                drop(staged.insert(path, if stays { bytes.clone() } else { Vec::new() }))
            }
            Recorded::Rename(path, to) if stays => {
                let bytes = staged.get(path.as_path()).cloned().or_else(|| std::fs::read(place(path)).ok());
                std::fs::create_dir_all(place(to).parent().unwrap()).unwrap();
                // A rename among the objects does not replace what is there; that of a new index does. A stray file, which
                // nobody has added, was not there before.
                let replaces = to.ends_with("index.redb");
                if let Some(bytes) = bytes.filter(|_| replaces || !place(to).exists()) {
                    std::fs::write(place(to), bytes).unwrap();
                }
                let _ = std::fs::remove_file(place(path));
            }
            Recorded::Remove(path) if stays => drop(std::fs::remove_file(place(path))),
            Recorded::IndexWrite(offset, bytes) if stays => index.write_all_at(bytes, *offset).unwrap(),
            Recorded::IndexLength(length) if stays => index.set_len(*length).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn whatever_a_power_cut_leaves_is_whole() {
    let test = TestStore::new();
    let from = test.root();
    let base = test.dir.path().join("base");
    drop(test.store);
    with_trash(&from);
    copy(&from, &base);
    let recorder = Arc::new(Recorder::default());
    let store = watched(&from, &recorder).unwrap();
    work(&store, &|note| recorder.changes.lock().unwrap().push(note)).unwrap();
    let changes = recorder.changes.lock().unwrap().clone();
    drop(store);
    // What the layer sees besides: the trash, what was moved away, and the index that takes the place of another.
    let seen = |wanted: &dyn Fn(&Recorded) -> bool| changes.iter().any(wanted);
    assert!(seen(
        &|change| matches!(change, Recorded::Remove(path) if path.parent().unwrap().ends_with("trash"))
    ));
    assert!(seen(
        &|change| matches!(change, Recorded::Remove(path) if path.parent().unwrap().ends_with("damaged"))
    ));
    assert!(seen(&|change| matches!(change, Recorded::Rename(_, to) if to.ends_with("damaged/stray-0"))));
    assert!(seen(&|change| matches!(change, Recorded::Rename(_, to) if to.ends_with("index.redb"))));
    let syncs =
        changes.iter().filter(|change| matches!(change, Recorded::SyncAll | Recorded::IndexSync)).count();
    assert!(
        syncs > 10 && changes.iter().any(|change| matches!(change, Recorded::Remove(_))),
        "{syncs} syncs"
    );
    let root = test.dir.path().join("after");
    let mut tried = 0;
    // Ways to lose what was not durable: all of it, none, every other change, and two by chance.
    let ways: [&dyn Fn(usize, usize) -> bool; 5] = [
        &|_, _| false,
        &|_, _| true,
        &|number, _| number % 2 == 0,
        &|number, cut| noise((number * 1000 + cut) as u64, 1)[0] < 128,
        &|number, cut| noise((number * 1001 + cut) as u64, 1)[0] < 40,
    ];
    for cut in 0..=changes.len() {
        for (number, way) in ways.iter().enumerate() {
            // All ways right before a sync, where most is at stake; elsewhere one or two of them.
            let at_sync = matches!(changes.get(cut), Some(Recorded::SyncAll | Recorded::IndexSync));
            if !at_sync && (cut + number) % 4 != 0 {
                continue;
            }
            let _ = std::fs::remove_dir_all(&root);
            copy(&base, &root);
            leave(&changes, cut, &mut |change| way(change, cut), &from, &root);
            let mut promised = BTreeSet::new();
            for change in &changes[..cut] {
                match change {
                    Recorded::Acknowledged(pid) => drop(promised.insert(*pid)),
                    Recorded::Condemned(pid) => drop(promised.remove(pid)),
                    _ => {}
                }
            }
            let store = crate::support::open(&root);
            let report = verify(&store, &VerifyOptions::default(), &|_, _| ()).unwrap();
            assert!(report.is_clean(), "cut at {cut}, way {number}: {report:?}");
            let index = store.read().unwrap();
            let there: BTreeSet<Pid> = index.realised().unwrap().into_iter().map(|(pid, _)| pid).collect();
            assert!(
                there.is_superset(&promised),
                "cut at {cut}, way {number}: an acknowledged package is lost"
            );
            // An index that was made again knows what the objects say, and nothing else.
            let is_new = changes[..cut].iter().any(|change| matches!(change, Recorded::WrittenDurably(..)));
            assert!(is_new || index.value("n", b"k").unwrap().unwrap() == b"v");
            tried += 1;
        }
    }
    println!("{tried} power cuts in {} changes with {syncs} syncs", changes.len());
}

#[test]
fn each_change_that_fails_is_an_error_and_leaves_all_whole() {
    let failed = fail_each(false, 1);
    assert!(failed > 90, "{failed} failures");
}

/// A file system may write less than it is given, and fail at the rest.
#[test]
fn writes_that_are_short_go_on_and_those_that_fail_then_leave_all_whole() {
    // Not one after the other: there are three times as many, and an odd step comes to all kinds of them.
    let failed = fail_each(true, 17);
    assert!(failed > 20, "{failed} failures");
}

/// Has every `step`th change fail, each in a store of its own. Returns how many did; the last try is one without any.
fn fail_each(short: bool, step: usize) -> usize {
    let base = tempfile::tempdir().unwrap();
    with_trash(&base.path().join("store"));
    let mut failed = 0;
    for number in (0..).step_by(step) {
        let test = tempfile::tempdir().unwrap();
        let root = test.path().join("store");
        copy(&base.path().join("store"), &root);
        let recorder = Arc::new(Recorder { fail_at: Some(number), short, ..Recorder::default() });
        let mut promised = BTreeSet::new();
        let notes = Mutex::new(Vec::new());
        let result = watched(&root, &recorder)
            .map_err(GcError::Store)
            .and_then(|store| work(&store, &|note| notes.lock().unwrap().push(note)));
        for note in notes.into_inner().unwrap() {
            match note {
                Recorded::Acknowledged(pid) => drop(promised.insert(pid)),
                Recorded::Condemned(pid) => drop(promised.remove(&pid)),
                _ => {}
            }
        }
        if let Err(error) = &result {
            failed += 1;
            let text = error.to_string();
            assert!(text.contains("Input/output error") || text.contains("index"), "change {number}: {text}");
        }
        let store = crate::support::open(&root);
        let report = verify(&store, &VerifyOptions::default(), &|_, _| ()).unwrap();
        // The stray file may still be there.
        assert!(report.problems.is_empty() && report.index.is_none(), "change {number}: {report:?}");
        let there: BTreeSet<Pid> =
            store.read().unwrap().realised().unwrap().into_iter().map(|(pid, _)| pid).collect();
        assert!(there.is_superset(&promised), "change {number}");
        crate::support::assert_no_temporaries(&root);
        // The same succeeds when the disk does its work.
        if number % 10 == 0 {
            work(&store, &|_| ()).unwrap();
        }
        if *recorder.asked.lock().unwrap() <= number {
            assert!(result.is_ok());
            break;
        }
    }
    failed
}
