//! The stat cache: what the files of a directory on disk hashed to when they had these inodes and times.
//!
//! One record for each directory, by its device and inode, because a file that is moved to another directory
//! gets a new change time anyway. The blobs of a record were durable before it was written; what collects
//! blobs must drop the records that name them.
//!
//! ```text
//! key   = device:u64 inode:u64                                             big-endian, so neighbours stay near
//! value = version:u8=1 (inode:u64 size:u64 modified:i64 changed:i64 blob:32)*    in the order of the inodes
//! ```

use crate::wire::{Decoder, Encode, WireError};
use nuka_pir::BlobId;

const VERSION: u8 = 1;

/// What one file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatRecord {
    /// Its inode number.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When its bytes last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// When its inode last changed, in nanoseconds since 1970. Nothing but the kernel sets it.
    pub changed_ns: i64,
    /// What its bytes hashed to.
    pub blob: BlobId,
}

pub(crate) fn key(device: u64, inode: u64) -> [u8; 16] {
    ((u128::from(device) << 64) | u128::from(inode)).to_be_bytes()
}

pub(crate) fn encode(records: &mut [StatRecord]) -> Vec<u8> {
    records.sort_unstable_by_key(|record| record.inode);
    let mut out = Vec::with_capacity(1 + records.len() * 64);
    out.push(VERSION);
    for record in records {
        out.put_u64(record.inode);
        out.put_u64(record.size);
        out.put_i64(record.modified_ns);
        out.put_i64(record.changed_ns);
        out.extend_from_slice(record.blob.as_bytes());
    }
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<StatRecord>, WireError> {
    let mut decoder = Decoder::versioned(bytes, VERSION)?;
    let mut records: Vec<StatRecord> = Vec::with_capacity(bytes.len() / 64);
    while !decoder.is_empty() {
        let record = StatRecord {
            inode: decoder.u64("inode")?,
            size: decoder.u64("size")?,
            modified_ns: decoder.i64("modification time")?,
            changed_ns: decoder.i64("change time")?,
            blob: BlobId::from_bytes(decoder.array("blob id")?),
        };
        // Hard links of one file in one directory: the same inode may come twice.
        if records.last().is_some_and(|last| last.inode > record.inode) {
            return Err(WireError::Invalid { field: "inode" });
        }
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_in_the_order_of_inodes() {
        let record = |inode| StatRecord {
            inode,
            size: 1,
            modified_ns: -2,
            changed_ns: 3,
            blob: BlobId::from_bytes([4; 32]),
        };
        let mut records = vec![record(9), record(5), record(5)];
        let bytes = encode(&mut records);
        assert_eq!(bytes.len(), 1 + 3 * 64);
        assert_eq!(decode(&bytes).unwrap(), [record(5), record(5), record(9)]);
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        assert_eq!(key(1, 2), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
