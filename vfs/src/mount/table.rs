//! Which mounts of nuka there are, and taking one away, also one whose server is dead.
//!
//! A dead mount answers every question about its directory with an error, so none is asked: what is mounted is
//! read from the kernel's table.

use super::{error::UnmountError, options::NAME};
use crate::platform;
use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// A mount of nuka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint {
    /// Where it is.
    pub place: PathBuf,
    /// The kernel's number of it.
    pub id: u64,
}

/// How a mount is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Only if nobody uses it.
    IfUnused,
    /// At once; who uses it can go on until they let go.
    Detach,
}

/// The mounts of nuka that this process can see, the latest last.
///
/// # Errors
/// If the kernel's table cannot be read.
pub fn mounts() -> io::Result<Vec<MountPoint>> {
    Ok(parse(&platform::mount_table()?))
}

/// Takes away the mount of nuka on a directory; who still uses it can go on until they let go. Its server may be
/// dead.
///
/// # Errors
/// [`UnmountError::NotMounted`] if there is none; what is not nuka's is not touched.
pub fn unmount(place: &Path) -> Result<(), UnmountError> {
    let failed = |source| UnmountError::Failed { place: place.to_owned(), source };
    let found = match find(place) {
        // Where no directory is, nothing is mounted.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => found.map_err(failed)?,
    };
    let found = found.ok_or_else(|| {
        // Without them the message says less.
        let mounted = mounts().into_iter().flatten().map(|mount| mount.place).collect();
        UnmountError::NotMounted { place: place.to_owned(), mounted }
    })?;
    unmount_at(&found.place, How::Detach)
}

/// Whether something of nuka is mounted on a directory, also if its server is dead.
///
/// # Errors
/// If the kernel's table cannot be read.
pub fn is_mounted(place: &Path) -> io::Result<bool> {
    match find(place) {
        // Where no directory is, nothing is mounted.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => Ok(found?.is_some()),
    }
}

/// The latest mount of nuka on a directory.
fn find(place: &Path) -> io::Result<Option<MountPoint>> {
    // Its own name cannot be resolved if the server is dead; that of the directory above it can.
    let absolute = std::path::absolute(place)?;
    let real = match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => fs_err::canonicalize(parent)?.join(name),
        _ => absolute,
    };
    let linked = fs_err::canonicalize(place).unwrap_or_else(|_| real.clone());
    let mounted = mounts()?;
    Ok(mounted.into_iter().rev().find(|mount| mount.place == real || mount.place == linked))
}

pub(super) fn unmount_at(place: &Path, how: How) -> Result<(), UnmountError> {
    match platform::unmount(place, how == How::Detach) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            Err(UnmountError::Busy { place: place.to_owned() })
        }
        Err(source) => Err(UnmountError::Failed { place: place.to_owned(), source }),
    }
}

/// Reads a table in the format of `/proc/self/mountinfo`:
///
/// ```text
/// 36 35 98:0 /root /place rw,noatime shared:1 - fuse.nuka nuka ro,user_id=0
/// ```
fn parse(table: &[u8]) -> Vec<MountPoint> {
    let line = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let place = PathBuf::from(OsString::from_vec(unescape(fields.nth(3)?)));
        fields.find(|field| *field == b"-")?;
        let kind = fields.next()?.strip_prefix(b"fuse.")?;
        (kind == NAME.as_bytes()).then_some(MountPoint { place, id })
    };
    table.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// Spaces, tabs, newlines and backslashes stand in the table as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(field.len()), field);
    while let [first, after @ ..] = rest {
        let digits = after.first_chunk::<3>().and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (first, byte) {
            (b'\\', Some(byte)) => {
                out.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_nuka_are_seen_wherever_they_are() {
        let table = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
            40 22 0:50 / /nuka/store ro,nosuid,nodev - fuse.nuka nuka ro,user_id=0,group_id=0\n\
            41 22 0:51 / /a\\040b\\134c\\011 ro shared:7 master:3 - fuse.nuka nuka ro\n\
            42 22 0:52 / /other ro - fuse.sshfs nuka ro\n\n rubbish - \n";
        let found: Vec<_> = parse(table).into_iter().map(|mount| (mount.id, mount.place)).collect();
        assert_eq!(found, [(40, PathBuf::from("/nuka/store")), (41, PathBuf::from("/a b\\c\t"))]);
    }
}
