//! Starting programs by launchers, and writing those of shells: see `nuka_daemon::launcher`.
//!
//! Launchers start `nuka-launch`, which has little in it and starts the faster for that, or `nuka` itself, which can do the
//! same and whatever else it takes. Where nuka has to be started through the dynamic loader, which leaves no room for the verb,
//! it is let in under the name [`NAME`], and known by that.

mod start;
mod write;

pub use crate::daemon::{LAUNCH as VERB, LAUNCH_PROGRAM as NAME, Launcher};
pub use start::{alone, run};
pub use write::{FILES, Launchers, write};

use crate::daemon::{Grants, Prepared};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// For a program in a shell with these grants. In one that is `apart` from the host, directories are where they were
/// let in.
pub fn launcher(prepared: &Prepared, grants: &Grants, apart: bool) -> Launcher {
    let env = grants.env.iter().map(|(name, _)| name.clone()).collect();
    let mut grants = Grants { env: Vec::new(), ..grants.clone() };
    if apart {
        for directory in &mut grants.directories {
            directory.host = PathBuf::from(&directory.guest);
        }
    }
    Launcher { prepared: prepared.clone(), grants, env, beside: None }
}

/// The launcher, and what the program is given, if these are the arguments of a launch by nuka.
pub fn wanted(arguments: &[OsString]) -> Option<(&Path, &[OsString])> {
    by_verb(arguments).or_else(|| match arguments {
        [own, file, rest @ ..] if Path::new(own).file_name() == Some(OsStr::new(NAME)) => {
            Some((Path::new(file), rest))
        }
        _ => None,
    })
}

/// The same with the verb.
fn by_verb(arguments: &[OsString]) -> Option<(&Path, &[OsString])> {
    match arguments {
        [_, verb, file, rest @ ..] if verb == VERB => Some((Path::new(file), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_are_told_from_commands() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let launch = words(&["nuka", VERB, "/l/lua", "-e", "x"]);
        assert_eq!(wanted(&launch), Some((Path::new("/l/lua"), &launch[3..])));
        let through = words(&["/nuka/host/bin/nuka-launch", "/l/lua", "--help"]);
        assert_eq!(wanted(&through), Some((Path::new("/l/lua"), &through[2..])));
        assert_eq!(wanted(&words(&["nuka", "run", "lua"])), None);
        assert_eq!(wanted(&words(&["nuka", VERB])), None);
    }
}
