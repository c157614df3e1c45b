//! A filter of system calls that keeps a program from typing into the terminal that it shares with its starter.
//!
//! `ioctl(TIOCSTI)` puts bytes where the person's own shell reads them when the program has ended, and
//! `ioctl(TIOCLINUX)` pastes on a console; both are refused with `EPERM`, whatever is open. All other calls are as they
//! were. The call is known by its number on each of the machine's two instruction sets (and on x32).

#![allow(unsafe_code, reason = "`prctl` takes the filter as a pointer")]

use rustix::io::Errno;

/// Instruction sets, as the kernel names them, each with its numbers of `ioctl`.
#[cfg(target_arch = "x86_64")]
const CALLS: [(u32, [u32; 2]); 2] = [(0xC000_003E, [16, 0x4000_0000 | 514]), (0x4000_0003, [54, 54])];
#[cfg(target_arch = "aarch64")]
const CALLS: [(u32, [u32; 2]); 2] = [(0xC000_00B7, [29, 29]), (0x4000_0028, [54, 54])];

/// Installs the filter, for this process and all that it starts. It must have given up gaining privileges.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn guard_terminal() -> Result<(), Errno> {
    // Where the parts of a call are for the filter; of the second argument the lower half, which is all that counts.
    const NUMBER: u32 = 0;
    const SET: u32 = 4;
    const REQUEST: u32 = 24;
    let statement = |code: u32, value: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: value };
    let load = |at| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at);
    let end = |action| statement(libc::BPF_RET | libc::BPF_K, action);
    let equal = |value, jt, jf| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt,
        jf,
        k: value,
    };
    let [(first, [plain, other]), (second, [compatible, _])] = CALLS;
    // Each jump counts the instructions that are passed over.
    let mut filter = [
        load(SET),
        equal(first, 0, 3),
        load(NUMBER),
        equal(plain, 4, 0),
        equal(other, 3, 6),
        equal(second, 0, 5),
        load(NUMBER),
        equal(compatible, 0, 3),
        load(REQUEST),
        equal(libc::TIOCSTI as u32, 2, 0),
        equal(libc::TIOCLINUX as u32, 1, 0),
        end(libc::SECCOMP_RET_ALLOW),
        end(libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program points at a filter of its length, which the kernel copies.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}

/// On other machines the numbers are not known here, and nothing is filtered.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn guard_terminal() -> Result<(), Errno> {
    Ok(())
}
