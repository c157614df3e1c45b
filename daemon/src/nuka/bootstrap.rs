//! Bootstrapping Go: its stages one after the other, and what comparing them gives.

use super::{Nuka, build::Manner};
use crate::{
    api::{
        BuildReport, Target,
        bootstrap::{
            Artefact, BootstrapReport, BootstrapStage, BootstrapWish, Extent, SecondEngine, Verdict,
        },
    },
    bootstrap::{
        compare,
        go::{self, GoError, Sources, Stage, Tools},
        weighing::{Unwarned, Weighing},
    },
    build::{Perturbation, Trees, TreesError},
    clock,
    error::Error,
    evaluate::{self, Answer},
    event::{How, Observer, Outcome, PackageRef},
    plan,
    worker::{WorkError, package_ref},
};
use nuka_pir::{BlobId, Cid, OutputName, Pid, Pir, Platform, Source, SourceHash, SourceId, Version};
use nuka_seed_runtime::tree::{File, Tree};
use nuka_store::{ObjectReader as _, SourceRecord, StoreError};
use std::time::Instant;

/// A stage that repeats an earlier one has other random numbers and another clock.
pub(super) const OTHER: Perturbation = Perturbation { seed: 0xa5, clock_seconds: 1_234_567_890 };

/// What everything begins with, by its recipes.
pub(super) struct Beginning {
    /// The seed.
    pub(super) seed: Pid,
    /// The source.
    pub(super) source: Pid,
    /// The version of both.
    pub(super) version: Version,
    /// What evaluating their recipes came to.
    answer: Answer,
}

/// What was made, or what could not be.
type Made<T> = Result<Result<T, BuildReport>, Error>;

impl Nuka {
    /// Bootstraps Go as far as is wished. What is made of it stays, whatever comes after.
    pub fn bootstrap_go(
        &self,
        wish: &BootstrapWish,
        observer: &dyn Observer,
    ) -> Result<BootstrapReport, Error> {
        Ok(self.bootstrap_go_tools(wish, observer)?.0)
    }

    /// The same, with the tools of the last stage that was made whole; `None` if not even the first was.
    fn bootstrap_go_tools(
        &self,
        wish: &BootstrapWish,
        observer: &dyn Observer,
    ) -> Result<(BootstrapReport, Option<Tools>), Error> {
        let begun = Instant::now();
        let Beginning { seed, source: go_source, version, answer } = self.seeds()?;
        let mut report = BootstrapReport {
            compiler: "go".to_owned(),
            version: version.to_string(),
            stages: Vec::new(),
            verdict: Verdict::Open,
            second: None,
            failed: Vec::new(),
        };
        let planner = go::planner_source(&version)?;
        let sources = Sources { go: go_source, planner: planner.pid()? };
        let pir = go::stage_1(seed, sources, &version)?;
        let first = pir.pid()?;
        self.register(&[(sources.planner, planner), (first, pir)])?;
        let manner = Manner { seeds: true, ..Manner::default() };
        let made = self.make_of(&answer, &[first], &manner, observer)?;
        if !made.failed.is_empty() {
            report.failed = made.failed;
            return Ok((report, None));
        }
        let trees = Trees::new(self.store()?.clone());
        let mut tools = Tools::of_stage_1(first)?;
        report.stages.push(BootstrapStage {
            number: 1,
            seconds: begun.elapsed().as_secs_f64(),
            built: built(&made),
            programs: self.first_programs(&trees, first)?,
            archives: Vec::new(),
        });
        for number in 2..=wish.stage.min(3) {
            let begun = Instant::now();
            let (stage, plan, made) =
                match self.stage(&tools, sources, number, wish.extent, &version, observer)? {
                    Ok(made) => made,
                    Err(failed) => {
                        report.failed = failed.failed;
                        break;
                    }
                };
            if number == 2 && wish.second_engine {
                report.second = Some(self.by_second_engine(&stage, plan, observer)?);
            }
            if wish.extent == Extent::Whole {
                tools = Tools::of(&stage)?;
            }
            report.stages.push(BootstrapStage {
                number,
                seconds: begun.elapsed().as_secs_f64(),
                built: made,
                programs: self.artefacts(&trees, &stage.programs, go::program_file, true)?,
                archives: self.artefacts(
                    &trees,
                    &stage.archives,
                    |path| go::archive_file(go::WASM, path),
                    false,
                )?,
            });
        }
        let read = |artefact: &Artefact| self.blob(&artefact.blob);
        report.verdict = compare::verdict(&report.stages, &read)?;
        Ok((report, Some(tools)))
    }

    /// The source that is a bootstrap: the tools that stage 2 gives, as one tree that is in the store then.
    pub(super) fn bootstrapped(
        &self,
        source: &Source,
        id: SourceId,
        (name, version): (&str, &str),
        observer: &dyn Observer,
    ) -> Result<Cid, Error> {
        let known = self.seeds()?.version;
        if name != "go" || version != known.to_string() {
            let (name, version) = (name.to_owned(), version.to_owned());
            return Err(Error::NoBootstrap { name, version, known: format!("go {known}") });
        }
        let wish = BootstrapWish { stage: 2, extent: Extent::Whole, second_engine: false };
        let (report, tools) = self.bootstrap_go_tools(&wish, observer)?;
        let tools = match tools {
            Some(tools) if report.failed.is_empty() => tools,
            _ => {
                let failed = BuildReport { failed: report.failed, ..BuildReport::default() };
                return Err(Error::BuildFailed {
                    package: format!("{name} {version}"),
                    report: Box::new(failed),
                });
            }
        };
        let trees = Trees::new(self.store()?.clone());
        let mut tree = Tree::new();
        for (path, input) in tools.each() {
            for output in &input.outputs {
                let file = self.file_of(&trees, input.pid, output, &go::program_file(path))?;
                let inserted = tree.insert(format!("bin/{}", go::program(path)), file);
                inserted.map_err(|error| work(crate::outputs::OutputError::from(error)))?;
            }
        }
        let batch = self.store()?.batch();
        let stored = crate::build::save(&batch, &tree).map_err(work)?;
        let got = SourceHash::Blake3(*stored.cid.as_bytes());
        if got != source.hash {
            return Err(Error::WrongTree { origin: source.origin.to_string(), expected: source.hash, got });
        }
        let record = SourceRecord { tree: stored, download: None, time_ms: clock::now_ms() };
        batch.add_source_record(&id, &record)?;
        batch.commit(|index| Ok::<_, StoreError>(index.put_source(&id, &record)?))?;
        Ok(stored.cid)
    }

    /// Evaluates the recipes of what everything begins with: the seed, the source, and their version.
    pub(super) fn seeds(&self) -> Result<Beginning, Error> {
        let target = |name: &str| -> Result<Target, Error> {
            let name = nuka_pir::PackageName::new(name).map_err(|error| Error::Name { error })?;
            Ok(Target::Name { name, version: None, platform: Platform::WASM })
        };
        let targets = [target(go::SEED)?, target(go::SOURCE)?];
        let store = self.store()?;
        let answer = evaluate::evaluate(store, &self.roots, &targets)?;
        let &[seed, source] = answer.roots.as_slice() else {
            return Err(Error::NotFound { what: go::SEED.to_owned(), suggestion: None });
        };
        let version = plan::load(&store.read()?, source)?.version;
        Ok(Beginning { seed, source, version, answer })
    }

    /// Makes a stage with the tools of the one before; its plan is a package too. Says how many were built for it.
    fn stage(
        &self,
        tools: &Tools,
        sources: Sources,
        number: u8,
        extent: Extent,
        version: &Version,
        observer: &dyn Observer,
    ) -> Made<(Stage, Pid, usize)> {
        let repeated = number > 2;
        let perturbation = if repeated { OTHER } else { Perturbation::default() };
        let manner = Manner { compiled_well: true, perturbation, ..Manner::default() };
        let paths: &[&str] = match extent {
            Extent::Whole => &go::PROGRAMS,
            Extent::Slice => &[go::HELLO],
        };
        let planned = go::plan(tools, sources, go::WASM, paths, repeated, version)?;
        let pid = planned.pid()?;
        self.register(&[(pid, planned)])?;
        // A plan is about builds, so that it names places that only these have.
        let made = self.make(&[pid], &manner, &Unwarned(observer))?;
        if !made.failed.is_empty() {
            return Ok(Err(made));
        }
        let trees = Trees::new(self.store()?.clone());
        let file = self.file_of(&trees, pid, &OutputName::out(), go::PLAN_FILE)?;
        let bytes = file.bytes().map_err(|error| work(TreesError::from(error)))?;
        let plan = go::read_plan(&bytes)?;
        let stage = go::stage(&plan, tools, sources, go::WASM, repeated, version)?;
        self.register(&stage.pirs)?;
        let all: Vec<Pid> = stage.pirs.iter().map(|(pid, _)| *pid).collect();
        let weighing = Weighing::new(observer, format!("stage {number}"), &stage.bytes);
        for pid in &all {
            if self.store()?.read()?.realisation(pid)?.is_some() {
                weighing.done(pid);
            }
        }
        let made = self.make(&all, &manner, &weighing)?;
        let count = built(&made);
        Ok(if made.failed.is_empty() { Ok((stage, pid, count)) } else { Err(made) })
    }

    /// Makes a stage, and the plan of it, once more by the second engine, and compares.
    fn by_second_engine(
        &self,
        stage: &Stage,
        plan: Pid,
        observer: &dyn Observer,
    ) -> Result<SecondEngine, Error> {
        let begun = Instant::now();
        // What takes long is begun first.
        let mut pids: Vec<Pid> = stage.pirs.iter().map(|(pid, _)| *pid).chain([plan]).collect();
        pids.sort_by_key(|pid| std::cmp::Reverse(stage.bytes.get(pid).copied().unwrap_or(0)));
        let weighing = Weighing::new(observer, "the second engine".to_owned(), &stage.bytes);
        let manner = Manner { second_engine: true, keep_going: true, ..Manner::default() };
        let report = self.make(&pids, &manner, &Unwarned(&weighing))?;
        let differs = |outcome: &Outcome| {
            let files = outcome.differences.clone().filter(|files| !files.is_empty())?;
            // The packages have no recipes that name them.
            let pir = stage.pirs.iter().find(|(pid, _)| *pid == outcome.package.pid);
            let package = pir.map_or_else(
                || PackageRef { name: go::PLAN.to_owned(), ..outcome.package.clone() },
                |(pid, pir)| package_ref(*pid, pir),
            );
            Some((package, files))
        };
        Ok(SecondEngine {
            packages: report.requested.iter().filter(|outcome| outcome.differences.is_some()).count(),
            seconds: begun.elapsed().as_secs_f64(),
            different: report.requested.iter().filter_map(differs).collect(),
            failed: report.failed,
        })
    }

    /// Makes packages known to the store, so that they can be made.
    pub(super) fn register(&self, pirs: &[(Pid, Pir)]) -> Result<(), Error> {
        let store = self.store()?;
        let mut texts = Vec::with_capacity(pirs.len());
        let index = store.read()?;
        for (pid, pir) in pirs {
            if !index.has_pir(pid)? {
                texts.push((*pid, pir, pir.to_text()?));
            }
        }
        drop(index);
        texts.sort_by_key(|(pid, ..)| *pid);
        if !texts.is_empty() {
            store.batch().commit(|index| {
                for (pid, pir, text) in &texts {
                    index.put_pir(pid, &pir.name, &pir.version, text.as_bytes())?;
                }
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(())
    }

    fn first_programs(&self, trees: &Trees, first: Pid) -> Result<Vec<Artefact>, Error> {
        let programs = go::PROGRAMS.into_iter().chain([go::HELLO]);
        let each = programs.map(|path| {
            let file = self.file_of(trees, first, &go::output(path)?, &go::program_file(path))?;
            self.artefact(path, &file, true)
        });
        each.collect()
    }

    pub(super) fn artefacts(
        &self,
        trees: &Trees,
        made: &[(String, Pid)],
        place: impl Fn(&str) -> String,
        sha256: bool,
    ) -> Result<Vec<Artefact>, Error> {
        let each = made.iter().map(|(path, pid)| {
            let file = self.file_of(trees, *pid, &OutputName::out(), &place(path))?;
            self.artefact(path, &file, sha256)
        });
        each.collect()
    }

    fn artefact(&self, path: &str, file: &File, sha256: bool) -> Result<Artefact, Error> {
        let blob = crate::build::blob_of(file)
            .ok_or_else(|| Error::NotFound { what: path.to_owned(), suggestion: None })?;
        let sha256 = if sha256 { Some(compare::sha256(&self.blob(&blob)?)) } else { None };
        Ok(Artefact { path: path.to_owned(), blob, bytes: file.len(), sha256 })
    }

    pub(super) fn blob(&self, blob: &BlobId) -> Result<Vec<u8>, Error> {
        Ok(self.store()?.read_blob(blob)?)
    }

    /// A file of a package that is there.
    fn file_of(&self, trees: &Trees, pid: Pid, output: &OutputName, path: &str) -> Result<File, Error> {
        let realisation = self.store()?.read()?.realisation(&pid)?;
        let cid = realisation.and_then(|found| found.outputs.get(output).map(|tree| tree.cid));
        let tree: Tree = match cid {
            Some(cid) => trees.load(cid).map_err(work)?,
            None => return Err(Error::UnknownPackage { pid }),
        };
        let found = tree.get(path).and_then(|node| node.as_file()).cloned();
        found.ok_or_else(|| Error::NotFound { what: path.to_owned(), suggestion: None })
    }
}

fn work(error: impl Into<WorkError>) -> Error {
    Error::Work(Box::new(error.into()))
}

pub(super) fn built(report: &BuildReport) -> usize {
    report.done.iter().filter(|outcome| outcome.how == How::Built).count()
}

impl From<GoError> for Error {
    fn from(error: GoError) -> Self {
        Self::Go(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, event::Silent};
    use nuka_pir::Builder;
    use std::{collections::BTreeMap, num::NonZeroUsize};

    #[test]
    fn native_programs_are_refused_where_nothing_is_bootstrapped() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let nuka = Nuka::new(Config {
            user: 0,
            store: at("store"),
            cache: at("cache"),
            state: at("state"),
            recipe_directories: Vec::new(),
            jobs: NonZeroUsize::MIN,
            offline: true,
            executable: None,
            background: false,
            home: at("home"),
            env: BTreeMap::new(),
            current_directory: dir.path().to_owned(),
        });
        let version = Version::new("1").unwrap();
        let mut pir = go::planner_source(&version).unwrap();
        pir.build.builder = Builder::Seed1;
        let pid = pir.pid().unwrap();
        nuka.register(&[(pid, pir)]).unwrap();
        let report = nuka.remake(&[pid], &Silent).unwrap();
        let [failure] = report.failed.as_slice() else { panic!("{report:#?}") };
        assert_eq!(failure.reason, "it is made by native programs, which only a bootstrap runs");
        assert!(report.done.is_empty());
        assert_eq!(nuka.store().unwrap().read().unwrap().realisation(&pid).unwrap(), None);
    }
}
