//! All that the commands know of the daemon: its calls, and the plain data that goes in and comes out.

pub use nuka_daemon::{
    Activity, AtWork, Bind, By, Client, Composed, ComposedView, Config, Daemon, DaemonStatus, Fault,
    FaultKind, Handed, MountMeans, MountRequest, Namespaces, Prepared, PreparedView, READY, Root, RootFile,
    Sandbox, ServeOptions, Started, Streams, ViewMeans, Who, activated,
    api::{
        BuildOptions, BuildReport, Entry, EntryKind, Found, GrantedDirectory, Grants, PackageInfo, PirText,
        Target, WhyStep,
        bootstrap::{
            Artefact, BootstrapReport, BootstrapStage, BootstrapWish, Extent, SecondEngine, TrustBase,
            Verdict,
        },
        care::{
            Amount, Cached, GcDone, GcPlanned, GcWish, Keeping, KeptBy, Lost, Side, TreeDifference, Verified,
        },
    },
    disk::Disk,
    ensure_daemon,
    event::{Event, Failure, How, Observer, Outcome, PackageRef, Plan, Silent},
    file_help,
    launcher::{self, Launcher, PROGRAM as LAUNCH_PROGRAM, VERB as LAUNCH},
    profile::{
        Changed, DirectorySink, Edit, EnvironmentPackages, GenerationNumber, GenerationRoot, Installed,
        PackageChange, Permit, Profile, ProfileName, Record, Settings, State, TarSink, bundle, no_program,
        not_installed,
    },
    quote, serve,
};

/// What an error of work in this process is for whoever asked.
pub fn from_error(error: nuka_daemon::Error) -> Box<Fault> {
    error.into()
}

#[cfg(test)]
pub use nuka_daemon::{
    api::bootstrap::Difference,
    disk::recorder::{Recorder, leave},
    event::PlannedFetch,
};
