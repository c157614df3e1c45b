//! Work that is going on, shared by all who want it.
//!
//! The first who wants something does it; who comes meanwhile waits for the same result and is told of the same progress.
//! Who goes away ends nothing that somebody else waits for. When nobody waits any more the work is told to stop; whoever
//! comes after that begins it anew.

use crate::event::{Event, Observer};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

/// How often who waits looks whether somebody still waits for them.
const LOOK: Duration = Duration::from_millis(100);

/// Set when nobody waits for something any more.
pub type Gone = Arc<AtomicBool>;

/// Work by what it is for.
pub struct InFlight<K, T> {
    jobs: Mutex<HashMap<K, Arc<Job<T>>>>,
}

/// One piece of work that is going on.
struct Job<T> {
    /// Whether the one who does it still wants it; always, if there is no way to tell.
    first: Option<Gone>,
    stop: Gone,
    waiting: Mutex<Waiting<T>>,
}

struct Waiting<T> {
    each: Vec<mpsc::Sender<Told<T>>>,
    wanted_by: usize,
}

enum Joined<T> {
    /// There is nothing to join: the work is the caller's to do.
    First(Arc<Job<T>>),
    Later(Arc<Job<T>>),
}

enum Waited<T> {
    Ended(T),
    /// Nobody waits for who waited.
    Gone,
    /// It ended without a word.
    Nothing,
}

enum Told<T> {
    Event(Box<Event>),
    Ended(T),
}

/// What the one who does the work is given.
pub struct Doing<'a, T> {
    /// Tells everybody.
    pub observer: &'a dyn Observer,
    /// Set when nobody wants it any more.
    pub stop: &'a Gone,
    #[cfg_attr(not(test), expect(dead_code, reason = "tests wait until others have joined"))]
    job: &'a Job<T>,
}

impl<K, T> Default for InFlight<K, T> {
    fn default() -> Self {
        Self { jobs: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone, T: Clone + Send> InFlight<K, T> {
    /// Does `work`, or waits until who is at it already has done it. `None` if the caller's own observer is gone
    /// before that.
    pub fn share(
        &self,
        key: &K,
        observer: &dyn Observer,
        work: impl FnOnce(&Doing<'_, T>) -> T,
    ) -> Option<T> {
        let job = loop {
            let (sender, receiver) = mpsc::channel();
            match self.join(key, sender, observer) {
                Joined::First(job) => break job,
                Joined::Later(job) => match job.wait(&receiver, observer) {
                    Waited::Ended(result) => return Some(result),
                    Waited::Gone => return None,
                    // It came to no end, or to one that was told before this one had joined.
                    Waited::Nothing => {}
                },
            }
        };
        // Whatever happens in there, nobody waits for ever.
        let _ended = Ended { flight: self, key, job: &job };
        let everybody = Everybody { first: observer, job: &job };
        let result = work(&Doing { observer: &everybody, stop: &job.stop, job: &job });
        for waiting in lock(&job.waiting).each.drain(..) {
            // Who has gone away wants no answer.
            let _ = waiting.send(Told::Ended(result.clone()));
        }
        Some(result)
    }

    fn join(&self, key: &K, sender: mpsc::Sender<Told<T>>, observer: &dyn Observer) -> Joined<T> {
        let mut jobs = lock(&self.jobs);
        if let Some(job) = jobs.get(key).filter(|job| job.join(sender)) {
            return Joined::Later(Arc::clone(job));
        }
        let waiting = Mutex::new(Waiting { each: Vec::new(), wanted_by: 0 });
        let job = Arc::new(Job { first: observer.gone(), stop: Gone::default(), waiting });
        jobs.insert(key.clone(), Arc::clone(&job));
        // Who went away before this was on the list was looked for in vain.
        job.review();
        Joined::First(job)
    }

    /// Stops what nobody waits for any more. Called when somebody has gone away.
    pub fn review(&self) {
        for job in lock(&self.jobs).values() {
            job.review();
        }
    }
}

impl<T> Job<T> {
    /// Has the sender told of everything from now on. False if the work is being stopped.
    fn join(&self, sender: mpsc::Sender<Told<T>>) -> bool {
        let mut waiting = lock(&self.waiting);
        if self.stop.load(Ordering::Acquire) {
            return false;
        }
        waiting.each.push(sender);
        waiting.wanted_by += 1;
        true
    }

    fn wait(&self, told: &mpsc::Receiver<Told<T>>, observer: &dyn Observer) -> Waited<T> {
        let gone = observer.gone();
        loop {
            match told.recv_timeout(LOOK) {
                Ok(Told::Event(event)) => observer.event(*event),
                Ok(Told::Ended(result)) => return Waited::Ended(result),
                Err(RecvTimeoutError::Timeout) if is_set(gone.as_ref()) => {
                    lock(&self.waiting).wanted_by -= 1;
                    self.review();
                    return Waited::Gone;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Waited::Nothing,
            }
        }
    }

    fn review(&self) {
        let waiting = lock(&self.waiting);
        if waiting.wanted_by == 0 && is_set(self.first.as_ref()) {
            self.stop.store(true, Ordering::Release);
        }
    }
}

fn is_set(gone: Option<&Gone>) -> bool {
    gone.is_some_and(|gone| gone.load(Ordering::Acquire))
}

/// Takes the work off the list, also when it panics.
struct Ended<'a, K: Hash + Eq, T> {
    flight: &'a InFlight<K, T>,
    key: &'a K,
    job: &'a Arc<Job<T>>,
}

impl<K: Hash + Eq, T> Drop for Ended<'_, K, T> {
    fn drop(&mut self) {
        let mut jobs = lock(&self.flight.jobs);
        // Another may stand there already, begun while this one was being stopped.
        if jobs.get(self.key).is_some_and(|job| Arc::ptr_eq(job, self.job)) {
            jobs.remove(self.key);
        }
        drop(jobs);
        lock(&self.job.waiting).each.clear();
    }
}

/// The one who does the work, and all who wait for it.
struct Everybody<'a, T> {
    first: &'a dyn Observer,
    job: &'a Job<T>,
}

impl<T: Send> Observer for Everybody<'_, T> {
    fn event(&self, event: Event) {
        for waiting in &lock(&self.job.waiting).each {
            let _ = waiting.send(Told::Event(Box::new(event.clone())));
        }
        self.first.event(event);
    }

    fn gone(&self) -> Option<Gone> {
        Some(Arc::clone(&self.job.stop))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[derive(Default)]
    struct Watcher {
        events: Mutex<Vec<String>>,
        gone: Gone,
    }

    impl Observer for Watcher {
        fn event(&self, event: Event) {
            if let Event::Warning { text } = event {
                lock(&self.events).push(text);
            }
        }

        fn gone(&self) -> Option<Gone> {
            Some(Arc::clone(&self.gone))
        }
    }

    fn say(observer: &dyn Observer, text: &str) {
        observer.event(Event::Warning { text: text.to_owned() });
    }

    /// Waits until `count` others wait for the work.
    fn until_joined<T>(doing: &Doing<'_, T>, count: usize) {
        while lock(&doing.job.waiting).wanted_by != count {
            std::thread::yield_now();
        }
    }

    #[test]
    fn two_who_want_one_thing_share_it() {
        let flight = InFlight::<u8, u8>::default();
        let (first, second) = (Watcher::default(), Watcher::default());
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| {
                flight.share(&1, &first, |doing| {
                    begun.wait();
                    until_joined(doing, 1);
                    say(doing.observer, "step");
                    7
                })
            });
            begun.wait();
            let two = flight.share(&1, &second, |_| panic!("it is done already"));
            assert_eq!((one.join().unwrap(), two), (Some(7), Some(7)));
        });
        assert_eq!(
            (&*lock(&first.events), &*lock(&second.events)),
            (&vec!["step".to_owned()], &vec!["step".to_owned()])
        );
        assert_eq!(flight.share(&1, &first, |_| 8), Some(8));
    }

    #[test]
    fn who_goes_away_ends_only_what_nobody_else_waits_for() {
        let flight = InFlight::<u8, bool>::default();
        let (first, second) = (Watcher::default(), Watcher::default());
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| {
                flight.share(&1, &first, |doing| {
                    begun.wait();
                    until_joined(doing, 1);
                    // The one who began it goes: somebody waits still.
                    first.gone.store(true, Ordering::Release);
                    flight.review();
                    let early = doing.stop.load(Ordering::Acquire);
                    // Then the other one.
                    second.gone.store(true, Ordering::Release);
                    until_joined(doing, 0);
                    while !doing.stop.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                    early
                })
            });
            begun.wait();
            assert_eq!(flight.share(&1, &second, |_| true), None);
            assert_eq!(one.join().unwrap(), Some(false));
        });
    }

    #[test]
    fn who_has_gone_before_it_begins_wants_nothing() {
        let flight = InFlight::<u8, bool>::default();
        let watcher = Watcher::default();
        watcher.gone.store(true, Ordering::Release);
        assert_eq!(flight.share(&1, &watcher, |doing| doing.stop.load(Ordering::Acquire)), Some(true));
    }

    #[test]
    fn who_waits_for_work_that_panicked_does_it_anew() {
        let flight = InFlight::<u8, u8>::default();
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| {
                flight.share(&1, &Watcher::default(), |doing| {
                    begun.wait();
                    until_joined(doing, 1);
                    panic!("on purpose");
                })
            });
            begun.wait();
            assert_eq!(flight.share(&1, &Watcher::default(), |_| 9), Some(9));
            assert!(one.join().is_err());
        });
        assert!(lock(&flight.jobs).is_empty());
    }
}
