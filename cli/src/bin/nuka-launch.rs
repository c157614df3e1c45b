//! `nuka-launch`: starts a launcher's program with little else in it, and becomes `nuka` for whatever is more.

fn main() -> std::process::ExitCode {
    nuka_cli::nuka_launch()
}
