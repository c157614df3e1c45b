//! What a daemon is doing: the requests that are being carried out, and what their events say of each.

use crate::{
    client::{Activity, AtWork, Who},
    event::{Event, PackageRef},
};
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Activities of one request that are told; a build of hundreds of packages does not do more at once.
const MOST: usize = 64;

/// A request that is being carried out.
#[derive(Debug)]
pub struct Work {
    name: String,
    client: Who,
    begun: Instant,
    activities: Mutex<Vec<Activity>>,
}

impl Work {
    /// One that begins now.
    pub fn new(name: &str, client: Who) -> Self {
        Self { name: name.to_owned(), client, begun: Instant::now(), activities: Mutex::default() }
    }

    /// Takes note of what happens in it.
    pub fn note(&self, event: &Event) {
        match event {
            Event::Building { package } | Event::Step { package, .. } => {
                self.goes_on(activity("building", package_name(package)));
            }
            Event::Done(outcome) => self.ended("building", &package_name(&outcome.package)),
            Event::Failed(failure) => {
                self.ended("building", &package_name(&failure.package));
            }
            Event::Fetching { source, done, total } => {
                let name = source.clone();
                self.goes_on(Activity { done: Some(*done), total: *total, ..activity("fetching", name) });
            }
            Event::Fetched { source } => self.ended("fetching", source),
            Event::Compiling { program, .. } => self.goes_on(activity("compiling", program.clone())),
            Event::Compiled { program, .. } => self.ended("compiling", program),
            Event::Progress { what, done, total } => {
                let told = activity(what, String::new());
                self.goes_on(Activity { done: Some(*done), total: *total, ..told });
            }
            Event::Planned(_)
            | Event::Improving { .. }
            | Event::WentOn { .. }
            | Event::Waiting { .. }
            | Event::Warning { .. } => {}
        }
    }

    fn goes_on(&self, activity: Activity) {
        let mut activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&mut Activity| known.what == activity.what && known.name == activity.name;
        if let Some(known) = activities.iter_mut().find(same) {
            *known = activity;
        } else if activities.len() < MOST {
            activities.push(activity);
        }
    }

    fn ended(&self, what: &str, name: &str) {
        let mut activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        activities.retain(|known| known.what != what || known.name != name);
    }

    /// What there is to tell of it.
    pub fn tell(&self) -> AtWork {
        AtWork {
            request: self.name.clone(),
            client: self.client,
            seconds: self.begun.elapsed().as_secs(),
            activities: self.activities.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

fn activity(what: &str, name: String) -> Activity {
    Activity { what: what.to_owned(), name, done: None, total: None }
}

fn package_name(package: &PackageRef) -> String {
    match package.name.as_str() {
        "" => package.pid.short(),
        name => format!("{name} {}", package.version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_is_told_until_it_ends() {
        let work = Work::new("build", Who { process: 7, user: 1000 });
        let fetching = |done| Event::Fetching { source: "url:a".to_owned(), done, total: Some(9) };
        let package = PackageRef {
            pid: nuka_pir::Pid::from_bytes([0; 32]),
            name: "lua".to_owned(),
            version: "5".to_owned(),
        };
        work.note(&fetching(1));
        work.note(&fetching(5));
        // Who joins a build that goes on is told of its next step first.
        work.note(&Event::Step { package, step: "cc".to_owned() });
        work.note(&Event::Progress { what: "collecting".to_owned(), done: 2, total: None });
        let told = work.tell();
        let all: Vec<_> =
            told.activities.iter().map(|one| (one.what.as_str(), one.name.as_str(), one.done)).collect();
        let expected =
            [("fetching", "url:a", Some(5)), ("building", "lua 5", None), ("collecting", "", Some(2))];
        assert_eq!(all, expected);
        work.note(&Event::Fetched { source: "url:a".to_owned() });
        assert_eq!(work.tell().activities.len(), 2);
        assert_eq!((told.request.as_str(), told.client.process), ("build", 7));
    }
}
