//! The `nuka` command.

mod memory;

fn main() -> std::process::ExitCode {
    nuka_cli::nuka(memory::give_back)
}
