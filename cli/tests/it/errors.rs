//! Errors as people see them: what is wrong, where, and what to do.

use crate::support::Place;

/// A recipe that builds without any program: it writes a file.
const HELLO: &str = "export def main [] {
  derivation hello 1.0 {
    language: data
    build: {|p|
      write hello.txt \"hello\"
      install hello.txt share/
    }
  }
}
";

#[test]
fn a_package_that_nobody_knows() {
    insta::assert_snapshot!(Place::new().run(&["build", "zlbi"]), @"
    exit 3
    --- stderr
    nuka::recipe::not_found

      × there is no recipe for `zlbi`
      help: did you mean `zlib`?
    ");
    insta::assert_snapshot!(Place::new().run(&["run", "firefox", "--version"]), @"
    exit 127
    --- stderr
    nuka::recipe::not_found

      × there is no recipe for `firefox`
      help: `nuka search firefox` looks for it; `nuka new firefox` begins a recipe; a recipe's file is named with its path: `./firefox.nu`
    ");
}

#[test]
fn a_recipe_that_is_not_there() {
    insta::assert_snapshot!(Place::new().run(&["build", "./nowhere.nu"]), @"
    exit 3
    --- stderr
      × the recipe `./nowhere.nu` cannot be read: failed to canonicalize path `./nowhere.nu`: No such file or directory (os error 2)
      help: check the path
    ");
}

#[test]
fn a_recipe_that_cannot_be_parsed() {
    let place = Place::new();
    place.write("broken.nu", "export def main [] {\n  derivation broken 1.0 {\n");
    insta::assert_snapshot!(place.run(&["build", "./broken.nu"]), @"
    exit 1
    --- stderr
    nu::parser::unclosed_delimiter

      × Unclosed delimiter.
       ╭─[broken.nu:2:25]
     1 │ export def main [] {
     2 │   derivation broken 1.0 {
       ·                         ┬┬
       ·                         │╰── expected `}` here
       ·                         ╰── unclosed — opens here (need `}`)
       ╰────
      help: Add a matching `}` to close this delimiter, or check that an earlier closer closed the wrong block.
    ");
}

#[test]
fn a_field_that_is_almost_right() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("language", "langauge"));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"
    exit 1
    --- stderr
    nuka::recipe::unknown_field

      × derivation `hello` has no field `langauge`
       ╭─[hello.nu:3:5]
     2 │   derivation hello 1.0 {
     3 │     langauge: data
       ·     ────┬───
       ·         ╰── did you mean `language`?
     4 │     build: {|p|
       ╰────
      help: its fields are src, sources, language, target, cpu, tools, packages, needs, env, limits, build, check, outputs, programs, permissions, platforms, prefix, slot, meta
    ");
}

#[test]
fn a_recipe_that_looks_around() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("  derivation", "  let secret = (open /etc/passwd)\n  derivation"));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"
    exit 1
    --- stderr
    nuka::recipe::impure

      × `open` is not there in a recipe
       ╭─[hello.nu:2:17]
     1 │ export def main [] {
     2 │   let secret = (open /etc/passwd)
       ·                 ──┬─
       ·                   ╰── not in a recipe
     3 │   derivation hello 1.0 {
       ╰────
      help: a recipe reads no file. `fetch` brings sources; in a build, `read FILE | ^tool` gives a file to a program
    ");
}

#[test]
fn a_recipe_with_terminal_commands_in_it() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("write hello.txt", "wrote \"\u{1b}]52;c;eA==\u{7}\u{202e}\""));
    let ended = place.run(&["build", "./hello.nu"]);
    assert!(!ended.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", ended.stderr);
    insta::assert_snapshot!(ended, @r#"
    exit 1
    --- stderr
    nuka::recipe::hidden_character

      × `hello.nu` has the character U+001B, which cannot be seen
       ╭─[hello.nu:5:14]
     4 │     build: {|p|
     5 │       wrote "?]52;c;eA==????" "hello"
       ·              ┬
       ·              ╰── here
     6 │       install hello.txt share/
       ╰────
      help: what is shown must be what is meant: remove it, or write it as "\u{...}"
    "#);
}

#[test]
fn packages_that_use_each_other() {
    let place = Place::new();
    let recipe = |name: &str, other: &str| {
        format!(
            "export def main [] {{\n  derivation {name} 1.0 {{ language: data, packages: {{other: (pkg {other})}} }}\n}}\n"
        )
    };
    place.write("chicken.nu", recipe("chicken", "egg"));
    place.write("egg.nu", recipe("egg", "chicken"));
    insta::assert_snapshot!(place.run(&["build", "./chicken.nu"]), @"
    exit 1
    --- stderr
    nuka::recipe::cycle

      × packages need each other: chicken -> egg -> chicken
      help: a package cannot be built before itself: build a smaller variant of one first, in a recipe of its own

    Error: nuka::recipe::asked_for

      × `chicken` is asked for here
       ╭─[egg.nu:2:63]
     1 │ export def main [] {
     2 │   derivation egg 1.0 { language: data, packages: {other: (pkg chicken)} }
       ·                                                               ───┬───
       ·                                                                  ╰── here
     3 │ }
       ╰────

    Error: nuka::recipe::asked_for

      × `egg` is asked for here
       ╭─[chicken.nu:2:67]
     1 │ export def main [] {
     2 │   derivation chicken 1.0 { language: data, packages: {other: (pkg egg)} }
       ·                                                                   ─┬─
       ·                                                                    ╰── here
     3 │ }
       ╰────
    ");
}

#[test]
fn a_native_program_in_a_language_without_memory_safety() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("language: data", "language: c\n    target: x86_64-linux"));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"
    exit 1
    --- stderr
    nuka::recipe::invalid

      × derivation `hello` cannot be built: c is not memory-safe, so it may not target `x86_64-linux-gnu`: its programs would run with nothing around them. Use a wasm target such as `wasm32-wasip1`
       ╭─[hello.nu:2:3]
     1 │ export def main [] {
     2 │   derivation hello 1.0 {
       ·   ─────┬────
       ·        ╰── here
     3 │     language: c
       ╰────
    ");
}

#[test]
fn a_source_without_a_hash() {
    let place = Place::new();
    place.write(
        "hello.nu",
        HELLO.replace("language: data", "language: data\n    src: (fetch crate zlib-rs \"0.5.0\")"),
    );
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @r#"
    exit 1
    --- stderr
    nuka::recipe::missing_hash

      × the fetch of crate:zlib-rs@0.5.0 has no hash
       ╭─[hello.nu:4:11]
     3 │     language: data
     4 │     src: (fetch crate zlib-rs "0.5.0")
       ·           ─────┬─────
       ·                ╰── no --hash
     5 │     build: {|p|
       ╰────
      help: `nuka update-hashes ./hello.nu` writes the one that is published
    "#);
}

#[test]
fn hashes_are_written_by_the_command_that_the_error_names() {
    let place = Place::new();
    place.write("my recipes/files/a.txt", "a");
    let source = "language: data\n    src: (fetch path files)";
    place.write("my recipes/hello.nu", HELLO.replace("language: data", source));
    let user = HELLO
        .replace("derivation hello", "derivation user")
        .replace("language: data", "language: data\n    packages: {hello: (pkg hello)}");
    place.write("my recipes/user.nu", user);
    for target in ["my recipes/hello.nu", "my recipes/user.nu"] {
        let ended = place.run(&["build", target]);
        assert!(ended.stderr.contains(&format!("`nuka update-hashes '{target}'` writes")), "{ended}");
    }
    let ended = place.run(&["update-hashes", "my recipes/user.nu"]);
    assert_eq!(ended.code, 0, "{ended}");
    place.write("my recipes/files/a.txt", "b");
    let ended = place.run(&["build", "my recipes/hello.nu"]);
    assert!(
        ended.stderr.contains("`nuka update-hashes 'my recipes/hello.nu'` writes the new hash"),
        "{ended}"
    );
    assert_eq!(place.run(&["update-hashes", "my recipes/hello.nu"]).code, 0);
    let ended = place.run(&["build", "--quiet", "my recipes/user.nu"]);
    assert_eq!(ended.code, 0, "{ended}");
}

#[test]
fn a_source_with_another_hash() {
    let place = Place::new();
    place.write("hello-1.0.txt", "other bytes");
    let hash = "blake3:".to_owned() + &"00".repeat(32);
    let source = format!("language: data\n    src: (fetch path hello-1.0.txt --hash \"{hash}\")");
    place.write("hello.nu", HELLO.replace("language: data", &source));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"
    exit 1
    --- stdout
    PACKAGE  VERSION  HOW     CID
    hello    1.0      failed
    --- stderr
    This has to be done once:
      download  1 source, of a size that nobody says: path:hello-1.0.txt
      build     1 package: hello 1.0
      time      some seconds on this machine's 2 cores
    failed hello 1.0
    hello 1.0 failed: the download of path:hello-1.0.txt does not have the hash that the recipe names
      help: expected blake3:0000000000000000000000000000000000000000000000000000000000000000
                 got blake3:0f99291c18546987f9ab5c61f83ce6243e94703a514c2ac0d753a64020d54f2a
                from [PLACE]/here/hello-1.0.txt (11 bytes)
            If you trust the change: `nuka update-hashes ./hello.nu` writes the new hash; otherwise tell the publisher

    NOT BUILT  BECAUSE
    hello 1.0  the download of path:hello-1.0.txt does not have the hash that the recipe names
    ");
}

#[test]
fn nobody_may_be_contacted() {
    let place = Place::new();
    let hash = "sha256:".to_owned() + &"00".repeat(32);
    let source = format!("language: data\n    src: (fetch crate zlib-rs \"0.5.0\" --hash \"{hash}\")");
    place.write("hello.nu", HELLO.replace("language: data", &source));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"
    exit 1
    --- stdout
    PACKAGE  VERSION  HOW     CID
    hello    1.0      failed
    --- stderr
    This has to be done once:
      download  1 source, of a size that nobody says: crate:zlib-rs@0.5.0
      build     1 package: hello 1.0
      time      some seconds on this machine's 2 cores
    failed hello 1.0
    hello 1.0 failed: offline: this is not here and would have to be fetched: crate:zlib-rs@0.5.0
      help: run the same command once without `--offline`; what is fetched is kept

    NOT BUILT  BECAUSE
    hello 1.0  offline: this is not here and would have to be fetched: crate:zlib-rs@0.5.0
    ");
}

#[test]
fn a_build_that_fails_and_what_is_not_built_because_of_it() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("install hello.txt", "install hallo.txt"));
    let user = HELLO
        .replace("derivation hello", "derivation user")
        .replace("language: data", "language: data\n    packages: {hello: (pkg hello)}");
    place.write("user.nu", user);
    insta::assert_snapshot!(place.run(&["build", "./user.nu"]), @"
    exit 1
    --- stdout
    PACKAGE  VERSION  HOW        CID
    hello    1.0      failed
    user     1.0      not begun
    --- stderr
    This has to be done once:
      build     2 packages: hello 1.0, user 1.0
      time      about 10 seconds on this machine's 2 cores
    building hello 1.0
    failed hello 1.0
    hello 1.0 failed: step 2 failed: `hallo.txt` is not there
      the step: install hallo.txt share/
      the whole log: [PLACE]/home/.local/state/nuka/logs/njthayuv4kwwngntncji6x3rewqf4gkmmndtmu5slcoaras5qh2q.log

    NOT BUILT  BECAUSE
    hello 1.0  step 2 failed: `hallo.txt` is not there
    user 1.0   hello 1.0 failed
    ");
}

#[test]
fn a_build_that_gives_nothing() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("install hello.txt share/", ""));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"
    exit 1
    --- stdout
    PACKAGE  VERSION  HOW     CID
    hello    1.0      failed
    --- stderr
    This has to be done once:
      build     1 package: hello 1.0
      time      some seconds on this machine's 2 cores
    building hello 1.0
    failed hello 1.0
    hello 1.0 failed: the build put nothing into `out/`
      help: use `install FILE... DIRECTORY` in the recipe's `build`

    NOT BUILT  BECAUSE
    hello 1.0  the build put nothing into `out/`
    ");
}

#[test]
fn two_different_files_at_one_path() {
    let place = Place::new();
    place.write("one.nu", HELLO.replace("derivation hello", "derivation one"));
    place.write(
        "two.nu",
        HELLO.replace("derivation hello", "derivation two").replace("\"hello\"", "\"other\""),
    );
    let both = HELLO
        .replace("derivation hello", "derivation both")
        .replace("language: data", "language: data\n    packages: {one: (pkg one), two: (pkg two)}");
    place.write("both.nu", both);
    insta::assert_snapshot!(place.run(&["build", "-j1", "./both.nu"]), @"
    exit 1
    --- stdout
    PACKAGE  VERSION  HOW     CID
    both     1.0      failed
    --- stderr
    This has to be done once:
      build     3 packages: two 1.0, one 1.0, both 1.0
      time      about 30 seconds on this machine's 1 core
    building two 1.0
    built two 1.0 in 0.00 s
    building one 1.0
    built one 1.0 in 0.00 s
    failed both 1.0
    both 1.0 failed: `usr/share/hello.txt` comes from both `one` (file) and `two` (file), and they differ

    NOT BUILT  BECAUSE
    both 1.0   `usr/share/hello.txt` comes from both `one` (file) and `two` (file), and they differ
    ");
}

#[test]
fn a_file_that_is_no_program() {
    let place = Place::new();
    place.write("tool.wasm", "not wasm at all");
    insta::assert_snapshot!(place.run(&["exec", "tool.wasm"]), @"
    exit 126
    --- stderr
      × tool.wasm cannot be run: it is not a WebAssembly module but text
      help: name the .wasm file that a compiler has written for wasm32-wasip1; `nuka run PACKAGE` runs a package's program
    ");
    insta::assert_snapshot!(place.run(&["exec", "missing.wasm"]), @"
    exit 127
    --- stderr
      × reading `missing.wasm`: failed to open file `missing.wasm`: No such file or directory (os error 2)
      help: check the path
    ");
    // What it looks like, and what is to be done with such a file.
    for (name, bytes, looks, help) in [
        ("ls", &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"[..], "ELF", "without nuka"),
        ("script", b"#!/bin/sh\necho hello\n", "script", "interpreter"),
        ("empty", b"", "empty", "wasm32-wasip1"),
        ("module.wasm", b"\0asm\x01\0\0\0", "_start", "as a program"),
        ("a.zip", b"PK\x03\x04\0\0\0\0", "not a WebAssembly module", "unpack"),
    ] {
        place.write(name, bytes);
        let ended = place.run(&["exec", name]);
        assert_eq!(ended.code, 126, "{ended}");
        assert!(ended.stderr.contains(&format!("× {name} cannot be run: ")), "{ended}");
        assert!(ended.stderr.contains(looks) && ended.stderr.contains(help), "{ended}");
    }
}

#[test]
fn a_package_without_programs() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    insta::assert_snapshot!(place.run(&["run", "--quiet", "./hello.nu"]), @"
    exit 127
    --- stderr
      × hello 1.0 has no programs
      help: it is a library, or data, for other packages
    ");
}

#[test]
fn things_that_the_store_does_not_have() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    assert_eq!(place.run(&["build", "--quiet", "./hello.nu"]).code, 0);
    insta::assert_snapshot!(place.run(&["store", "ls", "helo"]), @"
    exit 3
    --- stderr
      × `helo` names nothing in the store
      help: did you mean `hello`?
    ");
    insta::assert_snapshot!(place.run(&["store", "cat", "hello/usr/share/hullo.txt"]), @"
    exit 3
    --- stderr
      × `hello/usr/share/hullo.txt` names nothing in the store
      help: did you mean `hello.txt`?
    ");
    insta::assert_snapshot!(place.run(&["store", "cat", "hello/usr"]), @"
    exit 1
    --- stderr
      × `hello/usr` is not a file
      help: `nuka store ls hello/usr` lists what is in it
    ");
    insta::assert_snapshot!(place.run(&["store", "add", "missing"]), @"
    exit 3
    --- stderr
      × reading `missing`: failed to open file `missing`: No such file or directory (os error 2)
      help: check the path
    ");
    insta::assert_snapshot!(place.run(&["hash", "missing"]), @"
    exit 3
    --- stderr
      × reading `missing`: failed to open file `missing`: No such file or directory (os error 2)
      help: check the path
    ");
}

#[test]
fn what_was_never_built() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    insta::assert_snapshot!(place.run(&["log", "./hello.nu"]), @"
    exit 3
    --- stderr
      × hello 1.0 is not built
      help: build it first: `nuka build hello@1.0`
    ");
    place.write("other.nu", HELLO.replace("derivation hello", "derivation other"));
    insta::assert_snapshot!(place.run(&["why", "./hello.nu", "./other.nu"]), @"
    exit 3
    --- stderr
      × ./hello.nu does not use ./other.nu, neither to build nor to run
      help: what it uses directly is in `nuka show ./hello.nu`
    ");
    insta::assert_snapshot!(place.run(&["search", "nothing-like-this"]), @"
    exit 3
    --- stderr
    nothing has these words in its name or description; `nuka search` lists everything
    ");
}

#[test]
fn a_version_that_there_is_not() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    insta::assert_snapshot!(place.run(&["build", "./hello.nu@2.0"]), @"
    exit 3
    --- stderr
    nuka::recipe::version

      × `hello` has no version 2.0
      help: there is 1.0
    ");
    let ended = place.run(&["build", "lua@1.0"]);
    assert_eq!(ended.code, 3, "{ended}");
    assert!(ended.stderr.contains("there is 5."), "{ended}");
    assert_eq!(place.run(&["run", "lua@1.0"]).code, 127);
}
