//! What `--help` says.

use crate::support::Place;

#[test]
fn the_short_help_fits_on_a_screen() {
    let ended = Place::new().run(&["-h"]);
    assert!(ended.stdout.lines().count() <= 40, "{ended}");
    insta::assert_snapshot!(ended, @r#"
    exit 0
    --- stdout
    Packages built from source inside WebAssembly, bit for bit the same everywhere

    Usage: nuka [OPTIONS] <COMMAND>

    Commands, which `nuka help COMMAND` and `nuka --help` explain:
      building, running   build  run  shell  exec  log
      looking             search  show  why  pir
      installing          install  remove  list  update  upgrade  prefer  permit
      going back          history  rollback  generation
      environments        lock  apply  allow  export
      shells              setup  completions
      recipes             new  update-hashes  hash
      this machine        store  gc  daemon  doctor  bootstrap

    Options:
      -h, --help          Print help (see more with '--help')
      -V, --version       Print version

    Everywhere:
          --color <WHEN>  When to use colours [possible values: auto, always, never]
      -q, --quiet         Say nothing but failures
      -v, --verbose       Say each step
          --no-daemon     Work on the store in this process, not through the daemon



    Start here:
      nuka run lua -e 'print("hello from wasm")'     builds Lua from source, once, and runs it
      nuka search                                    which packages there are
    "#);
}

#[test]
fn the_long_help_tells_variables_and_exit_codes() {
    let ended = Place::new().run(&["--help"]);
    let (_, end) = ended.stdout.split_once("Start here:").unwrap();
    insta::assert_snapshot!(end, @r#"
      nuka run lua -e 'print("hello from wasm")'     builds Lua from source, once, and runs it
      nuka search                                    which packages there are
      nuka build zlib -o zlib                        builds zlib and copies its tree to ./zlib
      nuka new hello                                 begins a recipe of your own

    Variables:
      NUKA_STORE        the store [default: $XDG_DATA_HOME/nuka/store]
      NUKA_CACHE_DIR    downloads and compiled programs [default: $XDG_CACHE_HOME/nuka]
      NUKA_RECIPE_PATH  directories with your own recipes, separated by `:`
      NUKA_JOBS         how much is done at once
      NUKA_OFFLINE      contact nobody, if 1
      NUKA_DAEMON       work on the store in each command's own process, if 0
      NUKA_DAEMON_IDLE  seconds without commands after which the daemon ends [default: 600]
      NUKA_BACKGROUND   compile large programs to the end at once, not in the background, if 0
      NO_COLOR          no colours

    Exit codes:
      0    it was done
      1    it failed, or things differ that should not
      2    the command line cannot be understood
      3    what was asked for is not there
      run, exec and shell end with the program's own code; when it was not started, with
      125  its package could not be had
      126  it is no program that nuka can run
      127  there is no such package or program
      134  the program crashed
      130  interrupted; what was finished is kept, and the store is sound
    "#);
}

#[test]
fn no_arguments_give_help() {
    let ended = Place::new().run(&[]);
    assert_eq!(ended.code, 2);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("Usage: nuka"), "{ended}");
}

#[test]
fn build() {
    insta::assert_snapshot!(Place::new().run(&["build", "-h"]), @"
    exit 0
    --- stdout
    Build packages from source

    Usage: nuka build [OPTIONS] [TARGET]...

    Arguments:
      [TARGET]...  What to build

    Options:
          --all                Build every package that has a recipe
      -o, --output <DIR>       Copy the result to a directory that is empty or not there; of several
                               targets, each to DIR/NAME
          --rebuild            Build again, with another clock, other random numbers and another number
                               of jobs, and compare [alias: --check]
          --dry-run            Only show what would be fetched and built
      -k, --keep-going         Go on with what does not depend on a failure
          --no-check           Do not run the packages' checks
          --log                Print what the builds printed
          --publish <FILE>     Write the CIDs of what was asked for into FILE, as those that are
                               promised for these recipes
          --target <PLATFORM>  For programs that are to run on this, instead of on WebAssembly; Go's
                               spellings (`linux/amd64`) are understood. A recipe may say otherwise
      -j, --jobs <N>           Do at most this many things at once [env: NUKA_JOBS] [default: all
                               processors]
          --offline            Contact nobody: use only what is here [env: NUKA_OFFLINE]
          --json               Print JSON
          --nuon               Print NUON, Nushell's own data format
      -h, --help               Print help (see more with '--help')

    Everywhere:
          --color <WHEN>  When to use colours [possible values: auto, always, never]
      -q, --quiet         Say nothing but failures
      -v, --verbose       Say each step
          --no-daemon     Work on the store in this process, not through the daemon

    A TARGET is a package's name, NAME@VERSION, or the path of a recipe: with a / in it, or .nu
    at its end.

    Examples:
      nuka build zlib                     builds zlib and runs its check
      nuka build zlib -o zlib             and copies its tree to ./zlib
      nuka build ./hello.nu --log         a recipe of your own, with what its build printed
      nuka build gofmt --target linux/amd64 -o gofmt   a static program for another system
      nuka build --rebuild lua            builds again, and names each file that differs
      nuka build --all --keep-going       everything there is
    ");
}

#[test]
fn run() {
    insta::assert_snapshot!(Place::new().run(&["run", "-h"]), @r#"
    exit 0
    --- stdout
    Run a package's program, building the package first if it is not here

    Usage: nuka run [OPTIONS] PACKAGE [ARGS]...

    Arguments:
      <PACKAGE> [ARGS]...  The package, and what its program is given

    Options:
          --bin <PROGRAM>      The program, where the package has several
          --target <PLATFORM>  For programs that are to run on this, instead of on WebAssembly; Go's
                               spellings (`linux/amd64`) are understood. A recipe may say otherwise
      -j, --jobs <N>           Do at most this many things at once [env: NUKA_JOBS] [default: all
                               processors]
          --offline            Contact nobody: use only what is here [env: NUKA_OFFLINE]
      -h, --help               Print help (see more with '--help')

    What the program may do:
          --write                    Let it change the current directory, which it can otherwise only
                                     read
          --dir <HOST[:GUEST][:rw]>  Let it read another directory, and with `:rw` change it; GUEST is
                                     where the program sees it
          --env <NAME[=VALUE]>       Let it see a variable, with the value it has here or with another
          --network                  Let it open network connections

    Everywhere:
          --color <WHEN>  When to use colours [possible values: auto, always, never]
      -q, --quiet         Say nothing but failures
      -v, --verbose       Say each step
          --no-daemon     Work on the store in this process, not through the daemon

    Everything after PACKAGE is the program's own, also what looks like an option of nuka's.
    The program reads the current directory and nothing else, unless its recipe or an option
    here says more. The home directory and / are let in only when named.

    Examples:
      nuka run lua -e 'print("hello from wasm")'
      nuka run --write bsdtar -xf untrusted.tar.gz
      nuka run --write mutool draw -o page.png paper.pdf 1
      nuka run --bin jsonnetfmt jsonnet -
      nuka run --target linux/amd64 gofmt   natively, in a root that has nothing else
    "#);
}

#[test]
fn store() {
    insta::assert_snapshot!(Place::new().run(&["store", "--help"]), @"
    exit 0
    --- stdout
    Look into the store, and put things there

    Usage: nuka store [OPTIONS] <COMMAND>

    Commands:
      add      Put a file or directory into the store, and print its CID
      list     List the packages in the store
      ls       List a tree
      cat      Print a file
      path     Print where a package or tree is, or would be
      pin      Keep a package, tree or file whatever happens
      unpin    Keep it no longer than it is used
      kept     Show what is kept, and why: pins, and packages with their last use
      verify   Look at every object, and put right what is damaged
      export   Write packages, with all that they need when they run, to one file
      import   Take in what another store has exported
      diff     Show the paths at which two trees differ
      mount    Mount the store: every package as a directory, `<pid>-<name>-<version>`
      unmount  Take the mounted store away
      info     Show the store in figures
      help     Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Everywhere:
          --color <WHEN>
              When to use colours

              Possible values:
              - auto:   On terminals, unless `NO_COLOR` is set
              - always: Always
              - never:  Never

      -q, --quiet
              Say nothing but failures

      -v, --verbose
              Say each step

          --no-daemon
              Work on the store in this process, not through the daemon

    WHAT is NAME, a PID, a CID, or the first characters of one, each also with /PATH.

    Examples:
      nuka store ls -R lua            all files of lua
      nuka store cat lua/usr/bin/lua > lua.wasm
      nuka store add ./tree           its CID
    ");
}

#[test]
fn every_verb_has_help_and_a_version_is_told() {
    let place = Place::new();
    let verbs = [
        "build",
        "run",
        "exec",
        "search",
        "show",
        "info",
        "why",
        "log",
        "pir",
        "new",
        "update-hashes",
        "hash",
        "store",
        "doctor",
        "completions",
        "man",
    ];
    for verb in verbs {
        let ended = place.run(&[verb, "--help"]);
        assert_eq!(ended.code, 0, "{ended}");
        assert!(ended.stdout.contains("Usage: nuka") && ended.stderr.is_empty(), "{ended}");
        assert!(ended.stdout.lines().all(|line| line.chars().count() <= 110), "{ended}");
    }
    let ended = place.run(&["--version"]);
    assert_eq!(ended.stdout, format!("nuka {}\n", env!("CARGO_PKG_VERSION")));
}
