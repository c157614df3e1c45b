//! Importing directories of this machine: right, quick the second time, and never fooled.

use crate::support::{TestStore, assert_no_temporaries, show};
use nuka_store::{
    ObjectReader, StoreError, Tree,
    import::{ImportError, ImportOptions, Limits, import_directory},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

/// Imports and registers, as the daemon does. Also says how many files were read.
fn import(test: &TestStore, path: &Path) -> Result<(Tree, u64), ImportError> {
    let batch = test.store.batch();
    let imported = import_directory(&batch, path, &ImportOptions::default())?;
    let read = imported.files.files_read();
    batch.commit(|index| Ok::<_, ImportError>(imported.files.remember(index).map_err(StoreError::Index)?))?;
    Ok((imported.tree, read))
}

/// Long enough for the times of files to be told apart.
fn settle() {
    std::thread::sleep(Duration::from_millis(120));
}

fn source(test: &TestStore) -> PathBuf {
    let path = test.dir.path().join("source");
    fs::create_dir_all(path.join("lib/empty")).unwrap();
    fs::write(path.join("tool"), "#!").unwrap();
    fs::set_permissions(path.join("tool"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(path.join("lib/a"), "aaa").unwrap();
    fs::write(path.join("lib/b"), "bbb").unwrap();
    symlink("/nowhere", path.join("lib/link")).unwrap();
    path
}

#[test]
fn a_directory_becomes_its_tree() {
    let test = TestStore::new();
    let (tree, read) = import(&test, &source(&test)).unwrap();
    assert_eq!(read, 3);
    insta::assert_snapshot!(show(&test.store, &tree.cid), @r"
    lib/
    lib/a aaa
    lib/b bbb
    lib/empty/
    lib/link -> /nowhere
    tool* #!
    ");
    assert_no_temporaries(&test.root());
}

#[test]
fn unchanged_files_are_not_read_again_and_changed_ones_are() {
    let test = TestStore::new();
    let path = source(&test);
    settle();
    let (first, read) = import(&test, &path).unwrap();
    assert_eq!(read, 3);
    assert_eq!(import(&test, &path).unwrap(), (first, 0));
    // The same length, and the old modification time put back: the change time tells.
    let times = fs::metadata(path.join("lib/a")).unwrap();
    let written = fs::File::options().write(true).open(path.join("lib/a")).unwrap();
    std::io::Write::write_all(&mut &written, b"AAA").unwrap();
    written.set_modified(times.modified().unwrap()).unwrap();
    drop(written);
    settle();
    let (second, read) = import(&test, &path).unwrap();
    assert_eq!(read, 1);
    assert!(show(&test.store, &second.cid).contains("lib/a AAA"));
    assert_eq!(import(&test, &path).unwrap(), (second, 0));
    // Another mode, the same bytes.
    fs::set_permissions(path.join("tool"), fs::Permissions::from_mode(0o600)).unwrap();
    settle();
    let (third, _) = import(&test, &path).unwrap();
    assert!(show(&test.store, &third.cid).contains("tool #!"));
    // Renamed: an inode that is known under another name.
    fs::rename(path.join("lib/a"), path.join("lib/c")).unwrap();
    settle();
    let (fourth, _) = import(&test, &path).unwrap();
    assert!(show(&test.store, &fourth.cid).contains("lib/c AAA"));
}

#[test]
fn files_that_have_just_changed_are_not_trusted() {
    let test = TestStore::new();
    let path = source(&test);
    import(&test, &path).unwrap();
    assert_eq!(import(&test, &path).unwrap().1, 3, "too young to be remembered");
}

#[test]
fn a_lost_object_is_read_again() {
    let test = TestStore::new();
    let path = source(&test);
    settle();
    let (tree, _) = import(&test, &path).unwrap();
    fs::remove_file(test.store.blob_path(&nuka_pir::BlobId::of(b"bbb"))).unwrap();
    assert_eq!(import(&test, &path).unwrap(), (tree, 1));
    assert!(nuka_store::verify_tree(&test.store, &tree.cid).is_empty());
}

#[test]
fn kinds_that_a_tree_has_not_are_named() {
    let test = TestStore::new();
    let path = source(&test);
    let _socket = std::os::unix::net::UnixListener::bind(path.join("lib/socket")).unwrap();
    let error = import(&test, &path).unwrap_err().to_string();
    assert!(error.contains("lib/socket` is a socket: a tree holds files"), "{error}");
    fs::remove_file(path.join("lib/socket")).unwrap();
    fs::set_permissions(path.join("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    let error = import(&test, &path).unwrap_err().to_string();
    assert!(error.contains("/tool` has the set-user-id bit"), "{error}");
    let batch = test.store.batch();
    let limits = Limits { entries: 3, ..Limits::default() };
    let error = import_directory(&batch, &path, &ImportOptions { limits, ..ImportOptions::default() });
    assert!(error.is_err());
    let error = import(&test, &test.dir.path().join("missing")).unwrap_err().to_string();
    assert!(error.starts_with("cannot open the directory"), "{error}");
    assert_no_temporaries(&test.root());
}

/// Links are never followed below the top, also while somebody changes directories to links and back.
#[test]
fn a_swapper_cannot_lead_the_import_outside() {
    let test = TestStore::new();
    let path = source(&test);
    let outside = test.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a"), "SECRET").unwrap();
    fs::write(outside.join("b"), "SECRET").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(path.join("lib"), path.join("aside")).unwrap();
                symlink(&outside, path.join("lib")).unwrap();
                fs::remove_file(path.join("lib")).unwrap();
                fs::rename(path.join("aside"), path.join("lib")).unwrap();
            }
        });
        for _ in 0..200 {
            let batch = test.store.batch();
            if let Ok(imported) = import_directory(&batch, &path, &ImportOptions::default()) {
                let shown = show(&batch, &imported.tree.cid);
                assert!(!shown.contains("SECRET"), "{shown}");
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// A file that is being written gives a consistent state or an error, never a mixture.
#[test]
fn a_file_that_changes_is_read_again_or_refused() {
    let test = TestStore::new();
    let path = test.dir.path().join("changing");
    fs::create_dir(&path).unwrap();
    let file = path.join("f");
    fs::write(&file, vec![b'a'; 300_000]).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut byte = b'a';
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                byte = if byte == b'z' { b'a' } else { byte + 1 };
                fs::write(path.join("new"), vec![byte; 300_000]).unwrap();
                fs::rename(path.join("new"), &file).unwrap();
            }
        });
        for _ in 0..100 {
            let batch = test.store.batch();
            if let Ok(imported) = import_directory(&batch, &path, &ImportOptions::default()) {
                for visit in nuka_store::walk(&batch, &imported.tree.cid).map(Result::unwrap) {
                    let nuka_store::Node::File { blob, .. } = visit.node else { panic!() };
                    let bytes = nuka_store::ObjectReader::read_blob(&batch, &blob).unwrap();
                    assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a mixture");
                }
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
