//! Whole trees: making them, finding things in them, comparing and checking them.

mod builder;
mod diff;
mod lookup;
mod verify;
mod walk;

pub use builder::{BuildError, TreeBuilder};
pub use diff::{Change, Difference, diff};
pub use lookup::{LookupError, lookup};
pub use verify::{Problem, verify_tree};
pub use walk::{Visit, Walk, walk};
