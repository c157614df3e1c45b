//! Files that a program is given by name and may not see: said before it starts, because what the program itself says
//! of them ("no such file") leads nowhere.

use crate::{
    context::{Context, WorkArguments},
    daemon::Grants,
    report::escape::escape,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Says which of a program's arguments name files that are there and outside of what it may read.
pub fn say(context: &Context, program: &str, arguments: &[OsString], grants: &Grants) {
    let here = &context.environment.current_directory;
    // A home directory, or everything, is let in only when it is named.
    let closed = context.config(&WorkArguments::LOCAL).is_in_home();
    let mut seen: Vec<PathBuf> = grants.directories.iter().map(|granted| granted.host.clone()).collect();
    seen.extend(here.canonicalize().ok().filter(|_| !closed));
    for argument in arguments {
        if let Some(path) = outside(here, Path::new(argument), &seen) {
            let directory = if path.is_dir() { &path } else { path.parent().unwrap_or(&path) };
            let (path, directory) = (path.display().to_string(), directory.display().to_string());
            context.say(&format!(
                "{} may not see {}: `--dir {}` before the program's name lets it",
                escape(program),
                escape(&path),
                escape(&directory)
            ));
        }
    }
}

/// The path that an argument names, if there is something and it is really below none of the directories.
fn outside(here: &Path, argument: &Path, seen: &[PathBuf]) -> Option<PathBuf> {
    let looks_like_a_path = argument.to_str().is_some_and(|text| !text.is_empty() && !text.starts_with('-'));
    let real = here.join(argument).canonicalize().ok().filter(|_| looks_like_a_path)?;
    let inside = seen.iter().any(|directory| real.starts_with(directory));
    // As it is written, since that is where the program looks.
    std::path::absolute(here.join(argument)).ok().filter(|_| !inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_and_elsewhere_is_outside() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (here, other) = (root.join("here"), root.join("other"));
        for path in [&here, &other] {
            fs_err::create_dir(path).unwrap();
            fs_err::write(path.join("file"), "").unwrap();
        }
        std::os::unix::fs::symlink(other.join("file"), here.join("link")).unwrap();
        let seen = [here.clone()];
        let outside = |argument: &str, seen: &[PathBuf]| super::outside(&here, Path::new(argument), seen);
        for inside in ["file", "./file", "-o", "", "nothing", "../nothing", "."] {
            assert_eq!(outside(inside, &seen), None, "{inside}");
        }
        for path in ["../other/file", "link"] {
            assert_eq!(outside(path, &seen), Some(here.join(path)), "{path}");
        }
        assert_eq!(outside("../other/file", &[here.clone(), other]), None);
        assert_eq!(outside("file", &[]), Some(here.join("file")));
    }
}
