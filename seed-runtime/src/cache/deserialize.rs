//! Loading compiled code: the one place in this crate where memory safety rests on more than the compiler.
#![allow(
    unsafe_code,
    reason = "compiled code is trusted on the strength of its hash, which only we can check"
)]

use std::fs::File;

use memmap2::Mmap;

/// Loads compiled code that this process has just made.
pub(crate) fn deserialize(engine: &wasmtime::Engine, artefact: &[u8]) -> wasmtime::Result<wasmtime::Module> {
    // SAFETY: every caller passes what `Engine::artefact` gave in this very process, unchanged.
    unsafe { wasmtime::Module::deserialize(engine, artefact) }
}

/// Loads compiled code from a file whose bytes `is_whole` accepts. `None` when it does not accept them, when
/// the file cannot be read, or when the engine finds the code not to be for it.
pub(super) fn verified(
    engine: &wasmtime::Engine,
    file: File,
    is_whole: impl FnOnce(&[u8]) -> bool,
) -> Option<wasmtime::Module> {
    // SAFETY: the file is an entry of a cache that only its owner can write, and this crate never changes a file
    // that has its final name: it is written under another and renamed. So the mapped bytes do not change.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    if !is_whole(&map) {
        return None;
    }
    drop(map);
    // SAFETY: the same file, which does not change (above), ends in a hash under a key that names the module,
    // the engine's version and configuration, so it is what `Engine::artefact` made for this engine.
    unsafe { wasmtime::Module::deserialize_open_file(engine, file) }.ok()
}
