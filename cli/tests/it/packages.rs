//! A package from its recipe to the store and back out, without a network and without a compiler.

use crate::support::{Ended, Place};

const HELLO: &str = "# Says hello.
export def main [] {
  derivation hello 1.0 {
    language: data
    build: {|p|
      write hello.txt \"hello\\n\"
      install hello.txt share/
    }
    meta: { description: \"a file that says hello\", license: \"MIT\" }
  }
}
";

fn hello() -> Place {
    let place = Place::new();
    place.write("hello.nu", HELLO);
    place
}

fn good(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{ended}");
    ended
}

#[test]
fn the_first_build_tells_and_the_second_is_silent() {
    let place = hello();
    let first = good(place.run(&["build", "./hello.nu"]));
    assert!(first.stderr.contains("built hello 1.0"), "{first}");
    let second = good(place.run(&["build", "./hello.nu"]));
    assert_eq!(second.stderr, "");
    insta::assert_snapshot!(second.stdout, @"");
}

#[test]
fn comments_do_not_make_another_package() {
    let place = hello();
    let first = good(place.run(&["pir", "show", "--canonical", "./hello.nu"]));
    place.write("other/hello.nu", HELLO.replace("Says hello", "Another comment"));
    assert_eq!(good(place.run(&["pir", "show", "--canonical", "./other/hello.nu"])).stdout, first.stdout);
    insta::assert_snapshot!(place.run(&["pir", "diff", "./hello.nu", "./other/hello.nu"]), @"");
}

#[test]
fn two_packages_side_by_side() {
    let place = hello();
    place.write("other/hello.nu", HELLO.replace("hello\\n", "good day\\n"));
    let ended = place.run(&["pir", "diff", "./hello.nu", "./other/hello.nu"]);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!(ended, @"");
}

#[test]
fn a_tree_is_copied_out_and_looked_into() {
    let place = hello();
    good(place.run(&["build", "./hello.nu", "-o", "out"]));
    assert_eq!(fs_err::read(place.here().join("out/usr/share/hello.txt")).unwrap(), b"hello\n");
    insta::assert_snapshot!(good(place.run(&["store", "ls", "-R", "hello"])).stdout, @"");
    assert_eq!(good(place.run(&["store", "cat", "hello/usr/share/hello.txt"])).stdout, "hello\n");
    insta::assert_snapshot!(good(place.run(&["store", "list"])).stdout, @"");
    let path = good(place.run(&["store", "path", "hello"])).stdout;
    assert!(path.starts_with("/nuka/store/") && path.ends_with("-hello-1.0\n"), "{path}");
    assert!(good(place.run(&["store", "info"])).stdout.contains("1 package,"));
}

#[test]
fn what_is_known_of_a_package() {
    let place = hello();
    insta::assert_snapshot!(good(place.run(&["show", "./hello.nu"])).stdout, @"");
}

#[test]
fn listings_are_data_too() {
    let place = hello();
    good(place.run(&["build", "--quiet", "./hello.nu"]));
    for arguments in [
        &["store", "list"][..],
        &["store", "ls", "hello"],
        &["show", "./hello.nu"],
        &["doctor"],
        &["build", "./hello.nu"],
    ] {
        let json = place.run(&[arguments, &["--json"]].concat());
        serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap();
        let nuon = place.run(&[arguments, &["--nuon"]].concat());
        assert!(nuon.stdout.starts_with(['[', '{']), "{nuon}");
    }
    insta::assert_snapshot!(place.run(&["store", "ls", "-R", "hello", "--nuon"]).stdout, @"");
}

#[test]
fn a_dry_run_does_nothing() {
    let place = hello();
    insta::assert_snapshot!(place.run(&["build", "--dry-run", "./hello.nu"]), @"");
    assert_eq!(good(place.run(&["store", "list"])).stdout, "");
    good(place.run(&["build", "--quiet", "./hello.nu"]));
    insta::assert_snapshot!(place.run(&["build", "--dry-run", "./hello.nu"]), @"");
}

#[test]
fn a_second_build_gives_the_same_bits() {
    let place = hello();
    good(place.run(&["build", "--quiet", "./hello.nu"]));
    let ended = good(place.run(&["build", "--rebuild", "./hello.nu"]));
    assert!(ended.stderr.contains("the same bits"), "{ended}");
}

#[test]
fn a_chain_of_uses() {
    let place = hello();
    let user = HELLO
        .replace("derivation hello", "derivation user")
        .replace("language: data", "language: data\n    packages: {greeting: (pkg hello)}");
    place.write("user.nu", user);
    insta::assert_snapshot!(good(place.run(&["why", "./user.nu", "./hello.nu"])).stdout, @"");
}

#[test]
fn a_first_recipe_is_one_that_evaluates() {
    let place = Place::new();
    insta::assert_snapshot!(good(place.run(&["new", "greeting"])), @"");
    let ended = place.run(&["show", "./greeting.nu"]);
    assert!(ended.code == 0 || ended.stderr.contains("hash"), "{ended}");
}

#[test]
fn a_files_hashes() {
    let place = Place::new();
    place.write("abc", "abc");
    insta::assert_snapshot!(good(place.run(&["hash", "abc"])).stdout, @"");
}

#[test]
fn a_recipe_path_of_ones_own() {
    let place = Place::new();
    place.write("recipes/hello.nu", HELLO);
    let mut command = place.command(&["search", "says", "hello"]);
    command.env("NUKA_RECIPE_PATH", "recipes");
    insta::assert_snapshot!(good(place.end(command)).stdout, @"");
}
