//! Every example of the page on recipes is a real one: it is evaluated as it stands there.

use crate::common::{build_error, error, evaluate, render, with_build};

const PAGE: &str = include_str!("../../../docs/recipes.md");

/// What the examples bring in is the file that recipes have.
const LIB_C: &str = include_str!("../../../recipes/lib/c.nu");

/// A fenced block: what stands behind the fence's `nu`, and the text.
fn examples() -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```nu ") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind, body.join("\n") + "\n"));
        }
    }
    blocks
}

/// Packages that the examples mention and the page does not show.
fn others() -> Vec<(String, String)> {
    let minimal = |name: &str| {
        let text = format!("export def main [] {{ derivation {name} 1.0 {{ language: c }} }}");
        (format!("{name}.nu"), text)
    };
    let mut files = ["clang", "wasi-libc", "posix-compat"].map(minimal).to_vec();
    files.push(("lib/c.nu".to_owned(), LIB_C.to_owned()));
    files
}

#[test]
fn whole_recipes_evaluate() {
    let mut files = others();
    files.extend(
        examples()
            .into_iter()
            .filter(|(kind, _)| kind.ends_with(".nu"))
            .map(|(kind, text)| (kind.to_owned(), text)),
    );
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let recipes: Vec<&str> = files
        .iter()
        .filter_map(|(path, _)| path.strip_suffix(".nu"))
        .filter(|name| !name.contains('/'))
        .collect();
    assert!(recipes.len() >= 7, "{recipes:?}");
    for name in recipes {
        let evaluation = match evaluate(&files, name) {
            Ok(evaluation) => evaluation,
            Err(error) => panic!("{}", render(&error)),
        };
        let root = &evaluation.packages[&evaluation.roots[0]];
        assert_eq!(root.pir.name.as_str(), name);
        assert!(evaluation.warnings.is_empty(), "{name}: {:?}", evaluation.warnings);
    }
}

#[test]
fn environments_evaluate() {
    let others = ["lua", "zlib", "libgreet"].map(|name| {
        let version = if name == "zlib" { "1.3.2" } else { "1.0" };
        (
            format!("{name}.nu"),
            format!("export def main [] {{ derivation {name} \"{version}\" {{ language: c }} }}"),
        )
    });
    let mut count = 0;
    for (_, text) in examples().into_iter().filter(|(kind, _)| *kind == "environment") {
        let mut files: Vec<(&str, &str)> =
            others.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        files.push(("it.nu", &text));
        let evaluation = match evaluate(&files, "it") {
            Ok(evaluation) => evaluation,
            Err(error) => panic!("{}", render(&error)),
        };
        assert_eq!(evaluation.roots.len(), 3);
        assert!(evaluation.environment.is_some_and(|environment| environment.files.len() == 1));
        count += 1;
    }
    assert_eq!(count, 1);
}

#[test]
fn builds_record_steps() {
    let mut verbs: Vec<&str> = Vec::new();
    let mut count = 0;
    for (_, body) in examples().into_iter().filter(|(kind, _)| *kind == "build") {
        let recipe = format!("use lib/c.nu\n{}", with_build(&body));
        let steps = match evaluate(&[("it.nu", &recipe), ("lib/c.nu", LIB_C)], "it") {
            Ok(evaluation) => evaluation.packages[&evaluation.roots[0]].pir.build.steps.clone(),
            Err(error) => panic!("{}", render(&error)),
        };
        assert!(!steps.is_empty(), "{body}");
        verbs.extend(steps.iter().map(nuka_pir::Step::verb));
        count += 1;
    }
    assert!(count >= 8);
    for verb in [
        "run",
        "for-each",
        "parallel",
        "write",
        "make-directory",
        "copy",
        "move-to",
        "remove",
        "symlink",
        "install",
        "substitute",
        "unpack",
        "steps-from",
    ] {
        assert!(verbs.contains(&verb), "no example of {verb}");
    }
}

#[test]
fn errors_are_as_said() {
    let mut count = 0;
    for (kind, text) in examples() {
        let found = match kind.split_once(' ') {
            Some(("error", code)) => (error(&text), code),
            Some(("build-error", code)) => (build_error(&text), code),
            _ => continue,
        };
        assert_eq!(found.0.code, format!("nuka::recipe::{}", found.1), "{text}{}", render(&found.0));
        count += 1;
    }
    assert!(count >= 3);
}

#[test]
fn no_example_is_left_out() {
    for (kind, _) in examples() {
        let known = kind.ends_with(".nu")
            || ["build", "environment"].contains(&kind)
            || kind.starts_with("error ")
            || kind.starts_with("build-error ");
        assert!(known, "{kind}");
    }
    assert_eq!(PAGE.matches("```nu").count(), examples().len());
}
