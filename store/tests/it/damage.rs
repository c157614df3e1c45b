//! A damaged index is an error that names the file and says what to do, never a panic; the objects stay.

use crate::support::{TestStore, listing, name, noise, pid, realisation, register, tree, version};
use nuka_store::{IndexError, ObjectReader, Store, StoreError, StoreOptions, verify_tree};
use std::path::Path;

/// Uses the index in every way. What it says may be wrong after damage; it may fail, and not panic.
fn use_all(root: &Path) -> Result<(), StoreError> {
    let store = Store::open(root, &StoreOptions::default())?;
    let result = (|| {
        let index = store.read()?;
        for (pid, _) in index.realised()? {
            index.pir(&pid)?;
        }
        for (_, pid, _) in index.packages()? {
            index.realisation(&pid)?;
            index.log_of(&pid)?;
            let _ = index.pid_with_prefix(&pid.to_string())?;
        }
        index.values("n")?;
        index.roots()?;
        drop(index);
        let batch = store.batch();
        let stored = tree(&batch, &[("after", "damage")]);
        batch.commit(|index| {
            for number in 0..50 {
                index.put_pir(&pid(number), &name("again"), &version("1"), &noise(number, 900))?;
            }
            Ok::<_, StoreError>(index.put_realisation(&pid(9), &realisation(9, stored))?)
        })
    })();
    store.release_index();
    result
}

fn filled() -> TestStore {
    let test = TestStore::new();
    let batch = test.store.batch();
    let stored = tree(&batch, &[("a", "1")]);
    register(batch, 1, stored);
    test.store
        .update(|index| {
            for number in 0..200 {
                index.put_pir(&pid(number), &name("p"), &version("1"), &noise(number, 700))?;
            }
            Ok::<_, StoreError>(index.put_value("n", b"k", b"v")?)
        })
        .unwrap();
    test.reopen()
}

#[test]
fn flipped_and_missing_bytes_are_errors_and_never_panics() {
    let test = filled();
    let root = test.root();
    let index = root.join("index.redb");
    let stored = crate::support::tree(&test.store.batch(), &[("a", "1")]);
    let dir = test.dir;
    drop(test.store);
    let good = std::fs::read(&index).unwrap();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut damaged, mut fine) = (0, 0);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for round in 0..120_u64 {
            let mut bytes = good.clone();
            let random = noise(round, 64);
            let at = |from: usize| {
                let number = u64::from_le_bytes(random[from..from + 8].try_into().unwrap());
                usize::try_from(number % bytes.len() as u64).unwrap()
            };
            let (first, second) = (at(0), at(8));
            match round % 4 {
                // A bit, a page of rubbish, a page of zeros, an end that is missing. The first pages often.
                0 => bytes[if round % 8 == 0 { first % 4096 } else { first }] ^= 1 << (random[20] % 8),
                1 => {
                    let page = first / 4096 * 4096;
                    let end = (page + 4096).min(bytes.len());
                    bytes[page..end].copy_from_slice(&noise(round, end - page));
                }
                2 => {
                    let page = if round % 8 == 2 { 0 } else { second / 4096 * 4096 };
                    let end = (page + 4096).min(bytes.len());
                    bytes[page..end].fill(0);
                }
                _ => bytes.truncate(first),
            }
            std::fs::write(&index, &bytes).unwrap();
            match use_all(&root) {
                Ok(()) => fine += 1,
                Err(StoreError::Index(
                    error @ (IndexError::Damaged { .. }
                    | IndexError::Record { .. }
                    | IndexError::Version { .. }
                    | IndexError::Io { .. }),
                )) => {
                    damaged += 1;
                    let text = error.to_string();
                    assert!(text.contains("index.redb"), "{text}");
                }
                Err(error) => panic!("round {round}: {error}"),
            }
        }
    }));
    std::panic::set_hook(before);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    assert!(damaged > 40 && fine > 5, "{damaged} damaged, {fine} fine");
    // The advice in the error works: without the file a new index is begun, and the objects are there.
    std::fs::remove_file(&index).unwrap();
    use_all(&root).unwrap();
    let store = crate::support::open(&root);
    assert!(verify_tree(&store, &stored.cid).is_empty());
    assert!(store.has(&stored.cid.into()).unwrap());
    drop(dir);
}

#[test]
fn the_error_says_what_to_do() {
    let test = filled();
    let root = test.root();
    let _dir = test.dir;
    drop(test.store);
    std::fs::write(root.join("index.redb"), "this is no index").unwrap();
    let error = use_all(&root).unwrap_err().to_string();
    assert!(error.contains("index.redb is damaged ("), "{error}");
    assert!(
        error.ends_with("`nuka store verify --rebuild-index` makes it again from the objects"),
        "{error}"
    );
}

/// A writer that died in the middle is repaired by the next one who opens the index.
#[test]
fn an_index_that_was_not_closed_is_repaired() {
    let test = filled();
    let copy = tempfile::tempdir().unwrap();
    // A copy of the file while it is open for writing is what a kill leaves.
    test.store.update(|index| Ok::<_, StoreError>(index.put_value("n", b"late", b"x")?)).unwrap();
    let bytes = std::fs::read(test.root().join("index.redb")).unwrap();
    let root = copy.path().join("store");
    drop(crate::support::open(&root));
    std::fs::write(root.join("index.redb"), bytes).unwrap();
    let store = crate::support::open(&root);
    let index = store.read().unwrap();
    assert_eq!(index.value("n", b"late").unwrap().unwrap(), b"x");
    assert_eq!(index.pids().unwrap().len(), 200);
}

#[test]
fn listing_is_the_same_after_an_update_that_fails() {
    let test = filled();
    let before = listing(&test.store);
    let result = test.store.update(|index| {
        index.put_pir(&pid(999), &name("p"), &version("1"), b"x")?;
        Err::<(), _>(StoreError::NoObject { id: nuka_pir::BlobId::of(b"") })
    });
    assert!(result.is_err());
    assert_eq!(listing(&test.store), before);
    assert!(test.store.read_blob(&nuka_pir::BlobId::of(b"1")).is_ok());
}
