//! A root that is made of a view, and what is let into it.

use crate::{
    mounted::Room,
    suite::{output, views},
    trees::simple,
};
use nuka_vfs::{
    loader_cache,
    sandbox::{Bind, Namespaces, Root, RootFile, Sandbox, Streams},
    view::{Composed, ViewMeans, choose},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Files of a view in which this program runs: itself, a shell, and the libraries that they need.
fn programs() -> BTreeMap<String, Vec<u8>> {
    let myself = std::env::current_exe().unwrap();
    let mut files = BTreeMap::new();
    for (name, path) in
        [("look", myself.as_path()), ("sh", Path::new("/bin/sh")), ("true", Path::new("/bin/true"))]
    {
        files.insert(format!("usr/bin/{name}*"), fs::read(path).unwrap());
        let said = Command::new("ldd").arg(path).output().unwrap();
        for library in
            String::from_utf8(said.stdout).unwrap().split_whitespace().filter(|word| word.starts_with("/"))
        {
            let at = library.strip_prefix("/usr").unwrap_or(library);
            files.insert(format!("usr{at}*"), fs::read(library).unwrap());
        }
    }
    files
}

/// A view that programs can live in, by the best means that this host has.
pub struct Home {
    pub room: Room,
    view: Composed,
}

impl Home {
    pub fn new() -> Self {
        let room = Room::new();
        let mut files = programs();
        files.insert("etc/name".into(), b"of the view".to_vec());
        files.insert("etc/dir/kept".into(), b"kept".to_vec());
        files.insert("etc/dir/other".into(), b"of the view".to_vec());
        files.insert("etc/link -> name".into(), Vec::new());
        files.insert("opt/thing".into(), b"thing".to_vec());
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let tree = room.add(|batch| simple(batch, &files));
        let views = views(&room.store, &room.path("cache"));
        // Tests use it many times, and an image's mount serves once.
        let answers: Vec<_> =
            views.probe(false).into_iter().filter(|(means, _)| *means != ViewMeans::Image).collect();
        let means = choose(&answers).expect("this host allows namespaces");
        let view = views.compose(&tree.cid, means).unwrap();
        Self { room, view }
    }

    pub fn view(&self) -> Composed {
        self.view.clone()
    }

    /// A sandbox with the view as its root, whose program is this one.
    pub fn sandbox(&self, arguments: &[&str]) -> Sandbox {
        Sandbox {
            root: Root::Pure { view: self.view(), files: Vec::new() },
            binds: Vec::new(),
            namespaces: Namespaces::own(false),
            privileged: false,
            argv: ["look", "inside"].iter().chain(arguments).map(Into::into).collect(),
            env: vec![("PATH".into(), "/usr/bin".into()), ("HERE".into(), "yes".into())],
            cwd: PathBuf::from("/"),
        }
    }
}

pub fn pure() {
    let home = Home::new();
    let mut sandbox = home.sandbox(&[
        "ls",
        "/",
        "/etc",
        "/dev",
        "/tmp",
        "/dev/shm",
        "/opt",
        "/nuka",
        "/nuka/view",
        "/usr/bin",
    ]);
    let seen = output(&sandbox);
    let merged: Vec<&str> = ["lib", "lib64"]
        .into_iter()
        .filter(|name| home.view().directory().join("usr").join(name).exists())
        .collect();
    let root = format!("/: bin dev etc {} nuka opt proc tmp usr", merged.join(" "));
    let expected = [
        root.as_str(),
        "/etc: dir link name",
        "/dev: fd full null ptmx pts random shm stderr stdin stdout tty urandom zero",
        "/tmp: ",
        "/dev/shm: ",
        "/opt: thing",
        "/nuka: view",
        "/nuka/view: etc opt usr",
        "/usr/bin: look sh true",
    ];
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
    // Without namespaces of its own too; then the processes are the host's.
    sandbox.namespaces = Namespaces::least();
    assert_eq!(output(&sandbox), seen);
    let cat = home.sandbox(&["cat", "/etc/link", "/etc/dir/kept", "/opt/thing", "/bin/../../etc/name"]);
    assert_eq!(output(&cat), "of the viewkeptthingof the view");
    for (place, made) in [
        ("/tmp/x", "made"),
        ("/dev/shm/x", "made"),
        ("/x", "ROFS"),
        ("/usr/x", "ROFS"),
        ("/etc/x", "ROFS"),
        ("/dev/x", "ROFS"),
        ("/nuka/view/usr/x", "ROFS"),
    ] {
        assert!(output(&home.sandbox(&["touch", place])).contains(made), "{place}");
    }
    // Devices are what they are.
    let mut shell = home.sandbox(&[]);
    shell.argv = [
        "sh",
        "-c",
        "echo x > /dev/null && echo two > /tmp/sum && read -r sum < /tmp/sum && echo $sum $$ $HERE",
    ]
    .map(Into::into)
    .into();
    assert_eq!(output(&shell), "two 2 yes\n");
}

pub fn files() {
    let home = Home::new();
    let mut sandbox = home.sandbox(&[
        "cat",
        "/etc/name",
        "/etc/dir/other",
        "/etc/dir/kept",
        "/etc/new",
        "/var/lib/deep/file",
    ]);
    let file = |path: &str| RootFile { path: path.into(), bytes: format!("[{path}]").into_bytes() };
    let made = ["/etc/name", "/etc/dir/other", "/etc/new", "/var/lib/deep/file"].map(file);
    sandbox.root = Root::Pure { view: home.view(), files: made.to_vec() };
    assert_eq!(output(&sandbox), "[/etc/name][/etc/dir/other]kept[/etc/new][/var/lib/deep/file]");
}

pub fn binds() {
    let home = Home::new();
    let top = home.room.path("person");
    for name in ["own/deep", "own/shut", "elsewhere"] {
        fs::create_dir_all(top.join(name)).unwrap();
    }
    for name in ["own/file", "own/deep/file", "own/shut/file", "elsewhere/file"] {
        fs::write(top.join(name), name).unwrap();
    }
    let (own, shut, elsewhere) = (top.join("own"), top.join("own/shut"), top.join("elsewhere"));
    let with = |arguments: &[&str]| {
        let mut sandbox = home.sandbox(arguments);
        // The inner one first: they are put in order.
        sandbox.binds = vec![
            Bind::open(&shut, false).unwrap(),
            Bind::open(&own, true).unwrap(),
            Bind::new(
                fs::File::open(elsewhere.join("file")).unwrap().into(),
                Path::new("/tmp/let/in"),
                false,
            )
            .unwrap(),
        ];
        sandbox.cwd = own.clone();
        sandbox
    };
    let path = |name: &str| top.join(name).to_str().unwrap().to_owned();
    assert_eq!(
        output(&with(&["cat", &path("own/deep/file"), "shut/file", "/tmp/let/in"])),
        "own/deep/fileown/shut/fileelsewhere/file"
    );
    assert_eq!(
        output(&with(&["ls", &path("own"), top.to_str().unwrap()])),
        format!("{}: deep file shut\n{}: own\n", path("own"), top.display())
    );
    for (place, answer) in
        [("own/new", "made"), ("own/shut/new", "ROFS"), ("new", "made"), ("own/shut/file", "ROFS")]
    {
        assert!(output(&with(&["touch", &path(place)])).contains(answer), "{place}");
    }
    assert!(top.join("own/new").exists() && !top.join("new").exists());
    // With the host's root, a directory can be made read-only where it is.
    let at = home.room.path("at");
    fs::create_dir(&at).unwrap();
    let mut host = crate::suite::in_host(home.view(), &at, &["inside", "touch", &path("own/again")]);
    host.binds = vec![Bind::open(&own, false).unwrap()];
    assert!(output(&host).contains("ROFS"));
}

/// A library in a directory that the loader was not built with is found by the cache that is made of the view.
pub fn libraries() {
    let room = Room::new();
    let made = room.path("made");
    fs::create_dir(&made).unwrap();
    fs::write(made.join("one.c"), "int one(void) { return 41; }").unwrap();
    fs::write(made.join("main.c"), "int one(void); int main(void) { return one(); }").unwrap();
    let compiled = [
        &["-shared", "-fPIC", "-Wl,-soname,libone.so.1", "-o", "libone.so.1.2", "one.c"][..],
        &["-o", "prog", "main.c", "./libone.so.1.2"],
    ]
    .into_iter()
    .all(|words| Command::new("cc").args(words).current_dir(&made).status().is_ok_and(|s| s.success()));
    if !compiled {
        println!("    SKIPPED: there is no C compiler that makes shared libraries");
        return;
    }
    let mut files = programs();
    for (name, bytes) in [
        ("usr/bin/prog*", fs::read(made.join("prog")).unwrap()),
        ("usr/lib/odd/libone.so.1.2*", fs::read(made.join("libone.so.1.2")).unwrap()),
        ("usr/lib/odd/libone.so -> libone.so.1.2", Vec::new()),
        ("usr/lib/odd/libscript.so", b"INPUT(libone.so.1)".to_vec()),
        ("usr/lib/odd/libcut.so", fs::read(made.join("libone.so.1.2")).unwrap()[..900].to_vec()),
        ("etc/ld.so.conf.d/odd.conf", b"# not usual\n/usr/lib/odd/\n".to_vec()),
    ] {
        files.insert(name.into(), bytes);
    }
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let tree = room.add(|batch| simple(batch, &files));
    let cache = loader_cache(&room.store, &tree.cid).unwrap().unwrap();
    let none = room.add(|batch| simple(batch, &[("usr/lib/libno.so", b"text")]));
    assert_eq!(loader_cache(&room.store, &none.cid).unwrap(), None);
    let view = views(&room.store, &room.path("cache")).compose(&tree.cid, ViewMeans::Prepared).unwrap();
    let code = |files: Vec<RootFile>| {
        let sandbox = Sandbox {
            root: Root::Pure { view: view.clone(), files },
            binds: Vec::new(),
            namespaces: Namespaces::own(false),
            privileged: false,
            argv: vec!["prog".into()],
            env: vec![("PATH".into(), "/usr/bin".into())],
            cwd: PathBuf::from("/"),
        };
        let streams = Streams { error: Stdio::null(), ..Streams::default() };
        sandbox.spawn(streams).unwrap().wait().unwrap().code()
    };
    assert_eq!(code(Vec::new()), Some(127));
    assert_eq!(code(vec![RootFile { path: "/etc/ld.so.cache".into(), bytes: cache.clone() }]), Some(41));
    // The system's own reader, where there is one.
    let file = room.path("ld.so.cache");
    fs::write(&file, cache).unwrap();
    if let Ok(said) = Command::new("/sbin/ldconfig").arg("-p").arg("-C").arg(&file).output() {
        let said = String::from_utf8(said.stdout).unwrap();
        for wanted in [
            "=> /usr/lib/odd/libone.so.1.2\n",
            "=> /usr/lib/odd/libone.so\n",
            "libone.so.1 (libc6",
            "libc.so.6 (libc6",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        assert!(!said.contains("libscript") && !said.contains("libcut"), "{said}");
    }
}
