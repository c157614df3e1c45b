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
    files::{Current, ProfileDirectory},
    name::GenerationNumber,
    setting::{Permit, Settings},
    state::State,
    tree,
};
use crate::{
    disk::Disk,
    launcher::{self, Launcher},
    nuka::Prepared,
};
use nuka_pir::{BlobId, Cid};
use nuka_store::{ObjectReader as _, Objects};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

/// Where an environment's files are.
const FILES: &str = "files";
/// What is being made; nobody looks into it.
const PART: &str = "part";
/// What says how a directory was made: this version, and how its launchers begin.
const FORMAT: &str = "format";
const VERSION: u32 = 1;

type Result<T> = std::result::Result<T, ProfileError>;

/// What a directory is made for.
pub struct Making<'m> {
    pub directory: &'m ProfileDirectory,
    pub current: Option<&'m Current>,
    pub number: GenerationNumber,
    pub objects: &'m Objects,
    /// What launchers start.
    pub nuka: &'m Path,
}

/// The directory that was looked into before the one that counts: it is whole, and only what is other has to be changed in
/// it. It was renamed, which has to be durable before it is changed.
pub struct Base {
    state: State,
}

impl Making<'_> {
    fn disk(&self) -> &Disk {
        &self.directory.disk
    }

    fn part(&self) -> PathBuf {
        self.directory.live().join(PART)
    }

    fn format(&self) -> String {
        format!("{VERSION} {}\n", launcher::head(self.nuka))
    }

    /// Takes the earlier directory, if it is as it was left, to make this generation of it. What is put up anew begins with
    /// nothing.
    pub fn base(&self, tree: &Cid, state: &State) -> Option<Base> {
        let current = self.current?;
        let name = self.directory.previous().filter(|name| *name != current.live)?;
        let number = name.split('.').next()?.parse().ok()?;
        if current.number == self.number {
            return None;
        }
        let place = self.directory.live().join(&name);
        let record = self.directory.record(number).ok()?;
        let state = tree::load_beside(self.objects, &record.tree, Some((tree, state))).ok()?;
        let as_made = std::fs::read_to_string(place.join(FORMAT)).ok()? == self.format();
        let there: BTreeSet<String> = std::fs::read_dir(place.join("bin"))
            .ok()?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()
            .ok()?;
        let programs = state.programs().ok()?;
        let whole = programs.len() == there.len() && programs.keys().all(|name| there.contains(*name));
        drop(programs);
        if !as_made || !whole {
            return None;
        }
        let taken = self.disk().remove(&self.part()).and_then(|()| self.disk().rename(&place, &self.part()));
        taken.is_ok().then_some(Base { state })
    }

    /// Makes the directory of a generation and gives its name in `live/`. It is durable.
    pub fn make(&self, state: &State, base: Option<Base>) -> Result<String> {
        let name = self.free_name();
        let (disk, place, part) = (self.disk(), self.directory.live().join(&name), self.part());
        let made = match base {
            Some(base) => self.change(&part, &base.state, state),
            // What a cut attempt left.
            None => disk.remove(&part).and_then(|()| {
                disk.directory(&part.join("bin"))?;
                disk.file(&part.join(FORMAT), self.format().as_bytes(), 0o444)?;
                self.environment(&part, &state.settings)?;
                self.change(&part, &State { settings: state.settings.clone(), ..State::default() }, state)
            }),
        };
        let named = made.and_then(|()| disk.remove(&place)).and_then(|()| disk.rename(&part, &place));
        named.map_err(ProfileError::file("write", &place))?;
        self.directory.sync()?;
        Ok(name)
    }

    /// The generation's number; with an addition if the directory of that name is the one that counts.
    fn free_name(&self) -> String {
        let plain = self.number.to_string();
        match self.current {
            Some(current) if current.live == plain => format!("{plain}.1"),
            _ => plain,
        }
    }

    /// Makes a directory that shows one state show another.
    fn change(&self, place: &Path, before: &State, after: &State) -> io::Result<()> {
        if before.settings.of_environment() != after.settings.of_environment() {
            self.environment(place, &after.settings)?;
        }
        self.launchers(&place.join("bin"), before, after)?;
        let share = place.join("share");
        let (old, new) = (before.files(), after.files());
        for (path, blob) in &old {
            if new.get(path) != Some(blob) {
                self.disk().remove(&share.join(path))?;
            }
        }
        let mut made = BTreeSet::new();
        for (path, blob) in new {
            if old.get(path) != Some(&blob) {
                self.shared(&share, path, blob, &mut made)?;
            }
        }
        Ok(())
    }

    fn launchers(&self, bin: &Path, before: &State, after: &State) -> io::Result<()> {
        let (old, new) = (self.permitted(before)?, self.permitted(after)?);
        for (name, program) in &old {
            if new.get(name) != Some(program) {
                self.disk().remove(&bin.join(name))?;
            }
        }
        let head = launcher::head(self.nuka);
        for (name, program) in &new {
            if old.get(name) != Some(program) {
                self.launcher(&head, bin, name, program)?;
            }
        }
        Ok(())
    }

    /// Every program, with what it may do.
    fn permitted<'s>(&self, state: &'s State) -> io::Result<BTreeMap<&'s str, (&'s Prepared, Permit)>> {
        let all = state.settings.permit(&self.directory.current_path().join(FILES));
        // What several packages have was decided before.
        let programs = state.programs().map_err(|conflict| io::Error::other(conflict.program))?;
        let own = |name: &str| state.settings.permits.get(name).cloned();
        let permit = |name: &str| own(name).map_or_else(|| all.clone(), |own| all.clone().and(own));
        Ok(programs.into_iter().map(|(name, (_, prepared))| (name, (prepared, permit(name)))).collect())
    }

    fn launcher(
        &self,
        head: &str,
        bin: &Path,
        name: &str,
        (prepared, permit): &(&Prepared, Permit),
    ) -> io::Result<()> {
        let (grants, env) = (permit.grants(), permit.env.clone());
        let launcher = Launcher { prepared: Prepared::clone(prepared), grants, env, beside: None };
        let text = launcher.text(head).map_err(io::Error::other)?;
        let pooled = self.directory.launchers().join(BlobId::of(text.as_bytes()).to_string());
        let at = bin.join(name);
        // One that is cut short is of another length. One with too many names gets a twin.
        let whole = std::fs::symlink_metadata(&pooled).is_ok_and(|there| there.len() == text.len() as u64);
        if !whole || self.disk().link(&pooled, &at).is_err() {
            self.disk().remove(&pooled)?;
            self.disk().file(&pooled, text.as_bytes(), 0o555)?;
            self.disk().link(&pooled, &at)?;
        }
        Ok(())
    }

    fn shared(
        &self,
        share: &Path,
        path: &str,
        blob: &BlobId,
        made: &mut BTreeSet<PathBuf>,
    ) -> io::Result<()> {
        let at = share.join(path);
        let parent = at.parent().unwrap_or(share);
        let directory = match made.contains(parent) {
            true => Ok(()),
            false => self.disk().directory(parent),
        };
        let linked = directory.and_then(|()| {
            made.insert(parent.to_owned());
            self.disk().symlink(&self.objects.blob_path(blob), &at)
        });
        match linked {
            // One package has a file where another has a directory: the first one stays.
            Err(error) if in_the_way(&error) => Ok(()),
            other => other,
        }
    }

    fn environment(&self, place: &Path, settings: &Settings) -> io::Result<()> {
        let disk = self.disk();
        let settings = &settings.with_files_at(&self.directory.current_path().join(FILES));
        disk.remove(&place.join(FILES))?;
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
            let at = place.join(name);
            disk.remove(&at)?;
            disk.file(&at, text.as_bytes(), 0o444)?;
        }
        Ok(())
    }
}

fn in_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory)
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
