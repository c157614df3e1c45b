//! What an environment comes to.

use super::{installed::Installed, setting::Settings};
use crate::event::PackageRef;
use nuka_pir::Cid;
use serde::{Deserialize, Serialize};

/// An environment, nothing of which need be built.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resolved {
    /// The packages that its file and all recipes say now, in its order.
    pub packages: Vec<PackageRef>,
    /// Its variables, files and hooks.
    pub settings: Settings,
}

/// An environment that is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnvironmentPackages {
    /// Its packages, in its order.
    pub packages: Vec<Installed>,
    /// They and all that they need, merged, if that was asked for.
    pub view: Option<Cid>,
    /// Its variables, files and hooks.
    pub settings: Settings,
}
