//! Writing recipes: a first one, and hashes.

use super::Nuka;
use crate::{
    api::{HashChange, Target},
    error::Error,
    evaluate,
    event::{Event, Observer},
    fault::Fault,
    fetch::{self, HashEdit, Local, Spec, update_hashes},
    new_recipe,
    recipes::{Origin as Place, RecipeFile},
};
use nuka_pir::{BlobId, Cid, Origin, PackageName, SourceHash};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A file's hashes, as recipes write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileHashes {
    /// `blake3:` and hex.
    pub blake3: String,
    /// `sha256:` and hex.
    pub sha256: String,
    /// `sha512-` and base64.
    pub sha512: String,
    /// The blob's id in the store.
    pub blob: BlobId,
}

/// Gives the CID that a directory would have in the store.
pub type TreeHash<'a> = &'a dyn Fn(&Path) -> Result<Cid, Box<Fault>>;

impl Nuka {
    /// The text of a first recipe.
    pub fn new_recipe(&self, name: &PackageName, from: Option<&str>) -> Result<String, Error> {
        let resolve = |text: &str| {
            let spec: Spec = text.parse().map_err(|error| Error::Spec { error })?;
            Ok::<_, Error>(self.fetcher()?.resolve(&spec, &fetch::silent)?)
        };
        let resolved = from.map(resolve).transpose()?;
        Ok(new_recipe::first_recipe(name.as_str(), resolved.as_ref()))
    }

    /// Writes into a recipe, and into what it uses of the person's own files, the hashes that are published now.
    /// Without `write`, only says what would change.
    pub fn update_hashes(
        &self,
        target: &Target,
        write: bool,
        observer: &dyn Observer,
        tree_hash: TreeHash<'_>,
    ) -> Result<Vec<HashChange>, Box<Fault>> {
        let (roots, evaluation) = evaluate::for_hashes(&self.roots, target)?;
        let mut edits: BTreeMap<PathBuf, Vec<HashEdit>> = BTreeMap::new();
        let mut changes = Vec::new();
        for fetch in &evaluation.fetches {
            let unreadable = |source| Error::RecipeFile { path: fetch.file.as_str().into(), source };
            // Recipes that are part of the program cannot be written.
            let Some((Place::File(RecipeFile { place: path, .. }), _)) =
                roots.find(fetch.file.as_str()).map_err(unreadable)?
            else {
                continue;
            };
            let source = fetch.origin.to_string();
            observer.event(Event::Fetching { source: source.clone(), done: 0, total: None });
            let new = self.published_hash(&fetch.origin, path.parent(), tree_hash)?;
            observer.event(Event::Fetched { source: source.clone() });
            let old = fetch.hash.as_ref().map(|(hash, _)| *hash);
            if old == Some(new) {
                continue;
            }
            changes.push(HashChange {
                file: path.clone(),
                source,
                old: old.map(|hash| hash.to_string()),
                new: new.to_string(),
            });
            let hash = fetch.hash.as_ref().map(|(_, span)| span.clone());
            edits.entry(path).or_default().push(HashEdit { call: fetch.call.clone(), hash, new });
        }
        if write {
            for (path, edits) in edits {
                let file = |action| move |path: PathBuf, source| Error::File { action, path, source };
                let text = fs_err::read_to_string(&path).map_err(|e| file("reading")(path.clone(), e))?;
                let text = update_hashes(&text, &edits).map_err(|error| Error::Edit { error })?;
                let beside = path.with_extension("nu.new");
                let written = fs_err::write(&beside, text).and_then(|()| fs_err::rename(&beside, &path));
                if let Err(error) = written {
                    let _ = fs_err::remove_file(&beside);
                    return Err(file("writing")(path, error).into());
                }
            }
        }
        Ok(changes)
    }

    /// What is published of an origin; of something beside the recipe, what is there.
    fn published_hash(
        &self,
        origin: &Origin,
        recipe: Option<&Path>,
        tree_hash: TreeHash<'_>,
    ) -> Result<SourceHash, Box<Fault>> {
        let Origin::Path { path } = origin else {
            return Ok(self.fetcher()?.published(origin, &fetch::silent).map_err(Error::from)?);
        };
        match fetch::find_local(path, recipe).map_err(Error::from)? {
            Local::Directory(directory) => Ok(SourceHash::Blake3(*tree_hash(&directory)?.as_bytes())),
            Local::File(hash) => Ok(hash),
        }
    }

    /// A file's hashes.
    pub fn hash(&self, file: &Path) -> Result<FileHashes, Error> {
        let failed = |source| Error::File { action: "reading", path: file.to_owned(), source };
        let [blake3, sha256, sha512] = fetch::hash_file(file).map_err(failed)?;
        let blob = match blake3 {
            SourceHash::Blake3(bytes) => BlobId::from_bytes(bytes),
            SourceHash::Sha256(_) | SourceHash::Sha512(_) => BlobId::of(&[]),
        };
        Ok(FileHashes {
            blake3: blake3.to_string(),
            sha256: sha256.to_string(),
            sha512: sha512.to_string(),
            blob,
        })
    }
}
