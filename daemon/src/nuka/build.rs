//! Building: from targets to realised packages.

use super::{Nuka, fetch::fetch_failure};
use crate::{
    api::{BuildOptions, BuildReport, Target},
    build::{Perturbation, Seeds, Trees},
    clock,
    error::{Error, MAKE_ROOM},
    evaluate::{self, Answer, Local},
    event::{Event, Failure, How, Observer, Outcome, PackageRef, Plan},
    fetch,
    inputs::Views,
    logs,
    plan::{self, Job, Work},
    scheduler::{self, Ended, Verdict, Workers},
    worker::{Made, WorkError, Worker, package_ref},
};
use nuka_pir::{OutputName, Pid};
use nuka_seed_runtime::second::Interpreter;
use nuka_store::{Lease, Realisation, RootTarget, Used};
use rayon::prelude::*;
use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Mutex, PoisonError, atomic::Ordering},
};

/// Downloads at once.
const DOWNLOADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// Lines of a failed build's log that are shown with the failure.
const TAIL: usize = 25;

/// How a piece of work is done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Go on with what does not depend on a failure.
    pub keep_going: bool,
    /// Native programs are run where a package asks for that.
    pub seeds: bool,
    /// Programs are waited for until they are compiled well: there will be much work for them.
    pub compiled_well: bool,
    /// What is made different where no build may notice.
    pub perturbation: Perturbation,
    /// All is done again where it is there already, with the second engine, and compared.
    pub second_engine: bool,
}

impl Nuka {
    /// Every recipe, as a target.
    pub fn all(&self) -> Result<Vec<Target>, Error> {
        Ok(self.roots.names().iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// What a build would do.
    pub fn plan(
        &self,
        targets: &[Target],
        options: &BuildOptions,
        observer: &dyn Observer,
    ) -> Result<Plan, Error> {
        let (_, wanted) = self.wanted(targets, options)?;
        let work = plan::plan(self.store()?, &wanted, options.rebuild)?;
        Ok(self.announced(&work, observer))
    }

    /// Makes sure that packages are there.
    pub fn build(
        &self,
        targets: &[Target],
        options: &BuildOptions,
        observer: &dyn Observer,
    ) -> Result<BuildReport, Error> {
        let (answer, wanted) = self.wanted(targets, options)?;
        for text in self.edited(&answer)? {
            observer.event(Event::Warning { text });
        }
        if !options.rebuild
            && let Some(report) = self.all_present(&answer, &wanted, options.checks)?
        {
            return Ok(report);
        }
        for text in &answer.warnings {
            observer.event(Event::Warning { text: text.clone() });
        }
        let (work, lease) = self.leased(&wanted, options.rebuild)?;
        if !work.jobs.is_empty() {
            let plan = self.announced(&work, observer);
            // Sources that are here already were built from before, so that what is needed is known to be there.
            let shortages = if plan.fetches.is_empty() { Vec::new() } else { self.shortages() };
            observer.event(Event::Planned(plan));
            for text in shortages {
                observer.event(Event::Warning { text });
            }
        }
        self.work(work, &lease, &answer, options, &Manner::default(), observer)
    }

    /// Builds packages whose PIRs the store has, without their recipes.
    pub(super) fn remake(&self, pids: &[Pid], observer: &dyn Observer) -> Result<BuildReport, Error> {
        self.make(pids, &Manner { keep_going: true, ..Manner::default() }, observer)
    }

    /// The same in a manner of its own.
    pub(super) fn make(
        &self,
        pids: &[Pid],
        manner: &Manner,
        observer: &dyn Observer,
    ) -> Result<BuildReport, Error> {
        self.make_of(&Answer::of(pids), pids, manner, observer)
    }

    /// The same for packages whose recipes, or those of what they are made with, were evaluated: sources may stand beside
    /// these.
    pub(super) fn make_of(
        &self,
        answer: &Answer,
        pids: &[Pid],
        manner: &Manner,
        observer: &dyn Observer,
    ) -> Result<BuildReport, Error> {
        let rebuild = manner.second_engine;
        let (work, lease) = self.leased(pids, rebuild)?;
        let options = BuildOptions { keep_going: manner.keep_going, rebuild, ..BuildOptions::default() };
        self.work(work, &lease, answer, &options, manner, observer)
    }

    /// What there is to do, with a lease of all that it is about: what the plan says is there stays until the work is
    /// done, and what is made meanwhile too.
    pub(super) fn leased(&self, wanted: &[Pid], again: bool) -> Result<(Work, Lease), Error> {
        let store = self.store()?;
        let lease = store.lease(&wanted.iter().map(|pid| RootTarget::Package(*pid)).collect::<Vec<_>>())?;
        loop {
            let work = plan::plan(store, wanted, again)?;
            let packages = work.pirs.keys().map(|pid| RootTarget::Package(*pid));
            let sources = work.sources.values().map(|cid| RootTarget::Tree(*cid));
            lease.extend(&packages.chain(sources).collect::<Vec<_>>())?;
            // A collection may have come between the plan and the lease.
            if work.is_still_so(&store.read()?)? {
                return Ok((work, lease));
            }
        }
    }

    fn wanted(&self, targets: &[Target], options: &BuildOptions) -> Result<(Answer, Vec<Pid>), Error> {
        let answer = evaluate::evaluate(self.store()?, &self.roots, targets)?;
        let mut wanted = answer.roots.clone();
        if options.checks {
            wanted.extend(answer.roots.iter().filter_map(|pid| answer.checks.get(&pid.to_string())));
        }
        Ok((answer, wanted))
    }

    /// Local sources of what is asked for that are not what its recipe says any more: what is built from the earlier
    /// ones is still there, and is what the recipe means.
    fn edited(&self, answer: &Answer) -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        if answer.local.is_empty() {
            return Ok(texts);
        }
        let store = self.store()?;
        // Most recipes have none: only those that do are looked at.
        let recipes: HashSet<&str> = answer.local.values().map(Local::recipe).collect();
        let has_local = |pid: &&Pid| {
            let package = answer.packages.get(&pid.to_string());
            package.is_none_or(|package| recipes.contains(package.recipe.as_str()))
        };
        for pid in answer.roots.iter().filter(has_local) {
            let index = store.read()?;
            if index.realisation(pid)?.is_none() {
                // Fetching it will say so.
                continue;
            }
            let pir = plan::load(&index, *pid)?;
            drop(index);
            for source in pir.build.sources.values() {
                let Some(local) = source.id().ok().and_then(|id| answer.local.get(&id.to_string())) else {
                    continue;
                };
                let beside = local.directory().ok().flatten();
                // What cannot be read is said when it is needed.
                let now = fetch::local_hash(store, &local.path, beside.as_deref());
                if now.is_ok_and(|now| now != source.hash) {
                    let (name, path) = (&pir.name, &local.path);
                    texts.push(format!(
                        "`{path}` is not what the recipe of {name} says any more: `nuka update-hashes` with the \
                         recipe takes it as it is now"
                    ));
                }
            }
        }
        Ok(texts)
    }

    /// The report if everything is there already, found without reading a single PIR.
    fn all_present(
        &self,
        answer: &Answer,
        wanted: &[Pid],
        checks: bool,
    ) -> Result<Option<BuildReport>, Error> {
        let index = self.store()?.read()?;
        let mut report = BuildReport::default();
        // What is asked for comes first in what is wanted; then the checks of it.
        for (position, pid) in wanted.iter().enumerate() {
            let Some(realisation) = index.realisation(pid)? else { return Ok(None) };
            if position < answer.roots.len() {
                let mut present = outcome(reference(answer, *pid), How::Present, &realisation, 0.0);
                present.check = (checks && answer.checks.contains_key(&pid.to_string())).then_some(true);
                report.requested.push(present);
            }
        }
        let used: Vec<Used> = answer.roots.iter().map(|pid| Used::Package(*pid)).collect();
        let (now_ms, store) = (clock::now_ms(), self.store()?);
        // Looked up in the same reading: mostly there is nothing to write.
        let news = index.to_touch(&used, now_ms)?;
        drop(index);
        if !news.is_empty() {
            store.touch(&news, now_ms)?;
        }
        Ok(Some(report))
    }

    fn announced(&self, work: &Work, observer: &dyn Observer) -> Plan {
        let online = if self.config.offline { None } else { self.fetcher_for(observer).ok() };
        work.announced(|source| online.as_ref()?.size(&source.origin, &fetch::silent).ok().flatten())
    }

    pub(super) fn work(
        &self,
        mut work: Work,
        lease: &Lease,
        answer: &Answer,
        options: &BuildOptions,
        manner: &Manner,
        observer: &dyn Observer,
    ) -> Result<BuildReport, Error> {
        let store = self.store()?;
        let pool = self.shared.pool(self.config.jobs)?;
        let trees = Trees::new(store.clone());
        let views = Views::new(store.clone(), lease);
        let known = Mutex::new(std::mem::take(&mut work.sources));
        let mut modules = self.programs()?;
        if manner.compiled_well {
            modules.background = None;
        }
        let scratch = self.config.scratch();
        let seeds = manner.seeds.then(|| self.views()).transpose()?.map(|views| Seeds { views, scratch });
        let second = manner.second_engine.then(Interpreter::new).transpose()?;
        let worker = Worker {
            store,
            trees: &trees,
            views: &views,
            engine: self.engine()?,
            modules: &modules,
            pool: &pool,
            pirs: &work.pirs,
            realised: &work.realised,
            sources: &known,
            logs: &self.config.logs(),
            locks: &self.config.locks(),
            steps: (&self.config.steps(), self.shared.pace()),
            observer,
            in_flight: &self.shared.builds,
            lease,
            seeds: seeds.as_ref(),
            perturbation: manner.perturbation,
            second: second.as_ref(),
        };
        let done: Mutex<HashMap<Pid, Outcome>> = Mutex::default();
        let failures: Mutex<HashMap<usize, Failure>> = Mutex::default();
        let gone = observer.gone();
        let task = |position: usize| {
            if gone.as_ref().is_some_and(|gone| gone.load(Ordering::Acquire)) {
                return Ended::Cancelled;
            }
            let result = match work.jobs.get(position) {
                None => return Ended::Done,
                Some(Job::Fetch(id, source)) => self
                    .fetch(source, *id, lease, answer, observer)
                    .map(|cid| {
                        lock(&known).insert(*id, cid);
                    })
                    .map_err(|error| fetch_failure(&work, position, source, &error)),
                Some(Job::Make(pid)) => match work.pirs.get(pid) {
                    None => return Ended::Done,
                    Some(pir) => worker
                        .make(*pid, pir)
                        .map(|made| {
                            let Made { how, realisation, seconds } = made;
                            let outcome = outcome(package_ref(*pid, pir), how, &realisation, seconds);
                            work.realised.insert(*pid, realisation);
                            observer.event(Event::Done(outcome.clone()));
                            lock(&done).insert(*pid, outcome);
                        })
                        .map_err(|error| failure(package_ref(*pid, pir), &error)),
                },
            };
            match result {
                Ok(()) => Ended::Done,
                Err(failure) => {
                    observer.event(Event::Failed(failure.clone()));
                    lock(&failures).insert(position, failure);
                    Ended::Failed
                }
            }
        };
        let workers = Workers { downloads: DOWNLOADS, builds: self.config.jobs };
        let verdicts = scheduler::run(&work.tasks, workers, options.keep_going, &task);
        let (done, failures) = (lock(&done).clone(), lock(&failures).clone());
        if verdicts.contains(&Verdict::Cancelled) {
            return Err(Error::Cancelled);
        }
        let mut report = report(&work, answer, &verdicts, &done, failures);
        for outcome in &mut report.requested {
            let check = answer.checks.get(&outcome.package.pid.to_string());
            outcome.check = check.filter(|_| options.checks).map(|pid| work.realised.has(pid));
        }
        if options.rebuild {
            self.rebuild(&worker, &mut report);
        }
        // What was built used all that it was built from.
        let mut used: Vec<Used> = answer.roots.iter().map(|pid| Used::Package(*pid)).collect();
        if report.done.iter().any(|outcome| outcome.how == How::Built) {
            used.extend(work.pirs.keys().map(|pid| Used::Package(*pid)));
            used.extend(lock(&known).keys().map(|id| Used::Source(*id)));
        }
        self.store()?.touch(&used, clock::now_ms())?;
        Ok(report)
    }

    /// Builds what was asked for once more and notes which files differ.
    fn rebuild(&self, worker: &Worker<'_>, report: &mut BuildReport) {
        let again = |outcome: &mut Outcome| {
            let pid = outcome.package.pid;
            // Everything that the second build sees must be in this piece of work, present or not.
            match self.second(worker, pid, worker.pirs.get(&pid)?) {
                Ok(again) => {
                    outcome.differences = Some(again);
                    if worker.second.is_some() {
                        // It takes long, so that each that is done is told.
                        worker.observer.event(Event::Done(outcome.clone()));
                    }
                    None
                }
                Err(error) => {
                    let failure = failure(outcome.package.clone(), &error);
                    worker.observer.event(Event::Failed(failure.clone()));
                    Some(failure)
                }
            }
        };
        let BuildReport { requested, failed, .. } = report;
        let failures: Vec<_> = worker.pool.install(|| requested.par_iter_mut().map(again).collect());
        failed.extend(failures.into_iter().flatten());
    }

    fn second(&self, worker: &Worker<'_>, pid: Pid, pir: &nuka_pir::Pir) -> Result<Vec<String>, WorkError> {
        let again = worker.again(pid, pir)?;
        let first = worker.realised.get(&pid);
        let mut differences = Vec::new();
        for (name, (cid, tree)) in &again {
            let before = first.as_ref().and_then(|first| first.outputs.get(name)).map(|tree| tree.cid);
            if before == Some(*cid) {
                continue;
            }
            let before = before.map(|cid| worker.trees.load(cid)).transpose()?.unwrap_or_default();
            let changes = crate::build::differences(&before, tree)?;
            differences.extend(changes.into_iter().map(|path| match *name == OutputName::out() {
                true => path,
                false => format!("{name}:{path}"),
            }));
        }
        Ok(differences)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reference(answer: &Answer, pid: Pid) -> PackageRef {
    let known = answer.packages.get(&pid.to_string());
    let name = known.map_or_else(String::new, |package| package.name.clone());
    let version = known.map_or_else(String::new, |package| package.version.clone());
    PackageRef { pid, name, version }
}

fn outcome(package: PackageRef, how: How, realisation: &Realisation, seconds: f64) -> Outcome {
    let outputs = realisation.outputs.iter().map(|(name, tree)| (name.to_string(), tree.cid)).collect();
    Outcome { package, how, build: realisation.build, outputs, seconds, check: None, differences: None }
}

fn failure(package: PackageRef, error: &WorkError) -> Failure {
    let error = error.itself();
    let (log_tail, log) = match error {
        WorkError::Step { log, path, .. } => (logs::tail(log, TAIL), path.clone()),
        _ => (Vec::new(), None),
    };
    let reason = match error {
        WorkError::Step { error, .. } => format!("{error}\nthe step: {}", error.step),
        other => other.to_string(),
    };
    Failure { package, reason, help: help(error), log_tail, log, because_of: None }
}

fn help(error: &WorkError) -> Option<String> {
    match error {
        WorkError::Output(crate::outputs::OutputError::Nothing) => {
            Some("use `install FILE... DIRECTORY` in the recipe's `build`".to_owned())
        }
        error if error.is_storage_full() => Some(MAKE_ROOM.to_owned()),
        _ => None,
    }
}

fn report(
    work: &Work,
    answer: &Answer,
    verdicts: &[Verdict],
    done: &HashMap<Pid, Outcome>,
    failures: HashMap<usize, Failure>,
) -> BuildReport {
    let mut report = BuildReport::default();
    for (position, verdict) in verdicts.iter().enumerate() {
        match (verdict, work.jobs.get(position)) {
            (Verdict::Done, Some(Job::Make(pid))) => report.done.extend(done.get(pid).cloned()),
            (Verdict::Failed, _) => report.failed.extend(failures.get(&position).cloned()),
            (Verdict::Blocked { by }, Some(Job::Make(pid))) => {
                let Some(pir) = work.pirs.get(pid) else { continue };
                let package = package_ref(*pid, pir);
                let because_of = failures.get(by).map(|failure| failure.package.clone());
                // A package whose own source failed has been named already.
                if because_of.as_ref().is_some_and(|other| other.pid == *pid) {
                    continue;
                }
                let reason = "it was not begun".to_owned();
                let failure =
                    Failure { package, reason, help: None, log_tail: vec![], log: None, because_of };
                report.failed.push(failure);
            }
            _ => {}
        }
    }
    for pid in &answer.roots {
        let made = done.get(pid).cloned();
        let present = || Some(outcome(reference(answer, *pid), How::Present, &work.realised.get(pid)?, 0.0));
        report.requested.extend(made.or_else(present));
    }
    report
}
