//! The store as its users see it: one test binary, a module for each thing that must hold.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

mod archives;
mod cancel;
mod check;
mod closure;
mod damage;
mod evil;
mod export;
mod gc;
mod group;
mod import_directory;
mod index;
mod objects;
mod ownership;
mod planted;
mod power;
mod support;
mod trees;

/// Every file of this directory is part of the binary.
#[test]
fn no_test_file_is_forgotten() {
    let main = include_str!("main.rs");
    // Tests are run in their package's directory; where that was when they were compiled need not be there any more.
    for entry in std::fs::read_dir("tests/it").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let stem = name.strip_suffix(".rs").expect("only Rust files here");
        assert!(stem == "main" || main.contains(&format!("mod {stem};")), "{name} is not in main.rs");
    }
}
