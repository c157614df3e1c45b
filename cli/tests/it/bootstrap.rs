//! A bootstrap where nothing of the machine is in sight: no PATH, nothing in `/usr/bin`, no network.

use crate::{support::Place, toy::Toy};
use std::process::Command;

/// Hides the machine's programs, says what is left of them, and becomes what it is given.
const HIDDEN: &str = "for place in /usr/local/bin /usr/sbin /usr/bin; do mount -t tmpfs hidden $place || exit 77; done; \
                      echo left: /usr/bin/*; unset PATH; exec \"$@\"";

#[test]
#[allow(clippy::print_stdout, reason = "a test that is not tried says why")]
fn nothing_of_the_machine_takes_part() {
    let place = Place::new();
    let recipes = place.write("recipes/none", "").parent().unwrap().to_owned();
    Toy::default().write(&recipes, |_| "0".repeat(64));
    for recipe in ["go-seed", "go-source"] {
        let file = recipes.join(format!("{recipe}.nu")).display().to_string();
        let ended = place.run(&["--no-daemon", "update-hashes", &file]);
        assert_eq!(ended.code, 0, "{ended}");
    }
    let nuka = place.command(&[]);
    let mut hidden = Command::new("unshare");
    hidden.args(["--user", "--map-root-user", "--mount", "--net", "sh", "-c", HIDDEN, "sh"]);
    hidden.arg(nuka.get_program()).args(["--no-daemon", "bootstrap", "go", "--slice"]);
    hidden.current_dir(place.here()).env_clear().env("PATH", "/usr/bin:/usr/sbin:/bin");
    for (name, value) in nuka.get_envs() {
        hidden.env(name, value.unwrap_or_default());
    }
    hidden.env("NUKA_RECIPE_PATH", &recipes);
    let ended = place.end(hidden);
    if ended.code == 77 || ended.stderr.contains("allows no root") || ended.stderr.starts_with("unshare:") {
        println!("not tried, as this host allows no namespace for it: {}", ended.stderr);
        return;
    }
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.starts_with("left: /usr/bin/*\n"), "{ended}");
    let verdict = "fixpoint: the programs of the stages 1, 2 and 3 are the same to the bit, and 3 archives";
    assert!(ended.stdout.contains(verdict), "{ended}");
}
