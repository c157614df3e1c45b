//! Finished steps, recorded while a build goes on, so that one that was cut goes on after them.
//!
//! What is recorded is known by what led to it ([`key`]), and says what it changed ([`record`]). A build writes its records
//! into one file of its own ([`journal`]), `steps/KEY` in the cache, where KEY is what its first step leaves. So whatever
//! else of a recipe is changed after that finds what was done before the change: a later step, what is installed, and also
//! the limits, where nothing was refused because of them.
//!
//! - A list of steps has at most one record that waits to be written: that of its last step that is done. So has each item
//!   of a `for-each` and each branch of a `parallel`, while the group goes on.
//! - Nothing is done in the first seconds of a build, and then all that waits is written at once, every few seconds when a
//!   step has ended ([`Pace`]), and when the build fails or is called off. What a kill takes is what was not written yet,
//!   and the steps that were going on.
//! - When the package is there the file is removed. Until then it takes what the steps have written, each file once. It
//!   goes when it has not been touched for as long as `nuka gc` is told, or for two weeks (`leftovers`).
//! - Whatever is wrong with it, or with the disk that it is on, costs time and nothing else.

mod journal;
mod key;
mod line;
mod record;
mod recorder;
#[cfg(test)]
mod tests;

pub use key::Part;
pub use line::Line;
pub use recorder::{Pace, Recorder};

/// The build that wrote the journal at this path last.
pub fn build_of(path: &std::path::Path) -> Option<nuka_pir::BuildId> {
    journal::Journal::build_of(path)
}
