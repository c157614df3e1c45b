//! What profiles ask for.

use super::Request;
use crate::{
    api::Target,
    error::Error,
    event::Observer,
    nuka::Nuka,
    profile::{EnvironmentPackages, GenerationRoot, Installed, Resolved, Settings},
};
use nuka_pir::{Cid, Pid};
use serde::{Deserialize, Serialize};

/// Builds packages and tells all that installing them takes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Installable {
    /// The packages.
    pub targets: Vec<Target>,
}

impl Request for Installable {
    type Answer = Vec<Installed>;
    const NAME: &'static str = "installable";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.installable(&self.targets, observer)
    }

    fn targets(&mut self) -> &mut [Target] {
        &mut self.targets
    }
}

/// Makes a generation of another one and keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeepGeneration {
    /// The other one's tree; none begins with nothing.
    pub base: Option<Cid>,
    /// Packages that go.
    pub remove: Vec<Pid>,
    /// Packages that come.
    pub put: Vec<Installed>,
    /// Its settings.
    pub settings: Settings,
    /// How it is kept.
    pub root: GenerationRoot,
}

impl Request for KeepGeneration {
    type Answer = Cid;
    const NAME: &'static str = "keep-generation";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.keep_generation(self.base.as_ref(), &self.remove, self.put, self.settings, &self.root)
    }
}

/// Keeps generations no longer.
#[derive(Debug, Serialize, Deserialize)]
pub struct DropGenerations {
    /// How they are kept.
    pub roots: Vec<GenerationRoot>,
}

impl Request for DropGenerations {
    type Answer = ();
    const NAME: &'static str = "drop-generations";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.drop_generations(&self.roots)
    }
}

/// What an environment comes to, without building any of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ResolveEnvironment {
    /// Its file.
    pub target: Target,
}

impl Request for ResolveEnvironment {
    type Answer = Resolved;
    const NAME: &'static str = "resolve-environment";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.resolve_environment(&self.target)
    }

    fn targets(&mut self) -> &mut [Target] {
        std::slice::from_mut(&mut self.target)
    }
}

/// Builds an environment's packages.
#[derive(Debug, Serialize, Deserialize)]
pub struct Environment {
    /// Its file.
    pub target: Target,
    /// The packages that it is held to, whatever recipes say now.
    pub pins: Option<Vec<Pid>>,
    /// Whether they are wanted merged, too.
    pub merged: bool,
}

impl Request for Environment {
    type Answer = EnvironmentPackages;
    const NAME: &'static str = "environment";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.environment(&self.target, self.pins.as_deref(), self.merged, observer)
    }

    fn targets(&mut self) -> &mut [Target] {
        std::slice::from_mut(&mut self.target)
    }
}
