//! Views: packages merged into one tree that a shell, or any program, can be given.

use super::{Nuka, Prepared};
use crate::{
    api::{BuildOptions, Target},
    error::Error,
    event::Observer,
    handed::Handed,
    inputs::{self, Views},
    plan,
};
use nuka_pir::{Cid, Input, InputName, OutputName, Pid, Platform};
use nuka_store::{Lease, ObjectReader as _, RootTarget};
use nuka_vfs::{
    Integrity,
    view::{self, Answer, Composed, Unavailable, ViewError, ViewMeans},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
};

/// How a view that is handed over is called.
const VIEW: &str = "a view";

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
    /// By which means; `None` if nothing can be mounted here: then it is a directory that can be looked at.
    pub means: Option<ViewMeans>,
}

impl Nuka {
    /// Builds what is wanted and merges it with what it needs. It stays in the store for as long as whoever asks is here.
    pub fn view(&self, targets: &[Target], observer: &dyn Observer) -> Result<PreparedView, Error> {
        let (report, pids, lease) = loop {
            let report = self.build(targets, &BuildOptions::default(), observer)?;
            if !report.failed.is_empty() {
                let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
                return Err(Error::BuildFailed { package: names.join(", "), report: Box::new(report) });
            }
            // One that is named twice is there once.
            let pids: BTreeSet<_> = report.requested.iter().map(|outcome| outcome.package.pid).collect();
            let pids: Vec<_> = pids.into_iter().collect();
            if let Some(lease) = self.hold_packages(&pids)? {
                break (report, pids, lease);
            }
        };
        let view = self.merged(&pids, &lease)?;
        let work = plan::plan(self.store()?, &pids, false)?;
        let mut programs: BTreeMap<String, Prepared> = BTreeMap::new();
        for pid in &pids {
            let outcome = report.requested.iter().find(|outcome| outcome.package.pid == *pid);
            let (Some(outcome), Some(pir)) = (outcome, work.pirs.get(pid)) else { continue };
            let own = self.run_view(*pid, &lease)?;
            for (name, details) in &pir.run.programs {
                let details = details.clone();
                let prepared =
                    self.prepared(outcome.clone(), pir, name.to_string(), details, own, Platform::WASM)?;
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

    /// Packages that are there merged with all that they need when they run.
    pub(super) fn merged(&self, pids: &[Pid], lease: &Lease) -> Result<Cid, Error> {
        let store = self.store()?;
        let work = plan::plan(store, pids, false)?;
        let mut wanted = BTreeMap::new();
        for (number, pid) in pids.iter().enumerate() {
            let name = InputName::new(&format!("p{number}")).map_err(|error| Error::Name { error })?;
            wanted.insert(name, Input { pid: *pid, outputs: vec![OutputName::out()] });
        }
        let parts = inputs::closure(&work.pirs, &work.realised, &wanted)?;
        Ok(Views::new(store.clone(), lease).merged(parts)?)
    }

    pub(super) fn views(&self) -> Result<view::Views, Error> {
        let integrity = Arc::new(Integrity::new(|_| {}));
        let cache = self.config.cache.join("composed");
        Ok(view::Views::new(self.shared.objects()?.clone(), cache, integrity))
    }

    /// What this host says to each means of showing a view, the best first.
    pub fn view_means(&self) -> Result<Vec<Answer>, Error> {
        Ok(self.views()?.probe(false))
    }

    /// Prepares a view by the best means that this host has, or by one alone. The store is not opened: its objects are
    /// enough. `helper` may hand over a mount of it, for a process that may not mount images itself.
    ///
    /// # Errors
    /// [`Error::Means`] if the means that is wanted cannot be had.
    pub fn compose(
        &self,
        view: Cid,
        wanted: Option<ViewMeans>,
        helper: impl FnOnce() -> Option<OwnedFd>,
    ) -> Result<ComposedView, Error> {
        let views = self.views()?;
        let answers = views.probe(false);
        if let Some(means) = wanted {
            let answer = answers.into_iter().find(|(other, _)| *other == means);
            let composed = match answer.map_or(Err(Unavailable::Unsupported), |(_, answer)| answer) {
                Ok(()) => views.compose(&view, means)?,
                Err(Unavailable::NoHelper) => {
                    let why = Unavailable::NoHelper;
                    Composed::Mounted(helper().ok_or(Error::Means { means, why })?.into())
                }
                Err(why) => return Err(Error::Means { means, why }),
            };
            return Ok(ComposedView { composed, means: Some(means) });
        }
        let means = view::choose(&answers);
        if means == Some(ViewMeans::Prepared)
            && let Some(mount) = helper()
        {
            let composed = Composed::Mounted(mount.into());
            return Ok(ComposedView { composed, means: Some(ViewMeans::Image) });
        }
        // Without any means of mounting a prepared directory can still be looked at where it is.
        Ok(ComposedView { composed: views.compose(&view, means.unwrap_or(ViewMeans::Prepared))?, means })
    }

    /// What native programs find the libraries of a view by, in a root that is made of it: `/etc/ld.so.cache`. Nothing if it
    /// has none.
    pub fn loader_cache(&self, view: Cid) -> Result<Option<Vec<u8>>, Error> {
        Ok(nuka_vfs::loader_cache(self.shared.objects()?, &view)?)
    }

    /// Mounts the image of a view, at no place, for somebody who may not.
    pub fn hand_over(&self, view: Cid) -> Result<Handed, Error> {
        match self.views()?.compose(&view, ViewMeans::Image)? {
            Composed::Mounted(mount) => {
                let open = mount.as_fd().try_clone_to_owned();
                let path = PathBuf::from(VIEW);
                let open = open.map_err(|source| Error::File { action: "handing over", path, source })?;
                Ok(Handed::nameless(VIEW, open))
            }
            _ => Err(ViewError::NotPrepared { means: ViewMeans::Image }.into()),
        }
    }

    /// Removes what was prepared of views that are not in the store any more. Who uses one has a lease of it.
    pub(super) fn sweep_views(&self) -> Result<(), Error> {
        let (views, objects) = (self.views()?, self.shared.objects()?);
        let gone = |cid: &Cid| Ok::<_, Error>(objects.blob_size(&(*cid).into())?.is_none());
        for means in [ViewMeans::Overlay, ViewMeans::Image, ViewMeans::Prepared] {
            for cid in views.prepared(means)? {
                if gone(&cid)? {
                    views.remove(&cid, means)?;
                }
            }
            views.sweep(means)?;
        }
        let materialised = fs_err::read_dir(self.config.cache.join("views")).into_iter().flatten().flatten();
        for entry in materialised {
            let cid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if cid.is_some_and(|cid| gone(&cid).unwrap_or(false)) {
                // One that cannot be removed costs its room.
                let _ = fs_err::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Keeps what a program needs for as long as the lease lives, which is this process's own. A user who may not write to
    /// the store has none, and is kept by the daemon alone.
    pub fn lease_program(&self, prepared: &Prepared) -> Option<Lease> {
        let [view, blob] = prepared.kept();
        self.shared.objects().ok()?.lease(&[view, blob]).ok()
    }

    /// The same of a view and its programs.
    pub fn lease_view(&self, view: &PreparedView) -> Option<Lease> {
        let programs = view.programs.iter().flat_map(Prepared::kept);
        let items: Vec<_> = programs.chain([RootTarget::Tree(view.view)]).collect();
        self.shared.objects().ok()?.lease(&items).ok()
    }

    /// Does now what starting a program would do the first time: compiles it and writes out the files that it sees.
    pub fn make_ready(&self, prepared: &Prepared, observer: &dyn Observer) -> Result<(), Error> {
        if prepared.is_native() {
            return Ok(());
        }
        self.module(prepared, observer)?;
        self.files_of(prepared).map(drop)
    }
}
