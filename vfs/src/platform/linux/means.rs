//! Asking this host for the means of mounting.

use super::mount::open_device;
use crate::mount::{MountMeans, Unavailable};
use rustix::{
    mount::{FsOpenFlags, fsopen},
    thread::{CapabilitySet, capabilities},
};
use std::{os::unix::fs::MetadataExt, path::Path};

pub(crate) fn probe_means(means: MountMeans, device: &Path, programs: &[&Path]) -> Result<(), Unavailable> {
    match means {
        MountMeans::Privileged => privileged().and_then(|()| openable(device)),
        MountMeans::Fusermount => fusermount(programs).and_then(|()| openable(device)),
        MountMeans::UserNamespace => {
            let allowed = crate::probe::user_namespaces();
            allowed.map_err(|reason| Unavailable::NoUserNamespace { reason })?;
            has_fuse()?;
            openable(device)
        }
    }
}

fn privileged() -> Result<(), Unavailable> {
    let ours = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
    if !ours {
        return Err(Unavailable::NotPrivileged);
    }
    match fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC) {
        Ok(_) => Ok(()),
        Err(error) => Err(Unavailable::NoFuse { reason: error.to_string() }),
    }
}

/// Who may not mount cannot ask for the filesystem, but can read which there are.
fn has_fuse() -> Result<(), Unavailable> {
    let known = fs_err::read_to_string("/proc/filesystems");
    if known.is_ok_and(|known| known.lines().any(|line| line.trim_start_matches("nodev").trim() == "fuse")) {
        Ok(())
    } else {
        Err(Unavailable::NoFuse { reason: "/proc/filesystems does not list it".to_owned() })
    }
}

fn openable(device: &Path) -> Result<(), Unavailable> {
    match open_device(device) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Unavailable::Device { device: device.display().to_string(), reason: error.to_string() })
        }
    }
}

fn fusermount(programs: &[&Path]) -> Result<(), Unavailable> {
    let found =
        programs.iter().map(|directory| directory.join("fusermount3")).find(|program| program.is_file());
    let program = found.ok_or(Unavailable::NoFusermount)?;
    let powerful = fs_err::metadata(&program).is_ok_and(|file| file.uid() == 0 && file.mode() & 0o4000 != 0);
    if powerful || super::ids().0 == 0 {
        Ok(())
    } else {
        Err(Unavailable::FusermountPowerless { program: program.display().to_string() })
    }
}
