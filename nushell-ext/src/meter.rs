//! Stops an evaluation that goes on for too long or grows too large.
//!
//! Nushell looks at one flag (`Signals`) at every jump, return and item of a stream. The meter sets it, and
//! remembers why: the first reason wins, and outlives whatever the recipe makes of the interruption.

use crate::options::Limits;
use nu_protocol::{ShellError, Signals};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

/// How often the watchdog looks at the process's memory.
const POLL: Duration = Duration::from_millis(5);

/// Why an evaluation was stopped.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    Steps,
    Time(Duration),
    Memory(u64),
    Value(usize, nu_protocol::Span),
    /// Something that is never allowed was about to happen.
    Refused(Box<ShellError>),
}

#[derive(Debug)]
pub(crate) struct Meter {
    flag: Arc<AtomicBool>,
    steps: AtomicU64,
    most_steps: u64,
    pub(crate) value_bytes: usize,
    /// How many `for-each` are being recorded: symbolic values exist only while there are any.
    symbolic: AtomicUsize,
    /// How many values that are known only in the build have been seen in lists as these were made.
    ours: AtomicU64,
    /// How many lists are being made for one another.
    streams: AtomicUsize,
    stop: Mutex<Option<Stop>>,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            flag: Arc::default(),
            steps: AtomicU64::new(0),
            most_steps: limits.steps,
            value_bytes: limits.value_bytes,
            symbolic: AtomicUsize::new(0),
            ours: AtomicU64::new(0),
            streams: AtomicUsize::new(0),
            stop: Mutex::new(None),
        }
    }

    pub(crate) fn signals(&self) -> Signals {
        Signals::new(self.flag.clone())
    }

    /// Stops the evaluation. Only the first reason is kept.
    pub(crate) fn stop(&self, stop: Stop) {
        let mut reason = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert(stop);
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Why it was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts work done.
    pub(crate) fn charge(&self, steps: u64) {
        if self.steps.fetch_add(steps, Ordering::Relaxed).saturating_add(steps) > self.most_steps {
            self.stop(Stop::Steps);
        }
    }

    /// Notes a value that is known only in the build, in a list that is being made.
    pub(crate) fn note_ours(&self) {
        self.ours.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that an item of a list is about to be made, and tells how many are.
    pub(crate) fn enter_stream(&self) -> usize {
        self.streams.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that it was made.
    pub(crate) fn leave_stream(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many values that are known only in the build there have been.
    pub(crate) fn ours_streamed(&self) -> u64 {
        self.ours.load(Ordering::Relaxed)
    }

    pub(crate) fn is_symbolic(&self) -> bool {
        self.symbolic.load(Ordering::Relaxed) > 0
    }

    /// Sets how many `for-each` are being recorded, and gives what it was.
    pub(crate) fn set_symbolic(&self, depth: usize) -> usize {
        self.symbolic.swap(depth, Ordering::Relaxed)
    }
}

/// Watches time and memory from a thread of its own until it is dropped.
pub(crate) struct Watchdog {
    done: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start(meter: Arc<Meter>, limits: Limits) -> std::io::Result<Self> {
        let (done, finished) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("recipe watchdog".to_owned())
            .spawn(move || watch(&meter, &limits, &finished))?;
        Ok(Self { done: Some(done), thread: Some(thread) })
    }
}

fn watch(meter: &Meter, limits: &Limits, finished: &mpsc::Receiver<()>) {
    let wait = |time| finished.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout);
    let Some((most, probe)) = &limits.memory else {
        if wait(limits.time) {
            meter.stop(Stop::Time(limits.time));
        }
        return;
    };
    let before = probe();
    let mut rounds = limits.time.as_millis().div_ceil(POLL.as_millis());
    while wait(POLL) {
        if probe().saturating_sub(before) > *most {
            return meter.stop(Stop::Memory(*most));
        }
        rounds = rounds.saturating_sub(1);
        if rounds == 0 {
            return meter.stop(Stop::Time(limits.time));
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // A watchdog that failed has nothing left to tell.
            let _ = thread.join();
        }
    }
}
