//! Everything that could let a recipe see, or change, more than itself: one row each.

use crate::common::{build_error, error, render};

/// The code, without its common beginning, and the help of the error that this text in a recipe gives.
fn refused(text: &str) -> (String, String) {
    let recipe = format!("export def main [] {{\n{text}\nderivation it 1.0 {{ language: c }}\n}}");
    let error = error(&recipe);
    let rendered = render(&error);
    let line = error.labels.first().unwrap_or_else(|| panic!("no place:\n{rendered}"));
    let row = recipe[..line.span.start].matches('\n').count();
    assert!(row >= 1, "not on its line:\n{rendered}");
    assert!(error.help.is_some(), "no help:\n{rendered}");
    (error.code.trim_start_matches("nuka::recipe::").to_owned(), error.help.unwrap_or_default())
}

#[test]
fn every_way_out_is_closed() {
    let rows: &[(&str, &str, &str)] = &[
        // what is written, the code, a word of the help
        ("open README.md", "impure", "fetch"),
        ("ls", "impure", "fetch"),
        ("ls | where size > 1kb", "impure", "fetch"),
        ("cd /", "impure", "file"),
        ("pwd", "impure", "file"),
        ("\"x\" | save out.txt", "input", "write"),
        ("\"x\" o> out.txt", "redirect", "save"),
        ("\"x\" out> out.txt", "redirect", "save"),
        ("\"x\" | str upcase o>> out.txt", "redirect", "save"),
        ("print a o> out.txt", "redirect", "save"),
        ("rm out.txt", "impure", "remove"),
        ("cp a b", "impure", "copy"),
        ("mv a b", "impure", "move-to"),
        ("mkdir a", "impure", "make-directory"),
        ("touch a", "impure", "write"),
        ("mktemp", "impure", "file"),
        ("watch . { }", "impure", "file"),
        ("path exists", "impure", "file"),
        ("\"~\" | path expand", "impure", "file"),
        ("\"a\" | path type", "impure", "file"),
        ("path self", "impure", "file"),
        ("http get https://example.org", "impure", "fetch url"),
        ("http post https://example.org x", "impure", "fetch url"),
        ("port", "impure", "fetch url"),
        ("^ls", "step_outside_build", "build"),
        ("^ls | lines", "step_outside_build", "build"),
        ("let x = (^ls)", "step_outside_build", "build"),
        ("run-external ls", "impure", "^tool"),
        ("exec ls", "impure", "^tool"),
        ("nu -c ls", "impure", "^tool"),
        ("run x.nu", "impure", "^tool"),
        ("run /etc/passwd", "impure", "^tool"),
        ("job spawn { 1 }", "impure", "^tool"),
        ("exit", "impure", "^tool"),
        ("plugin use x", "impure", "^tool"),
        ("$env.HOME", "impure", "with-variables"),
        ("$env.HOME?", "impure", "with-variables"),
        ("$env", "impure", "with-variables"),
        ("$env.X = 1", "impure", "with-variables"),
        ("let e = $env; $e.PWD", "impure", "with-variables"),
        ("do { $env.PWD }", "impure", "with-variables"),
        ("load-env {A: b}", "impure", "with-variables"),
        ("hide-env PWD", "impure", "with-variables"),
        ("export-env { }", "impure", "with-variables"),
        ("source-env x.nu", "impure", "with-variables"),
        ("overlay use x.nu", "impure", "with-variables"),
        ("$nu.pid", "impure", "machine"),
        ("const x = $nu.home-dir", "impure", "machine"),
        ("$ans", "impure", "asks"),
        ("source /etc/passwd", "impure", "use"),
        ("source x.nu", "impure", "use"),
        ("use /etc/passwd", "use_outside", "recipe"),
        ("use ~/x.nu", "use_outside", "recipe"),
        ("use ../x.nu", "use_outside", "recipe"),
        ("use .../x.nu", "use_outside", "recipe"),
        ("use /dev/zero", "use_outside", "recipe"),
        ("do { use /dev/zero }", "use_outside", "recipe"),
        ("$\"(use /dev/zero)\"", "use_outside", "recipe"),
        ("const m = \"/dev/zero\"; use $m", "use_outside", "recipe"),
        ("const m = (\"/dev\" + \"/zero\"); use $m", "use", "const"),
        ("const m = $\"/dev/zero\"; use $m", "use", "const"),
        ("const m = \"x\"; const m = $\"/dev/zero\"; use $m", "use", "const"),
        ("use std/log", "use_not_found", "recipe"),
        ("module /dev/zero", "use_outside", "recipe"),
        ("date now", "impure", "time"),
        ("(date now) - 1day", "impure", "time"),
        ("2020-01-01", "impure", "time"),
        ("$\"(2020-01-01)\"", "impure", "time"),
        ("\"2020-01-01\" | into datetime", "unknown_command", ""),
        ("seq date", "impure", "time"),
        ("cal", "impure", "time"),
        ("timeit { 1 }", "impure", "time"),
        ("sleep 1sec", "impure", "time"),
        ("random int", "impure", "random"),
        ("random chars", "impure", "random"),
        ("[1 2] | shuffle", "impure", "random"),
        ("sys host", "impure", "machine"),
        ("uname", "impure", "machine"),
        ("whoami", "impure", "machine"),
        ("which ls", "impure", "machine"),
        ("version", "impure", "machine"),
        ("term size", "impure", "machine"),
        ("history", "impure", "machine"),
        ("config", "impure", "machine"),
        ("help", "impure", "moved"),
        ("input", "impure", "constant"),
        ("metadata", "impure", "moved"),
        ("view source main", "impure", "moved"),
        ("scope commands", "impure", "moved"),
        ("ast 'x'", "impure", "moved"),
        ("explain { 1 }", "impure", "moved"),
        ("[1 2] | par-each { $in }", "impure", "each"),
        ("try { error make {msg: x} } catch {|e| $e.rendered }", "impure", "if"),
        ("do -i { error make {msg: x} }", "flag", "error"),
        ("do --env { 1 }", "flag", "environment"),
        ("echo 1", "impure", "print"),
        ("table", "impure", "print"),
        ("explore", "impure", "print"),
        ("def --wrapped f [...rest] { $rest }; f ~", "wrapped", "rest"),
        ("extern ls []", "impure", "^tool"),
        ("def f [p: path] { $p }; f ~/x", "impure", "file"),
        ("2.5 ** 0.5", "float_power", "whole"),
        ("math log 2", "unknown_command", ""),
        ("[1 2] | math stddev", "unknown_command", ""),
        ("$\"(1500kb)\"", "opaque", "text"),
        ("1500kb | into string", "locale", "text"),
        ("[1500kb] | str join", "locale", "text"),
        ("\"d = 2020-01-01\" | from toml | to text", "locale", "text"),
        ("loop { }", "endless", "loop"),
        ("while true { 1 + 1 }", "endless", "loop"),
        ("def f [] { f }; f", "recursion", "each"),
        ("mut x: any = [1]; loop { $x = $x ++ $x }", "huge", "grows"),
        ("mut x: any = [1]; loop { $x = [$x $x] }", "huge", "grows"),
        ("mut x = \"a\"; loop { $x = $x + $x }", "huge", "grows"),
        ("mut x = \"a\"; loop { $x = $\"($x)($x)\" }", "huge", "grows"),
        ("mut x: any = {}; loop { $x = {a: $x, b: $x} }", "huge", "grows"),
        ("\"a\" | fill -w 10000000000", "huge", "build"),
        ("install a b", "step_outside_build", "build"),
        ("write a b", "step_outside_build", "build"),
        ("for-each [a] {|f| ^x $f }", "step_outside_build", "build"),
    ];
    let mut wrong = Vec::new();
    for (text, code, word) in rows {
        let result = std::panic::catch_unwind(|| refused(text));
        match result {
            Ok((found, help)) if found == *code && help.contains(word) => {}
            Ok((found, help)) => {
                wrong.push(format!("{text}\n    expected {code} ({word}), got {found}: {help}"))
            }
            Err(panic) => {
                let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                wrong.push(format!("{text}\n    {message}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn builds_have_no_more_than_recipes() {
    for (text, code) in [
        ("open x", "impure"),
        ("ls", "impure"),
        ("^ls o> x", "redirect"),
        ("^ls e> x", "redirect"),
        ("^ls o+e> x", "redirect"),
        ("^ls e>| ^cat", "redirect"),
        ("^ls o+e>| ^cat", "redirect"),
        ("^ls | ^cat", "pipe"),
        ("^ls | lines", "opaque"),
        ("let x = (^ls); ^echo $x", "opaque"),
        ("let x = (^ls); $x | save y", "opaque"),
        ("let x = (^ls)\n^sort; $x | save y", "opaque"),
        ("^ls | (^cat)", "pipe"),
        ("let x = (^ls); ^echo $\"($x)\"", "opaque"),
        ("^ls | save a | save b", "input"),
        ("$env.HOME", "impure"),
        ("make", "unknown_command"),
        (
            "derivation b 1.0 { language: c }; for-each [a] {|f| derivation $f 1.0 { language: c } }",
            "derivation_in_build",
        ),
    ] {
        let error = build_error(text);
        assert_eq!(error.code, format!("nuka::recipe::{code}"), "{text}\n{}", render(&error));
    }
}
