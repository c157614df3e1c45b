//! A nuka of its own for each test: a store, recipes, and one wasm tool.

use nuka_daemon::{
    By, Client, Config, Daemon, Event, Observer, ServeOptions,
    api::{BuildOptions, BuildReport, Target},
    event::{How, Outcome},
};
use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Mutex, mpsc},
    thread::JoinHandle,
};
use tempfile::TempDir;

pub struct World {
    pub nuka: Client,
    /// The daemon's thread, where there is one.
    daemon: Option<JoinHandle<()>>,
    dir: TempDir,
}

/// Keeps what it is told.
#[derive(Default)]
pub struct Kept(pub Mutex<Vec<Event>>);

impl Observer for Kept {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl World {
    /// With the recipe `put`, whose program of that name writes files.
    pub fn new(jobs: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("recipes/put-source")).unwrap();
        let wasm = wat::parse_str(include_str!("put.wat")).unwrap();
        fs::write(dir.path().join("recipes/put-source/put.wasm"), wasm).unwrap();
        let place = |name: &str| dir.path().join(name);
        let config = Config {
            user: 0,
            store: place("store"),
            cache: place("cache"),
            state: place("state"),
            recipe_directories: vec![place("recipes")],
            jobs: NonZeroUsize::new(jobs).unwrap(),
            offline: true,
            home: place("home"),
            env: BTreeMap::new(),
            executable: None,
            background: false,
            current_directory: dir.path().to_owned(),
        };
        let daemon = (crate::BY == By::Daemon).then(|| serve(config.clone()));
        let world = Self { nuka: Client::new(config, crate::BY), daemon, dir };
        world.put_recipe("1.0", "");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn recipe(&self, name: &str, text: &str) {
        fs::write(self.path("recipes").join(format!("{name}.nu")), text).unwrap();
    }

    /// Writes the tool's recipe; `more` are further steps of its build.
    pub fn put_recipe(&self, version: &str, more: &str) {
        let cid = self.nuka.store_add(&self.path("recipes/put-source")).unwrap();
        let hash: String = cid.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.recipe(
            "put",
            &format!(
                r#"export def main [] {{
  derivation put "{version}" {{
    src: (fetch path put-source --hash "blake3:{hash}")
    language: data
    build: {{|p|
      install src/put.wasm bin/put --executable
      {more}
    }}
    programs: {{ put: "bin/put" }}
  }}
}}
"#
            ),
        );
    }

    /// A recipe that uses the tool.
    pub fn user(&self, name: &str, build: &str) {
        self.recipe(
            name,
            &format!(
                r#"export def main [] {{
  derivation {name} "1.0" {{
    language: data
    tools: {{ put: (pkg put) }}
    build: {{|p|
      {build}
    }}
  }}
}}
"#
            ),
        );
    }

    pub fn build_with(&self, name: &str, options: &BuildOptions) -> BuildReport {
        self.told(name, options, &Kept::default())
    }

    pub fn told(&self, name: &str, options: &BuildOptions, kept: &Kept) -> BuildReport {
        let target: Target = name.parse().unwrap();
        self.nuka.build(&[target], options, kept).unwrap_or_else(|error| panic!("{error}\n{error:?}"))
    }

    /// Builds, and expects it to be there afterwards.
    pub fn build(&self, name: &str) -> Outcome {
        let report = self.build_with(name, &BuildOptions::default());
        assert!(report.failed.is_empty(), "{:#?}", report.failed);
        report.requested[0].clone()
    }

    pub fn how(&self, name: &str) -> How {
        self.build(name).how
    }

    /// Everything that is listed or lies about: a failed request must leave it as it was.
    pub fn listing(&self) -> (usize, Vec<String>) {
        let packages = self.nuka.store_list().unwrap();
        let names =
            packages.iter().map(|package| format!("{}@{} {}", package.name, package.version, package.cid));
        let temporaries = fs::read_dir(self.path("store/tmp")).into_iter().flatten().flatten();
        let left = temporaries.filter(|entry| entry.file_name() != "lock").filter(|entry| {
            // This process's own directory holds a lock and nothing else.
            fs::read_dir(entry.path()).into_iter().flatten().flatten().any(|file| file.file_name() != "lock")
        });
        (left.count(), names.collect())
    }
}

/// Serves a store from a thread of this process, whose clients meet it over its socket all the same.
fn serve(config: Config) -> JoinHandle<()> {
    let (ready, is_ready) = mpsc::channel();
    let serving = std::thread::spawn(move || {
        let options = ServeOptions { idle: None, for_all: false, socket: None, log: None, give_back: || {} };
        nuka_daemon::serve(config, options, || ready.send(()).unwrap(), |_| {}).unwrap();
    });
    is_ready.recv().unwrap();
    serving
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            Daemon::find(self.nuka.config()).unwrap().unwrap().stop(true).unwrap();
            let ended = daemon.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}
