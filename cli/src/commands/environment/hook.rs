//! What a shell that was set up with `--hook` does before its prompt: enters and leaves directories' environments.
//!
//! The shell keeps in `NUKA_ENTERED` where it is and what was there before, so that leaving puts everything back. Of `PATH` only the
//! environment's own directory is taken out: what else was put there meanwhile stays.
//!
//! ```text
//! {"place": "/.../current", "bin": "/.../current/bin", "before": {"NAME": null}}
//! ```
//!
//! Printed is code of the shell's, or for Nushell a JSON record for `load-env`.

use super::allow::{Entering, entering};
use crate::{commands::Done, commands::setup::Shell, context::Context, daemon::quote, exit::Exit};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

const ENTERED: &str = "NUKA_ENTERED";

/// Print what a shell does before its prompt
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Where a shell is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Entered {
    /// The environment's directory; or its file, if it was not allowed.
    place: String,
    /// What was put first on `PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bin: Option<String>,
    /// What variables were before.
    before: BTreeMap<String, Option<String>>,
}

/// The part of a profile's `environment.json` that is wanted here.
#[derive(Debug, Default, Deserialize)]
struct Variables {
    variables: BTreeMap<String, String>,
}

/// What variables become; `None` unsets one.
type Changes = BTreeMap<String, Option<String>>;

/// Prints it.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let now = &context.environment.variables;
    let entered = now.get(ENTERED).and_then(|text| serde_json::from_str::<Entered>(text).ok());
    let there = entering(context);
    let place = match &there {
        Entering::Nothing => None,
        Entering::Enter(current) => Some(resolved(current)),
        Entering::NotAllowed(file) => Some(file.display().to_string()),
    };
    let changes = match entered.as_ref().map(|entered| &entered.place) == place.as_ref() {
        // Still where it was.
        true => Changes::new(),
        false => moved(now, entered, &there, place),
    };
    if let (Entering::NotAllowed(file), false) = (&there, changes.is_empty()) {
        context.say(&format!("{} is entered once you allow it: `nuka allow`", file.display()));
    }
    crate::output::print(&code(arguments.shell, &changes))?;
    Ok(Exit::Success)
}

/// The generation that counts: another one is another place.
fn resolved(current: &Path) -> String {
    std::fs::canonicalize(current).unwrap_or_else(|_| current.to_owned()).display().to_string()
}

/// From where the shell was to where it is.
fn moved(
    now: &BTreeMap<String, String>,
    entered: Option<Entered>,
    there: &Entering,
    place: Option<String>,
) -> Changes {
    let mut changes: Changes = Changes::new();
    if let Some(Entered { bin, before, .. }) = entered {
        if let (Some(bin), Some(path)) = (bin, now.get("PATH")) {
            changes.insert("PATH".to_owned(), Some(path_without(path, &bin)));
        }
        changes.extend(before);
    }
    let as_before =
        |changes: &Changes, name: &str| changes.get(name).cloned().unwrap_or_else(|| now.get(name).cloned());
    let (mut before, mut bin) = (Changes::new(), None);
    if let Entering::Enter(current) = there {
        let path = as_before(&changes, "PATH").unwrap_or_else(|| "/usr/bin:/bin".to_owned());
        let own = current.join("bin").display().to_string();
        changes.insert("PATH".to_owned(), Some(format!("{own}:{path}")));
        bin = Some(own);
        for (name, value) in variables(current) {
            before.insert(name.clone(), as_before(&changes, &name));
            changes.insert(name, Some(value));
        }
    }
    let entered = place.and_then(|place| serde_json::to_string(&Entered { place, bin, before }).ok());
    changes.insert(ENTERED.to_owned(), entered);
    changes
}

/// Without the first of these directories that is it.
fn path_without(path: &str, directory: &str) -> String {
    let mut found = false;
    let others =
        path.split(':').filter(|part| found || *part != directory || std::mem::replace(&mut found, true));
    others.collect::<Vec<_>>().join(":")
}

fn variables(current: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read(current.join("environment.json")).unwrap_or_default();
    serde_json::from_slice::<Variables>(&text).unwrap_or_default().variables
}

/// The changes as the shell understands them.
fn code(shell: Shell, changes: &Changes) -> String {
    let line = |(name, value): (&String, &Option<String>)| match (shell, value) {
        (Shell::Bash | Shell::Zsh, Some(value)) => format!("export {name}={}\n", quote::sh(value)),
        (Shell::Bash | Shell::Zsh, None) => format!("unset {name}\n"),
        // A list, as fish has it.
        (Shell::Fish, Some(value)) if name == "PATH" => {
            format!("set -gx PATH {}\n", value.split(':').map(quote::fish).collect::<Vec<_>>().join(" "))
        }
        (Shell::Fish, Some(value)) => format!("set -gx {name} {}\n", quote::fish(value)),
        (Shell::Fish, None) => format!("set -e {name}\n"),
        (Shell::Nushell, _) => String::new(),
    };
    match shell {
        Shell::Nushell => nushell(changes),
        _ => changes.iter().map(line).collect(),
    }
}

/// Nushell wants PATH as a list, and cannot unset with a record: what was not there is empty then.
fn nushell(changes: &Changes) -> String {
    let value = |(name, value): (&String, &Option<String>)| {
        let value = match value {
            Some(path) if name == "PATH" => path.split(':').collect::<Vec<_>>().into(),
            other => serde_json::Value::from(other.clone().unwrap_or_default()),
        };
        (name.clone(), value)
    };
    serde_json::Value::Object(changes.iter().map(value).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(now: &mut BTreeMap<String, String>, changes: Changes) {
        for (name, value) in changes {
            match value {
                Some(value) => drop(now.insert(name, value)),
                None => drop(now.remove(&name)),
            }
        }
    }

    #[test]
    fn leaving_puts_everything_back() {
        let dir = tempfile::tempdir().unwrap();
        let environment = |name: &str, json: &str| {
            let current = dir.path().join(name);
            fs_err::create_dir_all(&current).unwrap();
            fs_err::write(current.join("environment.json"), json).unwrap();
            Entering::Enter(current)
        };
        let first = environment("first", r#"{"variables": {"A": "it's", "B": "new"}, "hooks": {}}"#);
        let second = environment("second", r#"{"variables": {"B": "other"}, "hooks": {}}"#);
        let start: BTreeMap<String, String> =
            [("PATH", "/bin"), ("B", "old")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut now = start.clone();
        let entered = |now: &BTreeMap<String, String>| serde_json::from_str(now.get(ENTERED)?).ok();
        for (there, place) in [(&first, "1"), (&second, "2")] {
            let changes = moved(&now, entered(&now), there, Some(place.to_owned()));
            apply(&mut now, changes);
        }
        assert_eq!(now.get("B").map(String::as_str), Some("other"));
        assert_eq!(now.get("A"), None, "the first was left");
        assert_eq!(now["PATH"], format!("{}:/bin", dir.path().join("second/bin").display()));
        // What was put before and behind it meanwhile stays.
        let path = format!("/mine:{}:/late", now["PATH"]);
        now.insert("PATH".to_owned(), path);
        let changes = moved(&now, entered(&now), &Entering::Nothing, None);
        apply(&mut now, changes);
        assert_eq!(now.remove("PATH").as_deref(), Some("/mine:/bin:/late"));
        now.insert("PATH".to_owned(), "/bin".to_owned());
        assert_eq!(now, start);
    }

    #[test]
    fn values_stay_within_their_quotes() {
        let changes: Changes = [("A".to_owned(), Some("a'; b\\".to_owned())), ("B".to_owned(), None)].into();
        assert_eq!(code(Shell::Bash, &changes), "export A='a'\\''; b\\'\nunset B\n");
        assert_eq!(code(Shell::Fish, &changes), "set -gx A 'a\\'; b\\\\'\nset -e B\n");
        assert_eq!(code(Shell::Nushell, &changes), r#"{"A":"a'; b\\","B":""}"#);
    }
}
