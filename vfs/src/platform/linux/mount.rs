//! Mounting and unmounting: plain calls, by descriptor, so that no step can be led elsewhere by a symlink.

use crate::{
    mount::{Access, MountError, MountOptions, NAME},
    platform::Prepared,
};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{self, CWD, Mode, OFlags},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
        fsconfig_set_fd, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    },
};
use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

/// Makes a mount that is nowhere yet.
pub(crate) fn prepare(options: &MountOptions) -> Result<Prepared, MountError> {
    let device = open_device(&options.device)
        .map_err(|error| MountError::Device { device: options.device.clone(), source: error.into() })?;
    let context =
        fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| refused("ask for FUSE", error))?;
    let complain = |error: Errno| MountError::Refused {
        action: "make the FUSE mount",
        source: error.into(),
        said: complaints(&context),
    };
    let number = device.as_raw_fd().to_string();
    let (uid, gid) = super::ids();
    let (uid, gid) = (uid.to_string(), gid.to_string());
    for (key, value) in [
        ("source", NAME),
        ("subtype", NAME),
        ("fd", &number),
        // With the rights that it has: what is said of the root is lost to the kernel where names change just then,
        // and without rights from the start nobody but root could go through it.
        ("rootmode", "40555"),
        ("user_id", &uid),
        ("group_id", &gid),
    ] {
        fsconfig_set_string(&context, key, value).map_err(complain)?;
    }
    fsconfig_set_flag(&context, "default_permissions").map_err(complain)?;
    if options.access == Access::Everyone {
        fsconfig_set_flag(&context, "allow_other").map_err(complain)?;
    }
    fsconfig_set_flag(&context, "ro").map_err(complain)?;
    fsconfig_create(&context).map_err(complain)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOATIME;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(complain)?;
    Ok(Prepared { device, mount })
}

/// Puts a prepared mount on a directory.
pub(crate) fn attach(mount: &OwnedFd, place: &Path) -> Result<(), MountError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let failed = |error: Errno| MountError::Place { place: place.to_owned(), source: error.into() };
    let directory = fs::open(place, flags, Mode::empty()).map_err(failed)?;
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", &directory, "", empty).map_err(failed)
}

pub(super) fn open_device(device: &Path) -> Result<OwnedFd, Errno> {
    fs::openat(CWD, device, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

fn refused(action: &'static str, error: Errno) -> MountError {
    MountError::Refused { action, source: error.into(), said: None }
}

/// What the kernel says about a mount that it did not make: lines that begin with their kind and a space.
fn complaints(context: &OwnedFd) -> Option<String> {
    let (mut said, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count) = rustix::io::read(context, &mut buffer) {
        let line = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).into_owned();
        said.push(line.trim().trim_start_matches(['e', 'w', 'i']).trim().to_owned());
        if count == 0 || said.len() == 8 {
            break;
        }
    }
    if said.is_empty() { None } else { Some(said.join("; ")) }
}

/// Mounts an image of [`erofs`](crate::erofs) over the objects, nowhere yet. What failed is said as a verb with its object.
pub(crate) fn mount_image(image: &Path, objects: &Path) -> Result<OwnedFd, (&'static str, io::Error)> {
    let failed = |action| move |error: Errno| (action, error.into());
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOATIME;
    let by_erofs = || {
        let context = fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", image)?;
        fsconfig_create(&context)?;
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    let names = by_erofs().map_err(failed("mount an EROFS image from a file"))?;
    let by_overlay = || {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", NAME)?;
        // Whoever mounts may say that attributes which only root can write are believed.
        fsconfig_set_string(&context, "metacopy", "on")?;
        fsconfig_set_string(&context, "redirect_dir", "follow")?;
        fsconfig_set_fd(&context, "lowerdir+", names.as_fd())?;
        fsconfig_set_string(&context, "datadir+", objects)?;
        fsconfig_create(&context)?;
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    by_overlay().map_err(failed("put an EROFS image over the objects"))
}

/// The kernel's table of mounts.
pub(crate) fn mount_table() -> io::Result<Vec<u8>> {
    fs_err::read("/proc/self/mountinfo")
}

/// Takes a mount away, with `fusermount3` where this process may not.
pub(crate) fn unmount(place: &Path, detach: bool) -> io::Result<()> {
    let flags = if detach { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match rustix::mount::unmount(place, flags | UnmountFlags::NOFOLLOW) {
        Ok(()) => Ok(()),
        Err(Errno::PERM) => unmount_by_helper(place, detach),
        Err(error) => Err(error.into()),
    }
}

fn unmount_by_helper(place: &Path, detach: bool) -> io::Result<()> {
    let mut helper = Command::new("fusermount3");
    helper.arg("-u").args(detach.then_some("-z")).arg("--").arg(place).stdin(Stdio::null());
    let output = helper.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Errno::PERM.into(),
        _ => error,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.contains("busy") { Err(Errno::BUSY.into()) } else { Err(io::Error::other(said)) }
}
