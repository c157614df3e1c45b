//! Calls that take a path: opening, making, removing, renaming, links.

use bytes::Bytes;

use super::{
    Call, Fault,
    descriptors::{Open, RIGHT_READ, RIGHT_WRITE},
    files::put_filestat,
};
use crate::{
    Errno,
    fs::{Follow, Id, Target},
};

const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;

/// Address and length of a path in the memory of the process.
type Path = (u32, u32);

fn resolve(call: &mut Call<'_>, fd: u32, path: Path, follow: Follow) -> Result<Target, Errno> {
    let start = call.state.descriptors.inode(fd)?.id;
    let path = call.memory.bytes(path.0, path.1)?;
    call.state.fs.resolve(start, path, follow)
}

fn follow(flags: u32) -> Follow {
    if flags & 1 != 0 { Follow::Yes } else { Follow::No }
}

#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub(super) fn path_open(
    call: &mut Call<'_>,
    fd: u32,
    dirflags: u32,
    path: u32,
    length: u32,
    oflags: u32,
    rights: u64,
    inheriting: u64,
    fdflags: u32,
    out: u32,
) -> Result<(), Fault> {
    call.memory.bytes(out, 4)?;
    let flags = u16::try_from(fdflags).ok().filter(|f| *f < 32).ok_or(Errno::Inval)?;
    // A new name is made at the end of a symlink's target, except when it must not be there yet.
    let end = if oflags & EXCLUSIVE != 0 { Follow::No } else { follow(dirflags) };
    let target = resolve(call, fd, (path, length), end)?;
    let id = open_target(call, &target, oflags, rights)?;
    let state = &mut *call.state;
    let open = Open { id, offset: 0, rights, inheriting, flags, preopened: None, listing: None };
    let fd = state.descriptors.add(open, &mut state.fs)?;
    Ok(call.memory.put_u32(out, fd)?)
}

fn open_target(call: &mut Call<'_>, target: &Target, oflags: u32, rights: u64) -> Result<Id, Errno> {
    let fs = &mut call.state.fs;
    let writes = rights & RIGHT_WRITE != 0;
    let Some(id) = target.id else {
        if oflags & CREATE == 0 {
            return Err(Errno::Noent);
        }
        if target.directory || oflags & DIRECTORY != 0 {
            return Err(if target.directory { Errno::Isdir } else { Errno::Inval });
        }
        let (directory, name) = target.place()?;
        return fs.create_file(directory, name);
    };
    if oflags & CREATE != 0 && oflags & EXCLUSIVE != 0 {
        return Err(Errno::Exist);
    }
    match fs.file_type(id) {
        crate::fs::FileType::Symlink => return Err(Errno::Loop),
        crate::fs::FileType::Directory => {
            // Programs that ask for all rights open directories too; only one that cannot read is surely wrong.
            let wrong = oflags & (CREATE | TRUNCATE) != 0 || (writes && rights & RIGHT_READ == 0);
            return if wrong && oflags & DIRECTORY == 0 { Err(Errno::Isdir) } else { Ok(id) };
        }
        crate::fs::FileType::File => {}
    }
    if oflags & DIRECTORY != 0 {
        return Err(Errno::Notdir);
    }
    if (writes || oflags & TRUNCATE != 0) && !fs.writable(id) {
        return Err(Errno::Rofs);
    }
    if oflags & TRUNCATE != 0 {
        fs.truncate(id, 0)?;
    }
    // Opening tells that it is there.
    fs.stat(id);
    Ok(id)
}

pub(super) fn path_create_directory(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<(), Fault> {
    let target = resolve(call, fd, (path, length), Follow::No)?;
    if target.id.is_some() {
        return Err(Errno::Exist.into());
    }
    let (directory, name) = target.place()?;
    call.state.fs.create_directory(directory, name)?;
    Ok(())
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    length: u32,
    out: u32,
) -> Result<(), Fault> {
    let id = resolve(call, fd, (path, length), follow(flags))?.found()?;
    let stat = call.state.fs.stat(id);
    put_filestat(call, Some(stat), out)
}

/// All times are fixed: it only checks that something is there.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub(super) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    length: u32,
    _: u64,
    _: u64,
    _: u32,
) -> Result<(), Fault> {
    resolve(call, fd, (path, length), follow(flags))?.found()?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub(super) fn path_link(
    call: &mut Call<'_>,
    old_fd: u32,
    old_flags: u32,
    old: u32,
    old_length: u32,
    new_fd: u32,
    new: u32,
    new_length: u32,
) -> Result<(), Fault> {
    let from = resolve(call, old_fd, (old, old_length), follow(old_flags))?.found()?;
    let to = resolve(call, new_fd, (new, new_length), Follow::No)?;
    if to.id.is_some() {
        return Err(Errno::Exist.into());
    }
    let (directory, name) = to.place()?;
    call.state.fs.link(from, directory, name)?;
    Ok(())
}

pub(super) fn path_symlink(
    call: &mut Call<'_>,
    target: u32,
    target_length: u32,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<(), Fault> {
    let place = resolve(call, fd, (path, length), Follow::No)?;
    if place.id.is_some() {
        return Err(Errno::Exist.into());
    }
    let (directory, name) = place.place()?;
    let target = Bytes::copy_from_slice(call.memory.bytes(target, target_length)?);
    call.state.fs.create_symlink(directory, name, target)?;
    Ok(())
}

pub(super) fn path_readlink(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
    buffer: u32,
    room: u32,
    out: u32,
) -> Result<(), Fault> {
    call.memory.bytes(out, 4)?;
    let id = resolve(call, fd, (path, length), Follow::No)?.found()?;
    let target = call.state.fs.symlink_target(id)?;
    let shown = target.get(..target.len().min(room as usize)).unwrap_or_default();
    call.memory.put(buffer, shown)?;
    let length = u32::try_from(shown.len()).map_err(|_| Errno::Overflow)?;
    Ok(call.memory.put_u32(out, length)?)
}

pub(super) fn path_remove_directory(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<(), Fault> {
    let target = resolve(call, fd, (path, length), Follow::No)?;
    target.found()?;
    let (directory, name) = target.place()?;
    Ok(call.state.fs.remove_directory(directory, name)?)
}

pub(super) fn path_unlink_file(call: &mut Call<'_>, fd: u32, path: u32, length: u32) -> Result<(), Fault> {
    let target = resolve(call, fd, (path, length), Follow::No)?;
    target.found()?;
    let (directory, name) = target.place()?;
    if target.directory {
        return Err(Errno::Isdir.into());
    }
    Ok(call.state.fs.unlink(directory, name)?)
}

pub(super) fn path_rename(
    call: &mut Call<'_>,
    old_fd: u32,
    old: u32,
    old_length: u32,
    new_fd: u32,
    new: u32,
    new_length: u32,
) -> Result<(), Fault> {
    let from = resolve(call, old_fd, (old, old_length), Follow::No)?;
    let id = from.found()?;
    let to = resolve(call, new_fd, (new, new_length), Follow::No)?;
    if to.directory && !call.state.fs.is_directory(id) {
        return Err(Errno::Notdir.into());
    }
    Ok(call.state.fs.rename(from.place()?, to.place()?)?)
}
