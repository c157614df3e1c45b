//! Links that somebody has put at the names of temporary files: nothing is written through them.

use crate::support::{TestStore, assert_no_temporaries, files_below, noise, pid, register, tree};
use nuka_store::{Store, StoreOptions};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// A directory with a file in it, neither of which anybody may touch.
fn canary(test: &TestStore) -> PathBuf {
    let outside = test.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "untouched").unwrap();
    outside
}

fn assert_untouched(outside: &Path) {
    assert_eq!(files_below(outside), [PathBuf::from("canary")]);
    assert_eq!(fs::read(outside.join("canary")).unwrap(), b"untouched");
}

#[test]
fn directories_of_processes_and_a_new_index() {
    let test = TestStore::new();
    let outside = canary(&test);
    let root = test.root();
    // Those of this process too, which are the next to be made.
    for number in 0..4 {
        symlink(&outside, root.join(format!("tmp/{}-{number}", std::process::id()))).unwrap();
        symlink(&outside, root.join(format!("tmp/999999-{number}"))).unwrap();
    }
    let batch = test.store.batch();
    let stored = tree(&batch, &[("a", "1")]);
    batch.add_blob(&noise(1, 3 << 20)).unwrap();
    register(batch, 1, stored);
    assert_untouched(&outside);
    let TestStore { store, dir } = test;
    drop(store);
    fs::remove_file(root.join("index.redb")).unwrap();
    symlink(outside.join("canary"), root.join("index.new")).unwrap();
    let store = Store::open(&root, &StoreOptions::default()).unwrap();
    assert!(store.read().unwrap().realisation(&pid(1)).unwrap().is_none());
    assert!(!root.join("index.redb").is_symlink());
    assert_untouched(&outside);
    // The links of processes that are no more are gone, and nothing behind them.
    assert_no_temporaries(&root);
    drop(dir);
}

#[test]
fn locks() {
    for name in ["tmp/lock", "index.lock", "index.queue"] {
        let test = TestStore::new();
        let outside = canary(&test);
        let root = test.root();
        let TestStore { store, dir } = test;
        drop(store);
        fs::remove_file(root.join(name)).unwrap();
        symlink(outside.join("canary"), root.join(name)).unwrap();
        let result = Store::open(&root, &StoreOptions::default()).and_then(|store| {
            let batch = store.batch();
            batch.add_blob(b"x")?;
            batch.commit(|index| Ok::<_, nuka_store::StoreError>(index.put_value("n", b"k", b"v")?))
        });
        let text = result.unwrap_err().to_string();
        assert!(text.contains(name) && text.contains("symbolic link"), "{text}");
        assert_untouched(&outside);
        drop(dir);
    }
}
