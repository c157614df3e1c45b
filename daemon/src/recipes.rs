//! Where recipes come from: the person's own directories first, then those that are part of the program.

use crate::beneath;
use fs_err as fs;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

mod built_in {
    include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
}

/// The recipe roots, in the order in which a path is looked for.
#[derive(Debug, Clone, Default)]
pub struct RecipeRoots {
    directories: Vec<PathBuf>,
}

/// Where one recipe file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a directory of the person's.
    File(PathBuf),
    /// Part of the program.
    BuiltIn,
}

/// Bytes of a recipe file that are read at most: more than the evaluator takes.
const MOST: u64 = 2 << 20;

impl RecipeRoots {
    /// Roots in order of precedence; the built-in recipes come last.
    pub fn new(directories: Vec<PathBuf>) -> Self {
        Self { directories }
    }

    /// The same roots with one more before them: the directory of a recipe that was named by its path.
    pub fn with_first(&self, directory: PathBuf) -> Self {
        let others = self.directories.iter().filter(|other| **other != directory).cloned();
        Self { directories: std::iter::once(directory.clone()).chain(others).collect() }
    }

    /// Finds a recipe file by its path below the roots (`zlib.nu`, `lib/c.nu`).
    pub fn find(&self, path: &str) -> io::Result<Option<(Origin, Arc<[u8]>)>> {
        // A path comes from a recipe's text: it stays below the root or names nothing.
        if path.is_empty()
            || path.starts_with('/')
            || path.split('/').any(|part| matches!(part, "" | "." | ".."))
        {
            return Ok(None);
        }
        for directory in &self.directories {
            let file = directory.join(path);
            match beneath::read(directory, path, MOST) {
                Ok(bytes) => return Ok(Some((Origin::File(file), bytes.into()))),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let found = built_in::BUILT_IN.binary_search_by(|(name, _)| (*name).cmp(path)).ok();
        Ok(found
            .and_then(|at| built_in::BUILT_IN.get(at))
            .map(|(_, bytes)| (Origin::BuiltIn, Arc::from(*bytes))))
    }

    /// The directory that local sources of a recipe file are relative to; none for built-in recipes.
    pub fn directory_of(&self, path: &str) -> io::Result<Option<PathBuf>> {
        Ok(match self.find(path)? {
            Some((Origin::File(file), _)) => file.parent().map(Path::to_owned),
            _ => None,
        })
    }

    /// Names of all recipes: files right below a root.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for directory in &self.directories {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|entry| recipe_name(&entry.file_name().to_string_lossy())));
        }
        names.extend(built_in::BUILT_IN.iter().filter_map(|(path, _)| recipe_name(path)));
        names.into_iter().collect()
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
        let roots = RecipeRoots::default().with_first(dir.path().to_owned());
        assert_eq!(&*roots.find(&file).unwrap().unwrap().1, b"mine");
        assert_eq!(roots.directory_of(&file).unwrap().unwrap(), dir.path());
    }

    #[test]
    fn paths_do_not_climb_out() {
        let roots = RecipeRoots::new(vec![std::env::temp_dir()]);
        for path in ["../etc/passwd", "/etc/passwd", "a/../../b", "", "."] {
            assert!(roots.find(path).unwrap().is_none(), "{path}");
        }
    }
}
