//! The builder `seed/1`: a native program of the tools, in a root of its own that has nothing but these, `/build` and an
//! empty `/tmp`. It has no network, an environment of its own, and ends with all that it started.
//!
//! Nothing but a bootstrap runs one: Go's to have its first compiler, after which every program is WebAssembly, and C's to have
//! the compilers that it made itself make themselves again.

use crate::in_flight::Gone;
use nuka_pir::Cid;
use nuka_seed_runtime::{
    disk,
    tree::{File, Node, Tree},
};
use nuka_vfs::{
    sandbox::{Bind, Namespaces, Root, Sandbox, SandboxError, Streams},
    view::{self, ViewError},
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, io,
    os::unix::{ffi::OsStringExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How often a name is tried for a directory to work in.
const TRIES: u32 = 1000;

/// Why a native program did not do what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// This piece of work is no bootstrap.
    #[error("native programs are run for a bootstrap only")]
    Refused,
    /// This host lets nobody make a root of their own.
    #[error("this host allows no root of its own for a native program: {}", reasons.join("; "))]
    NoRoot {
        /// Each means of showing a view, and why not.
        reasons: Vec<String>,
    },
    /// The tools cannot be shown.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The program cannot be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The build tree cannot be written out or read back.
    #[error("the build tree of a native program: {0}")]
    File(#[from] io::Error),
    /// It did not end with exit code 0.
    #[error("it ended with {0}")]
    Ended(Ending),
    /// It ran for too long and was stopped.
    #[error("it ran for longer than its limit of {} s", limit.as_secs())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// Nobody waits for it any more.
    #[error("cancelled")]
    Cancelled,
}

/// How a native program ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending(ExitStatus);

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("nothing that this system tells"),
        }
    }
}

/// Runs native programs.
pub struct Seeds {
    /// Shows the tools.
    pub views: view::Views,
    /// Where build trees are while programs run, in directories of their own.
    pub scratch: PathBuf,
}

/// One native program to be run.
pub struct NativeRun<'a> {
    /// The tree that has `usr`.
    pub tools: Cid,
    /// `/build`.
    pub build: &'a Tree,
    /// The program, which is an absolute path, and its arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Its working directory.
    pub directory: &'a str,
    /// How long it may take.
    pub limit: Duration,
    /// Set when nobody waits for it any more.
    pub cancelled: &'a Gone,
}

impl Seeds {
    /// Runs it, and gives `/build` as it leaves it. What it printed is added to the log in any case.
    pub fn run(&self, run: NativeRun<'_>, log: &mut Vec<u8>) -> Result<Tree, NativeError> {
        let answers = self.views.probe(false);
        let Some(means) = view::choose(&answers) else {
            let reason = |(means, answer): &view::Answer| {
                answer.as_ref().err().map(|unavailable| format!("{means}: {unavailable}"))
            };
            return Err(NativeError::NoRoot { reasons: answers.iter().filter_map(reason).collect() });
        };
        let view = self.views.compose(&run.tools, means)?;
        let scratch = Scratch::make(&self.scratch)?;
        let (build, output) = (scratch.path.join("build"), scratch.path.join("output"));
        disk::store(run.build, &build)?;
        let os = |bytes: &Vec<u8>| OsString::from_vec(bytes.clone());
        let opened = fs_err::File::open(&build)?.into_parts().0;
        let sandbox = Sandbox {
            root: Root::Pure { view, files: Vec::new() },
            binds: vec![Bind::new(opened.into(), Path::new("/build"), true)?],
            namespaces: Namespaces::own(false),
            privileged: false,
            argv: run.command.iter().map(OsString::from).collect(),
            env: run.env.iter().map(|(name, value)| (os(name), os(value))).collect(),
            cwd: run.directory.into(),
        };
        let written = fs_err::File::create(&output)?.into_parts().0;
        let streams =
            Streams { input: Stdio::null(), output: written.try_clone()?.into(), error: written.into() };
        let mut child = sandbox.spawn(streams)?;
        let status = wait(&mut child, run.limit, run.cancelled);
        log.extend(fs_err::read(&output)?);
        match status? {
            status if status.success() => Ok(in_memory(&disk::load(&build)?)?),
            status => Err(NativeError::Ended(Ending(status))),
        }
    }
}

/// Waits for a program until its time is over or nobody wants it; then it is killed, and what it started with it.
fn wait(
    child: &mut std::process::Child,
    limit: Duration,
    cancelled: &Gone,
) -> Result<ExitStatus, NativeError> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let end = match () {
            () if cancelled.load(Ordering::Acquire) => NativeError::Cancelled,
            () if begun.elapsed() > limit => NativeError::TimedOut { limit },
            () => {
                std::thread::sleep(LOOK);
                continue;
            }
        };
        child.kill()?;
        child.wait()?;
        return Err(end);
    }
}

/// The tree with all its files read: what they are read from will be gone.
fn in_memory(tree: &Tree) -> io::Result<Tree> {
    let mut read = Tree::new();
    for (name, node) in tree.iter() {
        let node = match node {
            Node::Directory(tree) => Node::Directory(in_memory(tree)?),
            Node::File(file) => Node::File(File::from_bytes(file.bytes()?, file.executable())),
            Node::Symlink(target) => Node::Symlink(target.clone()),
        };
        read.insert_entry(name.clone(), node);
    }
    Ok(read)
}

/// A new directory, which is removed with all that is in it.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn make(parent: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        fs_err::create_dir_all(parent)?;
        for _ in 0..TRIES {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{}-{number}", std::process::id()));
            match fs_err::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                // Left by a process that was killed and had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no name for a directory is free"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // One that cannot be removed costs its room.
        let _ = fs_err::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::build::save;
    use nuka_store::{Objects, Store, StoreOptions};
    use nuka_vfs::Integrity;
    use std::sync::{Arc, atomic::AtomicBool};

    /// A whole ELF program of these instructions.
    fn program(code: &[u8]) -> Vec<u8> {
        const BASE: u64 = 0x40_0000;
        const HEADERS: u64 = 0x78;
        let size = HEADERS + code.len() as u64;
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
        for word in [BASE + HEADERS, 0x40, 0] {
            elf.extend(word.to_le_bytes());
        }
        // No flags; the sizes and numbers of headers; then one segment that may be read and executed.
        elf.extend(b"\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0");
        for word in [0, BASE, BASE, size, size, 0x1000] {
            elf.extend(word.to_le_bytes());
        }
        elf.extend(code);
        elf
    }

    /// `exit(7)`.
    const EXIT_7: &[u8] = b"\x6a\x3c\x58\x6a\x07\x5f\x0f\x05";
    /// `mkdir("/build/made", 0700)`, then `exit` with what that gave; the path stands behind.
    const MAKE: &[u8] =
        b"\x6a\x53\x58\x48\x8d\x3d\x11\0\0\0\x68\xc0\x01\0\0\x5e\x0f\x05\x89\xc7\x6a\x3c\x58\x0f\x05\x90\x90/build/made\0";
    /// For ever.
    const LOOP: &[u8] = b"\xeb\xfe";

    /// Runs a program with a build tree that has a file in it; `None` where this host lets nobody.
    fn run(code: &[u8], limit: Duration, gone: bool) -> Option<Result<Tree, NativeError>> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store"), &StoreOptions::default()).unwrap();
        let mut tools = Tree::new();
        tools.insert("usr/bin/it", File::from_bytes(program(code), true)).unwrap();
        let batch = store.batch();
        let tools = save(&batch, &tools).unwrap().cid;
        batch.commit_objects().unwrap();
        let objects = Objects::open(&dir.path().join("store")).unwrap();
        let views = view::Views::new(objects, dir.path().join("views"), Arc::new(Integrity::new(|_| {})));
        let seeds = Seeds { views, scratch: dir.path().join("scratch") };
        let mut build = Tree::new();
        build.insert("src/a", File::from_bytes("a", false)).unwrap();
        let cancelled = Arc::new(AtomicBool::new(gone));
        let native = NativeRun {
            tools,
            build: &build,
            command: vec!["/usr/bin/it".into()],
            env: BTreeMap::new(),
            directory: "/build",
            limit,
            cancelled: &cancelled,
        };
        let ran = seeds.run(native, &mut Vec::new());
        let left = fs_err::read_dir(&seeds.scratch).into_iter().flatten().count();
        assert_eq!(left, 0, "the directory of the build tree is still there");
        if let Err(NativeError::NoRoot { reasons }) = &ran {
            // Not a failure of nuka's: the host says so, and why.
            assert!(!reasons.is_empty());
            return None;
        }
        Some(ran)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_a_program_makes_in_its_build_tree_is_there_afterwards() {
        let Some(ran) = run(MAKE, LONG, false) else { return };
        let tree = ran.unwrap();
        assert!(tree.directory("made").is_some());
        assert_eq!(tree.get("src/a").unwrap().as_file().unwrap().bytes().unwrap(), "a");
    }

    #[test]
    fn how_a_program_ended_is_told() {
        let Some(ran) = run(EXIT_7, LONG, false) else { return };
        assert_eq!(ran.unwrap_err().to_string(), "it ended with exit code 7");
    }

    #[test]
    fn a_program_ends_with_its_time_or_with_the_wish_for_it() {
        let Some(ran) = run(LOOP, Duration::from_millis(50), false) else { return };
        assert!(matches!(ran, Err(NativeError::TimedOut { .. })), "{ran:?}");
        let ran = run(LOOP, LONG, true).unwrap();
        assert!(matches!(ran, Err(NativeError::Cancelled)), "{ran:?}");
    }
}
