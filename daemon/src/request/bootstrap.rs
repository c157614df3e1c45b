//! Bootstrapping a compiler, and what rests on what.

use super::Request;
use crate::{
    api::{
        Target,
        bootstrap::{BootstrapReport, BootstrapWish, TrustBase},
    },
    error::Error,
    event::Observer,
    nuka::Nuka,
};
use serde::{Deserialize, Serialize};

/// Bootstraps Go.
#[derive(Debug, Serialize, Deserialize)]
pub struct BootstrapGo {
    /// How far.
    pub wish: BootstrapWish,
}

impl Request for BootstrapGo {
    type Answer = BootstrapReport;
    const NAME: &'static str = "bootstrap_go";
    /// It runs the native programs of the seed.
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.bootstrap_go(&self.wish, observer)
    }
}

/// Bootstraps C.
#[derive(Debug, Serialize, Deserialize)]
pub struct BootstrapC {
    /// The last stage that is made, 1 to 3.
    pub stage: u8,
}

impl Request for BootstrapC {
    type Answer = BootstrapReport;
    const NAME: &'static str = "bootstrap_c";
    /// It runs native programs: those that it made.
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.bootstrap_c(self.stage, observer)
    }
}

/// What packages rest on that was not made here.
#[derive(Debug, Serialize, Deserialize)]
pub struct Explain {
    /// The packages; none for the bootstraps.
    pub targets: Vec<Target>,
}

impl Request for Explain {
    type Answer = TrustBase;
    const NAME: &'static str = "explain";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.explain(&self.targets)
    }

    fn targets(&mut self) -> &mut [Target] {
        &mut self.targets
    }
}
