//! Which directories a live program finds open when it begins, and by which names.
//!
//! A program's C library looks for the longest name that a path begins with, and passes over a leading `/` or `./` in both.
//! So the working directory is open twice, at its own absolute path and as `.`, and a directory below it that was
//! granted by itself is open by its relative name too: else a relative path would reach it through `.`, with what may be
//! done in `.`. A relative name that some absolute one could be taken for is left out; the directory is then reached by its
//! absolute path.

use super::{LiveDir, LiveError};
use crate::{process::Access, tree::GuestPath};
use std::path::{Path, PathBuf};

/// A directory of the host under the name by which the program has it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Preopen {
    pub(super) host: PathBuf,
    pub(super) name: String,
    pub(super) access: Access,
}

/// The directories of a process, in the order of their descriptors.
pub(super) fn preopens(dirs: &[LiveDir], cwd: Option<&(PathBuf, Access)>) -> Result<Vec<Preopen>, LiveError> {
    let mut all = Vec::with_capacity(dirs.len() + 2);
    let mut here = cwd.map(|(host, access)| here(host, *access)).transpose()?;
    let cwd_path = cwd.map(|(host, _)| host.as_path());
    for dir in dirs {
        if dir.guest.components().is_empty() {
            return Err(LiveError::Root);
        }
        let name = String::from_utf8(dir.guest.to_bytes());
        let name = name.map_err(|_| LiveError::NotUtf8 { path: dir.host.clone() })?;
        match &mut here {
            // The working directory itself was named: what that says holds for it by each of its names.
            Some(here) if here.name == name => {
                let wider = here.host == dir.host && here.access == Access::ReadWrite;
                here.host.clone_from(&dir.host);
                here.access = if wider { Access::ReadWrite } else { dir.access };
            }
            _ => all.push(Preopen { host: dir.host.clone(), name, access: dir.access }),
        }
    }
    let relative: Vec<Preopen> =
        cwd_path.map(|cwd| all.iter().filter_map(|dir| below(cwd, dir)).collect()).unwrap_or_default();
    if let Some(here) = here {
        let dot = Preopen { name: ".".to_owned(), ..here.clone() };
        all.extend([here, dot]);
    }
    for dir in relative {
        let first = |name: &str| name.trim_start_matches('/').split('/').next().map(str::to_owned);
        if all.iter().all(|other| first(&other.name) != first(&dir.name)) {
            all.push(dir);
        }
    }
    Ok(all)
}

fn here(host: &Path, access: Access) -> Result<Preopen, LiveError> {
    let name = host.to_str().ok_or_else(|| LiveError::NotUtf8 { path: host.to_owned() })?;
    // What has no parent is `/`, by whatever name.
    if host.parent().is_none() || GuestPath::new(name).is_ok_and(|path| path.components().is_empty()) {
        return Err(LiveError::Root);
    }
    Ok(Preopen { host: host.to_owned(), name: name.to_owned(), access })
}

/// The same directory by its name below the working directory, if it is there.
fn below(cwd: &Path, dir: &Preopen) -> Option<Preopen> {
    let name = Path::new(&dir.name).strip_prefix(cwd).ok()?.to_str().filter(|name| !name.is_empty())?;
    Some(Preopen { name: name.to_owned(), ..dir.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Access::{ReadOnly, ReadWrite};

    fn dir(host: &str, guest: &str, access: Access) -> LiveDir {
        LiveDir { host: host.into(), guest: GuestPath::new(guest).unwrap(), access }
    }

    fn shown(dirs: &[LiveDir], cwd: Option<(&str, Access)>) -> Vec<String> {
        let cwd = cwd.map(|(path, access)| (PathBuf::from(path), access));
        let all = preopens(dirs, cwd.as_ref()).unwrap();
        let access = |access| if access == ReadWrite { "rw" } else { "ro" };
        all.iter().map(|dir| format!("{}:{}:{}", dir.host.display(), dir.name, access(dir.access))).collect()
    }

    #[test]
    fn the_working_directory_has_two_names() {
        assert_eq!(shown(&[], Some(("/h/me", ReadOnly))), ["/h/me:/h/me:ro", "/h/me:.:ro"]);
        assert_eq!(shown(&[dir("/d", "/data", ReadWrite)], None), ["/d:/data:rw"]);
    }

    #[test]
    fn a_grant_of_it_holds_for_both() {
        let named = [dir("/h/me", "/h/me", ReadWrite)];
        assert_eq!(shown(&named, Some(("/h/me", ReadOnly))), ["/h/me:/h/me:rw", "/h/me:.:rw"]);
        let less = [dir("/h/me", "/h/me", ReadOnly)];
        assert_eq!(shown(&less, Some(("/h/me", ReadWrite))), ["/h/me:/h/me:rw", "/h/me:.:rw"]);
        let other = [dir("/other", "/h/me", ReadOnly)];
        assert_eq!(shown(&other, Some(("/h/me", ReadWrite))), ["/other:/h/me:ro", "/other:.:ro"]);
    }

    #[test]
    fn a_directory_below_it_is_reached_by_its_relative_name() {
        let dirs = [dir("/h/me/out", "/h/me/out", ReadWrite)];
        assert_eq!(
            shown(&dirs, Some(("/h/me", ReadOnly))),
            ["/h/me/out:/h/me/out:rw", "/h/me:/h/me:ro", "/h/me:.:ro", "/h/me/out:out:rw"]
        );
        // `usr` could be taken for `/usr`, and `h` for the beginning of `/h/me`.
        let dirs = [
            dir("/view/usr", "/usr", ReadOnly),
            dir("/h/me/usr", "/h/me/usr", ReadWrite),
            dir("/h/me/h", "/h/me/h", ReadWrite),
        ];
        let all = shown(&dirs, Some(("/h/me", ReadOnly)));
        assert!(!all.iter().any(|text| text.contains(":usr:") || text.contains(":h:")), "{all:?}");
    }

    #[test]
    fn the_root_is_never_given() {
        assert!(matches!(preopens(&[dir("/d", "/", ReadOnly)], None), Err(LiveError::Root)));
        assert!(matches!(preopens(&[], Some(&("/".into(), ReadOnly))), Err(LiveError::Root)));
    }
}
