//! A place that nuka works in, and what must be true of it whatever happened there.

use crate::common::myself;
use nuka_daemon::{
    Config, Nuka, Observer, Silent,
    api::{BuildOptions, BuildReport, Target},
};
use nuka_pir::Pid;
use nuka_store::{ObjectReader, Realisation, Store, StoreOptions, verify_tree};
use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
};

/// What a package came to: its outputs' CIDs, by package and output.
pub type Results = BTreeMap<String, Vec<(String, nuka_pir::Cid)>>;

/// The directories below one root; recipes may stand elsewhere, to be shared.
pub struct Place {
    root: PathBuf,
    recipes: PathBuf,
}

impl Place {
    /// The place below `root`, with its own recipes.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), recipes: root.join("recipes") }
    }

    /// The same with the recipes of that directory.
    pub fn with_recipes(root: &Path, recipes: &Path) -> Self {
        // The child is told the root alone: there the recipes are found through a link.
        fs::create_dir_all(root).unwrap();
        std::os::unix::fs::symlink(recipes, root.join("recipes")).unwrap();
        Self::new(root)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn recipes(&self) -> &Path {
        &self.recipes
    }

    pub fn nuka(&self) -> Nuka {
        Nuka::new(Config {
            user: 0,
            store: self.path("store"),
            cache: self.path("cache"),
            state: self.path("state"),
            recipe_directories: vec![self.recipes.clone()],
            jobs: NonZeroUsize::new(2).unwrap(),
            offline: false,
            executable: None,
            background: false,
            home: self.path("home"),
            env: BTreeMap::new(),
            current_directory: self.root.clone(),
        })
        .recording_each_step()
    }

    /// A process of its own that builds these targets.
    pub fn command(&self, targets: &[&str]) -> Command {
        myself(&[&["child-build", self.root.to_str().unwrap()], targets].concat())
    }

    /// Builds in this process.
    pub fn build(&self, targets: &[&str]) -> Result<BuildReport, nuka_daemon::Error> {
        self.build_told(targets, &Silent)
    }

    /// The same, with somebody told of it.
    pub fn build_told(
        &self,
        targets: &[&str],
        observer: &dyn Observer,
    ) -> Result<BuildReport, nuka_daemon::Error> {
        let targets: Vec<Target> = targets.iter().map(|name| name.parse().unwrap()).collect();
        let options = BuildOptions { keep_going: true, ..BuildOptions::default() };
        self.nuka().build(&targets, &options, observer)
    }

    /// Builds, and expects that all of it is there afterwards.
    pub fn built(&self, targets: &[&str]) -> Results {
        let report = self.build(targets).unwrap_or_else(|error| panic!("{error}\n{:?}", error.help()));
        assert!(report.failed.is_empty(), "{:#?}", report.failed);
        let one =
            |outcome: &nuka_daemon::event::Outcome| (outcome.package.name.clone(), outcome.outputs.clone());
        report.requested.iter().map(one).collect()
    }

    pub fn store(&self) -> Store {
        Store::open(self.path("store"), &StoreOptions::default()).unwrap()
    }

    /// Everything that is registered, after looking whether it is whole to the byte.
    pub fn registered(&self) -> Vec<(Pid, Realisation)> {
        let store = self.store();
        let index = store.read().unwrap();
        let realised = index.realised().unwrap();
        for (pid, realisation) in &realised {
            assert!(index.has_pir(pid).unwrap(), "{pid} is registered by halves");
            assert!(index.build(&realisation.build).unwrap().is_some(), "{pid} is registered by halves");
            for tree in realisation.outputs.values() {
                let problems = verify_tree(&store, &tree.cid);
                assert!(problems.is_empty(), "{problems:?}");
            }
            if let Some(log) = index.log_of(pid).unwrap() {
                assert!(Path::new(&log.path).exists(), "the log of {pid} is not there");
            }
        }
        realised
    }

    /// Every object is what its name says, also those that nothing registers.
    pub fn check_objects(&self) {
        let store = self.store();
        for object in files_below(store.objects_path()) {
            let id: String = object.to_str().unwrap().replace('/', "");
            store.read_blob(&id.parse().unwrap()).unwrap();
        }
    }

    /// Nothing that was temporary is left, also not outside the store.
    pub fn check_clean(&self) {
        assert_eq!(self.leftovers(), Vec::<PathBuf>::new(), "temporaries are left");
    }

    /// What is left of work: of a process that was killed there may be something until the next one works.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        let unfinished = "state/logs/unfinished";
        let downloads = ["cache/downloads", "cache/downloads.locks"];
        for directory in ["store/tmp", "cache/steps", "state/locks", unfinished].into_iter().chain(downloads)
        {
            let entries = fs::read_dir(self.path(directory)).into_iter().flatten();
            let paths = entries.map(|entry| entry.unwrap().path());
            left.extend(paths.filter(|path| *path != self.path("store/tmp/lock")));
        }
        // Logs and compiled programs stay, under their names.
        for (directory, kind) in [("state/logs", "log"), ("cache/modules", "cwasm")] {
            let entries = fs::read_dir(self.path(directory)).into_iter().flatten();
            let paths = entries.map(|entry| entry.unwrap().path());
            let paths = paths.filter(|path| *path != self.path(unfinished));
            left.extend(
                paths.filter(|path| !path.extension().is_some_and(|found| found == kind || found == "lock")),
            );
        }
        left
    }
}

/// In a process of its own: builds, and ends with 7 and the reasons if something could not be had.
pub fn child_build(root: &Path, targets: &[&str]) {
    let reasons = match Place::new(root).build(targets) {
        Ok(report) if report.failed.is_empty() => return,
        Ok(report) => report.failed.iter().map(|failure| failure.reason.clone()).collect(),
        Err(error) => vec![error.to_string()],
    };
    eprintln!("{}", reasons.join("\n"));
    std::process::exit(7);
}

/// All files below a directory, relative to it.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut todo) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    files
}
