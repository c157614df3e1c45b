//! A generation as programs and shells see it: a directory of launchers, and what the session looks for.
//!
//! ```text
//! bin/PROGRAM             a launcher, a hard link to one in the profile's `launchers/`
//! share/...               symlinks to objects: manual pages, completions, desktop entries, icons
//! files/...               files of the environment
//! environment.sh, .fish   the environment's variables and hooks, to be sourced
//! environment.json        the same as data: {"variables": {...}, "hooks": {...}}
//! ```

use super::{
    change::ProfileError,
    files::{Current, Disk, ProfileDirectory},
    name::GenerationNumber,
    state::State,
};
use crate::launcher::{self, Launcher};
use nuka_pir::BlobId;
use nuka_store::{ObjectReader as _, Objects};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

/// Where an environment's files are.
const FILES: &str = "files";

type Result<T> = std::result::Result<T, ProfileError>;

/// Makes the directory of a generation and gives its name in `live/`. It is durable. `nuka` is what launchers start.
pub fn make(
    directory: &ProfileDirectory,
    current: Option<&Current>,
    number: GenerationNumber,
    state: &State,
    objects: &Objects,
    nuka: &Path,
) -> Result<String> {
    let name = free_name(current, number);
    let place = directory.live().join(&name);
    let disk = &directory.disk;
    let failed = ProfileError::file("write", &place);
    // What a cut attempt left.
    let written = disk.remove(&place).and_then(|()| {
        let bin = place.join("bin");
        disk.directory(&bin)?;
        launchers(disk, directory, state, nuka, &bin)?;
        shared(disk, state, objects, &place.join("share"))?;
        environment(disk, state, &place, &directory.current_path().join(FILES))
    });
    written.map_err(failed)?;
    directory.sync()?;
    Ok(name)
}

/// The generation's number; with an addition if the directory of that name is the one that counts.
fn free_name(current: Option<&Current>, number: GenerationNumber) -> String {
    let plain = number.to_string();
    match current {
        Some(current) if current.live == plain => format!("{plain}.1"),
        _ => plain,
    }
}

fn launchers(
    disk: &Disk,
    directory: &ProfileDirectory,
    state: &State,
    nuka: &Path,
    bin: &Path,
) -> io::Result<()> {
    let head = launcher::head(nuka);
    let all = state.settings.permit(&directory.current_path().join(FILES));
    let pool = directory.launchers();
    // What several packages have was decided before.
    let programs = state.programs().map_err(|conflict| io::Error::other(conflict.program))?;
    for (name, (_, prepared)) in programs {
        let permit = all.clone().and(state.settings.permits.get(name).cloned().unwrap_or_default());
        let launcher = Launcher {
            prepared: prepared.clone(),
            grants: permit.grants(),
            env: permit.env.clone(),
            beside: None,
        };
        let text = launcher.text(&head).map_err(io::Error::other)?;
        let pooled = pool.join(BlobId::of(text.as_bytes()).to_string());
        let at = bin.join(name);
        // One that is cut short is of another length. One with too many names gets a twin.
        let whole = std::fs::symlink_metadata(&pooled).is_ok_and(|there| there.len() == text.len() as u64);
        if !whole || disk.link(&pooled, &at).is_err() {
            disk.remove(&pooled)?;
            disk.file(&pooled, text.as_bytes(), 0o555)?;
            disk.link(&pooled, &at)?;
        }
    }
    Ok(())
}

fn shared(disk: &Disk, state: &State, objects: &Objects, share: &Path) -> io::Result<()> {
    let mut made = BTreeSet::new();
    for (path, blob) in state.files() {
        let at = share.join(path);
        let parent = at.parent().unwrap_or(share);
        let directory = match made.contains(parent) {
            true => Ok(()),
            false => disk.directory(parent),
        };
        let linked = directory.and_then(|()| {
            made.insert(parent.to_owned());
            disk.symlink(&objects.blob_path(blob), &at)
        });
        match linked {
            // One package has a file where another has a directory: the first one stays.
            Err(error) if in_the_way(&error) => {}
            other => other?,
        }
    }
    Ok(())
}

fn in_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory)
}

fn environment(disk: &Disk, state: &State, place: &Path, files: &Path) -> io::Result<()> {
    let settings = &state.settings.with_files_at(files);
    for (path, text) in &settings.files {
        let at = place.join(FILES).join(path);
        disk.directory(at.parent().unwrap_or(place))?;
        disk.file(&at, text.as_bytes(), 0o444)?;
    }
    for (name, text) in [
        ("environment.sh", super::script::sh(settings)),
        ("environment.fish", super::script::fish(settings)),
        ("environment.json", super::script::json(settings)),
    ] {
        disk.file(&place.join(name), text.as_bytes(), 0o444)?;
    }
    Ok(())
}

/// Removes what no shell looks into any more: all but what counts and what counted before.
pub fn sweep(directory: &ProfileDirectory, keep: &[&str]) -> Result<()> {
    let live = directory.live();
    let entries = fs_err::read_dir(&live).map_err(ProfileError::file("look into", &live))?;
    for entry in entries.flatten() {
        if !keep.iter().any(|keep| entry.file_name() == **keep) {
            let path: PathBuf = entry.path();
            directory.disk.remove(&path).map_err(ProfileError::file("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes launchers that no directory has.
pub fn sweep_launchers(directory: &ProfileDirectory) {
    use std::os::unix::fs::MetadataExt as _;
    for entry in fs_err::read_dir(directory.launchers()).into_iter().flatten().flatten() {
        if entry.metadata().is_ok_and(|there| there.nlink() == 1) {
            // One that stays costs its room.
            let _ = directory.disk.remove(&entry.path());
        }
    }
}
