//! Building, and what comes before it.

use super::Request;
use crate::{
    api::{BuildOptions, BuildReport, Target},
    error::Error,
    event::{Observer, Plan},
    handed::Handed,
    nuka::{Nuka, Prepared, PreparedView},
};
use nuka_pir::Cid;
use serde::{Deserialize, Serialize};

/// Every recipe, as a target.
#[derive(Debug, Serialize, Deserialize)]
pub struct All {}

impl Request for All {
    type Answer = Vec<Target>;
    const NAME: &'static str = "recipes";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.all()
    }
}

/// What a build would do.
#[derive(Debug, Serialize, Deserialize)]
pub struct MakePlan {
    /// What is wanted.
    pub targets: Vec<Target>,
    /// How.
    pub options: BuildOptions,
}

impl Request for MakePlan {
    type Answer = Plan;
    const NAME: &'static str = "plan";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.plan(&self.targets, &self.options, observer)
    }

    fn targets(&mut self) -> &mut [Target] {
        &mut self.targets
    }
}

/// Makes sure that packages are there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Build {
    /// What is wanted.
    pub targets: Vec<Target>,
    /// How.
    pub options: BuildOptions,
}

impl Request for Build {
    type Answer = BuildReport;
    const NAME: &'static str = "build";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.build(&self.targets, &self.options, observer)
    }

    fn targets(&mut self) -> &mut [Target] {
        &mut self.targets
    }
}

/// Builds packages and merges them into one view.
#[derive(Debug, Serialize, Deserialize)]
pub struct View {
    /// The packages.
    pub targets: Vec<Target>,
}

impl Request for View {
    type Answer = PreparedView;
    const NAME: &'static str = "view";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.view(&self.targets, observer)
    }

    fn targets(&mut self) -> &mut [Target] {
        &mut self.targets
    }
}

/// Builds what a program needs, and finds it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The package.
    pub target: Target,
    /// The program, where the package has several.
    pub program: Option<String>,
}

impl Request for Prepare {
    type Answer = Prepared;
    const NAME: &'static str = "prepare";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.prepare(&self.target, self.program.as_deref(), observer)
    }

    fn targets(&mut self) -> &mut [Target] {
        std::slice::from_mut(&mut self.target)
    }
}

/// A mount of a view's image, at no place yet, from a daemon that may mount for whoever may not.
#[derive(Debug, Serialize, Deserialize)]
pub struct HandOver {
    /// The merged tree.
    pub view: Cid,
}

impl Request for HandOver {
    type Answer = Handed;
    const NAME: &'static str = "hand-over";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.hand_over(self.view)
    }

    fn handed_back(answer: &mut Self::Answer) -> Vec<&mut Handed> {
        vec![answer]
    }
}
