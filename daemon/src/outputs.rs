//! From a finished build tree to outputs: which file belongs to which, and whether what was promised is there.

use crate::build::{ExpandError, Patterns};
use nuka_pir::{OutputName, OutputRule, Prefix, Run};
use nuka_seed_runtime::tree::{Node, Tree, TreeError};
use std::collections::BTreeMap;

/// Why a build tree is not a package.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Nothing was installed.
    #[error("the build put nothing into `out/`")]
    Nothing,
    /// Something else than a directory stands there.
    #[error("`out` is not a directory")]
    NotADirectory,
    /// A program that the recipe promises is not there.
    #[error("the program `{program}` is to be at `{path}`, but the build put no file there")]
    NoProgram {
        /// Its name.
        program: String,
        /// Where it should be.
        path: String,
    },
    /// A name at the top of `out/` that no view has.
    #[error("the build put `{name}` into `out/`; there can be `usr` and `etc` only")]
    Top {
        /// The name.
        name: String,
    },
    /// A rule's pattern.
    #[error(transparent)]
    Pattern(#[from] ExpandError),
    /// A path.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Splits `out/` of a finished build tree. `out` is always there; other outputs only if they have something.
pub fn split(
    build: &Tree,
    prefix: &Prefix,
    rules: &[OutputRule],
    may_be_empty: bool,
) -> Result<BTreeMap<OutputName, Tree>, OutputError> {
    let out = match build.entry(b"out") {
        Some(Node::Directory(tree)) => tree.clone(),
        Some(_) => return Err(OutputError::NotADirectory),
        None => Tree::new(),
    };
    for (name, _) in out.iter() {
        if !matches!(name.as_bytes(), b"usr" | b"etc") {
            return Err(OutputError::Top { name: name.as_bytes().escape_ascii().to_string() });
        }
    }
    if !may_be_empty && out.walk().all(|(_, node)| matches!(node, Node::Directory(_))) {
        return Err(OutputError::Nothing);
    }
    let mut patterns = Vec::with_capacity(rules.len());
    for rule in rules {
        patterns.push((&rule.name, Patterns::new(&rule.globs)?));
    }
    let mut outputs = BTreeMap::from([(OutputName::out(), out.clone())]);
    if patterns.is_empty() {
        return Ok(outputs);
    }
    let below = format!("{}/", prefix.relative());
    let mut rest = out.clone();
    for (path, node) in out.walk() {
        if matches!(node, Node::Directory(_)) {
            continue;
        }
        let relative = std::str::from_utf8(&path).ok().and_then(|path| path.strip_prefix(below.as_str()));
        let Some(relative) = relative else { continue };
        let Some((name, _)) = patterns.iter().find(|(_, patterns)| patterns.matches(relative)) else {
            continue;
        };
        if **name == OutputName::out() {
            continue;
        }
        outputs.entry((*name).clone()).or_default().insert(&path, node.clone())?;
        rest.remove(&path)?;
    }
    outputs.insert(OutputName::out(), without_emptied(&out, &rest));
    Ok(outputs)
}

/// `after` without the directories that have become empty since `before`.
fn without_emptied(before: &Tree, after: &Tree) -> Tree {
    let mut kept = Tree::new();
    for (name, node) in after.iter() {
        match (node, before.entry(name.as_bytes())) {
            (Node::Directory(now), Some(Node::Directory(then))) => {
                let inner = without_emptied(then, now);
                if !inner.is_empty() || then.is_empty() {
                    kept.insert_entry(name.clone(), inner);
                }
            }
            _ => drop(kept.insert_entry(name.clone(), node.clone())),
        }
    }
    kept
}

/// Checks that every program that the recipe promises is there.
pub fn check_programs(out: &Tree, prefix: &Prefix, run: &Run) -> Result<(), OutputError> {
    for (name, program) in &run.programs {
        let path = format!("{}/{}", prefix.relative(), program.path);
        if !matches!(out.get(&path), Some(Node::File(_) | Node::Symlink(_))) {
            return Err(OutputError::NoProgram { program: name.to_string(), path: format!("out/{path}") });
        }
    }
    Ok(())
}

/// Places that exist only while a build runs. A package that mentions one may look for it in vain later.
const BUILD_ONLY: [&[u8]; 3] = [b"/nuka/in/", b"/nuka/target/", b"/build/"];

/// Files of a tree that mention a place which exists only while a build runs; at most `most` of them.
pub fn mentions(tree: &Tree, most: usize) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (path, node) in tree.walk() {
        let Node::File(file) = node else { continue };
        // What the store gave was looked at when it was built.
        if file.identity().is_some() {
            continue;
        }
        let Ok(bytes) = file.bytes() else { continue };
        let place = BUILD_ONLY.into_iter().find(|place| names(&bytes, place));
        if let Some(place) = place.and_then(|place| std::str::from_utf8(place).ok()) {
            found.push((String::from_utf8_lossy(&path).into_owned(), place));
            if found.len() == most {
                break;
            }
        }
    }
    found
}

/// Whether the absolute path stands somewhere in the bytes, and not as the end of a longer one such as `go/build/`.
fn names(bytes: &[u8], place: &[u8]) -> bool {
    let longer = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(byte))
    };
    memchr::memmem::find_iter(bytes, place).any(|at| !longer(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuka_seed_runtime::tree::File;

    fn paths(tree: &Tree) -> Vec<String> {
        tree.walk().map(|(path, _)| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn the_first_matching_rule_wins_and_the_rest_is_out() {
        let mut build = Tree::new();
        for path in ["out/usr/include/z.h", "out/usr/lib/libz.a", "out/usr/bin/z", "out/etc/z.conf", "src/x"]
        {
            build.insert(path, File::from_bytes("", false)).unwrap();
        }
        let rule = |name: &str, globs: &[&str]| OutputRule {
            name: OutputName::new(name).unwrap(),
            globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        };
        let rules = [rule("dev", &["include/**", "lib/*.a"]), rule("all", &["**"])];
        let outputs = split(&build, &Prefix::default(), &rules[..1], false).unwrap();
        assert_eq!(paths(&outputs[&OutputName::out()]), ["etc", "etc/z.conf", "usr", "usr/bin", "usr/bin/z"]);
        assert_eq!(outputs[&OutputName::dev()].walk().count(), 5);
        let outputs = split(&build, &Prefix::default(), &rules, false).unwrap();
        assert_eq!(paths(&outputs[&OutputName::out()]), ["etc", "etc/z.conf"]);
    }

    #[test]
    fn an_empty_or_strange_result_is_an_error() {
        let mut build = Tree::new();
        let split = |build: &Tree| split(build, &Prefix::default(), &[], false).map(drop);
        assert!(matches!(split(&build), Err(OutputError::Nothing)));
        build.insert("out/usr/bin", Tree::new()).unwrap();
        assert!(matches!(split(&build), Err(OutputError::Nothing)));
        build.insert("out/opt/x", File::from_bytes("", false)).unwrap();
        assert!(matches!(split(&build), Err(OutputError::Top { .. })));
    }

    #[test]
    fn a_place_of_the_build_is_seen_where_it_is_not_the_end_of_another() {
        let is_seen = |text: &str| names(text.as_bytes(), b"/build/");
        assert!(is_seen("/build/a") && is_seen("\"/build/\""));
        assert!(is_seen("x\0/build/src/a.c") && is_seen("path=/build/x") && is_seen("go/build/a /build/b"));
        assert!(!is_seen("go/build/build.go") && !is_seen("https://example.org/build/") && !is_seen(""));
    }
}
