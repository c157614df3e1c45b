//! What the tests share: recipe files in memory, and errors as text.

use nuka_nushell_ext::{
    Evaluation, Evaluator, Limits, Options, Package, RecipeError, RecipeMap, RecipePath, Target,
};
use nuka_pir::{PackageName, Step};
use std::sync::Arc;

pub fn files(files: &[(&str, &str)]) -> Arc<RecipeMap> {
    let mut map = RecipeMap::new();
    for (path, text) in files {
        map.insert(RecipePath::new(path).unwrap(), text);
    }
    Arc::new(map)
}

pub fn package(name: &str) -> Target {
    Target::package(PackageName::new(name).unwrap())
}

/// Evaluates the package `name` among `recipes`.
pub fn evaluate(recipes: &[(&str, &str)], name: &str) -> Result<Evaluation, RecipeError> {
    let limits = Limits { steps: 30_000_000, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    Evaluator::new(&*files(recipes), options).evaluate(&[package(name)])
}

/// The one package that a recipe gives.
pub fn one(recipe: &str) -> Package {
    let evaluation = match evaluate(&[("it.nu", recipe)], "it") {
        Ok(evaluation) => evaluation,
        Err(error) => panic!("{}", render(&error)),
    };
    Package::clone(&evaluation.packages[&evaluation.roots[0]])
}

/// A recipe whose build closure has this body.
pub fn with_build(body: &str) -> String {
    format!(
        "export def main [] {{\n  derivation it 1.0.0 {{\n    language: c\n    build: {{|p|\n{body}\n    }}\n  }}\n}}\n"
    )
}

/// The canonical text of the steps that a build's body records.
pub fn steps(body: &str) -> String {
    let steps: Vec<Step> = one(&with_build(body)).pir.build.steps;
    nuka_pir::steps_to_text(&steps).unwrap()
}

/// The error that a recipe gives.
pub fn error(recipe: &str) -> RecipeError {
    match evaluate(&[("it.nu", recipe)], "it") {
        Ok(_) => panic!("this was evaluated:\n{recipe}"),
        Err(error) => error,
    }
}

/// The error that the body of a build gives.
pub fn build_error(body: &str) -> RecipeError {
    error(&with_build(body))
}

/// An error as people see it, without colours.
pub fn render(error: &RecipeError) -> String {
    let mut text = String::new();
    let theme = miette::GraphicalTheme::unicode_nocolor();
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    handler.render_report(&mut text, error).unwrap();
    // What prints a report escapes such characters; here they would hide in the snapshot.
    let text = text.replace('\u{202e}', "<202e>");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
