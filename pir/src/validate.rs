//! The rules of a PIR that its types alone do not keep.

use crate::{
    Argument, Items, Language, Pir, Platform, ProgramName, Run, Stdin, Stdout, Step, Template,
    package::PIR_FORMAT, step::Glob, text,
};

/// Most `for-each` that may stand inside one another.
pub const MAX_NESTING: usize = 8;

/// Which rule a PIR breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Written by another version of nuka.
    #[error("this PIR has format {found}; this nuka reads format {PIR_FORMAT}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// A program that could corrupt memory would run with nothing around it.
    #[error(
        "{} is not memory-safe, so it may not target `{target}`: its programs would run with nothing around them. \
         Use a wasm target such as `{}`", language.name(), Platform::WASM
    )]
    UnsafeNative {
        /// The package's language.
        language: Language,
        /// The native target.
        target: Platform,
    },
    /// Not `/usr`, and not right below `/usr/lib`.
    #[error("the prefix `{}` is neither /usr nor /usr/lib/<name>", path.escape_debug())]
    Prefix {
        /// The path as given.
        path: String,
    },
    /// A template that is not in normal form, or that uses an item which is not in scope.
    #[error("in a `{verb}` step: a text uses the item of a for-each that it does not stand in")]
    Scope {
        /// The step.
        verb: &'static str,
    },
    /// `for-each` and `parallel` nested too deeply.
    #[error("steps are nested more than {MAX_NESTING} deep")]
    Nesting,
    /// A PID or store path in a step: it would tie the build to names instead of contents.
    #[error(
        "in a `{verb}` step: `{text}` looks like a store path. Use `$p.<name>.path`, which stays the same while \
         the content does"
    )]
    StorePath {
        /// The step.
        verb: &'static str,
        /// The text.
        text: String,
    },
    /// A run without a program, a glob without a pattern, an install of nothing.
    #[error("a `{verb}` step has nothing to work on")]
    Empty {
        /// The step.
        verb: &'static str,
    },
    /// A NUL byte, which no argument, path or variable can hold.
    #[error("in {place}: a text has a NUL byte")]
    Nul {
        /// Where.
        place: String,
    },
    /// Characters that could hide or fake what people are shown.
    #[error("in {place}: {error}")]
    Hidden {
        /// Where.
        place: String,
        /// Which.
        error: crate::TextError,
    },
    /// A path that is absolute, empty or climbs out.
    #[error("in {place}: `{}` must be a relative path without `..`", path.escape_debug())]
    Path {
        /// Where.
        place: String,
        /// The path as given.
        path: String,
    },
    /// An environment variable's name that no program could read.
    #[error("`{}` is not a name of an environment variable", name.escape_debug())]
    Variable {
        /// The name as given.
        name: String,
    },
    /// The same input name means two packages, so `/nuka/in/<name>` would be ambiguous.
    #[error("`{name}` is among both tools and packages but means two packages")]
    Ambiguous {
        /// The name.
        name: String,
    },
    /// A list that must be sorted, unique and not empty is not.
    #[error("{place} must be sorted, without repetition, and not empty")]
    Unsorted {
        /// Which list.
        place: String,
    },
    /// A limit of zero, or more memory than the target can address.
    #[error("the limit {name} = {value} is out of range")]
    Limit {
        /// Which limit.
        name: &'static str,
        /// What it was set to.
        value: u32,
    },
    /// A source called like a directory that builds already have.
    #[error("a source cannot be called `out`")]
    SourceName,
}

/// Checks a whole PIR.
pub(crate) fn pir(pir: &Pir) -> Result<(), Invalid> {
    if pir.pir != PIR_FORMAT {
        return Err(Invalid::Format { found: pir.pir });
    }
    let build = &pir.build;
    if build.target.is_native() && !pir.run.language.is_memory_safe() {
        return Err(Invalid::UnsafeNative { language: pir.run.language, target: build.target });
    }
    if !build.prefix.is_valid() {
        return Err(Invalid::Prefix { path: build.prefix.as_str().to_owned() });
    }
    for (name, value, most) in [
        ("memory_mib", build.limits.memory_mib, 65_536),
        ("seconds", build.limits.seconds, 86_400 * 7),
        ("tree_mib", build.limits.tree_mib, u32::MAX),
    ] {
        if value == 0 || value > most {
            return Err(Invalid::Limit { name, value });
        }
    }
    for name in build.sources.keys() {
        if name.as_str() == "out" {
            return Err(Invalid::SourceName);
        }
    }
    for source in build.sources.values() {
        for (what, value) in source.origin.texts() {
            text::check_text(value)
                .map_err(|error| Invalid::Hidden { place: format!("a source's {what}"), error })?;
        }
        if let Some(subdir) = &source.unpack.subdir {
            relative(|| "a source's subdir".to_owned(), subdir)?;
        }
    }
    for (name, input) in &build.tools {
        if build.packages.get(name).is_some_and(|other| other != input) {
            return Err(Invalid::Ambiguous { name: name.to_string() });
        }
    }
    for (name, input) in pir.references() {
        sorted(|| format!("the outputs of `{name}`"), &input.outputs)?;
    }
    for (name, value) in &build.env {
        variable(name)?;
        no_nul(|| format!("`{name}`"), value)?;
    }
    for rule in &build.outputs {
        for glob in &rule.globs {
            relative(|| format!("the output `{}`", rule.name), glob)?;
        }
    }
    steps(&build.steps, 0, 0)?;
    run(&pir.run)
}

fn run(run: &Run) -> Result<(), Invalid> {
    sorted(|| "`platforms`".to_owned(), &run.platforms)?;
    for (name, program) in &run.programs {
        let place = |name: &ProgramName| format!("the program `{name}`");
        relative(|| place(name), &program.path)?;
        for argument in &program.args {
            no_nul(|| place(name), argument)?;
        }
        for (key, value) in &program.env {
            variable(key)?;
            no_nul(|| place(name), value)?;
        }
    }
    for name in &run.permissions.env {
        variable(name)?;
    }
    if run.permissions.env.is_empty() {
        return Ok(());
    }
    sorted(|| "the permitted variables".to_owned(), &run.permissions.env)
}

/// Checks steps, also those that a build wrote for `steps-from`, which have no items in scope.
pub(crate) fn steps(steps: &[Step], scope: usize, depth: usize) -> Result<(), Invalid> {
    if depth > MAX_NESTING {
        return Err(Invalid::Nesting);
    }
    steps.iter().try_for_each(|each| step(each, scope, depth))
}

fn step(step: &Step, scope: usize, depth: usize) -> Result<(), Invalid> {
    let verb = step.verb();
    let check = |template: &Template| text_in_step(verb, template, scope);
    let arguments = |arguments: &[Argument]| {
        if arguments.is_empty() {
            return Err(Invalid::Empty { verb });
        }
        arguments.iter().try_for_each(|argument| match argument {
            Argument::Text(template) => check(template),
            Argument::Glob(glob) => glob_in_step(verb, glob, scope),
        })
    };
    match step {
        Step::Run(run) => {
            arguments(&run.command)?;
            for (name, value) in &run.env {
                variable(name)?;
                check(value)?;
            }
            let stdin = run.stdin.iter().map(|(Stdin::Text(t) | Stdin::File(t))| t);
            let stdout =
                run.stdout.iter().map(|(Stdout::Save(t) | Stdout::Expect(t) | Stdout::Contains(t))| t);
            run.directory.iter().chain(stdin).chain(stdout).try_for_each(check)
        }
        Step::ForEach { over, steps: inner } => {
            match over {
                Items::List(items) => items.iter().try_for_each(|item| check(&Template::literal(item)))?,
                Items::Glob(glob) => glob_in_step(verb, glob, scope)?,
            }
            steps(inner, scope + 1, depth + 1)
        }
        Step::Parallel(branches) => branches.iter().try_for_each(|branch| steps(branch, scope, depth + 1)),
        Step::Write { path, text, .. } => check(path).and_then(|()| check(text)),
        Step::Unpack { archive, to } => check(archive).and_then(|()| check(to)),
        Step::MakeDirectory(path) | Step::StepsFrom(path) => check(path),
        Step::Copy { from, to } | Step::Move { from, to } | Step::Install { from, to, .. } => {
            arguments(from).and_then(|()| check(to))
        }
        Step::Remove(paths) => arguments(paths),
        Step::Symlink { path, target } => check(path).and_then(|()| check(target)),
        Step::Substitute { path, replacements } => {
            check(path)?;
            replacements.iter().try_for_each(|(from, to)| check(from).and_then(|()| check(to)))
        }
    }
}

fn glob_in_step(verb: &'static str, glob: &Glob, scope: usize) -> Result<(), Invalid> {
    if glob.glob.is_empty() {
        return Err(Invalid::Empty { verb });
    }
    glob.glob.iter().chain(&glob.except).try_for_each(|pattern| text_in_step(verb, pattern, scope))
}

fn text_in_step(verb: &'static str, template: &Template, scope: usize) -> Result<(), Invalid> {
    if !template.is_normal(scope) {
        return Err(Invalid::Scope { verb });
    }
    for literal in template.literals() {
        no_nul(|| format!("a `{verb}` step"), literal)?;
        if literal.contains("/nuka/store/") {
            return Err(Invalid::StorePath { verb, text: literal.chars().take(120).collect() });
        }
    }
    Ok(())
}

fn variable(name: &str) -> Result<(), Invalid> {
    let mut bytes = name.bytes();
    let good = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if good { Ok(()) } else { Err(Invalid::Variable { name: name.to_owned() }) }
}

fn no_nul(place: impl Fn() -> String, text: &str) -> Result<(), Invalid> {
    if text.contains('\0') { Err(Invalid::Nul { place: place() }) } else { Ok(()) }
}

fn relative(place: impl Fn() -> String, path: &str) -> Result<(), Invalid> {
    text::check_text(path).map_err(|error| Invalid::Hidden { place: place(), error })?;
    let climbs = path.split('/').any(|component| component == ".." || component == ".");
    if path.is_empty() || path.starts_with('/') || climbs {
        return Err(Invalid::Path { place: place(), path: path.to_owned() });
    }
    Ok(())
}

fn sorted<T: Ord>(place: impl Fn() -> String, list: &[T]) -> Result<(), Invalid> {
    let strictly = list.is_sorted_by(|a, b| a < b);
    if strictly && !list.is_empty() { Ok(()) } else { Err(Invalid::Unsorted { place: place() }) }
}
