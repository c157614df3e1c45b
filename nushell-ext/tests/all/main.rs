//! Recipes evaluated: one test binary, a file for each side of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

mod common;
mod docs;
mod environment;
mod errors;
mod limits;
mod programs;
mod purity;
mod recipes;
mod symbols;

/// No file of tests is forgotten above.
#[test]
fn every_file_is_a_module() {
    // Tests are run in their package's directory; where that was when they were compiled need not be there any more.
    let here = "tests/all";
    let text = include_str!("main.rs");
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap_or("");
        assert!(module == "main" || text.contains(&format!("mod {module};")), "{name}");
    }
}
