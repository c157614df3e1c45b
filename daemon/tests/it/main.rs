//! nuka's API from end to end, with real builds of tiny wasm programs. Needs no network.

mod builds;
mod failures;
mod groups;
mod world;
