//! Groups: what they keep, and that those that share shards are looked into once.

use crate::support::{TestStore, package, path};
use nuka_pir::{Cid, Pid};
use nuka_store::{
    Root, RootTarget, Store, StoreError, TreeBuilder, Used,
    gc::{self, GcError, GcOptions},
    group,
};

fn make(store: &Store, packages: &[(Pid, nuka_store::Tree)]) -> Cid {
    let batch = store.batch();
    let mut builder = TreeBuilder::new();
    for (pid, tree) in packages {
        builder.insert(&batch, &path(&format!("{}/{pid}/out", group::shard(pid))), tree.node()).unwrap();
    }
    let note = batch.add_blob(b"a note").unwrap();
    let note = nuka_store::Node::File { blob: note, size: 6, executable: false };
    builder.insert(&batch, &path("note"), note).unwrap();
    let tree = builder.finish(&batch).unwrap();
    batch.commit_objects().unwrap();
    tree.cid
}

fn keep(store: &Store, name: &str, group: Cid) {
    let root = Root { target: RootTarget::Group(group), time_ms: 0 };
    store.update(|index| Ok::<_, StoreError>(index.put_root(name.as_bytes(), &root)?)).unwrap();
}

fn collect(store: &Store) -> Result<gc::GcReport, GcError> {
    let options = GcOptions { keep_since_ms: u64::MAX, now_ms: 1, ..GcOptions::default() };
    gc::run(store, gc::plan(store, &options)?, &mut |_| ())
}

fn is_there(store: &Store, pid: &Pid) -> bool {
    store.read().unwrap().realisation(pid).unwrap().is_some()
}

#[test]
fn a_group_keeps_its_packages_and_their_needs_until_it_goes() {
    let test = TestStore::new();
    let store = &test.store;
    let need = package(store, "need", &[], 1, &[("n", "needed")]).unwrap();
    let all: Vec<_> = (0..40)
        .map(|number| {
            package(store, &format!("p{number}"), &[need.0], 1, &[("f", &format!("file {number}"))]).unwrap()
        })
        .collect();
    let (first, second) = (make(store, &all[..39]), make(store, &all[1..39]));
    keep(store, "first", first);
    keep(store, "second", second);
    collect(store).unwrap();
    assert!(is_there(store, &need.0) && all[..39].iter().all(|(pid, _)| is_there(store, pid)));
    assert!(!is_there(store, &all[39].0), "what no group names goes");
    let mut members: Vec<Pid> =
        group::members(store, &first).unwrap().into_iter().map(|(pid, _)| pid).collect();
    members.sort();
    let mut named: Vec<Pid> = all[..39].iter().map(|(pid, _)| *pid).collect();
    named.sort();
    assert_eq!(members, named);
    let why = gc::why(
        store,
        &GcOptions { keep_since_ms: u64::MAX, ..GcOptions::default() },
        &RootTarget::Package(all[0].0),
    );
    assert!(matches!(why.unwrap().unwrap().first(), Some(gc::Link::Root(name)) if name == b"first"));

    // Only what the first alone named goes with it.
    store.update(|index| Ok::<_, StoreError>(index.remove_root(b"first")?)).unwrap();
    collect(store).unwrap();
    assert!(!is_there(store, &all[0].0) && all[1..39].iter().all(|(pid, _)| is_there(store, pid)));
    store.update(|index| Ok::<_, StoreError>(index.remove_root(b"second")?)).unwrap();
    collect(store).unwrap();
    assert!(!is_there(store, &need.0) && !is_there(store, &all[5].0));
    assert!(store.read().unwrap().record(&Used::Package(need.0)).unwrap().is_none());
}

#[test]
fn a_group_that_cannot_be_read_stops_a_collection() {
    let test = TestStore::new();
    let store = &test.store;
    let one = package(store, "one", &[], 1, &[("f", "one")]).unwrap();
    keep(store, "group", make(store, &[one]));
    keep(store, "lost", Cid::from_bytes([7; 32]));
    assert!(matches!(collect(store), Err(GcError::Unreadable { .. })));
    assert!(is_there(store, &one.0));
}
