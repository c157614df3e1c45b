//! Build logs: one file a build, by its build id. That of a build that failed is by its package's id too, since no
//! realisation says which build it was.

use fs_err as fs;
use nuka_pir::{BuildId, Pid};
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Where a build's log is.
pub fn path(directory: &Path, build: BuildId) -> PathBuf {
    directory.join(format!("{build}.log"))
}

/// Where the log of a package's last failed build is.
pub fn failed(directory: &Path, pid: Pid) -> PathBuf {
    directory.join(format!("failed-{pid}.log"))
}

/// Writes the log of a failed build, by its build id and by its package's.
pub fn write_failed(directory: &Path, build: BuildId, pid: Pid, log: &[u8]) -> io::Result<PathBuf> {
    let path = write(directory, build, log)?;
    let place = failed(directory, pid);
    // A second name for the file; the one of an earlier failure goes first.
    let _ = fs::remove_file(&place);
    fs::hard_link(&path, &place)?;
    Ok(path)
}

/// Where logs are written before they get their names: `BUILD.PROCESS`. Apart from them, so that what killed processes
/// left is found without going through all logs.
pub fn unfinished(directory: &Path) -> PathBuf {
    directory.join("unfinished")
}

/// Writes a build's log, whole or not at all.
pub fn write(directory: &Path, build: BuildId, log: &[u8]) -> io::Result<PathBuf> {
    let unfinished = unfinished(directory);
    fs::create_dir_all(&unfinished)?;
    let path = path(directory, build);
    let beside = unfinished.join(format!("{build}.{}", std::process::id()));
    // A name that is there already is of this process's own past, or somebody else's link: neither is written to.
    let _ = fs::remove_file(&beside);
    let write = || fs::OpenOptions::new().write(true).create_new(true).open(&beside)?.write_all(log);
    let written = write().and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What was written so far is of no use; the error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    written.map(|()| path)
}

/// The last lines of a log.
pub fn tail(log: &[u8], lines: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(log);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = all.len().saturating_sub(lines);
    all.get(from..).unwrap_or_default().iter().map(|line| line.chars().take(400).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let build = BuildId::from_bytes([1; 32]);
        write(dir.path(), build, b"one").unwrap();
        let path = write(dir.path(), build, b"two\n\nthree\n").unwrap();
        assert_eq!(fs::read(path).unwrap(), b"two\n\nthree\n");
        let unfinished = unfinished(dir.path());
        assert_eq!(fs::read_dir(&unfinished).unwrap().count(), 0);
        // Somebody has put a link where the log is written beside its place.
        let canary = dir.path().join("canary");
        fs::write(&canary, "untouched").unwrap();
        let beside = unfinished.join(format!("{build}.{}", std::process::id()));
        fs::os::unix::fs::symlink(&canary, beside).unwrap();
        write(dir.path(), build, b"three").unwrap();
        assert_eq!(fs::read(&canary).unwrap(), b"untouched");
        assert_eq!(fs::read_dir(&unfinished).unwrap().count(), 0);
        assert_eq!(tail(b"1\n2\n\n3\n", 2), ["2", "3"]);
    }
}
