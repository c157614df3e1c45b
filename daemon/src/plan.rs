//! What there is to do: which packages are wanted and not there, and which sources they need.

use crate::{
    error::Error,
    event::{Plan, PlannedFetch},
    realised::Realised,
    scheduler::{Lane, Task},
    worker::package_ref,
};
use nuka_pir::{Cid, Items, Pid, Pir, Source, SourceId, Step, graph::Pirs};
use nuka_store::{IndexReader, Store};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Work that one request comes to.
pub struct Work {
    /// Every package that is talked about.
    pub pirs: Pirs,
    /// Packages that are there.
    pub realised: Realised,
    /// Trees of sources that are there.
    pub sources: HashMap<SourceId, Cid>,
    /// What is to be done, in an order in which it could be done.
    pub jobs: Vec<Job>,
    /// The same for the scheduler, position by position.
    pub tasks: Vec<Task>,
    /// How many of the packages asked for are there.
    pub present: usize,
}

impl Work {
    /// Whether all that is counted as there still is.
    pub fn is_still_so(&self, index: &IndexReader) -> Result<bool, Error> {
        for pid in self.pirs.keys() {
            if self.realised.has(pid) && index.realisation(pid)?.is_none() {
                return Ok(false);
            }
        }
        for source in self.sources.keys() {
            if index.source(source)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// One thing to do.
pub enum Job {
    /// Get a source.
    Fetch(SourceId, Source),
    /// Make a package.
    Make(Pid),
}

/// Works out what must be done so that all of `wanted` are there, with what they need when they run. With `again`
/// they are to be built a second time: what their builds see must be there too.
pub fn plan(store: &Store, wanted: &[Pid], again: bool) -> Result<Work, Error> {
    let index = store.read()?;
    let mut work = Work {
        pirs: Pirs::new(),
        realised: Realised::default(),
        sources: HashMap::new(),
        jobs: Vec::new(),
        tasks: Vec::new(),
        present: 0,
    };
    let missing = walk(&index, &mut work, wanted, again)?;
    let asked: HashSet<&Pid> = wanted.iter().collect();
    work.present = asked.iter().filter(|pid| work.realised.has(pid)).count();
    schedule(&index, &mut work, if again { wanted } else { &[] }, &missing)?;
    Ok(work)
}

/// Loads what is wanted, and gives what is missing, inputs before what uses them.
fn walk(index: &IndexReader, work: &mut Work, wanted: &[Pid], again: bool) -> Result<Vec<Pid>, Error> {
    let mut missing = Vec::new();
    let mut seen: HashSet<Pid> = HashSet::new();
    let mut stack: Vec<(Pid, bool)> = wanted.iter().rev().map(|pid| (*pid, false)).collect();
    while let Some((pid, inputs_done)) = stack.pop() {
        if inputs_done {
            missing.push(pid);
            continue;
        }
        if !seen.insert(pid) {
            continue;
        }
        let pir = load(index, pid)?;
        match index.realisation(&pid)? {
            Some(realisation) => {
                work.realised.insert(pid, realisation);
                if again && wanted.contains(&pid) {
                    stack.extend(pir.build_inputs().map(|(_, input)| (input.pid, false)));
                }
                // Its build is done with; what it needs to run is part of every view that it is part of.
                stack.extend(pir.run.needs.values().map(|input| (input.pid, false)));
            }
            None => {
                stack.push((pid, true));
                stack.extend(pir.references().map(|(_, input)| (input.pid, false)));
            }
        }
        work.pirs.insert(pid, Box::new(pir));
    }
    Ok(missing)
}

/// Reads a package's PIR from the index.
pub fn load(index: &IndexReader, pid: Pid) -> Result<Pir, Error> {
    let bytes = index.pir(&pid)?.ok_or(Error::UnknownPackage { pid })?;
    Ok(Pir::from_text(&String::from_utf8_lossy(&bytes))?)
}

fn schedule(index: &IndexReader, work: &mut Work, again: &[Pid], missing: &[Pid]) -> Result<(), Error> {
    let mut fetches: BTreeMap<SourceId, usize> = BTreeMap::new();
    let mut makes: HashMap<Pid, usize> = HashMap::new();
    let second = again.iter().filter(|pid| !missing.contains(pid));
    for (pid, make) in second.map(|pid| (pid, false)).chain(missing.iter().map(|pid| (pid, true))) {
        let Some(pir) = work.pirs.get(pid) else { continue };
        let mut needs = Vec::new();
        for source in pir.build.sources.values() {
            let id = source.id().map_err(nuka_pir::PirError::from)?;
            if work.sources.contains_key(&id) {
                continue;
            }
            if let Some(position) = fetches.get(&id) {
                needs.push(*position);
                continue;
            }
            match index.source(&id)? {
                Some(record) => drop(work.sources.insert(id, record.tree.cid)),
                None => {
                    fetches.insert(id, work.tasks.len());
                    needs.push(work.tasks.len());
                    work.jobs.push(Job::Fetch(id, source.clone()));
                    work.tasks.push(Task { lane: Lane::Download, needs: Vec::new(), weight: 1 });
                }
            }
        }
        if !make {
            continue;
        }
        needs.extend(makes_before(work, &makes, pir));
        needs.sort_unstable();
        needs.dedup();
        makes.insert(*pid, work.tasks.len());
        work.jobs.push(Job::Make(*pid));
        work.tasks.push(Task { lane: Lane::Build, needs, weight: weight(pir) });
    }
    Ok(())
}

/// How long a build takes, more or less: mostly as long as the lists of files that its programs are given. What a pattern
/// stands for is not known yet.
fn weight(pir: &Pir) -> u32 {
    const PATTERN: usize = 20;
    let step = |step: &Step| match step {
        Step::Run(run) => run.command.len(),
        Step::ForEach { over: Items::List(list), .. } => list.len(),
        Step::ForEach { .. } => PATTERN,
        _ => 1,
    };
    u32::try_from(pir.build.steps.iter().map(step).sum::<usize>() + 1).unwrap_or(u32::MAX)
}

/// Positions of what must be made before this package: what it refers to, and what that needs when it runs.
fn makes_before(work: &Work, makes: &HashMap<Pid, usize>, pir: &Pir) -> Vec<usize> {
    let mut before = Vec::new();
    let mut seen: HashSet<Pid> = HashSet::new();
    let mut stack: Vec<Pid> = pir.references().map(|(_, input)| input.pid).collect();
    while let Some(pid) = stack.pop() {
        if !seen.insert(pid) {
            continue;
        }
        match makes.get(&pid) {
            // What it needs is made before it.
            Some(position) => before.push(*position),
            None => {
                let pir = work.pirs.get(&pid).into_iter();
                stack.extend(pir.flat_map(|pir| pir.run.needs.values().map(|input| input.pid)));
            }
        }
    }
    before
}

impl Work {
    /// The plan as people are told of it. `size` says how large a download is, if somebody knows.
    pub fn announced(&self, size: impl Fn(&Source) -> Option<u64>) -> Plan {
        let shared = self.pirs.keys().filter(|pid| self.realised.has(pid)).count();
        let mut plan = Plan { present: self.present, shared, ..Plan::default() };
        // One file of which two packages take different parts is downloaded once.
        let mut files = HashSet::new();
        for job in &self.jobs {
            match job {
                Job::Fetch(_, source) => {
                    let name = source.origin.to_string();
                    if files.insert(name.clone()) {
                        plan.fetches.push(PlannedFetch { source: name, bytes: size(source) });
                    }
                }
                Job::Make(pid) => plan.builds.extend(self.pirs.get(pid).map(|pir| package_ref(*pid, pir))),
            }
        }
        plan
    }
}
