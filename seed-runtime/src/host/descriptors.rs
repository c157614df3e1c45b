//! The table of open file descriptors, and the calls that are about a descriptor itself.

use super::{Call, Fault};
use crate::{
    Errno,
    fs::{Entry, FileType, Fs, Id},
    process::Stream,
};

/// Most descriptors that may be open at once.
const MAX_OPEN: usize = 4096;

/// All rights that preview 1 defines.
const ALL_RIGHTS: u64 = (1 << 30) - 1;

/// The right to read, in `path_open`.
pub(crate) const RIGHT_READ: u64 = 1 << 1;
/// The right to write, in `path_open`.
pub(crate) const RIGHT_WRITE: u64 = 1 << 6;
/// Rights that say that a descriptor can be positioned.
const RIGHTS_SEEK_TELL: u64 = (1 << 2) | (1 << 5);
/// The flag that makes every write go to the end.
pub(crate) const FLAG_APPEND: u16 = 1;

/// What a descriptor is open on.
pub(crate) enum Descriptor {
    Stdin,
    Output(Stream),
    Open(Open),
}

/// A descriptor on a file or directory.
pub(crate) struct Open {
    pub(crate) id: Id,
    pub(crate) offset: u64,
    pub(crate) rights: u64,
    pub(crate) inheriting: u64,
    pub(crate) flags: u16,
    /// Path under which the directory was given to the process, for those that were.
    pub(crate) preopened: Option<Vec<u8>>,
    /// The entries that a listing in progress goes through.
    pub(crate) listing: Option<Vec<Entry>>,
}

/// See the module's text.
pub(crate) struct Descriptors {
    open: Vec<Option<Descriptor>>,
}

impl Descriptors {
    /// The three streams, then the preopened directories.
    pub(crate) fn new(preopened: Vec<(Vec<u8>, Id)>, fs: &mut Fs) -> Self {
        let mut open = vec![
            Some(Descriptor::Stdin),
            Some(Descriptor::Output(Stream::Stdout)),
            Some(Descriptor::Output(Stream::Stderr)),
        ];
        for (path, id) in preopened {
            fs.opened(id);
            open.push(Some(Descriptor::Open(Open {
                id,
                offset: 0,
                rights: ALL_RIGHTS,
                inheriting: ALL_RIGHTS,
                flags: 0,
                preopened: Some(path),
                listing: None,
            })));
        }
        Self { open }
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.open.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.open.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The descriptor, if it is on a file or directory.
    pub(crate) fn inode(&self, fd: u32) -> Result<&Open, Errno> {
        match self.get(fd)? {
            Descriptor::Open(open) => Ok(open),
            _ => Err(Errno::Notdir),
        }
    }

    /// Puts `open` at the lowest free number.
    pub(crate) fn add(&mut self, open: Open, fs: &mut Fs) -> Result<u32, Errno> {
        let free = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        if free >= MAX_OPEN {
            return Err(Errno::Mfile);
        }
        fs.opened(open.id);
        let descriptor = Some(Descriptor::Open(open));
        match self.open.get_mut(free) {
            Some(slot) => *slot = descriptor,
            None => self.open.push(descriptor),
        }
        u32::try_from(free).map_err(|_| Errno::Mfile)
    }

    fn take(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.open.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)
    }
}

fn close(fs: &mut Fs, descriptor: &Descriptor) {
    if let Descriptor::Open(open) = descriptor {
        fs.closed(open.id);
    }
}

pub(super) fn fd_close(call: &mut Call<'_>, fd: u32) -> Result<(), Fault> {
    let descriptor = call.state.descriptors.take(fd)?;
    close(&mut call.state.fs, &descriptor);
    Ok(())
}

pub(super) fn fd_renumber(call: &mut Call<'_>, from: u32, to: u32) -> Result<(), Fault> {
    let descriptors = &mut call.state.descriptors;
    descriptors.get(from)?;
    descriptors.get(to)?;
    if from == to {
        return Ok(());
    }
    let (moved, closed) = (descriptors.take(from)?, descriptors.take(to)?);
    close(&mut call.state.fs, &closed);
    if let Some(slot) = call.state.descriptors.open.get_mut(to as usize) {
        *slot = Some(moved);
    }
    Ok(())
}

/// Number of a kind of file in preview 1. 0 is "unknown": what captured streams are, so that no program takes
/// them for a terminal.
pub(super) fn file_type(kind: FileType) -> u8 {
    match kind {
        FileType::Directory => 3,
        FileType::File => 4,
        FileType::Symlink => 7,
    }
}

pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, out: u32) -> Result<(), Fault> {
    let state = &call.state;
    let (kind, flags, rights, inheriting) = match state.descriptors.get(fd)? {
        Descriptor::Stdin => (0, 0, ALL_RIGHTS & !RIGHT_WRITE & !RIGHTS_SEEK_TELL, 0),
        Descriptor::Output(_) => (0, FLAG_APPEND, ALL_RIGHTS & !RIGHT_READ & !RIGHTS_SEEK_TELL, 0),
        Descriptor::Open(open) => {
            (file_type(state.fs.file_type(open.id)), open.flags, open.rights, open.inheriting)
        }
    };
    let mut stat = [0; 24];
    let fields: [(usize, &[u8]); 4] = [
        (0, &[kind]),
        (2, &flags.to_le_bytes()),
        (8, &rights.to_le_bytes()),
        (16, &inheriting.to_le_bytes()),
    ];
    super::pack(&mut stat, &fields);
    Ok(call.memory.put(out, &stat)?)
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: u32, flags: u32) -> Result<(), Fault> {
    let flags = u16::try_from(flags).ok().filter(|f| *f < 32).ok_or(Errno::Inval)?;
    if let Descriptor::Open(open) = call.state.descriptors.get_mut(fd)? {
        open.flags = flags;
    }
    Ok(())
}

pub(super) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: u32,
    rights: u64,
    inheriting: u64,
) -> Result<(), Fault> {
    if let Descriptor::Open(open) = call.state.descriptors.get_mut(fd)? {
        // Rights can only be given up.
        if rights & !open.rights != 0 || inheriting & !open.inheriting != 0 {
            return Err(Errno::Notcapable.into());
        }
        (open.rights, open.inheriting) = (rights, inheriting);
    }
    Ok(())
}

pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: u32, out: u32) -> Result<(), Fault> {
    let Descriptor::Open(Open { preopened: Some(path), .. }) = call.state.descriptors.get(fd)? else {
        return Err(Errno::Badf.into());
    };
    let length = u32::try_from(path.len()).map_err(|_| Errno::Overflow)?;
    call.memory.put_u32(out, 0)?;
    Ok(call.memory.put_u32(out.wrapping_add(4), length)?)
}

pub(super) fn fd_prestat_dir_name(call: &mut Call<'_>, fd: u32, out: u32, room: u32) -> Result<(), Fault> {
    let Descriptor::Open(Open { preopened: Some(path), .. }) = call.state.descriptors.get(fd)? else {
        return Err(Errno::Badf.into());
    };
    if path.len() > room as usize {
        return Err(Errno::Nametoolong.into());
    }
    Ok(call.memory.put(out, path)?)
}
