//! What is wrong with a recipe: a code, a message, places in the text, and what to do.

use miette::{LabeledSpan, NamedSource, SourceCode};
use nu_protocol::{
    LabeledError, ParseError, ShellError, Span,
    engine::{CachedFile, EngineState, StateWorkingSet},
};
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range, sync::Arc};

/// A place in a recipe file, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The file's path inside the recipe roots.
    pub file: String,
    /// Bytes of the file.
    pub span: Range<usize>,
    /// What is there; empty where the place alone says enough.
    pub text: String,
}

/// Why a recipe could not be evaluated. A [`miette::Diagnostic`] that shows the lines it speaks of.
///
/// Its texts quote recipes: whoever prints them escapes control characters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecipeError {
    /// Names the kind of error for machines: `nuka::recipe::unknown_field`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where; the first is the place itself, those of other files lead to it.
    pub labels: Vec<Label>,
    #[serde(with = "quoted")]
    source: Option<NamedSource<Arc<str>>>,
    related: Vec<RecipeError>,
}

/// A quoted file as plain data.
mod quoted {
    use super::{Arc, Deserialize, NamedSource, Serialize};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Quoted {
        name: String,
        text: String,
    }

    pub fn serialize<S: Serializer>(
        source: &Option<NamedSource<Arc<str>>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let quoted = |source: &NamedSource<Arc<str>>| Quoted {
            name: source.name().to_owned(),
            text: source.inner().to_string(),
        };
        source.as_ref().map(quoted).serialize(serializer)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Option<NamedSource<Arc<str>>>, D::Error> {
        let quoted = Option::<Quoted>::deserialize(deserializer)?;
        Ok(quoted.map(|quoted| NamedSource::new(quoted.name, quoted.text.into())))
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RecipeError {}

impl miette::Diagnostic for RecipeError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let file = &self.labels.first()?.file;
        let here = self.labels.iter().filter(move |label| label.file == *file).map(|label| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            LabeledSpan::new(text, label.span.start, label.span.len())
        });
        Some(Box::new(here))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|error| error as &dyn miette::Diagnostic)))
    }
}

impl RecipeError {
    /// An error without a place.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: format!("nuka::recipe::{code}"),
            message: message.into(),
            help: None,
            labels: Vec::new(),
            source: None,
            related: Vec::new(),
        }
    }

    /// Says what to do.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at a place in a file whose text is given.
    pub(crate) fn with_place(
        mut self,
        file: &str,
        text: &[u8],
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        if self.source.is_none() {
            let text: Arc<str> = String::from_utf8_lossy(text).into();
            self.source = Some(NamedSource::new(file, text));
        }
        self.labels.push(Label { file: file.to_owned(), span, text: label.into() });
        self
    }

    /// Tells who asked for the package whose evaluation failed.
    pub(crate) fn asked_for_by(mut self, asker: RecipeError) -> Self {
        self.related.push(asker);
        self
    }

    /// The chain of recipes that led here, innermost first.
    pub fn asked_for(&self) -> &[RecipeError] {
        &self.related
    }

    /// An error of nu's evaluation, with its places found in `engine`'s files.
    pub(crate) fn from_shell(error: &ShellError, engine: &EngineState) -> Self {
        let files: Vec<&CachedFile> = engine.files().collect();
        from_shell(error, &files)
    }

    /// An error of nu's parser, with its places found in `set`'s files.
    pub(crate) fn from_parse(error: &ParseError, set: &StateWorkingSet) -> Self {
        let files: Vec<&CachedFile> = set.files().collect();
        from_diagnostic(error, &files)
    }

    /// Any other error of nu's, with its places found in `set`'s files.
    pub(crate) fn from_set(error: &dyn miette::Diagnostic, set: &StateWorkingSet) -> Self {
        let files: Vec<&CachedFile> = set.files().collect();
        from_diagnostic(error, &files)
    }
}

fn from_shell(error: &ShellError, files: &[&CachedFile]) -> RecipeError {
    match error {
        // The wrapper only says "eval block failed": what is inside says why.
        ShellError::EvalBlockWithInput { sources, .. } if !sources.is_empty() => {
            sources.first().map_or_else(|| from_diagnostic(error, files), |inner| from_shell(inner, files))
        }
        ShellError::RecursionLimitReached { recursion_limit, span } => {
            let error =
                RecipeError::new("recursion", format!("calls are nested more than {recursion_limit} deep"))
                    .with_help(
                        "a recipe is a description: use `each` or `reduce` over a list rather than recursion",
                    );
            match span {
                Some(span) => place(error, *span, "this calls itself, directly or by way of others", files),
                None => error,
            }
        }
        ShellError::LabeledError(inner) => {
            let mut result = RecipeError::new("error", crate::symbol::shown(&inner.msg));
            if let Some(code) = &inner.code {
                result.code.clone_from(code);
            }
            result.help.clone_from(&inner.help);
            inner.labels.iter().fold(result, |result, label| place(result, label.span, &label.text, files))
        }
        other => from_diagnostic(other, files),
    }
}

fn from_diagnostic(error: &dyn miette::Diagnostic, files: &[&CachedFile]) -> RecipeError {
    let mut result = RecipeError::new("nu", error.to_string());
    if let Some(code) = error.code() {
        result.code = code.to_string();
    }
    result.help = error.help().map(|help| help.to_string());
    for label in error.labels().into_iter().flatten() {
        let span = Span::new(label.offset(), label.offset() + label.len());
        result = place(result, span, label.label().unwrap_or(""), files);
    }
    result
}

/// Adds a place that is given in nu's global offsets. One that is in no recipe file is left out.
fn place(error: RecipeError, span: Span, text: &str, files: &[&CachedFile]) -> RecipeError {
    let Some(file) = files.iter().find(|file| file.covered_span.contains_span(span)) else {
        return error;
    };
    let Some(name) = crate::session::shown(&file.name) else { return error };
    let start = span.start - file.covered_span.start;
    let end = span.end - file.covered_span.start;
    error.with_place(name.as_str(), &file.content, start..end, text)
}

/// An error of one of nuka's own commands.
pub(crate) fn labeled(code: &str, message: impl Into<String>) -> LabeledError {
    LabeledError::new(message).with_code(format!("nuka::recipe::{code}"))
}
