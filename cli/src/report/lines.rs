//! Progress without a terminal: a line when something begins, and one now and then while it goes on.

use crate::daemon::Event;
use crate::report::{escape::escape, plan, units};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A long work is mentioned this often.
const EVERY: Duration = Duration::from_secs(20);

/// When what was last mentioned.
#[derive(Debug, Default)]
pub struct Lines {
    mentioned: HashMap<String, Instant>,
}

impl Lines {
    /// The line to print now, if one is due.
    pub fn event(&mut self, event: &Event, now: Instant) -> Option<String> {
        match event {
            Event::Fetching { source, done, total } => {
                let size = total.map(units::bytes);
                match self.due(&format!("fetch {source}"), now)? {
                    false => Some(match size {
                        Some(size) => format!("fetching {} ({size})", escape(source)),
                        None => format!("fetching {}", escape(source)),
                    }),
                    true => {
                        let of = size.map(|size| format!(" of {size}")).unwrap_or_default();
                        Some(format!("fetching {}: {}{of}", escape(source), units::bytes(*done)))
                    }
                }
            }
            Event::Compiling { program, fraction } => {
                let again = self.due(&format!("compile {program}"), now)?;
                let percent = fraction.map(|fraction| (fraction.clamp(0.0, 1.0) * 100.0) as u32);
                Some(match (again, percent) {
                    (false, _) => format!("compiling {} for this machine", escape(program)),
                    (true, Some(percent)) => format!("compiling {}: {percent} %", escape(program)),
                    (true, None) => format!("compiling {}: still at it", escape(program)),
                })
            }
            Event::Building { package } => Some(format!("building {}", plan::name(package))),
            _ => None,
        }
    }

    /// Whether something is mentioned again (`true`) or for the first time; `None` if it is too early.
    fn due(&mut self, what: &str, now: Instant) -> Option<bool> {
        match self.mentioned.get_mut(what) {
            None => {
                self.mentioned.insert(what.to_owned(), now);
                Some(false)
            }
            Some(last) if now.duration_since(*last) >= EVERY => {
                *last = now;
                Some(true)
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_mentioned_at_first_and_then_seldom() {
        let mut lines = Lines::default();
        let start = Instant::now();
        let mut said = Vec::new();
        for second in 0..45_u64 {
            let event =
                Event::Fetching { source: "npm:x@1".into(), done: second * 1_048_576, total: Some(60 << 20) };
            said.extend(lines.event(&event, start + Duration::from_secs(second)));
        }
        insta::assert_snapshot!(said.join("\n"), @"
        fetching npm:x@1 (60 MiB)
        fetching npm:x@1: 20 MiB of 60 MiB
        fetching npm:x@1: 40 MiB of 60 MiB
        ");
    }

    #[test]
    fn compiling_is_told_in_percent() {
        let mut lines = Lines::default();
        let start = Instant::now();
        let event = |fraction| Event::Compiling { program: "clang".into(), fraction };
        let first = lines.event(&event(Some(0.0)), start).unwrap();
        let later = lines.event(&event(Some(0.424)), start + EVERY).unwrap();
        assert_eq!(
            (first.as_str(), later.as_str()),
            ("compiling clang for this machine", "compiling clang: 42 %")
        );
    }
}
