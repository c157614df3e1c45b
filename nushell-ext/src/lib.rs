//! The embedded Nushell: recipe text in, packages as plain data out.
//!
//! A recipe is a Nushell module whose `export def main` gives a derivation. [`Evaluator::evaluate`] runs it,
//! and every recipe that it asks for, and gives each package's [`Pir`](nuka_pir::Pir). Evaluation is pure: it
//! depends on the recipe files, the targets and the options, and on nothing else of the machine. Files come
//! through [`RecipeFiles`]; there is no network, no clock, no environment, no randomness and no other program
//! within reach, and each attempt is a [`RecipeError`] that points at the line.
//!
//! Two things are the process's own and cannot be shut out by a library: Nushell would show dates and sizes
//! by `LANG` and `LC_*`, and dates by `TZ`. No recipe gets to see such a text, as both are refused wherever
//! they would become one, so a caller need not clear its environment.

mod command;
mod engine;
mod error;
mod evaluation;
mod evaluator;
mod files;
mod meter;
mod options;
mod path;
mod recorder;
mod served;
mod session;
mod suggest;
mod symbol;
mod value;

pub use error::{Label, RecipeError};
pub use evaluation::{Environment, Evaluation, Fetch, Package, RecipeName, Target, Warning};
pub use evaluator::Evaluator;
pub use files::{RecipeFiles, RecipeMap};
pub use options::{Limits, MemoryProbe, MissingHashes, Options};
pub use path::{MAX_PATH_LEN, PathError, RecipePath};
