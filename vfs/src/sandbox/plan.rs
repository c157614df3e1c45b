//! From what is wanted to the steps that make it: pure data, apart from looking at the view's names.

use super::{
    Bind, Namespaces, Root, RootFile, Sandbox, SandboxError,
    step::{Bytes, Given, Identity, Kind, Plan, Step},
};
use crate::view::Composed;
use rustix::fs::FileType;
use std::{
    collections::BTreeSet,
    ffi::{CString, OsStr},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

/// Where the view is as a whole, below a root of its own.
const VIEW: &str = "nuka/view";
/// Names at the root that stand for those in `/usr`.
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Names at the root that are not the view's.
const OURS: [&str; 5] = ["dev", "nuka", "proc", "tmp", "usr"];
/// What is changed in a root of its own: what is scratch, or the kernel's to decide about.
const CHANGED: [&str; 3] = ["/dev", "/proc", "/tmp"];
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// An absolute path without `.` and `..` that is not the root.
pub(super) fn normal(path: &Path) -> Result<PathBuf, SandboxError> {
    let wrong = |reason| SandboxError::Target { path: path.to_owned(), reason };
    let mut parts = path.components();
    if parts.next() != Some(Component::RootDir) {
        return Err(wrong("it is not absolute"));
    }
    let mut out = PathBuf::from("/");
    for part in parts {
        match part {
            Component::Normal(name) if !name.as_bytes().contains(&0) => out.push(name),
            _ => return Err(wrong("it has `..` or a NUL in it")),
        }
    }
    if out == Path::new("/") { Err(wrong("it is the root")) } else { Ok(out) }
}

/// A name for the kernel. What has a NUL in it has been refused before.
fn bytes(path: impl AsRef<OsStr>) -> Bytes {
    CString::new(path.as_ref().as_bytes()).unwrap_or_default()
}

fn below_root(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

pub(super) fn plan(sandbox: &Sandbox) -> Result<Plan, SandboxError> {
    let mut plan = Plan::default();
    let mut binds: Vec<&Bind> = sandbox.binds.iter().collect();
    binds.sort_by(|a, b| a.target.cmp(&b.target));
    if let Some([first, _]) = binds.array_windows().find(|[a, b]| a.target == b.target) {
        return Err(SandboxError::Twice { path: first.target.clone() });
    }
    plan.begin(sandbox.namespaces);
    let mut sources = Vec::with_capacity(binds.len());
    for bind in &binds {
        let failed = |error: rustix::io::Errno| SandboxError::Source {
            path: bind.target.clone(),
            source: error.into(),
        };
        let stat = rustix::fs::fstat(&bind.source).map_err(failed)?;
        let is = Identity { device: stat.st_dev, inode: stat.st_ino };
        let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        sources.push((plan.open(&bind.real, Some(is)), directory));
    }
    match &sandbox.root {
        Root::Host { view, at } => {
            let slot = plan.open_view(view)?;
            plan.place_view(view, slot, bytes(normal(at)?));
            for (bind, (slot, _)) in binds.iter().zip(sources) {
                plan.attach(slot, bytes(&bind.target), bind.writable);
            }
        }
        Root::Pure { view, files } => {
            plan.own_root(view, files, sandbox.namespaces)?;
            for (at, (bind, (slot, directory))) in binds.iter().zip(sources).enumerate() {
                // Nothing is made in what was let in before.
                if !binds.iter().take(at).any(|outer| bind.target.starts_with(&outer.target)) {
                    plan.parents(&bind.target);
                    let place = bytes(below_root(&bind.target));
                    plan.steps.push(if directory {
                        Step::Directory(place)
                    } else {
                        Step::File { path: place, bytes: Vec::new() }
                    });
                }
                plan.attach(slot, bytes(below_root(&bind.target)), bind.writable);
            }
            plan.steps.push(Step::Pivot);
        }
    }
    if sandbox.namespaces.net {
        plan.steps.push(Step::Loopback);
    }
    if !sandbox.privileged {
        plan.steps.push(Step::Confine);
        if matches!(sandbox.root, Root::Pure { .. }) {
            let binds = binds.iter().filter(|bind| bind.writable).map(|bind| bytes(&bind.target));
            plan.steps.push(Step::Limit(CHANGED.into_iter().map(bytes).chain(binds).collect()));
        }
    }
    if sandbox.namespaces.pid {
        plan.steps.push(Step::Program);
    }
    plan.steps.push(Step::WorkingDirectory(bytes(&sandbox.cwd)));
    Ok(plan)
}

/// The steps by which a view is made, nowhere, in the first slot.
pub(crate) fn trial(view: &Composed) -> Result<Plan, SandboxError> {
    let mut plan = Plan::default();
    plan.begin(Namespaces::least());
    plan.open_view(view)?;
    Ok(plan)
}

impl Plan {
    fn begin(&mut self, namespaces: Namespaces) {
        self.steps.push(Step::Namespaces(namespaces));
        if namespaces.user {
            let (uid, gid) = crate::platform::ids();
            for (file, line) in [
                (c"/proc/self/setgroups", "deny".to_owned()),
                (c"/proc/self/uid_map", format!("{uid} {uid} 1")),
                (c"/proc/self/gid_map", format!("{gid} {gid} 1")),
            ] {
                self.steps.push(Step::MapIds { file: file.to_owned(), line: line.into_bytes() });
            }
        }
        if namespaces.pid {
            self.steps.push(Step::Init);
        }
        self.steps.push(Step::Separate);
    }

    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    fn open(&mut self, path: &Path, is: Option<Identity>) -> usize {
        let slot = self.slot();
        self.steps.push(Step::Open { slot, path: bytes(path), is });
        slot
    }

    fn open_view(&mut self, view: &Composed) -> Result<usize, SandboxError> {
        let absolute = |path: &Path| {
            let failed = |source| SandboxError::View { path: path.to_owned(), source };
            std::path::absolute(path).map_err(failed)
        };
        match view {
            Composed::Overlay { metadata, objects } => {
                let slot = self.slot();
                let (metadata, objects) = (bytes(absolute(metadata)?), bytes(absolute(objects)?));
                self.steps.push(Step::Overlay { slot, metadata, objects });
                Ok(slot)
            }
            Composed::Directory(path) => {
                let failed = |source| SandboxError::View { path: path.clone(), source };
                // Its real place: what is opened later must not lead through symlinks.
                let real = fs_err::canonicalize(path).map_err(failed)?;
                let stat = fs_err::metadata(&real).map_err(failed)?;
                Ok(self.open(&real, Some(Identity { device: stat.dev(), inode: stat.ino() })))
            }
            Composed::Mounted(mount) => {
                let slot = self.slot();
                self.given.push(Given { slot, file: mount.shared() });
                Ok(slot)
            }
        }
    }

    /// Most are mounts already, a directory has to be made one.
    fn place_view(&mut self, view: &Composed, slot: usize, at: Bytes) {
        self.steps.push(match view {
            Composed::Overlay { .. } | Composed::Mounted(_) => Step::View { slot, at },
            Composed::Directory(_) => Step::Attach { slot, at, kind: Kind::ReadOnly },
        });
    }

    fn attach(&mut self, slot: usize, at: Bytes, writable: bool) {
        let kind = if writable { Kind::Writable } else { Kind::ReadOnly };
        self.steps.push(Step::Attach { slot, at, kind });
    }

    fn directory(&mut self, path: &str) {
        self.steps.push(Step::Directory(bytes(path)));
    }

    /// A directory at the view's root, at the root.
    fn again(&mut self, name: &str) {
        self.directory(name);
        self.steps.push(Step::Again { from: bytes(format!("{VIEW}/{name}")), at: bytes(name) });
    }

    fn symlink(&mut self, path: impl AsRef<OsStr>, target: impl AsRef<OsStr>) {
        self.steps.push(Step::Symlink { path: bytes(path), target: bytes(target) });
    }

    /// The directories above a place.
    fn parents(&mut self, path: &Path) {
        let mut above: Vec<&Path> = below_root(path).ancestors().skip(1).collect();
        above.pop();
        self.steps.extend(above.into_iter().rev().map(|path| Step::Directory(bytes(path))));
    }

    fn own_root(&mut self, view: &Composed, files: &[RootFile], own: Namespaces) -> Result<(), SandboxError> {
        let slot = self.open_view(view)?;
        let devices: Vec<(usize, String)> = DEVICES
            .iter()
            .map(|name| (self.open(&Path::new("/dev").join(name), None), format!("dev/{name}")))
            .collect();
        let proc = (!own.pid).then(|| self.open(Path::new("/proc"), None));
        self.steps.push(Step::NewRoot);
        self.directory("nuka");
        self.directory(VIEW);
        self.place_view(view, slot, bytes(VIEW));
        self.names(view.directory(), files)?;
        self.directory("dev");
        for (slot, path) in devices {
            self.steps.push(Step::File { path: bytes(&path), bytes: Vec::new() });
            self.steps.push(Step::Attach { slot, at: bytes(&path), kind: Kind::Device });
        }
        for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
            self.symlink(format!("dev/{name}"), format!("/proc/self/{target}"));
        }
        self.symlink("dev/ptmx", "pts/ptmx");
        for name in ["dev/pts", "dev/shm", "tmp", "proc"] {
            self.directory(name);
        }
        self.steps.push(Step::Terminals);
        for name in ["dev/shm", "tmp"] {
            self.steps.push(Step::Scratch(bytes(name)));
        }
        self.steps.push(match proc {
            Some(slot) => Step::Attach { slot, at: bytes("proc"), kind: Kind::Same },
            None => Step::Proc,
        });
        Ok(())
    }

    /// What the view has at its root, and the files that go before it.
    fn names(&mut self, view: &Path, files: &[RootFile]) -> Result<(), SandboxError> {
        let mut made = BTreeSet::new();
        for file in files {
            let path = normal(&file.path)?;
            let first = path.components().nth(1).map(|part| part.as_os_str());
            if OURS.iter().any(|name| first == Some(OsStr::new(name))) {
                return Err(SandboxError::Target { path, reason: "a root has it from elsewhere" });
            }
            if !made.insert(path.clone()) {
                return Err(SandboxError::Twice { path });
            }
        }
        let top = list(view)?;
        if top.iter().any(|(name, _)| name == "usr") {
            self.again("usr");
            for name in MERGED.iter().filter(|name| top.iter().all(|(other, _)| other != **name)) {
                if view.join("usr").join(name).symlink_metadata().is_ok() {
                    self.symlink(name, format!("usr/{name}"));
                }
            }
        }
        let ours = |name: &OsStr| OURS.iter().any(|ours| name == *ours);
        let rest = top.into_iter().filter(|(name, _)| !ours(name));
        self.link_names(view, Path::new(""), rest, &made)?;
        for file in files {
            let path = normal(&file.path)?;
            self.parents(&path);
            self.steps.push(Step::File { path: bytes(below_root(&path)), bytes: file.bytes.clone() });
        }
        Ok(())
    }

    /// Names of a directory of the view, as symlinks to it; where files are to be among them, it is a directory of its own.
    fn link_names(
        &mut self,
        view: &Path,
        at: &Path,
        names: impl IntoIterator<Item = Named>,
        made: &BTreeSet<PathBuf>,
    ) -> Result<(), SandboxError> {
        for (name, link) in names {
            let path = at.join(&name);
            let absolute = Path::new("/").join(&path);
            if made.contains(&absolute) {
                continue;
            }
            let inner = view.join(&path);
            let own = made.iter().any(|file| file.starts_with(&absolute));
            match link {
                Some(target) => self.symlink(&path, target),
                // A directory and not a link to one, for programs that ask what it is.
                None if !own && path == Path::new("etc") && inner.is_dir() => self.again("etc"),
                None if own && inner.is_dir() => {
                    self.steps.push(Step::Directory(bytes(&path)));
                    let names = list(&inner)?;
                    self.link_names(view, &path, names, made)?;
                }
                None => self.symlink(&path, Path::new("/").join(VIEW).join(&path)),
            }
        }
        Ok(())
    }
}

/// A name, and its target if it is a symlink.
type Named = (std::ffi::OsString, Option<PathBuf>);

/// The names in a directory of the view, in order. A directory that is not there has none.
fn list(directory: &Path) -> Result<Vec<Named>, SandboxError> {
    let failed = |source| SandboxError::View { path: directory.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs_err::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let link = match entry.file_type().map_err(failed)? {
            kind if kind.is_symlink() => Some(fs_err::read_link(entry.path()).map_err(failed)?),
            _ => None,
        };
        names.push((entry.file_name(), link));
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(directory: &Path, binds: Vec<Bind>) -> Sandbox {
        let view = Composed::Directory(directory.to_owned());
        Sandbox {
            root: Root::Pure {
                view,
                files: vec![RootFile { path: "/etc/made".into(), bytes: b"x".to_vec() }],
            },
            binds,
            namespaces: Namespaces::own(true),
            privileged: false,
            argv: vec!["program".into()],
            env: Vec::new(),
            cwd: "/".into(),
        }
    }

    fn view() -> tempfile::TempDir {
        let view = tempfile::tempdir().unwrap();
        for name in ["usr/bin", "usr/lib64", "etc/shells"] {
            std::fs::create_dir_all(view.path().join(name)).unwrap();
        }
        view
    }

    #[test]
    fn steps_are_in_the_order_that_keeps_them_safe() {
        let view = view();
        let binds = ["usr", "etc"].map(|name| Bind::open(&view.path().join(name), true).unwrap());
        let plan = plan(&sandbox(view.path(), binds.into())).unwrap();
        let at = |wanted: fn(&Step) -> bool| plan.steps.iter().position(wanted).unwrap();
        let last = |wanted: fn(&Step) -> bool| plan.steps.iter().rposition(wanted).unwrap();
        // Everything is taken before anything covers it, and privileges end before the program begins.
        let root = at(|step| matches!(step, Step::NewRoot));
        assert!(last(|step| matches!(step, Step::Open { .. } | Step::Overlay { .. })) < root);
        assert!(at(|step| matches!(step, Step::Separate)) < at(|step| matches!(step, Step::Open { .. })));
        let pivot = at(|step| matches!(step, Step::Pivot));
        assert!(last(|step| matches!(step, Step::Attach { .. } | Step::Again { .. })) < pivot);
        let confine = at(|step| matches!(step, Step::Confine));
        let limit = at(|step| matches!(step, Step::Limit(_)));
        assert!(pivot < confine && confine < limit && limit < at(|step| matches!(step, Step::Program)));
        assert!(matches!(plan.steps.last(), Some(Step::WorkingDirectory(_))));
        let links: Vec<_> = plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Symlink { path, target } => Some((path.to_str().unwrap(), target.to_str().unwrap())),
                _ => None,
            })
            .collect();
        assert_eq!(
            links[..3],
            [("bin", "usr/bin"), ("lib64", "usr/lib64"), ("etc/shells", "/nuka/view/etc/shells")]
        );
    }

    #[test]
    fn nothing_is_made_in_what_was_let_in() {
        let view = view();
        let (outer, inner) = (view.path().join("usr"), view.path().join("usr/bin"));
        let binds = vec![Bind::open(&inner, false).unwrap(), Bind::open(&outer, true).unwrap()];
        let plan = plan(&sandbox(view.path(), binds)).unwrap();
        let place = |path: &Path| bytes(below_root(path));
        let directory = |path: &Path| plan.steps.contains(&Step::Directory(place(path)));
        assert!(directory(&outer) && !directory(&inner));
        let attached = |path: &Path| {
            plan.steps
                .iter()
                .position(|step| matches!(step, Step::Attach { at, .. } if *at == place(path)))
                .unwrap()
        };
        assert!(attached(&outer) < attached(&inner));
    }

    #[test]
    fn places_are_absolute_and_lead_nowhere_else() {
        assert_eq!(normal(Path::new("/a/./b//c/")).unwrap(), Path::new("/a/b/c"));
        for wrong in ["", "a", "/", "/.", "/a/..", "/../a", "/a\0"] {
            assert!(normal(Path::new(wrong)).is_err(), "{wrong:?}");
        }
    }
}
