//! Recipes that use one another: versions, cycles, modules, and what does not change a PID.

use crate::common::{error, evaluate, files, one, package, render};
use nuka_nushell_ext::{Evaluator, MissingHashes, Options, RecipeName, RecipePath, Target};
use nuka_pir::{Pir, Version};

const LEAF: &str = "export def main [] { derivation leaf 1.0 { language: c } }";

fn pid(recipe: &str) -> String {
    one(recipe).pid.to_string()
}

#[test]
fn layout_and_place_do_not_move_a_pid() {
    let recipe = r#"
        const version = "1.0"
        export def main [] {
            derivation it $version {
                language: c
                env: {B: "2", A: "1"}
                build: {|p|
                    let flags = ["-O2" "-g"]
                    for-each (glob "src/*.c") {|f| ^cc ...$flags $f }
                    if $p.version == "1.0" { install a b }
                }
            }
        }"#;
    let expected = pid(recipe);
    insta::assert_snapshot!(expected, @"37g7vhzu7zz5o2ppqevtzwijdhz3bljykay5y2rrulourjk7w4mq");
    let indented = recipe.replace("    ", "\t ").replace("\n", "\n\n");
    let commented = recipe.replace("\n", " # a comment\n");
    let reordered = r#"
        export def main [] { derivation it "1.0" { build: {|q| for-each (glob "src/*.c") {|file| ^cc "-O2" -g $file }
            install a b }, env: {A: "1", B: "2"}, language: "c" } }"#;
    for other in [indented.as_str(), commented.as_str(), reordered] {
        assert_eq!(pid(other), expected, "{other}");
    }
    let path = RecipePath::new("deep/down/other.nu").unwrap();
    let files = files(&[("deep/down/other.nu", recipe)]);
    let moved = Evaluator::new(&*files, Options::default()).evaluate(&[Target::file(path)]).unwrap();
    assert_eq!(moved.roots[0].to_string(), expected);
}

#[test]
fn packages_are_evaluated_once_and_for_what_they_are_for() {
    let top = r#"export def main [] { derivation top 1.0 {
        language: c
        tools: [(pkg leaf)]
        packages: {leaf: (pkg leaf), again: (pkg "leaf@1.0")}
        needs: (pkg leaf)
        build: {|p| ^x $p.leaf.path $p.again.path $p.leaf.version }
    } }"#;
    let evaluation = evaluate(&[("top.nu", top), ("leaf.nu", LEAF)], "top").unwrap();
    assert_eq!(evaluation.packages.len(), 2);
    insta::assert_snapshot!(evaluation.packages[&evaluation.roots[0]].text, @r#"{build: {builder: "wasm/1", cpu: "generic", packages: {again: {outputs: ["dev", "out"], pid: "vdlgvsfa7jkha4blaptnpv2t4c7yaobkgskbrdabkbc4uydck7ea"}, leaf: {outputs: ["dev", "out"], pid: "vdlgvsfa7jkha4blaptnpv2t4c7yaobkgskbrdabkbc4uydck7ea"}}, steps: [{run: {command: ["x", "/nuka/in/leaf", "/nuka/in/again", "1.0"]}}], target: "wasm32-wasip1", tools: {leaf: {outputs: ["dev", "out"], pid: "vdlgvsfa7jkha4blaptnpv2t4c7yaobkgskbrdabkbc4uydck7ea"}}}, name: "top", pir: 1, run: {language: "c", needs: {leaf: {outputs: ["out"], pid: "vdlgvsfa7jkha4blaptnpv2t4c7yaobkgskbrdabkbc4uydck7ea"}}, platforms: ["wasm32-wasip1"]}, version: "1.0"}"#);
    let read: Vec<&str> = evaluation.files_read.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(read, ["leaf.nu", "top.nu"]);
}

#[test]
fn only_what_is_referred_to_is_given() {
    let recipe = r#"export def main [] {
        let unused = (derivation unused 1.0 { language: c })
        let used = (derivation used 1.0 { language: c })
        derivation it 1.0 { language: c, packages: [$used] }
    }"#;
    let evaluation = evaluate(&[("it.nu", recipe)], "it").unwrap();
    let names: Vec<&str> = evaluation.packages.values().map(|package| package.pir.name.as_str()).collect();
    assert_eq!(names.len(), 2);
    assert!(!names.contains(&"unused"));
}

#[test]
fn cycles_are_named_whole() {
    let recipe = |name: &str, other: &str| {
        format!(
            "export def main [] {{\n  derivation {name} 1.0 {{ language: c, packages: [(pkg {other})] }}\n}}"
        )
    };
    let files = [("a.nu", recipe("a", "b")), ("b.nu", recipe("b", "c")), ("c.nu", recipe("c", "a"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    insta::assert_snapshot!(render(&evaluate(&files, "a").unwrap_err()), @"
    nuka::recipe::cycle

      × packages need each other: a -> b -> c -> a
      help: a package cannot be built before itself: build a smaller variant of one first, in a recipe
            of its own

    Error: nuka::recipe::asked_for

      × `a` is asked for here
       ╭─[c.nu:2:51]
     1 │ export def main [] {
     2 │   derivation c 1.0 { language: c, packages: [(pkg a)] }
       ·                                                   ┬
       ·                                                   ╰── here
     3 │ }
       ╰────

    Error: nuka::recipe::asked_for

      × `c` is asked for here
       ╭─[b.nu:2:51]
     1 │ export def main [] {
     2 │   derivation b 1.0 { language: c, packages: [(pkg c)] }
       ·                                                   ┬
       ·                                                   ╰── here
     3 │ }
       ╰────

    Error: nuka::recipe::asked_for

      × `b` is asked for here
       ╭─[a.nu:2:51]
     1 │ export def main [] {
     2 │   derivation a 1.0 { language: c, packages: [(pkg b)] }
       ·                                                   ┬
       ·                                                   ╰── here
     3 │ }
       ╰────
    ");
    insta::assert_snapshot!(render(&evaluate(&[("a.nu", &recipe("a", "a"))], "a").unwrap_err()), @"
    nuka::recipe::cycle

      × packages need each other: a -> a
      help: a package cannot be built before itself: build a smaller variant of one first, in a recipe
            of its own

    Error: nuka::recipe::asked_for

      × `a` is asked for here
       ╭─[a.nu:2:51]
     1 │ export def main [] {
     2 │   derivation a 1.0 { language: c, packages: [(pkg a)] }
       ·                                                   ┬
       ·                                                   ╰── here
     3 │ }
       ╰────
    ");
}

#[test]
fn unknown_packages_are_guessed() {
    let top = "export def main [] {\n  derivation top 1.0 { language: c, packages: [(pkg laef)] }\n}";
    insta::assert_snapshot!(render(&evaluate(&[("top.nu", top), ("leaf.nu", LEAF)], "top").unwrap_err()), @"
    nuka::recipe::not_found

      × there is no recipe for `laef`
      help: did you mean `leaf`?

    Error: nuka::recipe::asked_for

      × `laef` is asked for here
       ╭─[top.nu:2:53]
     1 │ export def main [] {
     2 │   derivation top 1.0 { language: c, packages: [(pkg laef)] }
       ·                                                     ──┬─
       ·                                                       ╰── here
     3 │ }
       ╰────
    ");
    let error = evaluate(&[("leaf.nu", LEAF)], "nothing").unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"there is no recipe for `nothing`");
}

#[test]
fn what_was_looked_for_in_vain_is_told() {
    let recipe = "use c.nu\nexport def main [] { derivation it 1.0 { language: c } }";
    let path = RecipePath::new("sub/it.nu").unwrap();
    let files = files(&[("sub/it.nu", recipe), ("c.nu", "export def x [] { }")]);
    let evaluator = Evaluator::new(&*files, Options::default());
    let evaluation = evaluator.evaluate(&[Target::file(path)]).unwrap();
    assert_eq!(evaluation.not_found, [RecipePath::new("sub/c.nu").unwrap()]);
    assert_eq!(evaluation.files_read.len(), 2);
}

const LUA: &str = r#"export const versions = ["5.4.8" "5.3.6"]
export def main [--version: string] { derivation lua $version { language: c } }"#;

fn version_of(name: &str, version: Option<&str>) -> Result<String, String> {
    let target = Target { version: version.map(|version| Version::new(version).unwrap()), ..package(name) };
    let files = files(&[("lua.nu", LUA), ("leaf.nu", LEAF)]);
    let evaluation = Evaluator::new(&*files, Options::default())
        .evaluate(&[target])
        .map_err(|error| format!("{error}; {}", error.help.as_deref().unwrap_or_default()))?;
    let package = &evaluation.packages[&evaluation.roots[0]];
    Ok(format!(
        "{} of {:?}",
        package.pir.version,
        package.versions.iter().map(Version::as_str).collect::<Vec<_>>()
    ))
}

#[test]
fn recipes_with_versions() {
    assert_eq!(version_of("lua", None).unwrap(), r#"5.4.8 of ["5.4.8", "5.3.6"]"#);
    assert_eq!(version_of("lua", Some("5.3.6")).unwrap(), r#"5.3.6 of ["5.4.8", "5.3.6"]"#);
    assert_eq!(
        version_of("lua", Some("5.2")).unwrap_err(),
        "`lua` has no version 5.2; there is 5.4.8, 5.3.6"
    );
    assert_eq!(version_of("leaf", Some("1.0")).unwrap(), r#"1.0 of ["1.0"]"#);
    assert_eq!(version_of("leaf", Some("2.0")).unwrap_err(), "`leaf` has no version 2.0; there is 1.0");
}

#[test]
fn modules_come_by_every_way() {
    let c = ("lib/c.nu", "use flags.nu\nexport const name = \"c\"\nexport def flag [] { flags all }");
    let flags = ("lib/flags.nu", "export def all [] { \"-O2\" }");
    let expected = crate::common::steps("^cc -O2");
    for import in [
        "use lib/c.nu",
        "use lib/c",
        "use \"lib/c.nu\"",
        "const m = \"lib/c\"; use $m",
        "const m = \"lib/c.nu\"\nuse $m",
        "use lib/c.nu *; module c { export def flag [] { \"-O2\" } }; use c",
    ] {
        let recipe = format!("{import}\n{}", crate::common::with_build("^cc (c flag)"));
        let evaluation = evaluate(&[("it.nu", &recipe), c, flags], "it")
            .unwrap_or_else(|error| panic!("{import}: {}", render(&error)));
        let steps = &evaluation.packages[&evaluation.roots[0]].pir.build.steps;
        assert_eq!(nuka_pir::steps_to_text(steps).unwrap(), expected, "{import}");
    }
}

#[test]
fn a_recipe_used_as_a_module_is_the_same_package() {
    let by_pkg = "export def main [] { derivation top 1.0 { language: c, packages: [(pkg leaf)] } }";
    for other in [
        "use leaf.nu\nexport def main [] { derivation top 1.0 { language: c, packages: [(leaf)] } }",
        "const m = \"leaf\"\nuse $m\nexport def main [] { derivation top 1.0 { language: c, packages: [(leaf)] } }",
        "const m = \"leaf\"\nexport def main [] { derivation top 1.0 { language: c, packages: [$m] } }",
        "export def main [] { derivation top 1.0 { language: c, packages: [leaf] } }",
        "export def main [] { derivation top 1.0 { language: c, packages: leaf } }",
    ] {
        let pids = [by_pkg, other].map(|top| {
            evaluate(&[("top.nu", top), ("leaf.nu", LEAF)], "top")
                .unwrap_or_else(|e| panic!("{}", render(&e)))
                .roots[0]
        });
        assert_eq!(pids[0], pids[1], "{other}");
    }
}

#[test]
fn module_cycles_are_named() {
    let files = [("it.nu", "use a.nu\nexport def main [] { }"), ("a.nu", "use b.nu"), ("b.nu", "use a.nu")];
    insta::assert_snapshot!(render(&evaluate(&files, "it").unwrap_err()), @"
    nuka::recipe::use_cycle

      × recipe files bring each other in: a.nu -> b.nu -> a.nu
       ╭─[b.nu:1:5]
     1 │ use a.nu
       ·     ──┬─
       ·       ╰── here
       ╰────
      help: move what both need into a third file; for another package, `pkg NAME` brings in no code
    ");
}

#[test]
fn the_short_form() {
    let short = r#"export def main [] {
        derivation it 1.0 (fetch path src --hash $"blake3:('' | fill -c 0 -w 64)") [leaf] {|leaf| ^x $leaf.path $leaf.version } --language c
    }"#;
    let long = r#"export def main [] { derivation it 1.0 {
        src: (fetch path src --hash $"blake3:('' | fill -c 0 -w 64)"), language: c, tools: [leaf], packages: [leaf]
        build: {|p| ^x $p.leaf.path $p.leaf.version }
    } }"#;
    let pids = [short, long].map(|text| {
        evaluate(&[("it.nu", text), ("leaf.nu", LEAF)], "it")
            .unwrap_or_else(|error| panic!("{}", render(&error)))
            .roots[0]
    });
    assert_eq!(pids[0], pids[1]);
}

#[test]
fn derivations_are_values() {
    let recipe = r#"export def main [] {
        let z = (pkg leaf)
        let same = (derivation leaf 1.0 { language: c })
        if $z != $same { error make {msg: "not equal"} }
        if $z == null { error make {msg: "null"} }
        if $z.name != "leaf" or $z.version != "1.0" { error make {msg: $"($z.name)"} }
        if ($z.pid | str length) != 52 { error make {msg: $z.pid} }
        if $z.out != $"/nuka/store/($z.pid)-leaf-1.0" { error make {msg: $z.out} }
        if ([$z] | each {|d| $d.pid } | first) != $z.pid { error make {msg: "in a list"} }
        print $z
        derivation it 1.0 { language: c }
    }"#;
    let evaluation = evaluate(&[("it.nu", recipe), ("leaf.nu", LEAF)], "it")
        .unwrap_or_else(|error| panic!("{}", render(&error)));
    insta::assert_snapshot!(evaluation.warnings[0].message, @"{name: leaf, version: 1.0, pid: vdlgvsfa7jkha4blaptnpv2t4c7yaobkgskbrdabkbc4uydck7ea}");
}

#[test]
fn fetches_are_told_with_their_places() {
    let recipe = r#"export def main [] {
    derivation it 1.0 {
        language: c
        src: (fetch crate it "1.1" --subdir src)
        sources: {b: (fetch npm "@a/b" 2.0.0 --hash "sha256:0000000000000000000000000000000000000000000000000000000000000001")}
    }
}"#;
    let error = error(recipe);
    insta::assert_snapshot!(render(&error), @r#"
    nuka::recipe::missing_hash

      × the fetch of crate:it@1.1 has no hash
       ╭─[it.nu:4:15]
     3 │         language: c
     4 │         src: (fetch crate it "1.1" --subdir src)
       ·               ─────┬─────
       ·                    ╰── no --hash
     5 │         sources: {b: (fetch npm "@a/b" 2.0.0 --hash "sha256:0000000000000000000000000000000000000000000000000000000000000001")}
       ╰────
      help: `nuka update-hashes it` writes the one that is published
    "#);
    let options = Options { missing_hashes: MissingHashes::Collect, ..Options::default() };
    let evaluation =
        Evaluator::new(&*files(&[("it.nu", recipe)]), options).evaluate(&[package("it")]).unwrap();
    let told: Vec<String> = evaluation
        .fetches
        .iter()
        .map(|fetch| {
            let hash = fetch.hash.as_ref().map(|(_, span)| &recipe[span.clone()]);
            format!("{} | {} | {hash:?}", fetch.origin, &recipe[fetch.call.clone()])
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    crate:it@1.1 | fetch crate it "1.1" --subdir src | None
    npm:@a/b@2.0.0 | fetch npm "@a/b" 2.0.0 --hash "sha256:0000000000000000000000000000000000000000000000000000000000000001" | Some("\"sha256:0000000000000000000000000000000000000000000000000000000000000001\"")
    "#);
    assert_eq!(evaluation.warnings.len(), 1);
    insta::assert_snapshot!(evaluation.warnings[0].message, @"derivation `it` has version 1.0, but its source crate:it@1.1 has 1.1");
    // A hash that cannot be read is one that is to be replaced.
    let recipe = recipe.replace("sha256:", "sha265:");
    let options = Options { missing_hashes: MissingHashes::Collect, ..Options::default() };
    let evaluation =
        Evaluator::new(&*files(&[("it.nu", &recipe)]), options).evaluate(&[package("it")]).unwrap();
    let places = evaluation.fetches.iter().filter_map(|fetch| fetch.hash.as_ref());
    let texts: Vec<_> = places.map(|(_, span)| &recipe[span.clone()]).collect();
    assert_eq!(texts, ["\"sha265:0000000000000000000000000000000000000000000000000000000000000001\""]);
}

#[test]
fn the_place_of_a_hash_is_that_of_its_value() {
    let hash = "blake3:0000000000000000000000000000000000000000000000000000000000000001";
    for (flag, value) in [
        (format!("--hash \"{hash}\""), format!("\"{hash}\"")),
        (format!("--hash=\"{hash}\""), format!("\"{hash}\"")),
        (format!("--hash   '{hash}'"), format!("'{hash}'")),
        (format!("--hash {hash}"), hash.to_owned()),
        ("--hash $hash".to_owned(), "$hash".to_owned()),
        ("--hash ($hash)".to_owned(), "($hash)".to_owned()),
    ] {
        let recipe = format!(
            "export def main [] {{\nlet hash = \"{hash}\"\nderivation it 1.0 {{ language: c, src: (fetch path a {flag}) }} }}"
        );
        let evaluation = evaluate(&[("it.nu", &recipe)], "it").unwrap_or_else(|e| panic!("{}", render(&e)));
        let (_, place) = evaluation.fetches[0].hash.clone().unwrap();
        assert_eq!(&recipe[place], value, "{flag}");
    }
}

#[test]
fn local_sources_are_below_their_recipe() {
    let recipe = r#"export def main [] { derivation it 1.0 { language: c
        src: (fetch path files/a --hash "blake3:0000000000000000000000000000000000000000000000000000000000000001") } }"#;
    let path = RecipePath::new("sub/it.nu").unwrap();
    let target = Target { recipe: RecipeName::File(path), ..package("it") };
    let evaluation =
        Evaluator::new(&*files(&[("sub/it.nu", recipe)]), Options::default()).evaluate(&[target]).unwrap();
    let package = &evaluation.packages[&evaluation.roots[0]];
    let source = package.pir.build.sources.values().next().unwrap();
    assert_eq!(package.local_sources[&source.id().unwrap()], "sub/files/a");
}

#[test]
fn checks_are_packages_of_their_own() {
    let recipe = r#"export def main [] { derivation it 1.0 {
        language: c, tools: [leaf]
        build: {|p| ^cc }
        check: {|p| ^it --version | expect $p.it.path }
        outputs: {dev: "include/**"}
    } }"#;
    let evaluation = evaluate(&[("it.nu", recipe), ("leaf.nu", LEAF)], "it").unwrap();
    let package = &evaluation.packages[&evaluation.roots[0]];
    let check = &evaluation.packages[&package.check.unwrap()];
    assert_eq!(check.pir.name.as_str(), "it-check");
    insta::assert_snapshot!(check.text.replace(&package.pid.to_string(), "PID"), @r#"{build: {builder: "wasm/1", cpu: "generic", packages: {it: {outputs: ["dev", "out"], pid: "PID"}}, steps: [{run: {command: ["it", "--version"], stdout: {expect: "/nuka/in/it"}}}], target: "wasm32-wasip1", tools: {it: {outputs: ["dev", "out"], pid: "PID"}, leaf: {outputs: ["dev", "out"], pid: "vdlgvsfa7jkha4blaptnpv2t4c7yaobkgskbrdabkbc4uydck7ea"}}}, name: "it-check", pir: 1, run: {language: "c", platforms: ["wasm32-wasip1"]}, version: "1.0"}"#);
}

#[test]
fn texts_are_canonical() {
    let package = one(&crate::common::with_build("write a \"quo\\\"te\\n\\t\\u{7}é\"; ^x 1 -2 --a=b"));
    assert_eq!(Pir::from_text(&package.text).unwrap(), package.pir);
    assert_eq!(Pir::pid_of_text(&package.text), package.pid);
}

#[test]
fn nushell_reads_canonical_text() {
    // A recipe that is given a PIR's text as NUON, and one of JSON, and finds them equal.
    let package =
        one(&crate::common::with_build("write a \"quo\\\"te\\n\\té\"; for-each [a b] {|f| ^x $f.stem 1 }"));
    let value = nuka_pir::canonical::parse(&package.text).unwrap();
    let recipe = format!(
        "export def main [] {{\nlet nuon = (r###'{}'### | from nuon)\nlet json = (r###'{}'### | from json)\n\
         if $nuon != $json {{ error make {{msg: \"they differ\"}} }}\n\
         derivation it 1.0 {{ language: $nuon.run.language }} }}",
        package.text,
        serde_json::to_string(&value).unwrap()
    );
    one(&recipe);
}

#[test]
fn several_packages_of_one_recipe() {
    let recipe = "export def main [] { 1..3 | each {|i| derivation $\"p($i)\" 1.0 { language: c } } }";
    let evaluation = evaluate(&[("it.nu", recipe)], "it").unwrap();
    assert_eq!(evaluation.roots.len(), 3);
    let top = "export def main [] { derivation top 1.0 { language: c, packages: [(pkg it)] } }";
    let error = evaluate(&[("it.nu", recipe), ("top.nu", top)], "top").unwrap_err();
    assert_eq!(error.to_string(), "`it` gives 3 packages");
}

#[test]
fn programs_read_only_what_is_piped_to_them() {
    let plain = crate::common::steps("^cc a; ^cc b");
    for body in [
        "[a b] | each {|f| ^cc $f }",
        "[a b] | each { ^cc $in }",
        "[a b] | each {|f| if true { ^cc $f } }",
        "def cc [f] { ^cc $f }; [a b] | each {|f| cc $f }",
        "for f in [a b] { ^cc $f }",
    ] {
        assert_eq!(crate::common::steps(body), plain, "{body}");
    }
    let piped = crate::common::steps("\"text\" | ^cc");
    for body in [
        "\"text\"\n| ^cc",
        "\"text\" | (^cc)",
        "\"text\" | do { ^cc }",
        "let t = \"text\"; $t | ^cc",
        "[text] | each {|t| $t | ^cc }",
        "def cc [] { $in | ^cc }; \"text\" | cc",
        "def say [] { \"text\" }; say | ^cc",
    ] {
        assert_eq!(crate::common::steps(body), piped, "{body}");
    }
    insta::assert_snapshot!(crate::common::steps("\"text\" | A=b ^cc | save c"), @r#"[{run: {command: ["cc"], env: {"A": "b"}, stdin: {text: "text"}, stdout: {save: "c"}}}]"#);
}
