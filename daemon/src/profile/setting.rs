//! What a person has decided about a profile, which stays when packages come and go.

use crate::api::{GrantedDirectory, Grants};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Decisions by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whose program it is that several packages have: program to package.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prefer: BTreeMap<String, String>,
    /// What programs may do beyond what their recipes declare.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permits: BTreeMap<String, Permit>,
    /// Variables of sessions that have this profile.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Files of an environment, by their paths below `files/`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Commands of the person's shell, for when a session begins.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<String, String>,
}

/// What stands for the place of an environment's files in its variables and hooks.
pub const FILES: &str = "$NUKA_FILES";

impl Settings {
    /// What of it an environment says.
    pub fn of_environment(&self) -> [&BTreeMap<String, String>; 3] {
        [&self.variables, &self.files, &self.hooks]
    }

    /// What the environment's own programs may do: see its variables, and read its files where they are.
    pub fn permit(&self, files: &Path) -> Permit {
        let directories = match self.files.is_empty() {
            true => BTreeMap::new(),
            false => [(files.to_owned(), false)].into(),
        };
        Permit { directories, env: self.variables.keys().cloned().collect(), ..Permit::default() }
    }

    /// With the place of its files in its variables and hooks, wherever `$NUKA_FILES` stands there.
    #[must_use]
    pub fn with_files_at(&self, place: &Path) -> Self {
        let place = place.display().to_string();
        let put = |texts: &BTreeMap<String, String>| {
            texts.iter().map(|(name, text)| (name.clone(), text.replace(FILES, &place))).collect()
        };
        Self { variables: put(&self.variables), hooks: put(&self.hooks), ..self.clone() }
    }

    /// What is other than in `before`, one line each.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let prefer = |package: &String| format!("of {package}");
        differences(&mut lines, "program", &before.prefer, &self.prefer, prefer);
        differences(&mut lines, "permission", &before.permits, &self.permits, Permit::in_words);
        differences(&mut lines, "variable", &before.variables, &self.variables, String::clone);
        let bytes = |text: &String| format!("{} bytes", text.len());
        differences(&mut lines, "file", &before.files, &self.files, bytes);
        differences(&mut lines, "hook", &before.hooks, &self.hooks, String::clone);
        lines
    }
}

fn differences<T: PartialEq>(
    lines: &mut Vec<String>,
    kind: &str,
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
    shown: impl Fn(&T) -> String,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        match (before.get(name), after.get(name)) {
            (old, new) if old == new => {}
            (Some(old), Some(new)) => lines.push(format!("{kind} {name}: {} -> {}", shown(old), shown(new))),
            (None, Some(new)) => lines.push(format!("{kind} {name}: {}", shown(new))),
            (Some(_), None) => lines.push(format!("{kind} {name}: no more")),
            (None, None) => {}
        }
    }
}

/// What a program may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permit {
    /// Change the directory that it is started in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub here: bool,
    /// Directories that it may read, and whether it may change them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<PathBuf, bool>,
    /// Variables that it sees, with the values that they have when it is started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Open network connections.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network: bool,
}

impl Permit {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This, and what another one permits.
    pub fn and(mut self, more: Self) -> Self {
        self.here |= more.here;
        self.network |= more.network;
        for (path, write) in more.directories {
            *self.directories.entry(path).or_default() |= write;
        }
        self.env.extend(more.env);
        self.env.sort();
        self.env.dedup();
        self
    }

    /// As people read it: `write /data, network`.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if self.here {
            words.push("write the current directory".to_owned());
        }
        for (path, write) in &self.directories {
            words.push(format!("{} {}", if *write { "write" } else { "read" }, path.display()));
        }
        words.extend(self.env.iter().map(|name| format!("see {name}")));
        if self.network {
            words.push("network".to_owned());
        }
        words.join(", ")
    }

    /// As it is granted to a program that is started. Variables are looked up then.
    pub fn grants(&self) -> Grants {
        let directory = |(path, write): (&PathBuf, &bool)| GrantedDirectory {
            host: path.clone(),
            guest: path.to_string_lossy().into_owned(),
            write: *write,
        };
        Grants {
            write: self.here,
            directories: self.directories.iter().map(directory).collect(),
            env: Vec::new(),
            network: self.network,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_add_up() {
        let read =
            Permit { directories: [("/a".into(), false)].into(), env: vec!["B".into()], ..Permit::default() };
        let write =
            Permit { directories: [("/a".into(), true)].into(), env: vec!["A".into()], ..Permit::default() };
        let both = write.clone().and(read.clone());
        assert_eq!(both, read.and(write));
        assert_eq!(both.env, ["A", "B"]);
        assert!(both.grants().directories.first().is_some_and(|directory| directory.write));
    }
}
