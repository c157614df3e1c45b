//! Packages from one store to another as files, and the differences of trees.

use super::{Nuka, care::reference, store::kind};
use crate::{
    api::care::{Imported, TreeDifference},
    clock,
    error::Error,
    handed::Handed,
};
use nuka_pir::{Cid, Pid};
use nuka_store::{
    Change, Node, diff, export,
    import::{self, Limits},
};
use std::io::{BufReader, BufWriter, Write as _};

impl Nuka {
    /// Writes packages, with all that they need when they run, to a file.
    pub fn export_closure(&self, what: &[String], into: &Handed) -> Result<(), Error> {
        let pids: Vec<Pid> = what.iter().map(|what| self.package(what)).collect::<Result<_, _>>()?;
        let failed = |source| Error::File { action: "writing", path: into.shown.clone(), source };
        let file = into.open().map_err(failed)?;
        let mut writer = BufWriter::with_capacity(1 << 20, &file);
        export::closure(self.store()?, &pids, &mut writer)?;
        writer.flush().map_err(failed)?;
        drop(writer);
        // A pipe cannot be synced and need not be.
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => file.sync_all().map_err(failed),
            _ => Ok(()),
        }
    }

    /// Takes in what another store has exported. What it says packages became is believed.
    pub fn import_closure(&self, from: &Handed) -> Result<Imported, Error> {
        let failed = |source| Error::File { action: "reading", path: from.shown.clone(), source };
        let file = BufReader::with_capacity(1 << 20, from.open().map_err(failed)?);
        let imported = import::closure(self.store()?, file, &Limits::default(), clock::now_ms())?;
        let names = self.names_of_packages()?;
        let named = |pid: &Pid| reference(*pid, names.get(pid));
        Ok(Imported {
            packages: imported.packages.iter().map(named).collect(),
            known: imported.known.iter().map(named).collect(),
            new_objects: imported.new_objects as u64,
        })
    }

    /// The paths at which two trees differ.
    pub fn store_diff(&self, ends: &[String; 2]) -> Result<Vec<TreeDifference>, Error> {
        let [first, second] = ends;
        let (first, second) = (self.directory_named(first)?, self.directory_named(second)?);
        let side = |node: &Node| Some((kind(node), node.size()));
        let differences = diff(self.store()?, &first, &second)?.into_iter().map(|difference| {
            let (before, after) = match &difference.change {
                Change::Added(node) => (None, side(node)),
                Change::Removed(node) => (side(node), None),
                Change::Changed { before, after } => (side(before), side(after)),
            };
            TreeDifference { path: difference.path.to_string(), before, after }
        });
        Ok(differences.collect())
    }

    fn directory_named(&self, what: &str) -> Result<Cid, Error> {
        match self.find(what)?.node {
            Node::Directory { cid, .. } => Ok(cid),
            _ => Err(Error::WrongKind { what: what.to_owned(), wanted: "a directory" }),
        }
    }

    /// The package that a text names.
    fn package(&self, what: &str) -> Result<Pid, Error> {
        let found = self.find(what)?;
        let wrong = || Error::WrongKind { what: what.to_owned(), wanted: "a package" };
        found.package.filter(|_| found.below.is_empty()).ok_or_else(wrong)
    }
}
