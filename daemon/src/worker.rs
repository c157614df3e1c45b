//! Makes one package: its build request, an earlier result if there is one, or its build.

use crate::{
    build::{
        Executor, Modules, Pace, Perturbation, Programs, Recorder, Seeds, StepError, Surroundings, Trees,
        TreesError, save,
    },
    clock,
    error::is_full,
    event::{Event, How, Observer, PackageRef},
    in_flight::{Gone, InFlight},
    inputs::{self, InputError, Views},
    lock, logs,
    outputs::{self, OutputError},
    realised::Realised,
    sources,
};
use nuka_pir::{BuildId, BuildRequest, Builder, Cid, InputName, OutputName, Pid, Pir, SourceId, graph::Pirs};
use nuka_seed_runtime::{
    Engine,
    second::Interpreter,
    tree::{Node, Tree},
};
use nuka_store::{
    Batch, BuildResult, IndexError, Lease, LogRecord, MergeError, Outputs, Realisation, RootTarget, Store,
    StoreError,
};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Instant,
};

/// Everything that making packages needs; shared by all workers of one piece of work.
pub struct Worker<'a> {
    /// Keeps the results.
    pub store: &'a Store,
    /// Trees in memory.
    pub trees: &'a Trees,
    /// Merged trees.
    pub views: &'a Views<'a>,
    /// Runs programs.
    pub engine: &'a Engine,
    /// Gives compiled programs.
    pub modules: &'a dyn Modules,
    /// Where programs run side by side.
    pub pool: &'a rayon::ThreadPool,
    /// Every package that is talked about.
    pub pirs: &'a Pirs,
    /// Packages that are there.
    pub realised: &'a Realised,
    /// Trees of sources that are there.
    pub sources: &'a Mutex<HashMap<SourceId, Cid>>,
    /// Where logs go.
    pub logs: &'a Path,
    /// Where locks are.
    pub locks: &'a Path,
    /// Where finished steps are recorded, and how often.
    pub steps: (&'a Path, Pace),
    /// Told of what happens.
    pub observer: &'a dyn Observer,
    /// Builds that are going on, of this piece of work and of others.
    pub in_flight: &'a Builds,
    /// Keeps what it works with.
    pub lease: &'a Lease,
    /// Runs native programs; `None` if there is to be none.
    pub seeds: Option<&'a Seeds>,
    /// What is made different where no build may notice.
    pub perturbation: Perturbation,
    /// What runs the programs of builds that are done again, if not the engine.
    pub second: Option<&'a Interpreter>,
}

/// Builds that are going on, by their ids.
pub type Builds = InFlight<BuildId, Result<Built, Arc<WorkError>>>;

/// What a build gave: all that is the same for every package of that build.
#[derive(Debug, Clone)]
pub struct Built {
    realisation: Realisation,
    seconds: f64,
}

/// How a build's steps are run.
struct Run<'a> {
    /// Records finished steps; `None` if all are to be done.
    recorder: Option<&'a Recorder<'a>>,
    /// Whether it is done a second time, to compare.
    again: bool,
    pool: &'a rayon::ThreadPool,
    perturbation: Perturbation,
    observer: &'a dyn Observer,
    stop: &'a Gone,
}

impl Built {
    /// Whether it ran, or an earlier one stands.
    fn how(&self) -> How {
        if self.seconds > 0.0 { How::Built } else { How::Unchanged }
    }
}

/// A package that was made.
pub struct Made {
    /// How.
    pub how: How,
    /// What it is.
    pub realisation: Realisation,
    /// Wall seconds of the build, if it ran.
    pub seconds: f64,
}

/// Why a package was not made.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A source that should have been fetched before. A fault of nuka.
    #[error("the source `{name}` is not in the store")]
    NoSource {
        /// Its name in the recipe.
        name: InputName,
    },
    /// Inputs.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Native programs, where none are to be run.
    #[error("it is made by native programs, which only a bootstrap runs")]
    Native,
    /// A step failed.
    #[error("{error}")]
    Step {
        /// Which, and why.
        error: Box<StepError>,
        /// All that was printed.
        log: Vec<u8>,
        /// The log's file.
        path: Option<PathBuf>,
    },
    /// The result is not a package.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Trees.
    #[error(transparent)]
    Trees(#[from] TreesError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index.
    #[error(transparent)]
    Index(#[from] nuka_store::IndexError),
    /// A request that cannot be written down. A fault of nuka.
    #[error(transparent)]
    Canonical(#[from] nuka_pir::canonical::CanonicalError),
    /// A lock or log file.
    #[error("a file of the build cannot be written: {0}")]
    File(#[from] std::io::Error),
    /// The same build failed for somebody else, who was at it first.
    #[error("{0}")]
    Shared(Arc<WorkError>),
    /// Nobody waits for it any more.
    #[error("cancelled")]
    Cancelled,
}

impl WorkError {
    /// The error itself, whoever met it first.
    pub fn itself(&self) -> &Self {
        match self {
            Self::Shared(error) => error.itself(),
            other => other,
        }
    }

    /// Whether a full disk is the cause.
    pub fn is_storage_full(&self) -> bool {
        match self {
            Self::Shared(error) => error.is_storage_full(),
            Self::Store(error)
            | Self::Trees(TreesError::Store(error))
            | Self::Input(InputError::Store(error) | InputError::View(MergeError::Store(error))) => {
                error.is_storage_full()
            }
            Self::Index(error) => matches!(error, IndexError::StorageFull { .. }),
            Self::File(error) => is_full(error),
            _ => false,
        }
    }
}

impl Worker<'_> {
    /// Makes a package whose inputs and sources are all there.
    pub fn make(&self, pid: Pid, pir: &Pir) -> Result<Made, WorkError> {
        let request = self.request(pir)?;
        let build = request.id()?;
        if let Some(made) = self.earlier(pid, pir, build)? {
            return Ok(made);
        }
        let mut first = false;
        let shared = self.in_flight.share(&build, self.observer, |doing| {
            first = true;
            self.build(pid, pir, &request, build, doing.observer, doing.stop).map_err(Arc::new)
        });
        let built = match shared {
            None => return Err(WorkError::Cancelled),
            Some(Err(error)) => return Err(WorkError::Shared(error)),
            Some(Ok(built)) => built,
        };
        // Another package of the same build: what its build gave is registered, but not for this one.
        if !first && let Some(made) = self.earlier(pid, pir, build)? {
            return Ok(Made { how: How::Built, seconds: built.seconds, ..made });
        }
        Ok(Made { how: built.how(), realisation: built.realisation, seconds: built.seconds })
    }

    /// Runs a build, unless another process has done so when this one's turn has come, and registers what it gave.
    fn build(
        &self,
        pid: Pid,
        pir: &Pir,
        request: &BuildRequest,
        build: BuildId,
        observer: &dyn Observer,
        stop: &Gone,
    ) -> Result<Built, WorkError> {
        let package = package_ref(pid, pir);
        let waiting = || {
            let what = format!("another process that is building {} {}", pir.name, pir.version);
            observer.event(Event::Waiting { what });
        };
        let called_off = || stop.load(Ordering::Acquire);
        let lock = lock::take(self.locks, &build.to_string(), waiting, called_off)?;
        let _lock = lock.ok_or(WorkError::Cancelled)?;
        // Also without waiting: it may have come to its end just before.
        if let Some(Made { realisation, .. }) = self.earlier(pid, pir, build)? {
            return Ok(Built { realisation, seconds: 0.0 });
        }
        observer.event(Event::Building { package: package.clone() });
        let begun = Instant::now();
        let went_on = |done, total| {
            observer.event(Event::WentOn { package: package.clone(), done, total });
        };
        let (steps, pace) = self.steps;
        let kept = (self.store, self.lease);
        let recorder = Recorder::new((request, build), self.perturbation, steps, pace, kept, &went_on);
        let run = Run {
            recorder: Some(&recorder),
            again: false,
            pool: self.pool,
            perturbation: self.perturbation,
            observer,
            stop,
        };
        let (outputs, log) = self.run(pid, pir, request, build, &run).inspect_err(|_| recorder.keep())?;
        let batch = self.store.batch();
        let outputs = store(&batch, &outputs)?;
        // A log that cannot be kept does not undo a build.
        let log_path = logs::write(self.logs, build, &log);
        let seconds = begun.elapsed().as_secs_f64();
        let time_ms = clock::now_ms();
        let realisation = Realisation { build, outputs, time_ms, duration_ms: (seconds * 1000.0) as u64 };
        let result = BuildResult {
            outputs: realisation.outputs.clone(),
            time_ms,
            duration_ms: realisation.duration_ms,
        };
        // Found again when the index is lost.
        batch.add_package_record(&pid, &realisation)?;
        batch.commit(|index| {
            index.put_build(&build, &result)?;
            index.put_realisation(&pid, &realisation)?;
            if let Ok(path) = &log_path {
                let path = path.to_string_lossy().into_owned();
                index.put_log(&pid, &LogRecord { build, succeeded: true, time_ms, path })?;
            }
            Ok::<_, StoreError>(())
        })?;
        recorder.forget();
        if let Err(error) = log_path {
            observer.event(Event::Warning { text: format!("the log could not be kept: {error}") });
        }
        Ok(Built { realisation, seconds })
    }

    /// Builds a package once more with other random numbers, another clock and another number of workers, and
    /// gives its outputs, which are added to a batch that is dropped.
    pub fn again(&self, pid: Pid, pir: &Pir) -> Result<BTreeMap<OutputName, (Cid, Tree)>, WorkError> {
        let request = self.request(pir)?;
        let build = request.id()?;
        self.observer.event(Event::Building { package: package_ref(pid, pir) });
        let threads = if self.pool.current_num_threads() == 1 { 3 } else { 1 };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(std::io::Error::other)?;
        let other = Perturbation { seed: 0x5a, clock_seconds: 987_654_321 };
        let never = Gone::default();
        let stop = self.observer.gone().unwrap_or(never);
        let run = Run {
            recorder: None,
            again: true,
            pool: &pool,
            perturbation: other,
            observer: self.observer,
            stop: &stop,
        };
        let (outputs, _) = self.run(pid, pir, &request, build, &run)?;
        let batch = self.store.batch();
        let cids = store(&batch, &outputs)?;
        Ok(cids
            .into_iter()
            .filter_map(|(name, stored)| {
                let tree = outputs.get(&name)?.clone();
                Some((name, (stored.cid, tree)))
            })
            .collect())
    }

    /// An earlier result of the same build, now also this package's.
    fn earlier(&self, pid: Pid, pir: &Pir, build: BuildId) -> Result<Option<Made>, WorkError> {
        let Some(result) = self.store.read()?.build(&build)? else { return Ok(None) };
        let trees: Vec<_> = result.outputs.values().map(|tree| RootTarget::Tree(tree.cid)).collect();
        self.lease.extend(&trees)?;
        // It may have been collected before that.
        let Some(result) = self.store.read()?.build(&build)?.filter(|again| *again == result) else {
            return Ok(None);
        };
        let BuildResult { outputs, time_ms, duration_ms } = result;
        if let Some(out) = outputs.get(&OutputName::out()) {
            outputs::check_programs(&self.trees.load(out.cid)?, &pir.build.prefix, &pir.run)?;
        }
        let realisation = Realisation { build, outputs, time_ms, duration_ms };
        let batch = self.store.batch();
        batch.add_package_record(&pid, &realisation)?;
        batch.commit(|index| Ok::<_, StoreError>(index.put_realisation(&pid, &realisation)?))?;
        Ok(Some(Made { how: How::Unchanged, realisation, seconds: 0.0 }))
    }

    /// Everything that the package's steps can see.
    fn request(&self, pir: &Pir) -> Result<BuildRequest, WorkError> {
        let mut sources = BTreeMap::new();
        for (name, source) in &pir.build.sources {
            let known = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            let cid = known
                .get(&source.id()?)
                .copied()
                .ok_or_else(|| WorkError::NoSource { name: name.clone() })?;
            sources.insert(name.clone(), cid);
        }
        let view = |inputs| self.views.merged(inputs::closure(self.pirs, self.realised, inputs)?);
        let tools = view(&pir.build.tools)?;
        let target = view(&pir.build.packages)?;
        let mut own = BTreeMap::new();
        for (name, input) in pir.build_inputs() {
            own.insert(name.clone(), self.views.merged(inputs::own(self.realised, input, name)?)?);
        }
        Ok(BuildRequest::new(pir, sources, tools, target, own))
    }

    fn run(
        &self,
        pid: Pid,
        pir: &Pir,
        request: &BuildRequest,
        build: BuildId,
        how: &Run<'_>,
    ) -> Result<(BTreeMap<OutputName, Tree>, Vec<u8>), WorkError> {
        let around = self.surroundings(request)?;
        let mut tree = Tree::new();
        for (name, cid) in &request.sources {
            tree.insert(name.as_str(), self.trees.load(*cid)?).map_err(OutputError::from)?;
        }
        tree.insert("out", Tree::new()).map_err(OutputError::from)?;
        let seed = match request.builder {
            Builder::Wasm1 => None,
            Builder::Seed1 => Some((self.seeds.ok_or(WorkError::Native)?, request.tools)),
        };
        let second = self.second.filter(|_| how.again);
        let programs = Programs { engine: self.engine, modules: self.modules, second, seed };
        let package = package_ref(pid, pir);
        let executor = Executor {
            programs: &programs,
            around: &around,
            env: &request.env,
            limits: request.limits,
            prefix: request.prefix.relative(),
            pool: how.pool,
            perturbation: how.perturbation,
            recorder: how.recorder,
            cancelled: how.stop,
            observer: how.observer,
            unpack: &|bytes| {
                let cid = sources::unpack(self.store, &bytes).map_err(|error| error.to_string())?;
                self.trees.load(cid).map_err(|error| error.to_string())
            },
            progress: &|step| {
                how.observer.event(Event::Step { package: package.clone(), step: step.to_owned() });
            },
        };
        let mut log = Vec::new();
        let tree = match executor.run(&request.steps, tree, &mut log) {
            Ok(tree) => tree,
            Err(_) if how.stop.load(Ordering::Acquire) => return Err(WorkError::Cancelled),
            Err(error) => {
                let path = logs::write_failed(self.logs, build, pid, &log).ok();
                return Err(WorkError::Step { error, log, path });
            }
        };
        let may_be_empty = pir.run.programs.is_empty() && pir.name.as_str().ends_with("-check");
        let outputs = outputs::split(&tree, &request.prefix, &request.outputs, may_be_empty)?;
        if let Some(out) = outputs.get(&OutputName::out()) {
            outputs::check_programs(out, &pir.build.prefix, &pir.run)?;
            for (path, place) in outputs::mentions(out, 3) {
                let text =
                    format!("{}: `{path}` mentions `{place}`, which exists only while it is built", pir.name);
                how.observer.event(Event::Warning { text });
            }
        }
        Ok((outputs, log))
    }

    fn surroundings(&self, request: &BuildRequest) -> Result<Surroundings, WorkError> {
        let part = |tree: &Tree, name: &[u8]| match tree.entry(name) {
            Some(Node::Directory(tree)) => tree.clone(),
            _ => Tree::new(),
        };
        let tools = self.trees.load(request.tools)?;
        let target = self.trees.load(request.target_packages)?;
        let mut nuka = Tree::new();
        let failed = OutputError::from;
        nuka.insert("target/usr", part(&target, b"usr")).map_err(failed)?;
        nuka.insert("target/etc", part(&target, b"etc")).map_err(failed)?;
        for (name, cid) in &request.inputs {
            nuka.insert(format!("in/{name}"), self.trees.load(*cid)?).map_err(failed)?;
        }
        Ok(Surroundings { usr: part(&tools, b"usr"), etc: part(&tools, b"etc"), nuka })
    }
}

fn store(batch: &Batch, outputs: &BTreeMap<OutputName, Tree>) -> Result<Outputs, WorkError> {
    outputs.iter().map(|(name, tree)| Ok((name.clone(), save(batch, tree)?))).collect()
}

/// A package as events name it.
pub fn package_ref(pid: Pid, pir: &Pir) -> PackageRef {
    PackageRef { pid, name: pir.name.to_string(), version: pir.version.to_string() }
}
