//! The index: every record comes back as it was written, in the right place, also for other readers.

use crate::support::{TestStore, build_id, name, open, pid, realisation, register, tree, version};
use nuka_pir::{BlobId, Cid, OutputName, SourceId};
use nuka_store::{
    BuildResult, IndexError, IndexOptions, LogRecord, PrefixError, Root, RootTarget, SourceRecord, Store,
    StoreError, StoreOptions, Tree, Used,
};
use std::time::Duration;

fn update(store: &Store, change: impl FnOnce(&mut nuka_store::IndexWriter<'_>) -> Result<(), IndexError>) {
    store.update(|index| change(index).map_err(StoreError::Index)).unwrap();
}

fn some_tree(byte: u8) -> Tree {
    Tree { cid: Cid::from_bytes([byte; 32]), size: 1, count: 1 }
}

#[test]
fn realisations_are_found_by_pid_build_and_content() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let out = tree(&batch, &[("a", "1")]);
    register(batch, 1, out);
    register(test.store.batch(), 2, out);
    let test = test.reopen();
    let index = test.store.read().unwrap();
    assert_eq!(index.realisation(&pid(1)).unwrap().unwrap(), realisation(1, out));
    assert_eq!(index.realisation(&pid(3)).unwrap(), None);
    let BuildResult { outputs, .. } = index.build(&build_id(2)).unwrap().unwrap();
    assert_eq!(outputs, realisation(2, out).outputs);
    let output = OutputName::new("out").unwrap();
    let mut both = vec![(pid(1), output.clone()), (pid(2), output.clone())];
    both.sort();
    assert_eq!(index.packages_of(&out.cid).unwrap(), both);
    assert_eq!(index.realised().unwrap().len(), 2);
    drop(index);
    // Another result for the same package: the old content no longer leads to it.
    update(&test.store, |index| index.put_realisation(&pid(1), &realisation(9, some_tree(7))));
    let index = test.store.read().unwrap();
    assert_eq!(index.packages_of(&out.cid).unwrap(), [(pid(2), output.clone())]);
    assert_eq!(index.packages_of(&some_tree(7).cid).unwrap(), [(pid(1), output)]);
    assert!(index.build(&build_id(1)).unwrap().is_some(), "the build itself is still known");
    drop(index);
    update(&test.store, |index| {
        assert!(index.remove_realisation(&pid(1))?);
        assert!(!index.remove_realisation(&pid(1))?);
        Ok(())
    });
    assert!(test.store.read().unwrap().packages_of(&some_tree(7).cid).unwrap().is_empty());
}

#[test]
fn every_other_record_comes_back() {
    let test = TestStore::new();
    let source = SourceId::from_bytes([1; 32]);
    let record = SourceRecord { tree: some_tree(2), download: Some(BlobId::of(b"d")), time_ms: 3 };
    let log = LogRecord {
        build: build_id(1),
        succeeded: false,
        time_ms: 4,
        path: Store::log_path(&build_id(1)).to_str().unwrap().into(),
    };
    let root = Root { target: RootTarget::Package(pid(1)), time_ms: 5 };
    update(&test.store, |index| {
        index.put_pir(&pid(1), &name("zlib"), &version("1.3"), b"{a: 1}")?;
        index.put_pir(&pid(2), &name("zlib"), &version("1.2"), b"{a: 2}")?;
        index.put_pir(&pid(3), &name("zlib-ng"), &version("2"), b"{a: 3}")?;
        index.put_meta(&pid(1), &BlobId::of(b"meta"))?;
        index.put_source(&source, &record)?;
        index.put_log(&pid(1), &log)?;
        index.put_root(b"profile/1", &root)?;
        index.put_value("eval", b"key", b"value")?;
        index.put_value("evalkey", b"", b"other")?;
        // An update sees what it wrote.
        assert_eq!(index.value("eval", b"key")?.unwrap(), b"value");
        Ok(())
    });
    let index = test.store.read().unwrap();
    assert_eq!(index.pir(&pid(2)).unwrap().unwrap(), b"{a: 2}");
    assert!(index.has_pir(&pid(3)).unwrap() && !index.has_pir(&pid(4)).unwrap());
    let named = index.packages_named(&name("zlib")).unwrap();
    assert_eq!(named.len(), 2);
    assert!(named.contains(&(pid(1), version("1.3"))) && named.contains(&(pid(2), version("1.2"))));
    assert_eq!(index.packages().unwrap().len(), 3);
    assert_eq!(index.pids().unwrap().len(), 3);
    assert_eq!(index.meta(&pid(1)).unwrap().unwrap(), BlobId::of(b"meta"));
    assert_eq!(index.source(&source).unwrap().unwrap(), record);
    assert_eq!(index.log_of(&pid(1)).unwrap().unwrap(), log);
    assert_eq!(index.log_of_build(&build_id(1)).unwrap().unwrap(), log);
    assert_eq!(index.root(b"profile/1").unwrap().unwrap(), root);
    assert_eq!(index.roots().unwrap(), [(b"profile/1".to_vec(), root)]);
    assert_eq!(index.value("evalkey", b"").unwrap().unwrap(), b"other");
    assert_eq!(index.value("eval", b"").unwrap(), None);
    assert_eq!(index.values("eval").unwrap(), [(b"key".to_vec(), b"value".to_vec())]);
    drop(index);
    update(&test.store, |index| {
        index.clear_values("eval")?;
        assert!(index.remove_root(b"profile/1")?);
        assert!(index.remove_source(&source)?);
        assert!(index.remove_build(&build_id(7)).is_ok_and(|known| !known));
        Ok(())
    });
    let index = test.store.read().unwrap();
    assert!(index.values("eval").unwrap().is_empty());
    assert_eq!(index.values("evalkey").unwrap().len(), 1);
    assert_eq!((index.roots().unwrap().len(), index.source(&source).unwrap()), (0, None));
}

#[test]
fn the_beginning_of_a_pid_is_enough_if_it_is_the_only_one() {
    let test = TestStore::new();
    update(&test.store, |index| {
        for number in 0..200 {
            index.put_pir(&pid(number), &name("x"), &version("1"), b"")?;
        }
        Ok(())
    });
    let index = test.store.read().unwrap();
    let all: Vec<String> = (0..200).map(|number| pid(number).to_string()).collect();
    for number in 0..200 {
        let text = pid(number).to_string();
        for length in 1..10 {
            let prefix = &text[..length];
            let matching = all.iter().filter(|text| text.starts_with(prefix)).count();
            match index.pid_with_prefix(prefix).unwrap() {
                Ok(found) => assert!(matching == 1 && found == pid(number)),
                Err(PrefixError::Several { some, .. }) => {
                    assert!(matching > 1 && some.len() == matching.min(4))
                }
                Err(PrefixError::None { .. }) => panic!("{prefix} is the beginning of {text}"),
            }
        }
        assert_eq!(index.pid_with_prefix(&text).unwrap(), Ok(pid(number)));
    }
    for nothing in ["", "!", "UPPER", "1", &"a".repeat(53), &"a".repeat(51)] {
        assert!(
            matches!(index.pid_with_prefix(nothing).unwrap(), Err(PrefixError::None { .. })),
            "{nothing}"
        );
    }
}

#[test]
fn a_reader_sees_the_state_at_its_start() {
    let test = TestStore::new();
    // The index is open for writing, so that a reader and a writer of one process can use it at once.
    update(&test.store, |index| index.put_value("n", b"k", b"1"));
    let before = test.store.read().unwrap();
    update(&test.store, |index| index.put_value("n", b"k", b"2"));
    assert_eq!(before.value("n", b"k").unwrap().unwrap(), b"1");
    drop(before);
    assert_eq!(test.store.read().unwrap().value("n", b"k").unwrap().unwrap(), b"2");
}

/// Two stores on one directory stand for two processes: each has its own lock.
#[test]
fn waiting_is_bounded_and_says_who_holds_it() {
    let test = TestStore::new();
    let index = IndexOptions { wait: Duration::from_millis(50), ..IndexOptions::default() };
    let other = Store::open(test.root(), &StoreOptions { index, ..StoreOptions::default() }).unwrap();
    test.store.release_index();
    let reader = test.store.read().unwrap();
    assert!(other.read().is_ok(), "readers do not exclude each other");
    let error = other.update(|_| Ok::<_, StoreError>(())).unwrap_err();
    let held = format!("by process {}", std::process::id());
    assert!(matches!(error, StoreError::Index(IndexError::Busy { .. })));
    assert!(error.to_string().contains(&held), "{error}");
    drop(reader);
    other.update(|_| Ok::<_, StoreError>(())).unwrap();
}

/// A process that writes in a burst gives the index to one that waits.
#[test]
fn a_burst_of_writes_does_not_starve_others() {
    let test = TestStore::new();
    let other = open(&test.root());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                update(&test.store, |index| index.put_value("burst", b"k", b"v"));
            }
        });
        for number in 0..3_u8 {
            let started = std::time::Instant::now();
            update(&other, |index| index.put_value("other", &[number], b"v"));
            assert!(started.elapsed() < Duration::from_secs(10));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    other.release_index();
    assert_eq!(test.store.read().unwrap().values("other").unwrap().len(), 3);
}

#[test]
fn many_threads_write_and_read() {
    let test = TestStore::new();
    std::thread::scope(|scope| {
        for thread in 0..6_u8 {
            let store = &test.store;
            scope.spawn(move || {
                for number in 0..10_u8 {
                    update(store, |index| index.put_value("t", &[thread, number], b""));
                    let index = store.read().unwrap();
                    assert!(index.value("t", &[thread, number]).unwrap().is_some());
                }
            });
        }
    });
    assert_eq!(test.reopen().store.read().unwrap().values("t").unwrap().len(), 60);
}

#[test]
fn uses_are_written_down_once_a_day() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let test = TestStore::new();
    let items = [Used::Package(pid(1)), Used::Source(SourceId::from_bytes([1; 32]))];
    let now = 1000 * DAY;
    assert_eq!(test.store.touch(&items, now).unwrap(), 2);
    assert_eq!(test.store.touch(&items, now + DAY - 1).unwrap(), 0);
    assert_eq!(test.store.read().unwrap().last_use(&items[0]).unwrap(), Some(now));
    assert_eq!(test.store.touch(&items[..1], now + DAY).unwrap(), 1);
    let index = test.store.read().unwrap();
    assert_eq!(index.last_uses().unwrap(), [(items[0], now + DAY), (items[1], now)]);
    assert_eq!(index.to_touch(&items, now + DAY).unwrap(), items[1..]);
    drop(index);
    // A clock that is ten years ahead for a while: its mark does not stay.
    assert_eq!(test.store.touch(&items, now + 3650 * DAY).unwrap(), 2);
    assert_eq!(test.store.touch(&items, now).unwrap(), 2);
}

/// An index that an earlier nuka made has not all tables.
#[test]
fn tables_that_came_later_are_added() {
    let test = TestStore::new();
    let path = test.root().join("index.redb");
    update(&test.store, |index| index.put_value("n", b"k", b"v"));
    test.store.release_index();
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let uses = redb::TableDefinition::<&[u8], &[u8]>::new("uses");
    assert!(transaction.delete_table(uses).unwrap());
    transaction.commit().unwrap();
    drop(database);
    let index = test.store.read().unwrap();
    assert_eq!(index.value("n", b"k").unwrap().unwrap(), b"v");
    assert!(index.last_uses().unwrap().is_empty());
}
