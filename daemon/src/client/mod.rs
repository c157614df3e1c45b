//! Nuka as a program uses it: the same calls whether they are carried out in this process or by the daemon.
//!
//! What touches the person's own world (their terminal, their files, a program that they run) is done here in either case;
//! what needs the store's index is asked for.

mod mount;
mod remote;
mod start;
mod status;

pub use start::{Daemon, READY, STATUS, STOP, Started, Stop, ensure};
pub use status::{Activity, AtWork, DaemonStatus, Who};

use crate::{
    api::{
        BuildOptions, BuildReport, Entry, Finding, Found, Grants, HashChange, Listed, PackageInfo, PirText,
        StoreInfo, StorePath, Target, WhyStep,
        bootstrap::{BootstrapReport, BootstrapWish, TrustBase},
        care::{GcDone, GcPlanned, GcWish, Imported, Keeping, KeptBy, Rebuilt, TreeDifference, Verified},
    },
    config::Config,
    error::Error,
    event::{Observer, Outcome, Plan, Silent},
    fault::Fault,
    handed::Handed,
    nuka::{ComposedView, FileHashes, Nuka, Prepared, PreparedView},
    profile::{EnvironmentPackages, GenerationRoot, Installed, Resolved},
    request::{self, Request},
};
use nuka_pir::{BlobId, Cid, PackageName, Pid};
use nuka_store::Lease;
use nuka_vfs::{mount::MountMeans, view::ViewMeans};
use remote::Remote;
use std::{
    ffi::OsString,
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

/// Who carries requests out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// This process.
    ThisProcess,
    /// The daemon of the store, which is started if there is none.
    Daemon,
}

/// Everything that nuka does, for one person.
pub struct Client {
    here: Nuka,
    remote: Option<Remote>,
}

type Answer<T> = Result<T, Box<Fault>>;

impl Client {
    /// Meets nobody and opens nothing before that is needed.
    pub fn new(config: Config, by: By) -> Self {
        let remote = (by == By::Daemon).then(|| Remote::new(config.clone()));
        Self { here: Nuka::new(config), remote }
    }

    /// Where and how it works.
    pub fn config(&self) -> &Config {
        self.here.config()
    }

    /// Nuka in this process, for what needs no index.
    pub fn here(&self) -> &Nuka {
        &self.here
    }

    /// Has a request carried out.
    pub fn ask<R: Request>(&self, request: R, observer: &dyn Observer) -> Answer<R::Answer> {
        match self.remote.as_ref().filter(|remote| !remote.is_read_only()) {
            None => Ok(request.carry_out(&self.here, observer)?),
            Some(remote) => remote.ask(request, observer),
        }
    }

    fn look<R: Request>(&self, request: R) -> Answer<R::Answer> {
        self.ask(request, &Silent)
    }

    /// Every recipe, as a target.
    pub fn all(&self) -> Answer<Vec<Target>> {
        self.look(request::All {})
    }

    /// What a build would do.
    pub fn plan(&self, targets: &[Target], options: &BuildOptions) -> Answer<Plan> {
        self.look(request::MakePlan { targets: targets.to_vec(), options: options.clone() })
    }

    /// Makes sure that packages are there.
    pub fn build(
        &self,
        targets: &[Target],
        options: &BuildOptions,
        observer: &dyn Observer,
    ) -> Answer<BuildReport> {
        self.ask(request::Build { targets: targets.to_vec(), options: options.clone() }, observer)
    }

    /// Bootstraps Go as far as is wished.
    pub fn bootstrap_go(&self, wish: BootstrapWish, observer: &dyn Observer) -> Answer<BootstrapReport> {
        self.ask(request::BootstrapGo { wish }, observer)
    }

    /// Bootstraps C up to a stage, 1 to 3.
    pub fn bootstrap_c(&self, stage: u8, observer: &dyn Observer) -> Answer<BootstrapReport> {
        self.ask(request::BootstrapC { stage }, observer)
    }

    /// What packages rest on that was not made here; without any, what the bootstraps do.
    pub fn explain(&self, targets: &[Target]) -> Answer<TrustBase> {
        self.look(request::Explain { targets: targets.to_vec() })
    }

    /// Builds what a program needs, and finds it.
    pub fn prepare(
        &self,
        target: &Target,
        program: Option<&str>,
        observer: &dyn Observer,
    ) -> Answer<Prepared> {
        let program = program.map(str::to_owned);
        self.ask(request::Prepare { target: target.clone(), program }, observer)
    }

    /// Runs a program until it ends, and gives its exit code.
    pub fn run(
        &self,
        prepared: &Prepared,
        args: &[OsString],
        grants: &Grants,
        observer: &dyn Observer,
    ) -> Answer<u8> {
        let _lease = self.here.lease_program(prepared);
        if prepared.is_native() {
            return Ok(self.here.run_native(prepared, self.compose(prepared.view(), None)?, args, grants)?);
        }
        Ok(self.here.run(prepared, args, grants, observer)?)
    }

    /// The same for a wasm program whose code is compiled as well as it can be; `None`, with nothing begun, for any other.
    pub fn run_compiled(
        &self,
        prepared: &Prepared,
        args: &[OsString],
        grants: &Grants,
    ) -> Answer<Option<u8>> {
        let _lease = self.here.lease_program(prepared);
        if prepared.is_native() {
            return Ok(None);
        }
        Ok(self.here.run_compiled(prepared, args, grants)?)
    }

    /// Builds packages and tells all that installing them takes. They stay in the store for as long as this client lives.
    pub fn installable(&self, targets: &[Target], observer: &dyn Observer) -> Answer<Vec<Installed>> {
        self.ask(request::Installable { targets: targets.to_vec() }, observer)
    }

    /// What an environment's file comes to, without building any of it.
    pub fn resolve_environment(&self, target: &Target) -> Answer<Resolved> {
        self.look(request::ResolveEnvironment { target: target.clone() })
    }

    /// Builds an environment's packages: `pins`, or what recipes say; and `merged` into one view.
    pub fn environment(
        &self,
        target: &Target,
        pins: Option<Vec<Pid>>,
        merged: bool,
        observer: &dyn Observer,
    ) -> Answer<EnvironmentPackages> {
        self.ask(request::Environment { target: target.clone(), pins, merged }, observer)
    }

    /// Keeps an environment's packages, durably, until its file is asked for again.
    pub fn keep_environment(&self, made: &EnvironmentPackages, root: GenerationRoot) -> Answer<Cid> {
        let (put, settings) = (made.packages.clone(), made.settings.clone());
        self.look(request::KeepGeneration { base: None, remove: Vec::new(), put, settings, root })
    }

    /// What profiles and environments of this person keep that are not there any more.
    pub fn lost_generations(&self) -> Answer<Vec<GenerationRoot>> {
        let user = self.config().user;
        let pins = self.kept()?.into_iter().filter_map(|keeping| keeping.pin);
        let roots = pins.filter_map(|pin| GenerationRoot::of_name(pin.as_bytes(), user));
        // One whose path is no text cannot be told from one that is gone.
        let is_text =
            |root: &GenerationRoot| !root.profile.to_string_lossy().contains(char::REPLACEMENT_CHARACTER);
        Ok(roots.filter(|root| is_text(root) && !root.profile.exists()).collect())
    }

    /// Keeps generations no longer.
    pub fn drop_generations(&self, roots: Vec<GenerationRoot>) -> Answer<()> {
        self.look(request::DropGenerations { roots })
    }

    /// Builds packages and merges them into one view, which stays in the store for as long as this client lives.
    pub fn view(&self, targets: &[Target], observer: &dyn Observer) -> Answer<PreparedView> {
        self.ask(request::View { targets: targets.to_vec() }, observer)
    }

    /// Keeps a view and its programs in the store for as long as the lease, and this process, lives.
    pub fn lease_view(&self, view: &PreparedView) -> Option<Lease> {
        self.here.lease_view(view)
    }

    /// Prepares a view by the best means that this host has, or by the one that is wanted.
    pub fn compose(&self, view: Cid, wanted: Option<ViewMeans>) -> Answer<ComposedView> {
        let helper = || {
            // A daemon of this person's own may no more than this process.
            let handed = self.remote.as_ref()?.ask(request::HandOver { view }, &Silent).ok()?;
            handed.into_open()
        };
        Ok(self.here.compose(view, wanted, helper)?)
    }

    /// What native programs find the libraries of a view by, in a root that is made of it.
    pub fn loader_cache(&self, view: Cid) -> Answer<Option<Vec<u8>>> {
        Ok(self.here.loader_cache(view)?)
    }

    /// Does now what starting a program would do the first time.
    pub fn make_ready(&self, prepared: &Prepared, observer: &dyn Observer) -> Answer<()> {
        Ok(self.here.make_ready(prepared, observer)?)
    }

    /// Runs a wasm file of the person's until it ends, and gives its exit code.
    pub fn exec(
        &self,
        file: &Path,
        args: &[OsString],
        grants: &Grants,
        observer: &dyn Observer,
    ) -> Answer<u8> {
        Ok(self.here.exec(file, args, grants, observer)?)
    }

    /// What is to be known of a package.
    pub fn show(&self, target: &Target) -> Answer<PackageInfo> {
        self.look(request::Show { target: target.clone() })
    }

    /// A package's PIR.
    pub fn pir(&self, target: &Target) -> Answer<PirText> {
        self.look(request::Pir { target: target.clone() })
    }

    /// The shortest chain of references from one package to another; `None` if there is none.
    pub fn why(&self, from: &Target, to: &Target) -> Answer<Option<Vec<WhyStep>>> {
        self.look(request::Why { ends: [from.clone(), to.clone()] })
    }

    /// The log of a package's build.
    pub fn log(&self, target: &Target) -> Answer<Handed> {
        self.look(request::Log { target: target.clone() })
    }

    /// Recipes whose name or description has all of the words.
    pub fn search(&self, words: &str) -> Answer<Vec<Found>> {
        self.look(request::Search { words: words.to_owned() })
    }

    /// Adds a file or directory, durably; of a file, a tree that holds it.
    pub fn store_add(&self, path: &Path) -> Answer<Cid> {
        self.look(request::Add { what: Handed::own(path) })
    }

    /// Every realised package, sorted by name and version.
    pub fn store_list(&self) -> Answer<Vec<Listed>> {
        self.look(request::List {})
    }

    /// What is in a tree; all that is below it if `recursive`.
    pub fn store_ls(&self, what: &str, recursive: bool) -> Answer<Vec<Entry>> {
        self.look(request::Ls { what: what.to_owned(), recursive })
    }

    /// Writes a file's bytes, once they are known to be its own.
    pub fn store_cat(&self, what: &str, out: &mut dyn Write) -> Answer<()> {
        let found = self.look(request::Cat { what: what.to_owned() })?;
        let failed = |action| move |source| Error::File { action, path: PathBuf::from(what), source };
        let mut bytes = Vec::with_capacity(usize::try_from(found.size).unwrap_or(0));
        let read = found.file.open().and_then(|mut file| file.read_to_end(&mut bytes));
        read.map_err(failed("reading"))?;
        let got = BlobId::of(&bytes);
        if got != found.blob {
            let path = found.file.shown;
            return Err(
                Error::Store(nuka_store::StoreError::Damaged { id: found.blob, found: got, path }).into()
            );
        }
        Ok(out.write_all(&bytes).map_err(failed("writing the contents of"))?)
    }

    /// Where something is.
    pub fn store_path(&self, what: &str) -> Answer<StorePath> {
        self.look(request::Find { what: what.to_owned() })
    }

    /// The store in figures.
    pub fn store_info(&self) -> Answer<StoreInfo> {
        self.look(request::Info {})
    }

    /// What a collection would remove.
    pub fn gc_plan(&self, wish: GcWish) -> Answer<GcPlanned> {
        self.look(request::GcPlan { wish })
    }

    /// Removes what nothing keeps.
    pub fn gc(&self, wish: GcWish, observer: &dyn Observer) -> Answer<GcDone> {
        self.ask(request::Gc { wish }, observer)
    }

    /// The chain from a reason to what it keeps; `None` if nothing keeps it.
    pub fn gc_why(&self, what: &str, wish: GcWish) -> Answer<Option<Vec<KeptBy>>> {
        self.look(request::GcWhy { what: what.to_owned(), wish })
    }

    /// Keeps something until it is unpinned.
    pub fn pin(&self, what: &str) -> Answer<()> {
        self.look(request::Pin { what: what.to_owned() })
    }

    /// Keeps something no longer. False if no pin has this name.
    pub fn unpin(&self, what: &str) -> Answer<bool> {
        self.look(request::Unpin { what: what.to_owned() })
    }

    /// All pins, and all packages with their last use.
    pub fn kept(&self) -> Answer<Vec<Keeping>> {
        self.look(request::Kept {})
    }

    /// Looks at every object; with `repair`, puts right what can be.
    pub fn verify(&self, repair: bool, observer: &dyn Observer) -> Answer<Verified> {
        self.ask(request::Verify { repair }, observer)
    }

    /// Makes the index again from the objects.
    pub fn rebuild_index(&self, observer: &dyn Observer) -> Answer<Rebuilt> {
        self.ask(request::RebuildIndex {}, observer)
    }

    /// Writes packages, with all that they need when they run, to a file.
    pub fn export_closure(&self, what: Vec<String>, into: Handed, observer: &dyn Observer) -> Answer<()> {
        self.ask(request::Export { what, into }, observer)
    }

    /// Takes in what another store has exported. What it says packages became is believed.
    pub fn import_closure(&self, from: Handed, observer: &dyn Observer) -> Answer<Imported> {
        self.ask(request::Import { from }, observer)
    }

    /// The paths at which two trees differ.
    pub fn store_diff(&self, first: &str, second: &str) -> Answer<Vec<TreeDifference>> {
        self.look(request::Diff { ends: [first.to_owned(), second.to_owned()] })
    }

    /// Writes a package's `out` to a directory that is not there yet, or empty.
    pub fn export(&self, outcome: &Outcome, directory: &Path) -> Answer<()> {
        Ok(self.here.export(outcome, directory)?)
    }

    /// The text of a first recipe.
    pub fn new_recipe(&self, name: &PackageName, from: Option<&str>) -> Answer<String> {
        Ok(self.here.new_recipe(name, from)?)
    }

    /// Writes into a recipe the hashes that are published now. Without `write`, only says what would change.
    pub fn update_hashes(
        &self,
        target: &Target,
        write: bool,
        observer: &dyn Observer,
    ) -> Answer<Vec<HashChange>> {
        let tree_hash = |directory: &Path| self.look(request::HashTree { what: Handed::own(directory) });
        self.here.update_hashes(target, write, observer, &tree_hash)
    }

    /// A file's hashes.
    pub fn hash(&self, file: &Path) -> Answer<FileHashes> {
        Ok(self.here.hash(file)?)
    }

    /// Looks at this machine and says what it found.
    pub fn doctor(&self) -> Vec<Finding> {
        self.here.doctor(self.look(request::Check {}))
    }

    /// What this host says to each means of mounting, the best first.
    pub fn best_means(&self) -> Answer<MountMeans> {
        Ok(self.here.best_means()?)
    }

    /// Takes a mount of the store away, also one whose server is gone.
    pub fn unmount(&self, place: &Path) -> Answer<()> {
        Ok(self.here.unmount(place)?)
    }

    /// Compiles a wasm file with all optimisations, less urgently than what people wait for.
    pub fn compile(&self, file: &Path) -> Answer<()> {
        Ok(self.here.compile(file)?)
    }

    /// Compiles a module into the cache, for somebody who waits for it.
    pub fn compile_now(&self, module: Vec<u8>) -> Answer<()> {
        Ok(self.here.compile_now(module)?)
    }
}
