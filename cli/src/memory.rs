//! The allocator: evaluating recipes and planning is mostly small allocations, which this one serves in two thirds of the time.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives the system the memory that work has left, which a process that stays would otherwise keep: compiling a large
/// program takes gigabytes.
pub fn give_back() {
    #[expect(unsafe_code, reason = "the allocator has no safe way to ask it")]
    // SAFETY: the call has no preconditions and may be made from any thread.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
