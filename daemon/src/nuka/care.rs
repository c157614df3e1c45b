//! Looking after the store: collecting, verifying, and making the index again.

use super::Nuka;
use crate::{
    api::care::{
        Amount, FoundProblem, GcDone, GcPackage, GcPlanned, GcSource, GcWish, Keeping, KeptBy, Lost, Rebuilt,
        Repaired, Verified,
    },
    clock,
    error::Error,
    evaluate,
    event::{Event, Observer, PackageRef},
    profile::GenerationRoot,
};
use nuka_pir::{PackageName, Pid, Version};
use nuka_store::{
    Root, RootTarget, StoreError, Used,
    check::{self, Owner, VerifyOptions, Wrong},
    gc::{self, GcOptions, GcProgress, Link},
};
use std::{collections::HashMap, path::Path};

/// Names of packages by their ids.
type Names = HashMap<Pid, (PackageName, Version)>;

impl Nuka {
    fn gc_options(&self, wish: &GcWish) -> GcOptions {
        let now_ms = clock::now_ms();
        let since = wish.keep_seconds.map(|seconds| match seconds {
            // Not even what was used this very moment.
            0 => u64::MAX,
            seconds => now_ms.saturating_sub(seconds.saturating_mul(1000)),
        });
        GcOptions {
            keep_since_ms: since.unwrap_or(0),
            max_bytes: wish.max_bytes,
            now_ms,
            keep: Vec::new(),
            forget_values: vec![evaluate::NAMESPACE.to_owned()],
        }
    }

    /// What a collection would remove.
    pub fn gc_plan(&self, wish: &GcWish, observer: &dyn Observer) -> Result<GcPlanned, Error> {
        let options = self.gc_options(wish);
        let plan = gc::plan(&self.store_for(observer)?, &options)?;
        let packages = plan.packages.iter().map(|dead| GcPackage {
            package: reference(dead.pid, dead.name.as_ref()),
            last_use_ms: dead.last_use_ms,
            unique_bytes: dead.unique_bytes,
            shared_bytes: dead.shared_bytes,
        });
        let sources = plan.sources.iter().map(|dead| GcSource {
            id: dead.id,
            last_use_ms: dead.last_use_ms,
            unique_bytes: dead.unique_bytes,
        });
        Ok(GcPlanned {
            packages: packages.collect(),
            sources: sources.collect(),
            kept: amount(plan.kept),
            freed: amount(plan.freed),
            leftovers: amount(plan.leftovers),
            cache: self.sweep_cache(options.keep_since_ms, false),
        })
    }

    /// Removes what nothing keeps.
    pub fn gc(&self, wish: &GcWish, observer: &dyn Observer) -> Result<GcDone, Error> {
        let store = &self.store_for(observer)?;
        let options = self.gc_options(wish);
        let mut progress = |progress| match progress {
            GcProgress::Removes { done, total } => tell(observer, "collecting", done, Some(total)),
            GcProgress::Waits { process } => {
                let by = process.map(|process| format!(" of process {process}")).unwrap_or_default();
                observer.event(Event::Waiting { what: format!("another collection{by}") });
            }
        };
        let report = gc::collect(store, &options, &mut progress)?;
        let logs = self.config.logs();
        for log in &report.logs {
            // A log that is somewhere else is somebody else's; one that stays costs its room.
            let path = Path::new(log);
            if path.parent() == Some(&logs) {
                let _ = fs_err::remove_file(path);
            }
        }
        // What is prepared of views costs room, and nothing else: failing to remove it is no failure.
        if let Err(error) = self.sweep_views() {
            observer.event(Event::Warning { text: error.to_string() });
        }
        Ok(GcDone {
            packages: report.packages as u64,
            sources: report.sources as u64,
            freed: amount(report.freed),
            aside: amount(report.aside),
            cache: self.sweep_cache(options.keep_since_ms, true),
        })
    }

    /// The chain from a reason to what it keeps; `None` if nothing keeps it. What `wish` does not keep counts as kept by
    /// nobody.
    pub fn gc_why(
        &self,
        what: &str,
        wish: &GcWish,
        observer: &dyn Observer,
    ) -> Result<Option<Vec<KeptBy>>, Error> {
        let target = self.root_target(what)?;
        let chain = gc::why(&self.store_for(observer)?, &self.gc_options(wish), &target)?;
        Ok(chain.map(|chain| chain.into_iter().map(kept_by).collect()))
    }

    /// Keeps something until it is unpinned.
    pub fn pin(&self, what: &str) -> Result<(), Error> {
        let root = Root { target: self.root_target(what)?, time_ms: clock::now_ms() };
        Ok(self.store()?.update(|index| Ok::<_, StoreError>(index.put_root(what.as_bytes(), &root)?))?)
    }

    /// Keeps something no longer. False if no pin has this name.
    pub fn unpin(&self, what: &str) -> Result<bool, Error> {
        Ok(self.store()?.update(|index| Ok::<_, StoreError>(index.remove_root(what.as_bytes())?))?)
    }

    /// All pins, and all packages with their last use, the latest first.
    pub fn keeping(&self) -> Result<Vec<Keeping>, Error> {
        let index = self.store()?.read()?;
        let names: Names =
            index.packages()?.into_iter().map(|(name, pid, version)| (pid, (name, version))).collect();
        let mut all = Vec::new();
        for (name, root) in index.roots()? {
            // Where other people's profiles are is nobody's business.
            if GenerationRoot::is_of_another(&name, self.config.user) {
                continue;
            }
            let (package, object) = match root.target {
                RootTarget::Package(pid) => (Some(reference(pid, names.get(&pid))), None),
                RootTarget::Tree(cid) | RootTarget::Group(cid) => (None, Some(cid.to_string())),
                RootTarget::Blob(blob) => (None, Some(blob.to_string())),
            };
            let pin = Some(String::from_utf8_lossy(&name).into_owned());
            all.push(Keeping { pin, package, object, time_ms: root.time_ms });
        }
        let mut used = Vec::new();
        for (pid, realisation) in index.realised()? {
            let time_ms = index.last_use(&Used::Package(pid))?.unwrap_or(realisation.time_ms);
            let package = Some(reference(pid, names.get(&pid)));
            used.push(Keeping { pin: None, package, object: None, time_ms });
        }
        used.sort_by_key(|keeping| std::cmp::Reverse(keeping.time_ms));
        all.extend(used);
        Ok(all)
    }

    /// What a text names, to be kept or asked about: of a package alone the package, else a tree or file.
    fn root_target(&self, what: &str) -> Result<RootTarget, Error> {
        let found = self.find(what)?;
        Ok(match (found.package, found.node) {
            (Some(pid), _) if found.below.is_empty() => RootTarget::Package(pid),
            (_, nuka_store::Node::Directory { cid, .. }) => RootTarget::Tree(cid),
            (_, nuka_store::Node::File { blob, .. }) => RootTarget::Blob(blob),
            (_, nuka_store::Node::Symlink { .. }) => {
                return Err(Error::WrongKind { what: what.to_owned(), wanted: "a file or directory" });
            }
        })
    }

    /// Looks at every object; with `repair`, puts right what can be.
    pub fn verify(&self, repair: bool, observer: &dyn Observer) -> Result<Verified, Error> {
        let store = &self.store_for(observer)?;
        let progress = |_, bytes| tell(observer, "verifying", bytes, None);
        let report = check::verify(store, &VerifyOptions::default(), &progress)?;
        let names = self.names_of_packages().unwrap_or_default();
        let shown = |owner: &Owner| match owner {
            Owner::Package(pid) => shown(&reference(*pid, names.get(pid))),
            Owner::Source(id) => format!("source {}", id.short()),
            Owner::Build(build) => format!("build {}", build.short()),
            Owner::Root(name) => format!("pin {}", String::from_utf8_lossy(name)),
        };
        let problems = report.problems.iter().map(|problem| FoundProblem {
            object: problem.id,
            wrong: wrong(&problem.wrong),
            parts_of: problem.owners.iter().map(shown).collect(),
        });
        let mut verified = Verified {
            objects: report.objects,
            bytes: report.bytes,
            problems: problems.collect(),
            strays: report.strays.clone(),
            index: report.index.as_ref().map(ToString::to_string),
            repaired: None,
        };
        if repair && report.index.is_none() && !report.is_clean() {
            verified.repaired = Some(self.repair(&report, &names, observer)?);
        }
        Ok(verified)
    }

    fn repair(
        &self,
        report: &check::VerifyReport,
        names: &Names,
        observer: &dyn Observer,
    ) -> Result<Repaired, Error> {
        let done = check::repair(self.store()?, report)?;
        let mut repaired = Repaired {
            quarantined: done.quarantined,
            strays: done.strays as u64,
            sources: done.sources.len() as u64,
            pins: done.roots.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            ..Repaired::default()
        };
        if !done.packages.is_empty() {
            let made = self.remake(&done.packages, observer)?;
            for pid in done.packages {
                let package = reference(pid, names.get(&pid));
                match made.failed.iter().find(|failure| failure.package.pid == pid) {
                    Some(failure) => repaired.lost.push(Lost { package, reason: failure.reason.clone() }),
                    None => repaired.made.push(package),
                }
            }
        }
        Ok(repaired)
    }

    pub(super) fn names_of_packages(&self) -> Result<Names, Error> {
        let packages = self.store()?.read()?.packages()?;
        Ok(packages.into_iter().map(|(name, pid, version)| (pid, (name, version))).collect())
    }

    /// Makes the index again from the objects.
    pub fn rebuild_index(&self, observer: &dyn Observer) -> Result<Rebuilt, Error> {
        let progress = |_, bytes| tell(observer, "reading objects", bytes, None);
        let report = check::rebuild_index(&self.store_for(observer)?, clock::now_ms(), &progress)?;
        Ok(Rebuilt {
            packages: report.packages as u64,
            sources: report.sources as u64,
            incomplete: report.incomplete.len() as u64,
            damaged: report.damaged.len() as u64,
            pins: report.roots as u64,
        })
    }
}

fn tell(observer: &dyn Observer, what: &str, done: u64, total: Option<u64>) {
    observer.event(Event::Progress { what: what.to_owned(), done, total });
}

fn amount(amount: gc::Amount) -> Amount {
    Amount { objects: amount.objects, bytes: amount.bytes }
}

pub(super) fn reference(pid: Pid, name: Option<&(PackageName, Version)>) -> PackageRef {
    let (name, version) =
        name.map(|(name, version)| (name.to_string(), version.to_string())).unwrap_or_default();
    PackageRef { pid, name, version }
}

fn shown(package: &PackageRef) -> String {
    match package.name.as_str() {
        "" => package.pid.short(),
        name => format!("{name} {}", package.version),
    }
}

fn wrong(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Damaged { found } => format!("its bytes are those of {}", found.short()),
        Wrong::Unreadable { error } => format!("it cannot be read: {error}"),
        Wrong::Missing => "it is missing".to_owned(),
        Wrong::Disagrees { directory, name } => {
            format!("it is not what `{name}` of the directory {} should be", directory.short())
        }
        Wrong::NotADirectory => "it should be a directory".to_owned(),
    }
}

fn kept_by(link: Link) -> KeptBy {
    match link {
        Link::Root(name) => KeptBy::Pin { name: String::from_utf8_lossy(&name).into_owned() },
        Link::Lease(name) => KeptBy::Lease { name },
        Link::Use(time_ms) => KeptBy::Use { time_ms },
        Link::Caller => KeptBy::Object { what: "asked for".to_owned(), blob: None },
        Link::Package { pid, name } => KeptBy::Package { package: reference(pid, name.as_ref()) },
        Link::Source(id) => KeptBy::Source { id },
        Link::Output { name, cid } => KeptBy::Output { name: name.to_string(), cid },
        Link::Tree(cid) => KeptBy::Tree { cid },
        Link::Path(path) => KeptBy::Object { what: path.to_string(), blob: None },
        Link::Blob(blob) => KeptBy::Object { what: "an object of its own".to_owned(), blob: Some(blob) },
    }
}
