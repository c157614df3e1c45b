//! Work that is called off in the middle: it ends with an error that says so, and leaves what was there.

use crate::support::{TestStore, assert_no_temporaries, listing, noise, package};
use nuka_pir::Pid;
use nuka_store::{
    Batch, Cancel, ObjectReader as _, Store, StoreError,
    check::{self, VerifyOptions},
    export::{self, ExportError},
    gc::{self, GcError, GcOptions, GcProgress},
    import::{self, ClosureError, ImportError, ImportOptions, Limits},
};
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A store for work that is called off once the flag is set.
fn until(store: &Store) -> (Store, Arc<AtomicBool>) {
    let flag = Arc::new(AtomicBool::new(false));
    (store.until(Cancel::when(Arc::clone(&flag))), flag)
}

/// A store with two packages, and objects that nothing names.
fn some() -> (TestStore, Vec<Pid>) {
    let test = TestStore::new();
    let names = ["one", "two"];
    let pids =
        names.map(|name| package(&test.store, name, &[], 1, &[("a", name), ("b", "shared")]).unwrap().0);
    (test, pids.to_vec())
}

fn is_clean(store: &Store) -> bool {
    check::verify(store, &VerifyOptions::default(), &|_, _| ()).unwrap().is_clean()
}

#[test]
fn looking_through_the_store_can_be_called_off() {
    let (test, pids) = some();
    let before = listing(&test.store);
    for call_off_at in [0, 1] {
        let (store, flag) = until(&test.store);
        flag.store(call_off_at == 0, Ordering::Release);
        let then = |_, _| flag.store(true, Ordering::Release);
        let cancelled = |error: &StoreError| matches!(error, StoreError::Cancelled);
        assert!(cancelled(&check::verify(&store, &VerifyOptions::default(), &then).unwrap_err()));
        flag.store(call_off_at == 0, Ordering::Release);
        assert!(cancelled(&check::rebuild_index(&store, 1, &then).unwrap_err()));
        assert!(cancelled(&check::info(&store).unwrap_err()));
        assert!(cancelled(&store.open_blob(&nuka_pir::BlobId::of(b"one")).unwrap_err()));
        let exported = export::closure(&store, &pids, &mut io::sink());
        assert!(matches!(exported, Err(ExportError::Store(StoreError::Cancelled))));
    }
    // The index is the old one, can be used at once, and so can the store by everybody else.
    assert_eq!(listing(&test.store), before);
    assert_no_temporaries(&test.root());
    assert!(is_clean(&test.store));
    assert!(!test.root().join("damaged").exists());
}

#[test]
fn a_collection_that_is_called_off_removes_nothing_that_is_named() {
    let (test, pids) = some();
    let options = GcOptions { keep_since_ms: u64::MAX, now_ms: 1, ..GcOptions::default() };
    let before = listing(&test.store);
    let (store, flag) = until(&test.store);
    flag.store(true, Ordering::Release);
    assert!(matches!(gc::plan(&store, &options), Err(GcError::Store(StoreError::Cancelled))));
    assert_eq!(listing(&test.store), before);
    flag.store(false, Ordering::Release);
    let plan = gc::plan(&store, &options).unwrap();
    flag.store(true, Ordering::Release);
    assert!(matches!(gc::run(&store, plan, &mut |_| ()), Err(GcError::Store(StoreError::Cancelled))));
    // In the middle: more objects than go in one slice.
    let batch = test.store.batch();
    for number in 0..4_000_u32 {
        batch.add_blob(&number.to_le_bytes()).unwrap();
    }
    batch.commit_objects().unwrap();
    let (store, flag) = until(&test.store);
    let plan = gc::plan(&store, &options).unwrap();
    let mut left = 0;
    let ended = gc::run(&store, plan, &mut |progress| {
        flag.store(true, Ordering::Release);
        let GcProgress::Removes { done, total } = progress else { panic!("{progress:?}") };
        left = total - done;
    });
    assert!(left == 0 || matches!(ended, Err(GcError::Store(StoreError::Cancelled))), "{ended:?}");
    assert!(is_clean(&test.store));
    // The next one goes on.
    let plan = gc::plan(&test.store, &options).unwrap();
    assert_eq!(plan.freed.objects, left);
    gc::run(&test.store, plan, &mut |_| ()).unwrap();
    assert!(is_clean(&test.store) && test.store.read().unwrap().realisation(&pids[0]).unwrap().is_none());
}

#[test]
fn who_waits_for_another_collection_is_told_of_it_and_can_be_called_off() {
    let (test, _) = some();
    let options = GcOptions { keep_since_ms: u64::MAX, now_ms: 1, ..GcOptions::default() };
    let (store, flag) = until(&test.store);
    let mine = gc::plan(&test.store, &options).unwrap();
    let mut others = Some(gc::plan(&store, &options).unwrap());
    let (mut waited, mut told) = (None, Vec::new());
    gc::run(&test.store, mine, &mut |_| {
        std::thread::scope(|scope| {
            let Some(plan) = others.take() else { return };
            let mut note = |progress| {
                told.push(progress);
                flag.store(true, Ordering::Release);
            };
            let store = &store;
            let waiting = scope.spawn(move || gc::run(store, plan, &mut note));
            waited = Some(waiting.join().unwrap());
        });
    })
    .unwrap();
    assert!(matches!(waited, Some(Err(GcError::Store(StoreError::Cancelled)))), "{waited:?}");
    assert_eq!(told, [GcProgress::Waits { process: Some(std::process::id()) }]);
}

/// Gives bytes, then calls off what they are for, and then gives bytes for ever.
struct Endless<'a>(&'a [u8], &'a AtomicBool);

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let count @ 1.. = self.0.read(buffer)? {
            return Ok(count);
        }
        self.1.store(true, Ordering::Release);
        buffer.fill(7);
        Ok(buffer.len())
    }
}

#[test]
fn what_is_added_can_be_called_off_at_any_time() {
    let (test, pids) = some();
    let mut closure = Vec::new();
    export::closure(&test.store, &pids, &mut closure).unwrap();
    let other = TestStore::new();
    let before = listing(&other.store);
    // In the middle of the bytes of its first blob's data, and of other places.
    for cut in [700, 1030, closure.len() - 1500] {
        let (store, flag) = until(&other.store);
        let reader = Endless(&closure[..cut], &flag);
        let imported = import::closure(&store, reader, &Limits::default(), 1);
        assert!(imported.is_err(), "cut at {cut}");
        assert_eq!(listing(&other.store), before);
        assert_no_temporaries(&other.root());
    }
    // A blob without end, which nothing else would stop.
    let (store, flag) = until(&other.store);
    let batch = store.batch();
    let added = batch.add_reader(&mut Endless(&noise(1, 3 << 20), &flag));
    assert!(matches!(added, Err(StoreError::Cancelled)));
    drop(batch);
    let (store, flag) = until(&other.store);
    let batch: Batch = store.batch();
    batch.add_blob(b"all there").unwrap();
    flag.store(true, Ordering::Release);
    assert!(matches!(batch.commit_objects(), Err(StoreError::Cancelled)));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "content").unwrap();
    let imported = import::import_directory(&store.batch(), directory.path(), &ImportOptions::default());
    assert!(matches!(imported, Err(ImportError::Store(StoreError::Cancelled))));
    let closed = import::closure(&store, closure.as_slice(), &Limits::default(), 1);
    assert!(matches!(closed, Err(ClosureError::Store(StoreError::Cancelled))));
    assert_eq!(listing(&other.store), before);
    assert_no_temporaries(&other.root());
}
