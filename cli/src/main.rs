//! The `nuka` command: arguments in, text out. All work is done by `nuka_daemon`.

mod arguments;
mod commands;
mod context;
mod daemon;
mod environment;
mod error;
mod exit;
mod output;
mod quantity;
mod report;
mod start;

/// Evaluating recipes and planning is mostly small allocations, which this one serves in two thirds of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    start::start().into()
}
