//! Real programs over a mounted tree.

use crate::{
    mounted::{Room, Server},
    trees::simple,
};
use nuka_store::import::{ImportOptions, add_directory};
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(what: &str, command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} ended with {}: {said}", output.status);
    output
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// What is shown: sources in C, a Python package in a zip, a git repository.
pub fn show(room: &Room, server: &mut Server) {
    let mut files = vec![(
        "src/main.c".to_owned(),
        "#include \"part.h\"\nint main(void) { return all() - 1225; }\n".into(),
    )];
    let mut header = "#pragma once\nint all(void);\n".to_owned();
    let mut all = "#include \"part.h\"\nint all(void) { return 0".to_owned();
    for number in 0..50 {
        writeln!(header, "int part{number}(void);").unwrap();
        write!(all, " + part{number}()").unwrap();
        let text = format!("#include \"../include/part.h\"\nint part{number}(void) {{ return {number}; }}\n");
        files.push((format!("src/part{number}.c"), text));
    }
    files.push(("src/all.c".into(), all + "; }\n"));
    files.push(("include/part.h".into(), header));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let tree = room.add(|batch| simple(batch, &files));
    server.show("source", &tree);
    for (name, make) in
        [("zipped", zipped as fn(&Path) -> bool), ("repository", repository), ("stdlib", stdlib)]
    {
        let place = room.path(name);
        fs::create_dir(&place).unwrap();
        if make(&place) {
            let tree = add_directory(&room.store, &place, &ImportOptions::default()).unwrap();
            server.show(name, &tree);
        }
    }
}

fn zipped(place: &Path) -> bool {
    const SCRIPT: &str = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1] + '/modules.zip', 'w') as out:\n\
        \x20   out.writestr('shelf/__init__.py', 'from .deep import answer\\n')\n\
        \x20   out.writestr('shelf/deep.py', 'answer = 42\\n' + '# filler\\n' * 50000)\n\
        open(sys.argv[1] + '/plain.py', 'w').write('import shelf\\nvalue = shelf.answer + 1\\n')\n";
    has("python3")
        && Command::new("python3")
            .args(["-c", SCRIPT])
            .arg(place)
            .status()
            .is_ok_and(|status| status.success())
}

/// Python's own library, with its test of importing from zips, as it is installed.
fn stdlib(place: &Path) -> bool {
    const SCRIPT: &str = "import os, shutil, sys, sysconfig\n\
        def ignored(directory, names):\n\
        \x20   skip = {'site-packages', 'dist-packages', '__pycache__'}\n\
        \x20   keep = {'__init__.py', 'support', 'test_zipimport.py', 'test_importlib'}\n\
        \x20   return [n for n in names if n in skip or (os.path.basename(directory) == 'test' and n not in keep)]\n\
        shutil.copytree(sysconfig.get_path('stdlib'), sys.argv[1], ignore=ignored, dirs_exist_ok=True)\n\
        sys.exit(not os.path.exists(sys.argv[1] + '/test/test_zipimport.py'))\n";
    has("python3")
        && Command::new("python3")
            .args(["-c", SCRIPT])
            .arg(place)
            .status()
            .is_ok_and(|status| status.success())
}

fn repository(place: &Path) -> bool {
    const SCRIPT: &str = "cd \"$1\" && git init -q . && git config user.name n && git config user.email e && \
        for i in 1 2 3 4 5 6 7 8; do mkdir -p d$i && seq $i 2000 > d$i/f && git add . && git commit -qm $i || exit 1; done && \
        git repack -adq && rm -f .git/hooks/*";
    has("git")
        && Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(place)
            .status()
            .is_ok_and(|status| status.success())
}

pub fn run_from_a_mount() {
    let room = Room::new();
    let mut server = Server::start(&room);
    show(&room, &mut server);
    let work = room.path("work");
    fs::create_dir(&work).unwrap();
    run("the programs", server.inside(&["programs"]).arg(room.place()).arg(&work));
    assert!(server.damages().is_empty());
}

/// Runs what is installed over what [`show`] shows at `place`; results go to `work`.
pub fn check(place: &Path, work: &Path) {
    let source = place.join("source");
    if has("cc") {
        let program = work.join("program");
        let mut cc = Command::new("sh");
        cc.args(["-c", "cc -O0 -I\"$1/include\" -o \"$2\" \"$1\"/src/*.c", "sh"]).arg(&source).arg(&program);
        run("cc", &mut cc);
        run("what cc made", &mut Command::new(&program));
    }
    let found = run("find", Command::new("find").arg(&source).args(["-type", "f", "-size", "-4k"]));
    assert_eq!(found.stdout.iter().filter(|byte| **byte == b'\n').count(), 53);
    let copy = work.join("tar");
    fs::create_dir(&copy).unwrap();
    let mut tar = Command::new("sh");
    tar.args(["-c", "tar -C \"$1\" -cf - . | tar -C \"$2\" -xf -", "sh"]).arg(&source).arg(&copy);
    run("tar", &mut tar);
    run("diff", Command::new("diff").arg("-r").arg(&source).arg(&copy));
    run("cp", Command::new("cp").arg("-a").arg(&source).arg(work.join("cp")));
    run("diff", Command::new("diff").arg("-r").arg(&source).arg(work.join("cp")));
    if has("rsync") {
        run("rsync", Command::new("rsync").arg("-aHX").arg(&source).arg(work.join("rsync")));
        run("diff", Command::new("diff").arg("-r").arg(&source).arg(work.join("rsync/source")));
    }
    let zipped = place.join("zipped");
    if zipped.exists() {
        let mut python = Command::new("python3");
        python.args(["-B", "-c", "import shelf, plain; print(shelf.answer, plain.value, shelf.__file__)"]);
        let mut path = zipped.join("modules.zip").into_os_string();
        path.push(":");
        path.push(&zipped);
        let said = run("python3", python.env("PYTHONPATH", path)).stdout;
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with("42 43 ") && said.contains("modules.zip/shelf"), "{said}");
    }
    let stdlib = place.join("stdlib");
    if stdlib.join("test").exists() {
        let python = |arguments: &[&str]| {
            let mut python = Command::new("python3");
            python.args(arguments).env("PYTHONPATH", &stdlib).env("TMPDIR", work).current_dir(work);
            python.env("PYTHONPYCACHEPREFIX", work.join("compiled"));
            python
        };
        run(
            "compileall",
            python(&["-m", "compileall", "-q"])
                .args(["json", "email", "asyncio"].map(|name| stdlib.join(name))),
        );
        let said =
            run("import", &mut python(&["-c", "import asyncio, email.message; print(asyncio.__file__)"]))
                .stdout;
        assert!(
            said.starts_with(stdlib.as_os_str().as_encoded_bytes()),
            "{}",
            String::from_utf8_lossy(&said)
        );
        run("python's test_zipimport", &mut python(&["-m", "test.test_zipimport"]));
    }
    let repository = place.join("repository");
    if repository.exists() {
        // The files may be another user's, as those of any system.
        let git = || {
            let mut git = Command::new("git");
            git.args(["-c", "safe.directory=*"]).env("HOME", work);
            git
        };
        let copy = work.join("clone");
        run("git clone", git().args(["clone", "-q", "--no-local"]).arg(&repository).arg(&copy));
        run("git fsck", git().arg("-C").arg(&copy).args(["fsck", "--full", "--strict"]));
        run("git log", git().arg("-C").arg(&repository).args(["log", "--stat"]));
        run("diff", Command::new("diff").args(["-r", "-x", ".git"]).arg(&repository).arg(&copy));
    }
}
