//! Reading and writing what files hold.

use super::{Data, Errno, Fs, Id, Kind};

/// No file may be larger than this, whatever the limits say: offsets stay far from overflow.
const MAX_FILE: u64 = 1 << 40;

impl Fs {
    /// Where a symlink leads.
    pub(crate) fn symlink_target(&mut self, id: Id) -> Result<bytes::Bytes, Errno> {
        let node = self.node_mut(id);
        match &node.kind {
            Kind::Symlink(target) => {
                node.seen.metadata = true;
                Ok(target.clone())
            }
            _ => Err(Errno::Inval),
        }
    }

    /// Copies what the file holds from `offset` on into `into`, as far as both go, and gives how much that was.
    pub(crate) fn read_at(&mut self, id: Id, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let node = self.node_mut(id);
        match &node.kind {
            Kind::File(Data::Loaded(file)) => {
                node.seen.content = true;
                let bytes = file.bytes().map_err(|_| Errno::Io)?;
                Ok(copy(&bytes, offset, into))
            }
            Kind::File(Data::Written { bytes, .. }) => Ok(copy(bytes, offset, into)),
            Kind::Directory(_) => Err(Errno::Isdir),
            Kind::Symlink(_) => Err(Errno::Inval),
        }
    }

    pub(crate) fn size(&mut self, id: Id) -> Result<u64, Errno> {
        let node = self.node_mut(id);
        node.seen.metadata = true;
        match &node.kind {
            Kind::File(Data::Loaded(file)) => Ok(file.len()),
            Kind::File(Data::Written { bytes, .. }) => Ok(bytes.len() as u64),
            _ => Err(Errno::Isdir),
        }
    }

    /// Writes `data` at `offset`; a gap before it is filled with zeros.
    pub(crate) fn write_at(&mut self, id: Id, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let end = offset.checked_add(data.len() as u64).filter(|&end| end <= MAX_FILE).ok_or(Errno::Fbig)?;
        if data.is_empty() {
            return Ok(());
        }
        self.own(id, true)?;
        let old = self.size(id)?;
        if end > old {
            self.grow(id, end)?;
        }
        let start = usize::try_from(offset).map_err(|_| Errno::Fbig)?;
        let bytes = self.written(id)?;
        // `grow` only made room: what lies past the old end is appended, so that nothing is zeroed to be
        // written over.
        if start > bytes.len() {
            bytes.resize(start, 0);
        }
        let over = (bytes.len() - start).min(data.len());
        let (inside, past) = data.split_at(over);
        if let Some(target) = bytes.get_mut(start..start + over) {
            target.copy_from_slice(inside);
        }
        bytes.extend_from_slice(past);
        Ok(())
    }

    /// Cuts the file to `size`, or extends it with zeros.
    pub(crate) fn truncate(&mut self, id: Id, size: u64) -> Result<(), Errno> {
        if size > MAX_FILE {
            return Err(Errno::Fbig);
        }
        self.own(id, size > 0)?;
        let old = self.size(id)?;
        if size > old {
            self.grow(id, size)?;
        } else {
            self.used = self.used.saturating_sub(old - size);
        }
        let length = usize::try_from(size).map_err(|_| Errno::Fbig)?;
        let bytes = self.written(id)?;
        bytes.resize(length, 0);
        if length == 0 {
            *bytes = Vec::new();
        }
        Ok(())
    }

    /// Charges the growth of a written file to `end` bytes and reserves room for it.
    fn grow(&mut self, id: Id, end: u64) -> Result<(), Errno> {
        let old = self.size(id)?;
        self.charge(end - old)?;
        let more = usize::try_from(end - old).map_err(|_| Errno::Fbig)?;
        let reserved = self.written(id)?.try_reserve(more);
        if reserved.is_err() {
            self.used = self.used.saturating_sub(end - old);
            return Err(Errno::Nospc);
        }
        Ok(())
    }

    /// Turns a loaded file into one that can be written, with its bytes if `keep`.
    fn own(&mut self, id: Id, keep: bool) -> Result<(), Errno> {
        if !self.writable(id) {
            return Err(Errno::Rofs);
        }
        let node = self.node_mut(id);
        let (bytes, executable) = match &node.kind {
            Kind::File(Data::Written { .. }) => return Ok(()),
            Kind::File(Data::Loaded(file)) if keep && !file.is_empty() => {
                node.seen.content = true;
                (file.bytes().map_err(|_| Errno::Io)?, file.executable())
            }
            Kind::File(Data::Loaded(file)) => (bytes::Bytes::new(), file.executable()),
            _ => return Err(Errno::Isdir),
        };
        self.charge(bytes.len() as u64)?;
        self.node_mut(id).kind = Kind::File(Data::Written { bytes: bytes.to_vec(), executable });
        self.mark_dirty(id);
        Ok(())
    }

    fn written(&mut self, id: Id) -> Result<&mut Vec<u8>, Errno> {
        match &mut self.node_mut(id).kind {
            Kind::File(Data::Written { bytes, .. }) => Ok(bytes),
            _ => Err(Errno::Isdir),
        }
    }
}

fn copy(bytes: &[u8], offset: u64, into: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let length = rest.len().min(into.len());
    if let (Some(from), Some(to)) = (rest.get(..length), into.get_mut(..length)) {
        to.copy_from_slice(from);
    }
    length
}
