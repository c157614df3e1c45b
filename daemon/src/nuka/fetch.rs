//! Fetching the sources that a build wants, each once, however many want it.

use super::Nuka;
use crate::{
    error::Error,
    evaluate::Answer,
    event::{Event, Failure, Observer, PackageRef},
    fetch,
    in_flight::Doing,
    plan::{Job, Work},
    worker::package_ref,
};
use nuka_pir::{Origin, Pid, Source, SourceId};
use nuka_store::{Lease, RootTarget};
use std::{cell::Cell, sync::Arc};

impl Nuka {
    /// The tree of a source, which the lease keeps from now on.
    pub(super) fn fetch(
        &self,
        source: &Source,
        id: SourceId,
        lease: &Lease,
        answer: &Answer,
        observer: &dyn Observer,
    ) -> Result<nuka_pir::Cid, Error> {
        loop {
            let fetch =
                |doing: &Doing<'_, _>| self.fetch_now(source, id, answer, doing.observer).map_err(Arc::new);
            let cid = match self.shared.fetches.share(&id, observer, fetch) {
                None => return Err(Error::Cancelled),
                Some(fetched) => fetched.map_err(Error::Shared)?,
            };
            lease.extend(&[RootTarget::Tree(cid)])?;
            // A collection may have come between the fetch and the lease.
            if self.store()?.read()?.source(&id)?.is_some() {
                return Ok(cid);
            }
        }
    }

    fn fetch_now(
        &self,
        source: &Source,
        id: SourceId,
        answer: &Answer,
        observer: &dyn Observer,
    ) -> Result<nuka_pir::Cid, Error> {
        let name = source.origin.to_string();
        if let Origin::Bootstrap { name: compiler, version } = &source.origin {
            let cid = self.bootstrapped(source, id, (compiler, version), observer)?;
            observer.event(Event::Fetched { source: name });
            return Ok(cid);
        }
        let beside = match answer.local.get(&id.to_string()) {
            None => None,
            Some(local) => local.directory()?,
        };
        let known = Cell::new(false);
        let progress = |progress: fetch::Progress| match progress {
            fetch::Progress::Known { other } => {
                known.set(true);
                if let Some(other) = other {
                    observer.event(Event::Warning {
                        text: format!(
                            "{name} was not fetched: its hash is that of {other}, which is here and is what is used. If they \
                             are not the same, `nuka update-hashes` with the recipe writes the right one"
                        ),
                    });
                }
            }
            fetch::Progress::Started { from: done, total }
            | fetch::Progress::Received { bytes: done, total } => {
                observer.event(Event::Fetching { source: name.clone(), done, total });
            }
            fetch::Progress::Retrying { reason, .. } => {
                observer.event(Event::Warning { text: format!("{name}: {reason}; trying again") });
            }
            fetch::Progress::Waiting => {
                observer.event(Event::Waiting { what: format!("another download of {name}") });
            }
            _ => {}
        };
        let cid = self.fetcher_for(observer)?.fetch(self.store()?, source, beside.as_deref(), &progress)?;
        if !known.get() {
            observer.event(Event::Fetched { source: name });
        }
        Ok(cid)
    }
}

/// A failed download, told as the failure of the first package that wanted it.
pub(super) fn fetch_failure(work: &Work, position: usize, source: &Source, error: &Error) -> Failure {
    let wanting = work.tasks.iter().zip(&work.jobs).find_map(|(task, job)| match job {
        Job::Make(pid) if task.needs.contains(&position) => {
            work.pirs.get(pid).map(|pir| package_ref(*pid, pir))
        }
        _ => None,
    });
    let unknown = || PackageRef {
        pid: Pid::from_bytes([0; 32]),
        name: source.origin.to_string(),
        version: String::new(),
    };
    Failure {
        package: wanting.unwrap_or_else(unknown),
        reason: error.to_string(),
        help: error.help(),
        log_tail: Vec::new(),
        log: None,
        because_of: None,
    }
}
