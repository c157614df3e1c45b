//! What a recipe may use up: whatever it does, it ends, with an error that says so.

use crate::common::{error, files, package, render};
use nuka_nushell_ext::{Evaluator, Limits, Options};

fn recipe(body: &str) -> String {
    format!("export def main [] {{\n{body}\nderivation it 1.0 {{ language: c }}\n}}")
}

/// The code of the error that a text in a recipe gives under limits that are soon reached.
fn stopped(body: &str) -> String {
    let limits = Limits { steps: 2_000_000, value_bytes: 4 << 20, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let recipe = recipe(body);
    let error = match Evaluator::new(&*files(&[("it.nu", &recipe)]), options).evaluate(&[package("it")]) {
        Ok(_) => panic!("this was evaluated:\n{body}"),
        Err(error) => error,
    };
    let rendered = render(&error);
    assert!(error.help.is_some() && !error.labels.is_empty(), "{body}\n{rendered}");
    error.code.trim_start_matches("nuka::recipe::").to_owned()
}

#[test]
fn what_does_not_end_is_stopped() {
    for (body, code) in [
        ("loop { }", "endless"),
        ("while true { 1 }", "endless"),
        ("for x in 1..1000000000 { }", "endless"),
        ("generate {|x| {next: ($x + 1)} } 1", "endless"),
        ("def f [] { f }; f", "recursion"),
        ("def f [] { g }; def g [] { f }; f", "recursion"),
        ("def f [] { [1] | each { f } }; f", "recursion"),
        // Nu does not count closures, and would end with the stack.
        ("let f = {|f| do $f $f }; do $f $f", "recursion"),
        ("let f = {|f| [$f] | each {|g| do $g $g } }; do $f $f", "recursion"),
    ] {
        assert_eq!(stopped(body), code, "{body}");
    }
}

#[test]
fn what_grows_without_end_is_stopped() {
    for (body, code) in [
        ("1..1000000000 | each {|x| $x }", "huge"),
        ("let x = (1..1000000000 | each {|x| $x })", "huge"),
        ("1..1000000000 | each {|x| $x } | length", "huge"),
        ("1..1000000000 | where $it > 5 | length", "huge"),
        ("let x = ([1] ++ (1..1000000000 | each {|x| $x }))", "huge"),
        ("1..1000000000 | last", "huge"),
        ("1..1000000000 | math sum", "huge"),
        ("1..1000000000 | to json", "huge"),
        ("1.. | last", "huge"),
        ("1.0..1000000000.0 | last", "huge"),
        ("1000000000..1 | last", "huge"),
        ("seq 1 1000000000 | reverse", "huge"),
        ("let x = (seq 1 1000000000)", "huge"),
        ("let x = ([1] | append 1..1000000000)", "huge"),
        ("let x = (generate {|x| {out: $x, next: ($x + 1)} } 1)", "huge"),
        ("mut s = \"a\"; loop { $s = $s + $s }", "huge"),
        ("mut s = \"a\"; loop { $s = $\"($s)($s)\" }", "huge"),
        ("mut s = \"aa\"; loop { $s = ($s | str replace -a a aaaa) }", "huge"),
        ("mut s = \"a\"; for x in 1..22 { $s = $s + $s }; let x = ($s | split chars)", "huge"),
        ("mut x: any = [1]; loop { $x = [$x $x] }", "huge"),
        ("mut x: any = []; loop { $x = [$x] }", "endless"),
        ("mut x: any = {}; loop { $x = {a: $x} }", "endless"),
    ] {
        assert_eq!(stopped(body), code, "{body}");
    }
}

#[test]
fn data_that_would_take_the_stack_is_not_read() {
    for format in ["json", "nuon", "yaml", "toml"] {
        let body =
            format!("mut s = \"a = [[[[\"; for x in 1..14 {{ $s = $s + $s }}; let x = ($s | from {format})");
        assert_eq!(stopped(&body), "nesting", "{format}");
    }
}

#[test]
fn lists_without_an_end_may_be_begun() {
    let begun = "if (1.. | each {|x| $x * 2 } | first 3) != [2 4 6] { error make {msg: no} }\n\
                 if (generate {|x| {out: $x, next: ($x + 1)} } 1 | take 2 | length) != 2 { error make {msg: no} }";
    crate::common::one(&recipe(begun));
}

#[test]
fn huge_literals_are_read_or_refused() {
    let fits =
        format!("let x = [{}]; if ($x | length) != 40000 {{ error make {{msg: no}} }}", "1 ".repeat(40_000));
    crate::common::one(&recipe(&fits));
    for body in [
        format!("let x = [{}]", "1 ".repeat(400_000)),
        format!("let x = {{{}}}", (0..60_000).map(|i| format!("a{i}: 1 ")).collect::<String>()),
        format!("print {}", "a ".repeat(400_000)),
    ] {
        let error = error(&recipe(&body));
        assert_eq!(error.code, "nuka::recipe::huge", "{}", error.message);
    }
}
