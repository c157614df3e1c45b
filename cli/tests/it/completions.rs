//! Completions and manual pages come out, and name what there is.

use crate::support::Place;
use std::process::Command;

#[test]
fn each_shell_has_its_own() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish", "nushell"] {
        let ended = place.run(&["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{shell}");
        for word in ["nuka", "update-hashes", "keep-going"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
    }
    insta::assert_snapshot!(place.run(&["completions", "tcsh"]), @"
    exit 2
    --- stderr
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, zsh, fish, powershell, elvish, nushell]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
}

#[test]
fn bash_can_read_its_own() {
    let place = Place::new();
    let ended = place.run(&["completions", "bash"]);
    let file = place.write("nuka.bash", ended.stdout);
    // Where there is no bash there is nothing to see here.
    if let Ok(status) = Command::new("bash").arg("-n").arg(file).status() {
        assert!(status.success());
    }
}

#[test]
fn manual_pages_for_all_verbs() {
    let place = Place::new();
    let ended = place.run(&["man"]);
    assert!(ended.stdout.contains(".TH nuka 1") && ended.stdout.contains("Exit codes"), "{ended}");
    let ended = place.run(&["man", "-o", "pages"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "pages\n"));
    let mut pages: Vec<_> = fs_err::read_dir(place.here().join("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert!(
        pages.contains(&"nuka.1".to_owned()) && pages.contains(&"nuka-store-cat.1".to_owned()),
        "{pages:?}"
    );
}
