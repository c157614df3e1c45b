//! Adding where something runs out: the disk, open files, the length of files, and memory under a bomb.

use crate::{
    add::{add_tree, check_whole, pid_of, registered},
    common::{self, fill_up, limited, myself, on_small_disk},
    support::{self, open},
};
use nuka_store::{
    Node, Store, StoreError, StoreOptions, TreeBuilder, export,
    import::{self, ImportOptions, import_tar},
    verify_tree,
};
use std::{io::Write, path::Path};

pub fn full_disk() {
    on_small_disk("child-fill", "40m");
}

/// In a process of its own, on a small file system: adds until the disk is full, and then with a little more room
/// each time, so that each step of adding is the one that fails.
pub fn child_fill(disk: &Path) {
    let root = disk.join("store");
    let earlier = add_tree(&open(&root), "earlier", 1).unwrap();
    let (mut failed, mut added, mut number) = (0, 0, 0_u32);
    let mut free = 0;
    // The trees of these numbers are small ones of 100 kB in 45 objects.
    while free < 512 << 10 {
        number += 1 + u32::from((number + 1).is_multiple_of(5));
        let before = registered(&root);
        let filler = fill_up(disk, free);
        let store = open(&root);
        match add_tree(&store, "fill", number) {
            Ok(_) => added += 1,
            Err(error) => {
                failed += 1;
                assert!(error.is_storage_full(), "{error:?}");
                assert!(error.to_string().starts_with("the disk is full: cannot "), "{error}");
                // What is there is readable, and the failure registered nothing.
                assert!(verify_tree(&store, &earlier.cid).is_empty());
                store.release_index();
                drop(store);
                assert_eq!(registered(&root), before);
                std::fs::remove_file(&filler).unwrap();
                add_tree(&open(&root), "fill", number).unwrap();
                added += 1;
            }
        }
        let _ = std::fs::remove_file(&filler);
        free += 16 << 10;
    }
    assert!(failed > 5 && added > failed, "{failed} of {added} failed");
    // A large file, written past the page cache.
    let filler = fill_up(disk, 5 << 20);
    let error = add_tree(&open(&root), "large", 5).unwrap_err();
    assert!(error.is_storage_full(), "{error:?}");
    std::fs::remove_file(filler).unwrap();
    registered(&root);
    add_tree(&open(&root), "large", 5).unwrap();
    assert_eq!(check_whole(&root).len(), added + 2);
    println!(
        "stress: the disk was full in {failed} of {added} additions; each succeeded once there was room"
    );
}

/// Opens a store and adds to it, under a limit; what fails must be an error, never a panic.
pub fn child_limited(root: &Path, name: &str) {
    let result = Store::open(root, &StoreOptions::default()).and_then(|store| add_tree(&store, name, 5));
    if let Err(error) = result {
        eprintln!("{error}");
        std::process::exit(7);
    }
}

pub fn limits() {
    let dir = tempfile::tempdir().unwrap();
    let (mut failed, mut done) = (0, 0);
    for limit in common::limits() {
        // A store that has something, and none at all: there making it is what fails.
        for kind in ["used", "new"] {
            let root = dir.path().join(format!("{kind}{}{}", limit.0, limit.1));
            let before = if kind == "used" { add_tree(&open(&root), "before", 1).ok() } else { None };
            let enough = limited(limit, &["child-limited".as_ref(), root.as_ref(), "limited".as_ref()]);
            *if enough { &mut done } else { &mut failed } += 1;
            let mut expected: Vec<_> = before.map(|_| pid_of("before", 1)).into_iter().collect();
            expected.extend(enough.then(|| pid_of("limited", 5)));
            expected.sort();
            assert!(check_whole(&root).into_keys().eq(expected), "{limit:?}");
            // Without the limit the same succeeds.
            add_tree(&open(&root), "limited", 5).unwrap();
            std::fs::remove_dir_all(&root).unwrap();
        }
    }
    assert!(failed > 10 && done > 5, "{failed} failed, {done} did not");
    println!(
        "stress: {failed} additions failed at a limit and were named, {done} had enough; the stores are whole"
    );
}

/// In a process of its own, whose peak memory is then known: seven gigabytes of zeros, and a greedy window.
pub fn child_bomb(root: &Path) {
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

/// In a process of its own, whose peak memory is then known: a package of 400 MB goes out and in.
pub fn child_closure(root: &Path) {
    let (from, to) = (open(&root.join("from")), open(&root.join("to")));
    let (pid, text) = support::pir("large", &[]);
    let batch = from.batch();
    let mut builder = TreeBuilder::new();
    for file in 0..4_u64 {
        let mut writer = batch.blob_writer(100 << 20);
        for part in 0..100 {
            writer.write(&support::noise(file * 1000 + part, 1 << 20)).unwrap();
        }
        let (blob, size) = writer.finish().unwrap();
        let node = Node::File { blob, size, executable: false };
        builder.insert(&batch, &support::path(&format!("d/{file}")), node).unwrap();
    }
    let realisation = support::realisation(1, builder.finish(&batch).unwrap());
    batch
        .commit(|index| {
            index.put_pir(&pid, &support::name("large"), &support::version("1"), text.as_bytes())?;
            Ok::<_, StoreError>(index.put_realisation(&pid, &realisation)?)
        })
        .unwrap();
    let file = root.join("closure.tar");
    let before = peak_memory();
    export::closure(&from, &[pid], &mut std::fs::File::create(&file).unwrap()).unwrap();
    let reader = std::fs::File::open(&file).unwrap();
    import::closure(&to, reader, &import::Limits::default(), 1).unwrap();
    let grown = peak_memory() - before;
    assert!(grown < 24 << 20, "{grown} bytes of memory");
    assert!(verify_tree(&to, &realisation.outputs.values().next().unwrap().cid).is_empty());
}

pub fn closures_take_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let status = myself(&["child-closure", dir.path().to_str().unwrap()]).status().unwrap();
    assert!(status.success());
    println!("stress: a closure of 400 MB went out and in, in flat memory");
}

pub fn bombs_take_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let status = myself(&["child-bomb", root.to_str().unwrap()]).status().unwrap();
    assert!(status.success());
    check_whole(&root);
    println!("stress: bombs were stopped in flat memory");
}
