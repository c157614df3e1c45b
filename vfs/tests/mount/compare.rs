//! A mounted tree against the same tree as files of the local filesystem.

use crate::{
    mounted::{Room, Server},
    trees::{any_plan, awkward, store},
};
use proptest::test_runner::{Config, TestRunner};
use rustix::fs::{FileType, Mode, OFlags, RawDir, SeekFrom};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, Metadata},
    mem::MaybeUninit,
    os::unix::{ffi::OsStringExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// 1980-01-01.
const EPOCH: i64 = 315_532_800;

pub fn random_trees() {
    let room = Room::new();
    let server = RefCell::new(Server::start(&room));
    let case = RefCell::new(0);
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let result = runner.run(&any_plan(), |plan| {
        *case.borrow_mut() += 1;
        let name = format!("tree{}", case.borrow());
        let tree = room.add(|batch| store(batch, &plan));
        let mounted = server.borrow_mut().show(&name, &tree);
        same(&mounted, &room.export(&tree, &name));
        Ok(())
    });
    result.unwrap();
}

pub fn awkward_trees() {
    let room = Room::new();
    let mut server = Server::start(&room);
    let tree = room.add(|batch| store(batch, &awkward()));
    same(&server.show("awkward", &tree), &room.export(&tree, "local"));
}

/// Fails where two directories are not the same.
pub fn same(mounted: &Path, local: &Path) {
    let mut pairs = vec![(mounted.to_owned(), local.to_owned())];
    let mut seen = BTreeMap::new();
    while let Some((ours, theirs)) = pairs.pop() {
        let (stat, other) = (stat(&ours), stat(&theirs));
        let shown = ours.display();
        if let Some(before) = seen.insert(stat.ino(), ours.clone()) {
            panic!("{shown} and {} have one number", before.display());
        }
        assert_eq!(stat.file_type(), other.file_type(), "{shown}");
        assert_eq!(stat.blksize(), 4096);
        for time in [stat.atime(), stat.mtime(), stat.ctime()] {
            assert_eq!(time, EPOCH, "{shown}");
        }
        assert_eq!(stat.mode() & 0o7777, mode(&other), "{shown}");
        if stat.is_dir() {
            let names = listing(&ours);
            assert_eq!(names, sorted(&theirs), "{shown}");
            let subdirectories = names.iter().filter(|name| other_is_dir(&theirs, name)).count();
            assert_eq!(stat.nlink(), 2 + subdirectories as u64, "{shown}");
            assert!(stat.len() > 0);
            pairs.extend(names.into_iter().map(|name| (ours.join(&name), theirs.join(&name))));
            continue;
        }
        assert_eq!((stat.len(), stat.nlink()), (other.len(), 1), "{shown}");
        if stat.is_symlink() {
            assert_eq!(fs::read_link(&ours).unwrap(), fs::read_link(&theirs).unwrap(), "{shown}");
        } else {
            assert_eq!(stat.blocks(), stat.len().div_ceil(512), "{shown}");
            assert!(fs::read(&ours).unwrap() == fs::read(&theirs).unwrap(), "{shown} has other bytes");
        }
    }
}

fn stat(path: &Path) -> Metadata {
    fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// As the local one, without the right to write; a symlink has all.
fn mode(other: &Metadata) -> u32 {
    if other.is_symlink() { 0o777 } else { (other.mode() & 0o555) | 0o444 }
}

fn other_is_dir(directory: &Path, name: &OsString) -> bool {
    stat(&directory.join(name)).is_dir()
}

fn sorted(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    names
}

/// One record of a listing: name, inode number, kind, and the offset after it.
type Record = (Vec<u8>, u64, FileType, u64);

/// Lists a directory from an offset on, with a buffer of this many bytes.
pub fn records(directory: &Path, from: u64, buffer: usize) -> Vec<Record> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, flags, Mode::empty()).unwrap();
    assert_eq!(rustix::fs::seek(&opened, SeekFrom::Start(from)).unwrap(), from);
    let mut buffer = vec![MaybeUninit::uninit(); buffer];
    let (mut raw, mut out) = (RawDir::new(&opened, &mut buffer), Vec::new());
    while let Some(entry) = raw.next() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_bytes().to_vec();
        out.push((name, entry.ino(), entry.file_type(), entry.next_entry_cookie()));
    }
    out
}

/// The names of a directory in the order in which it lists them, which is that of their bytes. Also looks at the
/// records: numbers and kinds are those of `stat`, and who reads on from any offset reads the rest.
fn listing(directory: &Path) -> Vec<OsString> {
    let all = records(directory, 0, 32 << 10);
    assert_eq!(records(directory, 0, 600), all, "another buffer makes another listing");
    // The first time the kernel asked the server, now it has its own copy; each tells the same.
    let step = (all.len() / 50).max(1);
    for (at, (.., offset)) in all.iter().enumerate().step_by(step) {
        assert_eq!(records(directory, *offset, 32 << 10), all[at + 1..], "after entry {at}");
    }
    let mut names = Vec::new();
    for (name, inode, kind, _) in all {
        let path = directory.join(OsString::from_vec(name.clone()));
        let stat = if name == b"." { stat(directory) } else { stat(&path) };
        if name != b".." {
            assert_eq!(stat.ino(), inode, "{}", path.display());
        }
        assert_eq!(FileType::from_raw_mode(stat.mode()), kind, "{}", path.display());
        names.push(name);
    }
    assert_eq!(names[..2], [b".".to_vec(), b"..".to_vec()]);
    let names = names.split_off(2);
    assert!(names.is_sorted(), "{}", directory.display());
    names.into_iter().map(OsString::from_vec).collect()
}

pub fn numbers_survive_remounts() {
    let room = Room::new();
    let tree = room.add(|batch| store(batch, &awkward()));
    let numbers = || {
        let mut server = Server::start(&room);
        let top = server.show("package", &tree);
        let (mut out, mut todo) = (BTreeMap::new(), vec![top.clone()]);
        while let Some(path) = todo.pop() {
            let stat = stat(&path);
            if stat.is_dir() {
                todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            out.insert(path.strip_prefix(&top).map(PathBuf::from).unwrap(), stat.ino());
        }
        (out, stat(server.path()).ino())
    };
    let first = numbers();
    assert!(first.0.len() > 5000 && first.1 == 1);
    assert!(numbers() == first, "numbers changed with a remount");
}
