//! The memory of a process, as its calls to the host reach into it: every access is checked, and one that
//! leaves the memory is `EFAULT`.

use crate::Errno;

/// Most buffers that one scattered read or write may name.
const MAX_BUFFERS: u32 = 1024;

/// The linear memory of the process that is calling.
pub(crate) struct Memory<'a>(pub(crate) &'a mut [u8]);

/// One buffer of a scattered read or write: address and length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) address: u32,
    pub(crate) length: u32,
}

impl Memory<'_> {
    pub(crate) fn bytes(&self, address: u32, length: u32) -> Result<&[u8], Errno> {
        let start = address as usize;
        self.0.get(start..start.saturating_add(length as usize)).ok_or(Errno::Fault)
    }

    pub(crate) fn bytes_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], Errno> {
        let start = address as usize;
        self.0.get_mut(start..start.saturating_add(length as usize)).ok_or(Errno::Fault)
    }

    pub(crate) fn array<const N: usize>(&self, address: u32) -> Result<[u8; N], Errno> {
        let start = address as usize;
        let bytes = self.0.get(start..start.saturating_add(N)).ok_or(Errno::Fault)?;
        bytes.try_into().map_err(|_| Errno::Fault)
    }

    pub(crate) fn put(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
        self.bytes_mut(address, length)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn put_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.put(address, &value.to_le_bytes())
    }

    pub(crate) fn put_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.put(address, &value.to_le_bytes())
    }

    /// Reads the list of buffers of a scattered read or write, and checks that each lies in the memory and
    /// that their lengths together fit 32 bits, so that a call fails whole or not at all.
    pub(crate) fn buffers(&self, list: u32, count: u32) -> Result<Vec<Buffer>, Errno> {
        if count > MAX_BUFFERS {
            return Err(Errno::Inval);
        }
        let entries = self.bytes(list, count * 8)?;
        let mut total = 0u32;
        let mut buffers = Vec::with_capacity(count as usize);
        for entry in entries.chunks_exact(8) {
            let (address, length) = entry.split_at(4);
            let number = |b: &[u8]| b.try_into().map(u32::from_le_bytes).map_err(|_| Errno::Fault);
            let buffer = Buffer { address: number(address)?, length: number(length)? };
            self.bytes(buffer.address, buffer.length)?;
            total = total.checked_add(buffer.length).ok_or(Errno::Inval)?;
            buffers.push(buffer);
        }
        Ok(buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_out_of_the_memory_is_a_fault() {
        let mut bytes = [0; 64];
        let mut memory = Memory(&mut bytes);
        assert_eq!(memory.array(60), Ok([0; 4]));
        assert_eq!(memory.array::<4>(61), Err(Errno::Fault));
        assert_eq!(memory.array::<4>(u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.bytes(1, u32::MAX).unwrap_err(), Errno::Fault);
        assert_eq!(memory.put_u64(57, 1), Err(Errno::Fault));
        assert_eq!(memory.bytes(64, 0).unwrap(), b"");
        assert_eq!(memory.bytes(65, 0).unwrap_err(), Errno::Fault);
    }

    #[test]
    fn buffer_lists_are_checked_whole() {
        let mut bytes = [0; 64];
        let mut memory = Memory(&mut bytes);
        memory.put_u32(4, 64).unwrap();
        memory.put_u32(12, 1).unwrap();
        assert_eq!(memory.buffers(0, 2).unwrap().len(), 2);
        memory.put_u32(8, 64).unwrap();
        assert_eq!(memory.buffers(0, 2).unwrap_err(), Errno::Fault);
        assert_eq!(memory.buffers(0, u32::MAX).unwrap_err(), Errno::Inval);
        assert_eq!(memory.buffers(60, 1).unwrap_err(), Errno::Fault);
    }
}
