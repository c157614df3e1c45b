//! nuka's API from end to end, with real builds of tiny wasm programs. Needs no network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

mod builds;
mod failures;
mod groups;
mod world;
