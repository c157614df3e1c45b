//! What programs say is known only in the build: it goes where its pipeline goes, or is an error on its line.

use crate::common::{build_error, render, steps};

#[test]
fn a_program_reads_through_whatever_stands_around_it() {
    let piped = steps("\"text\" | ^cc");
    for body in [
        "\"text\" | (^cc)",
        "\"text\" | ((^cc))",
        "\"text\" | if true { ^cc } else { ^dd }",
        "\"text\" | if false { ^dd } else if true { (^cc) }",
        "\"text\" | match 1 { 1 => { ^cc }, _ => { ^dd } }",
        "\"text\" | match 2 { 1 => { ^dd }, _ => (^cc) }",
        "\"text\" | do { ^cc }",
        "let f = {|| $in | ^cc }; \"text\" | do $f",
        "def f [] { let text = $in; $text | ^cc }; \"text\" | f",
        "let t = {c: cc}; \"text\" | ^($t.c)",
        "let t = \"cc\"; \"text\" | ^$t",
    ] {
        assert_eq!(steps(body), piped, "{body}");
    }
    let with_variable = r#"[{run: {command: ["cc"], env: {"A": "b"}, stdin: {text: "text"}}}]"#;
    for body in ["\"text\" | A=b ^cc", "\"text\" | (A=b ^cc)", "\"text\" | with-env {A: b} { ^cc }"] {
        assert_eq!(steps(body), with_variable, "{body}");
    }
    assert_eq!(
        steps("\"text\" | (^cc | save f)"),
        r#"[{run: {command: ["cc"], stdin: {text: "text"}, stdout: {save: "f"}}}]"#
    );
    assert_eq!(steps("read f | (^cat)"), r#"[{run: {command: ["cat"], stdin: {file: "f"}}}]"#);
}

#[test]
fn text_that_nobody_would_read_is_an_error() {
    for (body, code) in [
        ("let f = {|| ^cc }; \"text\" | do $f", "lost_input"),
        ("def f [] { ^cc }; \"text\" | f", "lost_input"),
        ("def f [] { g }; def g [] { (^cc) }; \"text\" | f", "lost_input"),
        ("\"text\" | within d { ^cc }", "input"),
        ("\"text\" | with-variables {A: b} { ^cc }", "input"),
        ("\"text\" | expect-exit 1 { ^cc }", "input"),
        ("\"text\" | for-each [a] {|f| ^cc $f }", "input"),
        ("\"text\" | parallel { ^cc } { ^dd }", "input"),
        ("\"text\" | steps-from f", "input"),
        ("\"text\" | (make-directory x)", "input"),
        ("\"text\" | if true { make-directory x }", "input"),
        ("\"text\" | read f | ^cc", "input"),
        ("read f | glob \"*.c\"", "input"),
        ("^ls | (^cat)", "pipe"),
        ("^ls | A=b ^cat", "pipe"),
        ("^ls | if true { ^cat }", "pipe"),
        ("\"text\" | [(^cc)]", "opaque"),
    ] {
        refused(body, code);
    }
}

/// Checks that a body is refused with this code, on its own line, with help.
fn refused(body: &str, code: &str) {
    let error = build_error(&format!("^before\n{body}\n^after"));
    let rendered = render(&error);
    assert_eq!(error.code, format!("nuka::recipe::{code}"), "{body}\n{rendered}");
    assert!(error.help.is_some(), "{body}\n{rendered}");
    assert!(rendered.contains("it.nu:6:"), "not on its line: {body}\n{rendered}");
}

#[test]
fn what_a_program_says_cannot_be_looked_at() {
    for body in [
        "let x = (^ls); $x | save y",
        "let x = ^ls",
        "let x = if true { ^ls }",
        "mut x = \"\"; $x = (^ls)",
        "mut x = {a: 1}; $x.a = (^ls)",
        "^ls | let x",
        "let x = {a: (^ls)}",
        "let x = [(^ls)]",
        "let c = {|| ^ls }; let x = (do $c)",
        "def f [x] { $x | save y }; f (^ls)",
        "def f [--x: any] { $x | save y }; f --x (^ls)",
        "do {|x| $x | save y } (^ls)",
        "write f (^ls)",
        "print (^ls)",
        "^cc (^ls)",
        "^cc ...(^ls)",
        "^(^ls) x",
        "null | default (^ls)",
        "\"a\" | append (^ls)",
        "^ls | append b",
        "^ls | wrap a",
        "^ls | get 0",
        "^ls | lines",
        "^ls | each { $in | save x }",
        "^ls | str trim",
        "^ls | is-empty",
        "(^ls).exit_code",
        "(^ls).0",
        "if (^test) { ^x }",
        "if not (^test) { ^x }",
        "if (^test) and true { ^x }",
        "if (^test) == \"a\" { ^x }",
        "if \"a\" == (^test) { ^x }",
        "if (^test) =~ \"a\" { ^x }",
        "while (^test) { ^x }",
        "match (^test) { \"a\" => { ^x }, _ => { ^y } }",
        "for x in (^ls) { ^cc $x }",
        "^cc $\"(^ls)\"",
        "[a b] | where {|x| ^test $x }",
        "[a b] | where (^test $it)",
        "let p = {|x| ^test $x }; [a b] | where $p",
        "[a b] | any {|x| ^test $x }",
        "[a b] | all {|x| ^test $x }",
        "[a b] | filter {|x| ^test $x }",
        "[a b] | skip while {|x| ^test $x }",
        "[a b] | take until {|x| ^test $x }",
        "[a b] | sort-by {|x| ^test $x }",
        "[a b] | group-by {|x| ^test $x }",
        "[a b] | split list {|x| ^test $x }",
        "if ([a] | each {|f| ^cc $f }) == [x] { ^x }",
        "^cc $\"([a] | each {|f| ^cc $f })\"",
        "[a] | each {|f| ^cc $f } | str join \",\"",
        "[a] | each {|f| ^cc $f } | to json",
    ] {
        refused(body, "opaque");
    }
}

#[test]
fn helpers_may_start_programs_and_keep_what_they_say() {
    let saved = steps("^ls | save a");
    for body in [
        "def ls [] { ^ls }; ls | save a",
        "def keep [file] { $in | save $file }; ^ls | keep a",
        "def keep [file] { save $file }; ^ls | keep a",
        "^ls | do { save a }",
        "^ls | if true { save a }",
        "^ls | $in | save a",
        "^ls | inspect | save a",
        "[ls] | each {|tool| ^$tool } | first | save a",
    ] {
        assert_eq!(steps(body), saved, "{body}");
    }
}
