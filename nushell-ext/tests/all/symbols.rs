//! The item of a `for-each` and globs: placed into steps, and refused everywhere else.

use crate::common::{build_error, render, steps};

#[test]
fn items_become_template_parts() {
    insta::assert_snapshot!(steps(r#"
        for-each (glob "src/*.c") {|f|
            ^cc $f $f.path $f.name -o $"obj/($f.stem).o" --depends=($f.parent)/x.($f.extension)
        }
    "#), @r#"[{for_each: {over: {glob: ["src/*.c"]}, steps: [{run: {command: ["cc", [{field: "path", item: 0}], [{field: "path", item: 0}], [{field: "name", item: 0}], "-o", ["obj/", {field: "stem", item: 0}, ".o"], ["--depends=", {field: "parent", item: 0}, "/x.", {field: "extension", item: 0}]]}}]}}]"#);
    insta::assert_snapshot!(steps(r#"
        for-each [a b] {|x| for-each (glob $"($x)/*.c") {|f| $"($x) ($f.stem)" | ^tool $x $f; install $f $"lib/($x)/" } }
    "#), @r#"[{for_each: {over: ["a", "b"], steps: [{for_each: {over: {glob: [[{field: "path", item: 0}, "/*.c"]]}, steps: [{run: {command: ["tool", [{field: "path", item: 0}], [{field: "path", item: 1}]], stdin: {text: [{field: "path", item: 0}, " ", {field: "stem", item: 1}]}}}, {install: {from: [[{field: "path", item: 1}]], to: ["lib/", {field: "path", item: 0}, "/"]}}]}}]}}]"#);
}

#[test]
fn items_pass_through_lists_and_records() {
    let direct = steps(r#"for-each (glob "*.c") {|f| ^cc -c $f -o $"($f.stem).o" }"#);
    for body in [
        r#"for-each (glob "*.c") {|f| let a = [-c $f]; let o = ["-o" $"($f.stem).o"]; ^cc ...$a ...$o }"#,
        r#"for-each (glob "*.c") {|f| let a = ([-c $f] ++ ["-o" $"($f.stem).o"]); ^cc ...$a }"#,
        r#"for-each (glob "*.c") {|f| let a = ([-c $f] | append ["-o" $"($f.stem).o"]); ^cc ...$a }"#,
        r#"for-each (glob "*.c") {|f| let r = {in: $f, out: $"($f.stem).o"}; ^cc -c $r.in -o $r.out }"#,
        r#"def compile [f] { ^cc -c $f -o $"($f.stem).o" }; for-each (glob "*.c") {|f| compile $f }"#,
        r#"for-each (glob "*.c") {|f| [$f] | each {|g| ^cc -c $g -o $"($g.stem).o" } }"#,
        r#"for-each (glob "*.c") {|f| for g in [$f] { ^cc -c $g -o $"($g.stem).o" } }"#,
        r#"for-each (glob "*.c") {|f| let r = ({a: 1} | insert in $f); ^cc -c $r.in -o $"($f.stem).o" }"#,
        r#"for-each (glob "*.c") {|f| ^cc ...([-c] | append $f) -o $"($f | get stem).o" }"#,
        r#"def compile [f: any, --to: string] { ^cc -c $f -o $to }; for-each (glob "*.c") {|f| compile $f --to $"($f.stem).o" }"#,
    ] {
        assert_eq!(steps(body), direct, "{body}");
    }
}

#[test]
fn an_item_cannot_be_looked_into() {
    for use_of_it in [
        r#"if $f.stem == "x" { }"#,
        r#"if "x" == $f.stem { }"#,
        r#"if "x" != $f.stem { }"#,
        r#"if $f == "x" { }"#,
        r#"if $"($f.stem).c" == "x.c" { }"#,
        r#"if "x.c" == $"($f.stem).c" { }"#,
        r#"if [x] == [$f.stem] { }"#,
        r#"if $f.stem in [a b] { }"#,
        r#"if "a" in [$f.stem] { }"#,
        r#"if [a] has $f.stem { }"#,
        r#"if $f.stem =~ "x" { }"#,
        r#"if "x" =~ $f.stem { }"#,
        r#"if $f.stem starts-with "x" { }"#,
        r#"if $f.stem > "x" { }"#,
        r#"if $f.stem { }"#,
        r#"if not $f.stem { }"#,
        r#"if ($f.stem | is-empty) { }"#,
        r#"if ($"($f.stem)" | is-empty) { }"#,
        r#"match $f.stem { "x" => { }, _ => { } }"#,
        r#"match $"($f.stem)" { "x" => { }, _ => { } }"#,
        r#"match [$f.stem] { ["x"] => { }, _ => { } }"#,
        r#"let x = $f.stem + "x""#,
        r#"let x = "x" + $f.stem"#,
        r#"let x = $"($f.stem)" + "x""#,
        r#"let x = $"($f.stem)" ++ "x""#,
        r#"let x = ($f.stem | str replace a b)"#,
        r#"let x = ($"a($f.stem)" | str replace a b)"#,
        r#"let x = ("abc" | str replace a $f.stem)"#,
        r#"let x = ("abc" | str replace a $"($f.stem)")"#,
        r#"let x = ([$f.stem] | str join "-")"#,
        r#"let x = ([a b] | str join $"($f.stem)")"#,
        r#"let x = ([$f.stem a] | sort)"#,
        r#"let x = ([$f.stem a] | uniq)"#,
        r#"let x = ([$f a] | each { $"($in)" } | str upcase)"#,
        r#"let x = ([{a: $f}] | group-by a)"#,
        r#"let x = ([$f a] | where $it == a)"#,
        r#"let x = ($"($f)" | split row "/")"#,
        r#"let x = ($"($f)" | str length)"#,
        r#"let x = ($"($f)" | path basename)"#,
        r#"let x = ($"($f)" | hash sha256)"#,
        r#"let x = ({a: $f} | to json)"#,
        r#"let x = ({a: $"($f)"} | to nuon)"#,
        r#"let x = ($"($f)" | parse "{a}/{b}")"#,
        r#"let x = ($"($f)" | split chars)"#,
        r#"let x = ($"($f)" | encode utf-8)"#,
        r#"let x = {($"($f)"): 1}"#,
        r#"let x = ($"($f)" | describe)"#,
        r#"let x = ($"($f)" | into int)"#,
        r#"let x = (char --integer ($"($f)" | str length))"#,
        r#"for-each [$f] {|g| ^cc $g }"#,
        r#"for x in $f { ^cc $x }"#,
        r#"let flags = {main: x}; ^cc ...($flags | get -o $"($f.stem)" | default [])"#,
        r#"let flags = {main: x}; ^cc ...($flags | get -o $f.stem | default [])"#,
        r#"let x = ([{a: $f.stem}] | where a)"#,
        r#"let x = ([a b] | where {|x| $f.stem })"#,
        r#"let x = ([$f.stem] | where $it)"#,
        r#"let x = ([a b] | any {|x| $f.stem })"#,
        r#"let x = ([a b] | sort-by {|x| $f.stem })"#,
        r#"let x = ([a b] | group-by {|x| $"($f.stem)" })"#,
        r#"let x = ([$f.extension] | compact --empty)"#,
        r#"let x = ($f.extension | default --empty c)"#,
        r#"let x = ([{k: $"($f.stem)", v: 1}] | transpose --header-row)"#,
        r#"let x = ({a: 1} | insert $"($f.stem)" 2)"#,
        r#"let x = ({a: 1} | rename $"($f.stem)")"#,
        r#"let x = (1 | wrap $"($f.stem)")"#,
        r#"def g [x: string] { if $x == main { ^a } }; g $"($f.stem)""#,
        r#"let c = {|x| if $x == "main" { ^a } }; do $c $f.stem"#,
        r#"derivation $f 1.0 { language: c }"#,
    ] {
        let body = format!("for-each (glob \"*.c\") {{|f|\n{use_of_it}\n^cc $f }}");
        let error = build_error(&body);
        assert!(
            ["nuka::recipe::symbolic", "nuka::recipe::derivation_in_build"].contains(&error.code.as_str()),
            "{use_of_it}: {}",
            render(&error)
        );
        assert!(!error.labels.is_empty(), "{use_of_it}: {}", render(&error));
    }
}

#[test]
fn nu_itself_refuses_some_uses() {
    // Whatever the code: these have to be errors too.
    for use_of_it in [
        r#"let x = $f.stem.name"#,
        r#"let x = $f.0"#,
        r#"let x = ...$f"#,
        r#"let x = $f.stem - 1"#,
        r#"let x = $f.size"#,
        r#"for x in 1..$f { }"#,
        r#"let x = ($f.stem | into string)"#,
        r#"^cc $f.size"#,
    ] {
        build_error(&format!("for-each (glob \"*.c\") {{|f|\n{use_of_it}\n^cc $f }}"));
    }
}

#[test]
fn globs_are_not_lists() {
    for (body, code) in [
        (r#"for f in (glob "*.c") { ^cc $f }"#, "opaque"),
        (r#"glob "*.c" | each {|f| ^cc $f }"#, "opaque"),
        (r#"^cc $"(glob "*.c")""#, "opaque"),
        (r#"if (glob "*.c") == [] { }"#, "opaque"),
        (r#"if [] == (glob "*.c") { }"#, "opaque"),
        (r#"let x = (glob "*.c" | length)"#, "opaque"),
        (r#"let x = (glob "*.c" | sort)"#, "opaque"),
        (r#"let x = (glob "*.c" | first)"#, "opaque"),
        (r#"let x = (glob "*.c" | to json)"#, "opaque"),
        (r#"[(glob "*.c")] | each { $in } | str join"#, "opaque"),
        (r#"^cc $"([(glob "*.c")] | each { $in })""#, "opaque"),
        (r#"if ([(glob "*.c")] | each { $in }) == [] { }"#, "opaque"),
        (r#"(glob "*.c").0"#, "opaque"),
        (r#"make-directory *.d"#, "glob"),
        (r#"write (glob "*.c") text"#, "type"),
        (r#"glob"#, "arguments"),
    ] {
        let error = build_error(body);
        assert_eq!(error.code, format!("nuka::recipe::{code}"), "{body}: {}", render(&error));
    }
}

#[test]
fn the_error_says_what_to_do() {
    let error = build_error("for-each (glob \"*.c\") {|f| if \"main\" == $f.stem { ^cc $f } }");
    insta::assert_snapshot!(render(&error), @r#"
    nuka::recipe::symbolic

      × `==` would have to know the item of a `for-each`, which is known only in the build
       ╭─[it.nu:5:38]
     4 │     build: {|p|
     5 │ for-each (glob "*.c") {|f| if "main" == $f.stem { ^cc $f } }
       ·                                      ─┬
       ·                                       ╰── stands for each item in turn
     6 │     }
       ╰────
      help: place it, or its .name, .stem, .extension or .parent, into an argument or a text, and
            nothing else. To decide per item now, go over a list with `each`; to leave files out,
            `glob ... --except ...`
    "#);
}
