//! Trees from directories of the host, and changes written back to them.

use std::{
    io,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::PermissionsExt,
    },
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::tree::{Change, Content, File, MAX_DEPTH, Name, Node, Tree};

/// A file of the host, read when a process reads it. It must not change while the tree is in use.
struct HostFile {
    path: PathBuf,
    length: u64,
}

impl Content for HostFile {
    fn len(&self) -> u64 {
        self.length
    }

    fn load(&self) -> io::Result<Bytes> {
        fs_err::read(&self.path).map(Bytes::from)
    }
}

/// A tree of what is below a directory of the host. Files are read only when a process reads them. Devices,
/// sockets and pipes are left out.
///
/// # Errors
/// What listing a directory gives; or `InvalidData` when directories nest deeper than
/// [`MAX_DEPTH`].
pub fn load(dir: &Path) -> io::Result<Tree> {
    load_below(dir, 0)
}

fn load_below(dir: &Path, depth: usize) -> io::Result<Tree> {
    if depth >= MAX_DEPTH {
        let message = format!("`{}` is more than {MAX_DEPTH} directories deep", dir.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut tree = Tree::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        let name = Name::new(entry.file_name().as_bytes()).map_err(io::Error::other)?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let node = if kind.is_dir() {
            Node::Directory(load_below(&path, depth + 1)?)
        } else if kind.is_symlink() {
            Node::Symlink(fs_err::read_link(&path)?.into_os_string().into_vec().into())
        } else if kind.is_file() {
            let metadata = entry.metadata()?;
            let executable = metadata.permissions().mode() & 0o111 != 0;
            Node::File(File::lazy(HostFile { path, length: metadata.len() }, executable))
        } else {
            continue;
        };
        tree.insert_entry(name, node);
    }
    Ok(tree)
}

/// Writes a whole tree into a directory of the host, which is made if it is not there.
///
/// # Errors
/// What writing gives.
pub fn store(tree: &Tree, dir: &Path) -> io::Result<()> {
    fs_err::create_dir_all(dir)?;
    for (name, node) in tree.iter() {
        write(&dir.join(os(name.as_bytes())), node)?;
    }
    Ok(())
}

/// Applies changes, as [`diff`](crate::tree::diff) lists them, to a directory of the host. Whatever stands in the way of a
/// write is replaced; symlinks are never followed at the path's end.
///
/// # Errors
/// What reading the files gives, before anything is changed; or what writing gives: changes before the one that
/// failed are done then.
pub fn apply(changes: &[Change], dir: &Path) -> io::Result<()> {
    // A file that was moved or copied is read from this very directory: before it is changed.
    for change in changes {
        match change {
            Change::Write { node: Node::File(file), .. } => drop(file.bytes()?),
            Change::Write { node: Node::Directory(tree), .. } => {
                tree.walk()
                    .filter_map(|(_, node)| node.as_file())
                    .try_for_each(|file| file.bytes().map(drop))?;
            }
            _ => {}
        }
    }
    for change in changes {
        let path = dir.join(os(change.path()));
        match change {
            Change::Remove { .. } => remove(&path)?,
            Change::Write { node, .. } => {
                remove(&path)?;
                write(&path, node)?;
            }
        }
    }
    Ok(())
}

fn os(bytes: &[u8]) -> &std::ffi::OsStr {
    std::ffi::OsStr::from_bytes(bytes)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

// Recursion is bounded by MAX_DEPTH.
fn write(path: &Path, node: &Node) -> io::Result<()> {
    match node {
        Node::Directory(tree) => store(tree, path),
        Node::Symlink(target) => fs_err::os::unix::fs::symlink(os(target), path),
        Node::File(file) => {
            fs_err::write(path, file.bytes()?)?;
            if file.executable() {
                let mode = fs_err::metadata(path)?.permissions().mode();
                // Executable for whom it is readable.
                fs_err::set_permissions(path, PermissionsExt::from_mode(mode | (mode & 0o444) >> 2))?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::diff;

    #[test]
    fn a_directory_goes_through_a_tree_and_back() {
        let temporary = tempfile::tempdir().unwrap();
        let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
        let mut tree = Tree::new();
        tree.insert("bin/tool", File::from_bytes("run", true)).unwrap();
        tree.insert("share/text", File::from_bytes("words", false)).unwrap();
        tree.insert("share/link", Node::Symlink("text".into())).unwrap();
        tree.insert("empty", Tree::new()).unwrap();
        store(&tree, &from).unwrap();
        let loaded = load(&from).unwrap();
        assert!(diff(&tree, &loaded).unwrap().is_empty());
        store(&loaded, &to).unwrap();
        let mut after = loaded.clone();
        after.remove("bin").unwrap();
        after.insert("share", File::from_bytes("now a file", false)).unwrap();
        apply(&diff(&loaded, &after).unwrap(), &to).unwrap();
        assert!(diff(&after, &load(&to).unwrap()).unwrap().is_empty());
    }
}
