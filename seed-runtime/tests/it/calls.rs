//! What each call gives, and which error numbers.

use nuka_seed_runtime::{
    Errno, Mount, Process,
    process::{Access, Clock},
    tree::{File, GuestPath, Node, Tree},
};

use super::script::{Script, over};

const READ: i64 = 2;
const WRITE: i64 = 64;
const CREATE: i64 = 1;
const DIRECTORY: i64 = 2;
const EXCLUSIVE: i64 = 4;
const TRUNCATE: i64 = 8;

fn sample() -> Tree {
    let mut tree = Tree::new();
    tree.insert("a", File::from_bytes("hello world", false)).unwrap();
    tree.insert("dir/b", File::from_bytes("b", true)).unwrap();
    tree.insert("link", Node::Symlink("a".into())).unwrap();
    tree.insert("dangling", Node::Symlink("dir/made-through-it".into())).unwrap();
    tree
}

/// Runs the script over the sample and compares the error numbers; `None` is success.
#[track_caller]
fn expect(script: &Script, expected: &[Option<Errno>]) -> super::script::Ran {
    let ran = script.run(over(sample()));
    let expected: Vec<u32> = expected.iter().map(|e| e.map_or(0, |e| u32::from(e.code()))).collect();
    assert_eq!(ran.errnos, expected);
    ran
}

#[test]
fn opening() {
    let cases: &[(&str, i64, i64, Option<Errno>)] = &[
        ("a", 0, READ, None),
        ("link", 0, READ, None),
        ("nothing", 0, READ, Some(Errno::Noent)),
        ("nothing", TRUNCATE, WRITE, Some(Errno::Noent)),
        ("a", CREATE | EXCLUSIVE, WRITE, Some(Errno::Exist)),
        ("a", DIRECTORY, READ, Some(Errno::Notdir)),
        ("dir", DIRECTORY, READ, None),
        ("dir", 0, READ, None),
        ("dir", 0, WRITE, Some(Errno::Isdir)),
        ("dir", CREATE, READ | WRITE, Some(Errno::Isdir)),
        ("new/", CREATE, WRITE, Some(Errno::Isdir)),
        ("a/b", 0, READ, Some(Errno::Notdir)),
        ("no/such", CREATE, WRITE, Some(Errno::Noent)),
        ("dangling", 0, READ, Some(Errno::Noent)),
        ("dangling", CREATE | EXCLUSIVE, WRITE, Some(Errno::Exist)),
        ("dangling", CREATE, WRITE, None),
        ("..", 0, READ, Some(Errno::Notcapable)),
        ("/w/a", 0, READ, Some(Errno::Notcapable)),
        ("", 0, READ, Some(Errno::Noent)),
        ("new", CREATE | EXCLUSIVE, READ | WRITE, None),
    ];
    let mut script = Script::new();
    for (path, oflags, rights, _) in cases {
        script.open(3, path, *oflags, *rights, 0);
    }
    let ran = expect(&script, &cases.iter().map(|c| c.3).collect::<Vec<_>>());
    assert!(ran.outcome.mounts[0].get("dir/made-through-it").is_some());
    assert!(ran.outcome.mounts[0].get("new").is_some());
}

#[test]
fn reading_writing_and_positions() {
    let mut script = Script::new();
    let (text, _) = script.text("HELLO");
    let five = script.buffer(text, 5);
    let into = script.buffer(0x100, 64);
    script.open(3, "a", 0, READ | WRITE, 0); // descriptor 5
    script.call("fd_write", &[5, five, 1, 0x10]);
    script.call("fd_tell", &[5, 0x18]);
    script.call("fd_seek", &[5, -5, 2, 0x20]);
    script.call("fd_read", &[5, into, 1, 0x28]);
    script.call("fd_pwrite", &[5, five, 1, 20, 0x2c]);
    script.call("fd_pread", &[5, into, 1, 3, 0x30]);
    script.call("fd_tell", &[5, 0x38]);
    script.call("fd_seek", &[5, -1, 0, 0x40]);
    script.call("fd_seek", &[5, 0, 9, 0x40]);
    script.call("fd_filestat_set_size", &[5, 4]);
    script.call("fd_allocate", &[5, 4, 2]);
    script.call("fd_filestat_get", &[5, 0x200]);
    script.call("fd_close", &[5]);
    script.call("fd_close", &[5]);
    script.call("fd_read", &[5, into, 1, 0x28]);
    let ok = None;
    let expected = [
        ok,
        ok,
        ok,
        ok,
        ok,
        ok,
        ok,
        ok,
        Some(Errno::Inval),
        Some(Errno::Inval),
        ok,
        ok,
        ok,
        ok,
        Some(Errno::Badf),
        Some(Errno::Badf),
    ];
    let ran = expect(&script, &expected);
    assert_eq!((ran.u32(0x10), ran.u64(0x18), ran.u64(0x20), ran.u32(0x28)), (5, 5, 6, 5));
    assert_eq!((ran.u32(0x2c), ran.u32(0x30), ran.u64(0x38)), (5, 22, 11));
    assert_eq!(&ran.memory[0x100..0x116], b"LO world\0\0\0\0\0\0\0\0\0HELLO");
    assert_eq!(ran.u64(0x200 + 32), 6);
    assert_eq!(ran.outcome.mounts[0].get("a").unwrap().as_file().unwrap().bytes().unwrap(), "HELL\0\0");
}

#[test]
fn appending_goes_to_the_end() {
    let mut script = Script::new();
    let (at, length) = script.text("a");
    let (text, _) = script.text("!!");
    let two = script.buffer(text, 2);
    script.call("path_open", &[3, 1, at, length, 0, READ | WRITE, 0, 1, 0]);
    script.call("fd_seek", &[5, 0, 0, 8]);
    script.call("fd_write", &[5, two, 1, 16]);
    script.call("fd_fdstat_set_flags", &[5, 0]);
    script.call("fd_seek", &[5, 0, 0, 8]);
    script.call("fd_write", &[5, two, 1, 16]);
    let ran = expect(&script, &[None; 6]);
    assert_eq!(ran.outcome.mounts[0].get("a").unwrap().as_file().unwrap().bytes().unwrap(), "!!llo world!!");
}

#[test]
fn descriptors_opened_for_one_thing_refuse_the_other() {
    let mut script = Script::new();
    let one = script.buffer(0x100, 1);
    script.open(3, "a", 0, READ, 0); // 5
    script.open(3, "a", 0, WRITE, 0); // 6
    script.call("fd_write", &[5, one, 1, 0]);
    script.call("fd_filestat_set_size", &[5, 0]);
    script.call("fd_allocate", &[5, 0, 1]);
    script.call("fd_read", &[6, one, 1, 0]);
    script.call("fd_read", &[1, one, 1, 0]);
    script.call("fd_write", &[0, one, 1, 0]);
    script.call("fd_seek", &[0, 0, 0, 0]);
    script.call("fd_pread", &[0, one, 1, 0, 0]);
    script.call("fd_read", &[3, one, 1, 0]);
    script.open(5, "a", 0, READ, 0);
    let bad = Some(Errno::Badf);
    let pipe = Some(Errno::Spipe);
    expect(
        &script,
        &[None, None, bad, bad, bad, bad, bad, bad, pipe, pipe, Some(Errno::Isdir), Some(Errno::Notdir)],
    );
}

#[test]
fn names() {
    let mut script = Script::new();
    let mut expected = Vec::new();
    let mut path = |script: &mut Script, call: &str, path: &str, errno: Option<Errno>| {
        let (at, length) = script.text(path);
        script.call(call, &[3, at, length]);
        expected.push(errno);
    };
    path(&mut script, "path_create_directory", "new", None);
    path(&mut script, "path_create_directory", "new", Some(Errno::Exist));
    path(&mut script, "path_create_directory", "new/inner/", None);
    path(&mut script, "path_create_directory", "no/inner", Some(Errno::Noent));
    path(&mut script, "path_create_directory", ".", Some(Errno::Exist));
    path(&mut script, "path_remove_directory", "new", Some(Errno::Notempty));
    path(&mut script, "path_remove_directory", "new/inner", None);
    path(&mut script, "path_remove_directory", "new", None);
    path(&mut script, "path_remove_directory", "a", Some(Errno::Notdir));
    path(&mut script, "path_remove_directory", "nothing", Some(Errno::Noent));
    path(&mut script, "path_remove_directory", ".", Some(Errno::Inval));
    path(&mut script, "path_unlink_file", "dir", Some(Errno::Isdir));
    path(&mut script, "path_unlink_file", "nothing", Some(Errno::Noent));
    path(&mut script, "path_unlink_file", "link", None);
    path(&mut script, "path_unlink_file", "a", None);
    path(&mut script, "path_unlink_file", "a", Some(Errno::Noent));
    let ran = expect(&script, &expected);
    let names: Vec<_> = ran.outcome.mounts[0].iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["dangling", "dir"]);
}

#[test]
fn links_and_renaming() {
    let mut script = Script::new();
    let [a, link, dir, target, copy, moved] =
        ["a", "link", "dir", "any/target", "copy", "dir/moved"].map(|t| script.text(t));
    script.call("path_link", &[3, 0, a.0, a.1, 3, copy.0, copy.1]);
    script.call("path_link", &[3, 0, a.0, a.1, 3, copy.0, copy.1]);
    script.call("path_link", &[3, 0, dir.0, dir.1, 3, target.0, target.1]);
    script.call("path_rename", &[3, a.0, a.1, 3, moved.0, moved.1]);
    script.call("path_rename", &[3, a.0, a.1, 3, moved.0, moved.1]);
    script.call("path_readlink", &[3, link.0, link.1, 0x100, 64, 0]);
    script.call("path_readlink", &[3, copy.0, copy.1, 0x100, 64, 0]);
    script.call("path_symlink", &[target.0, target.1, 3, a.0, a.1]);
    script.call("path_symlink", &[target.0, target.1, 3, a.0, a.1]);
    script.call("path_readlink", &[3, a.0, a.1, 0x200, 4, 8]);
    script.call("path_filestat_get", &[3, 0, a.0, a.1, 0x300]);
    script.call("path_filestat_get", &[3, 1, a.0, a.1, 0x300]);
    script.call("path_filestat_set_times", &[3, 0, a.0, a.1, 0, 0, 0]);
    let (exist, noent, inval) = (Some(Errno::Exist), Some(Errno::Noent), Some(Errno::Inval));
    let expected = [None, exist, noent, None, noent, None, inval, None, exist, None, None, noent, None];
    let ran = expect(&script, &expected);
    assert_eq!((ran.u32(0), ran.memory[0x100]), (1, b'a'));
    assert_eq!((ran.u32(8), &ran.memory[0x200..0x205]), (4, b"any/\0".as_slice()));
    assert_eq!((ran.memory[0x300 + 16], ran.u64(0x300 + 32)), (7, 10));
    let tree = &ran.outcome.mounts[0];
    assert_eq!(tree.get("dir/moved").unwrap().as_file().unwrap().bytes().unwrap(), "hello world");
    assert_eq!(tree.get("copy").unwrap().as_file().unwrap().bytes().unwrap(), "hello world");
    assert_eq!(tree.get("a").unwrap().as_symlink().unwrap(), "any/target");
}

#[test]
fn a_read_only_mount_says_so() {
    let mut script = Script::new();
    let [a, dir, new] = ["a", "dir", "new"].map(|t| script.text(t));
    script.open(3, "a", 0, READ, 0);
    script.open(3, "a", 0, READ | WRITE, 0);
    script.open(3, "a", TRUNCATE, READ, 0);
    script.open(3, "new", CREATE, WRITE, 0);
    script.call("path_create_directory", &[3, new.0, new.1]);
    script.call("path_unlink_file", &[3, a.0, a.1]);
    script.call("path_rename", &[3, a.0, a.1, 3, new.0, new.1]);
    script.call("path_link", &[3, 0, a.0, a.1, 3, new.0, new.1]);
    script.call("path_symlink", &[a.0, a.1, 3, new.0, new.1]);
    script.call("path_remove_directory", &[3, dir.0, dir.1]);
    let mut process = over(sample());
    process.mounts[0].access = Access::ReadOnly;
    let ran = script.run(process);
    let mut expected = vec![u32::from(Errno::Rofs.code()); 10];
    expected[0] = 0;
    assert_eq!(ran.errnos, expected);
    assert!(ran.outcome.mounts[0].same(&ran.outcome.mounts[0].clone()));
}

/// Reads a listing: cookie, inode number, kind and name of each entry.
fn entries(mut bytes: &[u8]) -> Vec<(u64, u64, u8, String)> {
    let mut entries = Vec::new();
    while bytes.len() >= 24 {
        let length = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
        let Some(name) = bytes.get(24..24 + length) else { break };
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        entries.push((number(0), number(8), bytes[20], String::from_utf8(name.to_vec()).unwrap()));
        bytes = &bytes[24 + length..];
    }
    entries
}

#[test]
fn listings_are_sorted_and_go_on_from_a_cookie() {
    let mut script = Script::new();
    let (a, a_length) = script.text("a");
    script.open(3, ".", DIRECTORY, READ, 0); // 5
    script.call("fd_readdir", &[5, 0x100, 0x400, 0, 0]);
    script.call("fd_readdir", &[5, 0x800, 60, 2, 4]);
    script.call("path_unlink_file", &[3, a, a_length]);
    script.call("fd_readdir", &[5, 0xa00, 0x400, 3, 8]);
    script.call("fd_readdir", &[5, 0xf00, 0x400, 0, 12]);
    script.call("fd_readdir", &[5, 0x100, 0, 99, 16]);
    script.call("fd_readdir", &[1, 0x100, 0, 0, 16]);
    script.call("path_filestat_get", &[3, 0, a, a_length, 0x2000]);
    let expected = [None, None, None, None, None, None, None, Some(Errno::Notdir), Some(Errno::Noent)];
    let ran = expect(&script, &expected);
    let all = entries(&ran.memory[0x100..0x100 + ran.u32(0) as usize]);
    let shown: Vec<_> = all.iter().map(|(cookie, _, kind, name)| (*cookie, *kind, name.as_str())).collect();
    assert_eq!(
        shown,
        [(1, 3, "."), (2, 3, ".."), (3, 4, "a"), (4, 7, "dangling"), (5, 3, "dir"), (6, 7, "link")]
    );
    // A small buffer is filled to the last byte, its last entry cut.
    assert_eq!(ran.u32(4), 60);
    let part = entries(&ran.memory[0x800..0x800 + 60]);
    assert_eq!(part.iter().map(|e| e.3.as_str()).collect::<Vec<_>>(), ["a", "dangling"]);
    // A listing in progress is not moved by a removal; a new one sees it.
    let rest = entries(&ran.memory[0xa00..0xa00 + ran.u32(8) as usize]);
    assert_eq!(rest[0].3, "dangling");
    let again = entries(&ran.memory[0xf00..0xf00 + ran.u32(12) as usize]);
    assert_eq!(again.len(), all.len() - 1);
    assert_eq!(ran.u32(16), 0);
}

#[test]
fn the_working_directory_is_there_twice_and_has_one_number() {
    let mut tree = Tree::new();
    tree.insert("src/x", File::from_bytes("x", false)).unwrap();
    let mut script = Script::new();
    for (index, fd) in (3..7).enumerate() {
        let at = 0x100 * (index as i64 + 1);
        script.call("fd_prestat_get", &[fd, at]);
        script.call("fd_prestat_dir_name", &[fd, at + 8, 32]);
        script.call("fd_filestat_get", &[fd, at + 64]);
    }
    let process = Process {
        mounts: vec![
            Mount { path: GuestPath::new("/usr").unwrap(), tree: Tree::new(), access: Access::ReadOnly },
            Mount { path: GuestPath::new("/build").unwrap(), tree, access: Access::ReadWrite },
        ],
        cwd: Some(GuestPath::new("/build/src").unwrap()),
        ..Process::default()
    };
    let ran = script.run(process);
    assert_eq!(ran.errnos, [0; 12]);
    let name = |at: usize| {
        String::from_utf8(ran.memory[at + 8..at + 8 + ran.u32(at + 4) as usize].to_vec()).unwrap()
    };
    assert_eq!([0x100, 0x200, 0x300, 0x400].map(name), ["/usr", "/build", "/build/src", "."]);
    assert_eq!(ran.u64(0x300 + 64 + 8), ran.u64(0x400 + 64 + 8));
    assert_ne!(ran.u64(0x200 + 64 + 8), ran.u64(0x400 + 64 + 8));
}

#[test]
fn clocks_and_sleep_are_virtual() {
    let mut script = Script::new();
    // One subscription: monotonic clock, a year from now, relative.
    let year = 365 * 24 * 3600 * 1_000_000_000u64;
    let mut subscription = [0u8; 48];
    subscription[0] = 7;
    subscription[16] = 1;
    subscription[24..32].copy_from_slice(&year.to_le_bytes());
    let (at, _) = script.text(subscription);
    script.call("clock_time_get", &[1, 0, 0x00]);
    script.call("clock_time_get", &[0, 0, 0x08]);
    script.call("poll_oneoff", &[at, 0x100, 1, 0x10]);
    script.call("clock_time_get", &[1, 0, 0x18]);
    script.call("clock_time_get", &[9, 0, 0x18]);
    script.call("clock_res_get", &[1, 0x20]);
    script.call("poll_oneoff", &[at, 0x100, 0, 0x10]);
    let mut process = over(Tree::new());
    process.clock = Clock { epoch_ns: 1_000_000, start_ns: 500, step_ns: 10 };
    let ran = script.run(process);
    assert_eq!(ran.errnos, [0, 0, 0, 0, 28, 0, 28]);
    assert_eq!((ran.u64(0), ran.u64(8), ran.u64(0x18)), (510, 1_000_020, 530 + year));
    assert_eq!((ran.u32(0x10), ran.u64(0x100), ran.u64(0x20)), (1, 7, 10));
}

#[test]
fn arguments_and_environment() {
    let mut script = Script::new();
    script.call("args_sizes_get", &[0, 4]);
    script.call("args_get", &[0x100, 0x200]);
    script.call("environ_sizes_get", &[8, 12]);
    script.call("environ_get", &[0x300, 0x400]);
    let mut process = over(Tree::new());
    process.args = vec![b"tool".to_vec(), b"".to_vec(), b"-x".to_vec()];
    process.env = [(b"Z".to_vec(), b"1".to_vec()), (b"A".to_vec(), b"".to_vec())].into();
    let ran = script.run(process);
    assert_eq!((ran.u32(0), ran.u32(4), ran.u32(8), ran.u32(12)), (3, 9, 2, 7));
    assert_eq!(&ran.memory[0x200..0x209], b"tool\0\0-x\0");
    assert_eq!(&ran.memory[0x400..0x407], b"A=\0Z=1\0");
    assert_eq!([ran.u32(0x100), ran.u32(0x104), ran.u32(0x108)], [0x200, 0x205, 0x206]);
}

#[test]
fn the_rest_does_nothing_or_is_refused() {
    let mut script = Script::new();
    script.open(3, "a", 0, READ | WRITE, 0); // 5
    script.open(3, "dir/b", 0, READ, 0); // 6
    script.call("fd_sync", &[5]);
    script.call("fd_datasync", &[5]);
    script.call("fd_advise", &[5, 0, 0, 0]);
    script.call("fd_filestat_set_times", &[5, 1, 2, 3]);
    script.call("sched_yield", &[]);
    script.call("fd_renumber", &[6, 5]);
    script.call("fd_filestat_get", &[5, 0x100]);
    script.call("fd_close", &[6]);
    script.call("fd_renumber", &[5, 99]);
    script.call("proc_raise", &[9]);
    script.call("sock_accept", &[0, 0, 0]);
    script.call("sock_recv", &[0, 0, 0, 0, 0, 0]);
    script.call("sock_send", &[0, 0, 0, 0, 0]);
    script.call("sock_shutdown", &[77, 0]);
    script.call("fd_fdstat_set_rights", &[5, 0, 0]);
    script.call("fd_fdstat_set_rights", &[5, -1, 0]);
    script.call("fd_fdstat_get", &[1, 0x200]);
    let (bad, none, nosup) = (Some(Errno::Badf), None, Some(Errno::Notsup));
    let expected = [
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        bad,
        bad,
        Some(Errno::Nosys),
        nosup,
        nosup,
        nosup,
        bad,
        none,
        Some(Errno::Notcapable),
        none,
    ];
    let ran = expect(&script, &expected);
    assert_eq!(ran.u64(0x100 + 32), 1, "descriptor 5 is now on dir/b");
    assert_eq!(ran.memory[0x200], 0, "a captured stream is not a terminal");
}

#[test]
fn hostile_addresses_give_an_error_and_nothing_else() {
    // Each call with each of its arguments in turn, and all at once, at the edges of the memory and far outside.
    let calls: &[(&str, &[i64])] = &[
        ("args_get", &[0, 0]),
        ("args_sizes_get", &[0, 4]),
        ("environ_get", &[0, 0]),
        ("environ_sizes_get", &[0, 4]),
        ("clock_res_get", &[0, 0]),
        ("clock_time_get", &[0, 0, 0]),
        ("fd_advise", &[3, 0, 0, 0]),
        ("fd_allocate", &[5, 0, 1]),
        ("fd_fdstat_get", &[3, 0]),
        ("fd_filestat_get", &[3, 0]),
        ("fd_filestat_set_size", &[5, 0]),
        ("fd_pread", &[5, 0, 1, 0, 0]),
        ("fd_pwrite", &[5, 0, 1, 0, 0]),
        ("fd_prestat_dir_name", &[3, 0, 8]),
        ("fd_prestat_get", &[3, 0]),
        ("fd_read", &[5, 0, 1, 0]),
        ("fd_readdir", &[3, 0, 8, 0, 0]),
        ("fd_renumber", &[99, 99]),
        ("fd_seek", &[5, 0, 0, 0]),
        ("fd_tell", &[5, 0]),
        ("fd_write", &[5, 0, 1, 0]),
        ("path_create_directory", &[3, 0, 1]),
        ("path_filestat_get", &[3, 0, 0, 1, 0]),
        ("path_filestat_set_times", &[3, 0, 0, 1, 0, 0, 0]),
        ("path_link", &[3, 0, 0, 1, 3, 0, 1]),
        ("path_open", &[3, 0, 0, 1, 0, 2, 0, 0, 0]),
        ("path_readlink", &[3, 0, 1, 0, 1, 0]),
        ("path_remove_directory", &[3, 0, 1]),
        ("path_rename", &[3, 0, 1, 3, 0, 1]),
        ("path_symlink", &[0, 1, 3, 0, 1]),
        ("path_unlink_file", &[3, 0, 1]),
        ("poll_oneoff", &[0, 0, 1, 0]),
        ("sock_recv", &[0, 0, 1, 0, 0, 0]),
    ];
    let mut script = Script::new();
    script.call("random_get", &[0x1ffff, 2]);
    script.call("random_get", &[-1, 1]);
    script.call("random_get", &[0x20000, 0]);
    script.call("random_get", &[0, -1]);
    expect(&script, &[Some(Errno::Fault), Some(Errno::Fault), None, Some(Errno::Fault)]);
    let evil = [-1, i64::from(i32::MAX), i64::from(i32::MIN), 0x1ffff, 0x2_0000, 0x1fff9, i64::MAX];
    for (name, args) in calls {
        let mut script = Script::new();
        script.open(3, "a", 0, READ | WRITE, 0x3000);
        for value in evil {
            for index in 0..args.len() {
                // Descriptors 1 and 2 would write to the script's own output.
                let mut args = args.to_vec();
                args[index] = value;
                script.call(name, &args);
            }
            script.call(name, &vec![value; args.len()]);
        }
        let ran = script.run(over(sample()));
        assert_eq!(ran.errnos[0], 0, "{name}");
        assert!(ran.errnos[1..].iter().any(|e| *e != 0), "{name}");
        assert!(ran.errnos.iter().all(|e| *e < 77), "{name}");
    }
}
