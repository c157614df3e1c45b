//! What a build sees of the packages it uses: views, and each package on its own.

use crate::realised::Realised;
use nuka_pir::{Cid, Input, InputName, OutputName, Pid, graph::Pirs};
use nuka_store::{Lease, Part, RootTarget, Store, StoreError, merge};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

/// Why inputs could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// An input is not there, though it was to be built before. A fault of nuka.
    #[error("the input {pid} is not realised")]
    NotRealised {
        /// Which.
        pid: Pid,
    },
    /// Two packages have different files at one path.
    #[error(transparent)]
    View(#[from] nuka_store::MergeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Views by what they are made of, so that each is merged once. Nothing in the index names them: the lease keeps them.
pub struct Views<'a> {
    store: Store,
    lease: &'a Lease,
    known: Mutex<HashMap<Vec<Cid>, Cid>>,
}

impl<'a> Views<'a> {
    /// Views over this store, kept by this lease.
    pub fn new(store: Store, lease: &'a Lease) -> Self {
        Self { store, lease, known: Mutex::default() }
    }

    /// The trees merged into one. Which order they come in makes no difference: a conflict is an error.
    pub fn merged(&self, parts: BTreeMap<Cid, String>) -> Result<Cid, InputError> {
        let key: Vec<Cid> = parts.keys().copied().collect();
        if let [one] = key.as_slice() {
            return Ok(*one);
        }
        if let Some(cid) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(*cid);
        }
        let batch = self.store.batch();
        let parts: Vec<Part> = parts.into_iter().map(|(cid, owner)| Part { owner, cid }).collect();
        let tree = merge(&batch, &parts)?;
        // Before it is there, so that it is never there without being kept.
        self.lease.extend(&[RootTarget::Tree(tree.cid)])?;
        batch.commit_objects()?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, tree.cid);
        Ok(tree.cid)
    }
}

/// The trees of an input's outputs, and of what the packages behind them need at run time.
pub fn closure(
    pirs: &Pirs,
    realised: &Realised,
    inputs: &BTreeMap<InputName, Input>,
) -> Result<BTreeMap<Cid, String>, InputError> {
    let mut parts = BTreeMap::new();
    let mut seen: BTreeSet<(Pid, OutputName)> = BTreeSet::new();
    let mut stack: Vec<&Input> = inputs.values().collect();
    while let Some(input) = stack.pop() {
        let realisation = realised.get(&input.pid).ok_or(InputError::NotRealised { pid: input.pid })?;
        let mut new = false;
        for output in &input.outputs {
            if seen.insert((input.pid, output.clone())) {
                new = true;
                if let Some(tree) = realisation.outputs.get(output) {
                    let name = pirs.get(&input.pid).map_or_else(String::new, |pir| pir.name.to_string());
                    parts.entry(tree.cid).or_insert(name);
                }
            }
        }
        if new && let Some(pir) = pirs.get(&input.pid) {
            stack.extend(pir.run.needs.values());
        }
    }
    Ok(parts)
}

/// The trees of one input's own outputs.
pub fn own(
    realised: &Realised,
    input: &Input,
    name: &InputName,
) -> Result<BTreeMap<Cid, String>, InputError> {
    let realisation = realised.get(&input.pid).ok_or(InputError::NotRealised { pid: input.pid })?;
    let trees = input.outputs.iter().filter_map(|output| realisation.outputs.get(output));
    Ok(trees.map(|tree| (tree.cid, name.to_string())).collect())
}
