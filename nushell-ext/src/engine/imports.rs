//! Finds every file that a recipe brings in with `use`, before nu's parser looks for it.
//!
//! A `use` is looked for beside the file that it stands in, then at the recipe roots; `.nu` may be left out.
//! Nu resolves paths by itself and would read any file of the machine. So what it is about to look for is
//! found here first, put among its virtual files, and everything that is not a plain path of a recipe file
//! is refused. Constants are bounded too: nu computes them while it parses, when nothing can stop it.

use crate::{
    RecipeError, RecipePath,
    engine::{
        forbidden, layout,
        words::{MAX_NESTING, Word, words},
    },
    path::is_component,
    session::Session,
    suggest,
};
use nu_protocol::Span;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// A recipe file that was found: its path and its text.
type Found = (RecipePath, Arc<[u8]>);

/// Largest recipe file, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 1 << 20;
/// Most files that one recipe may bring in.
const MAX_FILES: usize = 1000;
/// Largest constant, in bytes.
const MAX_CONST_BYTES: usize = 16 << 20;

/// A file for nu's parser.
pub(crate) struct Import {
    /// Where nu will look for it.
    pub seen: String,
    pub text: Arc<[u8]>,
}

/// What is known of a recipe's files so far.
struct Imports<'s> {
    session: &'s Session,
    files: Vec<Import>,
    seen: HashSet<String>,
    /// Inline modules that any file declares.
    modules: HashSet<String>,
    /// The largest size that a constant of this name can have.
    constants: HashMap<String, usize>,
    /// Constants that are plain texts, by name; `None` where one of that name is anything else.
    literals: HashMap<String, Option<String>>,
    /// The files whose imports are being looked for, outermost first.
    chain: Vec<RecipePath>,
}

/// All files that evaluating `recipe` needs: itself first.
pub(crate) fn imports(
    session: &Session,
    recipe: &RecipePath,
    text: Arc<[u8]>,
) -> Result<Vec<Import>, RecipeError> {
    let mut imports = Imports {
        session,
        files: Vec::new(),
        seen: HashSet::new(),
        modules: HashSet::new(),
        constants: HashMap::new(),
        literals: HashMap::new(),
        chain: Vec::new(),
    };
    imports.add(recipe, layout::join(layout::ROOT, recipe.as_str()), text)?;
    Ok(imports.files)
}

impl Imports<'_> {
    fn add(&mut self, path: &RecipePath, seen: String, text: Arc<[u8]>) -> Result<(), RecipeError> {
        if !self.seen.insert(seen.clone()) {
            return Ok(());
        }
        if self.files.len() >= MAX_FILES {
            return Err(RecipeError::new(
                "too_many_files",
                format!("more than {MAX_FILES} files are brought in"),
            )
            .with_help("keep helpers in a few files below lib/"));
        }
        let known = self.session.state.borrow_mut().seen.insert(seen.clone(), path.clone());
        if known.is_some_and(|known| known != *path) {
            return Err(RecipeError::new("ambiguous_use", format!("`{path}` can be reached in two ways"))
                .with_help("write paths of `use` from the recipe root, as in `use lib/c.nu`"));
        }
        let words = check(path, &text)?;
        self.files.push(Import { seen: seen.clone(), text: text.clone() });
        self.chain.push(path.clone());
        self.declarations(path, &text, &words)?;
        let file = File { path, seen: &seen, text: &text };
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let next = words.get(at + 1);
            if !word.quoted && !word.ends {
                let before =
                    at.checked_sub(1).and_then(|before| words.get(before)).filter(|before| !before.ends);
                if let Some(before) = before.filter(|before| {
                    word.text == "use" && ["plugin", "overlay"].contains(&before.text.as_str())
                }) {
                    let help = forbidden::instead_of(&before.text).unwrap_or_default();
                    let message = format!("`{} use` is not there in a recipe", before.text);
                    return Err(file.error("impure", message, word.span).with_help(help));
                }
                match word.text.as_str() {
                    "use" => self.import(&file, word, next)?,
                    "module" if next.is_some_and(|next| !self.modules.contains(&next.text)) => {
                        self.import(&file, word, next)?;
                    }
                    _ => {}
                }
            }
            at += 1;
        }
        self.chain.pop();
        Ok(())
    }

    /// Notes inline modules and constants.
    fn declarations(&mut self, path: &RecipePath, text: &[u8], words: &[Word]) -> Result<(), RecipeError> {
        for (at, word) in words.iter().enumerate().filter(|(_, word)| !word.quoted && !word.ends) {
            let Some(name) = words.get(at + 1).filter(|next| !next.ends) else { continue };
            if word.text == "module" && is_component(&name.text) && !name.text.ends_with(".nu") {
                let block = words.get(at + 2).is_some_and(|next| next.depth > word.depth || next.ends);
                if block {
                    self.modules.insert(name.text.clone());
                }
            }
            if word.text == "const" {
                self.constant(path, text, word, words.get(at + 1..).unwrap_or(&[]))?;
            }
        }
        Ok(())
    }

    /// Bounds a constant: the length of its text, and the size of every constant that it mentions.
    fn constant(
        &mut self,
        path: &RecipePath,
        text: &[u8],
        at: &Word,
        rest: &[Word],
    ) -> Result<(), RecipeError> {
        let Some(name) = rest.first().map(|word| word.text.trim_end_matches(':').to_owned()) else {
            return Ok(());
        };
        let value = rest.iter().position(|word| word.text == "=").map_or(rest.len(), |equals| equals + 1);
        let end = rest.iter().position(|word| word.ends && word.depth <= at.depth).unwrap_or(rest.len());
        let value = rest.get(value.min(end)..end).unwrap_or(&[]);
        let largest = self.constants.values().copied().max().unwrap_or(0);
        let mut size = name.len();
        for word in value {
            // Any mention of a variable inside the word, also in an interpolated text.
            for mention in word.text.split('$').skip(1) {
                let mentioned: String =
                    mention.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '-').collect();
                size = size.saturating_add(self.constants.get(&mentioned).copied().unwrap_or(largest));
            }
            size = size.saturating_add(word.span.end - word.span.start + 64);
        }
        if size > MAX_CONST_BYTES {
            return Err(RecipeError::new(
                "huge",
                format!("the constant `{name}` could become larger than 16 MiB"),
            )
            .with_help("compute it in a `def`, where a recipe that grows too large is stopped")
            .with_place(path.as_str(), text, at.span.start..at.span.end, "this constant"));
        }
        let entry = self.constants.entry(name.clone()).or_default();
        *entry = size.max(*entry);
        let literal = match value {
            [one]
                if one.quoted
                    || one.text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+".contains(c)) =>
            {
                Some(one.text.clone())
            }
            _ => None,
        };
        let entry = self.literals.entry(name).or_insert_with(|| literal.clone());
        if *entry != literal {
            *entry = None;
        }
        Ok(())
    }

    /// Finds the file of one `use`.
    fn import(&mut self, file: &File<'_>, word: &Word, next: Option<&Word>) -> Result<(), RecipeError> {
        let Some(next) = next.filter(|next| !next.ends) else {
            return Err(file
                .error("use", "`use` needs the name of a recipe file", word.span)
                .with_help(QUOTE));
        };
        let name = match next.text.strip_prefix('$') {
            Some(constant) if !next.quoted => match self.literals.get(constant) {
                Some(Some(name)) => name.clone(),
                _ => {
                    return Err(file
                        .error("use", "this is not a constant text", next.span)
                        .with_help(format!("write `const {constant} = \"name\"` before it: what a recipe brings in is known before it runs")));
                }
            },
            _ => next.text.clone(),
        };
        if self.modules.contains(&name) {
            return Ok(());
        }
        if !name.split('/').all(is_component) {
            return Err(file
                .error(
                    "use_outside",
                    format!("`use` reads recipe files only, not `{}`", name.escape_debug()),
                    next.span,
                )
                .with_help(format!("write a path inside the recipe roots, as in `use lib/c.nu`. {QUOTE}")));
        }
        let Some((path, text)) = self.find(file, &name)? else {
            return Err(self.not_found(file, &name, next.span));
        };
        if let Some(at) = self.chain.iter().position(|open| *open == path) {
            let cycle: Vec<&str> =
                self.chain.iter().skip(at).chain([&path]).map(RecipePath::as_str).collect();
            return Err(file
                .error("use_cycle", format!("recipe files bring each other in: {}", cycle.join(" -> ")), next.span)
                .with_help("move what both need into a third file; for another package, `pkg NAME` brings in no code"));
        }
        let directory = layout::directory(file.seen).to_owned();
        self.add(&path, layout::join(&directory, &name), text)
    }

    fn find(&self, file: &File<'_>, name: &str) -> Result<Option<Found>, RecipeError> {
        let name = if name.ends_with(".nu") { name.to_owned() } else { format!("{name}.nu") };
        let beside = match file.path.directory() {
            "" => None,
            directory => Some(format!("{directory}/{name}")),
        };
        for candidate in beside.into_iter().chain([name]) {
            let Ok(path) = RecipePath::new(&candidate) else { continue };
            if let Some(text) = self.session.read(&path)? {
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }

    fn not_found(&self, file: &File<'_>, name: &str, span: Span) -> RecipeError {
        let error = file.error("use_not_found", format!("there is no recipe file `{name}`"), span);
        let known = self.session.files.list().unwrap_or_default();
        let near = suggest::nearest(
            name,
            known.iter().flat_map(|path| [path.as_str(), path.as_str().trim_end_matches(".nu")]),
        );
        match near {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => {
                error.with_help(format!("`use` looks beside the file, then at the recipe roots. {QUOTE}"))
            }
        }
    }
}

const QUOTE: &str = "If `use` is an argument here, quote it: \"use\"";

/// The file that is being looked at.
struct File<'f> {
    path: &'f RecipePath,
    seen: &'f str,
    text: &'f [u8],
}

impl File<'_> {
    fn error(&self, code: &str, message: impl Into<String>, span: Span) -> RecipeError {
        RecipeError::new(code, message).with_place(
            self.path.as_str(),
            self.text,
            span.start..span.end,
            "here",
        )
    }
}

/// Checks a file's text as such, and gives its words.
fn check(path: &RecipePath, text: &[u8]) -> Result<Vec<Word>, RecipeError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(RecipeError::new(
            "huge",
            format!("`{path}` has {} bytes; a recipe file has at most 1 MiB", text.len()),
        )
        .with_help("put data into a source, and read it in the build"));
    }
    let valid = std::str::from_utf8(text).map_err(|error| {
        RecipeError::new("not_text", format!("`{path}` is not UTF-8 text (byte {})", error.valid_up_to()))
            .with_help("save it as UTF-8")
    })?;
    let hidden = valid.char_indices().find(|(_, c)| {
        !matches!(c, '\n' | '\r' | '\t') && nuka_pir::check_text(c.encode_utf8(&mut [0; 4])).is_err()
    });
    if let Some((at, character)) = hidden {
        let message = format!("`{path}` has the character U+{:04X}, which cannot be seen", character as u32);
        return Err(RecipeError::new("hidden_character", message)
            .with_help("what is shown must be what is meant: remove it, or write it as \"\\u{...}\"")
            .with_place(path.as_str(), text, at..at + character.len_utf8(), "here"));
    }
    let too_deep = || {
        RecipeError::new("nesting", format!("brackets in `{path}` are nested more than {MAX_NESTING} deep"))
            .with_help("give parts of it a name, with `let` or `def`")
    };
    let words = words(text).ok_or_else(too_deep)?;
    chains(path, text, &words)?;
    Ok(words)
}

/// Most operators, `else` and `not` in one statement: nu's parser and compiler recurse over them.
const MAX_CHAIN: usize = 500;

/// Most words in one statement, and in one pair of brackets: nu's parser takes time by the square of them.
const MAX_WORDS: usize = 50_000;

fn chains(path: &RecipePath, text: &[u8], words: &[Word]) -> Result<(), RecipeError> {
    // By depth, as a statement goes on after a bracket inside it closes.
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
    for word in words {
        if word.ends {
            counts.split_off(&word.depth);
            lengths.split_off(&word.depth);
            continue;
        }
        let length = lengths.entry(word.depth).or_default();
        *length += 1;
        if *length > MAX_WORDS {
            return Err(RecipeError::new("huge", format!("a statement has more than {MAX_WORDS} words"))
                .with_help("put data into a source, and read it in the build")
                .with_place(path.as_str(), text, word.span.start..word.span.end, "here"));
        }
        let links = ["else", "not", "and", "or", "xor", "in", "not-in", "mod", "//", "++", "=", "=>"]
            .contains(&word.text.as_str())
            || (!word.text.is_empty() && word.text.chars().all(|c| "+-*/<>=!~".contains(c)));
        if !word.quoted && links {
            let count = counts.entry(word.depth).or_default();
            *count += 1;
            if *count > MAX_CHAIN {
                return Err(RecipeError::new("nesting", format!("a statement has more than {MAX_CHAIN} operators"))
                    .with_help("use a list with `each`, `reduce` or `math sum`; a table of cases with `match` or a record")
                    .with_place(path.as_str(), text, word.span.start..word.span.end, "here"));
            }
        }
    }
    Ok(())
}
