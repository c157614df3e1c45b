//! `nuka search`: which packages there are.

use crate::{
    commands::Done,
    context::Context,
    exit::Exit,
    output::Format,
    report::table::{Table, text},
};
use unicode_width::UnicodeWidthChar;

/// Find packages by their names and descriptions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nuka search              every package that has a recipe\n  \
    nuka search compression  those that have to do with it")]
pub struct Arguments {
    /// Words that are looked for; without any, everything is listed
    words: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Prints what was found.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let found = context.local().search(&arguments.words.join(" "))?;
    let width = if context.terminal.stdout { context.terminal.width } else { usize::MAX };
    arguments.format.print(context, &found, |style| {
        let mut table = Table::new([text("PACKAGE"), text("VERSION"), text("BUILT"), text("DESCRIPTION")]);
        let wide = |cell: fn(&crate::daemon::Found) -> &str, least: usize| {
            found.iter().map(|package| cell(package).len()).max().unwrap_or(0).max(least)
        };
        let before = wide(|package| &package.name, 7) + wide(|package| &package.version, 7) + 5 + 6;
        for package in &found {
            let built = if package.built { "yes" } else { "-" };
            let description =
                shorten(package.description.as_deref().unwrap_or_default(), width.saturating_sub(before));
            table.row([&package.name, &package.version, built, &description]);
        }
        if found.is_empty() { String::new() } else { table.show(style) }
    })?;
    if found.is_empty() {
        context.say("nothing has these words in its name or description; `nuka search` lists everything");
        return Ok(Exit::Absent);
    }
    Ok(Exit::Success)
}

/// A description in the room that there is; never shorter than can be understood.
fn shorten(text: &str, width: usize) -> String {
    let width = width.max(20);
    let mut used = 0;
    let mut shortened = String::new();
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            let kept = shortened.trim_end().chars().count().saturating_sub(3);
            return shortened.chars().take(kept).collect::<String>() + "...";
        }
        shortened.push(character);
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn long_descriptions_end_in_dots() {
        assert_eq!(shorten("short", 3), "short");
        assert_eq!(
            shorten("a description that is too long", 22),
            "a description that is...".replace(" is...", "...")
        );
        assert_eq!(shorten(&"x".repeat(30), 30).len(), 30);
    }
}
