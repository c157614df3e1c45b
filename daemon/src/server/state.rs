//! What all connections of a daemon share, and whether it may end.

use super::work::Work;
use crate::{
    client::{DaemonStatus, Who},
    config::Config,
    in_flight::Gone,
    shared::Shared,
};
use std::{
    io::Write as _,
    net::Shutdown,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Clients that one user of a daemon for all may have at once.
const MOST_CLIENTS: usize = 64;

/// How long what was told to stop may take for that: a file system that does not answer holds up nobody's end.
const GRACE: Duration = Duration::from_secs(5);

/// What a daemon knows of itself from the beginning.
pub struct About {
    /// Which build of nuka it is.
    pub identity: String,
    /// Whether it serves every user of the machine.
    pub for_all: bool,
    /// How long it stays without clients.
    pub idle: Option<Duration>,
    /// Where it is met.
    pub socket: PathBuf,
    /// Where it writes down what it says.
    pub log: Option<PathBuf>,
    /// Gives the system the memory that work has left.
    pub give_back: fn(),
}

/// See the module's text.
pub struct State {
    /// The daemon's own configuration.
    pub config: Config,
    /// The store, and the work that is going on.
    pub shared: Arc<Shared>,
    /// Itself.
    pub about: About,
    log: Box<dyn Fn(&str) + Send + Sync>,
    begun: Instant,
    clients: Mutex<Clients>,
    /// Written to when there may be a reason to end.
    wake: UnixStream,
    /// Requests that are being carried out, the longest first.
    working: Mutex<Vec<Arc<Work>>>,
    /// Questions that have come and are not answered yet.
    answering: AtomicUsize,
}

#[derive(Default)]
struct Clients {
    /// Of each client that is connected: what is set when it goes away, its socket, and its user.
    connected: Vec<(Gone, UnixStream, u32)>,
    used: bool,
    stopping: bool,
    /// When it ends whatever is still going on.
    deadline: Option<Instant>,
}

impl Clients {
    /// Those that have not gone away. What one of them began may go on for others.
    fn count(&self) -> usize {
        self.connected.iter().filter(|(gone, ..)| !gone.load(Ordering::Acquire)).count()
    }
}

/// While this lives, its client is connected.
pub struct Client {
    state: Arc<State>,
    /// Set when it has gone away.
    pub gone: Gone,
}

/// While this lives, a request is being carried out.
pub struct Working<'a> {
    state: &'a State,
    work: Arc<Work>,
}

/// While this lives, a question is being answered: the daemon does not end before the answer was sent.
pub struct Answering<'a>(&'a State);

impl Working<'_> {
    /// The request.
    pub fn work(&self) -> &Arc<Work> {
        &self.work
    }
}

impl State {
    /// Of a daemon that begins now.
    pub fn new(
        config: Config,
        shared: Arc<Shared>,
        about: About,
        log: Box<dyn Fn(&str) + Send + Sync>,
        wake: UnixStream,
    ) -> Self {
        Self {
            wake,
            config,
            shared,
            about,
            log,
            begun: Instant::now(),
            clients: Mutex::default(),
            working: Mutex::default(),
            answering: AtomicUsize::new(0),
        }
    }

    /// Tells whoever looks after the daemon.
    pub fn say(&self, line: &str) {
        (self.log)(line);
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn working(&self) -> MutexGuard<'_, Vec<Arc<Work>>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests are being carried out.
    pub fn at_work(&self) -> usize {
        self.working().len()
    }

    /// Whether it was told to end.
    pub fn is_ending(&self) -> bool {
        self.clients().stopping
    }

    /// A client more, which is at the other end of this socket; `None` if the user has too many others. Also a daemon that
    /// was told to end can be asked how that goes, and to hurry.
    pub fn enter(self: &Arc<Self>, socket: UnixStream, user: u32, trusted: bool) -> Option<Client> {
        let mut clients = self.clients();
        let others = clients.connected.iter().filter(|(_, _, other)| *other == user).count();
        if !trusted && others >= MOST_CLIENTS {
            return None;
        }
        let gone = Gone::default();
        clients.connected.push((Arc::clone(&gone), socket, user));
        clients.used = true;
        Some(Client { state: Arc::clone(self), gone })
    }

    /// A question that is going to be answered.
    pub fn answering(&self) -> Answering<'_> {
        self.answering.fetch_add(1, Ordering::AcqRel);
        Answering(self)
    }

    /// A request more; `None` if the daemon is about to end.
    pub fn work(&self, name: &str, client: Who) -> Option<Working<'_>> {
        let clients = self.clients();
        if clients.stopping {
            return None;
        }
        let work = Arc::new(Work::new(name, client));
        self.working().push(Arc::clone(&work));
        Some(Working { state: self, work })
    }

    /// Has the daemon end: nothing new is begun. With `now`, what is going on is stopped.
    pub fn stop(&self, now: bool) {
        let mut clients = self.clients();
        clients.stopping = true;
        if now {
            clients.deadline.get_or_insert_with(|| Instant::now() + GRACE);
            for (gone, ..) in &clients.connected {
                gone.store(true, Ordering::Release);
            }
        }
        drop(clients);
        self.shared.review();
        self.wake();
    }

    /// Has the daemon look whether it should end.
    fn wake(&self) {
        // One that has been woken often enough does not need this one.
        let _ = (&self.wake).write(&[0]);
    }

    /// Closes all sockets, which tells who waits for the daemon's end that it has come.
    pub fn close(&self) {
        for (_, socket, _) in &self.clients().connected {
            // One that is closed already needs no closing.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Whether nobody is connected and nothing is going on.
    pub fn is_idle(&self) -> bool {
        self.clients().count() == 0 && self.at_work() == 0
    }

    /// Has the daemon end if nobody is connected, nothing is going on, and somebody has been here or need not be waited
    /// for any more. Who connects at that very moment is either in before, and keeps it, or is turned away.
    pub fn end_if_idle(&self, waited: bool) -> bool {
        let mut clients = self.clients();
        let idle = clients.count() == 0 && self.at_work() == 0;
        clients.stopping |= idle && (clients.used || waited);
        clients.stopping
    }

    /// Whether it was told to end, and nothing is going on any more, or has not stopped for too long.
    pub fn may_end(&self) -> bool {
        let clients = self.clients();
        let late = clients.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        clients.stopping && (late || (self.at_work() == 0 && self.answering.load(Ordering::Acquire) == 0))
    }

    /// What there is to tell of it to one of its clients.
    pub fn status(&self, capabilities: Vec<String>) -> DaemonStatus {
        let (clients, ending) = {
            let clients = self.clients();
            (clients.count().saturating_sub(1), clients.stopping)
        };
        let requests: Vec<_> = self.working().iter().map(|work| work.tell()).collect();
        DaemonStatus {
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            store: self.shared.store_path().clone(),
            socket: self.about.socket.clone(),
            log: self.about.log.clone(),
            for_all: self.about.for_all,
            up_seconds: self.begun.elapsed().as_secs(),
            ending,
            idle_seconds: self.about.idle.map(|idle| idle.as_secs()),
            clients,
            working: requests.len(),
            requests,
            capabilities,
        }
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::AcqRel);
        self.0.wake();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.state.clients().connected.retain(|(gone, ..)| !Arc::ptr_eq(gone, &self.gone));
        self.state.wake();
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut working = self.state.working();
        working.retain(|work| !Arc::ptr_eq(work, &self.work));
        let last = working.is_empty();
        drop(working);
        if last {
            (self.state.about.give_back)();
        }
        self.state.wake();
    }
}
