//! A client's side of the socket.

use super::start::{self, Daemon};
use crate::{
    api::Target,
    config::Config,
    error::{CANCELLED, Error},
    event::{Event, Observer},
    fault::{ENDING, Fault, FaultKind},
    handed::Handed,
    in_flight::Gone,
    request::Request,
    socket::{self, FrameError, Kind, Link, MAX_ANSWER, Question},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    collections::BTreeSet,
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError, atomic::Ordering},
};

/// How often who waits looks whether that is still wanted.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// A connection to the daemon, made when it is first needed and made anew when it is lost between two questions.
pub struct Remote {
    config: Config,
    daemon: Mutex<Option<Daemon>>,
    read_only: OnceLock<bool>,
}

impl Remote {
    /// To the daemon of this configuration's store.
    pub fn new(config: Config) -> Self {
        Self { config, daemon: Mutex::default(), read_only: OnceLock::new() }
    }

    /// Whether the store may only be read, and nobody serves it: then it can be looked into, and needs no owner.
    pub fn is_read_only(&self) -> bool {
        *self.read_only.get_or_init(|| {
            let store = &self.config.store;
            let may_not_write = || {
                let asked = rustix::fs::access(store, rustix::fs::Access::WRITE_OK);
                matches!(asked, Err(Errno::ROFS | Errno::ACCESS))
            };
            may_not_write() && socket::connect(store).is_err()
        })
    }

    /// Asks, and tells the observer of what happens until the answer comes.
    pub fn ask<R: Request>(&self, mut request: R, observer: &dyn Observer) -> Result<R::Answer, Box<Fault>> {
        let places = places(request.targets())?;
        let mut descriptors = Vec::new();
        for handed in places.iter().chain(request.handed().iter().map(|handed| &**handed)) {
            let failed = |source| Error::File { action: "reading", path: handed.shown.clone(), source };
            descriptors.push(handed.duplicate().map_err(failed)?);
        }
        let question = Question { name: R::NAME.to_owned(), places, request };
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        // A daemon that had nothing to do may have ended since the last question; nothing was begun then.
        for last in [false, true] {
            let met = match daemon.take() {
                Some(met) => met,
                None => start::meet(&self.config, observer)?,
            };
            met.require(R::NAME)?;
            match send(met.link(), &question, &descriptors) {
                Err(FrameError::Closed) if !last => continue,
                sent => sent.map_err(|error| lost(&error))?,
            }
            let answer = receive::<R>(met.link(), observer);
            if matches!(&answer, Err(fault) if fault.code == CANCELLED) {
                // The daemon is told by the connection's end, and what else it has to say is for nobody.
                return answer;
            }
            if let Err(fault) = &answer
                && fault.code == ENDING
                && !last
            {
                // Nothing was begun.
                met.wait_for_its_end(observer);
                continue;
            }
            // After a fault of the socket nothing can be said about what comes next.
            if !matches!(&answer, Err(fault) if fault.kind == FaultKind::NoDaemon) {
                *daemon = Some(met);
            }
            return answer;
        }
        Err(lost(&FrameError::Closed))
    }
}

fn send<R: serde::Serialize>(
    link: &Link,
    question: &Question<R>,
    descriptors: &[OwnedFd],
) -> Result<(), FrameError> {
    let open: Vec<_> = descriptors.iter().map(OwnedFd::as_fd).collect();
    link.send(Kind::Question, question, &open)
}

fn receive<R: Request>(link: &Link, observer: &dyn Observer) -> Result<R::Answer, Box<Fault>> {
    let gone = observer.gone();
    loop {
        if let Some(gone) = &gone {
            wait(link, gone)?;
        }
        let frame = link.receive(MAX_ANSWER).map_err(|error| lost(&error))?;
        match frame.kind {
            Kind::Event => observer.event(frame.read::<Event>().map_err(|error| lost(&error))?),
            Kind::Fault => return Err(frame.read().map_err(|error| lost(&error))?),
            Kind::Answer => {
                let mut answer: R::Answer = frame.read().map_err(|error| lost(&error))?;
                let handed = R::handed_back(&mut answer);
                if handed.len() != frame.descriptors.len() {
                    return Err(lost(&FrameError::Malformed("an answer without its open files")));
                }
                for (handed, descriptor) in handed.into_iter().zip(frame.descriptors) {
                    handed.receive(descriptor);
                }
                return Ok(answer);
            }
            _ => return Err(lost(&FrameError::Malformed("an answer of another kind"))),
        }
    }
}

/// Waits until something comes, or nobody wants it any more.
fn wait(link: &Link, gone: &Gone) -> Result<(), Box<Fault>> {
    loop {
        if gone.load(Ordering::Acquire) {
            return Err(Error::Cancelled.into());
        }
        let mut waited_for = [PollFd::from_borrowed_fd(link.stream().as_fd(), PollFlags::IN)];
        match poll(&mut waited_for, Some(&LOOK)) {
            Ok(0) | Err(Errno::INTR) => {}
            // What is wrong with it is said by reading.
            _ => return Ok(()),
        }
    }
}

/// The directories of recipes that are named by their files, which become absolute.
fn places(targets: &mut [Target]) -> Result<Vec<Handed>, Box<Fault>> {
    let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
    for target in targets {
        let Target::File { path, .. } = target else { continue };
        let unreadable = |source| Error::RecipeFile { path: path.clone(), source };
        let real = fs_err::canonicalize(&*path).map_err(unreadable)?;
        directories.extend(real.parent().map(PathBuf::from));
        *path = real;
    }
    Ok(directories.into_iter().map(Handed::own).collect())
}

fn lost(error: &FrameError) -> Box<Fault> {
    let fault =
        Fault::new(FaultKind::NoDaemon, "nuka::daemon", format!("the daemon's answer was lost: {error}"));
    let help = match error {
        FrameError::Closed => {
            "it has ended; what was finished is kept. `nuka daemon log` shows what it said; ask again"
        }
        _ => "ask again, or do the work without a daemon: `--no-daemon`",
    };
    Box::new(fault.with_help(help))
}

/// What a failure to reach the daemon means.
pub(super) fn unreachable(action: &str, error: &io::Error) -> Box<Fault> {
    let message = format!("cannot {action}: {error}");
    let help = "`nuka daemon status` shows what is known of it; `--no-daemon` does the work without one";
    Box::new(Fault::new(FaultKind::NoDaemon, "nuka::daemon", message).with_help(help))
}
