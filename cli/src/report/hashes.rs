//! Which command writes a recipe's hashes: with the recipe named as the person has named it, so that the command
//! works when it is pasted.

use crate::daemon::{Failure, Fault, Target};

const COMMAND: &str = "`nuka update-hashes ";

/// An error of work on `targets`, whose advice about hashes names one of them.
pub fn name_recipe(mut fault: Box<Fault>, targets: &[Target]) -> Box<Fault> {
    if let Some(recipe) = &mut fault.recipe {
        // The recipe that was asked for is the last of those that led to the fault.
        let outermost = recipe.asked_for().last().unwrap_or(recipe);
        let file = outermost.labels.first().map(|label| label.file.clone()).unwrap_or_default();
        let help = recipe.help.take();
        recipe.help = help.map(|help| named(&help, targets, file.trim_end_matches(".nu")));
    }
    if let Some(report) = &mut fault.report {
        name_recipes(&mut report.failed, targets);
    }
    fault
}

/// The same for packages that were not built.
pub fn name_recipes(failures: &mut [Failure], targets: &[Target]) {
    for failure in failures {
        let name = failure.package.name.trim_end_matches("-check");
        let help = failure.help.take();
        failure.help = help.map(|help| named(&help, targets, name));
    }
}

/// The text with the recipe in the command's place for it. `name` is what the recipe calls itself.
fn named(help: &str, targets: &[Target], name: &str) -> String {
    let Some((before, (_, after))) =
        help.split_once(COMMAND).and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    else {
        return help.to_owned();
    };
    let is_it = |target: &&Target| match target {
        Target::Name { name: own, .. } => own.as_str() == name,
        Target::File { path, .. } => path.file_stem().is_some_and(|stem| stem == name),
    };
    // The command goes through everything that a recipe uses, so the only one that was named will do.
    let target = targets.iter().find(is_it).or(match targets {
        [only] => Some(only),
        _ => None,
    });
    let recipe = target.map_or_else(|| name.to_owned(), Target::to_string);
    format!("{before}{COMMAND}{}`{after}", word(&recipe))
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./+@%,:=~".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('~') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;

    fn targets(texts: &[&str]) -> Vec<Target> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn recipes_are_named_as_they_were() {
        let help = "If so: `nuka update-hashes RECIPE` writes it; otherwise `ask`";
        for (given, name, shown) in [
            (&["./dir/hello.nu"][..], "hello", "./dir/hello.nu"),
            (&["lua@5.3.6"], "lua", "lua@5.3.6"),
            (&["./a.nu", "../b/hello.nu"], "hello", "../b/hello.nu"),
            // Something that the only one uses is looked at along with it.
            (&["./top.nu"], "leaf", "./top.nu"),
            (&["./a.nu", "./b.nu"], "leaf", "leaf"),
            (&[], "leaf", "leaf"),
            (&["my recipes/it's.nu"], "it's", r"'my recipes/it'\''s.nu'"),
        ] {
            let text = named(help, &targets(given), name);
            assert_eq!(text, help.replace("RECIPE", shown), "{given:?}");
        }
        assert_eq!(named("no command", &targets(&["./a.nu"]), "a"), "no command");
    }

    #[test]
    fn checks_belong_to_their_recipes() {
        let mut failures = [Failure {
            package: package("hello-check", "1"),
            reason: String::new(),
            help: Some("`nuka update-hashes RECIPE` writes it".into()),
            log_tail: Vec::new(),
            log: None,
            because_of: None,
        }];
        name_recipes(&mut failures, &targets(&["./x.nu", "./hello.nu"]));
        assert_eq!(failures[0].help.as_deref(), Some("`nuka update-hashes ./hello.nu` writes it"));
    }
}
