//! Command lines that cannot be understood: exit code 2, and what to write instead.

use crate::support::Place;

#[test]
fn a_verb_that_is_almost_right() {
    insta::assert_snapshot!(Place::new().run(&["biuld", "lua"]), @"
    exit 2
    --- stderr
    error: unrecognized subcommand 'biuld'

      tip: a similar subcommand exists: 'build'

    Usage: nuka [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn an_option_that_is_almost_right() {
    insta::assert_snapshot!(Place::new().run(&["build", "--rebiuld", "lua"]), @"
    exit 2
    --- stderr
    error: unexpected argument '--rebiuld' found

      tip: a similar argument exists: '--rebuild'

    Usage: nuka build --rebuild [TARGET]...

    For more information, try '--help'.
    ");
}

#[test]
fn nothing_to_build() {
    insta::assert_snapshot!(Place::new().run(&["build"]), @"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      <TARGET>...

    Usage: nuka build <TARGET>...

    For more information, try '--help'.
    ");
}

#[test]
fn a_name_that_no_package_can_have() {
    insta::assert_snapshot!(Place::new().run(&["build", "Lua"]), @"
    exit 2
    --- stderr
    error: invalid value 'Lua' for '[TARGET]...': the package name `Lua` has the character 'L'; allowed are a-z, 0-9 and, after the first, + . _ -

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(Place::new().run(&["run", "Lua", "-e", "x"]), @"
    exit 2
    --- stderr
      × `Lua` names no package: the package name `Lua` has the character 'L'; allowed are a-z, 0-9 and, after the first, + . _ -
      help: name a package, NAME@VERSION, or the path of a recipe; `nuka search` lists packages
    ");
}

#[test]
fn what_is_typed_is_not_obeyed_by_the_terminal() {
    for arguments in [["build", "\u{1b}]52;c;eA==\u{7}"], ["\u{1b}[2J\u{202e}", "x"], ["run", "a\u{9b}31m"]] {
        let ended = Place::new().run(&arguments);
        assert_eq!(ended.code, 2, "{ended}");
        let plain = ended.stderr.chars().all(|character| character == '\n' || !character.is_control());
        assert!(plain && !ended.stderr.contains('\u{202e}'), "{:?}", ended.stderr);
        let place = Place::new();
        let mut command = place.command(&arguments);
        command.env("CLICOLOR_FORCE", "1");
        let ended = place.end(command);
        assert!(!ended.stderr.contains("\u{1b}]") && !ended.stderr.contains('\u{9b}'), "{:?}", ended.stderr);
    }
}

#[test]
fn what_contradicts_itself() {
    insta::assert_snapshot!(Place::new().run(&["build", "--all", "lua"]), @"
    exit 2
    --- stderr
    error: the argument '--all' cannot be used with '[TARGET]...'

    Usage: nuka build --all [TARGET]...

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(Place::new().run(&["search", "--json", "--nuon"]), @"
    exit 2
    --- stderr
    error: the argument '--json' cannot be used with '--nuon'

    Usage: nuka search --json [WORDS]...

    For more information, try '--help'.
    ");
}

#[test]
fn grants_that_mean_nothing() {
    insta::assert_snapshot!(Place::new().run(&["run", "--dir", ".:data", "lua"]), @"
    exit 2
    --- stderr
    error: invalid value '.:data' for '--dir <HOST[:GUEST][:rw]>': `data`, where the program sees it, must begin with /

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(Place::new().run(&["run", "--env", "NOT_SET", "lua"]), @"
    exit 2
    --- stderr
      × the variable NOT_SET has no value here that could be passed on
      help: give it one: `--env NOT_SET=VALUE`
    ");
    insta::assert_snapshot!(Place::new().run(&["run", "--dir", "not-here", "lua"]), @"
    exit 125
    --- stderr
      × cannot let the program into [PLACE]/here/not-here: No such file or directory (os error 2)
      help: check the path
    ");
}

#[test]
fn variables_that_mean_nothing() {
    let place = Place::new();
    let mut command = place.command(&["search"]);
    command.env("NUKA_JOBS", "many");
    insta::assert_snapshot!(place.end(command), @"
    exit 1
    --- stderr
      × the variable NUKA_JOBS is `many`, where a number from 1 is expected
      help: correct it, or leave it out: `unset NUKA_JOBS`
    ");
    let mut command = place.command(&["search"]);
    command.env_remove("HOME");
    insta::assert_snapshot!(place.end(command), @"
    exit 1
    --- stderr
      × HOME is not set, so there is no place for the store
      help: set HOME, or XDG_DATA_HOME to an absolute path
    ");
}

#[test]
fn what_is_there_is_not_overwritten() {
    let place = Place::new();
    let file = place.write("hello.nu", "mine");
    insta::assert_snapshot!(place.run(&["new", "hello"]), @"
    exit 1
    --- stderr
      × hello.nu is there already
      help: choose another file with `-o FILE`, or move this one away
    ");
    assert_eq!(fs_err::read(file).unwrap(), b"mine");
    place.write("out/kept", "mine");
    insta::assert_snapshot!(place.run(&["build", "zlib", "-o", "out"]), @"
    exit 1
    --- stderr
      × out is there already
      help: name a directory that is empty or not there: nothing is overwritten
    ");
}
