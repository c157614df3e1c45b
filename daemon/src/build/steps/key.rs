//! What finished steps are known by.
//!
//! A build is deterministic: what it begins with, and the steps that were done, say what its tree is. So a key is a chain
//! over exactly these, and no tree is hashed for it:
//!
//! ```text
//! first  = derive_key "nuka steps 1"       canonical text of the build request without its steps, outputs and limits,
//!                                          seed:u8 clock:u32le of the perturbation
//! after  = derive_key "nuka step 1"        key before, canonical text of the step
//! inside = derive_key "nuka step group 1"  key before the group, which part of it (below)
//!
//! part   = 1 the item's text               a `for-each`: what is done with this item
//!        | 2 number:u32le                  a `parallel`: this branch
//!        | 3                               the steps that `steps-from` reads
//! ```
//!
//! The request has the builder with the version of its semantics, the environment, and the CIDs of all trees that the steps
//! see, so also the bytes of each program. What the steps see of limits is [`Room`](super::record::Room)'s. Outputs are cut
//! out of the tree when all steps are done.

use crate::build::Perturbation;
use nuka_pir::{BlobId, BuildRequest, Limits, Step, canonical};
use std::fmt;

/// What a tree is known by that steps have left: see the module's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepKey([u8; 32]);

/// A part of a group of steps.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// The steps of a `for-each`, for this item.
    Item(&'a str),
    /// This branch of a `parallel`.
    Branch(u32),
    /// The steps that `steps-from` reads.
    Generated,
}

impl StepKey {
    /// Of the tree that a build begins with.
    pub fn first(
        request: &BuildRequest,
        perturbation: Perturbation,
    ) -> Result<Self, canonical::CanonicalError> {
        let seen = BuildRequest {
            builder: request.builder,
            target: request.target,
            cpu: request.cpu,
            limits: Limits::default(),
            prefix: request.prefix.clone(),
            env: request.env.clone(),
            steps: Vec::new(),
            outputs: Vec::new(),
            sources: request.sources.clone(),
            tools: request.tools,
            target_packages: request.target_packages,
            inputs: request.inputs.clone(),
        };
        let mut hasher = blake3::Hasher::new_derive_key("nuka steps 1");
        hasher.update(canonical::to_text(&seen)?.as_bytes());
        hasher.update(&[perturbation.seed]);
        hasher.update(&perturbation.clock_seconds.to_le_bytes());
        Ok(Self(hasher.finalize().into()))
    }

    /// Of the tree that this step makes of that one.
    pub fn after(self, step: &Step) -> Result<Self, canonical::CanonicalError> {
        let mut hasher = blake3::Hasher::new_derive_key("nuka step 1");
        hasher.update(&self.0);
        hasher.update(canonical::to_text(step)?.as_bytes());
        Ok(Self(hasher.finalize().into()))
    }

    /// Of the tree that a part of a group begins with.
    pub fn inside(self, part: Part<'_>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("nuka step group 1");
        hasher.update(&self.0);
        match part {
            Part::Item(text) => hasher.update(&[1]).update(text.as_bytes()),
            Part::Branch(number) => hasher.update(&[2]).update(&number.to_le_bytes()),
            Part::Generated => hasher.update(&[3]),
        };
        Self(hasher.finalize().into())
    }

    /// The key with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text form of all ids.
        BlobId::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepKey({self})")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use nuka_pir::{Builder, Cid, Cpu, Platform, Prefix};
    use std::collections::{BTreeMap, HashSet};

    pub fn request() -> BuildRequest {
        BuildRequest {
            builder: Builder::Wasm1,
            target: Platform::WASM,
            cpu: Cpu::GENERIC,
            limits: Limits::default(),
            prefix: Prefix::default(),
            env: BTreeMap::new(),
            steps: Vec::new(),
            outputs: Vec::new(),
            sources: BTreeMap::new(),
            tools: Cid::from_bytes([1; 32]),
            target_packages: Cid::from_bytes([2; 32]),
            inputs: BTreeMap::new(),
        }
    }

    #[test]
    fn keys_are_pinned() {
        let first = StepKey::first(&request(), Perturbation::default()).unwrap();
        let after = first.after(&Step::MakeDirectory("x".into())).unwrap();
        let parts = [Part::Item("a"), Part::Branch(1), Part::Generated].map(|part| first.inside(part));
        let all: Vec<_> = [first, after].iter().chain(&parts).map(ToString::to_string).collect();
        insta::assert_snapshot!(all.join("\n"), @"
        i26oofrqxlyfeic4pmuyuz3iqz22anidkbpzoyx5fbnn52wpbcja
        bfn4ls2paciyycpmduhoro7za5ikzcbenyhs7jahe2peuvkk25xa
        bk4kmduoaw7owlhkqe2zavmeea5mbfohg26qju2gzxjfvtcvnjwq
        4murhsfnjxbupsztobx5xc66en2jk2jqmmj6acuo2jmetrmwn2hq
        p4ycdshsdfdpn5emocdtrww2jllxsnib4yfc4tbye6toldc6bhoq
        ");
    }

    #[test]
    fn all_that_steps_see_is_in_the_key_and_nothing_else() {
        let key = |request: &BuildRequest| StepKey::first(request, Perturbation::default()).unwrap();
        let first = key(&request());
        let mut keys = HashSet::from([first]);
        let mut differs = |change: fn(&mut BuildRequest)| {
            let mut other = request();
            change(&mut other);
            assert!(keys.insert(key(&other)));
        };
        differs(|request| request.builder = Builder::Seed1);
        differs(|request| request.target = Platform::ANY);
        differs(|request| request.prefix = Prefix::new("/usr/lib/x").unwrap());
        differs(|request| request.env = BTreeMap::from([("A".into(), "b".into())]));
        differs(|request| {
            request.sources = BTreeMap::from([("src".parse().unwrap(), Cid::from_bytes([3; 32]))])
        });
        differs(|request| request.tools = Cid::from_bytes([3; 32]));
        differs(|request| request.target_packages = Cid::from_bytes([3; 32]));
        differs(|request| {
            request.inputs = BTreeMap::from([("x".parse().unwrap(), Cid::from_bytes([3; 32]))])
        });
        for perturbation in
            [Perturbation { seed: 1, clock_seconds: 0 }, Perturbation { seed: 0, clock_seconds: 1 }]
        {
            assert!(keys.insert(StepKey::first(&request(), perturbation).unwrap()));
        }
        let mut same = request();
        same.limits.memory_mib += 1;
        same.steps.push(Step::MakeDirectory("x".into()));
        assert_eq!(key(&same), first);
    }
}
