//! Every call that would change something, and every wrong one, by the error that it gives: what pjdfstest asks of a
//! read-only filesystem.

use crate::{
    mounted::{How, Room, Server},
    trees::simple,
};
use rustix::{
    fs::{
        self, AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps,
        UTIME_NOW, XattrFlags,
    },
    io::Errno,
};
use std::path::Path;

fn room() -> (Room, Server) {
    let room = Room::new();
    let tree = room.add(|batch| {
        simple(
            batch,
            &[("file", b"bytes"), ("program*", b"#!/bin/sh\n"), ("dir/inner", b""), ("link -> file", b"")],
        )
    });
    // Each name is looked for again, as on a mount whose names may change.
    let mut server = Server::start_as(&room, &How { ttl_ms: 0, ..How::default() });
    server.show("package", &tree);
    (room, server)
}

pub fn table() {
    let (_room, server) = room();
    check(server.path());
}

type Calls<'c> = Vec<(&'c str, Errno, Result<(), Errno>)>;

fn none<T>(result: rustix::io::Result<T>) -> Result<(), Errno> {
    result.map(|_| ())
}

/// The calls that would change something, below a directory with `file`, `dir` and `link`.
fn changes(top: &Path) -> Calls<'static> {
    let at = |name: &str| top.join(name);
    let (file, dir, link, new) = (at("file"), at("dir"), at("link"), at("new"));
    let open = |path: &Path, flags| none(fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o644)));
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    let mode = Mode::from_raw_mode(0o600);
    let rofs = Errno::ROFS;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    vec![
        ("open to write", rofs, open(&file, OFlags::WRONLY)),
        ("open to read and write", rofs, open(&file, OFlags::RDWR)),
        ("open to truncate", rofs, open(&file, OFlags::RDONLY | OFlags::TRUNC)),
        ("open to append", rofs, open(&file, OFlags::WRONLY | OFlags::APPEND)),
        ("create", rofs, open(&new, OFlags::WRONLY | OFlags::CREATE)),
        ("create below a directory", rofs, open(&dir.join("new"), OFlags::RDONLY | OFlags::CREATE)),
        ("make a temporary file", rofs, open(&dir, OFlags::WRONLY | OFlags::TMPFILE)),
        (
            "truncate",
            rofs,
            std::fs::OpenOptions::new().write(true).truncate(true).open(&file).map(|_| ()).map_err(errno),
        ),
        ("mkdir", rofs, fs::mkdir(&new, mode)),
        ("mkfifo", rofs, fs::mknodat(CWD, &new, FileType::Fifo, mode, 0)),
        ("make a socket", rofs, fs::mknodat(CWD, &new, FileType::Socket, mode, 0)),
        ("mknod", rofs, fs::mknodat(CWD, &new, FileType::RegularFile, mode, 0)),
        ("symlink", rofs, fs::symlink("target", &new)),
        ("link", rofs, fs::link(&file, &new)),
        ("unlink", rofs, fs::unlink(&file)),
        ("unlink a symlink", rofs, fs::unlink(&link)),
        ("rmdir", rofs, fs::rmdir(&dir)),
        ("rename", rofs, fs::rename(&file, &new)),
        ("rename over", rofs, fs::rename(&file, at("program"))),
        ("rename without replacing", rofs, fs::renameat_with(CWD, &file, CWD, &new, RenameFlags::NOREPLACE)),
        ("exchange", rofs, fs::renameat_with(CWD, &file, CWD, &dir, RenameFlags::EXCHANGE)),
        ("chmod", rofs, fs::chmod(&file, mode)),
        ("chmod a directory", rofs, fs::chmod(&dir, mode)),
        ("chown", rofs, fs::chown(&file, Some(uid), Some(gid))),
        ("chown a symlink", rofs, fs::chownat(CWD, &link, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)),
        ("utimes", rofs, fs::utimensat(CWD, &file, &times, AtFlags::empty())),
        ("utimes of a symlink", rofs, fs::utimensat(CWD, &link, &times, AtFlags::SYMLINK_NOFOLLOW)),
        ("setxattr", rofs, fs::setxattr(&file, "user.x", b"y", XattrFlags::empty())),
        ("setxattr on a directory", rofs, fs::setxattr(&dir, "user.x", b"y", XattrFlags::CREATE)),
        ("removexattr", rofs, fs::removexattr(&file, "user.x")),
        ("access to write", rofs, fs::access(&file, fs::Access::WRITE_OK)),
    ]
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap()
}

/// The calls that are wrong on any filesystem.
fn wrong(top: &Path) -> Calls<'static> {
    let at = |name: &str| top.join(name);
    let (file, dir, link) = (at("file"), at("dir"), at("link"));
    let open = |path: &Path, flags| none(fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()));
    let opened = fs::open(&file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let directory = fs::open(&dir, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let mut buffer = [0; 16];
    vec![
        ("stat what is not there", Errno::NOENT, none(fs::stat(at("new")))),
        ("stat it again", Errno::NOENT, none(fs::stat(at("new")))),
        ("stat below what is not there", Errno::NOENT, none(fs::stat(at("new/below")))),
        ("stat nothing", Errno::NOENT, none(fs::stat(""))),
        ("stat below a file", Errno::NOTDIR, none(fs::stat(file.join("below")))),
        ("stat a file as a directory", Errno::NOTDIR, none(fs::stat(at("file/")))),
        ("open a file as a directory", Errno::NOTDIR, open(&file, OFlags::RDONLY | OFlags::DIRECTORY)),
        ("open a symlink without following", Errno::LOOP, open(&link, OFlags::RDONLY | OFlags::NOFOLLOW)),
        ("open a directory to write", Errno::ISDIR, open(&dir, OFlags::WRONLY)),
        ("create what is there", Errno::EXIST, open(&file, OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL)),
        ("mkdir what is there", Errno::EXIST, fs::mkdir(&dir, Mode::empty())),
        ("symlink what is there", Errno::EXIST, fs::symlink("x", &link)),
        ("link from elsewhere", Errno::ROFS, fs::link("/proc/self/status", at("new"))),
        ("rename to elsewhere", Errno::XDEV, fs::rename(&file, std::env::temp_dir().join("nuka-new"))),
        ("unlink what is not there", Errno::ROFS, fs::unlink(at("new"))),
        ("a name of 256 bytes", Errno::NAMETOOLONG, none(fs::stat(at(&"n".repeat(256))))),
        ("a name of 255 bytes", Errno::NOENT, none(fs::stat(at(&"n".repeat(255))))),
        ("a path of 4096 bytes", Errno::NAMETOOLONG, none(fs::stat(at(&"./".repeat(2048))))),
        ("readlink of a file", Errno::INVAL, none(fs::readlink(&file, Vec::new()))),
        ("readlink of a directory", Errno::INVAL, none(fs::readlink(&dir, Vec::new()))),
        ("read a directory", Errno::ISDIR, none(rustix::io::read(&directory, &mut buffer))),
        ("write to what is open to read", Errno::BADF, none(rustix::io::write(&opened, b"x"))),
        ("truncate what is open to read", Errno::INVAL, fs::ftruncate(&opened, 0)),
        (
            "allocate in what is open to read",
            Errno::BADF,
            fs::fallocate(&opened, FallocateFlags::empty(), 0, 9),
        ),
        ("seek before the start", Errno::INVAL, none(fs::seek(&opened, fs::SeekFrom::Current(-1)))),
        ("read before the start", Errno::INVAL, none(rustix::io::pread(&opened, &mut buffer, u64::MAX))),
        ("getxattr", Errno::OPNOTSUPP, none(fs::getxattr(&file, "user.x", &mut buffer))),
        (
            "run a file that is none",
            Errno::ACCESS,
            std::process::Command::new(&file).status().map(|_| ()).map_err(errno),
        ),
        (
            "run a directory",
            Errno::ACCESS,
            std::process::Command::new(&dir).status().map(|_| ()).map_err(errno),
        ),
    ]
}

/// The tables hold for a filesystem of the kernel's own, too: a tmpfs that was made read-only.
#[allow(dead_code, reason = "for the mount")]
pub fn local() {
    let place = tempfile::tempdir().unwrap();
    let done = crate::mounted::myself(&["errors-local"]).arg(place.path()).status().unwrap();
    assert!(done.success());
}

/// In namespaces of its own.
#[allow(dead_code, reason = "for the mount")]
pub fn check_local(place: &Path) {
    use rustix::mount::{MountFlags, mount, mount_remount};
    use std::os::unix::fs::{PermissionsExt, symlink};
    crate::server::enter(crate::mounted::here());
    mount("none", place, "tmpfs", MountFlags::NODEV | MountFlags::NOSUID, None).unwrap();
    for (name, mode) in [("file", 0o444), ("program", 0o555)] {
        std::fs::write(place.join(name), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(place.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::fs::create_dir(place.join("dir")).unwrap();
    symlink("file", place.join("link")).unwrap();
    mount_remount(place, MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID, c"").unwrap();
    expect(place, changes(place));
    // A tmpfs has attributes that are not set, this mount has none at all.
    expect(place, wrong(place).into_iter().filter(|(what, ..)| *what != "getxattr").collect());
}

fn expect(place: &Path, calls: Calls<'_>) {
    let differ: Vec<_> = calls.into_iter().filter(|(_, error, result)| *result != Err(*error)).collect();
    assert!(differ.is_empty(), "{}: (what, expected, got): {differ:#?}", place.display());
}

/// The table, at the root's package `package`. Also what is to succeed.
pub fn check(place: &Path) {
    let top = place.join("package");
    expect(&top, changes(&top));
    expect(&top, wrong(&top));
    for path in [place, &top, &top.join("file"), &top.join("dir")] {
        let mut buffer = [0_u8; 64];
        assert_eq!(fs::listxattr(path, &mut buffer), Ok(0), "{}", path.display());
        fs::access(path, fs::Access::READ_OK).unwrap();
    }
    fs::access(top.join("program"), fs::Access::EXEC_OK).unwrap();
    assert_eq!(fs::access(top.join("file"), fs::Access::EXEC_OK), Err(Errno::ACCESS));
    // At the root itself, and of names that could never be there.
    let rofs = Err(Errno::ROFS);
    assert_eq!(fs::mkdir(place.join("new"), Mode::empty()), rofs);
    assert_eq!(fs::rmdir(&top), rofs);
    assert_eq!(fs::rename(&top, place.join("new")), rofs);
    assert_eq!(none(fs::stat(place.join("n".repeat(256)))), Err(Errno::NAMETOOLONG));
    let opened = std::fs::File::open(top.join("file")).unwrap();
    opened.sync_all().unwrap();
    std::fs::File::open(&top).unwrap().sync_all().unwrap();
}

/// Somebody who may makes the mount writable: now the kernel asks, and the server says no.
pub fn remounted_writable() {
    if crate::mounted::here() != "private" {
        return println!("SKIPPED: only root can make a mount writable");
    }
    let (room, server) = room();
    let place = room.place();
    let remount = "nsenter -t \"$1\" -m mount -o remount,rw \"$2\"";
    let id = server.child.id().to_string();
    let done =
        std::process::Command::new("sh").args(["-c", remount, "sh", &id]).arg(&place).status().unwrap();
    assert!(done.success(), "cannot remount");
    let top = server.path().join("package");
    // Files are opened without asking, so it is the writing that fails.
    let unlike = [
        "make a temporary file",
        "open to write",
        "open to read and write",
        "open to append",
        "access to write",
    ];
    let calls = changes(&top).into_iter().filter(|(what, ..)| !unlike.contains(what)).collect();
    expect(&top, calls);
    let file = fs::open(top.join("file"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    assert_eq!(rustix::io::write(&file, b"x"), Err(Errno::ROFS));
    assert_eq!(fs::ftruncate(&file, 0), Err(Errno::ROFS));
    assert_eq!(fs::fallocate(&file, FallocateFlags::empty(), 0, 9), Err(Errno::ROFS));
}

/// Every call of the table that would change something below `top` is refused. A bound directory has a filesystem that
/// could be written, so there a file's mode speaks first, to those who need its permission.
#[allow(dead_code, reason = "for the views")]
pub fn all_refused(top: &Path) {
    let by_mode = ["open to ", "truncate", "access to write", "setxattr", "removexattr"];
    let calls = changes(top).into_iter().filter(|(what, _, result)| {
        !(*result == Err(Errno::ACCESS) && by_mode.iter().any(|start| what.starts_with(start)))
    });
    expect(top, calls.collect());
}
