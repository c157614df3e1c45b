//! The store: looking into it, and adding to it.

use super::Request;
use crate::{
    api::{Entry, FoundFile, Listed, NameList, NamedTree, StoreInfo, StorePath},
    error::Error,
    event::Observer,
    handed::Handed,
    nuka::Nuka,
};
use nuka_pir::Cid;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Adds a file or directory, durably.
#[derive(Debug, Serialize, Deserialize)]
pub struct Add {
    /// What.
    pub what: Handed,
}

impl Request for Add {
    type Answer = Cid;
    const NAME: &'static str = "add";
    // The daemon reads with its own rights, which are not those of whoever hands a directory over.
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_add(&self.what, observer)
    }

    fn handed(&mut self) -> Vec<&mut Handed> {
        vec![&mut self.what]
    }
}

/// The CID that a directory would have in the store, which does not change.
#[derive(Debug, Serialize, Deserialize)]
pub struct HashTree {
    /// The directory.
    pub what: Handed,
}

impl Request for HashTree {
    type Answer = Cid;
    const NAME: &'static str = "hash-tree";
    // As `add`.
    const FOR_ALL: bool = false;

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.tree_hash(&self.what, observer)
    }

    fn handed(&mut self) -> Vec<&mut Handed> {
        vec![&mut self.what]
    }
}

/// Whether the store can be used, and where it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Check {}

impl Request for Check {
    type Answer = PathBuf;
    const NAME: &'static str = "check";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.check_store()
    }
}

/// The names at the root of a mount of the store; `None` if they are still those of version `since`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Names {
    /// The version that is known.
    pub since: Option<u64>,
}

impl Request for Names {
    type Answer = Option<NameList>;
    const NAME: &'static str = "names";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.names(self.since)
    }
}

/// The tree that a name at the root of a mount stands for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Name {
    /// The name.
    pub name: String,
}

impl Request for Name {
    type Answer = Option<NamedTree>;
    const NAME: &'static str = "name";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.named(&self.name)
    }
}

/// Every realised package.
#[derive(Debug, Serialize, Deserialize)]
pub struct List {}

impl Request for List {
    type Answer = Vec<Listed>;
    const NAME: &'static str = "list";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_list()
    }
}

/// What is in a tree.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ls {
    /// The tree, as people name it.
    pub what: String,
    /// Also what is in its directories.
    pub recursive: bool,
}

impl Request for Ls {
    type Answer = Vec<Entry>;
    const NAME: &'static str = "ls";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_ls(&self.what, self.recursive, observer)
    }
}

/// A file of a tree.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cat {
    /// The file, as people name it.
    pub what: String,
}

impl Request for Cat {
    type Answer = FoundFile;
    const NAME: &'static str = "cat";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_cat(&self.what)
    }

    fn handed_back(answer: &mut Self::Answer) -> Vec<&mut Handed> {
        vec![&mut answer.file]
    }
}

/// Where something is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Find {
    /// It, as people name it.
    pub what: String,
}

impl Request for Find {
    type Answer = StorePath;
    const NAME: &'static str = "path";

    fn answer(self, nuka: &Nuka, _: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_path(&self.what)
    }
}

/// The store in figures.
#[derive(Debug, Serialize, Deserialize)]
pub struct Info {}

impl Request for Info {
    type Answer = StoreInfo;
    const NAME: &'static str = "info";

    fn answer(self, nuka: &Nuka, observer: &dyn Observer) -> Result<Self::Answer, Error> {
        nuka.store_info(observer)
    }
}
