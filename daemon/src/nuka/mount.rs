//! Mounting the store, so that its packages can be looked at as files.

use super::Nuka;
use crate::error::Error;
use nuka_vfs::mount::{self, Answer, MountMeans, MountOptions};
use std::path::{Path, PathBuf};

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

    /// Takes a mount of the store away, also one whose server is gone.
    ///
    /// # Errors
    /// If nothing of nuka is mounted there, or somebody uses it.
    pub fn unmount(&self, place: &Path) -> Result<(), Error> {
        Ok(mount::unmount(place)?)
    }
}
