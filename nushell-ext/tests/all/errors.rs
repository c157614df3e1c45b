//! The text of errors, as people see it.

use crate::common::{build_error, error, evaluate, render};

fn shown(fields: &str) -> String {
    render(&error(&format!("export def main [] {{\n  derivation zlib 1.3.1 {{\n{fields}\n  }}\n}}")))
}

#[test]
fn fields() {
    insta::assert_snapshot!(shown("    language: c\n    bulid: {|p| ^make }"), @"
    nuka::recipe::unknown_field

      × derivation `zlib` has no field `bulid`
       ╭─[it.nu:4:5]
     3 │     language: c
     4 │     bulid: {|p| ^make }
       ·     ──┬──
       ·       ╰── did you mean `build`?
     5 │   }
       ╰────
      help: its fields are src, sources, language, target, cpu, tools, packages, needs, env, limits,
            build, check, outputs, programs, permissions, platforms, prefix, slot, meta
    ");
    insta::assert_snapshot!(shown("    language: c\n    colour: red"), @"
    nuka::recipe::unknown_field

      × derivation `zlib` has no field `colour`
       ╭─[it.nu:4:5]
     3 │     language: c
     4 │     colour: red
       ·     ───┬──
       ·        ╰── not a field
     5 │   }
       ╰────
      help: its fields are src, sources, language, target, cpu, tools, packages, needs, env, limits,
            build, check, outputs, programs, permissions, platforms, prefix, slot, meta
    ");
    insta::assert_snapshot!(shown("    language: c\n    build: \"make\""), @r#"
    nuka::recipe::type

      × `build` of derivation `zlib` is a closure, not text
       ╭─[it.nu:4:12]
     3 │     language: c
     4 │     build: "make"
       ·            ───┬──
       ·               ╰── expected a closure, got text
     5 │   }
       ╰────
      help: write `build: {|p| ^tool ... }`
    "#);
    insta::assert_snapshot!(shown("    src: null"), @"
    nuka::recipe::no_language

      × derivation `zlib` does not say its language
       ╭─[it.nu:2:25]
     1 │     export def main [] {
     2 │ ╭─▶   derivation zlib 1.3.1 {
     3 │ │       src: null
     4 │ ├─▶   }
       · ╰──── no `language`
     5 │     }
       ╰────
      help: it decides what may run natively; write one of c, cpp, assembly, fortran, zig, rust, go,
            java, haskell, ocaml, javascript, python, lua, perl, shell, data
    ");
    insta::assert_snapshot!(shown("    language: cc"), @"
    nuka::recipe::field

      × `language` of derivation `zlib`: `cc` is not a language that nuka knows
       ╭─[it.nu:3:15]
     2 │   derivation zlib 1.3.1 {
     3 │     language: cc
       ·               ─┬
       ·                ╰── here
     4 │   }
       ╰────
      help: there are c, cpp, assembly, fortran, zig, rust, go, java, haskell, ocaml, javascript,
            python, lua, perl, shell, data
    ");
    insta::assert_snapshot!(shown("    language: c\n    src: \"src\""), @r#"
    nuka::recipe::type

      × `src` of derivation `zlib` is a source, not text
       ╭─[it.nu:4:10]
     3 │     language: c
     4 │     src: "src"
       ·          ──┬──
       ·            ╰── expected a source, got text
     5 │   }
       ╰────
      help: write `(fetch crate NAME VERSION --hash HASH)`, or npm, pypi, debian, url, path
    "#);
    insta::assert_snapshot!(shown("    language: c\n    tools: {clang: 1}"), @"
    nuka::recipe::type

      × `tools` of derivation `zlib` is packages, not int
       ╭─[it.nu:4:20]
     3 │     language: c
     4 │     tools: {clang: 1}
       ·                    ┬
       ·                    ╰── expected packages, got int
     5 │   }
       ╰────
      help: write `(pkg zlib)`, or its name; a record gives names: `{ssl: (pkg openssl)}`
    ");
    insta::assert_snapshot!(shown("    language: c\n    target: x86_64-linux"), @"
    nuka::recipe::invalid

      × derivation `zlib` cannot be built: c is not memory-safe, so it may not target `x86_64-linux-
      │ gnu`: its programs would run with nothing around them. Use a wasm target such as `wasm32-
      │ wasip1`
       ╭─[it.nu:2:3]
     1 │ export def main [] {
     2 │   derivation zlib 1.3.1 {
       ·   ─────┬────
       ·        ╰── here
     3 │     language: c
       ╰────
    ");
    insta::assert_snapshot!(shown("    language: c\n    target: pdp11"), @"
    nuka::recipe::field

      × `target` of derivation `zlib`: unknown platform `pdp11`; known are wasm32-wasip1, wasm64-
      │ wasip1, x86_64-linux-gnu, x86_64-linux-musl, aarch64-linux-gnu, aarch64-linux-musl, x86_64-
      │ freebsd, x86_64-darwin, aarch64-darwin, x86_64-windows, any
       ╭─[it.nu:4:13]
     3 │     language: c
     4 │     target: pdp11
       ·             ──┬──
       ·               ╰── here
     5 │   }
       ╰────
    ");
    insta::assert_snapshot!(shown("    language: c\n    programs: {zlib: {paht: \"bin/zlib\"}}"), @r#"
    nuka::recipe::unknown_field

      × `zlib` of `programs` of derivation `zlib` has no field `paht`
       ╭─[it.nu:4:23]
     3 │     language: c
     4 │     programs: {zlib: {paht: "bin/zlib"}}
       ·                       ──┬─
       ·                         ╰── did you mean `path`?
     5 │   }
       ╰────
      help: its fields are path, args, env
    "#);
    insta::assert_snapshot!(shown("    language: c\n    limits: {memory: 5}"), @"
    nuka::recipe::type

      × `memory` of `limits` of derivation `zlib` is a size, not int
       ╭─[it.nu:4:22]
     3 │     language: c
     4 │     limits: {memory: 5}
       ·                      ┬
       ·                      ╰── expected a size, got int
     5 │   }
       ╰────
      help: write it with a unit: `2GiB`
    ");
    insta::assert_snapshot!(shown("    language: c\n    meta: {description: \"a\\u{202e}b\"}"), @r#"
    nuka::recipe::field

      × `description` of `meta` of derivation `zlib`: the character U+202E at byte 1 is not allowed:
      │ it could hide or fake what is shown
       ╭─[it.nu:4:25]
     3 │     language: c
     4 │     meta: {description: "a\u{202e}b"}
       ·                         ──────┬─────
       ·                               ╰── here
     5 │   }
       ╰────
    "#);
    insta::assert_snapshot!(shown("    language: c\n    env: {\"A=B\": \"c\"}"), @"
    nuka::recipe::invalid

      × derivation `zlib` cannot be built: `A=B` is not a name of an environment variable
       ╭─[it.nu:2:3]
     1 │ export def main [] {
     2 │   derivation zlib 1.3.1 {
       ·   ─────┬────
       ·        ╰── here
     3 │     language: c
       ╰────
    ");
}

#[test]
fn builds() {
    insta::assert_snapshot!(render(&build_error("      make -j4")), @"
    nuka::recipe::unknown_command

      × `make` is not a command
       ╭─[it.nu:5:7]
     4 │     build: {|p|
     5 │       make -j4
       ·       ──┬─
       ·         ╰── not known
     6 │     }
       ╰────
      help: did you mean `take`? Otherwise, to run a program of the build environment write `^make`
    ");
    insta::assert_snapshot!(render(&build_error("      instal a b")), @"
    nuka::recipe::unknown_command

      × `instal` is not a command
       ╭─[it.nu:5:7]
     4 │     build: {|p|
     5 │       instal a b
       ·       ───┬──
       ·          ╰── not known
     6 │     }
       ╰────
      help: did you mean `install`? Otherwise, to run a program of the build environment write
            `^instal`
    ");
    insta::assert_snapshot!(render(&build_error("      ^cc $p.zlib.path")), @"
    nuka::recipe::no_input

      × the build of `it` has no input `zlib`
       ╭─[it.nu:5:14]
     4 │     build: {|p|
     5 │       ^cc $p.zlib.path
       ·              ──┬─
       ·                ╰── not among its tools and packages
     6 │     }
       ╰────
      help: add it: `tools: {zlib: (pkg zlib)}` if it runs in the build, `packages` if it is for the
            target
    ");
    insta::assert_snapshot!(render(&build_error("      ^cc $p")), @"
    nuka::recipe::type

      × expected a text, got record
       ╭─[it.nu:5:11]
     4 │     build: {|p|
     5 │       ^cc $p
       ·           ─┬
       ·            ╰── this is a record
     6 │     }
       ╰────
      help: of an input of the build, write its `.path`: `$p.zlib.path`
    ");
    insta::assert_snapshot!(render(&build_error("      ^cat a | ^sort")), @"
    nuka::recipe::pipe

      × one program does not read from another here
       ╭─[it.nu:5:17]
     4 │     build: {|p|
     5 │       ^cat a | ^sort
       ·                 ──┬─
       ·                   ╰── this is given a program's output
     6 │     }
       ╰────
      help: `^first | save FILE`, then `read FILE | ^second`
    ");
    insta::assert_snapshot!(render(&build_error("      ^cat a o> b")), @"
    nuka::recipe::redirect

      × a recipe redirects nothing into files
       ╭─[it.nu:5:14]
     4 │     build: {|p|
     5 │       ^cat a o> b
       ·              ─┬
       ·               ╰── this would write a file, here and now
     6 │     }
       ╰────
      help: in a build, `^tool ... | save FILE` keeps a program's output; its standard error goes to
            the log
    ");
    insta::assert_snapshot!(render(&build_error("      within a { install b c }")), @"
    nuka::recipe::step_in_group

      × `install` cannot stand in this group
       ╭─[it.nu:5:18]
     4 │     build: {|p|
     5 │       within a { install b c }
       ·                  ───┬───
       ·                     ╰── not the start of a program
     6 │     }
       ╰────
      help: `within` and `expect-exit` are about programs (`^tool`); write other steps outside of them
    ");
    insta::assert_snapshot!(render(&build_error("      ^cc /nuka/store/abc")), @"
    nuka::recipe::invalid

      × derivation `it` cannot be built: in a `run` step: `/nuka/store/abc` looks like a store path.
      │ Use `$p.<name>.path`, which stays the same while the content does
       ╭─[it.nu:2:3]
     1 │ export def main [] {
     2 │   derivation it 1.0.0 {
       ·   ─────┬────
       ·        ╰── here
     3 │     language: c
       ╰────
    ");
}

#[test]
fn recipes() {
    insta::assert_snapshot!(render(&error("export def main [] { 5 }")), @"
    nuka::recipe::main_type

      × `main` of a recipe gives a derivation
       ╭─[it.nu:1:20]
     1 │ export def main [] { 5 }
       ·                    ──┬──
       ·                      ╰── this gives a int
       ╰────
      help: end it with `derivation NAME VERSION { ... }`
    ");
    insta::assert_snapshot!(render(&error("export def build [] { }")), @"
    nuka::recipe::no_main

      × `it.nu` has no `export def main`
       ╭─[it.nu:1:1]
     1 │ export def build [] { }
       · ┬
       · ╰── this recipe
       ╰────
      help: a recipe is a module whose `export def main [] { derivation NAME VERSION { ... } }` gives
            a package
    ");
    insta::assert_snapshot!(render(&error("export def main [] { let x = }")), @"
    nu::parser::keyword_missing_arg

      × Missing argument to `=`.
       ╭─[it.nu:1:29]
     1 │ export def main [] { let x = }
       ·                             ▲
       ·                             ╰── missing variable value that follows =
       ╰────
    ");
    insta::assert_snapshot!(render(&error("export def main [] { derivation \"Zlib\" 1 {} }")), @r#"
    nuka::recipe::name

      × the package name `Zlib` has the character 'Z'; allowed are a-z, 0-9 and, after the first, + .
      │ _ -
       ╭─[it.nu:1:33]
     1 │ export def main [] { derivation "Zlib" 1 {} }
       ·                                 ───┬──
       ·                                    ╰── here
       ╰────
    "#);
    insta::assert_snapshot!(render(&error("export def main [] { derivation zlib 1.20 {} }")), @"
    nuka::recipe::no_language

      × derivation `zlib` does not say its language
       ╭─[it.nu:1:43]
     1 │ export def main [] { derivation zlib 1.20 {} }
       ·                                           ─┬
       ·                                            ╰── no `language`
       ╰────
      help: it decides what may run natively; write one of c, cpp, assembly, fortran, zig, rust, go,
            java, haskell, ocaml, javascript, python, lua, perl, shell, data
    ");
    insta::assert_snapshot!(render(&error("export def main [] { error make {msg: \"no\", label: {text: \"here\", span: {start: 0, end: 1}}} }")), @r#"
    nuka::recipe::error

      × no
       ╭─[it.nu:1:1]
     1 │ export def main [] { error make {msg: "no", label: {text: "here", span: {start: 0, end: 1}}} }
       · ┬
       · ╰── here
       ╰────
    "#);
    insta::assert_snapshot!(render(&error("export def main [] {\n  loop { }\n}")), @"
    nuka::recipe::endless

      × the recipe does too much: it was stopped
       ╭─[it.nu:2:3]
     1 │ export def main [] {
     2 │   loop { }
       ·   ──┬─
       ·     ╰── it was stopped here
     3 │ }
       ╰────
      help: look for a loop that does not end; heavy work belongs into the build
    ");
    insta::assert_snapshot!(render(&error("export def main [] {\n  open version.txt\n}")), @"
    nuka::recipe::impure

      × `open` is not there in a recipe
       ╭─[it.nu:2:3]
     1 │ export def main [] {
     2 │   open version.txt
       ·   ──┬─
       ·     ╰── not in a recipe
     3 │ }
       ╰────
      help: a recipe reads no file. `fetch` brings sources; in a build, `read FILE | ^tool` gives a
            file to a program
    ");
    insta::assert_snapshot!(render(&error("use lib/d.nu\nexport def main [] { }")), @r#"
    nuka::recipe::use_not_found

      × there is no recipe file `lib/d.nu`
       ╭─[it.nu:1:5]
     1 │ use lib/d.nu
       ·     ────┬───
       ·         ╰── here
     2 │ export def main [] { }
       ╰────
      help: `use` looks beside the file, then at the recipe roots. If `use` is an argument here, quote
            it: "use"
    "#);
    insta::assert_snapshot!(render(&error("# \u{202e}hidden\nexport def main [] { }")), @r#"
    nuka::recipe::hidden_character

      × `it.nu` has the character U+202E, which cannot be seen
       ╭─[it.nu:1:3]
     1 │ # <202e>hidden
       ·   ┬
       ·   ╰── here
     2 │ export def main [] { }
       ╰────
      help: what is shown must be what is meant: remove it, or write it as "\u{...}"
    "#);
}

#[test]
fn an_error_in_another_recipe_tells_the_way() {
    let top = "export def main [] {\n  derivation top 1.0 { language: c, packages: [(pkg leaf)] }\n}";
    let leaf = "export def main [] {\n  derivation leaf 1.0 { langauge: c }\n}";
    insta::assert_snapshot!(render(&evaluate(&[("top.nu", top), ("leaf.nu", leaf)], "top").unwrap_err()), @"
    nuka::recipe::unknown_field

      × derivation `leaf` has no field `langauge`
       ╭─[leaf.nu:2:25]
     1 │ export def main [] {
     2 │   derivation leaf 1.0 { langauge: c }
       ·                         ────┬───
       ·                             ╰── did you mean `language`?
     3 │ }
       ╰────
      help: its fields are src, sources, language, target, cpu, tools, packages, needs, env, limits,
            build, check, outputs, programs, permissions, platforms, prefix, slot, meta

    Error: nuka::recipe::asked_for

      × `leaf` is asked for here
       ╭─[top.nu:2:53]
     1 │ export def main [] {
     2 │   derivation top 1.0 { language: c, packages: [(pkg leaf)] }
       ·                                                     ──┬─
       ·                                                       ╰── here
     3 │ }
       ╰────
    ");
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
