//! Trees to show: as random as trees can be, and some that are awkward on purpose.

use nuka_store::{Batch, EntryName, Node, SymlinkTarget, Tree, TreeBuilder, TreePath};
use proptest::{collection, prelude::*, sample};
use std::collections::BTreeMap;

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Leaf {
    File(Vec<u8>, bool),
    Link(Vec<u8>),
    Empty,
}

/// A tree, before it is stored.
pub type Plan = BTreeMap<Vec<Vec<u8>>, Leaf>;

/// Stores a plan. What does not fit with what is there already is left out.
pub fn store(batch: &Batch, plan: &Plan) -> Tree {
    let mut builder = TreeBuilder::new();
    for (path, leaf) in plan {
        let path: TreePath = path.iter().map(|name| EntryName::new(name).unwrap()).collect();
        let node = match leaf {
            Leaf::Empty => {
                let _ = builder.insert_directory(batch, &path);
                continue;
            }
            Leaf::File(bytes, executable) => {
                let blob = batch.add_blob(bytes).unwrap();
                Node::File { blob, size: bytes.len() as u64, executable: *executable }
            }
            Leaf::Link(target) => Node::Symlink { target: SymlinkTarget::new(target.clone()).unwrap() },
        };
        let _ = builder.insert(batch, &path, node);
    }
    builder.finish(batch).unwrap()
}

/// Files with these contents; `name*` is executable, `name -> target` a symlink.
pub fn simple(batch: &Batch, files: &[(&str, &[u8])]) -> Tree {
    let mut plan = Plan::new();
    for (name, bytes) in files {
        let parts = |name: &str| name.split('/').map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>();
        if let Some((name, target)) = name.split_once(" -> ") {
            plan.insert(parts(name), Leaf::Link(target.as_bytes().to_vec()));
        } else {
            let executable = name.ends_with('*');
            plan.insert(parts(name.trim_end_matches('*')), Leaf::File(bytes.to_vec(), executable));
        }
    }
    store(batch, &plan)
}

/// Bytes that look random and are the same every time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-c]{1,2}".prop_map(String::into_bytes),
        2 => collection::vec(any::<u8>(), 1..12),
        1 => collection::vec(33_u8.., 200..=255),
    ]
    .prop_filter("no name", |name| EntryName::new(name).is_ok())
}

fn any_leaf() -> impl Strategy<Value = Leaf> {
    let length = prop_oneof![
        4 => 0_usize..100,
        2 => sample::select(vec![0, 1, 4095, 4096, 4097, 131_071, 131_072, 131_073, 300_000]),
    ];
    prop_oneof![
        6 => (any::<u64>(), length, any::<bool>())
            .prop_map(|(seed, length, executable)| Leaf::File(noise(seed, length), executable)),
        2 => collection::vec(1_u8.., 1..60).prop_map(Leaf::Link),
        1 => (1_usize..4096).prop_map(|length| Leaf::Link(vec![b'x'; length])),
        1 => Just(Leaf::Empty),
    ]
}

pub fn any_plan() -> impl Strategy<Value = Plan> {
    collection::btree_map(collection::vec(any_name(), 1..6), any_leaf(), 0..40)
}

/// Deep, wide, empty, equal.
pub fn awkward() -> Plan {
    let mut plan = Plan::new();
    let text = |text: &str| text.as_bytes().to_vec();
    plan.insert((0..255).map(|_| text("d")).collect(), Leaf::File(text("deep"), false));
    for number in 0..5000 {
        plan.insert(
            vec![text("wide"), text(&format!("{number:05}"))],
            Leaf::File(text("equal"), number % 2 == 0),
        );
    }
    plan.insert(vec![text("empty")], Leaf::Empty);
    plan.insert(vec![text("nothing")], Leaf::File(Vec::new(), false));
    plan.insert(vec![text("dangling")], Leaf::Link(text("nowhere/at/all")));
    plan.insert(vec![text("round")], Leaf::Link(text("round")));
    plan.insert(vec![text("...")], Leaf::File(text("dots"), false));
    plan.insert(vec![text(" ")], Leaf::File(text("space"), false));
    plan.insert(vec![b"\xff\n\x1b[31m".to_vec()], Leaf::File(text("rude"), false));
    for number in 0..60 {
        plan.insert(vec![text("many"), text(&number.to_string()), text("sub")], Leaf::Empty);
    }
    plan
}
