//! `--target`: what packages are to run on.

use crate::daemon::Target;
use nuka_pir::Platform;

/// The option of verbs that are about packages.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct PlatformArgument {
    /// For programs that are to run on this, instead of on WebAssembly; Go's spellings (`linux/amd64`) are understood.
    /// A recipe may say otherwise
    #[arg(long, value_name = "PLATFORM")]
    target: Option<Platform>,
}

impl PlatformArgument {
    /// Whether there is one.
    pub fn is_named(self) -> bool {
        self.target.is_some()
    }

    /// The package for the platform.
    pub fn of(self, target: &Target) -> Target {
        let target = target.clone();
        match self.target {
            Some(platform) => target.on(platform),
            None => target,
        }
    }

    /// The packages for the platform.
    pub fn of_all(self, targets: &[Target]) -> Vec<Target> {
        targets.iter().map(|target| self.of(target)).collect()
    }
}
