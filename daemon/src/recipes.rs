//! Where recipes come from: the person's own directories first, then those that are part of the program.

use crate::{beneath::Beneath, handed::Handed, shared::once};
use fs_err as fs;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

mod built_in {
    include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
}

/// The recipe roots, in the order in which a path is looked for.
#[derive(Debug, Clone, Default)]
pub struct RecipeRoots {
    directories: Vec<Directory>,
    /// The directories that whoever asks has handed over; `None` if every directory may be opened by its path.
    given: Option<Arc<Given>>,
}

/// Directories that were handed over, and those before them.
#[derive(Debug)]
struct Given {
    places: Vec<Handed>,
    before: Option<Arc<Given>>,
}

impl Given {
    fn find(&self, shown: &Path) -> Option<PathBuf> {
        let here = self.places.iter().find(|handed| handed.shown == shown).map(Handed::place);
        here.or_else(|| self.before.as_ref()?.find(shown))
    }
}

/// A recipe root.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Directory {
    /// As people know it.
    shown: PathBuf,
    /// Where it is reached.
    place: PathBuf,
}

/// Where one recipe file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a directory of the person's.
    File(RecipeFile),
    /// Part of the program.
    BuiltIn,
}

/// A recipe's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeFile {
    /// As people know it.
    pub shown: PathBuf,
    /// Where it is reached.
    pub place: PathBuf,
}

impl Directory {
    fn file(&self, path: &str) -> RecipeFile {
        RecipeFile { shown: self.shown.join(path), place: self.place.join(path) }
    }
}

/// Bytes of a recipe file that are read at most: more than the evaluator takes.
const MOST: u64 = 2 << 20;

impl RecipeRoots {
    /// Roots in order of precedence; the built-in recipes come last.
    pub fn new(directories: Vec<PathBuf>) -> Self {
        let own = |shown: PathBuf| Directory { place: shown.clone(), shown };
        Self { directories: directories.into_iter().map(own).collect(), given: None }
    }

    /// The same for somebody who has handed over all directories that may be read: those that are not among them are
    /// passed over.
    pub fn handed(directories: &[PathBuf], given: Vec<Handed>) -> Self {
        let given = Given { places: given, before: None };
        let mut roots = Self { directories: Vec::new(), given: Some(Arc::new(given)) };
        roots.directories = directories.iter().filter_map(|shown| roots.reach(shown).ok()).collect();
        roots
    }

    /// The roots of this process for somebody who may name no directory.
    pub fn closed(directories: Vec<PathBuf>) -> Self {
        let nothing = Given { places: Vec::new(), before: None };
        Self { given: Some(Arc::new(nothing)), ..Self::new(directories) }
    }

    /// The same roots with one more before them: the directory of a recipe that was named by its path.
    ///
    /// # Errors
    /// `PermissionDenied` if it is not among the directories that were handed over.
    pub fn with_first(&self, directory: &Path) -> io::Result<Self> {
        let first = self.reach(directory)?;
        let others = self.directories.iter().filter(|other| **other != first).cloned();
        let directories = std::iter::once(first.clone()).chain(others).collect();
        Ok(Self { directories, given: self.given.clone() })
    }

    /// The same roots, with more directories handed over.
    pub fn with_places(&self, places: Vec<Handed>) -> Self {
        let before = self.given.clone();
        Self { directories: self.directories.clone(), given: Some(Arc::new(Given { places, before })) }
    }

    /// Whether paths of recipes are those of this process, and mean what they say.
    pub fn by_path(&self) -> bool {
        self.given.is_none()
    }

    fn reach(&self, shown: &Path) -> io::Result<Directory> {
        let place = match &self.given {
            None => shown.to_owned(),
            Some(given) => {
                let reason = "the directory was not handed over";
                let denied = || io::Error::new(io::ErrorKind::PermissionDenied, reason);
                given.find(shown).ok_or_else(denied)?
            }
        };
        Ok(Directory { shown: shown.to_owned(), place })
    }

    /// The roots, each opened when it is first looked into, to find many files in them.
    pub fn open(&self) -> OpenRoots<'_> {
        OpenRoots { roots: self, opened: self.directories.iter().map(|_| OnceLock::new()).collect() }
    }

    /// Finds one recipe file; see [`OpenRoots::find`].
    pub fn find(&self, path: &str) -> io::Result<Option<(Origin, Arc<[u8]>)>> {
        self.open().find(path)
    }

    /// The directory that local sources of a recipe file are relative to; none for built-in recipes.
    pub fn directory_of(&self, path: &str) -> io::Result<Option<PathBuf>> {
        Ok(match self.find(path)? {
            Some((Origin::File(file), _)) => file.place.parent().map(Path::to_owned),
            _ => None,
        })
    }

    /// Names of all recipes: files right below a root.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for directory in &self.directories {
            let entries = fs::read_dir(&directory.place).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|entry| recipe_name(&entry.file_name().to_string_lossy())));
        }
        names.extend(built_in::BUILT_IN.iter().filter_map(|(path, _)| recipe_name(path)));
        names.into_iter().collect()
    }
}

/// The recipe roots, and what of them is open.
#[derive(Debug)]
pub struct OpenRoots<'a> {
    roots: &'a RecipeRoots,
    opened: Vec<OnceLock<Beneath>>,
}

impl OpenRoots<'_> {
    /// As [`RecipeRoots::names`].
    pub fn names(&self) -> Vec<String> {
        self.roots.names()
    }

    /// Finds a recipe file by its path below the roots (`zlib.nu`, `lib/c.nu`).
    ///
    /// # Errors
    /// A file that is there and cannot be read, or may not be.
    pub fn find(&self, path: &str) -> io::Result<Option<(Origin, Arc<[u8]>)>> {
        // A path comes from a recipe's text: it stays below the root or names nothing.
        if path.is_empty()
            || path.starts_with('/')
            || path.split('/').any(|part| matches!(part, "" | "." | ".."))
        {
            return Ok(None);
        }
        for (directory, opened) in self.roots.directories.iter().zip(&self.opened) {
            match once(opened, || Beneath::open(&directory.place)).and_then(|open| open.read(path, MOST)) {
                Ok(bytes) => return Ok(Some((Origin::File(directory.file(path)), bytes.into()))),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let found = built_in::BUILT_IN.binary_search_by(|(name, _)| (*name).cmp(path)).ok();
        Ok(found
            .and_then(|at| built_in::BUILT_IN.get(at))
            .map(|(_, bytes)| (Origin::BuiltIn, Arc::from(*bytes))))
    }
}

fn recipe_name(path: &str) -> Option<String> {
    let name = path.strip_suffix(".nu")?;
    (!name.contains('/')).then(|| name.to_owned())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_recipe_comes_before_the_built_in_one() {
        let dir = tempfile::tempdir().unwrap();
        let name = RecipeRoots::default().names().first().cloned().unwrap();
        let file = format!("{name}.nu");
        let built_in = RecipeRoots::default().find(&file).unwrap().unwrap();
        assert_eq!(built_in.0, Origin::BuiltIn);
        fs::write(dir.path().join(&file), "mine").unwrap();
        let roots = RecipeRoots::default().with_first(dir.path()).unwrap();
        assert_eq!(&*roots.find(&file).unwrap().unwrap().1, b"mine");
        assert_eq!(roots.directory_of(&file).unwrap().unwrap(), dir.path());
    }

    #[test]
    fn nothing_is_read_for_others_but_what_they_handed_over() {
        let (given, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&given, &other] {
            fs::write(dir.path().join("mine.nu"), "mine").unwrap();
        }
        let directories = [given.path().to_owned(), other.path().to_owned()];
        let mut handed = Handed::own(given.path());
        let open = handed.duplicate().unwrap();
        handed.receive(open);
        let roots = RecipeRoots::handed(&directories, vec![handed]);
        let Some((Origin::File(file), _)) = roots.find("mine.nu").unwrap() else { panic!("not found") };
        assert_eq!(file.shown, given.path().join("mine.nu"));
        assert!(file.place.starts_with("/proc/self/fd"));
        assert_eq!(roots.with_first(other.path()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(RecipeRoots::handed(&directories[1..], Vec::new()).find("mine.nu").unwrap().is_none());
    }

    #[test]
    fn paths_do_not_climb_out() {
        let roots = RecipeRoots::new(vec![std::env::temp_dir()]);
        for path in ["../etc/passwd", "/etc/passwd", "a/../../b", "", "."] {
            assert!(roots.find(path).unwrap().is_none(), "{path}");
        }
    }
}
