//! When packages and sources were last used, coarsely: what garbage collection goes by.
//!
//! ```text
//! key   = kind:u8 id:32           kind: 1 PID, 2 source id
//! value = version:u8=1 time:u64   milliseconds since 1970
//! ```
//!
//! A use within [`COARSE_MS`] of the recorded one is not written down: starting a program must not cost a commit. What
//! has no record was last used when it was made.

use crate::wire::{Decoder, Encode, WireError};
use nuka_pir::{Pid, SourceId};

const VERSION: u8 = 1;

/// How far a recorded use may be from the true one, in milliseconds: a day.
pub(crate) const COARSE_MS: u64 = 24 * 60 * 60 * 1000;

/// Something that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Used {
    /// A package.
    Package(Pid),
    /// A source.
    Source(SourceId),
}

impl Used {
    pub(crate) fn key(&self) -> [u8; 33] {
        let (kind, id) = match self {
            Self::Package(pid) => (1, pid.as_bytes()),
            Self::Source(source) => (2, source.as_bytes()),
        };
        let mut key = [kind; 33];
        if let Some(rest) = key.get_mut(1..) {
            rest.copy_from_slice(id);
        }
        key
    }

    pub(crate) fn of_key(key: &[u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder::new(key);
        let kind = decoder.u8("kind")?;
        let id = decoder.array("id")?;
        decoder.finish()?;
        match kind {
            1 => Ok(Self::Package(Pid::from_bytes(id))),
            2 => Ok(Self::Source(SourceId::from_bytes(id))),
            _ => Err(WireError::Invalid { field: "kind" }),
        }
    }
}

pub(crate) fn encode(time_ms: u64) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.put_u64(time_ms);
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<u64, WireError> {
    let mut decoder = Decoder::versioned(bytes, VERSION)?;
    let time = decoder.u64("time")?;
    decoder.finish()?;
    Ok(time)
}

/// Whether a use now is worth writing down. A recorded time in the future was a clock's mistake.
pub(crate) fn is_news(recorded_ms: Option<u64>, now_ms: u64) -> bool {
    recorded_ms.is_none_or(|recorded| recorded.abs_diff(now_ms) >= COARSE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_pinned_and_strict() {
        let pid = Used::Package(Pid::from_bytes([7; 32]));
        let source = Used::Source(SourceId::from_bytes([7; 32]));
        assert_eq!(pid.key()[..2], [1, 7]);
        assert_eq!(source.key()[..2], [2, 7]);
        for used in [pid, source] {
            assert_eq!(Used::of_key(&used.key()), Ok(used));
            assert!(Used::of_key(&used.key()[..32]).is_err());
        }
        assert_eq!(Used::of_key(&[3; 33]), Err(WireError::Invalid { field: "kind" }));
        assert_eq!(encode(258), [1, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(&encode(u64::MAX)), Ok(u64::MAX));
        assert!(decode(&[1; 10]).is_err());
    }

    #[test]
    fn only_another_day_is_news() {
        assert!(is_news(None, 0));
        assert!(!is_news(Some(5), 5 + COARSE_MS - 1));
        assert!(is_news(Some(5), 5 + COARSE_MS));
        assert!(!is_news(Some(COARSE_MS), 1), "a clock that is a little behind");
        assert!(is_news(Some(u64::MAX), 5), "a clock that was far ahead");
    }
}
