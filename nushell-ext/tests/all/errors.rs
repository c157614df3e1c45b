//! The text of errors, as people see it.

use crate::common::{build_error, error, evaluate, render};

fn shown(fields: &str) -> String {
    render(&error(&format!("export def main [] {{\n  derivation zlib 1.3.1 {{\n{fields}\n  }}\n}}")))
}

#[test]
fn fields() {
    insta::assert_snapshot!(shown("    language: c\n    bulid: {|p| ^make }"), @"");
    insta::assert_snapshot!(shown("    language: c\n    colour: red"), @"");
    insta::assert_snapshot!(shown("    language: c\n    build: \"make\""), @"");
    insta::assert_snapshot!(shown("    src: null"), @"");
    insta::assert_snapshot!(shown("    language: cc"), @"");
    insta::assert_snapshot!(shown("    language: c\n    src: \"src\""), @"");
    insta::assert_snapshot!(shown("    language: c\n    tools: {clang: 1}"), @"");
    insta::assert_snapshot!(shown("    language: c\n    target: x86_64-linux"), @"");
    insta::assert_snapshot!(shown("    language: c\n    target: pdp11"), @"");
    insta::assert_snapshot!(shown("    language: c\n    programs: {zlib: {paht: \"bin/zlib\"}}"), @"");
    insta::assert_snapshot!(shown("    language: c\n    limits: {memory: 5}"), @"");
    insta::assert_snapshot!(shown("    language: c\n    meta: {description: \"a\\u{202e}b\"}"), @"");
    insta::assert_snapshot!(shown("    language: c\n    env: {\"A=B\": \"c\"}"), @"");
}

#[test]
fn builds() {
    insta::assert_snapshot!(render(&build_error("      make -j4")), @"");
    insta::assert_snapshot!(render(&build_error("      instal a b")), @"");
    insta::assert_snapshot!(render(&build_error("      ^cc $p.zlib.path")), @"");
    insta::assert_snapshot!(render(&build_error("      ^cc $p")), @"");
    insta::assert_snapshot!(render(&build_error("      ^cat a | ^sort")), @"");
    insta::assert_snapshot!(render(&build_error("      ^cat a o> b")), @"");
    insta::assert_snapshot!(render(&build_error("      within a { install b c }")), @"");
    insta::assert_snapshot!(render(&build_error("      ^cc /nuka/store/abc")), @"");
}

#[test]
fn recipes() {
    insta::assert_snapshot!(render(&error("export def main [] { 5 }")), @"");
    insta::assert_snapshot!(render(&error("export def build [] { }")), @"");
    insta::assert_snapshot!(render(&error("export def main [] { let x = }")), @"");
    insta::assert_snapshot!(render(&error("export def main [] { derivation \"Zlib\" 1 {} }")), @"");
    insta::assert_snapshot!(render(&error("export def main [] { derivation zlib 1.20 {} }")), @"");
    insta::assert_snapshot!(render(&error("export def main [] { error make {msg: \"no\", label: {text: \"here\", span: {start: 0, end: 1}}} }")), @"");
    insta::assert_snapshot!(render(&error("export def main [] {\n  loop { }\n}")), @"");
    insta::assert_snapshot!(render(&error("export def main [] {\n  open version.txt\n}")), @"");
    insta::assert_snapshot!(render(&error("use lib/d.nu\nexport def main [] { }")), @"");
    insta::assert_snapshot!(render(&error("# \u{202e}hidden\nexport def main [] { }")), @"");
}

#[test]
fn an_error_in_another_recipe_tells_the_way() {
    let top = "export def main [] {\n  derivation top 1.0 { language: c, packages: [(pkg leaf)] }\n}";
    let leaf = "export def main [] {\n  derivation leaf 1.0 { langauge: c }\n}";
    insta::assert_snapshot!(render(&evaluate(&[("top.nu", top), ("leaf.nu", leaf)], "top").unwrap_err()), @"");
}

#[test]
fn hostile_nesting_is_an_error() {
    for text in [
        "(".repeat(10_000),
        "{".repeat(10_000),
        format!("{}{}", "[".repeat(500), "]".repeat(500)),
        format!("export def main [] {{ let x = {} true }}", "not ".repeat(50_000)),
        format!("export def main [] {{ let x = 1 {} }}", "+ 1 ".repeat(50_000)),
        format!("export def main [] {{ if true {{ }} {} }}", "else if true { } ".repeat(20_000)),
        format!("export def main [] {{ let x = {}1{} }}", "(not (".repeat(40), "))".repeat(40)),
        format!("export def main [] {{ {} }}", "$\"(".repeat(3000)),
        format!("export def main [] {{ {} }}", "if true { ".repeat(3000)),
        format!("export def main [] {{ $in{} }}", ".a".repeat(50_000)),
        format!("export def main [] {{ {} }}", "ls | ".repeat(50_000)),
        "export def main [".to_owned() + &"a: list<".repeat(20_000),
        "\"".repeat(10_001),
        "const a = \"0123456789\"\n".to_owned()
            + &(0..60)
                .map(|i| format!("const a{i} = $\"($a)($a)\"\nconst a = [$a $a{i}]\n"))
                .collect::<String>(),
        "x".repeat(2 << 20),
    ] {
        let shown: String = text.chars().take(60).collect();
        let error = error(&text);
        assert_ne!(error.code, "nuka::recipe::bug", "{shown}: {}", render(&error));
    }
}
