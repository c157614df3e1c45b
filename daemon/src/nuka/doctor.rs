//! Whether this machine has what nuka needs, and what to do where it has not.

use super::Nuka;
use crate::{api::Finding, fault::Fault, launcher};
use nuka_vfs::probe;
use std::path::PathBuf;

/// Free space below which a first build is likely to fail: compiler, sources, and the compiled compiler.
pub const SPACE: u64 = 2 << 30;

/// Free memory below which compiling the compiler is likely to fail.
pub const MEMORY: u64 = 3 << 30;

impl Nuka {
    /// Looks at everything and says what it found.
    pub fn doctor(&self, store: Result<PathBuf, Box<Fault>>) -> Vec<Finding> {
        let probe = probe::probe(&self.config.store);
        let mut findings = vec![Finding {
            subject: "system".to_owned(),
            good: true,
            found: format!("{}, {} jobs at once", probe.kernel, self.config.jobs),
            help: None,
        }];
        findings.push(disk(probe.free_space));
        findings.push(memory(probe.free_memory));
        findings.push(match store {
            Ok(store) => finding("store", true, store.display().to_string(), None),
            Err(fault) => finding("store", false, fault.message, fault.help),
        });
        findings.push(match self.engine() {
            Ok(_) => finding("wasm engine", true, "runs on this CPU".to_owned(), None),
            Err(error) => finding("wasm engine", false, error.to_string(), error.help()),
        });
        findings.push(match self.modules() {
            Ok(_) => finding("compiled programs", true, self.config.modules().display().to_string(), None),
            Err(error) => finding("compiled programs", false, error.to_string(), error.help()),
        });
        findings.push(match self.published() {
            Ok(published) => finding("published CIDs", true, format!("{} packages", published.len()), None),
            Err(error) => finding("published CIDs", false, error.to_string(), error.help()),
        });
        findings.extend(self.launchers());
        let names = self.roots.names();
        findings.push(finding("recipes", !names.is_empty(), format!("{} recipes", names.len()), None));
        // Not needed for building and running wasm: a machine without them is a good one all the same.
        let else_none = |result: &Result<(), String>, what: &str| match result {
            Ok(()) => what.to_owned(),
            Err(reason) => format!("not to be had ({reason}); wasm builds and programs do without"),
        };
        let found = else_none(&probe.user_namespaces, "unprivileged ones can be made");
        findings.push(finding("user namespaces", true, found, None));
        let found = match probe.landlock {
            Some(version) => format!("version {version}, beside the mounts of a root of its own"),
            None => "not to be had; roots of their own have their mounts alone".to_owned(),
        };
        findings.push(finding("landlock", true, found, None));
        match self.view_means() {
            Ok(means) => findings.extend(means.into_iter().map(|(means, answer)| {
                let found = match answer {
                    Ok(()) => "can be used".to_owned(),
                    Err(reason) => format!("not to be had ({reason})"),
                };
                finding(&format!("view: {means}"), true, found, None)
            })),
            Err(error) => findings.push(finding("views", false, error.to_string(), error.help())),
        }
        for (means, answer) in self.mount_means() {
            let found = else_none(&answer.map_err(|reason| reason.to_string()), "can be used");
            findings.push(finding(&format!("mount: {means}"), true, found, None));
        }
        findings
    }
}

impl Nuka {
    /// Whether what installed programs are started by is there, if anything was ever installed.
    fn launchers(&self) -> Option<Finding> {
        let link = self.config.profiles().join(launcher::LINK);
        let program = std::fs::read_link(&link).ok()?;
        let good = link.is_file();
        let found =
            format!("started by {}{}", program.display(), if good { "" } else { ", which is not there" });
        let help = (!good).then(|| "`nuka setup` finds it anew, as does each change of a profile".to_owned());
        Some(finding("installed programs", good, found, help))
    }

    /// What is likely to run out while sources are fetched and built for the first time, with what to do.
    pub(super) fn shortages(&self) -> Vec<String> {
        let findings = [disk(probe::free_space(&self.config.store)), memory(probe::free_memory())];
        findings.iter().filter(|finding| !finding.good).map(shortage).collect()
    }
}

fn shortage(finding: &Finding) -> String {
    let help = finding.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
    format!("{}: {}{help}", finding.subject, finding.found)
}

fn disk(free: Option<u64>) -> Finding {
    amount("disk", free, SPACE, "make room, or set NUKA_STORE to a larger disk")
}

fn memory(free: Option<u64>) -> Finding {
    amount("memory", free, MEMORY, "close other programs while clang is compiled")
}

fn finding(subject: &str, good: bool, found: String, help: Option<String>) -> Finding {
    Finding { subject: subject.to_owned(), good, found, help }
}

fn amount(subject: &str, free: Option<u64>, wanted: u64, help: &str) -> Finding {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    match free {
        None => finding(subject, true, "the machine does not say how much is free".to_owned(), None),
        Some(free) if free < wanted => {
            let found = format!("{:.1} GiB free; a first build wants about {:.0}", gib(free), gib(wanted));
            finding(subject, false, found, Some(help.to_owned()))
        }
        Some(free) => finding(subject, true, format!("{:.1} GiB free", gib(free)), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_said_with_what_to_do() {
        assert!(disk(Some(SPACE)).good && memory(Some(MEMORY)).good && disk(None).good);
        insta::assert_snapshot!(shortage(&disk(Some(300 << 20))), @"disk: 0.3 GiB free; a first build wants about 2: make room, or set NUKA_STORE to a larger disk");
        insta::assert_snapshot!(shortage(&memory(Some(1 << 30))), @"memory: 1.0 GiB free; a first build wants about 3: close other programs while clang is compiled");
    }
}
