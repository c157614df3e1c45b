//! Looking through the whole store: verifying it, putting right what is damaged, and making the index again.

mod bytes;
mod info;
mod rebuild;
mod repair;
mod scan;
mod verify;

pub use info::{PackageSize, StoreInfo, info};
pub use rebuild::{RebuildReport, rebuild_index};
pub use repair::{RepairReport, repair};
pub use verify::{Owner, StoreProblem, VerifyOptions, VerifyReport, Wrong, verify};
