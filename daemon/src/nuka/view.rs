//! Views: packages merged into one tree that a shell, or any program, can be given.

use super::{Nuka, Prepared};
use crate::{
    api::{BuildOptions, Target},
    error::Error,
    event::Observer,
    inputs::{self, Views},
    plan,
};
use nuka_pir::{Cid, Input, InputName, OutputName};
use nuka_store::RootTarget;
use nuka_vfs::{
    Integrity,
    view::{self, Answer, Composed, ViewMeans},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// Packages merged with what they need, and the programs that people start by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreparedView {
    /// The merged tree.
    pub view: Cid,
    /// Every program of the packages that were asked for, each in a view of its own package.
    pub programs: Vec<Prepared>,
}

/// A view that this host can show.
#[derive(Debug)]
pub struct ComposedView {
    /// What has to be mounted, or is a directory already.
    pub composed: Composed,
    /// By which means.
    pub means: ViewMeans,
}

impl Nuka {
    /// Builds what is wanted and merges it with what it needs. It stays in the store for as long as whoever asks is here.
    pub fn view(&self, targets: &[Target], observer: &dyn Observer) -> Result<PreparedView, Error> {
        let report = self.build(targets, &BuildOptions::default(), observer)?;
        if !report.failed.is_empty() {
            let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
            return Err(Error::BuildFailed { package: names.join(", "), report: Box::new(report) });
        }
        let store = self.store()?;
        let pids: Vec<_> = report.requested.iter().map(|outcome| outcome.package.pid).collect();
        self.hold(&pids.iter().map(|pid| RootTarget::Package(*pid)).collect::<Vec<_>>())?;
        let work = plan::plan(store, &pids, false)?;
        let mut wanted = BTreeMap::new();
        for (number, pid) in pids.iter().enumerate() {
            let name = InputName::new(&format!("p{number}")).map_err(|error| Error::Name { error })?;
            wanted.insert(name, Input { pid: *pid, outputs: vec![OutputName::out()] });
        }
        let parts = inputs::closure(&work.pirs, &work.realised, &wanted)?;
        let view = Views::new(store.clone()).merged(parts)?;
        self.hold(&[RootTarget::Tree(view)])?;
        let mut programs: BTreeMap<String, Prepared> = BTreeMap::new();
        for outcome in &report.requested {
            let Some(pir) = work.pirs.get(&outcome.package.pid) else { continue };
            let own = self.run_view(outcome.package.pid)?;
            self.hold(&[RootTarget::Tree(own)])?;
            for (name, details) in &pir.run.programs {
                let prepared = self.prepared(outcome.clone(), pir, name.to_string(), details.clone(), own)?;
                if let Some(other) = programs.insert(name.to_string(), prepared) {
                    let packages = [other.outcome.package, outcome.package.clone()];
                    return Err(Error::TwoPrograms {
                        program: name.to_string(),
                        packages: packages.map(|package| format!("{} {}", package.name, package.version)),
                    });
                }
            }
        }
        Ok(PreparedView { view, programs: programs.into_values().collect() })
    }

    fn views(&self) -> Result<view::Views, Error> {
        let integrity = Arc::new(Integrity::new(|_| {}));
        let cache = self.config.cache.join("composed");
        Ok(view::Views::new(self.shared.objects()?.clone(), cache, integrity))
    }

    /// What this host says to each means of showing a view, the best first.
    pub fn view_means(&self) -> Result<Vec<Answer>, Error> {
        Ok(self.views()?.probe(false))
    }

    /// Prepares a view by the best means that this host has. The store is not opened: its objects are enough.
    pub fn compose(&self, view: Cid) -> Result<ComposedView, Error> {
        let views = self.views()?;
        // Without any means of mounting a prepared directory can still be looked at where it is.
        let means = view::choose(&views.probe(false)).unwrap_or(ViewMeans::Prepared);
        Ok(ComposedView { composed: views.compose(&view, means)?, means })
    }

    /// Does now what starting a program would do the first time: compiles it and writes out the files that it sees.
    pub fn make_ready(&self, prepared: &Prepared, observer: &dyn Observer) -> Result<(), Error> {
        self.module(prepared, observer)?;
        self.files_of(prepared).map(drop)
    }
}
