//! Building, walking, finding, comparing, merging and checking trees.

use crate::support::{TestStore, noise, path, show, tree};
use nuka_pir::{BlobId, Cid};
use nuka_store::{
    BuildError, Change, Directory, EntryName, LookupError, MAX_DEPTH, MergeError, Node, ObjectReader, Part,
    StoreError, SymlinkTarget, TreeBuilder, TreePath, diff, lookup, merge, verify_tree, walk,
};

#[test]
fn the_same_files_make_the_same_tree_in_any_order() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let files = [("bin/tool*", "#!"), ("lib/a", "a"), ("lib/b -> a", ""), ("z", "")];
    let first = tree(&batch, &files);
    let mut reversed = files;
    reversed.reverse();
    assert_eq!(tree(&batch, &reversed), first);
    assert_eq!((first.size, first.count), (3, 6));
    insta::assert_snapshot!(show(&batch, &first.cid), @r"
    bin/
    bin/tool* #!
    lib/
    lib/a a
    lib/b -> a
    z 
    ");
    insta::assert_snapshot!(first.cid, @"zladsdhknhro36luo25gobomw4ltp2nvku5d5hlaq4naysyejw3q");
}

#[test]
fn conflicts_are_named() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let mut builder = TreeBuilder::new();
    let file = Node::File { blob: batch.add_blob(b"").unwrap(), size: 0, executable: false };
    let link = Node::Symlink { target: SymlinkTarget::new("/etc").unwrap() };
    builder.insert(&batch, &path("a/b"), file.clone()).unwrap();
    builder.insert(&batch, &path("l"), link).unwrap();
    let mut error = |at: &str| builder.insert(&batch, &path(at), file.clone()).unwrap_err().to_string();
    insta::assert_snapshot!(error("a/b"), @"`a/b` comes twice: as file, and again as file");
    insta::assert_snapshot!(error("a"), @"`a` comes twice: as directory, and again as file");
    insta::assert_snapshot!(error("a/b/c"), @"`a/b/c` cannot be: `a/b` is no directory (file)");
    insta::assert_snapshot!(error("l/passwd"), @"`l/passwd` cannot be: `l` is no directory (symlink)");
    assert!(matches!(builder.insert(&batch, &TreePath::root(), file.clone()), Err(BuildError::Root { .. })));
    builder.insert_directory(&batch, &path("a")).unwrap();
    assert!(matches!(builder.insert_directory(&batch, &path("a/b")), Err(BuildError::Duplicate { .. })));
}

#[test]
fn stored_trees_can_be_put_in_and_changed() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let inner = tree(&batch, &[("x/one", "1"), ("x/two", "2")]);
    let mut builder = TreeBuilder::new();
    builder.insert(&batch, &path("deep/inner"), inner.node()).unwrap();
    let three = Node::File { blob: batch.add_blob(b"3").unwrap(), size: 1, executable: false };
    builder.insert(&batch, &path("deep/inner/x/three"), three).unwrap();
    let made = builder.finish(&batch).unwrap();
    let whole =
        tree(&batch, &[("deep/inner/x/one", "1"), ("deep/inner/x/two", "2"), ("deep/inner/x/three", "3")]);
    assert_eq!(made, whole);
    let again = TreeBuilder::from_tree(&batch, &whole.cid).unwrap().finish(&batch).unwrap();
    assert_eq!(again, whole);
    let builder = TreeBuilder::from_tree(&batch, &whole.cid).unwrap();
    let part = builder.finish_at(&batch, &path("deep/inner/x")).unwrap().unwrap();
    assert_eq!(part.count, 3);
    let builder = TreeBuilder::from_tree(&batch, &whole.cid).unwrap();
    assert!(builder.finish_at(&batch, &path("deep/inner/x/one")).unwrap().is_none());
}

#[test]
fn depth_is_limited_where_trees_are_made_and_read() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let deep = |depth: usize| (0..depth).map(|_| EntryName::new("d").unwrap()).collect::<TreePath>();
    let mut builder = TreeBuilder::new();
    builder.insert_directory(&batch, &deep(MAX_DEPTH)).unwrap();
    assert!(matches!(
        builder.insert_directory(&batch, &deep(MAX_DEPTH + 1)),
        Err(BuildError::TooDeep { .. })
    ));
    let deepest = builder.finish(&batch).unwrap();
    assert_eq!(walk(&batch, &deepest.cid).map(Result::unwrap).count(), MAX_DEPTH);
    let mut builder = TreeBuilder::new();
    let error = builder.insert(&batch, &path("one-more"), deepest.node()).unwrap_err();
    assert!(matches!(error, BuildError::TooDeep { .. }), "{error}");
    // Somebody else made a deeper one: it can be stored, but not read.
    let entries = vec![(EntryName::new("d").unwrap(), deepest.node())];
    let too_deep = batch.add_directory(&Directory::new(entries).unwrap()).unwrap();
    let error = walk(&batch, &too_deep.cid).find_map(Result::err).unwrap();
    assert!(
        error.to_string().starts_with("the tree is too deep: depth limit 256 reached at `d/d/d"),
        "{error}"
    );
    assert!(verify_tree(&batch, &too_deep.cid).iter().any(|p| matches!(p.error, StoreError::TooDeep { .. })));
}

#[test]
fn lookup_says_what_is_missing() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let cid = tree(&batch, &[("usr/bin/tool*", "x"), ("usr/link -> bin", "")]).cid;
    assert!(matches!(
        lookup(&batch, &cid, &path("usr/bin/tool")).unwrap(),
        Node::File { executable: true, .. }
    ));
    assert!(matches!(lookup(&batch, &cid, &TreePath::root()).unwrap(), Node::Directory { count: 4, .. }));
    let error = |at: &str| lookup(&batch, &cid, &path(at)).unwrap_err();
    insta::assert_snapshot!(error("usr/lib/x"), @"there is no `usr/lib/x` in the tree: `usr/lib` does not exist");
    insta::assert_snapshot!(error("usr/link/tool"), @"there is no `usr/link/tool` in the tree: `usr/link` is no directory (symlink)");
    assert!(matches!(error("nothing"), LookupError::NotFound { .. }));
}

#[test]
fn diff_lists_what_differs() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let before =
        tree(&batch, &[("same/a", "a"), ("changed", "1"), ("gone/x", ""), ("kind", "f"), ("mode", "m")]);
    let after =
        tree(&batch, &[("same/a", "a"), ("changed", "2"), ("new/y", ""), ("kind/z", ""), ("mode*", "m")]);
    let shown: Vec<String> = diff(&batch, &before.cid, &after.cid)
        .unwrap()
        .iter()
        .map(|difference| match &difference.change {
            Change::Added(node) => format!("+ {} ({})", difference.path, node.kind()),
            Change::Removed(node) => format!("- {} ({})", difference.path, node.kind()),
            Change::Changed { before, after } => {
                format!("! {} ({} to {})", difference.path, before.kind(), after.kind())
            }
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    ! changed (file to file)
    - gone (directory)
    ! kind (file to directory)
    ! mode (file to executable file)
    + new (directory)
    ");
    assert!(diff(&batch, &before.cid, &before.cid).unwrap().is_empty());
}

#[test]
fn a_view_is_the_union_in_any_order() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let part =
        |owner: &str, files: &[(&str, &str)]| Part { owner: owner.into(), cid: tree(&batch, files).cid };
    let parts = [
        part("zlib", &[("usr/lib/libz.a", "z"), ("usr/include/zlib.h", "h"), ("usr/share/licence", "same")]),
        part("lua", &[("usr/bin/lua*", "l"), ("usr/share/licence", "same")]),
        part("doc", &[("usr/share/doc/x", "d")]),
    ];
    let view = merge(&batch, &parts).unwrap();
    let mut reversed = parts.to_vec();
    reversed.reverse();
    assert_eq!(merge(&batch, &reversed).unwrap(), view);
    insta::assert_snapshot!(show(&batch, &view.cid), @r"
    usr/
    usr/bin/
    usr/bin/lua* l
    usr/include/
    usr/include/zlib.h h
    usr/lib/
    usr/lib/libz.a z
    usr/share/
    usr/share/doc/
    usr/share/doc/x d
    usr/share/licence same
    ");
    assert_eq!(merge(&batch, &[]).unwrap(), Directory::default().tree());
    assert_eq!(merge(&batch, &parts[..1]).unwrap().cid, parts[0].cid);
}

#[test]
fn a_view_names_both_owners_of_a_conflict() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let part =
        |owner: &str, files: &[(&str, &str)]| Part { owner: owner.into(), cid: tree(&batch, files).cid };
    let conflict = |first: &[(&str, &str)], second: &[(&str, &str)]| {
        merge(&batch, &[part("one", first), part("two", second)]).unwrap_err()
    };
    let error = conflict(&[("usr/a", "1")], &[("usr/a", "2")]);
    insta::assert_snapshot!(error, @"`usr/a` comes from both `one` (file) and `two` (file), and they differ");
    let error = conflict(&[("usr/a", "1")], &[("usr/a*", "1")]);
    insta::assert_snapshot!(error, @"`usr/a` comes from both `one` (file) and `two` (executable file), and they differ");
    assert!(matches!(conflict(&[("a/b", "")], &[("a", "")]), MergeError::Conflict { .. }));
    assert!(matches!(conflict(&[("a", "")], &[("a/b", "")]), MergeError::Conflict { .. }));
    // A third part conflicts with what two merged to.
    let parts = [part("x", &[("d/1", "")]), part("y", &[("d/2", "")]), part("z", &[("d -> e", "")])];
    assert!(matches!(merge(&batch, &parts), Err(MergeError::Conflict { second, .. }) if second == "z"));
}

#[test]
fn verify_names_what_is_missing_damaged_or_lying() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let good = tree(&batch, &[("a", "1"), ("d/b", "2"), ("d/c", "3")]);
    let lie = |node| {
        let entries = vec![(EntryName::new("lie").unwrap(), node)];
        batch.add_directory(&Directory::new(entries).unwrap()).unwrap()
    };
    let Node::Directory { cid, .. } = good.node() else { panic!() };
    let wrong_totals = lie(Node::Directory { cid, size: 1, count: 1 });
    let blob = batch.add_blob(b"1").unwrap();
    let wrong_size = lie(Node::File { blob, size: 7, executable: false });
    let missing = lie(Node::File { blob: BlobId::of(b"nowhere"), size: 7, executable: false });
    let not_a_directory = lie(Node::Directory { cid: Cid::from_bytes(*blob.as_bytes()), size: 0, count: 0 });
    batch.commit_objects().unwrap();
    assert!(verify_tree(&test.store, &good.cid).is_empty());
    let shown = |cid| {
        let problems = verify_tree(&test.store, cid);
        assert_eq!(problems.len(), 1, "{problems:?}");
        format!("{}: {}", problems[0].path, problems[0].error)
    };
    insta::assert_snapshot!(shown(&wrong_totals.cid), @"lie: the directory that holds `lie` says (1, 1) (bytes, nodes) of it, but it has (3, 4)");
    insta::assert_snapshot!(shown(&wrong_size.cid), @"lie: the directory that holds `lie` says that it has 7 bytes, but its object has 1");
    assert!(shown(&missing.cid).ends_with("is not in the store"));
    assert!(shown(&not_a_directory.cid).ends_with("it does not begin as a directory object does"));
    let path = test.store.blob_path(&blob);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "?").unwrap();
    assert!(shown(&good.cid).starts_with("a: the object "));
    assert!(matches!(test.store.read_blob(&blob), Err(StoreError::Damaged { .. })));
}

/// Walking a tree twice gives the same, and its totals are the sums of what is walked.
#[test]
fn totals_are_the_sums_of_what_is_walked() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let mut builder = TreeBuilder::new();
    for number in 0..500_u64 {
        let bytes = noise(number, usize::try_from(number % 7).unwrap());
        let blob = batch.add_blob(&bytes).unwrap();
        let at = path(&format!("d{}/e{}/{number}", number % 5, number % 11));
        builder
            .insert(&batch, &at, Node::File { blob, size: bytes.len() as u64, executable: false })
            .unwrap();
    }
    let made = builder.finish(&batch).unwrap();
    let (mut size, mut count) = (0, 0);
    for visit in walk(&batch, &made.cid).map(Result::unwrap) {
        count += 1;
        if let Node::File { size: bytes, .. } = visit.node {
            size += bytes;
        }
    }
    assert_eq!((made.size, made.count), (size, count));
}
