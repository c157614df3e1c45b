//! Reading files below a directory, and nothing that a link below it leads to elsewhere.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// An open directory, below which files are read.
#[derive(Debug)]
pub struct Beneath(platform::Directory);

impl Beneath {
    /// Opens a directory.
    ///
    /// # Errors
    /// What opening it meets: `NotFound`, `NotADirectory` and others.
    pub fn open(directory: &Path) -> io::Result<Self> {
        platform::directory(directory).map(Self)
    }

    /// The first `most` bytes of the regular file at `path` below the directory.
    ///
    /// # Errors
    /// `PermissionDenied` if a link leads out of the directory, `InvalidInput` if it is not a regular file; else what
    /// opening and reading it meets.
    pub fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        contents(platform::open(&self.0, path)?, most)
    }
}

fn contents(mut file: File, most: u64) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    if metadata.len() == 0 {
        // Files that a kernel makes up have no length.
        file.take(most).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    // One call more for each of a thousand small files, only to meet their ends, would be felt.
    bytes.resize(usize::try_from(metadata.len().min(most)).unwrap_or(usize::MAX), 0);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn leads_out() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "it is a link that leads out of its recipe root")
}

/// In one step of the kernel, so that nobody can put a link there in between; opening a FIFO does not wait.
#[cfg(target_os = "linux")]
mod platform {
    use super::{leads_out, open_checked};
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    use std::{
        fs::File,
        io,
        os::fd::OwnedFd,
        path::{Path, PathBuf},
    };

    #[derive(Debug)]
    pub struct Directory {
        open: OwnedFd,
        path: PathBuf,
    }

    pub fn directory(path: &Path) -> io::Result<Directory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Directory { open: openat(CWD, path, flags, Mode::empty())?, path: path.to_owned() })
    }

    pub fn open(directory: &Directory, path: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let below = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match openat2(&directory.open, path, flags, Mode::empty(), below) {
            Ok(file) => Ok(file.into()),
            Err(rustix::io::Errno::XDEV) => Err(leads_out()),
            // A kernel before 5.6, or a sandbox that does not know the call.
            Err(rustix::io::Errno::NOSYS) => open_checked(&directory.path, path),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::{
        fs::File,
        io,
        path::{Path, PathBuf},
    };

    pub type Directory = PathBuf;

    pub fn directory(path: &Path) -> io::Result<Directory> {
        std::fs::read_dir(path).map(|_| path.to_owned())
    }

    pub fn open(directory: &Directory, path: &str) -> io::Result<File> {
        super::open_checked(directory, path)
    }
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
        let read = |root: &Path, path: &str, most| Beneath::open(root)?.read(path, most);
        for read in [read, |root: &Path, path: &str, most| contents(open_checked(root, path)?, most)] {
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
