//! Compiling, on all cores, with a count of the functions that are done.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use wasmtime::CacheStore;

use super::{Engine, Progress, config, failed, jumps};
use crate::{
    error::{Error, ModuleError},
    module::{Shape, Tier},
};

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(100);

/// Counts functions as they are compiled.
///
/// The engine has no hook for progress, but it asks a cache before it compiles a function and offers the
/// result to it afterwards. This cache knows nothing, keeps nothing and counts the offers.
struct Counter {
    done: AtomicU64,
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter")
    }
}

impl CacheStore for Counter {
    fn get(&self, _: &[u8]) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn insert(&self, _: &[u8], _: Vec<u8>) -> bool {
        self.done.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// What compiling gave.
pub(crate) struct Artefact {
    /// Which compiler made it.
    pub(crate) tier: Tier,
    /// The compiled module, as the engine serialises it.
    pub(crate) code: Vec<u8>,
}

impl Engine {
    /// Compiles `bytes`. What the quick compiler does not support is optimised instead.
    pub(crate) fn artefact(
        &self,
        bytes: &[u8],
        tier: Tier,
        progress: &dyn Fn(Progress),
    ) -> Result<Artefact, Error> {
        let total = Shape::parse(bytes)?.functions;
        let optimised = |tier| compile(bytes, tier, total, progress).map(|code| Artefact { tier, code });
        match tier {
            Tier::Optimised => optimised(tier),
            // Whatever it stumbled over, the other compiler either does it or says better what is wrong.
            Tier::Quick => optimised(tier).or_else(|_| optimised(Tier::Optimised)),
        }
    }
}

fn compile(bytes: &[u8], tier: Tier, total: u64, progress: &dyn Fn(Progress)) -> Result<Vec<u8>, Error> {
    // A change here takes another key in the cache.
    let rewritten = (tier == Tier::Optimised).then(|| jumps::thread(bytes)).flatten();
    let bytes = rewritten.as_deref().unwrap_or(bytes);
    let counter = Arc::new(Counter { done: AtomicU64::new(0) });
    let mut config = config::compiler(tier);
    if tier == Tier::Optimised {
        config.enable_incremental_compilation(counter.clone()).map_err(failed)?;
    }
    let compiler = wasmtime::Engine::new(&config).map_err(failed)?;
    let finished = AtomicBool::new(false);
    let code = std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("nuka-compile".into()).spawn_scoped(scope, || {
            let code = compiler.precompile_module(bytes);
            finished.store(true, Ordering::Release);
            code
        });
        let worker = match worker {
            Ok(worker) => worker,
            // No thread can be had: compile here, without progress.
            Err(_) => return compiler.precompile_module(bytes),
        };
        while !finished.load(Ordering::Acquire) && !worker.is_finished() {
            // The engine makes a few functions of its own, so the count may pass the total.
            let done = counter.done.load(Ordering::Relaxed).min(total);
            progress(Progress::Compiling { done, total, tier });
            wait(&finished);
        }
        match worker.join() {
            Ok(code) => code,
            Err(_) => Err(wasmtime::format_err!("the compiler panicked")),
        }
    });
    code.map_err(|error| ModuleError::Compile { message: format!("{error:#}") }.into())
}

/// Hash of all that decides whether compiled code can be run by `engine`: its version and configuration, the
/// target, and the CPU's features.
pub(super) fn compatibility(engine: &wasmtime::Engine) -> [u8; 32] {
    let mut hasher = StableHasher(blake3::Hasher::new_derive_key("nuka seed-runtime compatibility 1"));
    engine.precompile_compatibility_hash().hash(&mut hasher);
    *hasher.0.finalize().as_bytes()
}

/// Sleeps until the next report, or less when compiling ends before.
fn wait(finished: &AtomicBool) {
    let step = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while waited < EVERY && !finished.load(Ordering::Acquire) {
        std::thread::sleep(step);
        waited += step;
    }
}

/// The standard's `Hash` into BLAKE3, so that the result is the same in every process.
struct StableHasher(blake3::Hasher);

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        let bytes = self.0.finalize();
        bytes.as_bytes().iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
