//! Words of nu's that a recipe does not have, and what it has instead.

const READS: &str = "a recipe reads no file. `fetch` brings sources; in a build, `read FILE | ^tool` gives a file to a program";
const WRITES: &str = "a recipe changes no file. In a build there are `write`, `copy`, `move-to`, `remove`, `make-directory`, `install`";
const CLOCK: &str =
    "a recipe knows no time: the same text must give the same package. Write the date as text";
const RANDOM: &str = "a recipe has no randomness: the same text must give the same package";
const NETWORK: &str = "a recipe has no network. `fetch url URL --hash HASH` names what is downloaded, and `fetch crate`, `npm`, `pypi`, `debian`";
const HOST: &str = "a recipe does not see the machine it is evaluated on. `platforms`, `target` and `limits` of `derivation` say what is wanted";
const PROGRAM: &str = "a recipe starts no program. In a build, `^tool` is a step";
const ENVIRONMENT: &str = "a recipe has no environment. `env` of `derivation`, or `with-variables` in a build, sets what programs see";
const IMPORT: &str = "`use NAME` or `use lib/NAME.nu` brings in what another recipe file exports";
const POSITION: &str = "a package must not change when its recipe is moved or laid out anew";
const ERRORS: &str = "there is nothing in a recipe that could go wrong and be right: decide with `if`, or ask with `?` (`$record.field?`)";
const ORDER: &str =
    "there is no parallel evaluation: use `each`. Steps run side by side with `for-each` and `parallel`";
const OUTPUT: &str = "a recipe shows nothing; `print` gives a warning that `nuka build` shows";
const TERMINAL: &str = "a recipe asks nobody: give it a constant";

/// What to use instead of a word; `None` if it is no command that nu users expect.
pub(crate) fn instead_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "open" | "ls" | "glob-files" | "cd" | "pwd" | "du" | "watch" | "mktemp" | "path" | "stat"
        | "start" => READS,
        "rm" | "cp" | "mv" | "mkdir" | "touch" | "chmod" | "ln" | "umv" | "ucp" => WRITES,
        "date" | "cal" | "timeit" | "sleep" | "now" => CLOCK,
        "random" | "shuffle" => RANDOM,
        "http" | "port" | "url" | "query" | "curl" | "wget" => NETWORK,
        "sys" | "uname" | "whoami" | "which" | "term" | "ulimit" | "nu-check" | "ps" | "kill"
        | "is-admin" | "is-terminal" | "clear" | "keybindings" | "history" | "config" | "version"
        | "debug" | "bits" | "umask" => HOST,
        "exec" | "run" | "run-external" | "complete" | "nu" | "plugin" | "register" | "extern" | "job"
        | "exit" | "abort" => PROGRAM,
        "load-env" | "with-env" | "hide-env" | "export-env" | "$env" | "overlay" | "source-env" => {
            ENVIRONMENT
        }
        "source" => IMPORT,
        "metadata" | "view" | "scope" | "explain" | "ast" | "profile" | "inspect-span" | "help"
        | "commandline" => POSITION,
        "try" | "catch" | "error-handler" => ERRORS,
        "par-each" => ORDER,
        "table" | "grid" | "explore" | "echo" | "less" | "banner" | "ansi" => OUTPUT,
        "input" | "confirm" => TERMINAL,
        _ => return None,
    })
}
