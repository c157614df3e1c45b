//! One client: a thread that listens to it, so that its going away is noticed, and one that carries out what it asks.

use super::{
    state::{Client, State},
    work::Work,
};
use crate::{
    client::{STATUS, STOP, Stop, Who},
    config::Config,
    event::{Event, Observer},
    fault::{ENDING, Fault, FaultKind},
    in_flight::Gone,
    nuka::Nuka,
    recipes::RecipeRoots,
    request::{self, Reply},
    socket::{
        Frame, FrameError, Hello, HelloHead, Kind, Link, MAX_QUESTION, PROTOCOL, QuestionBody, QuestionHead,
        Session, Welcome,
    },
};
use std::{
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// How long a client may take to read what it is told, or to say hello.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that was let in.
pub struct Connection {
    state: Arc<State>,
    client: Client,
    link: Arc<Mutex<Link>>,
    /// Whether it is the daemon's own user, or the administrator.
    trusted: bool,
    who: Who,
}

impl Connection {
    /// Serves a client from now on.
    pub fn begin(stream: UnixStream, state: &Arc<State>) {
        let state = Arc::clone(state);
        let name = "nuka-client".to_owned();
        let begun = thread::Builder::new().name(name).spawn({
            let state = Arc::clone(&state);
            move || Self::serve(stream, &state)
        });
        if let Err(error) = begun {
            // The client sees its socket closed, and asks again or does without.
            state.say(&format!("no thread for a client: {error}"));
        }
    }

    fn serve(stream: UnixStream, state: &Arc<State>) {
        let Ok(user) = rustix::net::sockopt::socket_peercred(&stream) else { return };
        let own = rustix::process::geteuid();
        let trusted = user.uid == own || user.uid.is_root();
        if !trusted && !state.about.for_all {
            state.say(&format!("user {} was turned away", user.uid.as_raw()));
            return;
        }
        let patient = stream.set_write_timeout(Some(PATIENCE));
        if patient.and_then(|()| stream.set_read_timeout(Some(PATIENCE))).is_err() {
            return;
        }
        let link = Link::new(stream);
        let (Ok(writing), Ok(waiting), Ok(closing)) = (link.again(), link.again(), link.again()) else {
            return;
        };
        // A process of a namespace that this one does not see has no number here.
        let process = user.pid.as_raw_nonzero().get().cast_unsigned();
        let who = Who { process, user: user.uid.as_raw() };
        let Some(client) = state.enter(closing.into_stream(), who.user, trusted) else { return };
        let link_to = Arc::new(Mutex::new(writing));
        let connection = Self { state: Arc::clone(state), client, link: link_to, trusted, who };
        let nuka = match connection.greet(&link) {
            Ok(nuka) => nuka,
            Err(FrameError::Closed) => return,
            Err(error) => {
                let fault = Fault::new(FaultKind::Refused, "nuka::daemon", error.to_string());
                connection.send_quietly(Kind::Fault, &fault);
                return;
            }
        };
        if waiting.stream().set_read_timeout(None).is_err() {
            return;
        }
        connection.listen(&link, &nuka);
    }

    /// The first messages. Gives nuka as this client uses it.
    fn greet(&self, link: &Link) -> Result<Nuka, FrameError> {
        let frame = link.receive(MAX_QUESTION)?;
        if frame.kind != Kind::Hello {
            return Err(FrameError::Malformed("no greeting"));
        }
        // A client of another protocol is told so by the answer, which has the same beginning in all of them.
        self.send(Kind::Welcome, &self.welcome())?;
        if frame.read::<HelloHead>()?.protocol != PROTOCOL {
            return Err(FrameError::Closed);
        }
        let hello: Hello = frame.read()?;
        let Hello { session, .. } = hello;
        if session.given.len() != frame.descriptors.len() {
            return Err(FrameError::Malformed("directories without their open files"));
        }
        Ok(self.nuka(session, frame.descriptors))
    }

    fn welcome(&self) -> Welcome {
        Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity: self.state.about.identity.clone(),
            process: std::process::id(),
            capabilities: self.capabilities(),
            store: self.state.shared.store_path().clone(),
            for_all: self.state.about.for_all,
            ending: self.state.is_ending(),
        }
    }

    /// What this client may ask for.
    fn capabilities(&self) -> Vec<String> {
        let requests = request::NAMES.iter().filter(|(_, for_all)| *for_all || self.trusted);
        let own: &[&str] = if self.trusted { &[STATUS, STOP] } else { &[STATUS] };
        requests.map(|(name, _)| *name).chain(own.iter().copied()).map(str::to_owned).collect()
    }

    fn nuka(&self, session: Session, descriptors: Vec<std::os::fd::OwnedFd>) -> Nuka {
        let Session { recipe_directories, mut given, jobs, offline, home, env, current_directory } = session;
        let own = &self.state.config;
        for (handed, descriptor) in given.iter_mut().zip(descriptors) {
            handed.receive(descriptor);
        }
        let (roots, recipe_directories) = match self.trusted {
            true => (RecipeRoots::handed(&recipe_directories, given), recipe_directories),
            // The daemon reads with its own rights, which are not those of whoever hands a directory over: for others it
            // builds its own recipes alone.
            false => (RecipeRoots::closed(own.recipe_directories.clone()), own.recipe_directories.clone()),
        };
        // What leads to files by their paths is taken only from whom they belong to anyway.
        let (home, env, current_directory) = match self.trusted {
            true => (home, env, current_directory),
            false => (own.home.clone(), own.env.clone(), own.current_directory.clone()),
        };
        let config = Config {
            jobs: if self.trusted { jobs } else { jobs.min(own.jobs) },
            offline: offline || own.offline,
            home,
            env,
            current_directory,
            recipe_directories,
            user: self.who.user,
            ..own.clone()
        };
        Nuka::with(config, roots, Arc::clone(&self.state.shared))
    }

    /// Carries out one question after the other, on another thread than the one that waits for the next.
    fn listen(self, link: &Link, nuka: &Nuka) {
        let (asked, questions) = mpsc::channel::<Frame>();
        // One question at a time: more than that are not kept for anybody.
        let busy = AtomicBool::new(false);
        thread::scope(|scope| {
            let (connection, busy) = (&self, &busy);
            let worker =
                thread::Builder::new().name("nuka-request".to_owned()).spawn_scoped(scope, move || {
                    for frame in questions {
                        connection.carry_out(frame, nuka, busy);
                    }
                });
            if worker.is_err() {
                return;
            }
            loop {
                match link.receive(MAX_QUESTION) {
                    Ok(frame) => {
                        let early = busy.swap(true, Ordering::AcqRel);
                        if early || asked.send(frame).is_err() {
                            break;
                        }
                    }
                    Err(FrameError::Closed) => break,
                    Err(error) => {
                        self.state.say(&format!("a client was given up: {error}"));
                        let fault = Fault::new(FaultKind::Failed, "nuka::daemon", error.to_string());
                        self.send_quietly(Kind::Fault, &fault);
                        break;
                    }
                }
            }
            drop(asked);
            self.client.gone.store(true, Ordering::Release);
            self.state.shared.review();
        });
    }

    fn carry_out(&self, frame: Frame, nuka: &Nuka, busy: &AtomicBool) {
        // Until the answer was sent.
        let _answering = self.state.answering();
        let mut stop = None;
        let reply = self.answer(frame, nuka, &mut stop);
        // Before the answer is sent, upon which the next question may come.
        busy.store(false, Ordering::Release);
        let sent = match &reply {
            Ok(reply) => {
                let open: Vec<_> = reply.descriptors.iter().map(|open| open.as_fd()).collect();
                let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
                link.send(Kind::Answer, &reply.body, &open)
            }
            Err(fault) => self.send(Kind::Fault, &**fault),
        };
        if let Err(error) = sent
            && !matches!(error, FrameError::Closed)
        {
            let fault = Fault::new(FaultKind::Failed, "nuka::daemon", error.to_string());
            self.send_quietly(Kind::Fault, &fault);
        }
        // Who had the daemon end has been answered before it does.
        if let Some(Stop { now }) = stop {
            self.state.say("it was told to end");
            self.state.stop(now);
        }
    }

    fn answer(&self, frame: Frame, nuka: &Nuka, stop: &mut Option<Stop>) -> Result<Reply, Box<Fault>> {
        let malformed = |reason: String| Box::new(Fault::new(FaultKind::Failed, "nuka::daemon", reason));
        if frame.kind != Kind::Question {
            return Err(malformed("a question was expected".to_owned()));
        }
        let head: QuestionHead = frame.read().map_err(|error| malformed(error.to_string()))?;
        let known = request::NAMES.iter().any(|(name, _)| *name == head.name)
            || [STATUS, STOP].contains(&&*head.name);
        if known && !self.capabilities().contains(&head.name) {
            let message = format!("you may not `{}` here", head.name);
            let help = "this daemon serves all users of the machine and keeps that to its administrator";
            return Err(Box::new(Fault::new(FaultKind::Refused, "nuka::daemon", message).with_help(help)));
        }
        let plain = |body: serde_json::Value| Reply { body, descriptors: Vec::new() };
        match head.name.as_str() {
            STATUS => {
                let status = serde_json::to_value(self.state.status(self.capabilities()));
                Ok(plain(status.map_err(|error| malformed(error.to_string()))?))
            }
            STOP => {
                let question: QuestionBody<Stop> =
                    frame.read().map_err(|error| malformed(error.to_string()))?;
                *stop = Some(question.request);
                Ok(plain(serde_json::Value::Null))
            }
            name => self.request(name, head.places, frame.body.as_slice(), frame.descriptors, nuka),
        }
    }

    fn request(
        &self,
        name: &str,
        mut places: Vec<crate::handed::Handed>,
        body: &[u8],
        mut descriptors: Vec<std::os::fd::OwnedFd>,
        nuka: &Nuka,
    ) -> Result<Reply, Box<Fault>> {
        let Some(working) = self.state.work(name, self.who) else {
            let fault = Fault::new(FaultKind::NoDaemon, ENDING, "the daemon is about to end");
            return Err(Box::new(fault.with_help("ask again: the next command starts another")));
        };
        if !places.is_empty() && !self.trusted {
            let message = "this daemon serves all users of the machine, and builds no recipes of theirs";
            let help = "NUKA_STORE names a store of your own, for recipes of your own";
            return Err(Box::new(Fault::new(FaultKind::Refused, "nuka::daemon", message).with_help(help)));
        }
        if places.len() > descriptors.len() {
            let reason = "directories without their open files";
            return Err(Box::new(Fault::new(FaultKind::Failed, "nuka::daemon", reason)));
        }
        let own = descriptors.split_off(places.len());
        for (place, descriptor) in places.iter_mut().zip(std::mem::replace(&mut descriptors, own)) {
            place.receive(descriptor);
        }
        let (link, gone) = (Arc::clone(&self.link), Arc::clone(&self.client.gone));
        let observer = Told { link, gone, work: Arc::clone(working.work()) };
        let begun = std::panic::AssertUnwindSafe(|| match places.is_empty() {
            true => request::carry_out(name, body, descriptors, nuka, &observer),
            false => request::carry_out(name, body, descriptors, &nuka.with_places(places), &observer),
        });
        // A fault of nuka's own ends a request, not the daemon with everybody's.
        std::panic::catch_unwind(begun).unwrap_or_else(|_| {
            self.state.say(&format!("`{name}` met a fault of nuka's own"));
            let message = format!("the daemon could not `{name}`: a fault of nuka's own");
            Err(Box::new(
                Fault::new(FaultKind::Failed, "nuka::daemon", message)
                    .with_help("`nuka daemon log` shows it; please report it"),
            ))
        })
    }

    fn send(&self, kind: Kind, body: &impl serde::Serialize) -> Result<(), FrameError> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).send(kind, body, &[])
    }

    fn send_quietly(&self, kind: Kind, body: &impl serde::Serialize) {
        // Who is not there to be told wants nothing.
        let _ = self.send(kind, body);
    }
}

/// Tells a client of what happens.
struct Told {
    link: Arc<Mutex<Link>>,
    gone: Gone,
    work: Arc<Work>,
}

impl Observer for Told {
    fn event(&self, event: Event) {
        self.work.note(&event);
        if self.gone.load(Ordering::Acquire) {
            return;
        }
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.send(Kind::Event, &event, &[]).is_err() {
            // It has gone away, or does not read.
            self.gone.store(true, Ordering::Release);
        }
    }

    fn gone(&self) -> Option<Gone> {
        Some(Arc::clone(&self.gone))
    }
}
