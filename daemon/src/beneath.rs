//! Reading a file below a directory, and nothing that a link below it leads to elsewhere.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The first `most` bytes of the regular file at `path` below `directory`.
///
/// # Errors
/// `PermissionDenied` if a link leads out of the directory, `InvalidInput` if it is not a regular file; else what opening
/// and reading it meets.
pub fn read(directory: &Path, path: &str, most: u64) -> io::Result<Vec<u8>> {
    let file = open(directory, path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn leads_out() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "it is a link that leads out of its recipe root")
}

/// In one step of the kernel, so that nobody can put a link there in between; opening a FIFO does not wait.
#[cfg(target_os = "linux")]
fn open(directory: &Path, path: &str) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let root = openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match openat2(&root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
        Ok(file) => Ok(file.into()),
        Err(rustix::io::Errno::XDEV) => Err(leads_out()),
        // A kernel before 5.6, or a sandbox that does not know the call.
        Err(rustix::io::Errno::NOSYS) => open_checked(directory, path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open(directory: &Path, path: &str) -> io::Result<File> {
    open_checked(directory, path)
}

fn open_checked(directory: &Path, path: &str) -> io::Result<File> {
    let real = fs_err::canonicalize(directory.join(path))?;
    if !real.starts_with(fs_err::canonicalize(directory)?) {
        return Err(leads_out());
    }
    if !fs_err::metadata(&real)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(fs_err::File::open(real)?.into_parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_lead_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let (root, other) = (directory.path().join("root"), directory.path().join("secret"));
        fs_err::create_dir_all(root.join("lib")).unwrap();
        fs_err::write(&other, "secret").unwrap();
        fs_err::write(root.join("lib/c.nu"), "inside").unwrap();
        symlink("lib/c.nu", root.join("in.nu")).unwrap();
        symlink(&other, root.join("out.nu")).unwrap();
        symlink("../secret", root.join("climbs.nu")).unwrap();
        symlink("/dev/zero", root.join("zero.nu")).unwrap();
        for read in [super::read, |root: &Path, path: &str, _| {
            let mut bytes = Vec::new();
            open_checked(root, path)?.read_to_end(&mut bytes)?;
            Ok(bytes)
        }] {
            assert_eq!(read(&root, "in.nu", 99).unwrap(), b"inside");
            for path in ["out.nu", "climbs.nu", "zero.nu"] {
                assert_eq!(
                    read(&root, path, 99).unwrap_err().kind(),
                    io::ErrorKind::PermissionDenied,
                    "{path}"
                );
            }
            assert_eq!(read(&root, "none.nu", 99).unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(read(&root, "lib", 99).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(read(&root, "in.nu", 3).unwrap(), b"ins");
    }
}
