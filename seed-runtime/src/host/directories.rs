//! `fd_readdir`.

use super::{
    Call, Fault,
    descriptors::{Descriptor, file_type},
    pack,
};
use crate::Errno;

/// Bytes of an entry before its name.
const HEADER: usize = 24;

/// Lists a directory, sorted, `.` and `..` first. A cookie is the number of entries before it. The entries are those
/// that were there when the listing began (cookie 0), so removing while listing skips nothing. As much as fits
/// is written, the last entry cut if need be; less than `room` means the end.
pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    fd: u32,
    buffer: u32,
    room: u32,
    cookie: u64,
    out: u32,
) -> Result<(), Fault> {
    call.memory.bytes(out, 4)?;
    let state = &mut *call.state;
    let Descriptor::Open(open) = state.descriptors.get_mut(fd)? else { return Err(Errno::Notdir.into()) };
    let listing = match &mut open.listing {
        Some(listing) if cookie > 0 => listing,
        slot => slot.insert(state.fs.list(open.id)?),
    };
    let into = call.memory.bytes_mut(buffer, room)?;
    let mut used = 0;
    let start = usize::try_from(cookie).unwrap_or(usize::MAX);
    for (index, entry) in listing.iter().enumerate().skip(start) {
        let mut header = [0; HEADER];
        let next = index as u64 + 1;
        let length = u32::try_from(entry.name.len()).map_err(|_| Errno::Overflow)?;
        let fields: [(usize, &[u8]); 4] = [
            (0, &next.to_le_bytes()),
            (8, &entry.number.to_le_bytes()),
            (16, &length.to_le_bytes()),
            (20, &[file_type(entry.kind)]),
        ];
        pack(&mut header, &fields);
        for piece in [header.as_slice(), &entry.name] {
            let free = into.get_mut(used..).unwrap_or_default();
            let length = piece.len().min(free.len());
            free.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
            used += length;
        }
        if used == into.len() {
            break;
        }
    }
    let used = u32::try_from(used).map_err(|_| Errno::Overflow)?;
    Ok(call.memory.put_u32(out, used)?)
}
