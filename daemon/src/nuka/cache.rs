//! What is kept beside the store and can be had again: compiled programs, downloads, the launchers of shells, and the
//! finished steps of builds that were cut.
//!
//! Each file tells by its times when it was last used: read, or else written. (On a file system that writes down no reading,
//! it was last used when it was made: it is made again when it is next wanted.) What somebody works with at this moment
//! stays: launchers by the lock of the shell that they are for, downloads by the lock of who fetches, steps by that of who
//! builds.

use super::Nuka;
use crate::{
    api::care::{Amount, Cached},
    fetch, lock,
};
use fs_err as fs;
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What the names of compiled programs end with.
const COMPILED: &str = "cwasm";

/// Something that may go: its path, and what it takes.
struct Unused {
    path: PathBuf,
    amount: Amount,
}

impl Nuka {
    /// What of the cache was not used since `since_ms`, in milliseconds since 1970; removed, if `remove`.
    ///
    /// What cannot be looked at or removed stays, and takes its room.
    pub(super) fn sweep_cache(&self, since_ms: u64, remove: bool) -> Cached {
        let modules = files(&self.config.modules(), since_ms, |path| {
            path.extension().is_some_and(|extension| extension == COMPILED)
        });
        let downloads = match self.is_fetching() {
            true => Vec::new(),
            false => files(&self.config.downloads(), since_ms, |path| {
                fs::metadata(path).is_ok_and(|at| at.is_file())
            }),
        };
        let launchers = launchers(&self.config.launchers(), since_ms);
        let steps = files(&self.config.steps(), since_ms, lock::is_free);
        let journal = |path: &Path| match lock::alone(path) {
            Some(_alone) => fs::remove_file(path).is_ok(),
            None => false,
        };
        let file = |path: &Path| fs::remove_file(path).is_ok();
        let directory = |path: &Path| remove_launchers(path);
        Cached {
            modules: taken(modules, remove, &file),
            downloads: taken(downloads, remove, &file),
            launchers: taken(launchers, remove, &directory),
            steps: taken(steps, remove, &journal),
        }
    }

    /// Whether somebody fetches, here or in another process: what is downloaded then may be about to be used.
    fn is_fetching(&self) -> bool {
        let locks = fetch::locks(&self.config.downloads());
        let names = fs::read_dir(&locks).into_iter().flatten().flatten();
        let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
        names.any(|name| !matches!(lock::try_take(&locks, &name), Ok(Some(_))))
    }
}

fn taken(unused: Vec<Unused>, remove: bool, how: &dyn Fn(&Path) -> bool) -> Amount {
    let mut all = Amount::default();
    for Unused { path, amount } in unused {
        if !remove || how(&path) {
            all.objects += amount.objects;
            all.bytes += amount.bytes;
        }
    }
    all
}

/// The files of a directory that were not used since then.
fn files(directory: &Path, since_ms: u64, wanted: impl Fn(&Path) -> bool) -> Vec<Unused> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let unused = entries.filter_map(|entry| {
        let (path, metadata) = (entry.path(), entry.metadata().ok()?);
        let old = wanted(&path) && last_use(&metadata) < since_ms;
        old.then_some(Unused { path, amount: Amount { objects: 1, bytes: metadata.len() } })
    });
    unused.collect()
}

/// The directories of launchers that were not used since then, and that no shell has now.
fn launchers(directory: &Path, since_ms: u64) -> Vec<Unused> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let unused = entries.filter_map(|entry| {
        let path = entry.path();
        let used = entry.metadata().map(|metadata| last_use(&metadata)).ok()?;
        let inside = fs::read_dir(&path).ok()?.flatten();
        let metadata: Vec<_> = inside.filter_map(|entry| entry.metadata().ok()).collect();
        let used = metadata.iter().map(last_use).fold(used, u64::max);
        let bytes = metadata.iter().map(std::fs::Metadata::len).sum();
        let old = used < since_ms && lock::is_free(&path);
        old.then_some(Unused { path, amount: Amount { objects: metadata.len() as u64, bytes } })
    });
    unused.collect()
}

/// Removes launchers, unless a shell has begun to use them. Its name goes first, so that none finds half of them.
fn remove_launchers(path: &Path) -> bool {
    let Some(_alone) = lock::alone(path) else { return false };
    let aside = path.with_extension("gone");
    fs::rename(path, &aside).and_then(|()| fs::remove_dir_all(&aside)).is_ok()
}

/// When something was last read or written, in milliseconds since 1970.
fn last_use(metadata: &std::fs::Metadata) -> u64 {
    let times = [metadata.accessed(), metadata.modified()].into_iter().flatten();
    let since =
        |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64;
    times.map(since).max().unwrap_or(0)
}
