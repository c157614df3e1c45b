//! One suite, run over every means: what is seen is the tree that was meant, and nothing of it can be changed.

use crate::{
    mounted::{How, Room, Server, here, myself},
    trees::{Leaf, Plan, any_plan, awkward, store},
};
use nuka_pir::Cid;
use nuka_store::{Objects, Store, StoreOptions, Tree};
use nuka_vfs::{
    Integrity,
    sandbox::{Namespaces, Root, Sandbox, SandboxError, Streams},
    view::{Composed, Detached, ViewMeans, Views, choose},
};
use proptest::{strategy::Strategy, strategy::ValueTree, test_runner::TestRunner};
use std::{
    fs,
    io::Read,
    os::{
        fd::AsFd,
        unix::fs::{FileExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// A user that every system has, and that owns nothing: nobody.
pub const USER: u32 = 65_534;
/// 1980-01-01.
const EPOCH: i64 = 315_532_800;

pub fn views(store: &Store, cache: &Path) -> Views {
    Views::new(
        Objects::open(store.root()).unwrap(),
        cache,
        Arc::new(Integrity::new(|damage| println!("damage {damage}"))),
    )
}

/// Whether this host can show a view by any means, or why not.
pub fn possible() -> Result<(), String> {
    let room = Room::new();
    let answers = views(&room.store, &room.path("cache")).probe(false);
    if choose(&answers).is_some() {
        return Ok(());
    }
    let reasons =
        answers.iter().filter_map(|(means, answer)| Some(format!("{means}: {}", answer.as_ref().err()?)));
    Err(reasons.collect::<Vec<_>>().join("; "))
}

/// A sandbox whose program is this one, with the host's root and a view at `at`.
pub fn in_host(view: Composed, at: &Path, arguments: &[&str]) -> Sandbox {
    let myself = std::env::current_exe().unwrap();
    Sandbox {
        root: Root::Host { view, at: at.to_owned() },
        binds: Vec::new(),
        namespaces: Namespaces::least(),
        privileged: false,
        argv: std::iter::once(myself.into()).chain(arguments.iter().map(Into::into)).collect(),
        env: Vec::new(),
        cwd: PathBuf::from("/"),
    }
}

/// Runs it to its end, and returns what it wrote to its standard output.
pub fn output(sandbox: &Sandbox) -> String {
    let streams = Streams { output: Stdio::piped(), error: Stdio::piped(), ..Streams::default() };
    let child = sandbox.spawn(streams).unwrap_or_else(|error| panic!("{error}"));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {}: {said}", sandbox.argv, output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The awkward tree, with what [`crate::errors`] wants, and a script; also the same file with and without the right to run.
fn plan() -> Plan {
    let mut plan = awkward();
    let path = |text: &str| vec![text.as_bytes().to_vec()];
    plan.insert(path("file"), Leaf::File(b"bytes".to_vec(), false));
    plan.insert(path("program"), Leaf::File(b"#!/bin/sh\necho ran\n".to_vec(), true));
    plan.insert(path("plain"), Leaf::File(b"#!/bin/sh\necho ran\n".to_vec(), false));
    plan.insert(path("link"), Leaf::Link(b"file".to_vec()));
    plan.insert(vec![b"dir".to_vec(), b"inner".to_vec()], Leaf::File(Vec::new(), false));
    plan.insert(path("large"), Leaf::File(crate::trees::noise(7, 3_000_001), false));
    plan
}

/// The whole suite for one means, by this user.
fn suite(views: &Views, cid: &Cid, means: ViewMeans, composed: Option<Composed>, room: &Path, local: &Path) {
    // Each time anew: some means serve once.
    let composed = || composed.clone().unwrap_or_else(|| views.compose(cid, means).unwrap());
    let at = room.join("at");
    let (shown, meant) = (at.to_str().unwrap(), local.to_str().unwrap());
    // Hard links have the times of the objects.
    let times = if means == ViewMeans::Prepared { "any" } else { "fixed" };
    output(&in_host(composed(), &at, &["inside", "same", shown, meant, times]));
    output(&in_host(composed(), &at, &["inside", "read-only", shown]));
    let mut script = in_host(composed(), &at, &[]);
    script.argv = vec![at.join("program").into()];
    assert_eq!(output(&script), "ran\n", "{means}");
    let mut script = in_host(composed(), &at, &[]);
    script.argv = vec![at.join("plain").into()];
    let error = script.spawn(Streams::default()).unwrap_err().to_string();
    assert!(error.starts_with("cannot run") && error.contains("Permission denied"), "{means}: {error}");
    // In a user namespace too, and with all others.
    let mut own = in_host(composed(), &at, &["inside", "same", shown, meant, times]);
    own.namespaces = Namespaces::own(true);
    output(&own);
    // Nothing is mounted outside.
    assert!(fs::read_dir(&at).unwrap().next().is_none(), "{means}");
}

/// `suite ROOM CID LOCAL SHOWN`: over all means that there are for this user; `SHOWN` is a directory of a mount, or `-`.
pub fn run(arguments: &[&str]) {
    let [room, cid, local, shown] = arguments else { panic!("{arguments:?}") };
    let (room, local, cid) = (Path::new(room), Path::new(local), cid.parse().unwrap());
    let store = Store::open(room.join("store"), &StoreOptions::default()).unwrap();
    let views = views(&store, &room.join("cache"));
    for (means, answer) in views.probe(*shown != "-") {
        match answer {
            Ok(()) => {
                let mounted = (means == ViewMeans::Mount).then(|| Composed::Directory(shown.into()));
                suite(&views, &cid, means, mounted, room, local);
                println!("    {means}: as it was meant");
            }
            Err(reason) => println!("    {means}: SKIPPED: {reason}"),
        }
    }
}

fn room_with(plan: &Plan) -> (Room, Tree, PathBuf) {
    let room = Room::new();
    for name in ["at", "cache"] {
        fs::create_dir(room.path(name)).unwrap();
    }
    let tree = room.add(|batch| store(batch, plan));
    let local = room.export(&tree, "local");
    (room, tree, local)
}

fn suite_command(room: &Room, tree: &Tree, local: &Path, shown: &str) -> Command {
    let mut command = myself(&["suite"]);
    command.arg(room.dir.path()).arg(tree.cid.to_string()).arg(local).arg(shown);
    command
}

/// With a mount of the store beside: what serves it is another process, in whose namespace the suite runs.
pub fn every_means() {
    let (room, tree, local) = room_with(&plan());
    let mut command = myself(&[]);
    command.args(How::default().arguments(&room));
    let mut server = match Server::spawn(command, &room) {
        Ok(server) => server,
        Err(reason) => {
            println!("    the mounted store: SKIPPED: {reason}");
            return assert!(suite_command(&room, &tree, &local, "-").status().unwrap().success());
        }
    };
    server.show("tree", &tree);
    let shown = room.place().join("tree");
    let suite = suite_command(&room, &tree, &local, shown.to_str().unwrap());
    let mut inside = server.inside(&[]);
    inside.args(suite.get_args());
    assert!(inside.status().unwrap().success());
}

/// One that has no privilege at all, and gets none.
pub fn as_another_user() {
    if here() != "private" {
        return println!("SKIPPED: only root can become another user, and this user was tried already");
    }
    let (room, tree, local) = room_with(&plan());
    for name in ["at", "cache", "store", "mnt"] {
        let ids = format!("{USER}:{USER}");
        assert!(Command::new("chown").args(["-R", &ids]).arg(room.path(name)).status().unwrap().success());
    }
    let device = room.path("fuse");
    assert!(
        Command::new("mknod")
            .args(["-m", "666"])
            .arg(&device)
            .args(["c", "10", "229"])
            .status()
            .unwrap()
            .success()
    );
    let how = How { means: "user", device, ..How::default() };
    // Where this program was built may be closed to the user, and the suite starts itself again.
    let program = room.path("this-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = as_user(&program, &myself(&[]));
    command.args(how.arguments(&room));
    let mut server = Server::spawn(command, &room).unwrap();
    server.show("tree", &tree);
    let suite = suite_command(&room, &tree, &local, room.place().join("tree").to_str().unwrap());
    let mut inside = server.inside(&[]);
    inside.args(suite.get_args());
    assert!(as_user(&program, &inside).status().unwrap().success());
}

/// Root mounts an image, at no place, and one without any privilege is given it.
pub fn handed_over() {
    let (room, tree, local) = room_with(&plan());
    let views = views(&room.store, &room.path("cache"));
    let answers = views.probe(false);
    let (_, answer) = answers.iter().find(|(means, _)| *means == ViewMeans::Image).unwrap();
    if let Err(reason) = answer {
        return println!("SKIPPED: {reason}");
    }
    let program = room.path("this-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for entering in ["host", "pure"] {
        let Composed::Mounted(mount) = views.compose(&tree.cid, ViewMeans::Image).unwrap() else {
            panic!("an image is mounted")
        };
        let at = room.path("at");
        let mut command = as_user(&program, myself(&["given", entering]).arg(at).arg(&local));
        command.stdin(mount.as_fd().try_clone_to_owned().unwrap());
        assert!(command.status().unwrap().success(), "{entering}");
    }
}

/// `given host|pure AT LOCAL`: enters the mount that standard input is.
pub fn given(arguments: &[&str]) {
    let [entering, at, local] = arguments else { panic!("{arguments:?}") };
    assert_ne!(rustix::process::geteuid().as_raw(), 0);
    let mount = Detached::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    // What it shows can be seen before it is anywhere.
    assert_eq!(fs::read(mount.path().join("file")).unwrap(), b"bytes");
    let mut sandbox =
        in_host(Composed::Mounted(mount.clone()), Path::new(at), &["inside", "same", at, local, "fixed"]);
    if *entering == "pure" {
        let view = Composed::Mounted(mount.clone());
        sandbox.root = Root::Pure { view, files: Vec::new() };
        sandbox.argv = vec!["/nuka/view/program".into()];
        // Its interpreter is not in the view, which is how it is known that nothing else is seen.
        let error = sandbox.spawn(Streams::default()).unwrap_err().to_string();
        return assert!(error.contains("No such file"), "{error}");
    }
    output(&sandbox);
    // A mount is at one place.
    let again = in_host(Composed::Mounted(mount), Path::new(at), &["inside", "read-only", at]);
    let error = again.spawn(Streams::default()).unwrap_err();
    assert!(matches!(error, SandboxError::Step { .. }), "{error}");
}

/// The arguments of the command for `program`, as nobody, without any privilege.
fn as_user(program: &Path, command: &Command) -> Command {
    let mut other = Command::new("setpriv");
    let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
    other.args(ids).args(["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]);
    other.arg(program).args(command.get_args());
    other
}

pub fn random_trees() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let plan = any_plan().new_tree(&mut runner).unwrap().current();
        let (room, tree, local) = room_with(&plan);
        let views = views(&room.store, &room.path("cache"));
        let at = room.path("at");
        for (means, answer) in views.probe(false) {
            if answer.is_ok() {
                let composed = views.compose(&tree.cid, means).unwrap();
                let times = if means == ViewMeans::Prepared { "any" } else { "fixed" };
                let (shown, meant) = (at.to_str().unwrap(), local.to_str().unwrap());
                output(&in_host(composed, &at, &["inside", "same", shown, meant, times]));
            }
        }
    }
}

/// Fails where two directories are not the same.
pub fn same(shown: &Path, meant: &Path, fixed_times: bool) {
    let mut pairs = vec![(shown.to_owned(), meant.to_owned())];
    // Deep trees have paths that are longer than the system takes, and are looked at where they are.
    while let Some((ours, theirs)) = pairs.pop() {
        let (stat, other) = (stat(&ours), stat(&theirs));
        let what = ours.display();
        assert_eq!(stat.file_type(), other.file_type(), "{what}");
        if fixed_times || stat.is_dir() {
            assert_eq!((stat.mtime(), stat.mtime_nsec()), (EPOCH, 0), "{what}");
        }
        if stat.is_dir() {
            assert_eq!(stat.mode() & 0o555, 0o555, "{what}");
            let names = sorted(&ours);
            assert_eq!(names, sorted(&theirs), "{what}");
            pairs.extend(names.into_iter().map(|name| (ours.join(&name), theirs.join(&name))));
        } else if stat.is_symlink() {
            assert_eq!(fs::read_link(&ours).unwrap(), fs::read_link(&theirs).unwrap(), "{what}");
        } else {
            let executable = other.mode() & 0o111 != 0;
            assert_eq!(stat.permissions().mode() & 0o7777, if executable { 0o555 } else { 0o444 }, "{what}");
            assert_eq!(stat.len(), other.len(), "{what}");
            same_bytes(&ours, &fs::read(&theirs).unwrap());
        }
    }
}

/// Read as a whole, from the middle, and through memory.
fn same_bytes(path: &Path, meant: &[u8]) {
    let mut file = fs::File::open(path).unwrap();
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all == meant, "{} has other bytes", path.display());
    let (middle, mut part) = (meant.len() / 2, [0; 100]);
    let count = file.read_at(&mut part, middle as u64).unwrap();
    assert_eq!(&part[..count], &meant[middle..(middle + 100).min(meant.len())], "{}", path.display());
    if !meant.is_empty() {
        // SAFETY: nobody can change the file.
        #[allow(unsafe_code, reason = "see above")]
        let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
        assert!(*map == *meant, "{} has other bytes in memory", path.display());
    }
}

fn stat(path: &Path) -> fs::Metadata {
    fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sorted(directory: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    names
}
