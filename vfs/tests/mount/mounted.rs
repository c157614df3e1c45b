//! A mount as the tests use it: its server is another process, seen through `/proc/PID/root`.

use nuka_store::{Batch, ObjectReader, Store, StoreOptions, Tree, export::export_directory};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    time::Duration,
};
use tempfile::TempDir;

/// Nothing that a test asks for takes as long.
pub const LONG: Duration = Duration::from_secs(60);

/// A store, a place to mount it, and room for copies.
pub struct Room {
    pub store: Store,
    pub dir: TempDir,
}

impl Room {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Other users are to look into it too.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(dir.path().join("mnt")).unwrap();
        Self { store: Store::open(dir.path().join("store"), &StoreOptions::default()).unwrap(), dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn place(&self) -> PathBuf {
        self.path("mnt")
    }

    /// Adds what `fill` makes to the store.
    pub fn add(&self, fill: impl FnOnce(&Batch) -> Tree) -> Tree {
        let batch = self.store.batch();
        let tree = fill(&batch);
        batch.commit_objects().unwrap();
        tree
    }

    /// The tree as files of the local filesystem.
    pub fn export(&self, tree: &Tree, name: &str) -> PathBuf {
        let place = self.path(name);
        export_directory(&self.store, &tree.cid, &place).unwrap();
        place
    }

    /// The file of the object that is at a path of a tree.
    pub fn object_of(&self, tree: &Tree, path: &str) -> PathBuf {
        let path = nuka_store::TreePath::parse(path).unwrap();
        match nuka_store::lookup(&self.store, &tree.cid, &path).unwrap() {
            nuka_store::Node::File { blob, .. } => self.store.blob_path(&blob),
            nuka_store::Node::Directory { cid, .. } => self.store.blob_path(&cid.into()),
            nuka_store::Node::Symlink { .. } => panic!("{path} has no object"),
        }
    }
}

/// This program once more.
pub fn myself(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// Where this process can mount: as root in a mount namespace, otherwise in a user namespace.
pub fn here() -> &'static str {
    let privileged = rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(rustix::thread::CapabilitySet::SYS_ADMIN));
    if privileged { "private" } else { "user" }
}

/// A served mount.
pub struct Server {
    pub child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
    damages: Arc<Mutex<Vec<String>>>,
    place: PathBuf,
}

/// How a mount is made.
#[derive(Clone)]
pub struct How {
    pub means: &'static str,
    pub device: PathBuf,
    pub ttl_ms: u64,
    pub flags: Vec<&'static str>,
}

impl Default for How {
    fn default() -> Self {
        // The root's names are believed for a day, so that tests see what is said to have changed.
        Self { means: here(), device: "/dev/fuse".into(), ttl_ms: 86_400_000, flags: Vec::new() }
    }
}

impl How {
    pub fn arguments(&self, room: &Room) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut all = vec!["serve".into(), self.means.into(), text(room.store.root()), text(&room.place())];
        all.extend([text(&self.device), self.ttl_ms.to_string()]);
        all.extend(self.flags.iter().map(|flag| (*flag).to_owned()));
        all
    }
}

impl Server {
    pub fn start(room: &Room) -> Self {
        Self::start_as(room, &How::default())
    }

    pub fn start_as(room: &Room, how: &How) -> Self {
        let mut command = myself(&[]);
        command.args(how.arguments(room));
        Self::spawn(command, room).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a server, unless it says that it cannot mount.
    pub fn spawn(mut command: Command, room: &Room) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        let damages = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&damages);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                match line.strip_prefix("damage ") {
                    Some(damage) => heard.lock().unwrap().push(damage.to_owned()),
                    None => sender.send(line).unwrap_or_default(),
                }
            }
        });
        let first = answers.recv_timeout(LONG).unwrap_or_else(|_| "failed without a word".into());
        let id = child.id();
        let place = room.place();
        let place =
            Path::new("/proc").join(id.to_string()).join("root").join(place.strip_prefix("/").unwrap());
        let server = Self { child, input, answers, damages, place };
        if first == "ready" { Ok(server) } else { Err(first) }
    }

    /// Tells the server something, and waits until it has done it.
    pub fn tell(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").unwrap();
        let mut answer = String::new();
        loop {
            let line = self.answers.recv_timeout(LONG).expect("the server answers");
            match line.strip_prefix("= ") {
                Some(said) => answer = said.to_owned(),
                None => break assert_eq!(line, "done"),
            }
        }
        answer
    }

    /// Shows a tree under a name from now on.
    pub fn show(&mut self, name: &str, tree: &Tree) -> PathBuf {
        self.tell(&format!("insert {name} {} {} {}", tree.cid, tree.size, tree.count));
        self.tell(&format!("changed {name}"));
        self.place.join(name)
    }

    /// The mount, as this process sees it.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// This program once more, in the namespace of the server, where the mount is in its place.
    pub fn inside(&self, arguments: &[&str]) -> Command {
        let id = self.child.id().to_string();
        let mut command = myself(&["join", &id]);
        command.args(arguments);
        command
    }

    /// What was reported so far.
    pub fn damages(&mut self) -> Vec<String> {
        // What was said before this answer has been heard then.
        self.tell("known");
        self.damages.lock().unwrap().clone()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
