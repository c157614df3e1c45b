//! What is prepared is whole or not there, whatever happens, and heals.

use crate::{
    mounted::{Room, myself},
    suite::{in_host, output, views},
    trees::{Leaf, awkward, simple, store},
};
use nuka_store::{Store, StoreOptions, Tree};
use nuka_vfs::view::{ViewError, ViewMeans, Views};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const PREPARED: [ViewMeans; 2] = [ViewMeans::Overlay, ViewMeans::Prepared];

fn room() -> (Room, Tree, Views) {
    let room = Room::new();
    for name in ["at", "cache"] {
        fs::create_dir(room.path(name)).unwrap();
    }
    let mut plan = awkward();
    plan.insert(vec![b"only".to_vec()], Leaf::File(b"nowhere else".to_vec(), true));
    let tree = room.add(|batch| store(batch, &plan));
    let views = views(&room.store, &room.path("cache"));
    (room, tree, views)
}

/// All that is below a directory, but not what is in directories named `pool`.
fn below(place: &Path) -> Vec<PathBuf> {
    let (mut todo, mut found) = (vec![place.to_owned()], Vec::new());
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() && path.file_name().unwrap() != "pool" {
                todo.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

fn means_here(views: &Views) -> Vec<ViewMeans> {
    let answers = views.probe(false);
    PREPARED
        .into_iter()
        .filter(|means| answers.iter().any(|(other, answer)| other == means && answer.is_ok()))
        .collect()
}

/// `prepare STORE CACHE CID overlay|prepared`
pub fn prepare(arguments: &[&str]) {
    let [store, cache, cid, means] = arguments else { panic!("{arguments:?}") };
    let store = Store::open(store, &StoreOptions::default()).unwrap();
    let means = if *means == "overlay" { ViewMeans::Overlay } else { ViewMeans::Prepared };
    views(&store, Path::new(cache)).compose(&cid.parse().unwrap(), means).unwrap();
}

pub fn killed() {
    let (room, tree, views) = room();
    for means in means_here(&views) {
        let name = if means == ViewMeans::Overlay { "overlay" } else { "prepared" };
        for round in 0..12_u32 {
            let mut command = myself(&["prepare"]);
            command.arg(room.store.root()).arg(room.path("cache")).args([&tree.cid.to_string(), name]);
            let mut child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(u64::from(round * round)));
            child.kill().unwrap();
            child.wait().unwrap();
            // Under its name there is nothing or all of it.
            if views.prepared(means).unwrap().contains(&tree.cid) {
                let composed = views.compose(&tree.cid, means).unwrap();
                assert!(
                    composed.directory().join("wide/04999").exists()
                        && composed.directory().join("round").is_symlink()
                );
                views.remove(&tree.cid, means).unwrap();
            }
        }
        let composed = views.compose(&tree.cid, means).unwrap();
        let trees = composed.directory().parent().unwrap();
        let names: Vec<_> = fs::read_dir(trees).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [tree.cid.to_string().as_str()], "something is left");
    }
}

/// What a dead process left is not taken for more than it is.
pub fn cut_preparations() {
    let (room, tree, views) = room();
    let trees = room.path("cache/1/overlay/trees");
    let left = trees.join(format!(".{}.99999999-0", tree.cid));
    fs::create_dir_all(left.join("half")).unwrap();
    assert!(views.prepared(ViewMeans::Overlay).unwrap().is_empty());
    views.compose(&tree.cid, ViewMeans::Overlay).unwrap();
    assert!(!left.exists());
    assert_eq!(views.prepared(ViewMeans::Overlay).unwrap(), [tree.cid]);
}

pub fn at_once() {
    let (room, tree, views) = room();
    for means in means_here(&views) {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| views.compose(&tree.cid, means).unwrap());
            }
        });
        let local = room.path(&format!("local {means}"));
        nuka_store::export::export_directory(&room.store, &tree.cid, &local).unwrap();
        let (at, composed) = (room.path("at"), views.compose(&tree.cid, means).unwrap());
        let arguments = ["inside", "same", at.to_str().unwrap(), local.to_str().unwrap(), "any"];
        output(&in_host(composed, &at, &arguments));
    }
}

pub fn damaged() {
    let room = Room::new();
    let tree = room
        .add(|batch| simple(batch, &[("usr/good", b"good"), ("usr/bad", b"right"), ("usr/run*", b"right")]));
    let views = views(&room.store, &room.path("cache"));
    let object = room.object_of(&tree, "usr/bad");
    let before = fs::read(&object).unwrap();
    let overwrite = |bytes: &[u8]| {
        fs::remove_file(&object).unwrap();
        fs::write(&object, bytes).unwrap();
    };
    for bytes in [b"wrong".as_slice(), b"longer than it was", b""] {
        overwrite(bytes);
        for means in PREPARED {
            let error = views.compose(&tree.cid, means).unwrap_err();
            assert!(matches!(&error, ViewError::Damage(damage) if damage.path == object), "{error}");
            assert!(views.prepared(means).unwrap().is_empty());
        }
        let left = below(&room.path("cache")).into_iter().filter(|path| !path.is_dir()).count();
        assert_eq!(left, 0);
    }
    fs::remove_file(&object).unwrap();
    let error = views.compose(&tree.cid, ViewMeans::Overlay).unwrap_err();
    assert!(matches!(&error, ViewError::Damage(_)), "{error}");
    fs::write(&object, before).unwrap();
    views.compose(&tree.cid, ViewMeans::Overlay).unwrap();
    views.compose(&tree.cid, ViewMeans::Prepared).unwrap();
    // A directory object.
    let object = room.object_of(&tree, "usr");
    fs::remove_file(&object).unwrap();
    for means in PREPARED {
        views.remove(&tree.cid, means).unwrap();
        let error = views.compose(&tree.cid, means).unwrap_err();
        assert!(matches!(&error, ViewError::Store(_)), "{error}");
    }
}

pub fn removed() {
    let (room, tree, views) = room();
    let other = room.add(|batch| {
        simple(batch, &[("wide/00000*", b"equal"), ("wide/more*", b"more"), ("alone", b"alone")])
    });
    for means in means_here(&views) {
        for tree in [&tree, &other] {
            views.compose(&tree.cid, means).unwrap();
        }
        assert_eq!(views.sweep(means).unwrap(), 0, "{means}");
        views.remove(&tree.cid, means).unwrap();
        views.remove(&tree.cid, means).unwrap();
        let swept = views.sweep(means).unwrap();
        assert!(swept > 0, "{means}");
        assert_eq!(views.prepared(means).unwrap(), [other.cid]);
        let shown = views.compose(&other.cid, means).unwrap();
        assert!(shown.directory().join("wide/00000").exists());
        // All of it can go, and is made again.
        fs::remove_dir_all(room.path("cache")).unwrap();
        views.compose(&tree.cid, means).unwrap();
    }
}
