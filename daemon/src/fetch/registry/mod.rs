//! The registries: for each ecosystem, its client's configuration and where in its registry a thing is found.
//!
//! No address stands in nuka's own files. It comes from the configuration of the person's own client or, where that
//! says nothing, from the constant that a library of that ecosystem publishes.

mod apt_config;
pub(crate) mod cargo;
mod cargo_config;
mod deb822;
pub(crate) mod debian;
mod html;
mod ini;
pub(crate) mod npm;
mod npm_config;
pub(crate) mod python;
mod python_config;
mod python_default;
mod unpack;

use super::net::Wanted;
use std::path::PathBuf;

/// Where something was found.
pub(crate) enum Found {
    /// To be downloaded.
    Web(Box<Wanted>),
    /// On this machine already.
    File(PathBuf),
}
