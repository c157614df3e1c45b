//! What a bootstrap tells of itself: how far a stage is, by the bytes of source that it has compiled: what compiling takes is about in proportion to them.

use crate::event::{Event, Observer};
use nuka_pir::Pid;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Tells another observer all that it is told, and how far the stage is.
pub struct Weighing<'a> {
    observer: &'a dyn Observer,
    what: String,
    bytes: &'a BTreeMap<Pid, u64>,
    done: AtomicU64,
    total: u64,
}

impl<'a> Weighing<'a> {
    /// Begins with nothing done. `bytes` has the weight of each package.
    pub fn new(observer: &'a dyn Observer, what: String, bytes: &'a BTreeMap<Pid, u64>) -> Self {
        Self { observer, what, bytes, done: AtomicU64::new(0), total: bytes.values().sum() }
    }

    /// Counts a package as done.
    pub fn done(&self, pid: &Pid) {
        let weight = self.bytes.get(pid).copied().unwrap_or(0);
        self.done.fetch_add(weight, Ordering::Relaxed);
    }
}

impl Observer for Weighing<'_> {
    fn event(&self, event: Event) {
        let done = if let Event::Done(outcome) = &event { Some(outcome.package.pid) } else { None };
        self.observer.event(event);
        if let Some(pid) = done {
            self.done(&pid);
            let (what, done) = (self.what.clone(), self.done.load(Ordering::Relaxed));
            self.observer.event(Event::Progress { what, done, total: Some(self.total) });
        }
    }

    fn gone(&self) -> Option<Arc<AtomicBool>> {
        self.observer.gone()
    }
}

/// Tells another observer all that it is told but warnings.
pub struct Unwarned<'a>(pub &'a dyn Observer);

impl Observer for Unwarned<'_> {
    fn event(&self, event: Event) {
        if !matches!(event, Event::Warning { .. }) {
            self.0.event(event);
        }
    }

    fn gone(&self) -> Option<Arc<AtomicBool>> {
        self.0.gone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{How, Outcome, PackageRef};
    use nuka_pir::BuildId;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Told(Mutex<Vec<Event>>);

    impl Observer for Told {
        fn event(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }

    #[test]
    fn a_finished_package_counts_by_its_source() {
        let pids = [1, 2, 3].map(|n| Pid::from_bytes([n; 32]));
        let bytes = BTreeMap::from([(pids[0], 10), (pids[1], 70), (pids[2], 20)]);
        let told = Told::default();
        let weighing = Weighing::new(&told, "stage 2".into(), &bytes);
        weighing.done(&pids[0]);
        let package = PackageRef { pid: pids[1], name: "go-ssa".into(), version: "1".into() };
        weighing.event(Event::Done(Outcome {
            package,
            how: How::Built,
            build: BuildId::from_bytes([0; 32]),
            outputs: Vec::new(),
            seconds: 1.0,
            check: None,
            differences: None,
        }));
        let told = told.0.into_inner().unwrap();
        let progress = Event::Progress { what: "stage 2".into(), done: 80, total: Some(100) };
        assert_eq!(told.last(), Some(&progress));
    }
}
