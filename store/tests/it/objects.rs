//! Batches and objects: what is added is there, durable, once; what is not committed is not.

use crate::support::{
    TestStore, assert_no_temporaries, files_below, listing, noise, open, pid, realisation, tree,
};
use nuka_pir::BlobId;
use nuka_store::{ObjectReader, Store, StoreError, StoreOptions};
use std::os::unix::fs::PermissionsExt;

#[test]
fn what_is_committed_is_there_and_read_only() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let id = batch.add_blob(b"hello").unwrap();
    assert_eq!(batch.read_blob(&id).unwrap(), b"hello");
    assert!(matches!(test.store.read_blob(&id), Err(StoreError::NoObject { .. })));
    batch.commit_objects().unwrap();
    let test = test.reopen();
    assert_eq!(test.store.read_blob(&id).unwrap(), b"hello");
    let path = test.store.blob_path(&id);
    assert_eq!(path.strip_prefix(test.store.objects_path()).unwrap().to_str().unwrap().find('/'), Some(2));
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o444);
    assert_no_temporaries(&test.root());
}

#[test]
fn a_dropped_batch_leaves_nothing() {
    let test = TestStore::new();
    let before = listing(&test.store);
    let batch = test.store.batch();
    batch.add_blob(b"gone").unwrap();
    batch.add_blob(&noise(1, 10 << 20)).unwrap();
    let mut unfinished = batch.blob_writer(0);
    unfinished.write(&noise(2, 5 << 20)).unwrap();
    drop(unfinished);
    drop(batch);
    assert_eq!(listing(&test.store), before);
    assert_no_temporaries(&test.root());
}

#[test]
fn a_failed_registration_registers_nothing() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let stored = tree(&batch, &[("a", "x")]);
    let result = batch.commit(|index| {
        index.put_realisation(&pid(1), &realisation(1, stored)).map_err(StoreError::Index)?;
        Err::<(), _>(StoreError::NoObject { id: BlobId::of(b"") })
    });
    assert!(matches!(result, Err(StoreError::NoObject { .. })));
    assert!(test.store.read().unwrap().realisation(&pid(1)).unwrap().is_none());
    assert!(test.store.read().unwrap().build(&crate::support::build_id(1)).unwrap().is_none());
}

/// Blobs of every length around the sizes at which they are written in another way.
#[test]
fn every_length_is_stored_right() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let mut ids = Vec::new();
    let mebi = 1 << 20;
    for length in [0, 1, 4095, 4096, 4097, 2 * mebi - 1, 2 * mebi, 2 * mebi + 1, 8 * mebi, 9 * mebi + 4097] {
        let bytes = noise(length as u64, length);
        for expected in [0, length as u64] {
            let mut writer = batch.blob_writer(expected);
            for chunk in bytes.chunks(777_777) {
                writer.write(chunk).unwrap();
            }
            let (id, size) = writer.finish().unwrap();
            assert_eq!((id, size), (BlobId::of(&bytes), length as u64));
        }
        let (id, _) = batch.add_reader(&mut bytes.as_slice()).unwrap().unwrap();
        ids.push((id, bytes));
    }
    assert_eq!(batch.new_objects(), ids.len());
    batch.commit_objects().unwrap();
    for (id, bytes) in ids {
        assert!(test.store.read_blob(&id).unwrap() == bytes, "{} bytes", bytes.len());
    }
    assert_no_temporaries(&test.root());
}

#[test]
fn what_is_there_is_not_written_again_and_damage_of_length_heals() {
    use std::os::unix::fs::MetadataExt;
    let test = TestStore::new();
    let add = || {
        let batch = test.store.batch();
        let id = batch.add_blob(b"the same").unwrap();
        let new = batch.new_objects();
        batch.commit_objects().unwrap();
        (id, new)
    };
    let (id, new) = add();
    assert_eq!(new, 1);
    let path = test.store.blob_path(&id);
    let inode = std::fs::metadata(&path).unwrap().ino();
    assert_eq!(add(), (id, 0));
    assert_eq!(std::fs::metadata(&path).unwrap().ino(), inode);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "the sa").unwrap();
    assert!(matches!(test.store.read_blob(&id), Err(StoreError::Damaged { .. })));
    assert_eq!(add(), (id, 1));
    assert_eq!(test.store.read_blob(&id).unwrap(), b"the same");
}

#[test]
fn a_flipped_bit_is_found_moved_away_and_healed() {
    let test = TestStore::new();
    let add = || {
        let batch = test.store.batch();
        let id = batch.add_blob(b"healthy").unwrap();
        batch.commit_objects().unwrap();
        id
    };
    let id = add();
    assert!(!test.store.quarantine(&id).unwrap());
    let path = test.store.blob_path(&id);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "heamthy").unwrap();
    assert!(test.store.quarantine(&id).unwrap());
    assert!(!test.store.has(&id).unwrap());
    assert_eq!(std::fs::read(test.root().join("damaged").join(id.to_string())).unwrap(), b"heamthy");
    assert_eq!(add(), id);
    assert_eq!(test.store.read_blob(&id).unwrap(), b"healthy");
}

#[test]
fn many_threads_add_to_one_batch() {
    let test = TestStore::new();
    let batch = test.store.batch();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let batch = &batch;
            scope.spawn(move || {
                for number in 0..300_u64 {
                    // Half of them are the same in every thread.
                    let seed = if number % 2 == 0 { number } else { number * 1000 + thread };
                    batch.add_blob(&noise(seed, 100)).unwrap();
                }
            });
        }
    });
    assert_eq!(batch.new_objects(), 150 + 8 * 150);
    batch.commit_objects().unwrap();
    for file in files_below(test.store.objects_path()) {
        let id: BlobId = file.to_str().unwrap().replace('/', "").parse().unwrap();
        assert_eq!(test.store.read_blob(&id).unwrap().len(), 100);
    }
    assert_no_temporaries(&test.root());
}

#[test]
fn a_store_is_only_made_where_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = Store::open(dir.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }));
    let root = dir.path().join("new");
    drop(open(&root));
    std::fs::write(root.join("version"), "nuka store 99\n").unwrap();
    let error = Store::open(&root, &StoreOptions::default()).unwrap_err().to_string();
    assert!(
        error.ends_with("is a store of version `nuka store 99`, and this nuka reads version 1"),
        "{error}"
    );
}

#[test]
fn what_dead_processes_left_is_removed_and_what_living_ones_have_is_not() {
    let test = TestStore::new();
    let living = test.store.batch();
    let id = living.add_blob(b"mine").unwrap();
    let stale = test.root().join("tmp/999999-0/0/0");
    std::fs::create_dir_all(&stale).unwrap();
    std::fs::write(stale.join("1"), "half").unwrap();
    std::fs::write(test.root().join("tmp/999999-0/lock"), "").unwrap();
    std::fs::create_dir_all(test.root().join("tmp/999998-0")).unwrap();
    drop(open(&test.root()));
    assert!(!test.root().join("tmp/999999-0").exists());
    assert!(!test.root().join("tmp/999998-0").exists());
    living.commit_objects().unwrap();
    assert_eq!(test.store.read_blob(&id).unwrap(), b"mine");
}
