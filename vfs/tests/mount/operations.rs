//! Random operations on a mounted tree, each beside the same operation on the same tree of the local filesystem.

use crate::{
    compare::records,
    mounted::{Room, Server},
    trees::{any_plan, store},
};
use proptest::{
    collection,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use rustix::fs::{FileType, Mode, OFlags};
use std::{
    cell::RefCell,
    fs,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

/// What is done to one node, which is chosen by number among all that there are.
#[derive(Debug, Clone)]
enum Operation {
    Read { offset: u64, length: usize },
    Map { offset: usize, length: usize },
    Follow,
    List { from: usize, buffer: usize },
    Find(Vec<u8>),
    Open(u32),
}

fn any_operation() -> impl Strategy<Value = (prop::sample::Index, Operation)> {
    let near = prop_oneof![
        0_u64..200,
        4000_u64..4200,
        130_000_u64..132_000,
        299_000_u64..301_000,
        Just(u64::MAX >> 2)
    ];
    let operation = prop_oneof![
        4 => (near, 0_usize..140_000).prop_map(|(offset, length)| Operation::Read { offset, length }),
        2 => (0_usize..300_000, 1_usize..9000).prop_map(|(offset, length)| Operation::Map { offset, length }),
        1 => Just(Operation::Follow),
        2 => (0_usize..50, 300_usize..5000).prop_map(|(from, buffer)| Operation::List { from, buffer }),
        1 => collection::vec(any::<u8>(), 1..4).prop_map(Operation::Find),
        1 => prop::sample::select(vec![OFlags::DIRECTORY, OFlags::NOFOLLOW, OFlags::PATH, OFlags::empty()])
            .prop_map(|flags| Operation::Open(flags.bits())),
    ];
    (any::<prop::sample::Index>(), operation)
}

pub fn random_operations() {
    let room = Room::new();
    let server = RefCell::new(Server::start(&room));
    let case = RefCell::new(0);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let strategy = (any_plan(), collection::vec(any_operation(), 1..80));
    let result = runner.run(&strategy, |(plan, operations)| {
        *case.borrow_mut() += 1;
        let name = format!("tree{}", case.borrow());
        let tree = room.add(|batch| store(batch, &plan));
        let local = room.export(&tree, &name);
        // Not looked at before: the first to ask for a node is one of the operations.
        let mounted = server.borrow_mut().show(&name, &tree);
        let nodes = nodes(&local);
        for (index, operation) in &operations {
            let below = index.get(&nodes);
            let (ours, theirs) =
                (answer(&mounted.join(below), operation), answer(&local.join(below), operation));
            prop_assert_eq!(ours, theirs, "{:?} of {}", operation, below.display());
        }
        Ok(())
    });
    result.unwrap();
}

/// All nodes of a directory, also itself, in an order of their own.
fn nodes(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut at = 0;
    while let Some(below) = found.get(at).cloned() {
        let path = top.join(&below);
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            let mut names: Vec<_> =
                fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            found.extend(names.into_iter().map(|name| below.join(name)));
        }
        at += 1;
    }
    found
}

/// What came of it, as it must be on every filesystem.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Bytes(blake3::Hash, usize),
    Target(Vec<u8>),
    Names(Vec<(Vec<u8>, FileType)>),
    Stat(FileType, u64, bool),
    Error(i32),
}

fn answer(path: &Path, operation: &Operation) -> Answer {
    attempt(path, operation).unwrap_or_else(|error| Answer::Error(error.raw_os_error().unwrap_or(-1)))
}

fn attempt(path: &Path, operation: &Operation) -> std::io::Result<Answer> {
    let bytes = |bytes: &[u8]| Answer::Bytes(blake3::hash(bytes), bytes.len());
    let plain = || {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map(fs::File::from)
    };
    Ok(match operation {
        Operation::Read { offset, length } => {
            let (mut buffer, file) = (vec![0; *length], plain()?);
            let count = file.read_at(&mut buffer, *offset)?;
            bytes(&buffer[..count])
        }
        Operation::Map { offset, length } => {
            let file = plain()?;
            let end = usize::try_from(file.metadata()?.len()).unwrap();
            if file.metadata()?.is_dir() || *offset >= end {
                return Ok(Answer::Error(0));
            }
            // SAFETY: nobody changes the files.
            #[allow(unsafe_code, reason = "see above")]
            let map = unsafe { memmap2::Mmap::map(&file) }?;
            bytes(&map[*offset..(offset + length).min(end)])
        }
        Operation::Follow => Answer::Target(fs::read_link(path)?.into_os_string().into_encoded_bytes()),
        Operation::List { from, buffer } => {
            let directory = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
            drop(directory);
            let all = records(path, 0, *buffer);
            // Where each reader is who has read so many: the rest is the rest of the whole.
            let (cookie, read) = match from.checked_sub(1).and_then(|last| all.get(last)) {
                Some((.., cookie)) => (*cookie, *from),
                None => (0, 0),
            };
            assert_eq!(records(path, cookie, *buffer), all[read..], "{}", path.display());
            // Filesystems have orders of their own.
            let mut names: Vec<_> = all.into_iter().map(|(name, _, kind, _)| (name, kind)).collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            Answer::Names(names)
        }
        Operation::Find(name) => {
            use std::os::unix::ffi::OsStrExt;
            let found = fs::symlink_metadata(path.join(std::ffi::OsStr::from_bytes(name)))?;
            stat(&found)
        }
        Operation::Open(flags) => {
            let flags = OFlags::from_bits_retain(*flags) | OFlags::CLOEXEC;
            let opened = rustix::fs::open(path, flags, Mode::empty())?;
            stat(&fs::File::from(opened).metadata()?)
        }
    })
}

/// Directories have sizes of their own on each filesystem.
fn stat(found: &fs::Metadata) -> Answer {
    let length = if found.is_dir() { 0 } else { found.len() };
    Answer::Stat(FileType::from_raw_mode(found.mode()), length, found.mode() & 0o100 != 0)
}
