//! Verifying, repairing, making the index again, and what the store says of itself.

use crate::support::{TestStore, files_below, noise, open, package, pir};
use nuka_pir::{BlobId, Cid, Pid, SourceId};
use nuka_store::{
    Node, ObjectReader, Root, RootTarget, SourceRecord, Store, StoreError, Tree, Used,
    check::{Owner, VerifyOptions, VerifyReport, Wrong, info, rebuild_index, repair, verify},
    gc::{self, GcOptions},
    verify_tree,
};
use std::path::PathBuf;

fn look(store: &Store) -> VerifyReport {
    verify(store, &VerifyOptions::default(), &|_, _| ()).unwrap()
}

/// Changes one bit of a file that may not be written.
fn flip(file: &std::path::Path, byte: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = byte % bytes.len();
    bytes[at] ^= 1;
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

fn inner(store: &Store, tree: &Tree, name: &str) -> Cid {
    match store.directory(&tree.cid).unwrap().get(name.as_bytes()) {
        Some(Node::Directory { cid, .. }) => *cid,
        _ => panic!(),
    }
}

struct Filled {
    test: TestStore,
    one: (Pid, Tree),
    two: (Pid, Tree),
    source: (SourceId, SourceRecord),
}

fn filled() -> Filled {
    let test = TestStore::new();
    let store = &test.store;
    let big = String::from_utf8(vec![b'x'; 3 << 20]).unwrap();
    let one =
        package(store, "one", &[], 5, &[("d/shared", "shared"), ("d/own", "own"), ("big", &big)]).unwrap();
    let two = package(store, "two", &[one.0], 6, &[("e/shared", "shared"), ("f", "two")]).unwrap();
    let batch = store.batch();
    let tree = crate::support::tree(&batch, &[("s/x", "source"), ("shared", "shared")]);
    let download = Some(batch.add_blob(b"the download").unwrap());
    let record = SourceRecord { tree, download, time_ms: 7 };
    let id = SourceId::from_bytes([3; 32]);
    batch.add_source_record(&id, &record).unwrap();
    batch.commit(|index| Ok::<_, StoreError>(index.put_source(&id, &record)?)).unwrap();
    Filled { test, one, two, source: (id, record) }
}

#[test]
fn a_sound_store_is_clean() {
    let Filled { test, .. } = filled();
    let counted = std::sync::Mutex::new((0, 0));
    let report = verify(&test.store, &VerifyOptions::default(), &|objects, bytes| {
        let mut counted = counted.lock().unwrap();
        *counted = (counted.0.max(objects), counted.1.max(bytes));
    })
    .unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.objects, files_below(test.store.objects_path()).len() as u64);
    assert_eq!((report.directories, report.records), (2 + 2 + 2, 3));
    assert_eq!(*counted.lock().unwrap(), (report.objects, report.bytes));
}

#[test]
fn a_flipped_bit_in_every_kind_of_object_is_found_with_its_owners_and_repaired() {
    for kind in ["file", "large file", "directory", "root", "record", "download"] {
        let Filled { test, one, two, source } = filled();
        let store = &test.store;
        let (package_one, package_two) = (Owner::Package(one.0), Owner::Package(two.0));
        let its_source = Owner::Source(source.0);
        let (id, mut owners): (BlobId, _) = match kind {
            "file" => (BlobId::of(b"shared"), vec![package_one, package_two, its_source]),
            "large file" => (BlobId::of(&vec![b'x'; 3 << 20]), vec![package_one]),
            "directory" => (inner(store, &one.1, "d").into(), vec![package_one]),
            "root" => (two.1.cid.into(), vec![package_two]),
            "record" => {
                (store.read().unwrap().record(&Used::Package(one.0)).unwrap().unwrap(), vec![package_one])
            }
            _ => (BlobId::of(b"the download"), vec![its_source]),
        };
        flip(&store.blob_path(&id), 2_500_000);
        let report = look(store);
        let [problem] = report.problems.as_slice() else { panic!("{kind}: {report:?}") };
        assert_eq!(problem.id, id, "{kind}");
        assert!(matches!(problem.wrong, Wrong::Damaged { .. }), "{kind}");
        // The builds of these packages have the same trees; records are theirs alone.
        let mut found = problem.owners.clone();
        found.retain(|owner| !matches!(owner, Owner::Build(_)));
        owners.sort();
        assert_eq!(found, owners, "{kind}");
        let repaired = repair(store, &report).unwrap();
        assert_eq!(repaired.quarantined, [id], "{kind}");
        let packages = owners.iter().filter(|owner| matches!(owner, Owner::Package(_))).count();
        assert_eq!(repaired.packages.len(), packages, "{kind}");
        assert_eq!(repaired.sources.len(), owners.len() - packages, "{kind}");
        assert!(test.root().join("damaged").join(id.to_string()).exists(), "{kind}");
        let again = look(store);
        assert!(again.is_clean(), "{kind}: {again:?}");
        let index = store.read().unwrap();
        assert!(repaired.packages.iter().all(|pid| index.realisation(pid).unwrap().is_none()));
        assert!(index.pir(&one.0).unwrap().is_some(), "it can be made again");
        drop(index);
        gc::plan(store, &GcOptions::default()).unwrap();
        // Making it again heals the store.
        let big = String::from_utf8(vec![b'x'; 3 << 20]).unwrap();
        package(store, "one", &[], 9, &[("d/shared", "shared"), ("d/own", "own"), ("big", &big)]).unwrap();
        package(store, "two", &[one.0], 9, &[("e/shared", "shared"), ("f", "two")]).unwrap();
        assert!(look(store).is_clean(), "{kind}");
        assert!(verify_tree(store, &one.1.cid).is_empty() && verify_tree(store, &two.1.cid).is_empty());
    }
}

#[test]
fn what_is_missing_stray_or_says_otherwise_is_named() {
    let Filled { test, one, two, .. } = filled();
    let store = &test.store;
    let (gone, missing) = (inner(store, &one.1, "d"), BlobId::of(b"two"));
    std::fs::remove_file(store.blob_path(&gone.into())).unwrap();
    std::fs::remove_file(store.blob_path(&missing)).unwrap();
    std::fs::write(store.objects_path().join("stray"), "x").unwrap();
    let shard = store.blob_path(&BlobId::of(b"own")).parent().unwrap().to_path_buf();
    std::fs::write(shard.join("also-stray"), "x").unwrap();
    store
        .update(|index| {
            let target = RootTarget::Tree(Cid::from_bytes([8; 32]));
            Ok::<_, StoreError>(index.put_root(b"dangling", &Root { target, time_ms: 1 })?)
        })
        .unwrap();
    let report = look(store);
    let found: Vec<_> = report.problems.iter().map(|problem| (problem.id, problem.wrong.clone())).collect();
    let mut expected = vec![
        (gone.into(), Wrong::Missing),
        (missing, Wrong::Missing),
        (BlobId::from_bytes([8; 32]), Wrong::Missing),
    ];
    expected.sort_by_key(|(id, _)| *id);
    assert_eq!(found, expected);
    let relative = |path: &PathBuf| path.strip_prefix(store.objects_path()).unwrap().to_path_buf();
    assert_eq!(report.strays.len(), 2);
    assert!(report.strays.iter().map(relative).any(|path| path.as_path() == std::path::Path::new("stray")));
    let repaired = repair(store, &report).unwrap();
    let mut both = vec![one.0, two.0];
    both.sort();
    assert_eq!((repaired.packages, repaired.roots), (both, vec![b"dangling".to_vec()]));
    let again = look(store);
    assert_eq!(
        (again.problems.len(), again.strays.len()),
        (1, 0),
        "the root stays until its maker says otherwise"
    );
}

/// A leftover directory object whose entries are gone is nobody's, and no problem.
#[test]
fn what_nobody_needs_may_be_in_pieces() {
    let test = TestStore::new();
    let batch = test.store.batch();
    crate::support::tree(&batch, &[("d/x", "leftover")]);
    batch.commit_objects().unwrap();
    std::fs::remove_file(test.store.blob_path(&BlobId::of(b"leftover"))).unwrap();
    assert!(look(&test.store).is_clean());
}

fn index_of(store: &Store) -> String {
    let index = store.read().unwrap();
    let names: Vec<_> = index.packages().unwrap();
    format!(
        "{:?} {names:?} {:?} {:?} {:?}",
        index.realised().unwrap(),
        index.all_sources().unwrap(),
        index.all_builds().unwrap(),
        index.roots().unwrap()
    )
}

#[test]
fn the_index_is_made_again_from_the_objects() {
    for state in ["sound", "damaged", "missing"] {
        let Filled { test, one, two, .. } = filled();
        let store = &test.store;
        // The later of two results of one package counts.
        package(store, "two", &[one.0], 8, &[("e/shared", "shared"), ("f", "again")]).unwrap();
        let root = Root { target: RootTarget::Package(two.0), time_ms: 1 };
        if state == "sound" {
            store.update(|index| Ok::<_, StoreError>(index.put_root(b"r", &root)?)).unwrap();
        }
        let before = index_of(store);
        store.release_index();
        let file = test.root().join("index.redb");
        match state {
            "damaged" => {
                let length = usize::try_from(std::fs::metadata(&file).unwrap().len()).unwrap();
                std::fs::write(&file, noise(1, length)).unwrap();
                assert!(look(store).index.is_some());
            }
            "missing" => std::fs::remove_file(&file).unwrap(),
            _ => {}
        }
        let report = rebuild_index(store, 100, &|_, _| ()).unwrap();
        assert_eq!((report.packages, report.sources, report.incomplete.len()), (2, 1, 0), "{state}");
        assert_eq!(index_of(store), before, "{state}");
        assert!(look(store).is_clean(), "{state}");
        assert_eq!(open(&test.root()).read().unwrap().last_use(&Used::Package(one.0)).unwrap(), Some(100));
        // It goes on as before.
        package(store, "three", &[two.0], 9, &[("t", "three")]).unwrap();
        assert_eq!(
            gc::plan(store, &GcOptions { now_ms: 100, ..GcOptions::default() }).unwrap().packages.len(),
            0
        );
        crate::support::assert_no_temporaries(&test.root());
    }
}

#[test]
fn what_is_not_whole_is_not_registered_again() {
    let Filled { test, one, two, source } = filled();
    let store = &test.store;
    flip(&store.blob_path(&BlobId::of(b"own")), 0);
    std::fs::remove_file(store.blob_path(&inner(store, &source.1.tree, "s").into())).unwrap();
    let record = store.read().unwrap().record(&Used::Package(two.0)).unwrap().unwrap();
    store.release_index();
    std::fs::remove_file(test.root().join("index.redb")).unwrap();
    let report = rebuild_index(store, 1, &|_, _| ()).unwrap();
    assert_eq!(report.damaged, [BlobId::of(b"own")]);
    assert_eq!(report.incomplete, [Used::Package(one.0), Used::Source(source.0)]);
    assert_eq!((report.packages, report.sources), (1, 0));
    assert_eq!(store.read().unwrap().record(&Used::Package(two.0)).unwrap(), Some(record));
    // A damaged record is as good as none.
    flip(&store.blob_path(&record), 100);
    assert_eq!(rebuild_index(store, 1, &|_, _| ()).unwrap().packages, 0);
}

#[test]
fn others_wait_while_the_index_is_made_again() {
    let Filled { test, .. } = filled();
    let store = &test.store;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3_u8)
            .map(|thread| {
                let root = test.root();
                scope.spawn(move || {
                    let other = open(&root);
                    for number in 0..10 {
                        let name = format!("t{thread}x{number}");
                        package(&other, &name, &[], 1, &[("f", &name)]).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            rebuild_index(store, 1, &|_, _| ()).unwrap();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let realised = store.read().unwrap().realised().unwrap();
    assert_eq!(realised.len(), 32, "nothing that was acknowledged is lost");
    assert!(look(store).is_clean());
}

#[test]
fn info_says_what_sharing_saves() {
    let test = TestStore::new();
    let store = &test.store;
    let large = "x".repeat(1000);
    let (first, _) = package(store, "first", &[], 1, &[("a", &large), ("b", &large), ("c", "c")]).unwrap();
    let (second, _) = package(store, "second", &[], 1, &[("a", &large)]).unwrap();
    let (unknown, text) = pir("not-realised", &[]);
    store
        .update(|index| {
            let (name, version) = (crate::support::name("not-realised"), crate::support::version("1"));
            Ok::<_, StoreError>(index.put_pir(&unknown, &name, &version, text.as_bytes())?)
        })
        .unwrap();
    let found = info(store).unwrap();
    let sizes: Vec<_> = found.packages.iter().map(|package| (package.pid, package.bytes)).collect();
    assert_eq!(sizes, [(first, 2001), (second, 1000)]);
    assert_eq!((found.unshared_bytes, found.known_packages, found.sources), (3001, 3, 0));
    let files = files_below(store.objects_path());
    let bytes: u64 =
        files.iter().map(|file| std::fs::metadata(store.objects_path().join(file)).unwrap().len()).sum();
    assert_eq!((found.objects, found.bytes), (files.len() as u64, bytes));
    assert_eq!(found.saved_bytes(), 3001 - bytes.min(3001));
    assert!(found.ratio() > 0.5);
    assert_eq!(info(&TestStore::new().store).unwrap().packages, []);
}
