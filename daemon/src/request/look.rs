//! Looking at packages.

use super::Request;
use crate::{
    api::{Found, PackageInfo, PirText, Target, WhyStep},
    error::Error,
    event::Observer,
    handed::Handed,
    nuka::Nuka,
};
use serde::{Deserialize, Serialize};

/// What is to be known of a package.
#[derive(Debug, Serialize, Deserialize)]
pub struct Show {
    /// The package.
    pub target: Target,
}

impl Request for Show {
    type Answer = PackageInfo;
    const NAME: &'static str = "show";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.show(&self.target)
    }

    fn targets(&mut self) -> &mut [Target] {
        std::slice::from_mut(&mut self.target)
    }
}

/// A package's PIR.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pir {
    /// The package.
    pub target: Target,
}

impl Request for Pir {
    type Answer = PirText;
    const NAME: &'static str = "pir";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.pir(&self.target)
    }

    fn targets(&mut self) -> &mut [Target] {
        std::slice::from_mut(&mut self.target)
    }
}

/// The shortest chain of references from one package to another.
#[derive(Debug, Serialize, Deserialize)]
pub struct Why {
    /// Both ends.
    pub ends: [Target; 2],
}

impl Request for Why {
    type Answer = Option<Vec<WhyStep>>;
    const NAME: &'static str = "why";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        let [from, to] = &self.ends;
        nuka.why(from, to)
    }

    fn targets(&mut self) -> &mut [Target] {
        &mut self.ends
    }
}

/// The log of a package's build.
#[derive(Debug, Serialize, Deserialize)]
pub struct Log {
    /// The package.
    pub target: Target,
}

impl Request for Log {
    type Answer = Handed;
    const NAME: &'static str = "log";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        Ok(Handed::own(nuka.log(&self.target)?))
    }

    fn targets(&mut self) -> &mut [Target] {
        std::slice::from_mut(&mut self.target)
    }

    fn handed_back(answer: &mut Self::Answer) -> Vec<&mut Handed> {
        vec![answer]
    }
}

/// Recipes whose name or description has all of the words.
#[derive(Debug, Serialize, Deserialize)]
pub struct Search {
    /// The words.
    pub words: String,
}

impl Request for Search {
    type Answer = Vec<Found>;
    const NAME: &'static str = "search";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.search(&self.words)
    }
}
