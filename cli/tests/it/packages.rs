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
    insta::assert_snapshot!(second.stdout, @"
    PACKAGE  VERSION  HOW      CID
    hello    1.0      present  6fyk75eeda2fd26kuzyeysqhickjjisow4lru2qczq6wcixgngfa
    ");
}

#[test]
fn comments_do_not_make_another_package() {
    let place = hello();
    let first = good(place.run(&["pir", "show", "--canonical", "./hello.nu"]));
    place.write("other/hello.nu", HELLO.replace("Says hello", "Another comment"));
    assert_eq!(good(place.run(&["pir", "show", "--canonical", "./other/hello.nu"])).stdout, first.stdout);
    insta::assert_snapshot!(place.run(&["pir", "diff", "./hello.nu", "./other/hello.nu"]), @"
    exit 0
    --- stderr
    the same PIR: hello 1.0  vmnwvsud5g4tq3s43cn2d23fon5j3qudziswxpvtc3gyjcpd672q
    ");
}

#[test]
fn two_packages_side_by_side() {
    let place = hello();
    place.write("other/hello.nu", HELLO.replace("hello\\n", "good day\\n"));
    let ended = place.run(&["pir", "diff", "./hello.nu", "./other/hello.nu"]);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!(ended, @r#"
    exit 1
    --- stdout
    < hello 1.0  vmnwvsud5g4tq3s43cn2d23fon5j3qudziswxpvtc3gyjcpd672q
    > hello 1.0  n5qkyuptuxpo6vlmptiv7xascgtrezh76nzbgbfvt4bl542yim5a
        cpu: "generic"                                     cpu: "generic"
        steps: [                                           steps: [
          {write: {path: "hello.txt", text: "hello\n |       {write: {path: "hello.txt", text: "good da
      "}}                                            |   y\n"}}
          {install: {from: ["hello.txt"], to: "share         {install: {from: ["hello.txt"], to: "share
      /"}}                                               /"}}
        ]                                                  ]
    "#);
}

#[test]
fn a_tree_is_copied_out_and_looked_into() {
    let place = hello();
    good(place.run(&["build", "./hello.nu", "-o", "out"]));
    assert_eq!(fs_err::read(place.here().join("out/usr/share/hello.txt")).unwrap(), b"hello\n");
    insta::assert_snapshot!(good(place.run(&["store", "ls", "-R", "hello"])).stdout, @"
    dir             6 usr/
    dir             6 usr/share/
    file            6 usr/share/hello.txt
    ");
    assert_eq!(good(place.run(&["store", "cat", "hello/usr/share/hello.txt"])).stdout, "hello\n");
    insta::assert_snapshot!(good(place.run(&["store", "list"])).stdout, @"
    PACKAGE  VERSION  SIZE  PID           CID
    hello    1.0       6 B  vmnwvsud5g4t  6fyk75eeda2fd26kuzyeysqhickjjisow4lru2qczq6wcixgngfa
    ");
    let path = good(place.run(&["store", "path", "hello"])).stdout;
    assert!(path.starts_with("/nuka/store/") && path.ends_with("-hello-1.0\n"), "{path}");
    assert!(good(place.run(&["store", "info"])).stdout.contains("1 package,"));
}

#[test]
fn what_is_known_of_a_package() {
    let place = hello();
    insta::assert_snapshot!(good(place.run(&["show", "./hello.nu"])).stdout, @"
    hello 1.0  a file that says hello
      license    MIT
      written in data, for wasm32-wasip1
      recipe     hello.nu
      PID        vmnwvsud5g4tq3s43cn2d23fon5j3qudziswxpvtc3gyjcpd672q
      CID        not built here
      published  nothing that could be compared with
    ");
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
    insta::assert_snapshot!(place.run(&["store", "ls", "-R", "hello", "--nuon"]).stdout, @r#"
    [
      {bytes: 6, kind: "directory", path: "usr"}
      {bytes: 6, kind: "directory", path: "usr/share"}
      {bytes: 6, kind: "file", path: "usr/share/hello.txt"}
    ]
    "#);
}

#[test]
fn a_dry_run_does_nothing() {
    let place = hello();
    insta::assert_snapshot!(place.run(&["build", "--dry-run", "./hello.nu"]), @"
    exit 0
    --- stdout
    build  hello 1.0
    --- stderr
    0 sources to fetch and 1 package to build: some seconds on this machine's 2 cores
    ");
    assert_eq!(good(place.run(&["store", "list"])).stdout, "");
    good(place.run(&["build", "--quiet", "./hello.nu"]));
    insta::assert_snapshot!(place.run(&["build", "--dry-run", "./hello.nu"]), @"
    exit 0
    --- stderr
    everything is there: nothing would be fetched or built
    ");
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
    insta::assert_snapshot!(good(place.run(&["why", "./user.nu", "./hello.nu"])).stdout, @"
    ./user.nu
    -> hello 1.0  (its `greeting`)
    ");
}

#[test]
fn a_first_recipe_is_one_that_evaluates() {
    let place = Place::new();
    insta::assert_snapshot!(good(place.run(&["new", "greeting"])), @"
    exit 0
    --- stdout
    greeting.nu
    --- stderr
    next: put greeting.c into src/ beside it, `nuka update-hashes ./greeting.nu`, `nuka run ./greeting.nu`
    ");
    let ended = place.run(&["show", "./greeting.nu"]);
    assert!(ended.code == 0 || ended.stderr.contains("hash"), "{ended}");
}

#[test]
fn a_files_hashes() {
    let place = Place::new();
    place.write("abc", "abc");
    insta::assert_snapshot!(good(place.run(&["hash", "abc"])).stdout, @"
    HASH                                                                                             FOR
    blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85                          nuka's own: url, path
    sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad                          crates, PyPI, Debian
    sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==  npm
    ");
}

#[test]
fn a_recipe_path_of_ones_own() {
    let place = Place::new();
    place.write("recipes/hello.nu", HELLO);
    let mut command = place.command(&["search", "says", "hello"]);
    command.env("NUKA_RECIPE_PATH", "recipes");
    insta::assert_snapshot!(good(place.end(command)).stdout, @"
    PACKAGE  VERSION  BUILT  DESCRIPTION
    hello    1.0      -      a file that says hello
    ");
}
