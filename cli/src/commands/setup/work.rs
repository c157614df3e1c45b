//! The changes that set shells up, and those that take that back.
//!
//! Whatever interrupts them, each file is the old or the new one, and what a file of the person's reads was there before it is read.

use super::{
    block,
    places::{Places, Shell},
    scripts,
};
use crate::{daemon::Disk, error::Error, replace::replace, report::escape::escape};
use fs_err as fs;
use std::{collections::BTreeSet, io, path::Path};

/// Who makes them.
pub struct Work<'w> {
    pub places: &'w Places,
    pub disk: Disk,
    /// Is told of each change.
    pub say: &'w dyn Fn(String),
}

impl Work<'_> {
    /// Has these shells find what is installed, and with `hook` enter the environments of directories.
    pub fn set_up(&self, shells: &BTreeSet<Shell>, hook: bool) -> Result<(), Error> {
        // Before anything is written.
        for file in shells.iter().flat_map(|shell| self.places.shared(*shell)) {
            read(&file)?;
        }
        shells.iter().try_for_each(|shell| self.set_up_one(*shell, hook))
    }

    fn set_up_one(&self, shell: Shell, hook: bool) -> Result<(), Error> {
        let places = self.places;
        let text = scripts::of(shell, &places.profile, hook.then_some(places.nuka.as_path()));
        let text = block::text_of(text.as_bytes());
        if let Some(own) = places.own(shell) {
            return self.write(&own, &text);
        }
        let script = places.script(shell.names().0);
        self.write(&script, &text)?;
        for file in places.shared(shell) {
            let before = read(&file)?;
            if let Some(after) = block::with(before.as_deref(), &script) {
                self.write(&file, &after)?;
            }
        }
        Ok(())
    }

    /// Takes back what was done for these shells. Whether there was anything.
    pub fn undo(&self, shells: &BTreeSet<Shell>) -> Result<bool, Error> {
        let mut any = false;
        for shell in shells {
            for file in self.places.ever_shared(*shell) {
                let Some(before) = read(&file)? else { continue };
                match block::without(&before) {
                    None => continue,
                    Some(None) => self.remove(&file)?,
                    Some(Some(after)) => self.write(&file, &after)?,
                }
                any = true;
            }
            for file in self.places.own(*shell).into_iter().chain([self.places.script(shell.names().0)]) {
                if file.exists() {
                    self.remove(&file)?;
                    any = true;
                }
            }
        }
        // Empty directories are nobody's.
        for directory in ["nuka/shell", "nuka"] {
            let _ = fs::remove_dir(self.places.config.join(directory));
        }
        Ok(any)
    }

    /// Writes bytes that are a text of [`block::text_of`].
    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        if read(path).is_ok_and(|before| before.as_deref() == Some(text)) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.disk.directory(parent).map_err(Error::file("make", parent))?;
        }
        replace(&self.disk, path, &block::bytes_of(text)).map_err(Error::file("write", path))?;
        (self.say)(format!("wrote {}", escape(&path.display().to_string())));
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.disk.remove(path).map_err(Error::file("remove", path))?;
        let parent = path.parent().unwrap_or(path);
        self.disk.sync(parent).map_err(Error::file("make durable", parent))?;
        (self.say)(format!("removed {}", escape(&path.display().to_string())));
        Ok(())
    }
}

/// The file's bytes, as a text (`block::text_of`); `None` if it is not there.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(block::text_of(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.is_symlink() {
            // What is to be there is somebody else's affair.
            true => Err(Error::Usage {
                message: format!("{} is a symlink that leads nowhere", path.display()),
                help: "make what it leads to, or remove it".to_owned(),
            }),
            false => Ok(None),
        },
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{Recorder, leave};
    use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

    /// All files below a directory with their bytes, without those that are nuka's own while it writes.
    fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut ahead = vec![directory.to_owned()];
        while let Some(here) = ahead.pop() {
            for entry in fs::read_dir(&here).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    ahead.push(path);
                } else if !path.to_str().unwrap().ends_with(&format!(".{}", std::process::id())) {
                    let bytes = fs::read(&path).unwrap();
                    found.insert(path.strip_prefix(directory).unwrap().to_owned(), bytes);
                }
            }
        }
        found
    }

    fn home() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".bashrc"), "mine=1").unwrap();
        fs::write(dir.path().join(".profile"), b"latin=\xe9\n").unwrap();
        let places = places(dir.path());
        (dir, places)
    }

    fn places(home: &Path) -> Places {
        Places {
            home: home.to_owned(),
            config: home.join(".config"),
            zdotdir: None,
            // The same wherever home is: it stands in the scripts.
            profile: PathBuf::from("/profile"),
            nuka: PathBuf::from("/nuka"),
        }
    }

    #[test]
    fn a_power_cut_leaves_each_file_old_or_new_and_what_is_read_is_there() {
        let all = BTreeSet::from(Shell::ALL);
        let (dir, there) = home();
        let old = files(dir.path());
        let watch = Arc::new(Recorder::default());
        let work = Work { places: &there, disk: Disk::watched(Arc::<Recorder>::clone(&watch)), say: &|_| {} };
        work.set_up(&all, true).unwrap();
        let new = files(dir.path());
        assert_eq!(new.len(), 7, "{:?}", new.keys());
        assert!(work.undo(&all).unwrap());
        assert_eq!(files(dir.path()), old);
        let changes = watch.changes();
        let mut random = 7_u64;
        let mut coin = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 63 == 1
        };
        for cut in 0..=changes.len() {
            for kind in 0..6 {
                let (left, there) = home();
                let mut keep: Box<dyn FnMut() -> bool> = match kind {
                    0 => Box::new(|| false),
                    1 => Box::new(|| true),
                    _ => Box::new(&mut coin),
                };
                leave(&changes, cut, &mut keep, dir.path(), left.path());
                let found = files(left.path());
                for (path, bytes) in &found {
                    let known = [old.get(path), new.get(path)];
                    assert!(known.contains(&Some(bytes)), "{cut}.{kind}: {}", path.display());
                }
                // What was there before is never gone, and whoever reads a script of nuka's finds it.
                assert!(old.keys().all(|path| found.contains_key(path)), "{cut}.{kind}: {:?}", found.keys());
                let reads = |file: &str| found.get(Path::new(file)) == new.get(Path::new(file));
                for (file, script) in [(".bashrc", "bash"), (".profile", "bash"), (".zshenv", "zsh")] {
                    let script = Path::new(".config/nuka/shell").join(script);
                    assert!(!reads(file) || found.contains_key(&script), "{cut}.{kind}: {file}");
                }
                // Both go on from there.
                let again = Work { places: &there, disk: Disk::default(), say: &|_| {} };
                again.undo(&all).unwrap();
                assert_eq!(files(left.path()), old, "{cut}.{kind}");
            }
        }
    }

    #[test]
    fn a_full_disk_leaves_each_file_old_or_new() {
        let all = BTreeSet::from(Shell::ALL);
        for fail_at in 0.. {
            let (dir, there) = home();
            let old = files(dir.path());
            let watch = Arc::new(Recorder::failing_at(fail_at));
            let work =
                Work { places: &there, disk: Disk::watched(Arc::<Recorder>::clone(&watch)), say: &|_| {} };
            let done = work.set_up(&all, false);
            let again = Work { places: &there, disk: Disk::default(), say: &|_| {} };
            again.undo(&all).unwrap();
            assert_eq!(files(dir.path()), old, "{fail_at}");
            if done.is_ok() && watch.asked() <= fail_at {
                assert!(fail_at > 20, "{fail_at}");
                break;
            }
        }
    }
}
