//! Bootstrapping C: its stages one after the other, and what comparing them gives.

use super::{
    Nuka,
    bootstrap::{OTHER, built},
    build::Manner,
};
use crate::{
    api::{
        Target,
        bootstrap::{Artefact, BootstrapReport, BootstrapStage, Difference, Verdict},
    },
    bootstrap::{
        c::{self, CError, Form, Sources, Stage},
        compare,
        weighing::Weighing,
    },
    build::{Perturbation, Trees},
    error::Error,
    evaluate::{self, Answer},
    event::Observer,
    plan,
};
use nuka_pir::{PackageName, Pid, Platform};
use std::time::Instant;

/// The last stage: it repeats the one before.
const LAST: u8 = 3;

/// What everything begins with, by its recipes.
struct Beginning {
    /// The compiler as WebAssembly.
    compiler: Pid,
    sources: Sources,
    /// What evaluating their recipes came to.
    answer: Answer,
}

impl Nuka {
    /// Bootstraps C up to a stage. What is made of it stays, whatever comes after.
    pub fn bootstrap_c(&self, last: u8, observer: &dyn Observer) -> Result<BootstrapReport, Error> {
        let Beginning { compiler, sources, answer } = self.c_sources()?;
        let mut report = BootstrapReport {
            compiler: "c".to_owned(),
            version: sources.compiler.1.to_string(),
            stages: Vec::new(),
            verdict: Verdict::Open,
            second: None,
            failed: Vec::new(),
        };
        let (mut compiler, mut form) = (compiler, Form::Wasm);
        for number in 1..=last.min(LAST) {
            let begun = Instant::now();
            let repeated = number == LAST;
            let stage = c::stage(compiler, form, &sources, repeated)?;
            self.register(&stage.pirs)?;
            let pids: Vec<Pid> = stage.pirs.iter().map(|(pid, _)| *pid).collect();
            let weights = stage.weights();
            let weighing = Weighing::new(observer, format!("stage {number}"), &weights);
            for pid in &pids {
                if self.store()?.read()?.realisation(pid)?.is_some() {
                    weighing.done(pid);
                }
            }
            let perturbation = if repeated { OTHER } else { Perturbation::default() };
            let manner = Manner { seeds: true, perturbation, ..Manner::default() };
            let made = self.make_of(&answer, &pids, &manner, &weighing)?;
            if !made.failed.is_empty() {
                report.failed = made.failed;
                break;
            }
            report.stages.push(self.c_stage(&stage, number, begun.elapsed().as_secs_f64(), built(&made))?);
            (compiler, form) = (stage.compiler, Form::Native);
        }
        let read = |artefact: &Artefact| self.blob(&artefact.blob);
        report.verdict = compare::verdict(&report.stages, &read)?;
        if let Verdict::Different { first, .. } = &mut report.verdict {
            self.name_member(&report.stages, first)?;
        }
        Ok(report)
    }

    /// What a stage that was made has in it.
    fn c_stage(
        &self,
        stage: &Stage,
        number: u8,
        seconds: f64,
        built: usize,
    ) -> Result<BootstrapStage, Error> {
        let trees = Trees::new(self.store()?.clone());
        let place = |name: &str| {
            let mut all = c::PROGRAMS.iter().chain(&c::LIBRARIES);
            all.find(|(known, _)| *known == name).map_or("", |(_, place)| place).to_owned()
        };
        let programs = [("tcc".to_owned(), stage.compiler), ("lua".to_owned(), stage.program)];
        let libraries = c::LIBRARIES.map(|(name, _)| (name.to_owned(), stage.library));
        Ok(BootstrapStage {
            number,
            seconds,
            built,
            programs: self.artefacts(&trees, &programs, place, true)?,
            archives: self.artefacts(&trees, &libraries, place, false)?,
        })
    }

    /// Says which member of an archive a difference is in, and where in that.
    fn name_member(&self, stages: &[BootstrapStage], difference: &mut Difference) -> Result<(), Error> {
        let [_, later] = difference.stages;
        let stage = stages.iter().find(|stage| stage.number == later);
        let archive = stage.and_then(|stage| stage.archives.iter().find(|file| file.path == difference.path));
        if let Some(archive) = archive
            && let Some((name, offset)) = c::member(&self.blob(&archive.blob)?, difference.offset)
        {
            difference.path = format!("{}({name})", difference.path);
            difference.offset = offset;
        }
        Ok(())
    }

    /// Evaluates the recipes of what everything begins with.
    fn c_sources(&self) -> Result<Beginning, Error> {
        let target = |name: &str| -> Result<Target, Error> {
            let name = PackageName::new(name).map_err(|error| Error::Name { error })?;
            Ok(Target::Name { name, version: None, platform: Platform::WASM })
        };
        let names = [c::COMPILER, c::COMPILER_SOURCE, c::LIBRARY_SOURCE, c::PROGRAM];
        let targets = names.into_iter().map(target).collect::<Result<Vec<_>, _>>()?;
        let store = self.store()?;
        let answer = evaluate::evaluate(store, &self.roots, &targets)?;
        let &[compiler, source, library, program] = answer.roots.as_slice() else {
            return Err(Error::NotFound { what: c::COMPILER.to_owned(), suggestion: None });
        };
        let index = store.read()?;
        let of = |pid| -> Result<_, Error> { Ok((pid, plan::load(&index, pid)?.version)) };
        let program = plan::load(&index, program)?;
        let program = (program.build.sources, program.version);
        let sources = Sources { compiler: of(source)?, library: of(library)?, program };
        Ok(Beginning { compiler, sources, answer })
    }

    /// The packages of the first stage that are compared.
    pub(super) fn c_first_stage(&self) -> Result<Vec<Pid>, Error> {
        let Beginning { compiler, sources, .. } = self.c_sources()?;
        let stage = c::stage(compiler, Form::Wasm, &sources, false)?;
        self.register(&stage.pirs)?;
        Ok(vec![stage.library, stage.compiler, stage.program])
    }
}

impl From<CError> for Error {
    fn from(error: CError) -> Self {
        Self::C(Box::new(error))
    }
}
