//! Running programs as WebAssembly: with what their recipe declares and the person grants, and nothing else.

use super::Nuka;
use crate::{
    api::{BuildOptions, GrantedDirectory, Grants, Target},
    background,
    error::Error,
    event::{Observer, Outcome},
    inputs::{self, Views},
    plan, published,
};
use nuka_pir::{
    BlobId, Cid, CurrentDirectory, Input, InputName, OutputName, Permissions, Pid, Pir, Platform, Program,
};
use nuka_seed_runtime::{
    Exit, Module, ModuleId, Tier,
    live::{self, LiveDir, LiveProcess},
    process::Access,
    tree::GuestPath,
};
use nuka_store::{Lease, Node, ObjectReader as _, RootTarget, TreePath, lookup};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// A program that can be started: plain data, from which any process can run it that may read the store's objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// The package, and how it came to be there.
    pub outcome: Outcome,
    /// The program's name.
    pub program: String,
    /// The CID that is published for the package, if there is one.
    pub published: Option<Cid>,
    /// What it runs on.
    pub(super) platform: Platform,
    /// The program's file.
    blob: BlobId,
    /// Its length in bytes.
    size: u64,
    /// Where it is in the view.
    pub(super) path: String,
    pub(super) details: Program,
    pub(super) permissions: Permissions,
    /// The package merged with what it needs.
    view: Cid,
}

impl Prepared {
    /// The package's `out` tree.
    pub fn cid(&self) -> Option<Cid> {
        self.outcome.outputs.iter().find(|(name, _)| name == "out").map(|(_, cid)| *cid)
    }
}

impl Prepared {
    /// Whether it is no WebAssembly: it runs on one kind of machine, in a root of its own.
    pub fn is_native(&self) -> bool {
        self.platform.is_native()
    }

    /// The package merged with what it needs.
    pub fn view(&self) -> Cid {
        self.view
    }

    /// What must stay in the store while it runs.
    pub(super) fn kept(&self) -> [RootTarget; 2] {
        [RootTarget::Tree(self.view), RootTarget::Blob(self.blob)]
    }

    /// What the recipe lets the program do beyond reading the current directory, in words.
    pub fn declared(&self) -> Vec<String> {
        let permissions = &self.permissions;
        let mut words = Vec::new();
        if permissions.directory == CurrentDirectory::Write {
            words.push("change the current directory".to_owned());
        }
        if !permissions.env.is_empty() {
            words.push(format!("see {}", permissions.env.join(", ")));
        }
        if permissions.network {
            words.push("open network connections".to_owned());
        }
        words
    }
}

impl Nuka {
    /// Builds what a program needs, and finds it.
    pub fn prepare(
        &self,
        target: &Target,
        program: Option<&str>,
        observer: &dyn Observer,
    ) -> Result<Prepared, Error> {
        let options = BuildOptions::default();
        let (outcome, lease) = loop {
            let report = self.build(std::slice::from_ref(target), &options, observer)?;
            let Some(outcome) = report.requested.first().cloned().filter(|_| report.failed.is_empty()) else {
                return Err(Error::BuildFailed { package: target.to_string(), report: Box::new(report) });
            };
            if let Some(lease) = self.hold_packages(&[outcome.package.pid])? {
                break (outcome, lease);
            }
        };
        let pid = outcome.package.pid;
        let index = self.store()?.read()?;
        let pir = plan::load(&index, pid)?;
        drop(index);
        let names = || pir.run.programs.keys().map(ToString::to_string).collect::<Vec<_>>();
        let package = format!("{} {}", pir.name, pir.version);
        let name = match program {
            Some(name) => name.to_owned(),
            // The one that is called like the package, or the only one.
            None if pir.run.programs.contains_key(pir.name.as_str()) => pir.name.to_string(),
            None => match names().as_slice() {
                [] => return Err(Error::NoPrograms { package }),
                [only] => only.clone(),
                _ => return Err(Error::WhichProgram { package, programs: names() }),
            },
        };
        let Some(details) = pir.run.programs.get(name.as_str()).cloned() else {
            return Err(Error::NoProgram { package, program: name, programs: names() });
        };
        let view = self.run_view(pid, &lease)?;
        self.prepared(outcome, &pir, name, details, view, target.platform())
    }

    /// One program of a package that is there, in a view. `asked` is what the package was asked for.
    pub(super) fn prepared(
        &self,
        outcome: Outcome,
        pir: &Pir,
        name: String,
        details: Program,
        view: Cid,
        asked: Platform,
    ) -> Result<Prepared, Error> {
        let key = published::key(&outcome.package.name, &outcome.package.version);
        // Only a fresh result is compared: nothing is read for a program that was there already.
        let published = match outcome.how {
            crate::event::How::Present => None,
            // What is published is for WebAssembly.
            _ if !asked.is_wasm() => None,
            _ => self.published()?.get(&key).copied(),
        };
        let path = format!("{}/{}", pir.build.prefix.relative(), details.path);
        let (blob, size) = self.program_file(view, &path, 0)?;
        let permissions = pir.run.permissions.clone();
        let platform = pir.build.target;
        Ok(Prepared {
            outcome,
            program: name,
            published,
            platform,
            blob,
            size,
            path,
            details,
            permissions,
            view,
        })
    }

    /// The package merged with what it needs when it runs.
    pub(super) fn run_view(&self, pid: Pid, lease: &Lease) -> Result<Cid, Error> {
        let store = self.store()?;
        let work = plan::plan(store, &[pid], false)?;
        let own = Input { pid, outputs: vec![OutputName::out()] };
        let name = InputName::new("program").map_err(|error| Error::Name { error })?;
        let parts = inputs::closure(&work.pirs, &work.realised, &BTreeMap::from([(name, own)]))?;
        Ok(Views::new(store.clone(), lease).merged(parts)?)
    }

    /// Runs a program until it ends, and gives its exit code. The store is not opened: its objects are enough.
    pub fn run(
        &self,
        prepared: &Prepared,
        args: &[OsString],
        grants: &Grants,
        observer: &dyn Observer,
    ) -> Result<u8, Error> {
        let module = self.module(prepared, observer)?;
        self.run_module(&module, prepared, args, grants)
    }

    /// The same for a program whose code is compiled as well as it can be; `None`, with nothing begun, for any other.
    pub fn run_compiled(
        &self,
        prepared: &Prepared,
        args: &[OsString],
        grants: &Grants,
    ) -> Result<Option<u8>, Error> {
        let id = ModuleId(*prepared.blob.as_bytes());
        let module = self.modules()?.load_cached(self.engine()?, id, Tier::Optimised)?;
        module.map(|module| self.run_module(&module, prepared, args, grants)).transpose()
    }

    fn run_module(
        &self,
        module: &Module,
        prepared: &Prepared,
        args: &[OsString],
        grants: &Grants,
    ) -> Result<u8, Error> {
        let mut arguments = vec![prepared.program.clone()];
        arguments.extend(prepared.details.args.iter().cloned());
        let env = self.shown_env(prepared, grants);
        let own = self.files_of(prepared)?;
        let network = prepared.permissions.network || grants.network;
        self.live(module, arguments, args, env, own, prepared.permissions.directory, network, grants)
    }

    /// The variables that a program sees.
    pub(super) fn shown_env(&self, prepared: &Prepared, grants: &Grants) -> BTreeMap<String, String> {
        let mut env = prepared.details.env.clone();
        for name in &prepared.permissions.env {
            if let Some(value) = self.config.env.get(name) {
                env.insert(name.clone(), value.clone());
            }
        }
        self.of_terminal(&mut env);
        env.extend(grants.env.iter().cloned());
        env
    }

    /// The terminal's own variables: they tell nothing but how to draw.
    fn of_terminal(&self, env: &mut BTreeMap<String, String>) {
        for name in ["TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES"] {
            if let Some(value) = self.config.env.get(name) {
                env.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
    }

    /// The current directory, if a program may see it, and whether it may change it. A home directory, or everything, is
    /// never let in by merely standing in it, but when it is named it is.
    pub(super) fn shown_here(
        &self,
        declared: CurrentDirectory,
        grants: &Grants,
    ) -> Option<(PathBuf, Access)> {
        let directory = match (declared, grants.write) {
            (_, true) | (CurrentDirectory::Write, _) => Some(Access::ReadWrite),
            (CurrentDirectory::Read, false) => Some(Access::ReadOnly),
            (CurrentDirectory::None, false) => None,
        };
        let here = &self.config.current_directory;
        let named = |granted: &GrantedDirectory| granted.host == *here && Path::new(&granted.guest) == here;
        let directory = match grants.directories.iter().find(|granted| named(granted)) {
            Some(granted) if granted.write => Some(Access::ReadWrite),
            Some(_) => Some(directory.unwrap_or(Access::ReadOnly)),
            None => directory.filter(|_| !self.config.is_in_home()),
        };
        directory.map(|access| (here.clone(), access))
    }

    /// The program, compiled.
    pub(super) fn module(&self, prepared: &Prepared, observer: &dyn Observer) -> Result<Module, Error> {
        let object = self.shared.objects()?.blob_path(&prepared.blob);
        let read = || fs_err::read(&object).map(bytes::Bytes::from);
        let on_disk = || Some(object.clone());
        let id = ModuleId(*prepared.blob.as_bytes());
        let loaded = self.programs()?.load(id, prepared.size, &read, &on_disk, &prepared.program, observer);
        loaded.map_err(|error| match object.exists() {
            true => Error::from(error),
            false => gone(prepared),
        })
    }

    /// Runs a wasm file of the person's until it ends, and gives its exit code.
    pub fn exec(
        &self,
        file: &Path,
        args: &[OsString],
        grants: &Grants,
        observer: &dyn Observer,
    ) -> Result<u8, Error> {
        let failed = |source| Error::File { action: "reading", path: file.to_owned(), source };
        let bytes = bytes::Bytes::from(fs_err::read(file).map_err(failed)?);
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let on_disk = || std::path::absolute(file).ok();
        let (id, size) = (ModuleId::of(&bytes), bytes.len() as u64);
        let source = || Ok(bytes.clone());
        let module = self.programs()?.load(id, size, &source, &on_disk, &name, observer)?;
        let mut env = BTreeMap::new();
        self.of_terminal(&mut env);
        env.extend(grants.env.iter().cloned());
        let read = CurrentDirectory::Read;
        self.live(&module, vec![name], args, env, Vec::new(), read, grants.network, grants)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one call, from two callers")]
    fn live(
        &self,
        module: &Module,
        mut arguments: Vec<String>,
        args: &[OsString],
        mut env: BTreeMap<String, String>,
        mut dirs: Vec<LiveDir>,
        declared: CurrentDirectory,
        network: bool,
        grants: &Grants,
    ) -> Result<u8, Error> {
        for argument in args {
            let text = argument.to_str().map(str::to_owned);
            arguments
                .push(text.ok_or_else(|| Error::Argument { argument: argument.to_string_lossy().into() })?);
        }
        for granted in &grants.directories {
            let guest = GuestPath::new(&granted.guest).map_err(|error| Error::GuestPath { error })?;
            let access = if granted.write { Access::ReadWrite } else { Access::ReadOnly };
            dirs.push(LiveDir { host: granted.host.clone(), guest, access });
        }
        let cwd = self.shown_here(declared, grants);
        if cwd.is_some() {
            let shown = self.config.current_directory.display().to_string();
            env.entry("PWD".to_owned()).or_insert(shown);
        }
        let process = LiveProcess { args: arguments, env, dirs, cwd, network, memory: None };
        match live::run(self.engine()?, module, process)? {
            Exit::Code(code) => Ok(u8::try_from(code).unwrap_or(u8::MAX)),
            exit => Err(Error::Crashed { exit }),
        }
    }

    /// Compiles a wasm file with all optimisations, less urgently than what people wait for, unless that has been
    /// done or another process is at it.
    pub fn compile(&self, file: &Path) -> Result<(), Error> {
        background::yield_to_others();
        let failed = |source| Error::File { action: "reading", path: file.to_owned(), source };
        let bytes = bytes::Bytes::from(fs_err::read(file).map_err(failed)?);
        let source = || Ok(bytes.clone());
        self.modules()?.improve(self.engine()?, ModuleId::of(&bytes), &source)?;
        Ok(())
    }

    /// Compiles a module with all optimisations into the cache, for somebody who waits for it.
    pub fn compile_now(&self, module: Vec<u8>) -> Result<(), Error> {
        let bytes = bytes::Bytes::from(module);
        let source = || Ok(bytes.clone());
        self.modules()?.load(self.engine()?, ModuleId::of(&bytes), &source, Tier::Optimised, &|_| {})?;
        Ok(())
    }

    /// The wasm file at a path of a tree, and its size; symlinks in the same directory are followed.
    fn program_file(&self, tree: Cid, path: &str, depth: u8) -> Result<(BlobId, u64), Error> {
        let not_found = || Error::NotFound { what: path.to_owned(), suggestion: None };
        let tree_path = TreePath::parse_loose(path).map_err(|_| not_found())?;
        match lookup(self.store()?, &tree, &tree_path)? {
            Node::File { blob, size, .. } => Ok((blob, size)),
            Node::Symlink { target } if depth < 8 => {
                let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
                self.program_file(tree, &format!("{directory}/{target}"), depth + 1)
            }
            _ => Err(not_found()),
        }
    }

    pub(super) fn files_of(&self, prepared: &Prepared) -> Result<Vec<LiveDir>, Error> {
        self.own_files(prepared.view, &prepared.path)
    }

    /// The package's own files as directories that the program sees at their places; none if the program is all
    /// there is.
    fn own_files(&self, view: Cid, program: &str) -> Result<Vec<LiveDir>, Error> {
        let store = self.shared.objects()?;
        let only_programs = |cid: &Cid| -> Result<bool, Error> {
            let entries = store.directory(cid)?;
            Ok(entries.entries().iter().all(|(name, _)| name.as_bytes() == b"bin"))
        };
        let root = store.directory(&view)?;
        let mut dirs = Vec::new();
        for (name, node) in root.entries() {
            let Node::Directory { cid, .. } = node else { continue };
            if name.as_bytes() == b"usr" && program.starts_with("usr/bin/") && only_programs(cid)? {
                continue;
            }
            let directory = self.materialised(view)?;
            let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
            let guest = GuestPath::new(format!("/{name}")).map_err(|error| Error::GuestPath { error })?;
            dirs.push(LiveDir { host: directory.join(name), guest, access: Access::ReadOnly });
        }
        Ok(dirs)
    }

    /// A tree as a directory of the host, written once.
    fn materialised(&self, cid: Cid) -> Result<PathBuf, Error> {
        let directory = self.config.cache.join("views").join(cid.to_string());
        if !directory.exists() {
            if let Some(parent) = directory.parent() {
                let failed = |source| Error::File { action: "making", path: parent.to_owned(), source };
                fs_err::create_dir_all(parent).map_err(failed)?;
            }
            match nuka_store::export::export_directory(self.shared.objects()?, &cid, &directory) {
                // Another process may have been faster.
                Err(_) if directory.exists() => {}
                other => other?,
            }
        }
        Ok(directory)
    }
}

/// That a program's files are not in the store any more.
fn gone(prepared: &Prepared) -> Error {
    let package = &prepared.outcome.package;
    let package = format!("{} {}", package.name, package.version);
    Error::ProgramGone { program: prepared.program.clone(), package }
}
