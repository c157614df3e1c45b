//! What evaluation is told by its caller: the builder, and what a recipe may use up.

use nuka_pir::Platform;
use std::{fmt, sync::Arc, time::Duration};

/// What is done about a fetch that has no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingHashes {
    /// It is an error that names the command which writes the hash.
    #[default]
    Refuse,
    /// It is reported in [`Evaluation::fetches`](crate::Evaluation::fetches), and zeros stand in its place,
    /// so that every other fetch is found too. Such an evaluation is not for building.
    Collect,
}

/// How a caller that knows its process tells how many bytes of memory it uses now.
pub type MemoryProbe = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What one evaluation may use up before it is stopped.
///
/// `steps` and `value_bytes` are counted by the evaluator itself, so that the same recipe stops at the same
/// place everywhere. They do not see what goes on inside one of nu's own commands; `time`, and `memory` where
/// the caller can tell it, bound that, as well as Nushell allows: its commands look for the signal to stop
/// between the items that they handle.
#[derive(Clone)]
pub struct Limits {
    /// Instructions of nu's virtual machine, and one for each 64 bytes that they copy.
    pub steps: u64,
    /// Size in bytes of one value: a text, a list with all that is in it.
    pub value_bytes: usize,
    /// Wall time.
    pub time: Duration,
    /// Bytes by which the process may grow, and how to tell its size; `None` where the caller cannot.
    pub memory: Option<(u64, MemoryProbe)>,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("steps", &self.steps)
            .field("value_bytes", &self.value_bytes)
            .field("time", &self.time)
            .field("memory", &self.memory.as_ref().map(|(bytes, _)| bytes))
            .finish()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 100_000_000, value_bytes: 64 << 20, time: Duration::from_secs(60), memory: None }
    }
}

/// What evaluation is told by its caller.
#[derive(Debug, Clone)]
pub struct Options {
    /// What build tools run on.
    pub builder: Platform,
    /// What is done about a fetch that has no hash.
    pub missing_hashes: MissingHashes,
    /// What the recipes may use up.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { builder: Platform::WASM, missing_hashes: MissingHashes::default(), limits: Limits::default() }
    }
}
