//! Calls that end the process, do nothing, or are refused.

use super::{Call, Fault, Stop};
use crate::Errno;

pub(super) fn proc_exit(_: &mut Call<'_>, code: u32) -> Result<(), Fault> {
    Err(Fault::Stop(Stop::Exit(code)))
}

/// There are no signals.
pub(super) fn proc_raise(_: &mut Call<'_>, _: u32) -> Result<(), Fault> {
    Err(Errno::Nosys.into())
}

/// There are no threads to yield to.
pub(super) fn sched_yield(_: &mut Call<'_>) -> Result<(), Fault> {
    Ok(())
}

fn no_socket(call: &Call<'_>, fd: u32) -> Result<(), Fault> {
    call.state.descriptors.get(fd)?;
    Err(Errno::Notsup.into())
}

pub(super) fn sock_accept(call: &mut Call<'_>, fd: u32, _: u32, _: u32) -> Result<(), Fault> {
    no_socket(call, fd)
}

pub(super) fn sock_recv(
    call: &mut Call<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<(), Fault> {
    no_socket(call, fd)
}

pub(super) fn sock_send(call: &mut Call<'_>, fd: u32, _: u32, _: u32, _: u32, _: u32) -> Result<(), Fault> {
    no_socket(call, fd)
}

pub(super) fn sock_shutdown(call: &mut Call<'_>, fd: u32, _: u32) -> Result<(), Fault> {
    no_socket(call, fd)
}
