//! Generations as trees of the store.
//!
//! ```text
//! generation = { settings.json, SHARD/ }              a group: see `nuka_store::group`
//! SHARD      = { packages.json, PID/ }                the packages of this shard as a JSON list, by their names
//! PID        = { view/, output-NAME/ }                what must stay for the package to run and to be shown
//! ```
//!
//! The JSON files have the members `format` (1) and `packages` or `settings`. A shard without packages is left out. Equal
//! states are equal trees.

use super::{installed::Installed, name::GenerationNumber, setting::Settings, state::State};
use crate::error::Error;
use nuka_pir::{Cid, Pid};
use nuka_store::{
    Batch, Directory, EntryName, Node, ObjectReader, Root, RootTarget, Store, StoreError, Tree, group,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

/// The version of the format.
const FORMAT: u32 = 1;
const SETTINGS: &str = "settings.json";
const PACKAGES: &str = "packages.json";
const VIEW: &str = "view";

/// By what a generation is kept: a root in the index that is named after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationRoot {
    /// The profile's directory, absolute.
    pub profile: PathBuf,
    /// Its number; none for what a directory's environment is at the moment.
    pub number: Option<GenerationNumber>,
}

impl GenerationRoot {
    /// The root of this name, if it is one of this user's.
    pub fn of_name(name: &[u8], user: u32) -> Option<Self> {
        let rest = |prefix: String| name.strip_prefix(prefix.as_bytes());
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        if let Some(file) = rest(format!("environment {user} ")) {
            return Some(Self { profile: path(file), number: None });
        }
        let rest = rest(format!("generation {user} "))?;
        let (number, profile) = rest.split_at(rest.iter().position(|byte| *byte == b' ')?);
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        Some(Self { profile: path(profile.get(1..)?), number: Some(number) })
    }

    /// Whether a root of this name is another user's; the administrator sees all.
    pub(crate) fn is_of_another(name: &[u8], user: u32) -> bool {
        let ours = [b"generation ".as_slice(), b"environment "].iter().any(|kind| name.starts_with(kind));
        user != 0 && ours && Self::of_name(name, user).is_none()
    }

    /// The root's name: `generation USER NUMBER PATH`, or `environment USER PATH`. No user can name another's.
    pub(crate) fn name(&self, user: u32) -> Vec<u8> {
        let head = match self.number {
            Some(number) => format!("generation {user} {number} "),
            None => format!("environment {user} "),
        };
        [head.as_bytes(), self.profile.as_os_str().as_bytes()].concat()
    }
}

#[derive(Serialize, Deserialize)]
struct SettingsFile {
    format: u32,
    settings: Settings,
}

#[derive(Serialize, Deserialize)]
struct PackagesFile {
    format: u32,
    packages: Vec<Installed>,
}

/// Reads a generation.
///
/// # Errors
/// [`Error::Store`] if part of it is missing or damaged, [`Error::Generation`] if it is none, or one of another version.
pub fn load(objects: &impl ObjectReader, tree: &Cid) -> Result<State, Error> {
    load_beside(objects, tree, None)
}

/// The same beside another generation that is in memory: what both have in common is not read again.
pub(super) fn load_beside(
    objects: &impl ObjectReader,
    tree: &Cid,
    known: Option<(&Cid, &State)>,
) -> Result<State, Error> {
    let known = known.map(|(tree, state)| Known::new(objects, tree, state)).transpose()?;
    let mut state = State::default();
    for (name, node) in objects.directory(tree)?.entries() {
        match node {
            Node::File { .. } if name.as_bytes() == SETTINGS.as_bytes() => {
                let file: SettingsFile = json(objects, tree, node)?;
                check(tree, file.format)?;
                state.settings = file.settings;
            }
            Node::Directory { cid, .. } => {
                let packages = match known.as_ref().and_then(|known| known.shards.get(cid)) {
                    Some(packages) => packages.iter().copied().cloned().collect(),
                    None => shard(objects, tree, cid)?,
                };
                state
                    .packages
                    .extend(packages.into_iter().map(|package| (package.name().to_owned(), package)));
            }
            _ => {}
        }
    }
    Ok(state)
}

/// The shards of a generation that is in memory.
struct Known<'s> {
    shards: BTreeMap<Cid, Vec<&'s Installed>>,
}

impl<'s> Known<'s> {
    fn new(objects: &impl ObjectReader, tree: &Cid, state: &'s State) -> Result<Self, Error> {
        let mut by_name: BTreeMap<String, Vec<&Installed>> = BTreeMap::new();
        for package in state.packages.values() {
            by_name.entry(group::shard(&package.package.pid)).or_default().push(package);
        }
        let mut shards = BTreeMap::new();
        for (name, node) in objects.directory(tree)?.entries() {
            if let Node::Directory { cid, .. } = node
                && let Some(packages) =
                    std::str::from_utf8(name.as_bytes()).ok().and_then(|name| by_name.remove(name))
            {
                shards.insert(*cid, packages);
            }
        }
        Ok(Self { shards })
    }
}

fn shard(objects: &impl ObjectReader, tree: &Cid, shard: &Cid) -> Result<Vec<Installed>, Error> {
    let directory = objects.directory(shard)?;
    let Some(node) = directory.get(PACKAGES.as_bytes()) else { return Ok(Vec::new()) };
    let file: PackagesFile = json(objects, tree, node)?;
    check(tree, file.format)?;
    Ok(file.packages)
}

fn json<T: DeserializeOwned>(objects: &impl ObjectReader, tree: &Cid, node: &Node) -> Result<T, Error> {
    let broken = |reason: String| Error::Generation { tree: *tree, reason };
    let Node::File { blob, .. } = node else { return Err(broken("a file of it is none".to_owned())) };
    serde_json::from_slice(&objects.read_blob(blob)?).map_err(|error| broken(error.to_string()))
}

fn check(tree: &Cid, format: u32) -> Result<(), Error> {
    match format {
        FORMAT => Ok(()),
        other => {
            Err(Error::Generation { tree: *tree, reason: format!("its format is {other}, not {FORMAT}") })
        }
    }
}

/// Stores the generation that `base` becomes when packages of these ids go, those of `put` come (each in place of one of its
/// name), and these are the settings; durably, with its root.
pub(crate) fn keep(
    store: &Store,
    base: Option<&Cid>,
    remove: &[Pid],
    put: Vec<Installed>,
    settings: Settings,
    root: (&[u8], u64),
) -> Result<Cid, Error> {
    let batch = store.batch();
    let mut shards: BTreeMap<String, Tree> = BTreeMap::new();
    if let Some(base) = base {
        for (name, node) in store.directory(base)?.entries() {
            if let Node::Directory { cid, size, count } = node {
                let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
                shards.insert(name, Tree { cid: *cid, size: *size, count: *count });
            }
        }
    }
    let mut new: BTreeMap<String, Vec<Installed>> = BTreeMap::new();
    for pid in remove {
        new.entry(group::shard(pid)).or_default();
    }
    for package in put {
        new.entry(group::shard(&package.package.pid)).or_default().push(package);
    }
    let gone: BTreeSet<&Pid> = remove.iter().collect();
    for (name, put) in new {
        let mut packages: BTreeMap<String, Installed> = BTreeMap::new();
        if let (Some(old), Some(base)) = (shards.get(&name), base) {
            let old = shard(store, base, &old.cid)?;
            let stay = old.into_iter().filter(|package| !gone.contains(&package.package.pid));
            packages.extend(stay.map(|package| (package.name().to_owned(), package)));
        }
        packages.extend(put.into_iter().map(|package| (package.name().to_owned(), package)));
        match packages.is_empty() {
            true => drop(shards.remove(&name)),
            false => drop(shards.insert(name, store_shard(&batch, packages.into_values().collect())?)),
        }
    }
    let settings = file(&batch, &SettingsFile { format: FORMAT, settings })?;
    let mut entries = vec![(entry(SETTINGS)?, settings)];
    for (name, tree) in shards {
        entries.push((entry(&name)?, tree.node()));
    }
    let tree = directory(&batch, entries)?;
    let (name, time_ms) = root;
    let root = Root { target: RootTarget::Group(tree.cid), time_ms };
    batch.commit(|index| Ok::<_, StoreError>(index.put_root(name, &root)?))?;
    Ok(tree.cid)
}

fn store_shard(batch: &Batch, packages: Vec<Installed>) -> Result<Tree, Error> {
    let mut entries = Vec::new();
    for package in &packages {
        let mut trees = vec![(entry(VIEW)?, stored(batch, &package.view)?)];
        for (name, cid) in &package.outputs {
            trees.push((entry(&format!("output-{name}"))?, stored(batch, cid)?));
        }
        entries.push((entry(&package.package.pid.to_string())?, directory(batch, trees)?.node()));
    }
    entries.push((entry(PACKAGES)?, file(batch, &PackagesFile { format: FORMAT, packages })?));
    directory(batch, entries)
}

/// A tree that is in the store, as an entry of another.
fn stored(batch: &Batch, cid: &Cid) -> Result<Node, Error> {
    let directory = batch.directory(cid)?;
    Ok(Node::Directory { cid: *cid, size: directory.size(), count: directory.count() })
}

fn file(batch: &Batch, value: &impl Serialize) -> Result<Node, Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::Data(error.to_string()))?;
    Ok(Node::File { blob: batch.add_blob(&bytes)?, size: bytes.len() as u64, executable: false })
}

fn directory(batch: &Batch, entries: Vec<(EntryName, Node)>) -> Result<Tree, Error> {
    let directory = Directory::new(entries).map_err(|error| Error::Data(error.to_string()))?;
    Ok(batch.add_directory(&directory)?)
}

fn entry(name: &str) -> Result<EntryName, Error> {
    EntryName::new(name.as_bytes()).map_err(|error| Error::SourceName { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_found_again_by_their_names() {
        for number in [None, "7".parse().ok()] {
            let root = GenerationRoot { profile: "/home/a b/nuka".into(), number };
            assert_eq!(GenerationRoot::of_name(&root.name(5), 5), Some(root.clone()));
            assert_eq!(GenerationRoot::of_name(&root.name(5), 6), None, "another user's");
        }
        for other in ["", "lua", "generation 5", "generation 5 x /p", "generation 5 0 /p", "generation 5 7"] {
            assert_eq!(GenerationRoot::of_name(other.as_bytes(), 5), None, "{other}");
        }
    }
}
