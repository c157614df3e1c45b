//! The steps that move files about: plain changes of the build tree, without a process.

use super::{
    expand::{ExpandError, Scope},
    world::{self, PathError, World},
};
use nuka_pir::{Argument, Step, Template};
use nuka_seed_runtime::tree::{File, Node, Tree, TreeError};

/// Why a file step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A template, glob or argument.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// A path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A change of the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Bytes that could not be loaded.
    #[error("`{path}` could not be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A directory or symlink where a file is needed.
    #[error("`{path}` is not a file")]
    NotAFile {
        /// What it is called.
        path: String,
    },
    /// Several things would be put at one path.
    #[error("{count} things cannot all become `{to}`; a directory to put them into ends in `/`")]
    NotADirectory {
        /// How many.
        count: usize,
        /// Where to.
        to: String,
    },
    /// Text to be replaced that is not there: the source has changed.
    #[error("`{text}` is not in `{path}`, so it cannot be replaced")]
    NotFound {
        /// The file.
        path: String,
        /// The text, shortened.
        text: String,
    },
    /// A file that holds other bytes than text.
    #[error("`{path}` is not UTF-8 text")]
    NotText {
        /// The file.
        path: String,
    },
}

/// Applies a step other than a run or a group, and gives the build tree after it.
pub fn apply(step: &Step, mut world: World<'_>, scope: &Scope, prefix: &str) -> Result<Tree, FileError> {
    match step {
        Step::Write { path, text, executable } => {
            let place = place(scope, path)?;
            let file = File::from_bytes(scope.text(text)?.into_bytes(), *executable);
            world.build.insert(place, file)?;
        }
        Step::MakeDirectory(path) => {
            let place = place(scope, path)?;
            if !place.is_empty() && world.build.directory(&place).is_none() {
                world.build.insert(place, Tree::new())?;
            }
        }
        Step::Symlink { path, target } => {
            let node = Node::Symlink(scope.text(target)?.into_bytes().into());
            world.build.insert(place(scope, path)?, node)?;
        }
        Step::Copy { from, to } => {
            let to = scope.text(to)?;
            put(&mut world, scope, from, &to, None)?;
        }
        Step::Move { from, to } => {
            let to = scope.text(to)?;
            let moved = put(&mut world, scope, from, &to, None)?;
            for path in moved {
                world.build.remove(world::in_build(&scope.directory, &path)?)?;
            }
        }
        Step::Install { from, to, executable } => {
            let to = format!("{}/out/{prefix}/{}", world::BUILD, scope.text(to)?);
            put(&mut world, scope, from, &to, *executable)?;
        }
        Step::Remove(paths) => {
            for path in scope.arguments(&world, paths)? {
                let place = world::in_build(&scope.directory, &path)?;
                if world.build.remove(&place)?.is_none() {
                    return Err(PathError::Missing { path }.into());
                }
            }
        }
        Step::Substitute { path, replacements } => substitute(&mut world, scope, path, replacements)?,
        // These are the executor's.
        Step::Run(_)
        | Step::Unpack { .. }
        | Step::ForEach { .. }
        | Step::Parallel(_)
        | Step::StepsFrom(_) => {}
    }
    Ok(world.build)
}

/// A file's bytes.
pub fn read(world: &World<'_>, scope: &Scope, path: &str) -> Result<bytes::Bytes, FileError> {
    let (_, node) = world.find(&scope.directory, path, true)?;
    let file = node.as_file().ok_or_else(|| FileError::NotAFile { path: path.to_owned() })?;
    file.bytes().map_err(|source| FileError::Read { path: path.to_owned(), source })
}

/// Puts a whole tree at a path; it joins a directory that is there already.
pub fn add_tree(mut world: World<'_>, scope: &Scope, to: &str, tree: Tree) -> Result<Tree, FileError> {
    let place = world::in_build(&scope.directory, to)?;
    if place.is_empty() {
        for (name, node) in tree.iter() {
            insert(&mut world.build, name.as_bytes(), node.clone())?;
        }
    } else {
        insert(&mut world.build, place.as_bytes(), Node::Directory(tree))?;
    }
    Ok(world.build)
}

fn place(scope: &Scope, path: &Template) -> Result<String, FileError> {
    Ok(world::in_build(&scope.directory, &scope.text(path)?)?)
}

/// Copies what the arguments name to `to`, and gives the paths that were copied.
fn put(
    world: &mut World<'_>,
    scope: &Scope,
    from: &[Argument],
    to: &str,
    executable: Option<bool>,
) -> Result<Vec<String>, FileError> {
    let paths = scope.arguments(world, from)?;
    let place = world::in_build(&scope.directory, to)?;
    let into = to.ends_with('/') || (place.is_empty() || world.build.directory(&place).is_some());
    if !into && paths.len() > 1 {
        return Err(FileError::NotADirectory { count: paths.len(), to: to.to_owned() });
    }
    for path in &paths {
        let (_, node) = world.find(&scope.directory, path, false)?;
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
        let target = match (into, place.is_empty()) {
            (true, true) => name.to_owned(),
            (true, false) => format!("{place}/{name}"),
            (false, _) => place.clone(),
        };
        insert(&mut world.build, target.as_bytes(), with_mode(node, executable))?;
    }
    Ok(paths)
}

/// Puts a node at a path; a directory joins the one that is there already.
fn insert(tree: &mut Tree, path: &[u8], node: Node) -> Result<(), TreeError> {
    let Node::Directory(new) = &node else {
        tree.insert(path, node)?;
        return Ok(());
    };
    if tree.directory(path).is_none() {
        tree.insert(path, node)?;
        return Ok(());
    }
    for (below, node) in new.walk() {
        let target = [path, b"/", &below].concat();
        match node {
            Node::Directory(_) if tree.directory(&target).is_some() => {}
            Node::Directory(_) => drop(tree.insert(&target, Tree::new())?),
            other => drop(tree.insert(&target, other.clone())?),
        }
    }
    Ok(())
}

fn with_mode(node: Node, executable: Option<bool>) -> Node {
    match (node, executable) {
        (Node::File(file), Some(executable)) => Node::File(file.with_executable(executable)),
        (node, _) => node,
    }
}

fn substitute(
    world: &mut World<'_>,
    scope: &Scope,
    path: &Template,
    replacements: &[(Template, Template)],
) -> Result<(), FileError> {
    let path = scope.text(path)?;
    let (found, node) = world.find(&scope.directory, &path, true)?;
    let executable = node.as_file().is_some_and(File::executable);
    let bytes = read(world, scope, &path)?;
    let mut text = String::from_utf8(bytes.into()).map_err(|_| FileError::NotText { path: path.clone() })?;
    for (from, to) in replacements {
        let (from, to) = (scope.text(from)?, scope.text(to)?);
        if from.is_empty() || !text.contains(&from) {
            return Err(FileError::NotFound { path, text: from.chars().take(80).collect() });
        }
        text = text.replace(&from, &to);
    }
    let place = world::in_build(world::BUILD, &found)?;
    world.build.insert(place, File::from_bytes(text.into_bytes(), executable))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::world::Surroundings;
    use nuka_pir::Glob;

    fn tree_after(steps: &[Step]) -> Result<Vec<String>, FileError> {
        let mut around = Surroundings::default();
        around.usr.insert("include/z.h", File::from_bytes("z", false)).unwrap();
        let mut build = Tree::new();
        for path in ["src/a.c", "src/b.c"] {
            build.insert(path, File::from_bytes("one two", false)).unwrap();
        }
        for step in steps {
            build = apply(step, World { build, around: &around }, &Scope::default(), "usr")?;
        }
        let shown = |(path, node): (Vec<u8>, &Node)| {
            let path = String::from_utf8(path).unwrap();
            match node {
                Node::File(file) if file.executable() => Some(format!("{path}*")),
                Node::File(_) => Some(path),
                Node::Symlink(_) => Some(format!("{path}@")),
                Node::Directory(_) => None,
            }
        };
        Ok(build.walk().filter_map(shown).collect())
    }

    fn args(texts: &[&str]) -> Vec<Argument> {
        texts.iter().map(|text| Argument::literal(*text)).collect()
    }

    #[test]
    fn copies_moves_and_installs() {
        let glob = Argument::Glob(Glob { glob: vec!["src/*.c".into()], except: vec![] });
        let steps = [
            Step::Install { from: vec![glob], to: "share/c/".into(), executable: Some(true) },
            Step::Install { from: args(&["/usr/include"]), to: "include".into(), executable: None },
            Step::Move { from: args(&["src/a.c"]), to: "b/".into() },
            Step::Copy { from: args(&["b", "src"]), to: "all/".into() },
            Step::Remove(args(&["src"])),
            Step::Symlink { path: "out/usr/lib".into(), target: "share".into() },
        ];
        let expected = [
            "all/b/a.c",
            "all/src/b.c",
            "b/a.c",
            "out/usr/include/z.h",
            "out/usr/lib@",
            "out/usr/share/c/a.c*",
            "out/usr/share/c/b.c*",
        ];
        assert_eq!(tree_after(&steps).unwrap(), expected);
    }

    /// An archive's names are bytes, and stay the bytes that they are.
    #[test]
    fn a_tree_is_put_with_the_names_that_it_has() {
        let around = Surroundings::default();
        for (to, place) in [(".", b"".as_slice()), ("x", b"x/")] {
            let mut tree = Tree::new();
            tree.insert(b"caf\xe9", File::from_bytes("", false)).unwrap();
            let world = World { build: Tree::new(), around: &around };
            let build = add_tree(world, &Scope::default(), to, tree).unwrap();
            assert!(build.get([place, b"caf\xe9"].concat()).is_some(), "{to}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |step| tree_after(&[step]).unwrap_err().to_string();
        insta::assert_snapshot!(error(Step::Remove(args(&["nothing"]))), @"`nothing` is not there");
        insta::assert_snapshot!(
            error(Step::Copy { from: args(&["src/a.c", "src/b.c"]), to: "x".into() }),
            @"2 things cannot all become `x`; a directory to put them into ends in `/`");
        insta::assert_snapshot!(
            error(Step::Write { path: "/usr/x".into(), text: "".into(), executable: false }),
            @"`/usr/x` is outside the build directory, where nothing can be written");
        insta::assert_snapshot!(
            error(Step::Substitute { path: "src/a.c".into(), replacements: vec![("three".into(), "3".into())] }),
            @"`three` is not in `src/a.c`, so it cannot be replaced");
    }
}
