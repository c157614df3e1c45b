//! A terminal that a test sits at.
#![allow(unsafe_code, reason = "a terminal is opened by a C function that gives descriptors as numbers")]

use std::{
    fs::File,
    os::fd::{FromRawFd as _, OwnedFd},
    process::{Child, Command, Stdio},
};

/// Both ends of it.
pub struct Terminal {
    /// What a person would see and type.
    pub ours: File,
    theirs: OwnedFd,
}

impl Terminal {
    /// One of 90 columns and 30 lines.
    pub fn open() -> Self {
        let (mut ours, mut theirs) = (0, 0);
        let size = libc::winsize { ws_row: 30, ws_col: 90, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: all pointers are to locals or null, which stands for what is usual.
        let made =
            unsafe { libc::openpty(&mut ours, &mut theirs, std::ptr::null_mut(), std::ptr::null(), &size) };
        assert_eq!(made, 0);
        // SAFETY: both were just opened and belong to nobody else.
        unsafe { Self { ours: File::from_raw_fd(ours), theirs: OwnedFd::from_raw_fd(theirs) } }
    }

    /// Starts a command there.
    pub fn start(&mut self, mut command: Command) -> Child {
        let end = || Stdio::from(self.theirs.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    }
}
