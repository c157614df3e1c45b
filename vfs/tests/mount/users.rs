//! The store as an unprivileged user mounts it.

use crate::{
    mounted::{How, Room, Server, here, myself},
    programs,
    trees::{awkward, simple, store},
};
use nuka_vfs::mount::{MountMeans, choose, probe};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

/// A user that every system has, and that owns nothing: nobody.
const USER: u32 = 65_534;

/// What takes every power from a program, also that of what it starts.
const POWERLESS: [&str; 3] = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];

/// A device that everybody can open, as it is on ordinary systems.
fn device(room: &Room) -> PathBuf {
    let ordinary = PathBuf::from("/dev/fuse");
    if fs::metadata(&ordinary).is_ok_and(|file| file.permissions().mode() & 0o6 == 0o6) {
        return ordinary;
    }
    let device = room.path("fuse");
    let made = Command::new("mknod").args(["-m", "666"]).arg(&device).args(["c", "10", "229"]).status();
    assert!(made.is_ok_and(|status| status.success()), "cannot make a device");
    device
}

/// As the user, where this process can become one, and in a mount namespace for this program alone.
fn as_user(command: &mut Command, more: &[&str]) -> Command {
    if here() != "private" {
        let mut same = Command::new(command.get_program());
        same.args(command.get_args());
        return same;
    }
    let mut other = Command::new("unshare");
    other.args(["--mount", "setpriv"]);
    let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
    other.args(ids).arg("--clear-groups").args(more);
    other.arg(command.get_program()).args(command.get_args());
    other
}

/// The user can read all of the store, and owns where it is mounted.
fn hand_over(room: &Room) {
    fs::create_dir(room.path("work")).unwrap();
    if here() == "private" {
        for place in ["mnt", "store", "store/tmp", "work"] {
            chown(room.path(place), Some(USER), Some(USER)).unwrap();
        }
        // Whoever opens a store takes its locks.
        for entry in fs::read_dir(room.path("store")).unwrap() {
            chown(entry.unwrap().path(), Some(USER), Some(USER)).unwrap();
        }
    }
}

pub fn unprivileged() {
    let room = Room::new();
    let device = device(&room);
    hand_over(&room);
    let answers = probe(&device, &[]);
    let answer = answers.iter().find(|(means, _)| *means == MountMeans::UserNamespace).unwrap();
    if let Err(reason) = &answer.1 {
        return println!("SKIPPED: {reason}");
    }
    assert!(choose(&answers).is_some());
    let how = How { means: "user", device, ..How::default() };
    let mut command = myself(&[]);
    command.args(how.arguments(&room));
    let mut server = Server::spawn(as_user(&mut command, &POWERLESS), &room).unwrap();
    let tree = room.add(|batch| store(batch, &awkward()));
    server.show("awkward", &tree);
    let local = room.export(&tree, "local");
    let run = |command: &mut Command| {
        let output = as_user(command, &POWERLESS).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(server.inside(&["compare"]).arg(room.place().join("awkward")).arg(local));
    let tree = room.add(|batch| {
        simple(
            batch,
            &[("file", b"bytes"), ("program*", b"#!/bin/sh\n"), ("dir/inner", b""), ("link -> file", b"")],
        )
    });
    server.show("package", &tree);
    run(server.inside(&["errors"]).arg(room.place()));
    programs::show(&room, &mut server);
    run(server.inside(&["programs"]).arg(room.place()).arg(room.path("work")));
    // The user's other processes see it too, by way of the server.
    run(myself(&["errors"]).arg(server.path()));
    // Not even root sees it from outside, and says so rather than wait.
    if here() == "private" {
        let error = fs::metadata(server.path()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    }
    assert!(server.damages().is_empty());
}

pub fn fusermount() {
    let directories: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let directories: Vec<&Path> = directories.iter().map(PathBuf::as_path).collect();
    let answers = probe(Path::new("/dev/fuse"), &directories);
    let (_, answer) = answers.iter().find(|(means, _)| *means == MountMeans::Fusermount).unwrap();
    if let Err(reason) = answer {
        return println!("SKIPPED: {reason}");
    }
    let room = Room::new();
    hand_over(&room);
    let how = How { means: "fusermount", ..How::default() };
    let mut command = myself(&[]);
    command.args(how.arguments(&room));
    let mut server = match Server::spawn(as_user(&mut command, &[]), &room) {
        Ok(server) => server,
        // It needs the right to mount, which a container may have taken from everybody.
        Err(reason) => return println!("SKIPPED: {reason}"),
    };
    let tree = room.add(|batch| store(batch, &awkward()));
    let mounted = server.show("awkward", &tree);
    let local = room.export(&tree, "local");
    let output = as_user(myself(&["compare"]).arg(&mounted).arg(local), &[]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.tell("unmount"), "unmounted");
}

/// Who else may look into a mount is what its maker said.
pub fn others() {
    if here() != "private" {
        return println!("SKIPPED: only root can become another user");
    }
    for (flags, allowed) in [(vec![], false), (vec!["everyone"], true)] {
        let room = Room::new();
        let mut server = Server::start_as(&room, &How { flags, ..How::default() });
        let tree = room.add(|batch| simple(batch, &[("file", b"bytes")]));
        server.show("package", &tree);
        let mut cat = Command::new("nsenter");
        cat.args(["--mount", "--target", &server.child.id().to_string(), "setpriv", "--clear-groups"]);
        cat.args([format!("--reuid={USER}"), format!("--regid={USER}")]);
        let output = cat.arg("cat").arg(room.place().join("package/file")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if allowed {
            assert_eq!(output.stdout, b"bytes", "{said}");
        } else {
            assert!(!output.status.success() && said.contains("Permission denied"), "{said}");
        }
    }
}
