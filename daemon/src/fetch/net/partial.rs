//! A download that is not whole yet: its bytes in `NAME.part`, and beside them what the server said about them.
//!
//! The part is locked by whoever downloads it. The lock ends with the process, so a killed one leaves a part that the
//! next goes on with, never one that is stuck.

use crate::fetch::{FetchError, Progress, digest::Hasher};
use fs_err as fs;
use nuka_store::Cancel;
use serde::{Deserialize, Serialize};
use std::{
    fs::TryLockError,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often a waiting process looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What the server said about the bytes that are here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The address that they came from.
    pub(crate) url: String,
    /// A strong `ETag`, or else `Last-Modified`: what `If-Range` takes.
    pub(crate) validator: Option<String>,
}

/// The open, locked part of a download.
pub(crate) struct Partial {
    file: fs::File,
    told: PathBuf,
    /// Bytes that are here.
    pub(crate) length: u64,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What there is to do for a download.
pub(crate) enum Opened {
    /// It is whole already.
    Whole,
    /// This process is the one to download it.
    Part(Partial),
}

impl Partial {
    /// Opens and locks the part of `whole`, waiting at most `longest` for another that has it.
    pub(crate) fn open(
        whole: &Path,
        what: &str,
        longest: Duration,
        (progress, cancel): (&dyn Fn(Progress), &Cancel),
    ) -> Result<Opened, FetchError> {
        let path = beside(whole, ".part");
        let since = Instant::now();
        let mut told_of_waiting = false;
        loop {
            let mut options = fs::OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            not_through_links(&mut options);
            let file = options.open(&path).map_err(FetchError::io(&path))?;
            match file.file().try_lock() {
                Ok(()) => {
                    // The one before may have finished and moved the file while this one waited for the lock.
                    if whole.exists() {
                        let _ = fs::remove_file(&path);
                        return Ok(Opened::Whole);
                    }
                    if is_same(&file, &path) {
                        let length = file.metadata().map_err(FetchError::io(&path))?.len();
                        let told = beside(whole, ".told");
                        return Ok(Opened::Part(Self { file, told, length }));
                    }
                    continue;
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(FetchError::Io { path, source }),
            }
            if cancel.is_set() {
                return Err(FetchError::Cancelled);
            }
            if since.elapsed() > longest {
                return Err(FetchError::Busy { what: what.to_owned(), path });
            }
            if !told_of_waiting {
                progress(Progress::Waiting);
                told_of_waiting = true;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// What the server said when these bytes came.
    pub(crate) fn told(&self) -> Told {
        let read = fs::read(&self.told).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_default()
    }

    /// Keeps what the server says now. That it is lost in a crash costs a download, so it is not synced.
    pub(crate) fn tell(&self, told: &Told) -> Result<(), FetchError> {
        let text = serde_json::to_vec(told).map_err(|error| FetchError::Io {
            path: self.told.clone(),
            source: std::io::Error::other(error),
        })?;
        // Replaced, so that a link which somebody has put there is not written through.
        let _ = fs::remove_file(&self.told);
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&self.told);
        file.and_then(|mut file| file.write_all(&text)).map_err(FetchError::io(&self.told))
    }

    /// Drops what is here, to begin anew.
    pub(crate) fn restart(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).map_err(FetchError::io(self.file.path()))?;
        self.length = 0;
        self.seek()
    }

    /// Hashes what is here, and stands at its end.
    pub(crate) fn hash(&mut self, mut hasher: Hasher) -> Result<Hasher, FetchError> {
        let file = &mut self.file;
        let result = file.seek(SeekFrom::Start(0)).and_then(|_| hasher.read(file));
        self.length = result.map_err(FetchError::io(self.file.path()))?;
        Ok(hasher)
    }

    fn seek(&mut self) -> Result<(), FetchError> {
        let sought = self.file.seek(SeekFrom::Start(self.length));
        sought.map(|_| ()).map_err(FetchError::io(self.file.path()))
    }

    /// Writes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(bytes).map_err(FetchError::io(self.file.path()))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Gives it its name: it is whole. Its hash is looked at again whenever it is used, so it need not be synced.
    pub(crate) fn finish(self, whole: &Path) -> Result<(), FetchError> {
        fs::rename(self.file.path(), whole).map_err(FetchError::io(whole))?;
        let _ = fs::remove_file(&self.told);
        Ok(())
    }

    /// Removes it: it is of no use.
    pub(crate) fn discard(self) {
        let _ = fs::remove_file(self.file.path());
        let _ = fs::remove_file(&self.told);
    }
}

/// What somebody else has put at the name of a part is not written through.
#[cfg(unix)]
fn not_through_links(options: &mut fs::OpenOptions) {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

/// Elsewhere making a link is for administrators.
#[cfg(not(unix))]
fn not_through_links(_: &mut fs::OpenOptions) {}

/// Whether the open file is still the one at that path.
#[cfg(unix)]
fn is_same(file: &fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        _ => false,
    }
}

/// Elsewhere an open file cannot be renamed or removed.
#[cfg(not(unix))]
fn is_same(_: &fs::File, path: &Path) -> bool {
    path.exists()
}
