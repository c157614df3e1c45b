//! Large buffers that are used again, aligned so that the kernel can write from them past the page cache.

use std::sync::{Mutex, PoisonError};

/// Bytes in a buffer. Files up to this length are read whole and written at once.
pub(crate) const BUFFER: usize = 2 << 20;
/// What addresses, offsets and lengths of direct writes are multiples of.
pub(crate) const ALIGNMENT: usize = 4096;
/// Buffers kept for later use.
const KEPT: usize = 256;

/// [`BUFFER`] bytes at an aligned address.
pub(crate) struct Buffer {
    memory: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn new() -> Self {
        let memory = vec![0; BUFFER + ALIGNMENT];
        // `align_offset` may give up; a buffer that is not aligned costs a fallback to usual writes, no more.
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start: if start < ALIGNMENT { start } else { 0 } }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + BUFFER).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + BUFFER).unwrap_or_default()
    }
}

/// Buffers that nobody uses now.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<Buffer>>);

impl Pool {
    pub(crate) fn take(&self) -> Buffer {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(Buffer::new)
    }

    pub(crate) fn give(&self, buffer: Buffer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}
