//! Bootstrapping a compiler.

use super::Request;
use crate::{
    api::bootstrap::{BootstrapReport, BootstrapWish},
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
