//! Holding a process to its memory: linear memories and tables together.

use wasmtime::ResourceLimiter;

/// Bytes that one table element takes on a 64-bit host.
const TABLE_ELEMENT: u64 = 16;

/// Bytes that 32-bit addresses reach: the most that a memory can have that names no maximum.
const ADDRESSES: u64 = 1 << 32;

/// Memory that a process may use and has used. A growth past the limit fails inside the process.
pub(crate) struct Budget {
    limit: u64,
    memory: u64,
    tables: u64,
    peak: u64,
    refused: bool,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, memory: 0, tables: 0, peak: 0, refused: false }
    }

    /// The most bytes of linear memory there were at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    /// Whether a growth was refused.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused
    }

    /// Whether a linear memory may grow so, in bytes. `maximum` is its own.
    pub(crate) fn memory(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        if let Some(maximum) = maximum.filter(|maximum| desired > *maximum) {
            // Past its own maximum the growth fails by the module's own wish; past all addresses it does not.
            self.refused |= maximum as u64 >= ADDRESSES;
            return false;
        }
        let more = desired.saturating_sub(current) as u64;
        let fits = self.fits(more);
        if fits {
            self.memory = self.memory.saturating_add(more);
            self.peak = self.peak.max(self.memory);
        }
        fits
    }

    /// Whether a table may grow so, in elements. `maximum` is its own.
    pub(crate) fn table(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let more = (desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT);
        let fits = self.fits(more);
        if fits {
            self.tables = self.tables.saturating_add(more);
        }
        fits
    }

    /// Whether `more` bytes fit; notes a refusal.
    fn fits(&mut self, more: u64) -> bool {
        let total = self.memory.saturating_add(self.tables).saturating_add(more);
        self.refused |= total > self.limit;
        total <= self.limit
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.memory(current, desired, maximum))
    }

    /// Called where the host has no more: refused too.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.table(current, desired, maximum))
    }
}
