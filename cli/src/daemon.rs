//! All that the commands know of the daemon: its calls, and the plain data that goes in and comes out.

pub use nuka_daemon::{
    By, Client, Config, Daemon, DaemonStatus, Fault, FaultKind, Handed, MountMeans, MountRequest, READY,
    ServeOptions, Started, activated,
    api::{
        BuildOptions, BuildReport, Entry, EntryKind, Found, GrantedDirectory, Grants, PackageInfo, PirText,
        Target, WhyStep,
        care::{GcDone, GcPlanned, GcWish, Keeping, KeptBy, TreeDifference, Verified},
    },
    ensure_daemon,
    event::{Event, Failure, How, Observer, Outcome, PackageRef, Plan},
    file_help, serve,
};

#[cfg(test)]
pub use nuka_daemon::event::PlannedFetch;
