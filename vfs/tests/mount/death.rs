//! A server that dies leaves errors, not waiting processes; and its mount can be taken away.

use crate::{
    mounted::{How, LONG, Room, Server, here, myself},
    server::enter,
    trees::{noise, simple},
};
use nuka_vfs::mount::{mounts, unmount};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::Stdio,
    sync::mpsc,
    time::Duration,
};

/// Does something that must not take forever.
fn in_time<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(what()));
    receiver.recv_timeout(LONG).expect("it hangs")
}

fn is_gone<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = Errno::from_io_error(&result.unwrap_err());
    assert!(matches!(error, Some(Errno::NOTCONN | Errno::CONNABORTED)), "{error:?}");
}

pub fn server_killed() {
    let room = Room::new();
    let bytes = noise(1, 4 << 20);
    let tree = room.add(|batch| simple(batch, &[("large", &bytes), ("dir/new", b"new")]));
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    // Opened while it lives; the process is gone from /proc afterwards.
    let (file, place) = (fs::File::open(top.join("large")).unwrap(), fs::File::open(server.path()).unwrap());
    let mut part = [0; 10];
    file.read_exact_at(&mut part, 0).unwrap();
    let one_more = place.try_clone().unwrap();
    server.kill();
    is_gone(in_time(move || file.read_exact_at(&mut [0; 10], 3 << 20)));
    is_gone(in_time(move || {
        rustix::fs::statat(&place, "package2", rustix::fs::AtFlags::empty()).map_err(io::Error::from)
    }));
    is_gone(in_time(move || {
        rustix::fs::fstatvfs(&one_more).map(|all| all.f_blocks).map_err(io::Error::from)
    }));
}

/// Readers who wait for an answer when the server dies, at one moment or another; the next server has it all again.
/// `NUKA_STRESS_ROUNDS` says how often.
pub fn while_busy() {
    let room = Room::new();
    let bytes = noise(1, 24 << 20);
    let names: Vec<String> = (0..2000).map(|number| format!("d{}/f{number}", number / 50)).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    files.push(("large", &bytes));
    let tree = room.add(|batch| simple(batch, &files));
    let rounds = std::env::var("NUKA_STRESS_ROUNDS").map_or(10, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let mut server = Server::start(&room);
        let top = server.show("package", &tree);
        let inside = fs::File::open(&top).unwrap();
        let (sender, receiver) = mpsc::channel();
        for reader in 0..4 {
            let (inside, sender, names) = (inside.try_clone().unwrap(), sender.clone(), names.clone());
            // From the open directory on: the way to it goes with the server.
            let open = move |name: &str| {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let opened = rustix::fs::openat(&inside, name, flags, Mode::empty());
                opened.map(fs::File::from).map_err(io::Error::from)
            };
            let small = move |name: &String| {
                let mut text = String::new();
                io::Read::read_to_string(&mut open(name)?, &mut text)?;
                assert_eq!(text, *name);
                Ok(())
            };
            std::thread::spawn(move || {
                let mut reads = names.iter().skip(reader * 400).map(small);
                // Who is through before the server dies has read all of it.
                sender.send(reads.find(Result::is_err)).unwrap();
            });
        }
        let large = fs::File::open(top.join("large")).unwrap();
        std::thread::sleep(Duration::from_micros(round * 7919 % 40_000));
        server.kill();
        for _ in 0..4 {
            if let Some(ended) = receiver.recv_timeout(LONG).expect("a reader hangs") {
                is_gone(ended);
            }
        }
        is_gone(in_time(move || large.read_exact_at(&mut [0; 10], 20 << 20)));
    }
    let mut server = Server::start(&room);
    crate::compare::same(&server.show("package", &tree), &room.export(&tree, "local"));
    assert!(server.damages().is_empty());
}

/// `hold PLACE-IN SERVE-ARGUMENTS...`: goes into a namespace and starts a server in it, so that the namespace is there
/// after the server's death.
pub fn hold(arguments: &[&str]) {
    let [place_in, serve @ ..] = arguments else { panic!("{arguments:?}") };
    enter(place_in);
    let place = Path::new(serve[3]);
    let mut server = myself(serve).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    assert_eq!(mounts().unwrap().len(), 1);
    let inside = fs::File::open(place).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    is_gone(fs::metadata(place));
    is_gone(rustix::fs::statat(&inside, "x", rustix::fs::AtFlags::empty()).map_err(io::Error::from));
    assert_eq!(mounts().unwrap().len(), 1);
    // In use, and dead: it goes all the same.
    unmount(place).unwrap();
    assert!(mounts().unwrap().is_empty() && fs::read_dir(place).unwrap().next().is_none());
    let error = unmount(place).unwrap_err().to_string();
    assert!(error.contains("nothing of nuka is mounted on"), "{error}");
    unmount(Path::new("/proc")).unwrap_err();
    // And a new one can take its place.
    let mut server = myself(serve).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    line.clear();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!((line.as_str(), mounts().unwrap().len()), ("ready\n", 1));
    // It ends when nobody speaks to it any more, and takes its mount with it.
    server.stdin.take().unwrap().flush().unwrap();
    assert!(server.wait().unwrap().success());
    assert!(mounts().unwrap().is_empty());
}

pub fn unmount_dead() {
    if here() != "private" {
        return println!("SKIPPED: the namespace of an unprivileged server ends with it");
    }
    let room = Room::new();
    let how = How { means: "here", ..How::default() };
    let output = myself(&["hold", "private"]).args(how.arguments(&room)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub fn unmount_trial() {
    let room = Room::new();
    let tree = room.add(|batch| simple(batch, &[("file", b"file")]));
    let mut server = Server::start(&room);
    let top = server.show("package", &tree);
    let opened = fs::File::open(top.join("file")).unwrap();
    assert_eq!(server.tell("mounts"), "1");
    let said = server.tell("unmount");
    assert!(said.contains("is in use"), "{said}");
    assert_eq!(fs::read(top.join("file")).unwrap(), b"file");
    drop(opened);
    assert_eq!(server.tell("unmount"), "unmounted");
    assert_eq!(server.tell("mounts"), "0");
    assert!(fs::read_dir(server.path()).unwrap().next().is_none());
    // A process with threads says why it cannot go into a user namespace.
    let said = server.tell("threads");
    assert!(said == "Ok(())" || said.contains("threads cannot enter a user namespace"), "{said}");
    drop(server);
    unmount_dead();
}
