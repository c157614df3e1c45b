//! Mounting the store, so that its packages can be looked at as files.

use super::Nuka;
use crate::error::Error;
use nuka_vfs::{
    Integrity,
    mount::{self, Answer, MountMeans, MountOptions, Mounted},
    namespace,
    source::StoreSource,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// How to mount.
#[derive(Debug, Clone)]
pub struct MountRequest {
    /// The directory; it is made if it is not there.
    pub place: PathBuf,
    /// By which means; chosen with [`Nuka::best_means`].
    pub means: MountMeans,
    /// Let the kernel read large files itself, where it allows that.
    pub passthrough: bool,
}

impl Nuka {
    /// What this host says to each means of mounting, the best first.
    pub fn mount_means(&self) -> Vec<Answer> {
        let path = self.config.env.get("PATH").map(String::as_str).unwrap_or_default();
        let programs: Vec<&Path> = path.split(':').filter(|part| !part.is_empty()).map(Path::new).collect();
        mount::probe(&MountOptions::default().device, &programs)
    }

    /// The best means of mounting that this host allows.
    ///
    /// # Errors
    /// [`Error::NoMount`] if there is none.
    pub fn best_means(&self) -> Result<MountMeans, Error> {
        let answers = self.mount_means();
        mount::choose(&answers).ok_or_else(|| {
            let reasons = answers.iter().filter_map(|(means, answer)| {
                answer.as_ref().err().map(|reason| format!("{means}: {reason}"))
            });
            Error::NoMount { reasons: reasons.collect() }
        })
    }

    /// Mounts the store and serves it from threads of this process; `damaged` is told of every object that is not
    /// what its name says, which is shown as an error and never as a file.
    ///
    /// With [`MountMeans::UserNamespace`] this process moves into a namespace of its own, for which it must have
    /// one thread; only what it starts sees the mount.
    ///
    /// # Errors
    /// If the host refuses, the directory cannot be made, or the store cannot be opened.
    pub fn mount(
        &self,
        request: &MountRequest,
        damaged: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Mounted, Error> {
        let place = &request.place;
        let failed = |source| Error::File { action: "making", path: place.clone(), source };
        fs_err::create_dir_all(place).map_err(failed)?;
        if request.means == MountMeans::UserNamespace {
            namespace::enter()?;
        }
        let source = Arc::new(StoreSource::new(self.store()?.clone()));
        let integrity = Arc::new(Integrity::new(move |damage| damaged(damage.to_string())));
        let options = MountOptions { passthrough: request.passthrough, ..MountOptions::default() };
        Ok(mount::mount(source, integrity, place, request.means, &options)?)
    }

    /// Takes a mount of the store away, also one whose server is gone.
    ///
    /// # Errors
    /// If nothing of nuka is mounted there, or somebody uses it.
    pub fn unmount(&self, place: &Path) -> Result<(), Error> {
        Ok(mount::unmount(place)?)
    }
}
