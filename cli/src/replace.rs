//! Writing a file of the person's so that there is always a whole one: the old or the new.

use crate::daemon::Disk;
use fs_err as fs;
use std::{ffi::OsString, io, os::unix::fs::PermissionsExt as _, path::Path};

/// Writes a file anew, durably. A symlink stays one: what it leads to is written. Its mode stays what it was.
pub fn replace(disk: &Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let beside = directory.join(name);
    let written = write(disk, &beside, &path, bytes);
    if written.is_err() {
        // Nothing is left of an attempt; that it cannot be removed is the lesser failure.
        let _ = disk.remove(&beside);
    }
    written?;
    disk.sync(directory)
}

fn write(disk: &Disk, beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let there = fs::metadata(path).map(|there| there.permissions().mode() & 0o7777).ok();
    // What others may not read is not readable for a moment either.
    disk.file(beside, bytes, there.map_or(0o666, |mode| mode & 0o666))?;
    if let Some(mode) = there {
        disk.mode(beside, mode)?;
    }
    // Its bytes, before its name says that they are there.
    disk.sync(beside.parent().unwrap_or(beside))?;
    disk.rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_symlink_and_a_mode_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        replace(&Disk::default(), &link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
