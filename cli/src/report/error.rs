//! Errors as text, once, with what is untrusted in them escaped.

use crate::{
    error::Error,
    report::{
        escape::{escape, escape_lines, mask},
        failure,
        style::Style,
    },
};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, SourceSpan,
};
use std::fmt;

/// An error as it is shown: a message, with its code and help, the places in a recipe, and what led there.
pub fn show(error: &Error, colour: bool, width: usize) -> String {
    let fault = match error {
        Error::Nuka(fault) => Some(&**fault),
        _ => None,
    };
    let shown = match (fault.and_then(|fault| fault.recipe.as_deref()), error) {
        (Some(recipe), _) => Shown::of_diagnostic(recipe),
        (None, other) => Shown {
            message: escape_lines(&other.to_string()).into_owned(),
            help: other.help().map(|help| escape_lines(&help).into_owned()),
            ..Shown::default()
        },
    };
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_wrap_lines(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    if handler.render_report(&mut text, &shown).is_err() {
        text = format!("error: {}\n", shown.message);
    }
    // What failed to build is told before what could not be done because of it.
    let report = fault.and_then(|fault| fault.report.as_deref());
    let before = report.map(|report| failure::show(&report.failed, Style { colour })).unwrap_or_default();
    // No line ends in blanks, and none is empty before the message.
    let lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty());
    lines.fold(before, |text, line| text + line + "\n")
}

/// A diagnostic whose texts can be printed.
#[derive(Debug, Default)]
struct Shown {
    message: String,
    code: Option<String>,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    source: Option<NamedSource<String>>,
    related: Vec<Shown>,
}

impl Shown {
    fn of_diagnostic(inner: &dyn Diagnostic) -> Self {
        let safe = |text: String| escape_lines(&text).into_owned();
        let label = |label: LabeledSpan| {
            LabeledSpan::new_with_span(label.label().map(|text| escape(text).into_owned()), *label.inner())
        };
        Self {
            message: safe(inner.to_string()),
            code: inner.code().map(|code| safe(code.to_string())),
            help: inner.help().map(|help| safe(help.to_string())),
            labels: inner.labels().into_iter().flatten().map(label).collect(),
            source: inner.source_code().and_then(whole_source),
            related: inner.related().into_iter().flatten().map(Self::of_diagnostic).collect(),
        }
    }
}

/// The whole of a source, masked. Offsets into it stay what they were.
fn whole_source(source: &dyn SourceCode) -> Option<NamedSource<String>> {
    const ALL_LINES: usize = 1 << 30;
    let contents = source.read_span(&SourceSpan::from(0..0), 0, ALL_LINES).ok()?;
    let text = mask(&String::from_utf8_lossy(contents.data()));
    let name = contents.name().map_or_else(|| "recipe".to_owned(), |name| escape(name).into_owned());
    Some(NamedSource::new(name, text))
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.related.iter().map(|related| related as &dyn Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_and_what_to_do() {
        let error = Error::Exists { path: "lua.nu".into(), help: "choose another file: `-o FILE`".into() };
        insta::assert_snapshot!(show(&error, false, 80), @r"
          × lua.nu is there already
          help: choose another file: `-o FILE`
        ");
    }

    #[test]
    fn nothing_untrusted_gets_through() {
        let error = Error::Absent { message: "no `\u{1b}]52;c;x\u{7}\u{202e}`".into(), help: "a\rb".into() };
        insta::assert_snapshot!(show(&error, false, 80), @r"
          × no `\u{1b}]52;c;x\u{7}\u{202e}`
          help: a\rb
        ");
    }

    #[derive(Debug, thiserror::Error, miette::Diagnostic)]
    #[error("unknown field `nmae`\u{1b}[2J")]
    #[diagnostic(code(nuka::recipe::unknown_field), help("did you mean `name`?"))]
    struct Recipe {
        #[source_code]
        text: NamedSource<String>,
        #[label("no such\u{202e} field")]
        here: SourceSpan,
    }

    #[test]
    fn places_in_recipes_are_shown_and_masked() {
        let text = "# \u{202e}evil\u{1b}[2J\nexport def main [] {\n  derivation x 1 { nmae: \"\u{7}\" }\n}\n";
        let here = SourceSpan::from((text.find("nmae").unwrap(), 4));
        let error = Recipe { text: NamedSource::new("x\u{1b}.nu", text.to_owned()), here };
        let shown = Shown::of_diagnostic(&error);
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        handler.with_context_lines(3).render_report(&mut out, &shown).unwrap();
        insta::assert_snapshot!(out, @r#"
        nuka::recipe::unknown_field

          × unknown field `nmae`\u{1b}[2J
           ╭─[x\u{1b}.nu:3:20]
         1 │ # ???evil?[2J
         2 │ export def main [] {
         3 │   derivation x 1 { nmae: "?" }
           ·                    ──┬─
           ·                      ╰── no such\u{202e} field
         4 │ }
           ╰────
          help: did you mean `name`?
        "#);
    }
}
