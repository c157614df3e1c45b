//! How nuka's work and its results look.

pub mod bars;
pub mod differences;
pub mod error;
pub mod escape;
pub mod estimate;
pub mod failure;
pub mod hashes;
pub mod json_error;
pub mod lines;
pub mod outcome;
pub mod plan;
pub mod progress;
pub mod results;
pub mod style;
pub mod table;
pub mod units;
