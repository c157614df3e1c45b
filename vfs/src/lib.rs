//! What a process sees: views, and a probe of what this host allows.
//!
//! Here stands what builds need of it: the [`probe`] that tells people beforehand whether this machine can do
//! the work. Mounting the store and views belongs here too.

pub mod probe;
