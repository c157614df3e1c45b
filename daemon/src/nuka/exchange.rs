//! Packages from one store to another as files, and the differences of trees.

use super::{Nuka, cancel, care::reference, store::kind};
use crate::{
    api::care::{Imported, Side, TreeDifference},
    clock,
    error::Error,
    event::Observer,
    handed::Handed,
    stream::{Direction, Stream},
};
use nuka_pir::{Cid, Pid};
use nuka_store::{
    Change, Node, diff,
    export::{self, ExportError},
    import::{self, Limits},
};
use std::io::{BufReader, BufWriter};

impl Nuka {
    /// Writes packages, with all that they need when they run, to a file.
    pub fn export_closure(
        &self,
        what: &[String],
        into: &Handed,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let pids: Vec<Pid> = what.iter().map(|what| self.package(what)).collect::<Result<_, _>>()?;
        let failed = |source| Error::File { action: "writing", path: into.shown.clone(), source };
        let stream = into.open().and_then(|file| Stream::new(file, Direction::Writing, cancel(observer)));
        let mut writer = BufWriter::with_capacity(1 << 20, stream.map_err(failed)?);
        match export::closure(&self.store_for(observer)?, &pids, &mut writer) {
            // What could not be written is the person's file, whichever object it was about.
            Err(ExportError::Write { source, .. }) => return Err(failed(source)),
            written => written?,
        }
        let stream = writer.into_inner().map_err(|error| failed(error.into_error()))?;
        stream.sync().map_err(failed)
    }

    /// Takes in what another store has exported. What it says packages became is believed.
    pub fn import_closure(&self, from: &Handed, observer: &dyn Observer) -> Result<Imported, Error> {
        let failed = |source| Error::File { action: "reading", path: from.shown.clone(), source };
        let stream = from.open().and_then(|file| Stream::new(file, Direction::Reading, cancel(observer)));
        let reader = BufReader::with_capacity(1 << 20, stream.map_err(failed)?);
        let imported =
            import::closure(&self.store_for(observer)?, reader, &Limits::default(), clock::now_ms())?;
        let names = self.names_of_packages()?;
        let named = |pid: &Pid| reference(*pid, names.get(pid));
        Ok(Imported {
            packages: imported.packages.iter().map(named).collect(),
            known: imported.known.iter().map(named).collect(),
            new_objects: imported.new_objects as u64,
        })
    }

    /// The paths at which two trees differ.
    pub fn store_diff(
        &self,
        ends: &[String; 2],
        observer: &dyn Observer,
    ) -> Result<Vec<TreeDifference>, Error> {
        let [first, second] = ends;
        let (first, second) = (self.directory_named(first)?, self.directory_named(second)?);
        let side = |node: &Node| Some(Side { kind: kind(node), bytes: node.size() });
        let differences = diff(&self.store_for(observer)?, &first, &second)?.into_iter().map(|difference| {
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
