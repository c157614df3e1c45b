//! Leases: what a living process works with is kept, although no root names it.
//!
//! A lease is a file `leases/<process>-<number>` that its process holds locked. It names what is kept, and ends with
//! its process however that ends: the lock is the kernel's, whichever namespaces the process is in. Nothing of it is
//! synced: after a power cut no process lives that could have one.
//!
//! ```text
//! lease = (kind:u8 id:32)*        kind: 1 PID, 2 CID, 3 blob
//! ```
//!
//! The file is made as `leases/new-...`, locked and filled, and then renamed; so under its own name it is whole and
//! locked from the first moment, and one that is not locked belongs to nobody. Writing one excludes a slice of a
//! collection: **what is there when [`Store::lease`](crate::Store::lease) has returned stays until the lease is
//! dropped.** So who looks something up leases it first, and then looks (again).

use crate::{
    error::StoreError,
    gc::locks::GcLocks,
    index::RootTarget,
    platform::{self, NO_FOLLOW},
    wire::{Decoder, WireError},
};
use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, FlockOperation, Mode, OFlags},
    io::Errno,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes of one item.
const ITEM: usize = 33;

/// The number of this process's next lease.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Something kept for as long as this value, and this process, lives.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    /// None of a store on a read-only file system, where nothing is removed.
    file: Option<OwnedFd>,
    locks: Arc<GcLocks>,
}

/// A lease of a living process, as a collection sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leased {
    /// The name of its file, which begins with the process id as its own namespace has it.
    pub(crate) name: String,
    pub(crate) items: Vec<RootTarget>,
}

impl Lease {
    pub(crate) fn take(root: &Path, locks: &Arc<GcLocks>, items: &[RootTarget]) -> Result<Self, StoreError> {
        let _writing = locks.lease()?;
        let directory = root.join("leases");
        let failed = |error: Errno| StoreError::io("write a lease in", &directory, error);
        let dir = match open_directory(&directory) {
            Err(Errno::ROFS) => return Ok(Self { path: directory, file: None, locks: Arc::clone(locks) }),
            dir => dir.map_err(failed)?,
        };
        let process = rustix::process::getpid().as_raw_nonzero();
        loop {
            let name = format!("{process}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let new = format!("new-{name}");
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND | NO_FOLLOW;
            // A process of another namespace, or one that died, may have the name.
            let file = match fs::openat(&dir, &new, flags, Mode::from_raw_mode(0o644)) {
                Err(Errno::EXIST) => continue,
                Err(Errno::ROFS) => {
                    return Ok(Self { path: directory, file: None, locks: Arc::clone(locks) });
                }
                file => file.map_err(failed)?,
            };
            let named = fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
                .and_then(|()| append(&file, items))
                .and_then(|()| platform::rename_new(&dir, &new, &dir, &name));
            if matches!(named, Ok(true)) {
                let path = directory.join(name);
                return Ok(Self { path, file: Some(file), locks: Arc::clone(locks) });
            }
            let _ = fs::unlinkat(&dir, &new, AtFlags::empty());
            named.map_err(failed)?;
        }
    }

    /// Keeps these too. What is there when this has returned stays.
    pub fn extend(&self, items: &[RootTarget]) -> Result<(), StoreError> {
        let _writing = self.locks.lease()?;
        let Some(file) = &self.file else { return Ok(()) };
        append(file, items).map_err(|error| StoreError::io("write the lease", &self.path, error))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What cannot be removed is not locked any more, and counts no more.
        if self.file.is_some() {
            let _ = fs::unlink(&self.path);
        }
    }
}

/// Opens the directory of leases, which is made if it is missing.
fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW;
    match fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => match fs::mkdir(path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => fs::open(path, flags, Mode::empty()),
            Err(error) => Err(error),
        },
        result => result,
    }
}

fn append(file: &OwnedFd, items: &[RootTarget]) -> Result<(), Errno> {
    let mut bytes = Vec::with_capacity(items.len() * ITEM);
    for item in items {
        let (kind, id) = item.parts();
        bytes.push(kind);
        bytes.extend_from_slice(id);
    }
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(file, rest) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<Vec<RootTarget>, WireError> {
    let mut items = Vec::with_capacity(bytes.len() / ITEM);
    // A half item at the end is one that is being written, or could not be: its writer was not told that it is kept.
    for item in bytes.chunks_exact(ITEM) {
        let mut decoder = Decoder::new(item);
        items.push(RootTarget::of_parts(decoder.u8("kind")?, decoder.array("id")?)?);
    }
    Ok(items)
}

/// The leases of living processes. Those of dead ones are removed if `clean`, which only a slice of a collection may
/// ask for.
///
/// # Errors
/// A living process's lease that cannot be read is an error: what it keeps is not known then.
pub(crate) fn living(root: &Path, clean: bool) -> Result<Vec<Leased>, StoreError> {
    let directory = root.join("leases");
    let entries = match fs_err::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list the leases in", directory, error)),
    };
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| StoreError::io("list the leases in", &directory, error))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        // One that is being made is looked at only while none can be.
        if name.starts_with("new-") && !clean {
            continue;
        }
        let failed = |error: Errno| StoreError::io("read the lease", &path, error);
        let file = match fs::open(&path, OFlags::RDONLY | NO_FOLLOW, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(failed(error)),
        };
        match fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                if clean {
                    let _ = fs::unlink(&path);
                }
                continue;
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
        if name.starts_with("new-") {
            continue;
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::from(file), &mut bytes)
            .map_err(|error| StoreError::io("read the lease", &path, error))?;
        let items = decode(&bytes).map_err(|error| {
            StoreError::io("read the lease", &path, std::io::Error::other(error.to_string()))
        })?;
        out.push(Leased { name, items });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}
