//! TEMPORARY: cases from a file, for quick looking.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]
#[path = "all/common.rs"]
#[allow(dead_code)]
mod common;
#[test]
fn scratch() {
    let Ok(path) = std::env::var("SCRATCH") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    for case in text.split("\n===") {
        let (kind, body) = case.split_once('\n').unwrap_or((case, ""));
        let kind = kind.trim_start_matches("===").trim();
        let recipe = match kind {
            "build" => common::with_build(body),
            "main" => format!("export def main [] {{\n{body}\nderivation it 1.0 {{ language: c }}\n}}"),
            _ => body.to_owned(),
        };
        let start = std::time::Instant::now();
        println!("------ {kind}\n{body}");
        match common::evaluate(&[("it.nu", &recipe)], "it") {
            Ok(e) => println!(
                "OK {:?} {}\n{:?}",
                start.elapsed(),
                e.packages
                    .get(&e.roots[0])
                    .map(|p| p.text.chars().take(1500).collect::<String>())
                    .unwrap_or_default(),
                e.warnings
            ),
            Err(e) => println!("{:?} {}", start.elapsed(), common::render(&e)),
        }
    }
}
