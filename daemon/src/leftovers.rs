//! What killed processes left outside the store: removed when it is opened. (The store looks after its own.)
//!
//! | where | what | whose it is |
//! |---|---|---|
//! | `logs/unfinished/` | `BUILD.PROCESS`, a log that was being written | the process of that number |
//! | `modules/` | `KEY.PROCESS.tmp`, compiled code that was being written | the process of that number |
//! | `seed/` | `PROCESS-NUMBER`, the build tree of a native program | the process of that number |
//! | `locks/`, `downloads.locks/` | a lock that nobody has | whoever takes it |
//! | `downloads/` | a download that the store has | whoever has the download's lock |
//! | `steps/` | the steps of a build that is done, or was cut two weeks ago | whoever has it locked |
//!
//! A part of a download stays: the next fetch goes on with it. What cannot be removed is left for the next time,
//! since nothing is wrong with it but the room it takes.

use crate::{build, clock, config::Config, fetch, lock, logs};
use fs_err as fs;
use nuka_store::Store;
use rustix::process::{Pid, test_kill_process};
use std::path::{Path, PathBuf};

/// How long the finished steps of a build are kept that was cut and not asked for again, in milliseconds.
const STEPS_KEPT_MS: u64 = 14 * 24 * 60 * 60 * 1000;

/// Removes what is left and nobody's.
pub fn remove(config: &Config, store: &Store) {
    for path in paths(&logs::unfinished(&config.logs())) {
        remove_if_dead(&path, path.extension());
    }
    for path in paths(&config.modules()) {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            remove_if_dead(&path, path.file_stem().map(Path::new).and_then(Path::extension));
        }
    }
    for path in paths(&config.scratch()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        remove_if_dead(&path, name.split_once('-').map(|(process, _)| process.as_ref()));
    }
    fetch::remove_kept(store, &config.downloads());
    for path in paths(&config.steps()) {
        // Its process was killed after it had registered what it had built.
        let is_done =
            |build| store.read().ok().is_some_and(|index| matches!(index.build(&build), Ok(Some(_))));
        let since_ms = match build::build_of(&path).is_some_and(is_done) {
            true => u64::MAX,
            false => clock::now_ms().saturating_sub(STEPS_KEPT_MS),
        };
        remove_if_old(&path, since_ms);
    }
    for directory in [config.locks(), fetch::locks(&config.downloads())] {
        for path in paths(&directory) {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                // Giving it back removes it.
                drop(lock::try_take(&directory, name));
            }
        }
    }
}

/// What is in a directory; nothing if it cannot be read, or is not there yet.
fn paths(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Removes a temporary file or directory whose name says which process made it, once that process is no more. A number that is
/// another process's by now keeps the file; one of another machine or container may lose it while it is written,
/// which those who write such files take for a failure to keep something that can be had again.
fn remove_if_dead(path: &Path, process: Option<&std::ffi::OsStr>) {
    let number = process.and_then(|text| text.to_str()).and_then(|text| text.parse().ok());
    if let Some(process) = number.and_then(Pid::from_raw)
        && test_kill_process(process) == Err(rustix::io::Errno::SRCH)
    {
        let is_directory = path.symlink_metadata().is_ok_and(|found| found.is_dir());
        let _ = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

/// Removes a file that was not written since then, unless somebody has it locked.
fn remove_if_old(path: &Path, since_ms: u64) {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let written = written.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    if written.is_some_and(|time| time.as_millis() < u128::from(since_ms))
        && let Some(_alone) = lock::alone(path)
    {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_dead_processes_goes() {
        let dir = tempfile::tempdir().unwrap();
        // A process that is waited for is no more, and its number is not given again so soon.
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let (dead, living) = (child.id(), std::process::id());
        child.wait().unwrap();
        let names = [format!(".b.{dead}"), format!(".b.{living}"), "b.log".to_owned(), ".b.".to_owned()];
        for name in &names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        for path in paths(dir.path()) {
            remove_if_dead(&path, path.extension());
        }
        let mut left: Vec<_> = paths(dir.path()).map(|path| path.file_name().unwrap().to_owned()).collect();
        left.sort();
        let mut expected = [&names[1], &names[2], &names[3]].map(std::ffi::OsString::from);
        expected.sort();
        assert_eq!(left, expected);
        let trees = [dir.path().join(format!("{dead}-0")), dir.path().join(format!("{living}-0"))];
        trees.iter().for_each(|tree| fs::create_dir_all(tree.join("build/x")).unwrap());
        remove_if_dead(&trees[0], Some(dead.to_string().as_ref()));
        remove_if_dead(&trees[1], Some(living.to_string().as_ref()));
        assert!(!trees[0].exists() && trees[1].exists());
        assert_eq!(paths(&dir.path().join("nowhere")).count(), 0);
    }

    #[test]
    fn only_old_steps_go_that_nobody_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("steps");
        fs::write(&path, "").unwrap();
        let now = clock::now_ms();
        remove_if_old(&path, now - 60_000);
        assert!(path.exists());
        let locked = lock::alone(&path).unwrap();
        remove_if_old(&path, now + 60_000);
        assert!(path.exists());
        drop(locked);
        remove_if_old(&path, now + 60_000);
        assert!(!path.exists());
    }
}
