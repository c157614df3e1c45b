//! Trees written out again: to directories and as tars.

use crate::support::{TestStore, files_below, noise, show, tree};
use nuka_store::{
    ObjectReader,
    export::{ExportError, export_directory, export_tar},
    import::{ImportOptions, import_directory, import_tar},
};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn what_is_exported_and_imported_is_the_same_tree() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let long = format!("deep/{}/{}", "d".repeat(120), "n".repeat(200));
    let target = format!("l -> {}", "t".repeat(300));
    let files = [
        ("bin/tool*", "#!"),
        ("lib/a", "a"),
        ("lib/b -> ../a", ""),
        (&*long, "long"),
        (&*target, ""),
        ("z", ""),
    ];
    let original = tree(&batch, &files);
    batch.commit_objects().unwrap();
    let place = test.dir.path().join("out");
    export_directory(&test.store, &original.cid, &place).unwrap();
    let mode = |name: &str| std::fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("bin/tool"), mode("lib/a"), mode("lib"), mode("")), (0o755, 0o644, 0o755, 0o755));
    assert_eq!(std::fs::metadata(place.join("lib/a")).unwrap().nlink(), 1, "never a hard link");
    let mut bytes = Vec::new();
    export_tar(&test.store, &original.cid, &mut bytes).unwrap();
    let mut again = Vec::new();
    export_tar(&test.store, &original.cid, &mut again).unwrap();
    assert_eq!(bytes, again);
    let batch = test.store.batch();
    let options = ImportOptions { strip: Some(0), ..ImportOptions::default() };
    assert_eq!(import_directory(&batch, &place, &options).unwrap().tree, original);
    assert_eq!(import_tar(&batch, bytes.as_slice(), &options).unwrap(), original);
}

#[test]
fn nothing_is_overwritten_and_failures_leave_nothing() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let stored = tree(&batch, &[("a", "1"), ("b", "2")]);
    batch.commit_objects().unwrap();
    let place = test.dir.path().join("out");
    std::fs::create_dir(&place).unwrap();
    export_directory(&test.store, &stored.cid, &place).unwrap();
    let error = export_directory(&test.store, &stored.cid, &place).unwrap_err();
    assert!(matches!(error, ExportError::Exists { .. }));
    assert!(error.to_string().ends_with("is not an empty directory: choose another place, or remove it"));
    let blob = test.store.blob_path(&nuka_pir::BlobId::of(b"2"));
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, "3").unwrap();
    let second = test.dir.path().join("second");
    let error = export_directory(&test.store, &stored.cid, &second).unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    let names: Vec<_> = std::fs::read_dir(test.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(export_tar(&test.store, &stored.cid, &mut Vec::new()).is_err());
}

/// Golden vector: the same tree is the same tar for ever.
#[test]
fn the_tar_is_pinned() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let stored = tree(&batch, &[("d/a*", "1"), ("d/l -> a", ""), ("big", "x")]);
    let mut bytes = Vec::new();
    export_tar(&batch, &stored.cid, &mut bytes).unwrap();
    insta::assert_snapshot!(nuka_pir::BlobId::of(&bytes), @"7jqw2hwvj252342lb47zeuxpekfchvqhl3eayqgihqsttcpbrlea");
    assert_eq!(bytes.len(), 512 * (2 + 1 + 2 + 1 + 2));
}

#[test]
fn large_files_are_exported_whole() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let bytes = noise(3, (5 << 20) + 1);
    let blob = batch.add_blob(&bytes).unwrap();
    let mut builder = nuka_store::TreeBuilder::new();
    let node = nuka_store::Node::File { blob, size: bytes.len() as u64, executable: false };
    builder.insert(&batch, &crate::support::path("big"), node).unwrap();
    let stored = builder.finish(&batch).unwrap();
    batch.commit_objects().unwrap();
    let place = test.dir.path().join("a/b/out");
    export_directory(&test.store, &stored.cid, &place).unwrap();
    assert!(std::fs::read(place.join("big")).unwrap() == bytes);
    assert_eq!(files_below(&place).len(), 1);
    assert!(show(&test.store, &stored.cid).starts_with("big ("));
}
