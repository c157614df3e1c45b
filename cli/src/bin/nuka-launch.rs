//! `nuka-launch`: what launchers start, for all that they need mostly and with little else in it.

fn main() -> std::process::ExitCode {
    nuka_cli::nuka_launch()
}
