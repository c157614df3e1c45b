//! Packages to go: a directory, or a tar of it, from which programs start on a machine that has only the nuka binary.
//!
//! ```text
//! bin/PROGRAM                 a script that starts nuka, which must be on PATH, with what follows
//! nuka/launch/PROGRAM         the launcher
//! nuka/store/objects/ab/...   every object that the programs read
//! environment.sh              of an environment: its variables and hooks, for who says in `NUKA_FILES` where `files/` is
//! files/...                   of an environment: its files
//! ```
//!
//! Equal packages give equal bundles, to the byte.

use super::{installed::Installed, script, setting::Settings};
use crate::{
    api::Grants,
    error::Error,
    launcher::{Launcher, VERB},
};
use nuka_pir::BlobId;
use nuka_store::{Node, ObjectReader, walk};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The first second that every tar reader understands as a time: SOURCE_DATE_EPOCH's usual least value.
const TIME: u64 = 315_532_800;

/// Where a bundle goes.
pub trait Sink {
    /// Puts a file there. Paths come in an order in which no file is another's directory.
    ///
    /// # Errors
    /// The disk's.
    fn file(&mut self, path: &str, mode: u32, length: u64, bytes: &mut dyn Read) -> io::Result<()>;
}

/// A directory that is empty or not there.
pub struct DirectorySink(pub PathBuf);

impl Sink for DirectorySink {
    fn file(&mut self, path: &str, mode: u32, _: u64, bytes: &mut dyn Read) -> io::Result<()> {
        let at = self.0.join(path);
        if let Some(parent) = at.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&at)?;
        io::copy(bytes, &mut file).map(drop)
    }
}

/// A tar.
pub struct TarSink<W: Write>(tar::Builder<W>);

impl<W: Write> TarSink<W> {
    /// One that goes there.
    pub fn new(out: W) -> Self {
        Self(tar::Builder::new(out))
    }

    /// Ends it.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner()
    }
}

impl<W: Write> Sink for TarSink<W> {
    fn file(&mut self, path: &str, mode: u32, length: u64, bytes: &mut dyn Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(mode);
        header.set_mtime(TIME);
        header.set_entry_type(tar::EntryType::Regular);
        self.0.append_data(&mut header, path, bytes)
    }
}

/// Puts packages, and what belongs to their environment, there.
///
/// # Errors
/// The store's, [`Error::TwoPrograms`], and the disk's as [`Error::File`] of `place`.
pub fn bundle(
    objects: &impl ObjectReader,
    packages: &[Installed],
    settings: &Settings,
    place: &Path,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let failed = |source| Error::File { action: "writing to", path: place.to_owned(), source };
    let mut put = |path: &str, mode: u32, text: &str| {
        sink.file(path, mode, text.len() as u64, &mut text.as_bytes()).map_err(failed)
    };
    let mut programs: BTreeMap<&str, &Installed> = BTreeMap::new();
    let mut wanted: BTreeSet<BlobId> = BTreeSet::new();
    for package in packages {
        for prepared in &package.programs {
            if let Some(other) = programs.insert(&prepared.program, package) {
                let packages = [other, package].map(|package| package.name().to_owned());
                return Err(Error::TwoPrograms { program: prepared.program.clone(), packages });
            }
            let beside = (!settings.files.is_empty()).then(|| "../../files".to_owned());
            let launcher = Launcher {
                prepared: prepared.clone(),
                grants: Grants::default(),
                env: settings.variables.keys().cloned().collect(),
                beside,
            };
            let head = format!("#!/usr/bin/env -S nuka {VERB}");
            let text = launcher.text(&head).map_err(|error| Error::Data(error.to_string()))?;
            put(&format!("bin/{}", prepared.program), 0o755, &start(&prepared.program, settings))?;
            put(&format!("nuka/launch/{}", prepared.program), 0o644, &text)?;
        }
        collect(objects, package, &mut wanted)?;
    }
    if *settings != Settings::default() {
        put("environment.sh", 0o644, &script::sh(settings))?;
    }
    for (path, text) in &settings.files {
        put(&format!("files/{path}"), 0o644, text)?;
    }
    for id in wanted {
        let length = objects.blob_size(&id)?.ok_or(nuka_store::StoreError::NoObject { id })?;
        let mut file: File = objects.open_blob(&id)?;
        let text = id.to_string();
        let (shard, rest) = text.split_at(2);
        let path = format!("nuka/store/objects/{shard}/{rest}");
        sink.file(&path, 0o444, length, &mut file).map_err(failed)?;
    }
    Ok(())
}

/// Every object of the package's view.
fn collect(
    objects: &impl ObjectReader,
    package: &Installed,
    wanted: &mut BTreeSet<BlobId>,
) -> Result<(), Error> {
    wanted.insert(package.view.into());
    for visit in walk(objects, &package.view) {
        match visit?.node {
            Node::File { blob, .. } => drop(wanted.insert(blob)),
            Node::Directory { cid, .. } => drop(wanted.insert(cid.into())),
            Node::Symlink { .. } => {}
        }
    }
    Ok(())
}

/// The script that starts a program, from wherever it is and however it is linked to.
fn start(program: &str, settings: &Settings) -> String {
    let variables = match script::sh_variables(settings) {
        none if none.is_empty() => none,
        variables => format!("NUKA_FILES=\"$here/files\"\n{variables}"),
    };
    format!(
        "\
#!/bin/sh
# Starts {program} with nuka, which has to be on PATH.
here=$(CDPATH= cd -- \"$(dirname -- \"$(readlink -f -- \"$0\")\")/..\" && pwd) || exit 125
{variables}NUKA_STORE=\"$here/nuka/store\" exec nuka {VERB} \"$here/nuka/launch/{program}\" \"$@\"
"
    )
}
