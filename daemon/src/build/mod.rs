//! Building one package: its steps, over a tree in memory.

mod executor;
mod expand;
mod files;
mod merge;
mod modules;
mod program;
mod trees;
mod world;

pub use executor::{Executor, Perturbation, StepError};
pub use expand::{ExpandError, Patterns};
pub use modules::CachedModules;
pub use program::{Modules, Programs};
pub use trees::{Trees, TreesError, differences, save};
pub use world::Surroundings;
