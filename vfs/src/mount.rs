//! Mounting the store, and taking the mount away again.
//!
//! There are three means ([`MountMeans`]), which [`probe`] asks this host for. A mount is served by threads of the
//! process that made it, and answers with errors once that process has ended, however it ended.

mod error;
mod means;
mod options;
mod table;

use crate::{
    filesystem::Filesystem,
    fuse::{Agreed, Binding, Settings, Times},
    integrity::Integrity,
    platform,
    source::Source,
};
use fuser::{BackgroundSession, INodeNo, Session, SessionACL};
use nuka_store::EntryName;
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

pub use crate::fuse::PassthroughState;
pub use error::{MountError, UnmountError};
pub use means::{Answer, MountMeans, Unavailable, choose, probe};
pub(crate) use options::NAME;
pub use options::{Access, MountOptions};
pub use table::{MountPoint, is_mounted, mounts, unmount};

/// A mount that this process serves. Dropped, it is taken away; who still uses it can go on until they let go.
#[derive(Debug)]
pub struct Mounted {
    place: PathBuf,
    means: MountMeans,
    session: Option<BackgroundSession>,
    filesystem: Arc<Filesystem>,
    agreed: Arc<OnceLock<Agreed>>,
    backing: Arc<crate::fuse::Backing>,
    passthrough: bool,
}

/// Mounts a source at a directory and serves it in the background.
///
/// With [`MountMeans::UserNamespace`] the calling process must be in the namespace already: see
/// [`namespace::enter`](crate::namespace::enter).
///
/// # Errors
/// What the kernel or `fusermount3` said no to, and why.
pub fn mount(
    source: Arc<dyn Source>,
    integrity: Arc<Integrity>,
    place: &Path,
    means: MountMeans,
    options: &MountOptions,
) -> Result<Mounted, MountError> {
    let failed = |source| MountError::Place { place: place.to_owned(), source };
    let place = fs_err::canonicalize(place).map_err(failed)?;
    let filesystem = Arc::new(Filesystem::new(source, integrity));
    let settings = Settings {
        owner: options.owner.unwrap_or_else(platform::ids),
        times: Times { root: options.root_ttl },
        passthrough: options.passthrough,
    };
    let binding = Binding::new(Arc::clone(&filesystem), settings);
    let (agreed, backing) = (binding.agreed(), binding.backing());
    let mut config = fuser::Config::default();
    config.n_threads = Some(options.threads.get());
    let session = match means {
        MountMeans::Privileged | MountMeans::UserNamespace => {
            let prepared = platform::prepare(options)?;
            // The kernel and the session shake hands before anybody can see the mount. Who may use it is the
            // kernel's to say.
            let session = Session::from_fd(binding, prepared.device, SessionACL::All, config)
                .map_err(|source| MountError::Session { source })?;
            platform::attach(&prepared.mount, &place)?;
            session
        }
        MountMeans::Fusermount => {
            config.mount_options = options.for_fusermount();
            config.acl = options.acl();
            Session::new(binding, &place, &config).map_err(|source| MountError::Fusermount { source })?
        }
    };
    let session = session.spawn().map_err(|source| MountError::Session { source })?;
    let passthrough = options.passthrough;
    Ok(Mounted { place, means, session: Some(session), filesystem, agreed, backing, passthrough })
}

impl Mounted {
    /// Where it is.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// By which means it was made.
    pub fn means(&self) -> MountMeans {
        self.means
    }

    /// Whether the kernel opens files without asking.
    pub fn opens_without_asking(&self) -> bool {
        self.agreed.get().is_some_and(|agreed| agreed.no_open)
    }

    /// What became of handing large files to the kernel.
    pub fn passthrough(&self) -> PassthroughState {
        if !self.passthrough {
            PassthroughState::NotAsked
        } else if !self.agreed.get().is_some_and(|agreed| agreed.passthrough) {
            PassthroughState::NotOffered
        } else {
            self.backing.refused().map_or(PassthroughState::Works, PassthroughState::Refused)
        }
    }

    /// How many inodes the kernel knows of this mount.
    pub fn known_inodes(&self) -> usize {
        self.filesystem.known()
    }

    /// Tells the kernel that names at the root came, went or changed. Without this it finds out by itself, after
    /// [`MountOptions::root_ttl`].
    pub fn changed<'n>(&self, names: impl IntoIterator<Item = &'n EntryName>) {
        let Some(notifier) = self.session.as_ref().map(BackgroundSession::notifier) else { return };
        // That the kernel does not take it means that it has nothing to forget, or that the mount is gone.
        for name in names {
            let _ = notifier.inval_entry(INodeNo::ROOT, OsStr::from_bytes(name.as_bytes()));
        }
        let _ = notifier.inval_inode(INodeNo::ROOT, 0, 0);
    }

    /// Waits until somebody has unmounted it.
    ///
    /// # Errors
    /// If a thread that serves it failed.
    pub fn wait(mut self) -> Result<(), MountError> {
        let Some(session) = self.session.take() else { return Ok(()) };
        session.join().map_err(|source| MountError::Session { source })
    }

    /// Unmounts it, if nobody uses it.
    ///
    /// # Errors
    /// [`UnmountError::Busy`], with the mount as it was.
    pub fn unmount(mut self) -> Result<(), (Self, UnmountError)> {
        if let Err(error) = table::unmount_at(&self.place, table::How::IfUnused) {
            return Err((self, error));
        }
        if let Some(session) = self.session.take() {
            // The mount is gone; how its threads ended changes nothing.
            let _ = session.join();
        }
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.session.take().is_some() {
            // Nobody is left to be told.
            let _ = table::unmount_at(&self.place, table::How::Detach);
        }
    }
}
