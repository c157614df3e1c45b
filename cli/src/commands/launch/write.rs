//! Launchers on disk, for shells.

use crate::{daemon::Launcher, error::Error};
use fs_err as fs;
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Where an environment's files are, beside its launchers.
pub const FILES: &str = ".files";

/// What is written for a shell.
pub struct Launchers {
    /// Its programs.
    pub programs: Vec<Launcher>,
    /// Its files, by their paths.
    pub files: BTreeMap<String, String>,
}

/// How often launchers are made that a collection removes at once.
const TRIES: usize = 5;

/// Writes launchers into a directory of their own below `cache`, and gives it. Equal launchers share one, which is made
/// once; `head` is how they begin. While what is returned lives, no collection removes them.
pub fn write(cache: &Path, head: &str, launchers: &Launchers) -> Result<Written, Error> {
    let data = |error: serde_json::Error| Error::Data(error.to_string());
    let mut files = Vec::new();
    for launcher in &launchers.programs {
        files.push((launcher.prepared.program.clone(), launcher.text(head).map_err(data)?));
    }
    files.sort();
    files.extend(launchers.files.iter().map(|(path, text)| (format!("{FILES}/{path}"), text.clone())));
    let all = serde_json::to_vec(&files).map_err(data)?;
    let place = cache.join("launchers").join(nuka_pir::BlobId::of(&all).to_string());
    // A collection may remove it between its being there and its being locked.
    for _ in 0..TRIES {
        if let Some(written) = Written::lock(&place) {
            return Ok(written);
        }
        make(&place, &files)?;
    }
    Err(Error::file("keep the launchers in", &place)(io::ErrorKind::ResourceBusy.into()))
}

/// Launchers that stay for as long as this lives.
#[derive(Debug)]
pub struct Written {
    /// Their directory.
    pub place: PathBuf,
    _lock: std::fs::File,
}

impl Written {
    fn lock(place: &Path) -> Option<Self> {
        let lock = std::fs::File::open(place).ok()?;
        lock.lock_shared().ok()?;
        let (open, there) = (lock.metadata().ok()?, fs::metadata(place).ok()?);
        let same = (open.dev(), open.ino()) == (there.dev(), there.ino());
        // That they are wanted is seen by their time.
        let _ = lock.set_modified(SystemTime::now());
        same.then(|| Self { place: place.to_owned(), _lock: lock })
    }
}

/// Makes the directory, unless another is faster.
fn make(place: &Path, files: &[(String, String)]) -> Result<(), Error> {
    let failed = |error: io::Error| Error::file("write launchers to", place)(error);
    let beside = place.with_extension(std::process::id().to_string());
    fs::create_dir_all(&beside).map_err(failed)?;
    let written = files.iter().try_for_each(|(name, text)| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o555);
        let path = beside.join(name);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        options.open(path)?.write_all(text.as_bytes())
    });
    let named = written.and_then(|()| match fs::rename(&beside, place) {
        // Another was faster.
        Err(_) if place.is_dir() => fs::remove_dir_all(&beside),
        result => result,
    });
    if named.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    named.map_err(failed)
}
