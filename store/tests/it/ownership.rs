//! One process owns a store, or several share it.

use crate::support::{TestStore, open};
use nuka_store::{IndexOptions, Ownership, Store, StoreError, StoreOptions};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

fn with(root: &Path, owner: Ownership, wait: Duration) -> Result<Store, StoreError> {
    Store::open(
        root,
        &StoreOptions {
            owner,
            index: IndexOptions { wait, ..IndexOptions::default() },
            ..StoreOptions::default()
        },
    )
}

fn own(root: &Path) -> Result<Store, StoreError> {
    with(root, Ownership::Exclusive, Duration::from_millis(20))
}

/// Two stores on one directory stand for two processes: each has its own locks.
#[test]
fn an_owner_keeps_everybody_else_out_and_says_who_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let owner = own(&root).unwrap();
    let me = Some(std::process::id());
    for ownership in [Ownership::Shared, Ownership::Exclusive] {
        let error = with(&root, ownership, Duration::from_secs(30)).unwrap_err();
        assert!(matches!(error, StoreError::Owned { process, .. } if process == me), "{error:?}");
        assert!(error.to_string().ends_with(&format!("is owned by process {}", std::process::id())));
    }
    drop(owner);
    let shared = open(&root);
    assert!(open(&root).read().is_ok(), "several share it");
    let error = own(&root).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    drop(shared);
    drop(own(&root).unwrap());
    open(&root);
}

#[test]
fn who_wants_to_own_it_waits_for_those_who_have_it() {
    let test = TestStore::new();
    let root = test.root();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| with(&root, Ownership::Exclusive, Duration::from_secs(30)));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        drop(test.store);
        waiting.join().unwrap().unwrap();
    });
}

/// The index is opened once: its own lock is held from the first transaction on.
#[test]
fn an_owner_keeps_the_index_open() {
    let test = TestStore::new();
    let root = test.root();
    drop(test.store);
    let owner = own(&root).unwrap();
    owner.update(|index| index.put_value("n", b"k", b"v").map_err(StoreError::Index)).unwrap();
    owner.release_index();
    std::thread::sleep(Duration::from_millis(300));
    let lock = std::fs::File::open(root.join("index.lock")).unwrap();
    assert!(rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockShared).is_err());
    assert_eq!(owner.read().unwrap().value("n", b"k").unwrap().unwrap(), b"v");
    drop(owner);
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockShared).unwrap();
}

/// A program that the owner started outlives it, and holds nothing.
#[test]
fn a_started_program_does_not_inherit_the_locks() {
    let test = TestStore::new();
    let root = test.root();
    drop(test.store);
    let owner = own(&root).unwrap();
    owner.update(|index| index.put_value("n", b"k", b"v").map_err(StoreError::Index)).unwrap();
    let mut program = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    drop(owner);
    let next = own(&root);
    let index = next.map(|store| store.read().map(|_| ()));
    program.kill().unwrap();
    program.wait().unwrap();
    index.unwrap().unwrap();
}
