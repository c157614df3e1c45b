//! Arguments and environment.

use super::{Call, Fault};
use crate::Errno;

/// A list of strings that ends each with NUL, as the process is given it.
pub(crate) struct Strings {
    list: Vec<Vec<u8>>,
    /// Bytes of all, with their NULs.
    size: u32,
}

impl Strings {
    /// A list without the NULs. `None` when a string has a NUL inside or all together are 4 GiB long.
    pub(crate) fn new(list: Vec<Vec<u8>>) -> Option<Self> {
        let mut size = 0u32;
        for string in &list {
            let length = u32::try_from(string.len()).ok()?.checked_add(1)?;
            size = size.checked_add(length)?;
            if string.contains(&0) {
                return None;
            }
        }
        Some(Self { list, size })
    }
}

fn get(
    call: &mut Call<'_>,
    which: fn(&super::State) -> &Strings,
    pointers: u32,
    buffer: u32,
) -> Result<(), Fault> {
    let strings = which(call.state);
    let memory = &mut call.memory;
    let count = u32::try_from(strings.list.len()).map_err(|_| Errno::Overflow)?;
    memory.bytes(pointers, count.checked_mul(4).ok_or(Errno::Overflow)?)?;
    memory.bytes(buffer, strings.size)?;
    let (mut pointer, mut at) = (pointers, buffer);
    for string in &strings.list {
        memory.put_u32(pointer, at)?;
        memory.put(at, string)?;
        let length = u32::try_from(string.len()).map_err(|_| Errno::Overflow)?;
        memory.put(at.wrapping_add(length), &[0])?;
        pointer = pointer.wrapping_add(4);
        at = at.wrapping_add(length).wrapping_add(1);
    }
    Ok(())
}

fn sizes(
    call: &mut Call<'_>,
    which: fn(&super::State) -> &Strings,
    count: u32,
    size: u32,
) -> Result<(), Fault> {
    let strings = which(call.state);
    let length = u32::try_from(strings.list.len()).map_err(|_| Errno::Overflow)?;
    let bytes = strings.size;
    call.memory.put_u32(count, length)?;
    Ok(call.memory.put_u32(size, bytes)?)
}

pub(super) fn args_get(call: &mut Call<'_>, pointers: u32, buffer: u32) -> Result<(), Fault> {
    get(call, |s| &s.args, pointers, buffer)
}

pub(super) fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Result<(), Fault> {
    sizes(call, |s| &s.args, count, size)
}

pub(super) fn environ_get(call: &mut Call<'_>, pointers: u32, buffer: u32) -> Result<(), Fault> {
    get(call, |s| &s.env, pointers, buffer)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Result<(), Fault> {
    sizes(call, |s| &s.env, count, size)
}
