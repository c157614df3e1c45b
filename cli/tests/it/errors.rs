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
    insta::assert_snapshot!(Place::new().run(&["build", "zlbi"]), @"");
    insta::assert_snapshot!(Place::new().run(&["run", "firefox", "--version"]), @"");
}

#[test]
fn a_recipe_that_is_not_there() {
    insta::assert_snapshot!(Place::new().run(&["build", "./nowhere.nu"]), @"");
}

#[test]
fn a_recipe_that_cannot_be_parsed() {
    let place = Place::new();
    place.write("broken.nu", "export def main [] {\n  derivation broken 1.0 {\n");
    insta::assert_snapshot!(place.run(&["build", "./broken.nu"]), @"");
}

#[test]
fn a_field_that_is_almost_right() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("language", "langauge"));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
}

#[test]
fn a_recipe_that_looks_around() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("  derivation", "  let secret = (open /etc/passwd)\n  derivation"));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
}

#[test]
fn a_recipe_with_terminal_commands_in_it() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("write hello.txt", "wrote \"\u{1b}]52;c;eA==\u{7}\u{202e}\""));
    let ended = place.run(&["build", "./hello.nu"]);
    assert!(!ended.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", ended.stderr);
    insta::assert_snapshot!(ended, @"");
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
    insta::assert_snapshot!(place.run(&["build", "./chicken.nu"]), @"");
}

#[test]
fn a_native_program_in_a_language_without_memory_safety() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("language: data", "language: c\n    target: x86_64-linux"));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
}

#[test]
fn a_source_without_a_hash() {
    let place = Place::new();
    place.write(
        "hello.nu",
        HELLO.replace("language: data", "language: data\n    src: (fetch crate zlib-rs \"0.5.0\")"),
    );
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
}

#[test]
fn a_source_with_another_hash() {
    let place = Place::new();
    place.write("hello-1.0.txt", "other bytes");
    let hash = "blake3:".to_owned() + &"00".repeat(32);
    let source = format!("language: data\n    src: (fetch path hello-1.0.txt --hash \"{hash}\")");
    place.write("hello.nu", HELLO.replace("language: data", &source));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
}

#[test]
fn nobody_may_be_contacted() {
    let place = Place::new();
    let hash = "sha256:".to_owned() + &"00".repeat(32);
    let source = format!("language: data\n    src: (fetch crate zlib-rs \"0.5.0\" --hash \"{hash}\")");
    place.write("hello.nu", HELLO.replace("language: data", &source));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
}

#[test]
fn a_build_that_fails_and_what_is_not_built_because_of_it() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("install hello.txt", "install hallo.txt"));
    let user = HELLO
        .replace("derivation hello", "derivation user")
        .replace("language: data", "language: data\n    packages: {hello: (pkg hello)}");
    place.write("user.nu", user);
    insta::assert_snapshot!(place.run(&["build", "./user.nu"]), @"");
}

#[test]
fn a_build_that_gives_nothing() {
    let place = Place::new();
    place.write("hello.nu", HELLO.replace("install hello.txt share/", ""));
    insta::assert_snapshot!(place.run(&["build", "./hello.nu"]), @"");
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
    insta::assert_snapshot!(place.run(&["build", "./both.nu"]), @"");
}

#[test]
fn a_file_that_is_no_program() {
    let place = Place::new();
    place.write("tool.wasm", "not wasm at all");
    insta::assert_snapshot!(place.run(&["exec", "tool.wasm"]), @"");
    insta::assert_snapshot!(place.run(&["exec", "missing.wasm"]), @"");
}

#[test]
fn a_package_without_programs() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    insta::assert_snapshot!(place.run(&["run", "--quiet", "./hello.nu"]), @"");
}

#[test]
fn things_that_the_store_does_not_have() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    assert_eq!(place.run(&["build", "--quiet", "./hello.nu"]).code, 0);
    insta::assert_snapshot!(place.run(&["store", "ls", "helo"]), @"");
    insta::assert_snapshot!(place.run(&["store", "cat", "hello/usr/share/hullo.txt"]), @"");
    insta::assert_snapshot!(place.run(&["store", "cat", "hello/usr"]), @"");
    insta::assert_snapshot!(place.run(&["store", "add", "missing"]), @"");
    insta::assert_snapshot!(place.run(&["hash", "missing"]), @"");
}

#[test]
fn what_was_never_built() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    insta::assert_snapshot!(place.run(&["log", "./hello.nu"]), @"");
    place.write("other.nu", HELLO.replace("derivation hello", "derivation other"));
    insta::assert_snapshot!(place.run(&["why", "./hello.nu", "./other.nu"]), @"");
    insta::assert_snapshot!(place.run(&["search", "nothing-like-this"]), @"");
}

#[test]
fn a_version_that_there_is_not() {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    insta::assert_snapshot!(place.run(&["build", "./hello.nu@2.0"]), @"");
}
