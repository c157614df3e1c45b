//! From a path to what it names.
//!
//! A path begins at an open directory. `..` and symlinks may lead anywhere inside the trees that the process
//! was given, as they would on a real system: above a mount's root stand the names that lead to the mounts and
//! nothing else, so a path that climbs out of one mount can enter another, and one that ends between them, or
//! leaves them, gives `ENOTCAPABLE`. A path that itself begins with `/` gives that too: in preview 1 all paths are relative.

use std::borrow::Cow;

use super::{Errno, Fs, Id, Kind};
use crate::tree::MAX_NAME_LEN;

/// Symlinks that one path may lead through.
const MAX_SYMLINKS: usize = 40;

/// Longest path, in bytes.
const MAX_PATH: usize = 4096;

/// Whether a symlink at the path's very end is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Yes,
    No,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// What is there; `None` when nothing is, but the directory that it would be in is there.
    pub(crate) id: Option<Id>,
    /// The directory and the name in it; `None` when the path ends in `.`, `..` or a mount's root.
    pub(crate) place: Option<(Id, Vec<u8>)>,
    /// Whether the path ends in a slash, so that only a directory will do.
    pub(crate) directory: bool,
}

impl Target {
    /// What is there.
    pub(crate) fn found(&self) -> Result<Id, Errno> {
        self.id.ok_or(Errno::Noent)
    }

    /// The directory and name, for making, removing or renaming what is there.
    pub(crate) fn place(&self) -> Result<(Id, &[u8]), Errno> {
        self.place.as_ref().map(|(id, name)| (*id, name.as_slice())).ok_or(Errno::Inval)
    }
}

/// Where the walk along a path stands.
enum At {
    Inode(Id),
    /// Above the mounts, at the directory with these names.
    Above(Vec<Vec<u8>>),
}

impl Fs {
    /// Finds what `path` names, beginning at the directory `start`.
    pub(crate) fn resolve(&mut self, start: Id, path: &[u8], follow: Follow) -> Result<Target, Errno> {
        match path.first() {
            None => return Err(Errno::Noent),
            Some(b'/') => return Err(Errno::Notcapable),
            _ if path.len() > MAX_PATH => return Err(Errno::Nametoolong),
            _ if path.contains(&0) => return Err(Errno::Inval),
            _ => {}
        }
        // Names still to be walked, the next one last.
        let mut pending: Vec<Cow<'_, [u8]>> = path.split(|&b| b == b'/').rev().map(Cow::Borrowed).collect();
        let mut directory = false;
        let (mut at, mut links) = (At::Inode(start), 0);
        let mut place = None;
        while let Some(name) = pending.pop() {
            match &*name {
                // An empty name at the end is a trailing slash.
                b"" => {
                    directory |= pending.is_empty();
                    self.must_be_directory(&at)?;
                }
                b"." => {
                    place = None;
                    self.must_be_directory(&at)?;
                }
                b".." => {
                    place = None;
                    at = self.above(at)?;
                }
                name => {
                    let inside = match at {
                        At::Above(names) => {
                            place = None;
                            at = self.below(names, name)?;
                            continue;
                        }
                        At::Inode(inside) => inside,
                    };
                    if name.len() > MAX_NAME_LEN {
                        return Err(Errno::Nametoolong);
                    }
                    let slash = !pending.is_empty();
                    let last = pending.iter().all(|rest| rest.is_empty());
                    let Some(id) = self.child(inside, name)? else {
                        if !last {
                            return Err(Errno::Noent);
                        }
                        return Ok(Target {
                            id: None,
                            place: Some((inside, name.to_vec())),
                            directory: slash,
                        });
                    };
                    let symlink = match &self.node(id).kind {
                        Kind::Symlink(target) if !last || slash || follow == Follow::Yes => {
                            Some(target.clone())
                        }
                        _ => None,
                    };
                    let Some(target) = symlink else {
                        place = Some((inside, name.to_vec()));
                        at = At::Inode(id);
                        continue;
                    };
                    links += 1;
                    if links > MAX_SYMLINKS {
                        return Err(Errno::Loop);
                    }
                    if target.len() > MAX_PATH {
                        return Err(Errno::Nametoolong);
                    }
                    self.node_mut(id).seen.metadata = true;
                    at = if target.first() == Some(&b'/') {
                        At::Above(Vec::new()).entered(self)
                    } else {
                        At::Inode(inside)
                    };
                    let names = target.split(|&b| b == b'/').rev().filter(|name| !name.is_empty());
                    pending.extend(names.map(|name| Cow::Owned(name.to_vec())));
                }
            }
        }
        match at {
            At::Inode(id) if directory && !self.is_directory(id) => Err(Errno::Notdir),
            At::Inode(id) => Ok(Target { id: Some(id), place, directory }),
            At::Above(_) => Err(Errno::Notcapable),
        }
    }

    fn must_be_directory(&self, at: &At) -> Result<(), Errno> {
        match at {
            At::Inode(id) => self.directory(*id).map(|_| ()),
            At::Above(_) => Ok(()),
        }
    }

    /// One directory up.
    fn above(&self, at: At) -> Result<At, Errno> {
        match at {
            At::Above(mut names) => {
                names.pop();
                Ok(At::Above(names))
            }
            At::Inode(id) => {
                self.directory(id)?;
                if let Some(parent) = self.node(id).parent {
                    return Ok(At::Inode(parent));
                }
                let mount = self.mounts.iter().find(|m| m.root == id).ok_or(Errno::Noent)?;
                let mut names: Vec<_> =
                    mount.path.components().iter().map(|n| n.as_bytes().to_vec()).collect();
                match names.pop() {
                    Some(_) => Ok(At::Above(names)),
                    None => Ok(At::Inode(id)),
                }
            }
        }
    }

    /// One name down from above the mounts.
    fn below(&self, mut names: Vec<Vec<u8>>, name: &[u8]) -> Result<At, Errno> {
        names.push(name.to_vec());
        let leads = |m: &super::Mounted| {
            let path = m.path.components();
            path.len() >= names.len() && path.iter().zip(&names).all(|(a, b)| a.as_bytes() == b.as_slice())
        };
        if self.mounts.iter().any(leads) {
            Ok(At::Above(names).entered(self))
        } else {
            Err(Errno::Notcapable)
        }
    }
}

impl At {
    /// The mount's root, where these names are exactly a mount's path.
    fn entered(self, fs: &Fs) -> Self {
        let At::Above(names) = &self else { return self };
        let here = |m: &&super::Mounted| {
            let path = m.path.components();
            path.len() == names.len() && path.iter().zip(names).all(|(a, b)| a.as_bytes() == b.as_slice())
        };
        fs.mounts.iter().find(here).map_or(self, |m| At::Inode(m.root))
    }
}
