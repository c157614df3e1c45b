//! The daemon: owns a store and carries out what its clients ask for, each client on threads of its own.
//!
//! It ends by itself when nobody has been connected for a while, when it is told to, or when its socket is gone. Nothing is
//! lost by ending it in any other way: what it acknowledged is durable, and the next one begins where it was.

mod activation;
mod connection;
mod state;
mod work;

pub use activation::activated;

use crate::{
    config::Config,
    error::Error,
    shared::{Ownership, Shared},
    socket::{self, Place},
};
use connection::Connection;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use state::{About, State};
use std::{
    io::{self, Read as _},
    os::{
        fd::AsFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// In the error of a daemon that was started beside another one.
pub(crate) const ALREADY: &str = "is owned by process";

/// How often the daemon looks whether it should end.
const LOOK: Duration = Duration::from_millis(900);

/// How long it waits for its first client at least.
const FIRST_CLIENT: Duration = Duration::from_secs(10);

/// How a daemon serves.
#[derive(Debug)]
pub struct ServeOptions {
    /// Ends after that long without clients; never, if `None`.
    pub idle: Option<Duration>,
    /// Serves every user of the machine, with what is for all of them.
    pub for_all: bool,
    /// A socket that is there already, and where it is.
    pub socket: Option<(UnixListener, PathBuf)>,
    /// The file in which what it says is written down, to be told to who asks.
    pub log: Option<PathBuf>,
    /// Gives the system the memory that work has left: whoever chose the allocator knows how. Called when nothing is going on.
    pub give_back: fn(),
}

/// Serves the store of `config` until the daemon is to end. `ready` is called when clients can connect; `log` with a line
/// for whoever looks after it.
///
/// # Errors
/// If the store is owned by another process or cannot be opened, or there can be no socket.
pub fn serve(
    config: Config,
    options: ServeOptions,
    ready: impl FnOnce(),
    log: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), Error> {
    let shared = Arc::new(Shared::new(&config, Ownership::Exclusive));
    shared.store()?;
    let failed = |source| Error::File { action: "making the socket", path: config.store.clone(), source };
    let (place, listener) = match options.socket {
        Some((listener, path)) => (Place::given(path), listener),
        None => Place::take(&config.store, options.for_all).map_err(failed)?,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let identity = socket::identity(config.executable.as_deref());
    log(&format!("nuka {} serves {}", env!("CARGO_PKG_VERSION"), config.store.display()));
    let (waking, woken) = UnixStream::pair().map_err(failed)?;
    waking.set_nonblocking(true).and_then(|()| woken.set_nonblocking(true)).map_err(failed)?;
    let about = About {
        identity,
        for_all: options.for_all,
        idle: options.idle,
        socket: place.path().to_owned(),
        log: options.log,
        give_back: options.give_back,
    };
    let state = Arc::new(State::new(config, shared, about, Box::new(log), waking));
    ready();
    let mut empty_since = Instant::now();
    loop {
        match accept(&listener, &woken) {
            Ok(Some(stream)) => Connection::begin(stream, &state),
            Ok(None) => {}
            Err(error) => state.say(&format!("a client could not be let in: {error}")),
        }
        let now = Instant::now();
        if !state.is_idle() {
            empty_since = now;
        }
        let empty_for = now.duration_since(empty_since);
        // Whoever started it is on the way.
        let waited = empty_for >= FIRST_CLIENT;
        let idle = || options.idle.is_some_and(|idle| empty_for >= idle) && state.end_if_idle(waited);
        if state.may_end() || idle() || !place.is_there() {
            break;
        }
    }
    match state.at_work() {
        0 => state.say("it ends"),
        // Whatever holds them up, nothing that was acknowledged is lost.
        left => state.say(&format!("it ends, and gives up {left} that did not stop in time")),
    }
    // Removed before the store is given up: whoever finds no socket starts another daemon, which then has to wait a moment.
    drop(place);
    state.close();
    if let Ok(store) = state.shared.store() {
        store.close_index();
    }
    Ok(())
}

/// The next client, if one comes soon and nothing else is to be looked at before.
fn accept(listener: &UnixListener, woken: &UnixStream) -> io::Result<Option<UnixStream>> {
    let wait = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos() as i64 };
    let mut waited_for =
        [listener.as_fd(), woken.as_fd()].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let polled = poll(&mut waited_for, Some(&wait));
    // What it was woken for is looked at afterwards.
    while (&*woken).read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    match polled {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(false)?;
            Ok(Some(stream))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => {
            // Of too many open files there are fewer in a moment.
            std::thread::sleep(Duration::from_millis(50));
            Err(error)
        }
    }
}
