//! Taking the steps of a [`Plan`] in a new process, between `fork` and `exec`: plain system calls, nothing allocated.
//!
//! A step that fails is reported through a pipe as two numbers, and then to `Command` as its error:
//!
//! ```text
//! report = step:u32 errno:u32       in the machine's order: both ends are one program
//! ```

use super::{guard, landlock, process, unshare};
use crate::{
    sandbox::{Given, Kind, Plan, SandboxError, Step, trial},
    view::{Composed, Unavailable},
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self, CWD, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
        UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change,
        move_mount, open_tree, unmount,
    },
    process::Pid,
    thread::{CapabilitySet, CapabilitySets},
};
use std::{
    ffi::{CStr, OsStr},
    io,
    os::unix::{ffi::OsStrExt, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// What nobody needs of what is let in.
const SAFE: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);
const READ_ONLY: MountAttrFlags = SAFE.union(MountAttrFlags::MOUNT_ATTR_RDONLY);
/// A device is used as ever, and its rights and times stay as they are: root in here is the one to whom it belongs.
const DEVICE: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC)
    .union(MountAttrFlags::MOUNT_ATTR_RDONLY);
/// Every host has it, and nothing in it is needed any more when the new root comes to be there.
const ANCHOR: &CStr = c"/proc";
const PATH: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// What was opened on the way.
#[derive(Debug)]
struct State {
    slots: Vec<Option<OwnedFd>>,
    /// Where process 1 tells how the program ended.
    ended: Option<OwnedFd>,
    /// Whoever is to take the program along when it ends, for the process that stays its child: taken by that one.
    parent: Option<Pid>,
}

impl State {
    fn slot(&self, slot: usize) -> Result<BorrowedFd<'_>, Errno> {
        self.slots.get(slot).and_then(Option::as_ref).map(AsFd::as_fd).ok_or(Errno::BADF)
    }

    fn fill(&mut self, slot: usize, file: OwnedFd) -> Result<(), Errno> {
        *self.slots.get_mut(slot).ok_or(Errno::BADF)? = Some(file);
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<(), Errno> {
        match step {
            Step::Namespaces(own) => unshare::namespaces(*own),
            Step::MapIds { file, line } => write_to(file, OFlags::WRONLY, line),
            Step::Init => {
                self.ended = Some(process::outlive_init(self.parent.take())?);
                Ok(())
            }
            Step::Separate => {
                mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
            }
            Step::Open { slot, path, is } => {
                let file = fs::openat2(CWD, path.as_c_str(), PATH, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
                if let Some(is) = is {
                    let stat = fs::fstat(&file)?;
                    if (stat.st_dev, stat.st_ino) != (is.device, is.inode) {
                        return Err(Errno::STALE);
                    }
                }
                // Now, before anything of the new root is mounted, which would come along.
                let flags = OpenTreeFlags::OPEN_TREE_CLONE
                    | OpenTreeFlags::OPEN_TREE_CLOEXEC
                    | OpenTreeFlags::AT_EMPTY_PATH
                    | OpenTreeFlags::AT_RECURSIVE;
                self.fill(*slot, open_tree(&file, c"", flags)?)
            }
            Step::Overlay { slot, metadata, objects } => self.fill(*slot, overlay(metadata, objects)?),
            Step::NewRoot => new_root(),
            Step::Directory(path) => match fs::mkdir(path.as_c_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => Ok(()),
                Err(error) => Err(error),
            },
            Step::File { path, bytes } if bytes.is_empty() => {
                let made =
                    fs::mknodat(CWD, path.as_c_str(), FileType::RegularFile, Mode::from_raw_mode(0o644), 0);
                made.or_else(|error| if error == Errno::EXIST { Ok(()) } else { Err(error) })
            }
            Step::File { path, bytes } => write_to(path, OFlags::WRONLY | OFlags::CREATE, bytes),
            Step::Symlink { path, target } => fs::symlink(target.as_c_str(), path.as_c_str()),
            Step::View { slot, at } if at.to_bytes().starts_with(b"/") => move_to(self.slot(*slot)?, at),
            Step::View { slot, at } => put(self.slot(*slot)?, at),
            Step::Attach { slot, at, kind } => {
                let mount = self.slot(*slot)?;
                match kind {
                    Kind::Device => {
                        process::restrict_mount(mount, DEVICE, true)?;
                        put(mount, at)
                    }
                    Kind::ReadOnly => attach(mount, at, READ_ONLY),
                    Kind::Writable => attach(mount, at, SAFE),
                    Kind::Same => put(mount, at),
                }
            }
            Step::Again { from, at } => again(from, at),
            Step::Proc => {
                let context = fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
                // Read-only: to a program that runs as root the kernel's settings below `sys` are its own to change, whatever
                // capabilities it lacks.
                let attributes = READ_ONLY | MountAttrFlags::MOUNT_ATTR_NOEXEC;
                mount_at(&context, attributes, c"proc")
            }
            Step::Terminals => {
                let context = fsopen(c"devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
                fsconfig_set_string(&context, c"ptmxmode", c"0666")?;
                let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
                mount_at(&context, attributes, c"dev/pts")
            }
            Step::Scratch(at) => {
                // Another mount of the root's own filesystem, which stays writable when the root's is not any more: it
                // costs much less than another filesystem.
                fs::chmod(at.as_c_str(), Mode::from_raw_mode(0o1777))?;
                again(at, at)
            }
            Step::Pivot => pivot(),
            Step::Loopback => process::switch_on_loopback(),
            Step::Confine => confine(),
            Step::Limit(writable) => landlock::restrict(writable),
            Step::Program => process::outlive_program(self.ended.take()),
            Step::WorkingDirectory(path) => rustix::process::chdir(path.as_c_str()),
        }
    }
}

fn write_to(path: &CStr, flags: OFlags, mut bytes: &[u8]) -> Result<(), Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::open(path, flags, Mode::from_raw_mode(0o644))?;
    while !bytes.is_empty() {
        let count = rustix::io::write(&file, bytes)?;
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

fn overlay(metadata: &CStr, objects: &CStr) -> Result<OwnedFd, Errno> {
    let context = fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, c"source", c"nuka")?;
    fsconfig_set_string(&context, c"lowerdir+", metadata)?;
    fsconfig_set_string(&context, c"datadir+", objects)?;
    fsconfig_set_flag(&context, c"userxattr")?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, READ_ONLY | MountAttrFlags::MOUNT_ATTR_NOATIME)
}

fn new_root() -> Result<(), Errno> {
    let context = fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, c"mode", c"0755")?;
    fsconfig_create(&context)?;
    let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, SAFE)?;
    move_to(root.as_fd(), ANCHOR)?;
    rustix::process::fchdir(&root)
}

fn mount_at(context: &OwnedFd, attributes: MountAttrFlags, at: &CStr) -> Result<(), Errno> {
    fsconfig_create(context)?;
    let mount = fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    put(mount.as_fd(), at)
}

/// Puts a mount that is nowhere at a place of the new root which these steps made, so that no link can lead there.
fn put(mount: BorrowedFd<'_>, at: &CStr) -> Result<(), Errno> {
    move_mount(mount, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Puts a mount that is nowhere at a place to which no symlink leads.
fn move_to(mount: BorrowedFd<'_>, at: &CStr) -> Result<(), Errno> {
    let place = fs::openat2(CWD, at, PATH, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", &place, c"", empty)
}

/// Puts a mount that is nowhere, with all that is mounted below it, at a place.
fn attach(mount: BorrowedFd<'_>, at: &CStr, attributes: MountAttrFlags) -> Result<(), Errno> {
    process::restrict_mount(mount, attributes, true)?;
    move_to(mount, at)
}

/// Shows a directory at another place, or as a mount of its own.
fn again(from: &CStr, at: &CStr) -> Result<(), Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, from, flags)?;
    put(tree.as_fd(), at)
}

/// The working directory becomes the root; the old one is below it for a moment and then gone.
fn pivot() -> Result<(), Errno> {
    rustix::process::pivot_root(c".", c".")?;
    unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")?;
    let root = fs::open(c"/", PATH, Mode::empty())?;
    process::restrict_mount(root.as_fd(), READ_ONLY, false)
}

fn confine() -> Result<(), Errno> {
    for bit in 0..64 {
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Ok(()) => {}
            // The kernel has no more.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error),
        }
    }
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )?;
    rustix::thread::set_no_new_privs(true)?;
    guard::guard_terminal()
}

/// Has a command take these steps before it runs its program. What failed comes out of the pipe.
fn prepare(command: &mut Command, plan: &Plan) -> io::Result<OwnedFd> {
    prepare_with(command, plan, None, |_| Ok(()))
}

fn prepare_with(
    command: &mut Command,
    plan: &Plan,
    parent: Option<Pid>,
    mut then: impl FnMut(&State) -> Result<(), Errno> + Send + Sync + 'static,
) -> io::Result<OwnedFd> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut state = State { slots: (0..plan.slots).map(|_| None).collect(), ended: None, parent };
    for Given { slot, file } in &plan.given {
        state.fill(*slot, file.try_clone()?)?;
    }
    let steps = plan.steps.clone();
    process::before_exec(command, move || {
        for (number, step) in steps.iter().enumerate() {
            if let Err(error) = state.take(step) {
                let number = u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes();
                let errno = error.raw_os_error().cast_unsigned().to_ne_bytes();
                let _ = rustix::io::write(&writer, &number).and_then(|_| rustix::io::write(&writer, &errno));
                return Err(error.into());
            }
        }
        // After all steps: with a new user name space the kernel forgets it.
        state.parent.map_or(Ok(()), process::end_with)?;
        then(&state).map_err(io::Error::from)
    });
    Ok(reader)
}

/// What went wrong: a step, or running the program.
fn error(reader: &OwnedFd, plan: &Plan, program: &Path, source: io::Error) -> SandboxError {
    let mut report = [0; 8];
    // What a dropped command holds of the pipe's other end is closed, so this does not wait.
    let count = rustix::io::read(reader, &mut report);
    let (number, errno) = report.split_at(4);
    let number_of = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let errno = number_of(errno).cast_signed();
    let step = usize::try_from(number_of(number)).ok().and_then(|number| plan.steps.get(number));
    match (count, step) {
        (Ok(8), Some(Step::Open { path, is: Some(_), .. })) if errno == Errno::STALE.raw_os_error() => {
            SandboxError::Replaced { path: PathBuf::from(OsStr::from_bytes(path.to_bytes())) }
        }
        (Ok(8), Some(step)) => {
            SandboxError::Step { step: step.to_string(), source: io::Error::from_raw_os_error(errno) }
        }
        _ => SandboxError::Program { program: program.to_owned(), source },
    }
}

pub(crate) fn spawn(mut command: Command, plan: Plan, program: &Path) -> Result<Child, SandboxError> {
    let own = Some(rustix::process::getpid());
    let reader = prepare_with(&mut command, &plan, own, |_| Ok(())).map_err(not_begun)?;
    let started = command.spawn();
    drop(command);
    started.map_err(|source| error(&reader, &plan, program, source))
}

pub(crate) fn exec(mut command: Command, plan: Plan, program: &Path) -> SandboxError {
    let threads = fs_err::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return SandboxError::Threads { threads };
    }
    let reader = match prepare(&mut command, &plan) {
        Ok(reader) => reader,
        Err(error) => return not_begun(error),
    };
    let source = command.exec();
    drop(command);
    error(&reader, &plan, program, source)
}

fn not_begun(source: io::Error) -> SandboxError {
    SandboxError::Step { step: "begin".to_owned(), source }
}

/// Has another process make a view and look at a file in it.
pub(crate) fn try_view(view: &Composed, name: &CStr, bytes: &[u8]) -> Result<(), Unavailable> {
    let refused = |error: SandboxError| match error {
        SandboxError::Step { step, source } => Unavailable::Refused { step, reason: source.to_string() },
        other => Unavailable::Refused { step: "begin".to_owned(), reason: other.to_string() },
    };
    let plan = trial(view).map_err(refused)?;
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|error| refused(not_begun(error.into())))?;
    let (name, wanted) = (name.to_owned(), bytes.to_vec());
    let mut command = Command::new("/");
    let looked = prepare_with(&mut command, &plan, None, move |state| {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(state.slot(0)?, name.as_c_str(), flags, Mode::empty())?;
        let mut found = [0; 64];
        let count = rustix::io::read(&file, &mut found)?;
        let right = found.get(..count) == Some(wanted.as_slice());
        rustix::io::write(&writer, &[u8::from(right)])?;
        // A program that is a directory is not run, so the process ends here.
        Ok(())
    });
    let reports = looked.map_err(|error| refused(not_begun(error)))?;
    let Err(source) = command.spawn() else { return Err(Unavailable::Wrong) };
    drop(command);
    let mut answer = [0];
    match rustix::io::read(&reader, &mut answer) {
        Ok(1) if answer == [1] => Ok(()),
        Ok(1) => Err(Unavailable::Wrong),
        _ => match error(&reports, &plan, Path::new("/"), source) {
            SandboxError::Program { source, .. } => Err(Unavailable::Refused {
                step: "read what the view shows".to_owned(),
                reason: source.to_string(),
            }),
            other => Err(refused(other)),
        },
    }
}
