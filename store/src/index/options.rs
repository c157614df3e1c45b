//! How the index is shared with other processes.

use std::time::Duration;

/// How the index is shared with other processes.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// How long to wait while another process has the index, before [`IndexError::Busy`](super::IndexError).
    pub wait: Duration,
    /// How long the index stays open after the last write, for the next one. A process that owns the store
    /// ([`Ownership::Exclusive`](crate::Ownership)) keeps it open whatever this says.
    pub linger: Duration,
    /// How much of the index redb may keep in memory, in bytes.
    pub cache_bytes: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { wait: Duration::from_secs(30), linger: Duration::from_millis(100), cache_bytes: 256 << 20 }
    }
}
