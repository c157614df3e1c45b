//! The graph of packages: in which order they are built, and why one wants another.

use crate::{InputName, Pid, Pir};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// PIRs by PID, boxed so that a hundred thousand of them are put in order without being moved. A PID is a hash over its inputs' PIDs, so there are no cycles among them.
pub type Pirs = BTreeMap<Pid, Box<Pir>>;

/// The packages that `roots` need to be built, inputs before what uses them, each once.
///
/// Linear in packages and edges. PIDs that `pirs` does not have are in the order too, without inputs.
pub fn build_order(pirs: &Pirs, roots: &[Pid]) -> Vec<Pid> {
    let mut order = Vec::new();
    let mut seen: HashSet<Pid> = HashSet::new();
    let mut stack: Vec<(Pid, bool)> = roots.iter().rev().map(|pid| (*pid, false)).collect();
    while let Some((pid, inputs_done)) = stack.pop() {
        if inputs_done {
            order.push(pid);
        } else if seen.insert(pid) {
            stack.push((pid, true));
            if let Some(pir) = pirs.get(&pid) {
                stack.extend(pir.references().map(|(_, input)| (input.pid, false)));
            }
        }
    }
    order
}

/// The shortest chain of references from `from` to `to`: each step's input name and the package it leads to.
pub fn why(pirs: &Pirs, from: Pid, to: Pid) -> Option<Vec<(InputName, Pid)>> {
    let mut came_from: HashMap<Pid, (Pid, InputName)> = HashMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(pid) = queue.pop_front() {
        if pid == to {
            let mut chain = Vec::new();
            let mut at = to;
            while at != from {
                let (before, name) = came_from.get(&at)?.clone();
                chain.push((name, at));
                at = before;
            }
            chain.reverse();
            return Some(chain);
        }
        for (name, input) in pirs.get(&pid).into_iter().flat_map(|pir| pir.references()) {
            if input.pid != from && !came_from.contains_key(&input.pid) {
                came_from.insert(input.pid, (pid, name.clone()));
                queue.push_back(input.pid);
            }
        }
    }
    None
}
