//! The means of composing views, and which of them this host has.

use super::{Composed, image, prepare};
use crate::platform;
use rustix::fs::{Mode, OFlags, XattrFlags};
use std::{fmt, io, path::Path};

/// By which means a view is composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewMeans {
    /// An overlay of prepared metadata and the store's objects, in a user namespace where need be.
    Overlay,
    /// An image whose mount a privileged helper hands over.
    Image,
    /// A prepared directory of links and copies, bound.
    Prepared,
    /// A directory of the mounted store, bound.
    Mount,
}

impl ViewMeans {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Overlay, Self::Image, Self::Prepared, Self::Mount];
}

impl fmt::Display for ViewMeans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overlay => "an overlay of the objects",
            Self::Image => "an EROFS image handed over",
            Self::Prepared => "a prepared directory",
            Self::Mount => "the mounted store",
        })
    }
}

/// Why a means cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The kernel or the filesystem refused a step of the trial.
    #[error("cannot {step}: {reason}")]
    Refused {
        /// What was tried, as a verb with its object.
        step: String,
        /// What the answer was.
        reason: String,
    },
    /// It was tried, and something else was seen than was meant.
    #[error("it was tried, and another file was seen than was meant")]
    Wrong,
    /// User namespaces are forbidden, and this process may not mount without one.
    #[error("user namespaces are not allowed: {reason}")]
    NoUserNamespace {
        /// By what.
        reason: String,
    },
    /// Nobody hands over images.
    #[error("this process may not mount it itself: a daemon for all users that runs as root hands it over")]
    NoHelper,
    /// The store is not mounted.
    #[error("the store is not mounted")]
    NotMounted,
    /// Not on this system.
    #[error("this system has no such means")]
    Unsupported,
}

/// What the host says to one means.
pub type Answer = (ViewMeans, Result<(), Unavailable>);

/// The best means that the host has.
pub fn choose(answers: &[Answer]) -> Option<ViewMeans> {
    answers.iter().find(|(_, answer)| answer.is_ok()).map(|(means, _)| *means)
}

fn refused(step: &str, error: &io::Error) -> Unavailable {
    Unavailable::Refused { step: step.to_owned(), reason: error.to_string() }
}

/// A directory in the cache for a trial.
fn trial_in(cache: &Path) -> Result<prepare::Temporary, Unavailable> {
    prepare::make_directory(cache).and_then(|()| prepare::Temporary::make(&cache.join("probe"))).map_err(
        |error| Unavailable::Refused { step: "write to the cache".into(), reason: error.to_string() },
    )
}

/// Makes an image of one file in `cache`, mounts it and looks.
pub(super) fn image(cache: &Path) -> Result<(), Unavailable> {
    if !platform::privileged() {
        return Err(Unavailable::NoHelper);
    }
    match image::trial(trial_in(cache)?.path(), TRIAL) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Unavailable::Wrong),
        Err((step, error)) => Err(refused(step, &error)),
    }
}

/// Composes a view of one file in `cache`, and has another process mount it and look.
pub(super) fn overlay(cache: &Path) -> Result<(), Unavailable> {
    platform::may_mount()?;
    let trial = trial_in(cache)?;
    let written = write_trial(trial.path());
    written.map_err(|error| refused("write files with user attributes to the cache", &error))?;
    let composed =
        Composed::Overlay { metadata: trial.path().join("meta"), objects: trial.path().join("objects") };
    platform::try_view(&composed, c"file", TRIAL)
}

/// What a trial is to show.
const TRIAL: &[u8] = b"seen as it was meant\n";

fn write_trial(place: &Path) -> io::Result<()> {
    fs_err::create_dir_all(place.join("objects/ab"))?;
    fs_err::create_dir(place.join("meta"))?;
    fs_err::write(place.join("objects/ab/cdef"), TRIAL)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(place.join("meta/file"), flags, Mode::from_raw_mode(0o644))?;
    rustix::fs::ftruncate(&file, TRIAL.len() as u64)?;
    super::leaves::redirect(&file, Path::new("ab/cdef"))?;
    // Attributes that are there already show that the filesystem keeps them.
    match rustix::fs::fsetxattr(&file, super::leaves::METACOPY, b"", XattrFlags::CREATE) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
