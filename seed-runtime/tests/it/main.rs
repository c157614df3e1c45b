//! Tests of whole processes, written as small WebAssembly modules.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod cache;
mod calls;
mod limits;
mod live;
mod modules;
mod same;
mod script;
#[cfg(feature = "second-engine")]
mod second;

use std::sync::OnceLock;

use nuka_seed_runtime::{Engine, Module, Tier};

/// One engine for all tests.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new().unwrap())
}

/// A module from text.
pub fn module(wat: &str) -> Module {
    engine().compile(&wat::parse_str(wat).unwrap(), Tier::Quick).unwrap()
}
