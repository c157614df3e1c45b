//! The probe's answers on Linux.

use super::Probe;
use fs_err as fs;
use std::path::Path;

pub(super) fn probe(path: &Path) -> Probe {
    let name = rustix::system::uname();
    Probe {
        kernel: format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
        free_space: free_space(path),
        free_memory: free_memory(),
        fuse: fuse(),
        user_namespaces: user_namespaces(),
        landlock: crate::platform::landlock(),
    }
}

pub(super) fn free_space(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let filesystem = rustix::fs::statvfs(existing).ok()?;
    filesystem.f_bavail.checked_mul(filesystem.f_frsize)
}

pub(super) fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn fuse() -> Result<(), String> {
    match fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn user_namespaces() -> Result<(), String> {
    // Debian and Ubuntu have switches of their own beside the kernel's limit.
    let forbidding = [
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    for (file, forbidden) in forbidding {
        if fs::read_to_string(file).is_ok_and(|value| value.trim() == forbidden) {
            return Err(format!("{file} is {forbidden}"));
        }
    }
    if Path::new("/proc/self/ns/user").exists() {
        Ok(())
    } else {
        Err("this kernel has no user namespaces".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_probe_answers_for_a_path_that_is_not_there_yet() {
        let found = super::probe(Path::new("/nuka-that-is-not/here"));
        assert!(found.kernel.starts_with("Linux "));
        assert!(found.free_space.is_some());
        assert!(found.free_memory.is_some());
    }
}
