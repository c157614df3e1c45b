//! Putting right what verifying found: nothing is deleted, and what is not whole is made or fetched again.

use super::verify::{Owner, VerifyReport, Wrong};
use crate::{error::StoreError, index::Forget, store::Store, watch::FileChange};
use nuka_pir::{BlobId, BuildId, Pid, SourceId};

/// What was done, and what is left to be made again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Objects that were moved to `damaged/`.
    pub quarantined: Vec<BlobId>,
    /// How many files that are no objects were moved to `damaged/`.
    pub strays: usize,
    /// Packages that are not realised any more: to be built, or fetched.
    pub packages: Vec<Pid>,
    /// Sources that are not known any more: to be fetched.
    pub sources: Vec<SourceId>,
    /// Roots that name trees or blobs that are not whole. They stay: who made them knows where these come from.
    pub roots: Vec<Vec<u8>>,
}

/// Makes the index forget what is not whole, so that it is made again when it is next wanted, and moves damaged objects
/// and stray files to `damaged/`, so that adding the same bytes heals them.
///
/// # Errors
/// Those of the index and of moving. What was not done is found by the next [`verify`](super::verify).
pub fn repair(store: &Store, report: &VerifyReport) -> Result<RepairReport, StoreError> {
    let mut out = RepairReport::default();
    let mut builds: Vec<BuildId> = Vec::new();
    for owner in report.affected() {
        match owner {
            Owner::Package(pid) => out.packages.push(pid),
            Owner::Source(id) => out.sources.push(id),
            Owner::Build(build) => builds.push(build),
            Owner::Root(name) => out.roots.push(name),
        }
    }
    let forget =
        Forget { packages: out.packages.clone(), sources: out.sources.clone(), builds, ..Forget::default() };
    if !forget.is_empty() {
        store.update(|index| index.forget(&forget).map_err(StoreError::Index))?;
    }
    for problem in &report.problems {
        match problem.wrong {
            Wrong::Damaged { .. } => {
                // It is read once more: it may have been healed meanwhile.
                match store.quarantine(&problem.id) {
                    Ok(true) => out.quarantined.push(problem.id),
                    Ok(false) | Err(StoreError::NoObject { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Wrong::Unreadable { .. } => {
                move_away(store, &store.inner().objects.path_of(&problem.id), &problem.id.to_string())?;
                out.quarantined.push(problem.id);
            }
            Wrong::Missing | Wrong::Disagrees { .. } | Wrong::NotADirectory => {}
        }
    }
    for stray in &report.strays {
        let place = store.root().join("damaged");
        // What an earlier repair has moved there stays.
        let free = (0_u64..).map(|number| format!("stray-{number}"));
        let name = free.into_iter().find(|name| place.join(name).symlink_metadata().is_err());
        if move_away(store, stray, &name.unwrap_or_default())? {
            out.strays += 1;
        }
    }
    Ok(out)
}

/// Moves a file to `damaged/`. `false` if it has gone meanwhile.
fn move_away(store: &Store, path: &std::path::Path, name: &str) -> Result<bool, StoreError> {
    let place = store.root().join("damaged");
    let aside = place.join(name);
    let moved = fs_err::create_dir_all(&place)
        .and_then(|()| store.inner().objects.watch().ask(FileChange::Rename(path, &aside)))
        .and_then(|()| fs_err::rename(path, &aside));
    match moved {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("move away", path, error))
        }
        moved => Ok(moved.is_ok()),
    }
}
