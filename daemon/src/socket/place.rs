//! Where a daemon's socket is: in a directory of the store that it owns.
//!
//! The name of a socket may be 107 bytes long, and stores lie deeper than that. So it is bound and met through a descriptor of
//! its directory.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

const SOCKET: &str = "socket";

/// The directory of a daemon's socket, and the socket in it while this lives.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// Device and inode of the socket, to know it by.
    socket: Option<(u64, u64)>,
}

fn directory(store: &Path) -> PathBuf {
    store.join("daemon")
}

/// The short name of the socket by an open directory.
fn through(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()))
}

/// Meets the daemon of a store.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` if there is none.
pub fn connect(store: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(through(&File::open(directory(store))?))
}

impl Place {
    /// Takes the place of the daemon of a store that this process owns. With `for_all`, every user may connect.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn take(store: &Path, for_all: bool) -> io::Result<(Self, UnixListener)> {
        let (directory_mode, socket_mode) = if for_all { (0o755, 0o666) } else { (0o700, 0o600) };
        let path = directory(store);
        match std::fs::DirBuilder::new().mode(directory_mode).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
        let open = File::open(&path)?;
        open.set_permissions(std::fs::Permissions::from_mode(directory_mode))?;
        let socket = through(&open);
        // The store's owner is this process: what is there is a dead one's.
        match fs_err::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        fs_err::set_permissions(&socket, std::fs::Permissions::from_mode(socket_mode))?;
        let made = fs_err::symlink_metadata(&socket)?;
        Ok((Self { path: path.join(SOCKET), socket: Some((made.dev(), made.ino())) }, listener))
    }

    /// The place of a socket that somebody else made, and removes.
    pub fn given(path: PathBuf) -> Self {
        Self { path, socket: None }
    }

    /// The socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether clients still find this socket: its directory may have been removed with the store.
    pub fn is_there(&self) -> bool {
        self.socket.is_none_or(|socket| {
            fs_err::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == socket)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.socket.is_some() && self.is_there() {
            // What stays is taken for a dead daemon's.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_may_lie_deep_and_is_found_while_it_is_served() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("deep".repeat(50)).join("store");
        fs_err::create_dir_all(&store).unwrap();
        assert_eq!(connect(&store).unwrap_err().kind(), io::ErrorKind::NotFound);
        let (place, listener) = Place::take(&store, false).unwrap();
        connect(&store).unwrap();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&place.path), mode(place.path.parent().unwrap())), (0o600, 0o700));
        // Of one that died the socket is left.
        drop(listener);
        std::mem::forget(place);
        assert_eq!(connect(&store).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let (place, _listener) = Place::take(&store, false).unwrap();
        connect(&store).unwrap();
        assert!(place.is_there());
        fs_err::remove_dir_all(&store).unwrap();
        assert!(!place.is_there());
    }
}
