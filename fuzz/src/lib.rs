//! Fuzz targets of all that reads strangers' bytes: the PIR's text, the directory object, each archive reader.
//!
//! `cargo test` runs each target for a second; CONTRIBUTING.md says how to run one for as long as you like. A package of
//! its own, and one test binary, because cargo-bolero links the fuzzer with every test binary of a package.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test"
)]

mod pir;
mod store;
