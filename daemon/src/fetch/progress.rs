//! What fetching tells while it works: events for a bar or for plain lines, never text of its own.

use std::time::Duration;

/// One step of a fetch. Events of one fetch come in order, from the thread that called.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process or thread is downloading the same bytes; this one waits for them.
    Waiting,
    /// The download begins, or goes on where an earlier one was cut.
    Started {
        /// Bytes that are already here.
        from: u64,
        /// Bytes in all, where the server says.
        total: Option<u64>,
    },
    /// Bytes have come.
    Received {
        /// Bytes that are here now, those of an earlier attempt included.
        bytes: u64,
        /// Bytes in all, where the server says.
        total: Option<u64>,
    },
    /// An attempt failed; another follows.
    Retrying {
        /// What went wrong.
        reason: String,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// The wait before the next.
        pause: Duration,
    },
    /// The download has the hash that it must have.
    Verified {
        /// Its size in bytes.
        bytes: u64,
    },
    /// The download was here already.
    Known {
        /// Where it came from, if that is another place than this source names.
        other: Option<String>,
    },
    /// The download is being read into the store.
    Importing,
}

/// A listener that hears nothing.
pub fn silent(_: Progress) {}
