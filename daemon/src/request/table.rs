//! All requests by name, as the daemon carries them out.

use super::{Request, bootstrap, build, care, look, profile, store};
use crate::{
    error::Error,
    event::Observer,
    fault::{Fault, FaultKind},
    nuka::Nuka,
    socket::QuestionBody,
};
use std::os::fd::OwnedFd;

/// An answer as it goes over the socket.
pub struct Reply {
    /// JSON.
    pub body: serde_json::Value,
    /// What is handed back.
    pub descriptors: Vec<OwnedFd>,
}

macro_rules! requests {
    ($($request:ty),* $(,)?) => {
        /// The names of all requests, and whether they are for every user of the machine.
        pub const NAMES: &[(&str, bool)] = &[$((<$request>::NAME, <$request>::FOR_ALL)),*];

        /// Carries out the request `name`, whose question has this body and came with these open files.
        pub fn carry_out(
            name: &str,
            body: &[u8],
            descriptors: Vec<OwnedFd>,
            nuka: &Nuka,
            observer: &dyn Observer,
        ) -> Result<Reply, Box<Fault>> {
            match name {
                $(<$request>::NAME => one::<$request>(body, descriptors, nuka, observer),)*
                _ => {
                    let message = format!("the daemon does not know how to `{name}`");
                    let help = "it is another version of nuka: `nuka daemon stop` ends it, and the next command starts one of \
                                this version";
                    Err(Box::new(Fault::new(FaultKind::Refused, "nuka::daemon", message).with_help(help)))
                }
            }
        }
    };
}

requests!(
    build::All,
    build::MakePlan,
    build::Build,
    build::Prepare,
    build::View,
    build::HandOver,
    look::Show,
    look::Pir,
    look::Why,
    look::Log,
    look::Search,
    store::Add,
    store::List,
    store::Ls,
    store::Cat,
    store::Find,
    store::Info,
    store::HashTree,
    store::Check,
    store::Names,
    store::Name,
    care::GcPlan,
    care::Gc,
    care::GcWhy,
    care::Pin,
    care::Unpin,
    care::Kept,
    care::Verify,
    care::RebuildIndex,
    care::Export,
    care::Import,
    care::Diff,
    profile::Installable,
    profile::KeepGeneration,
    profile::Environment,
    profile::ResolveEnvironment,
    profile::DropGenerations,
    bootstrap::BootstrapGo,
    bootstrap::BootstrapC,
    bootstrap::Explain,
);

fn one<R: Request>(
    body: &[u8],
    descriptors: Vec<OwnedFd>,
    nuka: &Nuka,
    observer: &dyn Observer,
) -> Result<Reply, Box<Fault>> {
    let malformed = |reason: String| Box::new(Fault::new(FaultKind::Failed, "nuka::daemon", reason));
    let question: QuestionBody<R> = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("the question `{}` cannot be read: {error}", R::NAME)))?;
    let mut request = question.request;
    let handed = request.handed();
    if handed.len() != descriptors.len() {
        return Err(malformed(format!("`{}` came without the open files that it names", R::NAME)));
    }
    for (handed, descriptor) in handed.into_iter().zip(descriptors) {
        handed.receive(descriptor);
    }
    let mut answer = request.carry_out(nuka, observer).map_err(Box::<Fault>::from)?;
    let back = R::handed_back(&mut answer).into_iter().map(|handed| {
        let failed = |source| Error::File { action: "opening", path: handed.shown.clone(), source };
        let opened = handed.duplicate();
        opened.map_err(failed)
    });
    let descriptors = back.collect::<Result<_, Error>>()?;
    let body = serde_json::to_value(&answer).map_err(|error| malformed(error.to_string()))?;
    Ok(Reply { body, descriptors })
}
