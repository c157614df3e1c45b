//! Objects whose bytes changed on the disk: never shown, reported, and shown again when they are whole.

use crate::{
    mounted::{How, Room, Server},
    trees::{noise, simple},
};
use nuka_store::ObjectReader as _;
use rustix::io::Errno;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
};

/// What a fault of the disk, or somebody who may, does to an object.
pub fn flip(object: &Path, at: u64) {
    let before = fs::metadata(object).unwrap().permissions();
    fs::set_permissions(object, fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(object).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    fs::set_permissions(object, before).unwrap();
}

fn is_eio<T: std::fmt::Debug>(result: io::Result<T>) {
    assert_eq!(Errno::from_io_error(&result.unwrap_err()), Some(Errno::IO));
}

pub fn of_a_file() {
    for flags in [vec![], vec!["passthrough"]] {
        let room = Room::new();
        let large = noise(1, 3 << 20);
        let files: [(&str, &[u8]); 4] =
            [("small", b"some bytes"), ("large", &large), ("missing", b"gone"), ("long", b"too long")];
        let tree =
            room.add(|batch| simple(batch, &[files[0], files[1], files[2], files[3], ("good", b"good")]));
        let object = |name: &str| room.object_of(&tree, name);
        flip(&object("small"), 3);
        flip(&object("large"), 2 << 20);
        fs::remove_file(object("missing")).unwrap();
        fs::set_permissions(object("long"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::OpenOptions::new().append(true).open(object("long")).unwrap().write_all(b"er").unwrap();
        let mut server = Server::start_as(&room, &How { flags, ..How::default() });
        let top = server.show("package", &tree);
        for (name, _) in files {
            for _ in 0..3 {
                is_eio(fs::read(top.join(name)));
            }
        }
        // Not even those parts that are right, because nobody has looked at them one by one.
        is_eio(fs::File::open(top.join("large")).and_then(|file| file.read_at(&mut [0; 10], 0)));
        assert_eq!(fs::read(top.join("good")).unwrap(), b"good");
        let damages = server.damages();
        assert_eq!(damages.len(), files.len(), "{damages:#?}");
        for (name, says) in [
            ("small", "its bytes hash to"),
            ("large", "its bytes hash to"),
            ("missing", "is not in the store"),
            ("long", "it has 10 bytes, and the directory that names it says 8"),
        ] {
            let about = object(name).display().to_string();
            assert!(
                damages.iter().any(|damage| damage.contains(&about) && damage.contains(says)),
                "{damages:#?}"
            );
        }
        // Healed: by adding the same again, in another file, or in the same one.
        for name in ["small", "long", "missing"] {
            room.store
                .quarantine(&nuka_pir::BlobId::of(files.iter().find(|file| file.0 == name).unwrap().1))
                .ok();
        }
        flip(&object("large"), 2 << 20);
        room.add(|batch| simple(batch, &files));
        for (name, bytes) in files {
            assert!(fs::read(top.join(name)).unwrap() == bytes, "{name} is not healed");
        }
    }
}

pub fn of_a_directory() {
    let room = Room::new();
    let tree = room
        .add(|batch| simple(batch, &[("dir/inner", b"inner"), ("other/inner", b"other"), ("file", b"file")]));
    flip(&room.object_of(&tree, "dir"), 20);
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    // It is seen where it is, and one link says that nobody knows what is in it.
    assert!(fs::metadata(top.join("dir")).unwrap().is_dir());
    is_eio(fs::read_dir(top.join("dir")).and_then(Iterator::collect::<io::Result<Vec<_>>>));
    is_eio(fs::read(top.join("dir/inner")));
    assert_eq!(fs::read(top.join("other/inner")).unwrap(), b"other");
    assert_eq!(fs::read_dir(&top).unwrap().count(), 3);
    let damages = server.damages();
    assert!(damages.len() == 1 && damages[0].contains("its bytes hash to"), "{damages:#?}");
    flip(&room.object_of(&tree, "other"), 0);
    flip(&room.object_of(&tree, "dir"), 20);
    assert_eq!(fs::read(top.join("dir/inner")).unwrap(), b"inner");
}

/// An object that was right when the file was opened: what the kernel has not read yet is not shown any more.
pub fn while_open() {
    let room = Room::new();
    let bytes = noise(1, 8 << 20);
    let tree = room.add(|batch| simple(batch, &[("large", &bytes)]));
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    let file = fs::File::open(top.join("large")).unwrap();
    let mut part = vec![0; 4096];
    file.read_exact_at(&mut part, 0).unwrap();
    assert!(part == bytes[..4096]);
    flip(&room.object_of(&tree, "large"), 6 << 20);
    is_eio(file.read_exact_at(&mut part, 6 << 20));
    assert_eq!(server.damages().len(), 1);
    flip(&room.object_of(&tree, "large"), 6 << 20);
    file.read_exact_at(&mut part, 6 << 20).unwrap();
    assert!(part == bytes[6 << 20..(6 << 20) + 4096]);
}

/// A package that is collected after it was listed: what is missing of it is not there, and no damage.
pub fn of_what_was_collected() {
    let room = Room::new();
    let tree = room.add(|batch| simple(batch, &[("file", b"bytes"), ("other", b"others")]));
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    let open = fs::File::open(top.join("file")).unwrap();
    server.tell("remove package");
    for name in ["file", "other"] {
        fs::remove_file(room.object_of(&tree, name)).unwrap();
    }
    fs::remove_file(room.store.blob_path(&tree.cid.into())).unwrap();
    // The kernel still believes in the names, and is told that what it knows is stale.
    let read = io::Read::read(&mut { open }, &mut [0; 10]).unwrap_err();
    assert_eq!(Errno::from_io_error(&read), Some(Errno::STALE));
    server.tell("changed package");
    assert_eq!(fs::read(top.join("other")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(server.damages(), Vec::<String>::new());
}
