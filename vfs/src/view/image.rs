//! Views as images: one file that says what is in a tree, and a mount of it over the objects.
//!
//! The kernel reads it by EROFS and an overlay takes the bytes of files from the objects. Making that mount takes the right to
//! mount in the system's own user namespace; whoever has it can hand the mount over to a process that has not.

use super::{
    error::ViewError,
    object_name,
    prepare::{self, Temporary},
};
use crate::{
    erofs::{Entry, Inode, Tree, write},
    filesystem::EPOCH_SECONDS,
    integrity::Integrity,
    platform,
};
use nuka_pir::{BlobId, Cid};
use nuka_store::{Node, ObjectReader, walk};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::{
    collections::HashMap,
    io::{self, BufWriter, Write as _},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The image's name in its directory.
const NAME: &str = "image";

/// A mount that is at no place yet. It can be put at one, once.
#[derive(Debug, Clone)]
pub struct Detached {
    mount: Arc<OwnedFd>,
    path: PathBuf,
}

impl Detached {
    /// Shows what is in it, before it is anywhere: a path that holds in this process.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mount, to be handed to another process.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }

    pub(crate) fn shared(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.mount)
    }
}

impl From<OwnedFd> for Detached {
    fn from(mount: OwnedFd) -> Self {
        let path = format!("/proc/self/fd/{}", mount.as_raw_fd()).into();
        Self { mount: Arc::new(mount), path }
    }
}

impl PartialEq for Detached {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount)
    }
}

impl Eq for Detached {}

/// Writes the image of the tree `cid` to a file in the directory `place`, unless somebody else is faster.
pub(super) fn prepare<O: ObjectReader>(
    objects: &O,
    integrity: &Integrity,
    cid: &Cid,
    place: &Path,
) -> Result<(), ViewError> {
    if let Some(parent) = place.parent() {
        prepare::make_directory(parent)?;
        prepare::remove_stale(parent)?;
    }
    let tree = tree(objects, integrity, cid)?;
    let temporary = Temporary::make(place)?;
    let path = temporary.path().join(NAME);
    let written = fs_err::File::create_new(&path).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&tree, &mut out)?;
        out.flush()?;
        // A torn image would be read by the kernel.
        out.get_ref().sync_data()
    });
    written.map_err(|source| ViewError::Io { action: "write", path, source })?;
    temporary.publish(place)
}

/// Mounts the image that [`prepare`] wrote.
pub(super) fn mount(place: &Path, objects: &Path) -> Result<Detached, ViewError> {
    let path = place.join(NAME);
    let mounted = platform::mount_image(&path, objects);
    Ok(mounted.map_err(|(action, source)| ViewError::Io { action, path, source })?.into())
}

/// The tree as an image has it. Files with the same bytes and rights are one, with several names.
fn tree<O: ObjectReader>(objects: &O, integrity: &Integrity, cid: &Cid) -> Result<Tree, ViewError> {
    let mut tree = Tree { seconds: EPOCH_SECONDS, ..Tree::default() };
    for (to, from) in tree.uuid.iter_mut().zip(cid.as_bytes()) {
        *to = *from;
    }
    tree.inodes.push(Inode::Directory(Vec::new()));
    // The directories from the root to where the walk is.
    let mut open = vec![0];
    let mut files: HashMap<(BlobId, u64, bool), usize> = HashMap::new();
    for visit in walk(objects, cid) {
        let visit = visit?;
        open.truncate(visit.path.depth());
        let (Some(directory), Some(name)) = (open.last().copied(), visit.path.names().last()) else {
            continue;
        };
        let new = tree.inodes.len();
        let inode = match &visit.node {
            Node::Directory { .. } => {
                tree.inodes.push(Inode::Directory(Vec::new()));
                open.push(new);
                new
            }
            Node::Symlink { target } => {
                tree.inodes.push(Inode::Symlink(target.as_bytes().into()));
                new
            }
            Node::File { blob, size, executable } => match files.get(&(*blob, *size, *executable)) {
                Some(known) => *known,
                None => {
                    integrity.check_object(objects, blob, *size)?;
                    let mut redirect = b"/".to_vec();
                    redirect.extend(object_name(objects, blob).as_os_str().as_bytes());
                    let (size, executable) = (*size, *executable);
                    tree.inodes.push(Inode::File { size, executable, redirect: redirect.into() });
                    files.insert((*blob, size, executable), new);
                    new
                }
            },
        };
        if let Some(Inode::Directory(entries)) = tree.inodes.get_mut(directory) {
            entries.push(Entry { name: name.as_bytes().into(), inode });
        }
    }
    Ok(tree)
}

/// Makes an image of one file with these bytes in `place`, mounts it, and looks.
pub(super) fn trial(place: &Path, bytes: &[u8]) -> Result<bool, (&'static str, io::Error)> {
    let objects = place.join("objects");
    let image = place.join(NAME);
    let file =
        Inode::File { size: bytes.len() as u64, executable: false, redirect: b"/ab/cdef".as_slice().into() };
    let root = Inode::Directory(vec![Entry { name: b"file".as_slice().into(), inode: 1 }]);
    let tree = Tree { inodes: vec![root, file], ..Tree::default() };
    let written = fs_err::create_dir_all(objects.join("ab"))
        .and_then(|()| fs_err::write(objects.join("ab/cdef"), bytes))
        .and_then(|()| write(&tree, &mut fs_err::File::create(&image)?));
    written.map_err(|error| ("write to the cache", error))?;
    let mounted = Detached::from(platform::mount_image(&image, &objects)?);
    let seen = fs_err::read(mounted.path().join("file")).map_err(|error| ("read through an image", error))?;
    Ok(seen == bytes)
}
