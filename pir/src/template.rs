//! Text in a step that is partly known only while the build runs.
//!
//! Inside a `for-each`, the item at hand is symbolic: a recipe can place it, or one of its fields, into
//! text, and nothing else. In canonical NUON a template without variables is a plain string; one with
//! variables is a list of strings and `{field: "...", item: N}` records.

use serde::{Deserialize, Serialize};

/// Text made of literal and symbolic parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Template {
    /// Known when the recipe was evaluated.
    Literal(String),
    /// Completed in the build. Never two literals side by side, never literals only.
    Parts(Vec<Part>),
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// Literal text, never empty.
    Literal(String),
    /// The current item of an enclosing `for-each`.
    Variable(Variable),
}

/// A reference to the current item of an enclosing `for-each`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// How many `for-each` stand around the one that is meant: 0 is the outermost.
    pub item: u8,
    /// Which part of the item.
    pub field: Field,
}

/// What can be taken of an item, read as a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The whole item: `src/a.tar.c`.
    Path,
    /// Its last component: `a.tar.c`.
    Name,
    /// The last component without its last extension: `a.tar`.
    Stem,
    /// The last extension, without the dot: `c`.
    Extension,
    /// Everything before the last component: `src`; `.` if there is nothing.
    Parent,
}

impl Field {
    /// Takes this field of `item`.
    pub fn of<'a>(&self, item: &'a str) -> &'a str {
        let (parent, name) = item.rsplit_once('/').unwrap_or((".", item));
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, extension),
            _ => (name, ""),
        };
        match self {
            Field::Path => item,
            Field::Name => name,
            Field::Stem => stem,
            Field::Extension => extension,
            Field::Parent if parent.is_empty() => "/",
            Field::Parent => parent,
        }
    }
}

impl Template {
    /// A template without variables.
    pub fn literal(text: impl Into<String>) -> Self {
        Self::Literal(text.into())
    }

    /// Joins parts into the one normal form: neighbouring literals merged, empty ones dropped.
    pub fn from_parts(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut merged: Vec<Part> = Vec::new();
        for part in parts {
            match (merged.last_mut(), part) {
                (_, Part::Literal(text)) if text.is_empty() => {}
                (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
                (_, part) => merged.push(part),
            }
        }
        match merged.as_slice() {
            [] => Self::Literal(String::new()),
            [Part::Literal(text)] => Self::Literal(text.clone()),
            _ => Self::Parts(merged),
        }
    }

    /// The text, if nothing in it is symbolic.
    pub fn as_literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Parts(_) => None,
        }
    }

    /// The literal pieces of the text.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::Literal(text) => (Some(text.as_str()), &[][..]),
            Self::Parts(parts) => (None, parts.as_slice()),
        };
        one.into_iter().chain(many.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Variable(_) => None,
        }))
    }

    /// The text with `items` in place of the variables; `None` if one is not in scope.
    pub fn expand(&self, items: &[String]) -> Option<String> {
        match self {
            Self::Literal(text) => Some(text.clone()),
            Self::Parts(parts) => parts.iter().try_fold(String::new(), |mut text, part| {
                match part {
                    Part::Literal(literal) => text.push_str(literal),
                    Part::Variable(variable) => {
                        text.push_str(variable.field.of(items.get(usize::from(variable.item))?));
                    }
                }
                Some(text)
            }),
        }
    }

    /// True if the template is in normal form and uses only the `scope` enclosing items.
    pub(crate) fn is_normal(&self, scope: usize) -> bool {
        match self {
            Self::Literal(_) => true,
            Self::Parts(parts) => {
                Self::from_parts(parts.iter().cloned()) == *self
                    && parts.iter().all(|part| match part {
                        Part::Literal(_) => true,
                        Part::Variable(variable) => usize::from(variable.item) < scope,
                    })
            }
        }
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self::literal(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_paths() {
        let all = |item| [Field::Name, Field::Stem, Field::Extension, Field::Parent].map(|f| f.of(item));
        assert_eq!(all("src/a.tar.c"), ["a.tar.c", "a.tar", "c", "src"]);
        assert_eq!(all(".hidden"), [".hidden", ".hidden", "", "."]);
        assert_eq!(all("/x"), ["x", "x", "", "/"]);
    }

    #[test]
    fn expands_in_scope_only() {
        let stem = Part::Variable(Variable { item: 0, field: Field::Stem });
        let template = Template::from_parts([Part::Literal("obj/".into()), stem, Part::Literal(".o".into())]);
        assert_eq!(template.expand(&["src/x.c".into()]).unwrap(), "obj/x.o");
        assert_eq!(template.expand(&[]), None);
        assert!(template.is_normal(1) && !template.is_normal(0));
    }
}
