//! Building one package: its steps, over a tree in memory.

mod executor;
mod expand;
mod files;
mod merge;
mod modules;
mod native;
mod program;
mod steps;
mod trees;
mod world;

pub use executor::{Executor, Perturbation, StepError};
pub use expand::{ExpandError, Patterns};
pub use modules::CachedModules;
pub use native::Seeds;
pub use program::{Modules, Programs};
pub use steps::{Pace, Recorder, build_of};
pub use trees::{Trees, TreesError, blob_of, differences, save};
pub use world::Surroundings;
