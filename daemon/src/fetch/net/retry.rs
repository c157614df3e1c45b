//! When to try again, and how long to wait before.

use crate::fetch::config::Patience;
use std::time::Duration;

/// Counts failures, and says when patience is at its end.
pub(crate) struct Attempts<'a> {
    patience: &'a Patience,
    /// Failures one after another, without progress between them.
    in_a_row: u32,
    /// All failures.
    pub(crate) failed: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(patience: &'a Patience) -> Self {
        Self { patience, in_a_row: 0, failed: 0 }
    }

    /// Takes note of a failure. Gives the wait before the next attempt, or nothing when there shall be none.
    pub(crate) fn fail(&mut self, progressed: bool, asked: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        self.in_a_row = if progressed { 1 } else { self.in_a_row + 1 };
        if self.in_a_row >= self.patience.attempts || self.failed >= self.patience.attempts_in_all {
            return None;
        }
        let doubled = self.patience.pause.saturating_mul(1 << (self.in_a_row - 1).min(10));
        Some(doubled.max(asked.unwrap_or_default()).min(self.patience.longest_pause))
    }
}

/// Whether a status may be another one a moment later.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let patience = Patience { attempts: 4, pause: Duration::from_millis(10), ..Patience::default() };
        let mut attempts = Attempts::new(&patience);
        assert_eq!(attempts.fail(false, None), Some(Duration::from_millis(10)));
        assert_eq!(attempts.fail(false, None), Some(Duration::from_millis(20)));
        assert_eq!(attempts.fail(true, Some(Duration::from_secs(1))), Some(Duration::from_secs(1)));
        assert_eq!(attempts.fail(false, None), Some(Duration::from_millis(20)));
        assert_eq!(attempts.fail(false, None), Some(Duration::from_millis(40)));
        assert_eq!(attempts.fail(false, None), None);
    }

    #[test]
    fn progress_does_not_make_it_endless() {
        let patience = Patience { attempts_in_all: 7, pause: Duration::ZERO, ..Patience::default() };
        let mut attempts = Attempts::new(&patience);
        let count = std::iter::from_fn(|| attempts.fail(true, Some(Duration::from_secs(9999)))).count();
        assert_eq!(count, 6);
    }
}
