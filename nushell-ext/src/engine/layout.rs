//! Where recipe files stand in the tree that nu's parser believes to see.
//!
//! The root's name has a NUL byte in it. Nu looks for a file among the virtual ones first and on the disk
//! next; a path with a NUL byte is refused by every system call, so the second look finds nothing, ever.

/// The directory of the recipe roots, for nu.
pub(crate) const ROOT: &str = "/\0nuka";

/// What nu believes to be the file that asks for a recipe.
pub(crate) const ENTRY: &str = "/\0nuka/=entry";

/// The path for nu of `path`, used by a file whose directory for nu is `directory`.
pub(crate) fn join(directory: &str, path: &str) -> String {
    format!("{directory}/{path}")
}

/// The directory of a path for nu.
pub(crate) fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or(ROOT, |(directory, _)| directory)
}
