//! What profiles ask of the store: packages as they are installed, and generations that it keeps.

use super::{Nuka, build::Manner};
use crate::{
    api::{BuildOptions, BuildReport, Target},
    clock,
    error::Error,
    evaluate::{self, Answer},
    event::{How, Observer, Outcome, PackageRef},
    plan,
    profile::{self, EnvironmentPackages, GenerationRoot, Installed, Resolved, SHARED, Settings, SharedFile},
    worker::package_ref,
};
use nuka_pir::{Cid, Pid, Pir};
use nuka_store::{
    Lease, LookupError, Node, Realisation, RootTarget, Store, StoreError, TreePath, lookup, walk,
};
use std::collections::BTreeMap;

/// What only builds take of a package.
const FOR_BUILDS: &str = "dev";

impl Nuka {
    /// Builds packages and tells all that installing them takes. They stay in the store for as long as whoever asks is here.
    pub fn installable(&self, targets: &[Target], observer: &dyn Observer) -> Result<Vec<Installed>, Error> {
        let (report, lease) = loop {
            let report = self.build(targets, &BuildOptions::default(), observer)?;
            if !report.failed.is_empty() {
                let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
                return Err(Error::BuildFailed { package: names.join(", "), report: Box::new(report) });
            }
            let pids: Vec<_> = report.requested.iter().map(|outcome| outcome.package.pid).collect();
            if let Some(lease) = self.hold_packages(&pids)? {
                break (report, lease);
            }
        };
        let answer = evaluate::evaluate(self.store()?, &self.roots, targets)?;
        if answer.environment.is_some() || report.requested.len() != targets.len() {
            let target = targets.iter().find(|target| matches!(target, Target::File { .. }));
            return Err(Error::Several { file: target.map(ToString::to_string).unwrap_or_default() });
        }
        let asked = targets.iter().cloned().zip(report.requested).collect();
        self.installed(asked, &answer, &lease)
    }

    /// Packages that are there as a profile has them, each with what was asked for.
    fn installed(
        &self,
        asked: Vec<(Target, Outcome)>,
        answer: &Answer,
        lease: &Lease,
    ) -> Result<Vec<Installed>, Error> {
        let store = self.store()?;
        let pids: Vec<Pid> = asked.iter().map(|(_, outcome)| outcome.package.pid).collect();
        let work = plan::plan(store, &pids, false)?;
        let mut all = Vec::new();
        for (asked, outcome) in asked {
            let pid = outcome.package.pid;
            let (Some(pir), Some(made)) = (work.pirs.get(&pid), work.realised.get(&pid)) else { continue };
            let view = self.run_view(pid, lease)?;
            self.hold(&[RootTarget::Tree(view)])?;
            let meta = answer.packages.get(&pid.to_string()).map(|package| package.meta.clone());
            // How it came to be here is no part of what it is.
            let outcome =
                Outcome { how: How::Present, seconds: 0.0, check: None, differences: None, ..outcome };
            let mut programs = Vec::new();
            for (name, details) in &pir.run.programs {
                programs.push(self.prepared(
                    outcome.clone(),
                    pir,
                    name.to_string(),
                    details.clone(),
                    view,
                    asked.platform(),
                )?);
            }
            let outputs = made.outputs.iter().filter(|(name, _)| name.as_str() != FOR_BUILDS);
            let outputs: BTreeMap<String, Cid> =
                outputs.map(|(name, tree)| (name.to_string(), tree.cid)).collect();
            all.push(Installed {
                asked,
                package: outcome.package,
                description: meta.and_then(|meta| meta.description),
                view,
                programs,
                files: shared_files(store, pir, &made)?,
                bytes: made.outputs.values().map(|tree| tree.size).sum(),
                outputs,
            });
        }
        Ok(all)
    }

    /// What an environment comes to, without building any of it.
    pub fn resolve_environment(&self, target: &Target) -> Result<Resolved, Error> {
        let answer = evaluate::evaluate(self.store()?, &self.roots, std::slice::from_ref(target))?;
        let settings = settings_of(&answer, target)?;
        let package = |pid: &Pid| {
            let package = answer.packages.get(&pid.to_string())?;
            Some(PackageRef { pid: *pid, name: package.name.clone(), version: package.version.clone() })
        };
        Ok(Resolved { packages: answer.roots.iter().filter_map(package).collect(), settings })
    }

    /// Builds an environment's packages: `pins`, or what recipes say; and `merged` into one view. They stay in the store for as long as whoever asks is
    /// here.
    pub fn environment(
        &self,
        target: &Target,
        pins: Option<&[Pid]>,
        merged: bool,
        observer: &dyn Observer,
    ) -> Result<EnvironmentPackages, Error> {
        let targets = std::slice::from_ref(target);
        let answer = evaluate::evaluate(self.store()?, &self.roots, targets)?;
        let settings = settings_of(&answer, target)?;
        let (report, lease) = loop {
            let report = match pins {
                Some(pins) => self.build_pins(pins, &answer, observer)?,
                None => self.build(targets, &BuildOptions::default(), observer)?,
            };
            if !report.failed.is_empty() {
                return Err(Error::BuildFailed { package: target.to_string(), report: Box::new(report) });
            }
            let pids: Vec<_> = report.requested.iter().map(|outcome| outcome.package.pid).collect();
            if let Some(lease) = self.hold_packages(&pids)? {
                break (report, lease);
            }
        };
        let index = self.store()?.read()?;
        let mut asked = Vec::new();
        for outcome in report.requested {
            // Packages that were made without their recipes come without their names.
            let pir = plan::load(&index, outcome.package.pid)?;
            let package = package_ref(outcome.package.pid, &pir);
            asked.push((
                Target::Name { name: pir.name, version: None, platform: target.platform() },
                Outcome { package, ..outcome },
            ));
        }
        drop(index);
        let pids: Vec<Pid> = asked.iter().map(|(_, outcome)| outcome.package.pid).collect();
        let view = if merged { Some(self.merged(&pids, &lease)?) } else { None };
        Ok(EnvironmentPackages { packages: self.installed(asked, &answer, &lease)?, view, settings })
    }

    /// Builds these packages, whatever recipes say of them now.
    fn build_pins(
        &self,
        pins: &[Pid],
        answer: &Answer,
        observer: &dyn Observer,
    ) -> Result<BuildReport, Error> {
        let index = self.store()?.read()?;
        for pid in pins {
            if !index.has_pir(pid)? {
                return Err(Error::UnknownPin { pid: *pid });
            }
        }
        drop(index);
        let (work, lease) = self.leased(pins, false)?;
        let mut pinned = answer.clone();
        pinned.roots = pins.to_vec();
        let (options, manner) = (BuildOptions::default(), Manner::default());
        self.work(work, &lease, &pinned, &options, &manner, observer)
    }

    /// Makes a generation of another one and keeps it, durably.
    pub fn keep_generation(
        &self,
        base: Option<&Cid>,
        remove: &[Pid],
        put: Vec<Installed>,
        settings: Settings,
        root: &GenerationRoot,
    ) -> Result<Cid, Error> {
        let name = root.name(self.config.user);
        profile::keep(self.store()?, base, remove, put, settings, (&name, clock::now_ms()))
    }

    /// Keeps generations no longer.
    pub fn drop_generations(&self, roots: &[GenerationRoot]) -> Result<(), Error> {
        let names: Vec<_> = roots.iter().map(|root| root.name(self.config.user)).collect();
        Ok(self.store()?.update(|index| {
            names.iter().try_for_each(|name| index.remove_root(name).map(drop)).map_err(StoreError::from)
        })?)
    }
}

/// What belongs to an environment besides its packages.
fn settings_of(answer: &Answer, target: &Target) -> Result<Settings, Error> {
    answer.environment.clone().ok_or_else(|| Error::NoEnvironment { file: target.to_string() })
}

/// The package's files that sessions look for, by their paths below `share/`.
fn shared_files(store: &Store, pir: &Pir, made: &Realisation) -> Result<Vec<SharedFile>, Error> {
    let mut files = Vec::new();
    for (output, tree) in &made.outputs {
        if output.as_str() == FOR_BUILDS {
            continue;
        }
        for below in SHARED {
            let path = format!("{}/share/{below}", pir.build.prefix.relative());
            let Ok(path) = TreePath::parse_loose(&path) else { continue };
            let cid = match lookup(store, &tree.cid, &path) {
                Ok(Node::Directory { cid, .. }) => cid,
                Ok(_) | Err(LookupError::NotFound { .. } | LookupError::NotADirectory { .. }) => continue,
                Err(LookupError::Store(error)) => return Err(error.into()),
            };
            for visit in walk(store, &cid) {
                let visit = visit?;
                if let Node::File { blob, .. } = visit.node {
                    files.push(SharedFile { path: format!("{below}/{}", visit.path), blob });
                }
            }
        }
    }
    files.sort();
    files.dedup_by(|a, b| a.path == b.path);
    Ok(files)
}
