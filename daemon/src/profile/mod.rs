//! Profiles: what a person has installed, and every state that it was in.
//!
//! A profile is a directory of the person's own, below `profiles/` in nuka's state directory:
//!
//! ```text
//! NAME/lock               held while the profile is changed
//! NAME/generations/N      what generation N is: a record, never changed (`record.rs`)
//! NAME/next               about which number comes next: a hint
//! NAME/live/N[.K]/        generation N as programs and shells see it: bin/, share/, environment.* (`live.rs`)
//! NAME/current            a symlink to one of these: the one that counts. It is replaced by a rename, so there is always one
//! NAME/previous           the same to the one that counted before: what comes next is made of it, where only that which is other
//!                         changes
//! NAME/launchers/         launchers by their contents, of which `live/` has hard links: a cache
//! nuka                    a symlink to nuka itself, for the launchers
//! ```
//!
//! What is installed is in the store: a generation is a tree there (`tree.rs`), which a root in the index keeps, so that a
//! collection leaves it and all that it needs. Generations that have most packages in common share most of their trees.
//!
//! Who changes a profile (`change.rs`) takes its lock, makes the new tree and its root durable, then the record, then
//! `live/`, and then replaces `current`. Whatever happens in between, `current` shows a whole generation.

mod bundle;
mod change;
mod environment;
mod files;
mod installed;
mod live;
mod name;
mod record;
mod script;
mod setting;
mod state;
#[cfg(test)]
mod tests;
mod tree;

pub use bundle::{DirectorySink, Sink, TarSink, bundle};
pub use change::{Changed, Edit, Profile, ProfileError, no_program, not_installed};
pub use environment::{EnvironmentPackages, Resolved};
pub use installed::{Installed, SHARED, SharedFile};
pub use name::{GenerationNumber, ProfileName};
pub use record::{PackageChange, Record};
pub use setting::{Permit, Settings};
pub use state::{Conflict, State};
pub(crate) use tree::keep;
pub use tree::{GenerationRoot, load};
