//! Every change of a profile's directory.
//!
//! Changes go through [`Disk`](crate::disk::Disk), which a test can watch: so it is known what a power cut leaves at any moment.

use super::{
    change::ProfileError,
    name::GenerationNumber,
    record::{FORMAT, Record},
};
use crate::disk::Disk;
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// A profile's directory: see the text of [`profile`](super).
#[derive(Debug, Clone)]
pub struct ProfileDirectory {
    pub path: PathBuf,
    pub disk: Disk,
}

/// While it lives, nobody else changes the profile.
#[derive(Debug)]
pub struct ProfileLock {
    _file: File,
}

/// What `current` leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    pub number: GenerationNumber,
    /// The directory's name in `live/`.
    pub live: String,
}

type Result<T> = std::result::Result<T, ProfileError>;

impl ProfileDirectory {
    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn live(&self) -> PathBuf {
        self.at("live")
    }

    pub fn launchers(&self) -> PathBuf {
        self.at("launchers")
    }

    fn generations(&self) -> PathBuf {
        self.at("generations")
    }

    fn deleting(&self) -> PathBuf {
        self.at("deleting")
    }

    /// What counts: `bin/` and `share/` are in it.
    pub fn current_path(&self) -> PathBuf {
        self.at("current")
    }

    /// Waits until nobody else changes the profile. `waiting` is called once if somebody does.
    pub fn lock(&self, waiting: impl FnOnce()) -> Result<ProfileLock> {
        for directory in [&self.path, &self.generations(), &self.live(), &self.launchers(), &self.deleting()]
        {
            if !directory.is_dir() {
                self.disk.directory(directory).map_err(ProfileError::file("make", directory))?;
            }
        }
        let path = self.at("lock");
        let open = || std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open().map_err(ProfileError::file("lock", &path))?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let locked = match locked {
            Err(rustix::io::Errno::AGAIN) => {
                waiting();
                loop {
                    match flock(&file, FlockOperation::LockExclusive) {
                        Err(rustix::io::Errno::INTR) => {}
                        other => break other,
                    }
                }
            }
            other => other,
        };
        locked.map_err(|error| ProfileError::file("lock", &path)(error.into()))?;
        Ok(ProfileLock { _file: file })
    }

    /// Which generation counts; none if nothing was ever installed.
    pub fn current(&self) -> Result<Option<Current>> {
        let path = self.current_path();
        let target = match std::fs::read_link(&path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(ProfileError::Edited {
                    path,
                    reason: format!("it is no symlink of nuka's ({error})"),
                });
            }
        };
        let live = target.strip_prefix("live").ok().and_then(Path::to_str).map(str::to_owned);
        let number = live.as_deref().and_then(|live| live.split('.').next()?.parse().ok());
        match (number, live) {
            (Some(number), Some(live)) => Ok(Some(Current { number, live })),
            _ => {
                let reason = format!("it leads to `{}`, which is no generation", target.display());
                Err(ProfileError::Edited { path, reason })
            }
        }
    }

    fn record_path(&self, number: GenerationNumber) -> PathBuf {
        self.generations().join(number.to_string())
    }

    /// What a generation is.
    pub fn record(&self, number: GenerationNumber) -> Result<Record> {
        let path = self.record_path(number);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ProfileError::NoGeneration { number });
            }
            Err(error) => return Err(ProfileError::file("read", &path)(error)),
        };
        let wrong = |reason: String| ProfileError::Edited { path: path.clone(), reason };
        let record: Record = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("it does not say what the generation is ({error})")))?;
        match record.format {
            FORMAT => Ok(record),
            other => Err(wrong(format!("its format is {other}, and this nuka knows {FORMAT}"))),
        }
    }

    /// Writes down what a generation is.
    pub fn put_record(&self, record: &Record) -> Result<()> {
        let path = self.record_path(record.number);
        let text = serde_json::to_vec(record)
            .map_err(|error| ProfileError::Edited { path: path.clone(), reason: error.to_string() })?;
        let next = self.at("next");
        let hint = record.number.next().to_string();
        self.disk.file(&next, hint.as_bytes(), 0o644).map_err(ProfileError::file("write", &next))?;
        self.disk.replace(&path, &text).map_err(ProfileError::file("write", &path))
    }

    /// The number that the next generation gets.
    pub fn next_number(&self) -> Result<GenerationNumber> {
        let hint = fs::read_to_string(self.at("next")).ok().and_then(|text| text.trim().parse().ok());
        let taken = |number: GenerationNumber| self.record_path(number).exists();
        let mut next = match hint {
            Some(hint) => hint,
            // It was lost: whatever is there comes before the next one.
            None => self.numbers()?.last().map_or(GenerationNumber::FIRST, |last| last.next()),
        };
        while taken(next) {
            next = next.next();
        }
        Ok(next)
    }

    /// The numbers of all generations, in their order.
    pub fn numbers(&self) -> Result<Vec<GenerationNumber>> {
        numbers(&self.generations())
    }

    /// Makes generations go: they are listed no more, and what is left of them is finished by [`Self::gone`].
    pub fn delete(&self, these: &[GenerationNumber]) -> Result<Vec<GenerationNumber>> {
        for number in these {
            let (from, to) = (self.record_path(*number), self.deleting().join(number.to_string()));
            self.disk.rename(&from, &to).map_err(ProfileError::file("remove", &from))?;
        }
        self.sync()?;
        // Also those whose removal was cut short.
        numbers(&self.deleting())
    }

    /// Nothing keeps these any more.
    pub fn gone(&self, these: &[GenerationNumber]) -> Result<()> {
        for number in these {
            let path = self.deleting().join(number.to_string());
            self.disk.remove(&path).map_err(ProfileError::file("remove", &path))?;
        }
        Ok(())
    }

    /// The directory in `live/` that counted before the one that does.
    pub fn previous(&self) -> Option<String> {
        let target = std::fs::read_link(self.at("previous")).ok()?;
        target.strip_prefix("live").ok()?.to_str().map(str::to_owned)
    }

    /// Makes a directory in `live/` count, in place of another.
    pub fn switch(&self, live: &str, before: Option<&str>) -> Result<()> {
        if let Some(before) = before {
            let path = self.at("previous");
            let replaced = self.disk.replace_symlink(&Path::new("live").join(before), &path);
            replaced.map_err(ProfileError::file("write", &path))?;
        }
        let path = self.current_path();
        let failed = ProfileError::file("switch", &path);
        let switched = self.disk.replace_symlink(&Path::new("live").join(live), &path);
        switched.map_err(failed)?;
        self.sync()
    }

    pub fn sync(&self) -> Result<()> {
        self.disk.sync(&self.path).map_err(ProfileError::file("make durable what was changed in", &self.path))
    }
}

fn numbers(directory: &Path) -> Result<Vec<GenerationNumber>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ProfileError::file("look into", directory)(error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ProfileError::file("look into", directory))?;
        numbers.extend(entry.file_name().to_str().and_then(|name| name.parse::<GenerationNumber>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
