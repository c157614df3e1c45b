//! The `nuka` command: arguments in, text out. All work is done by `nuka_daemon`.

mod arguments;
mod commands;
mod context;
mod daemon;
mod environment;
mod error;
mod exit;
mod memory;
mod output;
mod quantity;
mod replace;
mod report;
mod start;

fn main() -> std::process::ExitCode {
    start::start().into()
}
