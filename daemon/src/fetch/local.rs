//! `path` sources: a directory or an archive beside the recipe, and never one that the recipe could only reach by
//! leaving its directory.

use super::{
    FetchError,
    digest::{Algorithm, Hasher},
};
use nuka_pir::SourceHash;
use std::path::{Component, Path, PathBuf};

/// Finds a `path` source below its recipe's directory.
///
/// # Errors
/// [`FetchError::Path`] where it is absolute, leads out (by `..` or by a symlink) or is not there.
pub(crate) fn find(path: &str, recipe: Option<&Path>) -> Result<PathBuf, FetchError> {
    let refuse = |reason: &str| FetchError::Path { path: path.to_owned(), reason: reason.to_owned() };
    let recipe =
        recipe.ok_or_else(|| refuse("the recipe is not a file of its own, so nothing is beside it"))?;
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.is_empty() || !Path::new(path).components().all(inside) {
        return Err(refuse("it leads out of the recipe's directory"));
    }
    let root = fs_err::canonicalize(recipe).map_err(FetchError::io(recipe))?;
    let found = match fs_err::canonicalize(root.join(path)) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(refuse("it is not there")),
        Err(error) => return Err(FetchError::io(root.join(path))(error)),
    };
    if !found.starts_with(&root) {
        return Err(refuse("it is a symlink that leads out of the recipe's directory"));
    }
    Ok(found)
}

/// The hash and the size of a file.
pub(crate) fn hash(path: &Path, algorithm: Algorithm) -> Result<(SourceHash, u64), FetchError> {
    let mut hasher = Hasher::new(algorithm);
    let read = fs_err::File::open(path).and_then(|mut file| hasher.read(&mut file));
    let size = read.map_err(FetchError::io(path))?;
    Ok((hasher.finish(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_beside_the_recipe() {
        let root = tempfile::tempdir().unwrap();
        let recipes = root.path().join("recipes");
        fs_err::create_dir_all(recipes.join("src")).unwrap();
        fs_err::write(root.path().join("secret"), "").unwrap();
        assert!(find("src", Some(&recipes)).unwrap().ends_with("recipes/src"));
        assert!(find("./src", Some(&recipes)).is_ok());
        for path in ["", "/etc/passwd", "../secret", "src/../../secret", "nowhere"] {
            assert!(matches!(find(path, Some(&recipes)), Err(FetchError::Path { .. })), "{path}");
        }
        assert!(find("src", None).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", recipes.join("link")).unwrap();
            assert!(find("link", Some(&recipes)).is_err());
        }
    }
}
