//! The build request: everything that a build's steps can see, and nothing else.

use crate::{
    BuildId, Builder, Cid, Cpu, InputName, Limits, OutputRule, Pir, Platform, Prefix, Step,
    canonical::{self, CanonicalError},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A build with all its inputs known to the byte. Two builds with one id are the same build.
///
/// Names, versions, PIDs, needs and permissions are not here: a change of them builds nothing again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildRequest {
    /// What runs the steps, with the version of its semantics.
    pub builder: Builder,
    /// What the result runs on.
    pub target: Platform,
    /// Which instructions the result may use.
    pub cpu: Cpu,
    /// What the build may use up.
    pub limits: Limits,
    /// Where the package stands in views.
    pub prefix: Prefix,
    /// Environment variables that every step sees.
    pub env: BTreeMap<String, String>,
    /// What is done.
    pub steps: Vec<Step>,
    /// How the result is split.
    pub outputs: Vec<OutputRule>,
    /// Trees from elsewhere.
    pub sources: BTreeMap<InputName, Cid>,
    /// The tools merged, seen at `/usr`.
    pub tools: Cid,
    /// The target's packages merged, seen at `/nuka/target/usr`.
    pub target_packages: Cid,
    /// Each tool and package on its own, seen at `/nuka/in/<name>`.
    pub inputs: BTreeMap<InputName, Cid>,
}

impl BuildRequest {
    /// Resolves a PIR with the trees its inputs have turned out to be.
    pub fn new(
        pir: &Pir,
        sources: BTreeMap<InputName, Cid>,
        tools: Cid,
        target_packages: Cid,
        inputs: BTreeMap<InputName, Cid>,
    ) -> Self {
        let build = &pir.build;
        Self {
            builder: build.builder,
            target: build.target,
            cpu: build.cpu,
            limits: build.limits,
            prefix: build.prefix.clone(),
            env: build.env.clone(),
            steps: build.steps.clone(),
            outputs: build.outputs.clone(),
            sources,
            tools,
            target_packages,
            inputs,
        }
    }

    /// The build id: `derive_key "nuka build 1"` of the canonical text.
    pub fn id(&self) -> Result<BuildId, CanonicalError> {
        let text = canonical::to_text(self)?;
        Ok(BuildId::from_bytes(blake3::derive_key("nuka build 1", text.as_bytes())))
    }
}
