//! `nuka build --publish FILE`: the CIDs that a version of nuka promises for its recipes.

use crate::{daemon::Outcome, error::Error};
use fs_err as fs;
use nuka_daemon::published::{self, Published};
use std::{io, path::Path};

/// Writes the outcomes' CIDs into a file of published CIDs, beside those that it has.
pub fn publish(file: &Path, outcomes: &[Outcome]) -> Result<(), Error> {
    let damaged = |error| Error::file("read", file)(io::Error::new(io::ErrorKind::InvalidData, error));
    let mut published = match fs::read_to_string(file) {
        Ok(text) => published::parse(&text).map_err(damaged)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Published::new(),
        Err(error) => return Err(Error::file("read", file)(error)),
    };
    for outcome in outcomes {
        if let Some((_, cid)) = outcome.outputs.iter().find(|(name, _)| name == "out") {
            published.insert(published::key(&outcome.package.name, &outcome.package.version), *cid);
        }
    }
    let text = published::to_text(&published).map_err(damaged)?;
    fs::write(file, text).map_err(Error::file("write", file))
}
