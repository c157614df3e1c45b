//! Reading in every way that programs read.

use crate::{
    mounted::{How, Room, Server},
    trees::{noise, simple},
};
use rustix::fs::{OFlags, SeekFrom};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

/// No multiple of a page or of anything else.
const LARGE: usize = (9 << 20) + 1234;

fn mounted(flags: &[&'static str]) -> (Room, Server, std::path::PathBuf, Vec<u8>) {
    let room = Room::new();
    let bytes = noise(1, LARGE);
    let program = std::fs::read("/bin/true").unwrap();
    let tree = room.add(|batch| {
        simple(
            batch,
            &[("large", &bytes), ("small", b"small"), ("none", b""), ("true*", &program), ("data", &program)],
        )
    });
    let how = How { flags: flags.to_vec(), ..How::default() };
    let mut server = Server::start_as(&room, &how);
    let top = server.show("package", &tree);
    (room, server, top, bytes)
}

pub fn in_every_way() {
    let (_room, mut server, top, bytes) = mounted(&[]);
    assert!(server.tell("state").starts_with("true NotAsked"), "the kernel asks for every open");
    every_way(&top, &bytes);
}

pub fn through_the_kernel() {
    let (_room, mut server, top, bytes) = mounted(&["passthrough"]);
    every_way(&top, &bytes);
    let state = server.tell("state");
    // Unprivileged servers are refused, and then serve as they otherwise do.
    let works = state == "false Works";
    assert!(works || state.contains("Refused") || state.contains("NotOffered"), "{state}");
    if crate::mounted::here() == "private" {
        println!("passthrough: {state}");
    }
}

fn every_way(top: &Path, bytes: &[u8]) {
    let large = File::open(top.join("large")).unwrap();
    // Parts, the last one first, over every kind of border.
    let mut part = vec![0; 150_000];
    for offset in (0..LARGE as u64 + 100_000).step_by(98_765).collect::<Vec<_>>().into_iter().rev() {
        let count = large.read_at(&mut part, offset).unwrap();
        let start = usize::try_from(offset).unwrap().min(LARGE);
        assert!(part[..count] == bytes[start..(start + part.len()).min(LARGE)], "at {offset}");
    }
    // In memory.
    // SAFETY: nothing writes to the file.
    #[allow(unsafe_code, reason = "a map of a file that nobody can change")]
    let map = unsafe { memmap2::Mmap::map(&File::open(top.join("large")).unwrap()) }.unwrap();
    assert!(map[..] == *bytes);
    // Past the page cache.
    let flags = OFlags::DIRECT.bits().cast_signed();
    let direct = OpenOptions::new().read(true).custom_flags(flags).open(top.join("large")).unwrap();
    let mut all = Vec::new();
    // In memory of its own the bytes begin at a page, as reading so asks for.
    let mut pages = memmap2::MmapMut::map_anon(1 << 20).unwrap();
    while let count @ 1.. = direct.read_at(&mut pages, all.len() as u64).unwrap() {
        all.extend_from_slice(&pages[..count]);
    }
    assert!(all == bytes);
    // From file to file in the kernel.
    let mut copy = tempfile::tempfile().unwrap();
    io::copy(&mut File::open(top.join("large")).unwrap(), &mut copy).unwrap();
    all.clear();
    rustix::fs::seek(&copy, SeekFrom::Start(0)).unwrap();
    copy.read_to_end(&mut all).unwrap();
    assert!(all == bytes);
    // Holes: there is one, at the end.
    let length = LARGE as u64;
    assert_eq!(rustix::fs::seek(&large, SeekFrom::End(0)), Ok(length));
    assert_eq!(rustix::fs::seek(&large, SeekFrom::Data(5)), Ok(5));
    assert_eq!(rustix::fs::seek(&large, SeekFrom::Hole(5)), Ok(length));
    assert_eq!(rustix::fs::seek(&large, SeekFrom::Data(length)), Err(rustix::io::Errno::NXIO));
    assert_eq!(std::fs::read(top.join("small")).unwrap(), b"small");
    assert_eq!(std::fs::read(top.join("none")).unwrap(), b"");
    // A program runs if it may.
    assert!(std::process::Command::new(top.join("true")).status().unwrap().success());
    let refused = std::process::Command::new(top.join("data")).status().unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    // The filesystem as a whole: it is full of what is shown.
    let whole = rustix::fs::statvfs(top).unwrap();
    assert!(whole.f_blocks * whole.f_frsize >= length && whole.f_bavail == 0 && whole.f_files >= 5);
    assert_eq!((whole.f_namemax, whole.f_ffree), (255, 0));
    let wanted = rustix::fs::StatVfsMountFlags::RDONLY
        | rustix::fs::StatVfsMountFlags::NOSUID
        | rustix::fs::StatVfsMountFlags::NODEV;
    assert!(whole.f_flag.contains(wanted), "{:?}", whole.f_flag);
}

/// Eight readers of the same and of other files, while packages come and go.
pub fn at_once() {
    let room = Room::new();
    let names: Vec<String> = (0..200).map(|number| format!("d{}/f{number}", number % 7)).collect();
    let contents: Vec<Vec<u8>> = (0..200).map(|number| noise(number, 1000 * number as usize)).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&contents).map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let tree = room.add(|batch| simple(batch, &files));
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let (top, names, contents) = (&top, &names, &contents);
            scope.spawn(move || {
                for at in 0..names.len() {
                    let at = (at * 37 + reader * 11) % names.len();
                    assert!(std::fs::read(top.join(&names[at])).unwrap() == contents[at], "{}", names[at]);
                }
            });
        }
        for number in 0..50 {
            server.show(&format!("other{number}"), &tree);
        }
    });
}

/// File after file in the order of the tree, by several readers: not one has another's bytes, or wrong ones.
pub fn in_order() {
    let room = Room::new();
    let text = |number: u64| noise(number, 100 + 37 * usize::try_from(number).unwrap());
    let paths: Vec<String> =
        (0..600).map(|number| format!("d{:02}/e{}/f{number:03}", number / 60, number % 60 / 7)).collect();
    let contents: Vec<Vec<u8>> = (0..600).map(text).collect();
    let mut files: Vec<(&str, &[u8])> =
        paths.iter().zip(&contents).map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    files.sort_unstable();
    let tree = room.add(|batch| simple(batch, &files));
    let bad = files[300].0;
    crate::damage::flip(&room.object_of(&tree, bad), 5);
    let mut server = Server::start(&room);
    for round in 0..4 {
        // Under another name: other inodes, of which the kernel has nothing yet.
        let top = server.show(&format!("round{round}"), &tree);
        let mut todo = vec![top.clone()];
        while let Some(directory) = todo.pop() {
            let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
            todo.extend(
                entries.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()),
            );
        }
        std::thread::scope(|scope| {
            // Readers beside each other, and the last one passes over some.
            for step in [1, 1, 3] {
                let (top, files) = (&top, &files);
                scope.spawn(move || {
                    for (path, bytes) in files.iter().step_by(step) {
                        match std::fs::read(top.join(path)) {
                            Ok(found) => assert!(found == *bytes && *path != bad, "{path}"),
                            Err(error) => assert!(*path == bad, "{path}: {error}"),
                        }
                    }
                });
            }
        });
    }
    assert_eq!(server.damages().len(), 1);
}
