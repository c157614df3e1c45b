//! The root as packages come and go, and inodes that the kernel has no more use for.

use crate::{
    compare::records,
    mounted::{How, Room, Server},
    trees::{simple, store},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

fn listed(place: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits for what must come about; how long it takes is not what is tested.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < crate::mounted::LONG, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn of_the_root() {
    let room = Room::new();
    let [first, second] =
        ["first", "second"].map(|text| room.add(|batch| simple(batch, &[(text, text.as_bytes())])));
    let insert = |tree: &nuka_store::Tree| format!("{} {} {}", tree.cid, tree.size, tree.count);
    // The kernel believes what it knows for a day, unless it is told.
    let mut server = Server::start(&room);
    let place = server.path().to_owned();
    assert!(listed(&place).is_empty() && fs::metadata(place.join("a")).is_err());
    server.tell(&format!("insert a {}", insert(&first)));
    server.tell(&format!("hide b {}", insert(&second)));
    server.tell("changed a b");
    assert_eq!(listed(&place), ["a"]);
    assert_eq!(fs::read(place.join("a/first")).unwrap(), b"first");
    // What is known is found, though it is not listed.
    assert_eq!(listed(&place.join("b")), ["second"]);
    assert_eq!(fs::metadata(&place).unwrap().links(), 3);
    // Another tree under a name is another inode; who has the old one open keeps it.
    let (before, opened) = (number(&place.join("a")), fs::File::open(place.join("a/first")).unwrap());
    server.tell(&format!("insert a {}", insert(&second)));
    server.tell("changed a");
    assert_eq!(listed(&place.join("a")), ["second"]);
    assert_ne!(number(&place.join("a")), before);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut { opened }, &mut text).unwrap();
    assert_eq!(text, "first");
    server.tell("remove a");
    server.tell("changed a");
    assert!(listed(&place).is_empty() && fs::metadata(place.join("a")).is_err());
    drop(server);
    // Nobody tells it, and it asks again.
    let mut server = Server::start_as(&room, &How { ttl_ms: 20, ..How::default() });
    let place = server.path().to_owned();
    assert!(listed(&place).is_empty() && fs::metadata(place.join("a")).is_err());
    server.tell(&format!("insert a {}", insert(&first)));
    until("a new name is seen", || fs::metadata(place.join("a")).is_ok());
    until("a new name is listed", || listed(&place) == ["a"]);
    server.tell("remove a");
    until("a name that went is not seen", || fs::metadata(place.join("a")).is_err());
    until("a name that went is not listed", || listed(&place).is_empty());
}

trait Links {
    fn links(&self) -> u64;
}

impl Links for fs::Metadata {
    fn links(&self) -> u64 {
        std::os::unix::fs::MetadataExt::nlink(self)
    }
}

fn number(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

/// Who reads the root in parts while it changes sees each name that stays once, and no other twice.
pub fn while_reading() {
    let room = Room::new();
    let tree = room.add(|batch| simple(batch, &[("x", b"x")]));
    let mut server = Server::start_as(&room, &How { ttl_ms: 0, ..How::default() });
    let place = server.path().to_owned();
    for number in 0..300 {
        server.show(&format!("stays{number}"), &tree);
        server.show(&format!("goes{number}"), &tree);
    }
    let (mut seen, mut offset, mut round) = (Vec::new(), 0, 0);
    loop {
        let part = records(&place, offset, 4096);
        let Some(last) = part.get(30.min(part.len().wrapping_sub(1))) else { break };
        offset = last.3;
        seen.extend(part.iter().take(31).map(|(name, ..)| String::from_utf8(name.clone()).unwrap()));
        for number in round * 25..(round + 1) * 25 {
            server.tell(&format!("remove goes{number}"));
            server.show(&format!("comes{number}"), &tree);
        }
        round += 1;
    }
    let count = |prefix: &str| seen.iter().filter(|name| name.starts_with(prefix)).count();
    assert_eq!(count("stays"), 300);
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "a name was seen twice");
}

/// What the kernel forgets, the server forgets.
pub fn inodes_are_forgotten() {
    let room = Room::new();
    let tree = room.add(|batch| store(batch, &crate::trees::awkward()));
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    assert_eq!(server.tell("known"), "0");
    let mut todo = vec![top];
    while let Some(path) = todo.pop() {
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    let known: u64 = server.tell("known").parse().unwrap();
    assert!(known > 5000, "{known}");
    // The kernel lets go of a name that may have changed, and of all below it.
    server.tell("remove package");
    server.tell("changed package");
    until("the inodes are forgotten", || server.tell("known") == "0");
}
