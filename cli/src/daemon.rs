//! All that the commands know of the daemon: its calls, and the plain data that goes in and comes out.

pub use nuka_daemon::{
    Config, Error, MountMeans, MountRequest, Nuka,
    api::{
        BuildOptions, BuildReport, Entry, EntryKind, Found, GrantedDirectory, Grants, PackageInfo, PirText,
        Target, WhyStep,
    },
    event::{Event, Failure, How, Observer, Outcome, PackageRef, Plan},
};

#[cfg(test)]
pub use nuka_daemon::event::PlannedFetch;
