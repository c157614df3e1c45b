//! The requests that nuka answers: each a type of its own with the type of its answer, all of them plain data.
//!
//! A request is carried out by [`Request::answer`], in this process or in the daemon's: what goes over the socket is the
//! request's name and its fields. A name is a capability: who may not use it is told so by that name, and a daemon lists
//! those that it has.

mod bootstrap;
mod build;
mod care;
mod look;
mod profile;
mod store;
mod table;

pub use bootstrap::{BootstrapC, BootstrapGo, Explain};
pub use build::{All, Build, HandOver, MakePlan, Prepare, View};
pub use care::{Diff, Export, Gc, GcPlan, GcWhy, Import, Kept, Pin, RebuildIndex, Unpin, Verify};
pub use look::{Log, Pir, Search, Show, Why};
pub use profile::{DropGenerations, Environment, Installable, KeepGeneration, ResolveEnvironment};
pub use store::{Add, Cat, Check, Find, HashTree, Info, List, Ls, Name, Names};
pub(crate) use table::{NAMES, Reply, carry_out};

use crate::{api::Target, error::Error, event::Observer, handed::Handed, nuka::Nuka};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::atomic::Ordering;

/// A question, and how it is answered.
pub trait Request: Serialize + DeserializeOwned + Send {
    /// What it is answered with.
    type Answer: Serialize + DeserializeOwned + Send;

    /// Its name in the protocol. Never changed once it has been used; another meaning gets another name.
    const NAME: &'static str;

    /// Whether every user of the machine may ask a daemon that serves all of them.
    const FOR_ALL: bool = true;

    /// Carries it out.
    ///
    /// # Errors
    /// Why it could not be.
    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error>;

    /// The same, and says of whatever ended because nobody is there any more that this is the reason.
    ///
    /// # Errors
    /// As [`Request::answer`], and [`Error::Cancelled`].
    fn carry_out(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        self.answer(nuka, observer).map_err(|error| {
            let gone = observer.gone().is_some_and(|gone| gone.load(Ordering::Acquire));
            if gone { Error::Cancelled } else { error }
        })
    }

    /// The targets in it: those that are files are handed over with their directories.
    fn targets(&mut self) -> &mut [Target] {
        &mut []
    }

    /// What is handed over with it.
    fn handed(&mut self) -> Vec<&mut Handed> {
        Vec::new()
    }

    /// What is handed back with the answer.
    fn handed_back(_: &mut Self::Answer) -> Vec<&mut Handed> {
        Vec::new()
    }
}
