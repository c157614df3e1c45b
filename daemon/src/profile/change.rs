//! Changing a profile: a new generation, or another one that is there already.

use super::{
    files::ProfileDirectory,
    installed::Installed,
    live,
    name::{GenerationNumber, ProfileName},
    record::{FORMAT, Record},
    setting::Settings,
    state::{Conflict, State},
    tree::{self, GenerationRoot},
};
use crate::{
    client::Client,
    clock,
    disk::Disk,
    event::{Event, Observer},
    fault::{Fault, FaultKind, file_help},
    launcher,
    request::{DropGenerations, KeepGeneration},
    suggest,
};
use nuka_pir::Pid;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// Why a profile was not changed. What counted before still does.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The disk.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something in the profile's directory is not as nuka left it.
    #[error("{} is not as nuka left it: {reason}", path.display())]
    Edited {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Several packages have one program.
    #[error("`{}` is a program of {}", conflict.program, conflict.packages.join(" and "))]
    Conflict {
        /// Which.
        conflict: Conflict,
        /// The profile, if it is another than the one that is taken when none is named.
        profile: Option<String>,
    },
    /// Nothing of this name is installed.
    #[error("`{name}` is not installed")]
    NotInstalled {
        /// The name.
        name: String,
        /// What was meant.
        suggestion: Option<String>,
    },
    /// No installed package has this program.
    #[error("no installed package has a program `{name}`")]
    NoProgram {
        /// The name.
        name: String,
        /// What was meant.
        suggestion: Option<String>,
    },
    /// There is no such generation.
    #[error("there is no generation {number}")]
    NoGeneration {
        /// Its number.
        number: GenerationNumber,
    },
    /// There is nothing to go back to.
    #[error("there is no earlier generation")]
    NoEarlier,
    /// The generation that counts cannot be deleted.
    #[error("generation {number} is the one that is used")]
    InUse {
        /// Its number.
        number: GenerationNumber,
    },
    /// It is not known where nuka's own program is, which launchers start.
    #[error("it is not known where nuka's own program is, which launchers start")]
    NoExecutable,
}

impl ProfileError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// What kind of error it is, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "nuka::file",
            Self::Conflict { .. } => "nuka::profile::conflict",
            Self::NotInstalled { .. }
            | Self::NoProgram { .. }
            | Self::NoGeneration { .. }
            | Self::NoEarlier => "nuka::not_found",
            Self::Edited { .. } | Self::InUse { .. } | Self::NoExecutable => "nuka::profile",
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::File { source, .. } => file_help(source.kind()).to_owned(),
            Self::Edited { .. } => {
                "`nuka generation list` shows what there is, `nuka generation switch N` makes one count"
                    .to_owned()
            }
            Self::Conflict { conflict, profile } => {
                let package = conflict.packages.last().map(String::as_str).unwrap_or_default();
                let named = profile.as_ref().map(|name| format!(" --profile {name}")).unwrap_or_default();
                format!("say whose it is, and try again: `nuka prefer {} {package}{named}`", conflict.program)
            }
            Self::NotInstalled { suggestion: Some(name), .. }
            | Self::NoProgram { suggestion: Some(name), .. } => {
                format!("did you mean `{name}`?")
            }
            Self::NotInstalled { .. } | Self::NoProgram { .. } => {
                "`nuka list` shows what is installed".to_owned()
            }
            Self::NoGeneration { .. } | Self::NoEarlier => {
                "`nuka generation list` shows which there are".to_owned()
            }
            Self::InUse { .. } => "switch to another one first: `nuka generation switch N`".to_owned(),
            Self::NoExecutable => "start nuka by its path".to_owned(),
        }
    }
}

impl From<ProfileError> for Box<Fault> {
    fn from(error: ProfileError) -> Self {
        let kind = match error {
            ProfileError::NotInstalled { .. }
            | ProfileError::NoProgram { .. }
            | ProfileError::NoGeneration { .. }
            | ProfileError::NoEarlier => FaultKind::Absent,
            _ => FaultKind::Failed,
        };
        Box::new(Fault::new(kind, error.code(), error.to_string()).with_help(error.help()))
    }
}

type Answer<T> = Result<T, Box<Fault>>;

/// What is to become of a profile.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// Packages that come, each in place of one of its name.
    pub put: Vec<Installed>,
    /// Names of packages that go.
    pub remove: Vec<String>,
    /// All settings, if they change.
    pub settings: Option<Settings>,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The generation that counts now.
    pub record: Record,
    /// Whether it is another one than before.
    pub new: bool,
}

/// A profile of the person's.
pub struct Profile<'c> {
    pub(super) client: &'c Client,
    pub(super) directory: ProfileDirectory,
}

impl<'c> Profile<'c> {
    /// Nothing is opened or made yet.
    pub fn new(client: &'c Client, name: &ProfileName) -> Self {
        Self::at(client, client.config().profiles().join(name.as_str()))
    }

    /// One in a directory of its own.
    pub fn at(client: &'c Client, path: PathBuf) -> Self {
        Self { client, directory: ProfileDirectory { path, disk: Disk::default() } }
    }

    /// Its name, if that has to be said.
    fn named(&self) -> Option<String> {
        let below = self.directory.path.strip_prefix(self.client.config().profiles()).ok()?;
        let name = below.to_str().filter(|name| *name != ProfileName::default().as_str());
        name.map(str::to_owned)
    }

    /// Where what counts is: `bin/` and `share/` are in it.
    pub fn current_path(&self) -> PathBuf {
        self.directory.current_path()
    }

    /// The generation that counts; none if nothing was ever installed.
    ///
    /// # Errors
    /// [`ProfileError::Edited`], [`ProfileError::File`].
    pub fn current(&self) -> Answer<Option<Record>> {
        if let Some(current) = self.directory.current()? {
            return Ok(Some(self.directory.record(current.number)?));
        }
        match self.directory.numbers()?.as_slice() {
            // Not even the first change was finished.
            [] | [GenerationNumber::FIRST] => Ok(None),
            _ => {
                let (path, reason) = (self.directory.current_path(), "it is missing".to_owned());
                Err(ProfileError::Edited { path, reason }.into())
            }
        }
    }

    /// Sets right by what launchers start nuka, if that has moved. What cannot be set right is told by whatever needs it.
    pub fn find_nuka(&self) {
        if self.client.config().profiles().is_dir() {
            let _ = self.nuka();
        }
    }

    /// What is installed.
    ///
    /// # Errors
    /// As [`Profile::current`], and the store's.
    pub fn state(&self) -> Answer<State> {
        self.current()?.map_or_else(|| Ok(State::default()), |record| self.state_of(&record))
    }

    /// What a generation holds.
    ///
    /// # Errors
    /// The store's.
    pub fn state_of(&self, record: &Record) -> Answer<State> {
        Ok(tree::load(self.client.here().objects()?, &record.tree)?)
    }

    /// All generations, the first one first. Those that cannot be read are told to `observer`.
    ///
    /// # Errors
    /// [`ProfileError::File`].
    pub fn records(&self, observer: &dyn Observer) -> Answer<Vec<Record>> {
        let mut records = Vec::new();
        for number in self.directory.numbers()? {
            match self.directory.record(number) {
                Ok(record) => records.push(record),
                Err(error) => observer.event(Event::Warning { text: error.to_string() }),
            }
        }
        Ok(records)
    }

    /// One generation.
    ///
    /// # Errors
    /// [`ProfileError::NoGeneration`] and others.
    pub fn record(&self, number: GenerationNumber) -> Answer<Record> {
        Ok(self.directory.record(number)?)
    }

    /// Makes a new generation of the one that counts, and makes that count. `edit` is asked once nobody else changes the
    /// profile. Nothing is done if it changes nothing.
    ///
    /// # Errors
    /// Whatever `edit` says, [`ProfileError`]s and the store's.
    pub fn change(
        &self,
        why: &str,
        observer: &dyn Observer,
        edit: impl FnOnce(&State) -> Result<Edit, ProfileError>,
    ) -> Answer<Changed> {
        let _lock = self.lock(observer)?;
        let before = match self.current()? {
            Some(record) => record,
            // So that the first change, too, can be taken back.
            None => self.first()?,
        };
        let state = self.state_of(&before)?;
        let edit = edit(&state)?;
        let Step { next, put, remove } = step(&state, edit)?;
        if put.is_empty() && remove.is_empty() && next.settings == state.settings {
            self.nuka()?;
            if !self.is_up(&state) {
                let text =
                    "the profile's programs were not as nuka left them: they were put up anew".to_owned();
                observer.event(Event::Warning { text });
                self.make_current(&before, &state, false)?;
            }
            return Ok(Changed { record: before, new: false });
        }
        next.programs().map_err(|conflict| ProfileError::Conflict { conflict, profile: self.named() })?;
        let number = self.directory.next_number()?;
        let settings = next.settings.clone();
        let (base, root) = (Some(before.tree), self.root(number));
        let tree = self.client.ask(KeepGeneration { base, remove, put, settings, root }, observer)?;
        let record = Record {
            format: FORMAT,
            number,
            tree,
            time_ms: clock::now_ms(),
            from: Some(before.number),
            why: why.to_owned(),
            packages: next.changes_since(&state),
            settings: next.settings.changes_since(&state.settings),
        };
        self.make_current(&record, &next, true)?;
        Ok(Changed { record, new: true })
    }

    /// Makes another generation count.
    ///
    /// # Errors
    /// [`ProfileError::NoGeneration`], and the store's if the generation is damaged.
    pub fn switch(&self, number: GenerationNumber, observer: &dyn Observer) -> Answer<Changed> {
        let _lock = self.lock(observer)?;
        let record = self.directory.record(number)?;
        let before = self.directory.current().ok().flatten();
        let state = self.state_of(&record)?;
        self.make_current(&record, &state, false)?;
        Ok(Changed { record, new: before.is_none_or(|before| before.number != number) })
    }

    /// The generation before the one that counts.
    ///
    /// # Errors
    /// [`ProfileError::NoEarlier`].
    pub fn earlier(&self) -> Answer<GenerationNumber> {
        let current = self.directory.current()?.ok_or(ProfileError::NoEarlier)?;
        let numbers = self.directory.numbers()?;
        let earlier = numbers.into_iter().rev().find(|number| *number < current.number);
        Ok(earlier.ok_or(ProfileError::NoEarlier)?)
    }

    /// Deletes generations: what only they kept goes with the next collection.
    ///
    /// # Errors
    /// [`ProfileError::InUse`] and [`ProfileError::NoGeneration`], before anything is deleted.
    pub fn delete(&self, these: &[GenerationNumber], observer: &dyn Observer) -> Answer<()> {
        let _lock = self.lock(observer)?;
        let current = self.directory.current()?.map(|current| current.number);
        for number in these {
            if current == Some(*number) {
                return Err(ProfileError::InUse { number: *number }.into());
            }
            self.directory.record(*number)?;
        }
        let gone = self.directory.delete(these)?;
        let roots = gone.iter().map(|number| self.root(*number)).collect();
        self.client.ask(DropGenerations { roots }, observer)?;
        self.directory.gone(&gone)?;
        live::sweep_launchers(&self.directory);
        Ok(())
    }

    fn lock(&self, observer: &dyn Observer) -> Answer<super::files::ProfileLock> {
        let what = "another nuka changes this profile".to_owned();
        Ok(self.directory.lock(|| observer.event(Event::Waiting { what }))?)
    }

    fn root(&self, number: GenerationNumber) -> GenerationRoot {
        GenerationRoot { profile: self.directory.path.clone(), number: Some(number) }
    }

    /// The generation in which nothing is installed yet.
    fn first(&self) -> Answer<Record> {
        let number = self.directory.next_number()?;
        let root = self.root(number);
        let request = KeepGeneration {
            base: None,
            remove: Vec::new(),
            put: Vec::new(),
            settings: Settings::default(),
            root,
        };
        let tree = self.client.ask(request, &crate::event::Silent)?;
        let record = Record {
            format: FORMAT,
            number,
            tree,
            time_ms: clock::now_ms(),
            from: None,
            why: "begin".to_owned(),
            packages: Vec::new(),
            settings: Vec::new(),
        };
        self.make_current(&record, &State::default(), true)?;
        Ok(record)
    }

    /// Whether the programs of the generation that counts are where they should be.
    fn is_up(&self, state: &State) -> bool {
        let Ok(programs) = state.programs() else { return true };
        let bin = self.current_path().join("bin");
        programs.keys().all(|name| bin.join(name).exists())
    }

    fn make_current(&self, record: &Record, state: &State, new: bool) -> Answer<()> {
        let current = self.directory.current().ok().flatten();
        let objects = self.client.here().objects()?;
        let nuka = self.nuka()?;
        let making = live::Making {
            directory: &self.directory,
            current: current.as_ref(),
            number: record.number,
            objects,
            nuka: &nuka,
        };
        let base = making.base(&record.tree, state);
        if new {
            // Makes what was taken durable, too.
            self.directory.put_record(record)?;
        } else if base.is_some() {
            self.directory.sync()?;
        }
        let live = making.make(state, base)?;
        let before = current.map(|current| current.live);
        self.directory.switch(&live, before.as_deref())?;
        live::sweep(&self.directory, &[&live, &before.unwrap_or_default()])?;
        Ok(())
    }

    /// The symlink, beside the profiles, to the program that launchers start: so they go on when nuka moves.
    fn nuka(&self) -> Answer<PathBuf> {
        let own = self.client.config().executable.as_deref().ok_or(ProfileError::NoExecutable)?;
        let own = launcher::program(own);
        let profiles = self.client.config().profiles();
        let path = profiles.join(launcher::LINK);
        if !profiles.is_dir() {
            // An environment's profile is elsewhere.
            self.directory.disk.directory(&profiles).map_err(ProfileError::file("make", &profiles))?;
        }
        let is_right = || std::fs::read_link(&path).is_ok_and(|there| there == own);
        if !is_right() {
            // Who changes another profile may do the same at this moment.
            let replaced = self.directory.disk.replace_symlink(&own, &path);
            replaced
                .or_else(|error| if is_right() { Ok(()) } else { Err(error) })
                .map_err(ProfileError::file("make the symlink", &path))?;
        }
        Ok(path)
    }
}

/// One step from a state to the next.
struct Step {
    next: State,
    /// What the new tree gets.
    put: Vec<Installed>,
    /// What it loses.
    remove: Vec<Pid>,
}

fn step(state: &State, edit: Edit) -> Result<Step, ProfileError> {
    let mut next = state.clone();
    let (mut put, mut remove) = (BTreeMap::new(), Vec::new());
    for name in edit.remove {
        match next.packages.remove(&name) {
            Some(package) => remove.push(package.package.pid),
            None => return Err(not_installed(state, &name)),
        }
    }
    let text = |package: &Installed| serde_json::to_vec(package).ok();
    for package in edit.put {
        match next.packages.insert(package.name().to_owned(), package.clone()) {
            Some(old) if text(&old) == text(&package) => continue,
            Some(old) if old.package.pid != package.package.pid => remove.push(old.package.pid),
            _ => {}
        }
        put.insert(package.name().to_owned(), package);
    }
    next.settings = edit.settings.unwrap_or(next.settings);
    Ok(Step { next, put: put.into_values().collect(), remove })
}

/// That nothing of this name is installed.
pub fn not_installed(state: &State, name: &str) -> ProfileError {
    let suggestion = suggest::nearest(name, state.packages.keys().cloned());
    ProfileError::NotInstalled { name: name.to_owned(), suggestion }
}

/// That no installed package has a program of this name.
pub fn no_program(state: &State, name: &str) -> ProfileError {
    let programs = state.packages.values().flat_map(Installed::program_names).map(str::to_owned);
    ProfileError::NoProgram { name: name.to_owned(), suggestion: suggest::nearest(name, programs) }
}
