//! What a sandbox does not let happen, and what it says when something cannot be.

use crate::{
    root::Home,
    suite::{in_host, output},
};
use nuka_vfs::{
    sandbox::{Bind, Namespaces, Root, RootFile, SandboxError, Streams},
    view::Composed,
};
use std::{
    fs,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{fs::symlink, net::SocketAddr},
    },
    path::Path,
};

/// A directory that was chosen is swapped, for a link or another directory, before the program starts.
pub fn replaced() {
    let home = Home::new();
    let (chosen, secret) = (home.room.path("chosen"), home.room.path("secret"));
    fs::create_dir(&chosen).unwrap();
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("file"), "secret").unwrap();
    let swaps: [fn(&Path, &Path); 3] = [
        |chosen, secret| symlink(secret, chosen).unwrap(),
        |chosen, _| fs::create_dir(chosen).unwrap(),
        |_, _| (),
    ];
    for (number, swap) in swaps.into_iter().enumerate() {
        let mut sandbox = home.sandbox(&["cat", chosen.join("file").to_str().unwrap()]);
        sandbox.binds = vec![Bind::open(&chosen, true).unwrap()];
        let aside = home.room.path(&format!("aside{number}"));
        fs::rename(&chosen, &aside).unwrap();
        // It is followed where it went if it is found again there; here it is not, because its way was kept.
        swap(&chosen, &secret);
        let error = sandbox.spawn(Streams::default()).unwrap_err();
        match number {
            1 => assert!(matches!(&error, SandboxError::Replaced { path } if *path == chosen), "{error}"),
            _ => assert!(matches!(&error, SandboxError::Step { .. }), "{error}"),
        }
        assert!(error.to_string().contains("chosen"), "{error}");
        if chosen.is_symlink() {
            fs::remove_file(&chosen).unwrap();
        } else if chosen.exists() {
            fs::remove_dir(&chosen).unwrap();
        }
        fs::rename(&aside, &chosen).unwrap();
    }
    // A link on the way to it, swapped in later, leads nowhere else either.
    let (way, other) = (home.room.path("way"), home.room.path("other"));
    fs::create_dir_all(way.join("inner")).unwrap();
    fs::create_dir_all(other.join("inner")).unwrap();
    let mut sandbox = home.sandbox(&["ls", "/"]);
    sandbox.binds = vec![Bind::open(&way.join("inner"), true).unwrap()];
    fs::rename(&way, home.room.path("gone")).unwrap();
    symlink(&other, &way).unwrap();
    let error = sandbox.spawn(Streams::default()).unwrap_err();
    assert!(matches!(&error, SandboxError::Step { step, .. } if step.starts_with("open ")), "{error}");
}

pub fn places() {
    let home = Home::new();
    let open = || fs::File::open("/usr").unwrap().into();
    for place in ["relative", "/", "/a/../b", "/a\0b"] {
        let error = Bind::new(open(), Path::new(place), false).unwrap_err();
        assert!(matches!(error, SandboxError::Target { .. }), "{error}");
    }
    let mut twice = home.sandbox(&["ls", "/"]);
    twice.binds = vec![
        Bind::new(open(), Path::new("/a"), false).unwrap(),
        Bind::new(open(), Path::new("/a/."), true).unwrap(),
    ];
    assert!(matches!(twice.spawn(Streams::default()).unwrap_err(), SandboxError::Twice { .. }));
    // Where the view is, nothing can be made; and what it has as a link leads nowhere.
    for place in ["/usr/new", "/etc/dir/inner", "/opt"] {
        let mut inner = home.sandbox(&["ls", "/"]);
        inner.binds = vec![Bind::new(open(), Path::new(place), false).unwrap()];
        let error = inner.spawn(Streams::default()).unwrap_err();
        assert!(matches!(&error, SandboxError::Step { .. }), "{place}: {error}");
    }
    // In what the person let in, nothing is made.
    let own = home.room.path("own");
    fs::create_dir(&own).unwrap();
    let mut inner = home.sandbox(&["ls", "/"]);
    inner.binds = vec![Bind::open(&own, true).unwrap(), Bind::new(open(), &own.join("new"), false).unwrap()];
    assert!(inner.spawn(Streams::default()).unwrap_err().to_string().starts_with("cannot let in"));
    assert!(fs::read_dir(&own).unwrap().next().is_none());
    for path in ["/usr/file", "/tmp/file", "relative"] {
        let files = vec![RootFile { path: path.into(), bytes: Vec::new() }];
        let mut sandbox = home.sandbox(&["ls", "/"]);
        sandbox.root = Root::Pure { view: home.view(), files };
        assert!(
            matches!(sandbox.spawn(Streams::default()).unwrap_err(), SandboxError::Target { .. }),
            "{path}"
        );
    }
}

pub fn failures() {
    let home = Home::new();
    let mut nothing = home.sandbox(&[]);
    nothing.argv.clear();
    assert!(matches!(nothing.spawn(Streams::default()).unwrap_err(), SandboxError::NoProgram));
    let mut missing = home.sandbox(&[]);
    missing.argv = vec!["no-such-program".into()];
    let error = missing.spawn(Streams::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot run no-such-program: No such file or directory (os error 2)");
    let mut lost = home.sandbox(&["ls", "/"]);
    lost.cwd = "/not/there".into();
    let error = lost.spawn(Streams::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot go to /not/there: No such file or directory (os error 2)");
    let at = home.room.path("not-there");
    let error = in_host(home.view(), &at, &["inside", "ls", "/"]).spawn(Streams::default()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot put the view at {}", at.display())), "{error}");
    let gone = Composed::Directory(home.room.path("gone"));
    let error =
        in_host(gone, Path::new("/mnt"), &["inside", "ls", "/"]).spawn(Streams::default()).unwrap_err();
    assert!(matches!(&error, SandboxError::View { .. }), "{error}");
    let gone = Composed::Overlay { metadata: home.room.path("gone"), objects: home.room.path("gone") };
    let error =
        in_host(gone, Path::new("/mnt"), &["inside", "ls", "/"]).spawn(Streams::default()).unwrap_err();
    assert!(
        matches!(&error, SandboxError::Step { step, .. } if step.starts_with("make an overlay")),
        "{error}"
    );
    // None of this leaves a process.
    let children = fs::read_to_string(format!(
        "/proc/self/task/{}/children",
        rustix::process::getpid().as_raw_nonzero()
    ));
    assert_eq!(children.unwrap_or_default().trim(), "");
}

pub fn privileges() {
    let home = Home::new();
    let ids = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut sandbox = home.sandbox(&["who"]);
    for namespaces in [
        Namespaces::own(true),
        Namespaces::own(false),
        Namespaces::least(),
        Namespaces { user: true, ..Namespaces::least() },
    ] {
        sandbox.namespaces = namespaces;
        let said = output(&sandbox);
        for line in said.lines().filter(|line| line.starts_with("Cap")) {
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
        assert!(said.contains("NoNewPrivs:\t1"), "{said}");
        let (uid, gid) = ids;
        assert!(said.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n")), "{said}");
        assert!(said.contains(&format!("Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n")), "{said}");
        assert!(
            said.ends_with("cwd /\nenv PATH=/usr/bin\nenv HERE=yes\n")
                || said.ends_with("cwd /\nenv HERE=yes\nenv PATH=/usr/bin\n"),
            "{said}"
        );
        assert_eq!(said.contains("pid 2 parent Some(1)"), namespaces.pid, "{said}");
    }
    if crate::mounted::here() == "private" {
        // Root's own shell keeps what root has.
        let at = home.room.path("at");
        fs::create_dir(&at).unwrap();
        let mut shell = in_host(home.view(), &at, &["inside", "who"]);
        shell.privileged = true;
        let said = output(&shell);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let effective = status.lines().find(|line| line.starts_with("CapEff")).unwrap();
        assert!(said.contains(effective) && said.contains("NoNewPrivs:\t0"), "{said}");
    }
}

pub fn network() {
    let home = Home::new();
    let mut sandbox = home.sandbox(&["net"]);
    sandbox.namespaces = Namespaces::own(true);
    assert_eq!(output(&sandbox), "lo\nNetworkUnreachable\n");
}

/// A shared network has abstract sockets, by which a program reaches others on the machine; and its standard output is
/// a file that it may open once more.
pub fn outside() {
    let home = Home::new();
    let name = format!("nuka-view-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    let mut sandbox = home.sandbox(&["reach", &name]);
    sandbox.namespaces = Namespaces::own(false);
    let version = nuka_vfs::probe::probe(Path::new("/")).landlock;
    let expected = if version >= Some(6) { "PermissionDenied\n" } else { "reached\n" };
    assert_eq!(output(&sandbox), expected, "Landlock {version:?}");
    let (file, open) = (home.room.path("output"), |path: &Path| fs::File::create(path).unwrap());
    for (place, said) in [("/dev/stdout", "made\n"), ("/tmp/new", "made\n"), ("/dev/null", "made\n")] {
        let sandbox = home.sandbox(&["touch", place]);
        let streams = Streams { output: open(&file).into(), ..Streams::default() };
        assert!(sandbox.spawn(streams).unwrap().wait().unwrap().success());
        assert_eq!(fs::read_to_string(&file).unwrap(), said, "{place}");
    }
}
