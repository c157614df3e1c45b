//! Templates, arguments and globs, completed with what the build tree holds at this moment.

use super::world::{BUILD, PathError, World};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use nuka_pir::{Argument, Glob, Items, Template};
use nuka_seed_runtime::tree::Node;

/// Why an argument could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    /// The pattern is not one.
    #[error("`{pattern}` is not a pattern: {source}")]
    Pattern {
        /// As the step has it.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// Nothing matches: almost always a mistake in the recipe, or a changed source.
    #[error("nothing matches `{pattern}`")]
    NoMatch {
        /// As the step has it.
        pattern: String,
    },
    /// The directory that the pattern begins with cannot be looked into.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A template uses an item that is not there. Validation refuses such PIRs, so this is a fault of nuka.
    #[error("a template uses an item outside its for-each")]
    Scope,
}

/// Where a step stands: the items of the `for-each` around it, and its working directory.
#[derive(Clone)]
pub struct Scope {
    /// The current item of each enclosing `for-each`, outermost first.
    pub items: Vec<String>,
    /// The working directory, absolute.
    pub directory: String,
}

impl Default for Scope {
    fn default() -> Self {
        Self { items: Vec::new(), directory: BUILD.to_owned() }
    }
}

impl Scope {
    /// A template's text.
    pub fn text(&self, template: &Template) -> Result<String, ExpandError> {
        template.expand(&self.items).ok_or(ExpandError::Scope)
    }

    /// All that the arguments stand for, in order.
    pub fn arguments(&self, world: &World<'_>, arguments: &[Argument]) -> Result<Vec<String>, ExpandError> {
        let mut all = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                Argument::Text(template) => all.push(self.text(template)?),
                Argument::Glob(glob) => all.extend(self.glob(world, glob)?),
            }
        }
        Ok(all)
    }

    /// What a `for-each` goes over.
    pub fn over(&self, world: &World<'_>, items: &Items) -> Result<Vec<String>, ExpandError> {
        match items {
            Items::List(list) => Ok(list.clone()),
            Items::Glob(glob) => self.glob(world, glob),
        }
    }

    /// The sorted paths that match, each once, in the form in which the pattern is written.
    fn glob(&self, world: &World<'_>, glob: &Glob) -> Result<Vec<String>, ExpandError> {
        let mut except = GlobSetBuilder::new();
        for pattern in &glob.except {
            except.add(compile(&self.text(pattern)?)?);
        }
        let except =
            except.build().map_err(|source| ExpandError::Pattern { pattern: "except".into(), source })?;
        let mut found = Vec::new();
        for pattern in &glob.glob {
            let pattern = self.text(pattern)?;
            let before = found.len();
            self.matches(world, &pattern, &except, &mut found)?;
            if found.len() == before {
                return Err(ExpandError::NoMatch { pattern });
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn matches(
        &self,
        world: &World<'_>,
        pattern: &str,
        except: &GlobSet,
        found: &mut Vec<String>,
    ) -> Result<(), ExpandError> {
        let base = literal_base(pattern);
        let matcher = compile(pattern)?.compile_matcher();
        if base == pattern {
            // No pattern characters: the path itself, if it is there.
            if world.find(&self.directory, pattern, false).is_ok() && !except.is_match(pattern) {
                found.push(pattern.to_owned());
            }
            return Ok(());
        }
        let place = if base.is_empty() { "." } else { base };
        let (_, node) = world.find(&self.directory, place, true)?;
        let Node::Directory(tree) = node else { return Ok(()) };
        for (path, _) in tree.walk() {
            let Ok(path) = String::from_utf8(path) else { continue };
            let path = format!("{base}{path}");
            if matcher.is_match(&path) && !except.is_match(&path) {
                found.push(path);
            }
        }
        Ok(())
    }
}

/// The directory, with its `/`, before the first component that has a pattern character; or the whole pattern.
fn literal_base(pattern: &str) -> &str {
    match pattern.find(['*', '?', '[', '{', '\\']) {
        None => pattern,
        Some(at) => {
            pattern.get(..at).and_then(|head| head.rfind('/').and_then(|end| head.get(..=end))).unwrap_or("")
        }
    }
}

fn compile(pattern: &str) -> Result<globset::Glob, ExpandError> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|source| ExpandError::Pattern { pattern: pattern.to_owned(), source })
}

/// True if the glob `pattern` matches `path`; both are relative.
pub struct Patterns(GlobSet);

impl Patterns {
    /// Compiles several patterns into one.
    pub fn new(patterns: &[String]) -> Result<Self, ExpandError> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(compile(pattern)?);
        }
        set.build().map(Self).map_err(|source| ExpandError::Pattern { pattern: patterns.join(" "), source })
    }

    /// Whether one of them matches.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::world::Surroundings;
    use nuka_seed_runtime::tree::{File, Tree};

    fn found(patterns: &[&str], except: &[&str]) -> Result<Vec<String>, ExpandError> {
        let around = Surroundings::default();
        let mut world = World { build: Tree::new(), around: &around };
        for path in ["src/a.c", "src/b.c", "src/b.h", "src/deep/c.c", "x.c"] {
            world.build.insert(path, File::from_bytes("", false)).unwrap();
        }
        let templates = |texts: &[&str]| texts.iter().map(|text| Template::literal(*text)).collect();
        Scope::default().glob(&world, &Glob { glob: templates(patterns), except: templates(except) })
    }

    #[test]
    fn globs_are_sorted_and_respect_directories() {
        assert_eq!(found(&["src/*.c"], &[]).unwrap(), ["src/a.c", "src/b.c"]);
        assert_eq!(found(&["src/**/*.c"], &["**/b.c"]).unwrap(), ["src/a.c", "src/deep/c.c"]);
        assert_eq!(found(&["*.c", "src/{a,b}.[ch]"], &[]).unwrap(), ["src/a.c", "src/b.c", "src/b.h", "x.c"]);
        assert_eq!(found(&["./src/a.?"], &[]).unwrap(), ["./src/a.c"]);
        assert_eq!(found(&["/build/x.c"], &[]).unwrap(), ["/build/x.c"]);
    }

    #[test]
    fn nothing_found_is_an_error() {
        assert!(matches!(found(&["src/*.c", "lib/*.c"], &[]), Err(ExpandError::Path(_))));
        assert!(matches!(found(&["src/*.z"], &[]), Err(ExpandError::NoMatch { .. })));
        assert!(matches!(found(&["src/[.c"], &[]), Err(ExpandError::Pattern { .. })));
    }
}
