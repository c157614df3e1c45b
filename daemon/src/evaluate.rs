//! From targets to packages: recipes are evaluated, and what they came to is registered and remembered.
//!
//! An evaluation is remembered in the store's index by what was asked for, with every recipe file that it read
//! (and the hash of what it read) and every one that it looked for in vain. While all of that is as it was, the
//! same question has the same answer, and no Nushell is started.

use crate::{api::Target, error::Error, profile::Settings, recipes::RecipeRoots};
use nuka_nushell_ext::{self as nu, Evaluator, MissingHashes, Options, RecipeName, RecipePath};
use nuka_pir::{BlobId, Cpu, Meta, Pid, canonical};
use nuka_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where remembered evaluations are in the index.
pub const NAMESPACE: &str = "evaluation";

/// What one question came to, as it is remembered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The packages that were asked for, in the order of the question.
    pub roots: Vec<Pid>,
    /// The check of each package that has one.
    pub checks: BTreeMap<String, Pid>,
    /// Every package: its name, version and recipe.
    pub packages: BTreeMap<String, Evaluated>,
    /// Places of local sources, by source id: the recipe, and the path it gives.
    pub local: BTreeMap<String, Local>,
    /// Recipe files that were read, with their hashes.
    files: BTreeMap<String, BlobId>,
    /// Recipe files that were looked for in vain.
    absent: Vec<String>,
    /// What the author should know.
    pub warnings: Vec<String>,
    /// If an environment was asked for, what belongs to it besides its packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Settings>,
}

impl Answer {
    /// For packages whose recipes nobody asked for.
    pub fn of(pids: &[Pid]) -> Self {
        Self {
            roots: pids.to_vec(),
            checks: BTreeMap::new(),
            packages: BTreeMap::new(),
            local: BTreeMap::new(),
            files: BTreeMap::new(),
            absent: Vec::new(),
            warnings: Vec::new(),
            environment: None,
        }
    }

    /// Takes in what another question came to, behind its own.
    fn join(&mut self, other: Self) {
        self.roots.extend(other.roots);
        self.checks.extend(other.checks);
        self.packages.extend(other.packages);
        self.local.extend(other.local);
        self.warnings.extend(other.warnings);
        self.environment = self.environment.take().or(other.environment);
    }
}

/// One evaluated package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its recipe.
    pub recipe: String,
    /// All versions that its recipe offers.
    pub versions: Vec<String>,
    /// What its recipe tells people of it. Another recipe of the same package may tell something else.
    #[serde(default, skip_serializing_if = "is_silent")]
    pub meta: Meta,
}

fn is_silent(meta: &Meta) -> bool {
    *meta == Meta::default()
}

/// A source that stands beside a recipe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Local {
    /// The recipe.
    recipe: String,
    /// The path, as the recipe gives it.
    pub path: String,
    /// Where the recipe was found: not remembered, as it may be elsewhere another time.
    #[serde(skip)]
    roots: Option<Arc<RecipeRoots>>,
}

impl Local {
    /// The directory that the path is relative to; none if the recipe is part of the program.
    pub fn directory(&self) -> Result<Option<PathBuf>, Error> {
        let unreadable = |source| Error::RecipeFile { path: PathBuf::from(&self.recipe), source };
        self.roots.as_ref().map_or(Ok(None), |roots| roots.directory_of(&self.recipe)).map_err(unreadable)
    }

    /// The recipe's path below its root.
    pub fn recipe(&self) -> &str {
        &self.recipe
    }
}

/// Targets of a question that are looked for in the same roots.
struct Group {
    /// What comes before the roots that everybody has.
    directory: Option<PathBuf>,
    /// Where they stand in the question.
    positions: Vec<usize>,
    targets: Vec<nu::Target>,
}

/// Answers a question, from memory if it can be.
///
/// A recipe named by its file brings its directory as the first root, so that its neighbours are found; but only to itself: what
/// another target of the same question means does not depend on it.
pub fn evaluate(store: &Store, roots: &RecipeRoots, targets: &[Target]) -> Result<Answer, Error> {
    let mut groups: Vec<Group> = Vec::new();
    for (position, target) in targets.iter().enumerate() {
        let (directory, target) = named(roots, target)?;
        match groups.iter_mut().find(|group| group.directory == directory) {
            Some(group) => {
                group.positions.push(position);
                group.targets.push(target);
            }
            None => groups.push(Group { directory, positions: vec![position], targets: vec![target] }),
        }
    }
    let mut whole: Option<Answer> = None;
    let mut positions = Vec::new();
    for Group { directory, positions: places, targets } in groups {
        let roots = roots_from(roots, directory.as_deref())?;
        let mut answer = evaluate_group(store, &roots, &targets)?;
        let roots = Arc::new(roots);
        answer.local.values_mut().for_each(|local| local.roots = Some(Arc::clone(&roots)));
        // One target that is an environment may be several packages: they keep its place.
        let last = places.last().copied().unwrap_or_default();
        positions.extend(places.into_iter().chain(std::iter::repeat(last)).take(answer.roots.len()));
        match &mut whole {
            None => whole = Some(answer),
            Some(whole) => whole.join(answer),
        }
    }
    let mut answer = whole.unwrap_or_else(|| Answer::of(&[]));
    let mut ordered: Vec<_> = positions.into_iter().zip(answer.roots).collect();
    ordered.sort_by_key(|(position, _)| *position);
    answer.roots = ordered.into_iter().map(|(_, pid)| pid).collect();
    Ok(answer)
}

fn evaluate_group(store: &Store, roots: &RecipeRoots, targets: &[nu::Target]) -> Result<Answer, Error> {
    let question = question(targets);
    if let Some(answer) = remembered(store, &question, roots)? {
        return Ok(answer);
    }
    let evaluation = run(roots, targets, MissingHashes::Refuse)?;
    let answer = answer(&evaluation);
    register(store, &evaluation, &question, &answer)?;
    Ok(answer)
}

/// Evaluates without memory, and takes note of missing hashes instead of refusing them.
pub fn for_hashes(roots: &RecipeRoots, target: &Target) -> Result<(RecipeRoots, nu::Evaluation), Error> {
    let (directory, target) = named(roots, target)?;
    let roots = roots_from(roots, directory.as_deref())?;
    let evaluation = run(&roots, &[target], MissingHashes::Collect)?;
    Ok((roots, evaluation))
}

/// Turns what people name into what the evaluator takes, with the directory of a recipe that is named by its file.
fn named(roots: &RecipeRoots, target: &Target) -> Result<(Option<PathBuf>, nu::Target), Error> {
    let (directory, recipe, version) = match target {
        Target::Name { name, version, .. } => (None, RecipeName::Package(name.clone()), version),
        Target::File { path, version, .. } => {
            let (directory, file) = split(path, roots.by_path())?;
            (Some(directory), RecipeName::File(file), version)
        }
    };
    let (version, platform) = (version.clone(), target.platform());
    Ok((directory, nu::Target { recipe, version, platform, cpu: Cpu::GENERIC }))
}

fn roots_from(roots: &RecipeRoots, first: Option<&Path>) -> Result<RecipeRoots, Error> {
    let Some(directory) = first else { return Ok(roots.clone()) };
    roots.with_first(directory).map_err(|source| Error::RecipeFile { path: directory.to_owned(), source })
}

/// A recipe's directory and its file there. A path that is another process's has been followed by that one.
fn split(path: &Path, follow: bool) -> Result<(PathBuf, RecipePath), Error> {
    let unreadable = |source| Error::RecipeFile { path: path.to_owned(), source };
    let path = if follow { fs_err::canonicalize(path).map_err(unreadable)? } else { path.to_owned() };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = RecipePath::new(&name).map_err(|error| Error::RecipeName { error })?;
    Ok((path.parent().unwrap_or(Path::new("/")).to_owned(), file))
}

/// The question as bytes: nuka's version, and each target.
fn question(targets: &[nu::Target]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("nuka evaluation 2");
    let mut field = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    field(env!("CARGO_PKG_VERSION"));
    for target in targets {
        match &target.recipe {
            RecipeName::Package(name) => field(name.as_str()),
            RecipeName::File(path) => field(&format!("/{path}")),
        }
        field(target.version.as_ref().map_or("", |version| version.as_str()));
        field(target.platform.as_str());
        field(target.cpu.as_str());
    }
    hasher.finalize().as_bytes().to_vec()
}

fn remembered(store: &Store, question: &[u8], roots: &RecipeRoots) -> Result<Option<Answer>, Error> {
    let Some(bytes) = store.read()?.value(NAMESPACE, question)? else { return Ok(None) };
    // What cannot be read was written by another version: it is evaluated again and replaced.
    let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) else { return Ok(None) };
    let unreadable = |path: &str| {
        let path = path.into();
        |source| Error::RecipeFile { path, source }
    };
    let roots = roots.open();
    let read = |path: &str| roots.find(path).map_err(unreadable(path));
    for (path, hash) in &answer.files {
        match read(path)? {
            Some((_, bytes)) if BlobId::of(&bytes) == *hash => {}
            _ => return Ok(None),
        }
    }
    for path in &answer.absent {
        if read(path)?.is_some() {
            return Ok(None);
        }
    }
    Ok(Some(answer))
}

fn run(
    roots: &RecipeRoots,
    targets: &[nu::Target],
    missing_hashes: MissingHashes,
) -> Result<nu::Evaluation, Error> {
    let options = Options { missing_hashes, ..Options::default() };
    Ok(Evaluator::new(&roots.open(), options).evaluate(targets).map_err(Box::new)?)
}

fn answer(evaluation: &nu::Evaluation) -> Answer {
    let environment = evaluation.environment.as_ref().map(|environment| Settings {
        variables: environment.variables.clone(),
        files: environment.files.clone(),
        hooks: environment.hooks.clone(),
        ..Settings::default()
    });
    let mut answer = Answer {
        environment,
        roots: evaluation.roots.clone(),
        checks: BTreeMap::new(),
        packages: BTreeMap::new(),
        local: BTreeMap::new(),
        files: evaluation.files_read.iter().map(|(path, hash)| (path.to_string(), *hash)).collect(),
        absent: evaluation.not_found.iter().map(RecipePath::to_string).collect(),
        warnings: evaluation.warnings.iter().map(|warning| warning.message.clone()).collect(),
    };
    for (pid, package) in &evaluation.packages {
        if let Some(check) = package.check {
            answer.checks.insert(pid.to_string(), check);
        }
        let evaluated = Evaluated {
            name: package.pir.name.to_string(),
            version: package.pir.version.to_string(),
            recipe: package.recipe.to_string(),
            versions: package.versions.iter().map(ToString::to_string).collect(),
            meta: package.meta.clone(),
        };
        answer.packages.insert(pid.to_string(), evaluated);
        for (source, path) in &package.local_sources {
            let local = Local { recipe: package.recipe.to_string(), path: path.clone(), roots: None };
            answer.local.insert(source.to_string(), local);
        }
    }
    answer
}

fn register(
    store: &Store,
    evaluation: &nu::Evaluation,
    question: &[u8],
    answer: &Answer,
) -> Result<(), Error> {
    let batch = store.batch();
    let mut metas = Vec::new();
    for (pid, package) in &evaluation.packages {
        if !is_silent(&package.meta) {
            let text = package.meta.to_text().map_err(nuka_pir::PirError::from)?;
            metas.push((*pid, batch.add_blob(text.as_bytes())?));
        }
    }
    let bytes = serde_json::to_vec(answer)
        .map_err(|error| nuka_pir::PirError::from(canonical::CanonicalError::Shape(error.to_string())))?;
    batch.commit(|index| {
        for (pid, package) in &evaluation.packages {
            if !index.has_pir(pid)? {
                index.put_pir(pid, &package.pir.name, &package.pir.version, package.text.as_bytes())?;
            }
        }
        for (pid, meta) in &metas {
            index.put_meta(pid, meta)?;
        }
        index.put_value(NAMESPACE, question, &bytes)?;
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}
