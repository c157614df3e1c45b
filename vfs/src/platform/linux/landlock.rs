//! Landlock: a second wall behind the mounts of a root of its own.
//!
//! Whatever is mounted, a program behind it changes files only below the places that it may change, and none of its files
//! goes elsewhere. From version 6 of the kernel's interface on it also reaches nobody outside by a signal or an abstract
//! socket, which a shared network would let it. Reading and executing are not its business: all that is in the root is to
//! be read. What the kernel does not know is left out; a kernel without Landlock has the mounts alone.
//!
//! It is three system calls on plain data, made between `fork` and `exec`, where nothing may be allocated.

#![allow(unsafe_code, reason = "the calls have no safe form")]

use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    fs::{self, FileType, Mode, OFlags},
    io::Errno,
};
use std::{ffi::CString, io, mem, ptr};

/// Asks for the version of the interface instead of rules.
const VERSION: u32 = 1;
/// A rule about what is below a directory.
const PATH_BENEATH: u32 = 1;

/// The rights that change something, with the version that knows them first.
const WRITE_FILE: u64 = 1 << 1;
const REMOVE_AND_MAKE: u64 = 0b1_1111_1111 << 4;
const REFER: (u32, u64) = (2, 1 << 13);
const TRUNCATE: (u32, u64) = (3, 1 << 14);
/// Abstract sockets and signals.
const SCOPES: (u32, u64) = (6, 0b11);
/// The rights that a file can have which is no directory.
const OF_FILES: u64 = WRITE_FILE | TRUNCATE.1;

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct Rules {
    files: u64,
    network: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

/// The version of the kernel's interface; `None` if it has none, or it is switched off.
pub(crate) fn landlock() -> Option<u32> {
    // SAFETY: without rules nothing is read or made.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<Rules>(), 0_usize, VERSION) };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// From now on this process, which cannot gain privileges any more, and all that it starts change nothing but what is below
/// `writable` and what it has as its standard streams.
pub(super) fn restrict(writable: &[CString]) -> Result<(), Errno> {
    let Some(version) = landlock() else { return Ok(()) };
    let known = |(since, rights): (u32, u64)| if version >= since { rights } else { 0 };
    let handled = WRITE_FILE | REMOVE_AND_MAKE | known(REFER) | known(TRUNCATE);
    let rules = Rules { files: handled, network: 0, scoped: known(SCOPES) };
    // An older kernel takes the rules without their end, which is zero then.
    let size = if version >= SCOPES.0 { mem::size_of::<Rules>() } else { mem::size_of::<u64>() };
    // SAFETY: the rules are the kernel's, with their own size; the descriptor is new and owned.
    let rules = unsafe {
        let made = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const rules, size, 0_u32);
        OwnedFd::from_raw_fd(i32::try_from(made).ok().filter(|made| *made >= 0).ok_or_else(last)?)
    };
    for path in writable {
        let place = fs::open(path.as_c_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        allow(&rules, &place, handled)?;
    }
    // A program may open its streams once more, by their names in `/dev`; pipes and sockets need no rule and take none.
    for stream in 0..3 {
        // SAFETY: borrowed for a call that fails if nothing is open there.
        let stream = unsafe { BorrowedFd::borrow_raw(stream) };
        let _ = allow(&rules, &stream, handled);
    }
    // SAFETY: a system call on a descriptor.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0_u32) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}

fn allow(rules: &OwnedFd, place: &(impl AsRawFd + rustix::fd::AsFd), handled: u64) -> Result<(), Errno> {
    let directory = FileType::from_raw_mode(fs::fstat(place)?.st_mode) == FileType::Directory;
    let allowed = if directory { handled } else { handled & OF_FILES };
    let rule = Beneath { allowed, parent: place.as_raw_fd() };
    // SAFETY: the rule is the kernel's.
    let added = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, rules.as_raw_fd(), PATH_BENEATH, &raw const rule, 0_u32)
    };
    if added == 0 { Ok(()) } else { Err(last()) }
}

fn last() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}
