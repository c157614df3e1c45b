//! The calls that are not the same everywhere, each with what other systems do instead.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, Mode, OFlags},
    io::Errno,
};

/// Flags for opening something that must not be a symlink.
pub(crate) const NO_FOLLOW: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

/// Makes everything written to the file system of `fd` durable.
pub(crate) fn sync_file_system(fd: impl AsFd) -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    return fs::syncfs(fd);
    #[cfg(not(target_os = "linux"))]
    {
        fs::sync();
        fs::fsync(fd)
    }
}

/// Renames, unless something has the new name: then `Ok(false)`, and nothing changes.
pub(crate) fn rename_new(from: impl AsFd, old: &str, to: impl AsFd, new: &str) -> Result<bool, Errno> {
    #[cfg(target_os = "linux")]
    match fs::renameat_with(&from, old, &to, new, fs::RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(Errno::EXIST) => return Ok(false),
        // File systems without the flag: the names are hashes, so a replacement has the same bytes.
        Err(Errno::INVAL | Errno::NOSYS) => {}
        Err(error) => return Err(error),
    }
    fs::renameat(from, old, to, new).map(|()| true)
}

/// Creates a file that must not exist, for writing; if `direct`, past the page cache where that is possible.
/// Also says whether it is.
pub(crate) fn create(dir: impl AsFd, name: &str, mode: Mode, direct: bool) -> Result<(OwnedFd, bool), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | NO_FOLLOW;
    #[cfg(target_os = "linux")]
    if direct {
        match fs::openat(&dir, name, flags | OFlags::DIRECT, mode) {
            Ok(file) => return Ok((file, true)),
            // The kernel may have created the file before it found that it cannot be direct.
            Err(Errno::INVAL) => match fs::unlinkat(&dir, name, fs::AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    let _ = direct;
    fs::openat(dir, name, flags, mode).map(|file| (file, false))
}

/// From now on writes to `file` go through the page cache.
pub(crate) fn stop_direct(file: impl AsFd) -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    fs::fcntl_setfl(&file, fs::fcntl_getfl(&file)?.difference(OFlags::DIRECT))?;
    let _ = file;
    Ok(())
}

/// Makes `to`, an empty file, share the bytes of `from`. `false` where the file system cannot.
pub(crate) fn reflink(from: impl AsFd, to: impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    return fs::ioctl_ficlone(to, from).is_ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to);
        false
    }
}

/// Gives an empty file blocks for so many bytes. An error where the file system cannot.
pub(crate) fn allocate(file: impl AsFd, length: u64) -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    return fs::fallocate(file, fs::FallocateFlags::empty(), 0, length);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, length);
        Err(Errno::NOTSUP)
    }
}

/// Says that `file` will be read from its start to its end.
pub(crate) fn advise_sequential(file: impl AsFd) {
    #[cfg(target_os = "linux")]
    // Advice: that it is not taken changes nothing but speed.
    let _ = fs::fadvise(file, 0, None, fs::Advice::Sequential);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Opens the directory at `path` below `root`, through no symlink.
pub(crate) fn open_directory_beneath(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW;
    #[cfg(target_os = "linux")]
    match fs::openat2(
        root,
        path,
        flags,
        Mode::empty(),
        fs::ResolveFlags::BENEATH | fs::ResolveFlags::NO_SYMLINKS,
    ) {
        // Kernels before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => {}
        result => return result,
    }
    // Step by step, so that no step can lead through a symlink.
    let mut at = fs::openat(root, ".", flags, Mode::empty())?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
        at = fs::openat(&at, name, flags, Mode::empty())?;
    }
    Ok(at)
}
