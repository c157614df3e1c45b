//! From a source to a tree in the store: what is known is not fetched, what was fetched is kept, what is kept serves
//! every other way of unpacking it.
//!
//! A download becomes a blob beside its tree. The index knows it by its hash (namespace [`KEPT`]: the hash's canonical
//! text to the blob's 32 bytes and where it came from), so that a second `--subdir` of one archive needs no network; its bytes are hashed
//! again before they are used. Local sources are read anew each time, because only reading shows whether they still
//! have the hash that the recipe names.

use super::{
    FetchError, Fetched, Fetcher, Progress,
    digest::{Algorithm, Hasher},
    error::named,
    kept::{self, KEPT},
    local,
};
use crate::{clock, lock};
use nuka_pir::{ArchiveFormat, BlobId, Cid, Origin, Source, SourceHash};
use nuka_store::{
    Batch, EntryName, Node, ObjectReader, SourceRecord, Store, Tree, TreePath,
    import::{self, Extras, ImportOptions, ImportedFiles},
};
use std::{
    io::{Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Bytes read from a download at a time.
const BUFFER: usize = 1 << 18;

impl Fetcher {
    /// Makes sure that a source's tree is in the store, durably, and gives its CID.
    ///
    /// `recipe` is the directory of the recipe, for what is beside it.
    ///
    /// # Errors
    /// Whatever hinders it; nothing is registered then, and no temporary is left but a part that can be resumed.
    pub fn fetch(
        &self,
        store: &Store,
        source: &Source,
        recipe: Option<&Path>,
        progress: &dyn Fn(Progress),
    ) -> Result<Cid, FetchError> {
        let store = &store.until(self.client.cancel.clone());
        let id = source
            .id()
            .map_err(|error| FetchError::Spec { text: named(&source.origin), reason: error.to_string() })?;
        if let Origin::Path { path } = &source.origin {
            let found = local::find(path, recipe)?;
            let batch = store.batch();
            let (tree, files) = import_local(&batch, source, &found, progress)?;
            let record = SourceRecord { tree, download: None, time_ms: clock::now_ms() };
            batch.add_source_record(&id, &record)?;
            batch.commit(|index| {
                files.remember(index)?;
                Ok::<_, FetchError>(index.put_source(&id, &record)?)
            })?;
            return Ok(tree.cid);
        }
        let key = source.hash.to_string();
        // Two sources may be parts of one download: the second finds it in the store, not half removed.
        let locks = kept::locks(&self.config().downloads);
        let waiting = || progress(Progress::Waiting);
        let cancel = || self.client.cancel.is_set();
        let lock = lock::take(&locks, &kept::lock_name(&key), waiting, cancel);
        let _lock = lock.map_err(FetchError::io(&locks))?.ok_or(FetchError::Cancelled)?;
        let kept = {
            let index = store.read()?;
            if let Some(record) = index.source(&id)?
                && store.has(&record.tree.cid.into())?
            {
                return Ok(record.tree.cid);
            }
            index.value(KEPT, key.as_bytes())?
        };
        let batch = store.batch();
        let options = options(source)?;
        let name = super::fetcher::file_name(&source.origin);
        if let Some(blob) = kept_blob(store, kept.as_deref(), &source.hash)? {
            progress(Progress::Known { other: other_origin(kept.as_deref(), &source.origin) });
            let file = store.open_blob(&blob)?;
            let tree = import_file(&batch, source, &name, file, &options, progress)?;
            let record = SourceRecord { tree, download: Some(blob), time_ms: clock::now_ms() };
            batch.add_source_record(&id, &record)?;
            batch.commit(|index| Ok::<_, FetchError>(index.put_source(&id, &record)?))?;
            return Ok(tree.cid);
        }
        let Fetched { path, name } = self.download(source, recipe, progress)?;
        let open = || fs_err::File::open(&path).map(fs_err::File::into_file).map_err(FetchError::io(&path));
        let tree = import_file(&batch, source, &name, open()?, &options, progress)?;
        let (blob, _) = batch.add_reader(&mut open()?)?.map_err(FetchError::io(&path))?;
        let record = SourceRecord { tree, download: Some(blob), time_ms: clock::now_ms() };
        batch.add_source_record(&id, &record)?;
        batch.commit(|index| {
            let mut value = blob.as_bytes().to_vec();
            value.extend_from_slice(named(&source.origin).as_bytes());
            index.put_value(KEPT, key.as_bytes(), &value)?;
            Ok::<_, FetchError>(index.put_source(&id, &record)?)
        })?;
        // The store has it now. What another registry's directory holds is not ours to remove.
        if path.starts_with(&self.config().downloads) {
            kept::remove(&path);
        }
        Ok(tree.cid)
    }

    /// Whether a source needs nothing from the network: its tree, or its download, is here.
    ///
    /// # Errors
    /// Those of the store.
    pub fn is_here(&self, store: &Store, source: &Source) -> Result<bool, FetchError> {
        if matches!(source.origin, Origin::Path { .. }) || self.client.kept(source.hash)?.is_some() {
            return Ok(true);
        }
        let index = store.read()?;
        if let Ok(id) = source.id()
            && let Some(record) = index.source(&id)?
            && store.has(&record.tree.cid.into())?
        {
            return Ok(true);
        }
        let kept = index.value(KEPT, source.hash.to_string().as_bytes())?;
        drop(index);
        Ok(kept_blob(store, kept.as_deref(), &source.hash)?.is_some())
    }
}

/// What a `path` source hashes to: the BLAKE3 of a file, the CID of a directory.
///
/// # Errors
/// [`FetchError::Path`] where it is not beside the recipe; those of reading it.
pub fn local_hash(store: &Store, path: &str, recipe: Option<&Path>) -> Result<SourceHash, FetchError> {
    let found = match find_local(path, recipe)? {
        Local::Directory(found) => found,
        Local::File(hash) => return Ok(hash),
    };
    let batch = store.batch();
    let imported = import::import_directory(&batch, &found, &ImportOptions::default());
    let imported =
        imported.map_err(|source| FetchError::Import { what: path.to_owned(), source: Box::new(source) })?;
    Ok(SourceHash::Blake3(*imported.tree.cid.as_bytes()))
}

/// A source that stands beside a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// A directory, whose hash is its tree's.
    Directory(PathBuf),
    /// A file, with its own hash.
    File(SourceHash),
}

/// Finds a source that stands beside a recipe.
///
/// # Errors
/// As [`local_hash`].
pub fn find_local(path: &str, recipe: Option<&Path>) -> Result<Local, FetchError> {
    let found = local::find(path, recipe)?;
    if found.is_dir() {
        return Ok(Local::Directory(found));
    }
    local::hash(&found, Algorithm::Blake3).map(|(hash, _)| Local::File(hash))
}

/// The blob that an earlier fetch kept, if it is there and still has the hash.
fn kept_blob(
    store: &Store,
    kept: Option<&[u8]>,
    expected: &SourceHash,
) -> Result<Option<BlobId>, FetchError> {
    let Some(blob) = kept.and_then(kept::blob) else { return Ok(None) };
    if !store.has(&blob)? {
        return Ok(None);
    }
    let mut hasher = Hasher::new(Algorithm::of(expected));
    let read = store.open_blob(&blob).map(|mut file| hasher.read(&mut file))?;
    // A damaged one is as good as none: it is fetched again, and the store heals.
    Ok((read.is_ok() && hasher.finish() == *expected).then_some(blob))
}

/// Where a download came from that the store has, if `origin` names another place. A hash alone decides what is used, so a
/// recipe that names a new version and keeps the old one's hash is built from the old one.
fn other_origin(kept: Option<&[u8]>, origin: &Origin) -> Option<String> {
    let (_, from) = kept?.split_first_chunk::<32>()?;
    let from = String::from_utf8_lossy(from).into_owned();
    (!from.is_empty() && from != named(origin)).then_some(from)
}

/// How a source is unpacked. What is not said follows from what it is: a single directory at the top of a source
/// archive is its name and version and is dropped; that of a wheel or of a `.deb` is part of what it installs.
fn options(source: &Source) -> Result<ImportOptions, FetchError> {
    let unpack = &source.unpack;
    let wrong = |text: &str, reason: String| FetchError::Spec { text: text.to_owned(), reason };
    let subdir = unpack
        .subdir
        .as_deref()
        .map(|path| TreePath::parse_loose(path).map_err(|error| wrong(path, error.to_string())));
    let file = super::fetcher::file_name(&source.origin);
    let is_deb = unpack.format == Some(ArchiveFormat::Deb) || file.ends_with(".deb");
    let format = unpack.format.or(is_deb.then_some(ArchiveFormat::Deb));
    let whole = is_deb || file.ends_with(".whl");
    let strip = unpack.strip.or(whole.then_some(0));
    let extras = if unpack.drop_extras { Extras::Drop } else { Extras::Refuse };
    Ok(ImportOptions { format, strip, subdir: subdir.transpose()?, extras, ..ImportOptions::default() })
}

fn import_file(
    batch: &Batch,
    source: &Source,
    name: &str,
    mut file: std::fs::File,
    options: &ImportOptions,
    progress: &dyn Fn(Progress),
) -> Result<Tree, FetchError> {
    progress(Progress::Importing);
    let failed = |source| FetchError::Io { path: name.into(), source };
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    // An address such as https://host/ names no file.
    let name = EntryName::new(name).or_else(|_| EntryName::new("download"));
    let name =
        name.map_err(|error| FetchError::Spec { text: named(&source.origin), reason: error.to_string() })?;
    let reader = std::io::BufReader::with_capacity(BUFFER, file);
    let result = import::import_archive(batch, &name, reader, options);
    result.map_err(|error| FetchError::Import { what: named(&source.origin), source: Box::new(error) })
}

fn import_local(
    batch: &Batch,
    source: &Source,
    path: &Path,
    progress: &dyn Fn(Progress),
) -> Result<(Tree, ImportedFiles), FetchError> {
    let wrong = |got: SourceHash, size: u64| FetchError::WrongHash {
        what: named(&source.origin),
        expected: Box::new(source.hash),
        got: Box::new(got),
        place: path.display().to_string(),
        size,
    };
    if !path.is_dir() {
        let (got, size) = local::hash(path, Algorithm::of(&source.hash))?;
        if got != source.hash {
            return Err(wrong(got, size));
        }
        let file = fs_err::File::open(path).map_err(FetchError::io(path))?.into_file();
        let name = super::fetcher::file_name(&source.origin);
        let tree = import_file(batch, source, &name, file, &options(source)?, progress)?;
        return Ok((tree, ImportedFiles::default()));
    }
    progress(Progress::Importing);
    let imported = import::import_directory(batch, path, &ImportOptions::default());
    let imported = imported
        .map_err(|error| FetchError::Import { what: named(&source.origin), source: Box::new(error) })?;
    let got = SourceHash::Blake3(*imported.tree.cid.as_bytes());
    if got != source.hash {
        return Err(wrong(got, imported.tree.size));
    }
    Ok((below(batch, source, imported.tree)?, imported.files))
}

/// The part of a local directory that `--subdir` names.
fn below(batch: &Batch, source: &Source, tree: Tree) -> Result<Tree, FetchError> {
    let Some(subdir) = options(source)?.subdir else { return Ok(tree) };
    let mut tree = tree;
    for name in subdir.names() {
        match batch.directory(&tree.cid)?.get(name.as_bytes()) {
            Some(Node::Directory { cid, size, count }) => {
                tree = Tree { cid: *cid, size: *size, count: *count }
            }
            _ => {
                let path = source.unpack.subdir.clone().unwrap_or_default();
                return Err(FetchError::Path { path, reason: "there is no such directory in it".to_owned() });
            }
        }
    }
    Ok(tree)
}
