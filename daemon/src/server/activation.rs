//! A socket that systemd made and hands over: `sd_listen_fds(3)`.

use std::{
    collections::BTreeMap,
    os::{
        fd::{FromRawFd as _, RawFd},
        unix::net::UnixListener,
    },
    path::PathBuf,
};

/// The first descriptor that is handed over.
const FIRST: RawFd = 3;

/// The socket that this process was started with, and where it is; `None` if it was started without.
///
/// To be called once, before anything else opens a file: the descriptor becomes this value's own.
pub fn activated(env: &BTreeMap<String, String>) -> Option<(UnixListener, PathBuf)> {
    let number = |name: &str| env.get(name)?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) || number("LISTEN_FDS") != Some(1) {
        return None;
    }
    if !is_open(FIRST) {
        return None;
    }
    #[expect(unsafe_code, reason = "the protocol names a descriptor that nobody else in this process has")]
    // SAFETY: whoever set LISTEN_PID to this process has opened descriptor 3 for it, and this is its only owner.
    let listener = unsafe { UnixListener::from_raw_fd(FIRST) };
    let path = listener.local_addr().ok()?.as_pathname()?.to_owned();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some((listener, path))
}

/// Whether this process has a descriptor of this number.
fn is_open(number: RawFd) -> bool {
    std::path::Path::new(&format!("/proc/self/fd/{number}")).symlink_metadata().is_ok()
}
