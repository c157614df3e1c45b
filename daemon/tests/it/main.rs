//! nuka's API from end to end, in one process, with real builds of tiny wasm programs. Needs no network. The same tests run
//! over a socket in `served`.
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
const BY: By = By::ThisProcess;

#[allow(dead_code)]
#[path = "../../../store/tests/it/support.rs"]
mod archives;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod bootstrap;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod bootstrap_c;
mod builds;
mod cancelled;
mod failures;
mod groups;
mod hostile;
mod planted;
mod resumed;
#[allow(dead_code)]
#[path = "../../src/fetch/tests/server.rs"]
mod server;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod toy;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod toy_c;
mod world;
