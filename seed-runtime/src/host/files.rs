//! Calls on open files: reading, writing, positions, sizes.

use super::{
    Call, Fault,
    descriptors::{Descriptor, FLAG_APPEND, RIGHT_READ, RIGHT_WRITE, file_type},
    pack,
};
use crate::{
    Errno,
    fs::{Id, Stat},
};

/// Where a read or write begins.
#[derive(Clone, Copy)]
enum From {
    /// At the descriptor's position, which moves.
    Position,
    /// At an offset; the position stays.
    Offset(u64),
}

pub(super) fn fd_read(call: &mut Call<'_>, fd: u32, list: u32, count: u32, out: u32) -> Result<(), Fault> {
    read(call, fd, list, count, From::Position, out)
}

pub(super) fn fd_pread(
    call: &mut Call<'_>,
    fd: u32,
    list: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Result<(), Fault> {
    read(call, fd, list, count, From::Offset(offset), out)
}

pub(super) fn fd_write(call: &mut Call<'_>, fd: u32, list: u32, count: u32, out: u32) -> Result<(), Fault> {
    write(call, fd, list, count, From::Position, out)
}

pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: u32,
    list: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Result<(), Fault> {
    write(call, fd, list, count, From::Offset(offset), out)
}

fn read(call: &mut Call<'_>, fd: u32, list: u32, count: u32, from: From, out: u32) -> Result<(), Fault> {
    let buffers = call.memory.buffers(list, count)?;
    call.memory.bytes(out, 4)?;
    let state = &mut *call.state;
    let mut total = 0u32;
    match (state.descriptors.get_mut(fd)?, from) {
        (Descriptor::Output(_), _) => return Err(Errno::Badf.into()),
        (Descriptor::Stdin, From::Offset(_)) => return Err(Errno::Spipe.into()),
        (Descriptor::Stdin, From::Position) => {
            for buffer in buffers {
                let piece = state.stdin.split_to(state.stdin.len().min(buffer.length as usize));
                call.memory.put(buffer.address, &piece)?;
                total += u32::try_from(piece.len()).map_err(|_| Errno::Overflow)?;
            }
        }
        (Descriptor::Open(open), from) => {
            if open.rights & RIGHT_READ == 0 {
                return Err(Errno::Badf.into());
            }
            let start = match from {
                From::Position => open.offset,
                From::Offset(offset) => offset,
            };
            for buffer in buffers {
                let into = call.memory.bytes_mut(buffer.address, buffer.length)?;
                let at = start.checked_add(u64::from(total)).ok_or(Errno::Inval)?;
                let length = state.fs.read_at(open.id, at, into)?;
                total += u32::try_from(length).map_err(|_| Errno::Overflow)?;
                if length < buffer.length as usize {
                    break;
                }
            }
            if matches!(from, From::Position) {
                open.offset = start.saturating_add(u64::from(total));
            }
        }
    }
    Ok(call.memory.put_u32(out, total)?)
}

fn write(call: &mut Call<'_>, fd: u32, list: u32, count: u32, from: From, out: u32) -> Result<(), Fault> {
    let buffers = call.memory.buffers(list, count)?;
    call.memory.bytes(out, 4)?;
    let state = &mut *call.state;
    let mut total = 0u32;
    match (state.descriptors.get_mut(fd)?, from) {
        (Descriptor::Stdin, _) => return Err(Errno::Badf.into()),
        (Descriptor::Output(_), From::Offset(_)) => return Err(Errno::Spipe.into()),
        (Descriptor::Output(stream), From::Position) => {
            let stream = *stream;
            for buffer in buffers {
                state.streams.write(stream, call.memory.bytes(buffer.address, buffer.length)?)?;
                total += buffer.length;
            }
        }
        (Descriptor::Open(open), from) => {
            if open.rights & RIGHT_WRITE == 0 {
                return Err(Errno::Badf.into());
            }
            let start = match from {
                From::Offset(offset) => offset,
                From::Position if open.flags & FLAG_APPEND != 0 => state.fs.size(open.id)?,
                From::Position => open.offset,
            };
            for buffer in buffers {
                let at = start.checked_add(u64::from(total)).ok_or(Errno::Fbig)?;
                let data = call.memory.bytes(buffer.address, buffer.length)?;
                match state.fs.write_at(open.id, at, data) {
                    Ok(()) => total += buffer.length,
                    // What was written before stays written, and is told.
                    Err(_) if total > 0 => break,
                    Err(errno) => return Err(errno.into()),
                }
            }
            if matches!(from, From::Position) {
                open.offset = start.saturating_add(u64::from(total));
            }
        }
    }
    Ok(call.memory.put_u32(out, total)?)
}

pub(super) fn fd_seek(call: &mut Call<'_>, fd: u32, by: i64, whence: u32, out: u32) -> Result<(), Fault> {
    call.memory.bytes(out, 8)?;
    let state = &mut *call.state;
    let Descriptor::Open(open) = state.descriptors.get_mut(fd)? else { return Err(Errno::Spipe.into()) };
    if state.fs.is_directory(open.id) {
        return Err(Errno::Isdir.into());
    }
    let base = match whence {
        0 => 0,
        1 => open.offset,
        2 => state.fs.size(open.id)?,
        _ => return Err(Errno::Inval.into()),
    };
    open.offset = base.checked_add_signed(by).filter(|o| i64::try_from(*o).is_ok()).ok_or(Errno::Inval)?;
    let offset = open.offset;
    Ok(call.memory.put_u64(out, offset)?)
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: u32, out: u32) -> Result<(), Fault> {
    fd_seek(call, fd, 0, 1, out)
}

/// The inode of a descriptor that must be on a file open for writing.
fn for_writing(call: &Call<'_>, fd: u32) -> Result<Id, Errno> {
    match call.state.descriptors.get(fd)? {
        Descriptor::Open(open) if open.rights & RIGHT_WRITE != 0 => Ok(open.id),
        _ => Err(Errno::Badf),
    }
}

pub(super) fn fd_allocate(call: &mut Call<'_>, fd: u32, offset: u64, length: u64) -> Result<(), Fault> {
    let id = for_writing(call, fd)?;
    let end = offset.checked_add(length).ok_or(Errno::Fbig)?;
    if length == 0 {
        return Err(Errno::Inval.into());
    }
    if end > call.state.fs.size(id)? {
        call.state.fs.truncate(id, end)?;
    }
    Ok(())
}

pub(super) fn fd_filestat_set_size(call: &mut Call<'_>, fd: u32, size: u64) -> Result<(), Fault> {
    let id = for_writing(call, fd)?;
    Ok(call.state.fs.truncate(id, size)?)
}

/// Advice changes nothing.
pub(super) fn fd_advise(call: &mut Call<'_>, fd: u32, _: u64, _: u64, _: u32) -> Result<(), Fault> {
    call.state.descriptors.get(fd)?;
    Ok(())
}

/// Nothing needs to reach a disk.
pub(super) fn fd_sync(call: &mut Call<'_>, fd: u32) -> Result<(), Fault> {
    call.state.descriptors.get(fd)?;
    Ok(())
}

/// As [`fd_sync`].
pub(super) fn fd_datasync(call: &mut Call<'_>, fd: u32) -> Result<(), Fault> {
    fd_sync(call, fd)
}

/// All times are fixed, so setting them succeeds and changes nothing.
pub(super) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    _: u64,
    _: u64,
    _: u32,
) -> Result<(), Fault> {
    call.state.descriptors.get(fd)?;
    Ok(())
}

pub(super) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, out: u32) -> Result<(), Fault> {
    let stat = match call.state.descriptors.get(fd)? {
        Descriptor::Open(open) => Some(open.id),
        _ => None,
    };
    let stat = stat.map(|id| call.state.fs.stat(id));
    put_filestat(call, stat, out)
}

/// Writes a `filestat`. All times are the epoch of the process; a stream has neither number nor size.
pub(super) fn put_filestat(call: &mut Call<'_>, stat: Option<Stat>, out: u32) -> Result<(), Fault> {
    let epoch = call.state.clocks.epoch_ns().to_le_bytes();
    let (number, kind, size) = stat.map_or((0, 0, 0), |s| (s.number, file_type(s.kind), s.size));
    let mut filestat = [0; 64];
    let one = 1u64.to_le_bytes();
    let fields: [(usize, &[u8]); 8] = [
        (0, &one),
        (8, &number.to_le_bytes()),
        (16, &[kind]),
        (24, &one),
        (32, &size.to_le_bytes()),
        (40, &epoch),
        (48, &epoch),
        (56, &epoch),
    ];
    pack(&mut filestat, &fields);
    Ok(call.memory.put(out, &filestat)?)
}
