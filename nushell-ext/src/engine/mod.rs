//! The embedded Nushell: what it knows, what it may read, and what it is stopped from doing.
//!
//! How each way out of a recipe is closed:
//! - [`base`] gives the engine pure commands only; a word it does not know is never run as a program.
//! - [`imports`] finds every `use` before nu's parser does, so that it opens nothing but recipe files;
//!   the parser's idea of the current directory is a path that no system call accepts.
//! - [`scan`] reads what the parser compiled and refuses redirections, `$env`, `$nu`, dates and unknown words.
//! - [`guard`] wraps nu's commands: values of ours never reach one that would misread them.
//! - [`watch`] sees each instruction: it counts them, and by the rules in [`known`] refuses those that would have to
//!   look into what is known only in a build.
//! - [`piped`] tells which programs read what stands in front of a `|`.

pub(crate) mod base;
mod commands;
mod forbidden;
mod guard;
mod imports;
mod known;
pub(crate) mod layout;
pub(crate) mod load;
pub(crate) mod piped;
mod scan;
mod size;
mod stream;
mod watch;
mod words;
