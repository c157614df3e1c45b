//! What is in a generation, in memory.

use super::{installed::Installed, record::PackageChange, setting::Settings};
use crate::nuka::Prepared;
use std::collections::{BTreeMap, BTreeSet};

/// Packages by their names, and settings.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// What is installed. Of each name there is one version.
    pub packages: BTreeMap<String, Installed>,
    /// What was decided.
    pub settings: Settings,
}

/// Two packages have a program of one name, and nobody has said whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The program.
    pub program: String,
    /// The packages that have it.
    pub packages: Vec<String>,
}

impl State {
    /// Every program by its name: the preferred package's where several have one.
    ///
    /// # Errors
    /// The first program of which it is not said whose it is.
    pub fn programs(&self) -> Result<BTreeMap<&str, (&Installed, &Prepared)>, Conflict> {
        let mut programs: BTreeMap<&str, (&Installed, &Prepared)> = BTreeMap::new();
        for package in self.packages.values() {
            for prepared in &package.programs {
                let name = prepared.program.as_str();
                let preferred = self.settings.prefer.get(name).map(String::as_str);
                match programs.get(name) {
                    None => {
                        programs.insert(name, (package, prepared));
                    }
                    Some(_) if preferred == Some(package.name()) => {
                        programs.insert(name, (package, prepared));
                    }
                    Some((other, _)) if preferred == Some(other.name()) => {}
                    Some(_) if preferred.is_some_and(|name| self.has_program(name, &prepared.program)) => {}
                    Some(_) => return Err(self.conflict(name)),
                }
            }
        }
        Ok(programs)
    }

    fn has_program(&self, package: &str, program: &str) -> bool {
        self.packages.get(package).is_some_and(|package| package.program_names().any(|name| name == program))
    }

    fn conflict(&self, program: &str) -> Conflict {
        let having =
            self.packages.values().filter(|package| package.program_names().any(|name| name == program));
        Conflict {
            program: program.to_owned(),
            packages: having.map(|package| package.name().to_owned()).collect(),
        }
    }

    /// Every shared file by its path, the first package's in the order of their names where several have one.
    pub fn files(&self) -> BTreeMap<&str, &nuka_pir::BlobId> {
        let mut files = BTreeMap::new();
        for file in self.packages.values().flat_map(|package| &package.files) {
            files.entry(file.path.as_str()).or_insert(&file.blob);
        }
        files
    }

    /// What of packages is another in `self` than it was in `before`, in the order of their names.
    pub fn changes_since(&self, before: &Self) -> Vec<PackageChange> {
        let names: BTreeSet<&String> = self.packages.keys().chain(before.packages.keys()).collect();
        let mut changes = Vec::new();
        for name in names {
            let (old, new) = (before.packages.get(name), self.packages.get(name));
            let same = match (old, new) {
                (Some(old), Some(new)) => old.package.pid == new.package.pid && old.outputs == new.outputs,
                _ => false,
            };
            if !same {
                let version = |package: &Installed| package.package.version.clone();
                changes.push(PackageChange {
                    name: name.clone(),
                    from: old.map(version),
                    to: new.map(version),
                });
            }
        }
        changes
    }
}
