//! Collecting, importing and making the index again on a disk that is full.

use crate::{
    add::{add_tree, pid_of, pin, registered},
    common::{fill_up, on_small_disk},
    gc::collect,
    support::{self, open},
};
use nuka_store::{
    StoreError,
    check::{VerifyOptions, rebuild_index, verify},
    export,
    gc::{self, GcOptions},
    import::{self, ClosureError, Limits},
};
use std::path::Path;

pub fn collecting() {
    on_small_disk("child-collect-full", "40m");
}

/// In a process of its own, on a small file system with no room at all: collecting makes some.
pub fn child_collect(disk: &Path) {
    for (round, (free, leftovers)) in
        [(0, true), (0, false), (4 << 10, false), (64 << 10, true)].into_iter().enumerate()
    {
        let root = disk.join(format!("store{round}"));
        let store = open(&root);
        for number in 1..40 {
            add_tree(&store, "dead", number * 5 + 1).unwrap();
        }
        add_tree(&store, "kept", 1).unwrap();
        pin(&store, "kept", 1);
        // Leftovers of work that failed.
        let batch = store.batch();
        for number in 0..if leftovers { 50 } else { 0_u64 } {
            batch.add_blob(&support::noise(number, 5000)).unwrap();
        }
        batch.commit_objects().unwrap();
        drop(store);
        let filler = fill_up(disk, free);
        let store = open(&root);
        let report = collect(&store);
        assert_eq!(report.packages, 39);
        assert!(report.freed.bytes > 1 << 20, "{report:?}");
        // There is room now, with the disk as full as before.
        add_tree(&store, "after", 2).unwrap();
        drop(store);
        let left: Vec<_> = registered(&root).into_keys().collect();
        let mut expected = vec![pid_of("kept", 1), pid_of("after", 2)];
        expected.sort();
        assert_eq!(left, expected);
        assert!(verify(&open(&root), &VerifyOptions::default(), &|_, _| ()).unwrap().is_clean());
        std::fs::remove_file(filler).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
    }
    println!("stress: gc made room on a full disk, 4 times");
}

pub fn collecting_many() {
    on_small_disk("child-collect-many", "60m");
}

/// In a process of its own, on a small file system with no room at all: an index that was written at once has nothing to
/// spare, and forgetting all of it rewrites most of it.
pub fn child_collect_many(disk: &Path) {
    let root = disk.join("store");
    let store = open(&root);
    let batch = store.batch();
    let tree = support::tree(&batch, &[("file", "the same in all")]);
    batch.commit_objects().unwrap();
    let count = 4000;
    store
        .update(|index| {
            for number in 0..count {
                let name = format!("package{number}");
                let (pid, text) = support::pir(&name, &[]);
                index.put_pir(&pid, &support::name(&name), &support::version("1"), text.as_bytes())?;
                index.put_realisation(&pid, &support::realisation(number, tree))?;
                index.put_value("memories", name.as_bytes(), pid.as_bytes())?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    drop(store);
    let filler = fill_up(disk, 0);
    let store = open(&root);
    let options = GcOptions {
        keep_since_ms: u64::MAX,
        now_ms: 1,
        forget_values: vec!["memories".to_owned()],
        ..GcOptions::default()
    };
    let report = gc::collect(&store, &options, &mut |_| ()).unwrap();
    assert_eq!((report.packages, report.pirs), (count as usize, count as usize));
    assert!(store.read().unwrap().packages().unwrap().is_empty());
    assert!(store.read().unwrap().values("memories").unwrap().is_empty());
    assert!(verify(&store, &VerifyOptions::default(), &|_, _| ()).unwrap().is_clean());
    // The next one finds room kept for it once there is any.
    std::fs::remove_file(filler).unwrap();
    drop(store);
    drop(open(&root));
    assert!(root.join("reserve").exists());
    println!("stress: {count} packages were collected on a full disk");
}

pub fn importing_and_rebuilding() {
    on_small_disk("child-rebuild-full", "60m");
}

/// In a process of its own, on a small file system: with more and more room, so that each step fails once.
pub fn child_rebuild(disk: &Path) {
    let from = open(&disk.join("from"));
    let text = String::from_utf8(vec![b'x'; 100_000]).unwrap();
    let base = support::package(&from, "base", &[], 1, &[("a", "a"), ("d/text", &text)]).unwrap().0;
    let top = support::package(&from, "top", &[base], 1, &[("t", "top")]).unwrap().0;
    let mut closure = Vec::new();
    export::closure(&from, &[top], &mut closure).unwrap();
    let (mut failed, mut done) = (0, 0);
    for step in 0..24_u64 {
        let root = disk.join(format!("to{step}"));
        let store = open(&root);
        support::package(&store, "earlier", &[], 1, &[("e", "earlier")]).unwrap();
        let before = support::listing(&store);
        store.release_index();
        let filler = fill_up(disk, step * (24 << 10));
        match import::closure(&store, closure.as_slice(), &Limits::default(), 1) {
            Ok(_) => done += 1,
            Err(ClosureError::Store(error)) => {
                failed += 1;
                assert!(error.is_storage_full(), "{error:?}");
                let after = support::listing(&store);
                // Objects that got their names already stay until they are collected; nothing is registered.
                assert_eq!(before.lines().next(), after.lines().next());
            }
            Err(error) => panic!("{error}"),
        }
        std::fs::remove_file(&filler).unwrap();
        import::closure(&store, closure.as_slice(), &Limits::default(), 1).unwrap();
        let before = support::listing(&store);
        store.release_index();
        let filler = fill_up(disk, step * (64 << 10));
        match rebuild_index(&store, 1, &|_, _| ()) {
            Ok(report) => {
                done += 1;
                assert_eq!(report.packages, 3);
            }
            Err(error) => {
                failed += 1;
                assert!(matches!(&error, error if error.is_storage_full()), "{error:?}");
            }
        }
        std::fs::remove_file(&filler).unwrap();
        assert_eq!(support::listing(&store), before);
        assert!(verify(&store, &VerifyOptions::default(), &|_, _| ()).unwrap().is_clean());
        support::assert_no_temporaries(&root);
        store.release_index();
        drop(store);
        std::fs::remove_dir_all(&root).unwrap();
    }
    assert!(failed > 4 && done > 10, "{failed} failed, {done} did not");
    println!("stress: the disk was full in {failed} of 48 imports and rebuilds; each was whole or not there");
}
