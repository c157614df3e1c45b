//! nuka's API from end to end, over the socket of a daemon, with real builds of tiny wasm programs. Needs no network. The
//! tests are those of `it`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

use nuka_daemon::By;

/// Who carries requests out in these tests.
const BY: By = By::Daemon;

#[allow(dead_code)]
#[path = "../../../store/tests/it/support.rs"]
mod archives;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../it/bootstrap.rs"]
mod bootstrap;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../it/bootstrap_c.rs"]
mod bootstrap_c;
#[path = "../it/builds.rs"]
mod builds;
#[path = "../it/cancelled.rs"]
mod cancelled;
#[path = "../it/failures.rs"]
mod failures;
#[path = "../it/groups.rs"]
mod groups;
#[path = "../it/hostile.rs"]
mod hostile;
#[path = "../it/planted.rs"]
mod planted;
#[allow(dead_code)]
#[path = "../../src/fetch/tests/server.rs"]
mod server;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../it/toy.rs"]
mod toy;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../it/toy_c.rs"]
mod toy_c;
#[path = "../it/world.rs"]
mod world;
