//! The engine's configuration: what WebAssembly may do here, and that it does the same everywhere.
//!
//! Measured on LLVM as WebAssembly (75 MB, 160,000 functions) with dependencies at `opt-level` 2, in CPU seconds, and
//! a compilation of zlib's 15 files with it:
//!
//! | compiler | compile | run |
//! |---|---|---|
//! | Winch | 19 | 6.1 |
//! | Cranelift, no optimisation, single-pass registers | 77 | 5.6 |
//! | Cranelift, no optimisation | 88 | 4.8 |
//! | Cranelift, optimised | 109 | 4.0 |
//! | the same with epochs (to stop it) | 129 | 4.9 |
//! | the same with fuel | 195 | 6.2 |
//!
//! So the quick tier is Winch, the optimised tier is Cranelift at its best, and processes are stopped by other means
//! (see the watchdog). All give the same bits. The quick tier pays until about 600 such compilations have been run.

use wasmtime::{Config, OptLevel, Strategy};

use crate::module::Tier;

/// Stack of a process, in bytes. Compilers recurse deeply, and quickly compiled code has large frames.
const WASM_STACK: usize = 32 << 20;

/// Stack kept free below that for calls to the host.
const HOST_STACK: usize = 1 << 20;

/// Stack that a thread needs to run a process on it, in bytes.
pub(crate) const THREAD_STACK: usize = WASM_STACK + 4 * HOST_STACK;

/// Frames that a backtrace shows.
const BACKTRACE: usize = 16;

/// Configuration that runs a tier's code.
pub(super) fn runtime(tier: Tier) -> Config {
    let mut config = Config::new();
    config
        // The places where WebAssembly leaves results open are closed: the bits of NaNs, relaxed SIMD, and (by the
        // limits on memory, which are ours) whether memory can grow.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Threads race. Their atomic instructions are let through, since programs use them on memory that is
        // not shared; memory that is shared cannot be made.
        .shared_memory(false)
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(WASM_STACK + HOST_STACK)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE))
        .concurrency_support(false)
        // See the watchdog.
        .epoch_interruption(super::watchdog::EPOCHS);
    match tier {
        Tier::Quick => config.strategy(Strategy::Winch),
        Tier::Optimised => config
            .strategy(Strategy::Cranelift)
            .cranelift_opt_level(OptLevel::Speed)
            .wasm_exceptions(true)
            .wasm_tail_call(true)
            .wasm_memory64(true)
            .wasm_multi_memory(true)
            .wasm_extended_const(true)
            .wasm_wide_arithmetic(true),
    };
    config
}

/// Configuration that compiles for a tier: it must agree with [`runtime`] in all that code depends on.
pub(super) fn compiler(tier: Tier) -> Config {
    runtime(tier)
}
