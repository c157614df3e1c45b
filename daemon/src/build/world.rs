//! What the steps of a build see: the build tree, which changes, and the trees around it, which do not.

use nuka_seed_runtime::tree::{NameError, Node, Tree};

/// Symlinks followed before a path is taken for a loop.
const MAX_SYMLINKS: usize = 40;

/// The build directory's place.
pub const BUILD: &str = "/build";

/// The read-only trees of a build, by top-level directory.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// `/usr`: the tools' view.
    pub usr: Tree,
    /// `/etc`: of the tools' view.
    pub etc: Tree,
    /// `/nuka`: `in/<name>` and `target/usr`.
    pub nuka: Tree,
}

/// A build's whole tree at one moment. Cloning is cheap.
#[derive(Clone)]
pub struct World<'a> {
    /// `/build`.
    pub build: Tree,
    /// Everything else.
    pub around: &'a Surroundings,
}

/// Why a path names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path has a component that no name can be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nothing is there.
    #[error("`{path}` is not there")]
    Missing {
        /// The path, as the step has it.
        path: String,
    },
    /// Too many symlinks on the way.
    #[error("`{path}` leads through more than {MAX_SYMLINKS} symlinks")]
    Loop {
        /// The path, as the step has it.
        path: String,
    },
    /// Steps write below `/build` only.
    #[error("`{path}` is outside the build directory, where nothing can be written")]
    Outside {
        /// The path, as the step has it.
        path: String,
    },
}

/// Splits a path, relative to `base`, into the components it has after `.` and `..` are worked out.
fn components(base: &[String], path: &str) -> Vec<String> {
    let mut parts: Vec<String> = if path.starts_with('/') { Vec::new() } else { base.to_vec() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name.to_owned()),
        }
    }
    parts
}

/// A path's place below `/build`, as `a/b/c`; the empty text is `/build` itself.
pub fn in_build(directory: &str, path: &str) -> Result<String, PathError> {
    let base = components(&[BUILD.trim_start_matches('/').to_owned()], directory);
    let parts = components(&base, path);
    match parts.split_first() {
        Some((first, rest)) if format!("/{first}") == BUILD => {
            for name in rest {
                nuka_seed_runtime::tree::Name::check(name.as_bytes())?;
            }
            Ok(rest.join("/"))
        }
        _ => Err(PathError::Outside { path: path.to_owned() }),
    }
}

/// Whether an absolute path without detours is below `/build`.
pub fn is_in_build(place: &str) -> bool {
    place.strip_prefix(BUILD).is_some_and(|rest| rest.starts_with('/'))
}

/// The absolute form of a path.
pub fn absolute(directory: &str, path: &str) -> String {
    let base = components(&[BUILD.trim_start_matches('/').to_owned()], directory);
    format!("/{}", components(&base, path).join("/"))
}

impl World<'_> {
    fn top(&self, name: &str) -> Option<&Tree> {
        match name {
            "build" => Some(&self.build),
            "usr" => Some(&self.around.usr),
            "etc" => Some(&self.around.etc),
            "nuka" => Some(&self.around.nuka),
            _ => None,
        }
    }

    /// What stands at a path, with its absolute path. Symlinks on the way are followed; the last one if
    /// `follow` says so.
    pub fn find(&self, directory: &str, path: &str, follow: bool) -> Result<(String, Node), PathError> {
        let missing = || PathError::Missing { path: path.to_owned() };
        let mut rest = components(&[], &absolute(directory, path));
        rest.reverse();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        let mut node: Option<Node> = None;
        while let Some(name) = rest.pop() {
            let next = match &node {
                None => self.top(&name).map(|tree| Node::Directory(tree.clone())),
                Some(Node::Directory(tree)) => tree.entry(name.as_bytes()).cloned(),
                Some(_) => None,
            };
            let next = next.ok_or_else(missing)?;
            match &next {
                Node::Symlink(target) if follow || !rest.is_empty() => {
                    links += 1;
                    if links > MAX_SYMLINKS {
                        return Err(PathError::Loop { path: path.to_owned() });
                    }
                    let target = String::from_utf8_lossy(target).into_owned();
                    // What is left is walked again from the top, so that `..` after a link means its target.
                    let mut again = components(&done, &target);
                    again.extend(rest.drain(..).rev());
                    again.reverse();
                    rest = again;
                    done.clear();
                    node = None;
                }
                _ => {
                    done.push(name);
                    node = Some(next);
                }
            }
        }
        node.map(|node| (format!("/{}", done.join("/")), node)).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuka_seed_runtime::tree::File;

    #[test]
    fn paths_stay_below_build() {
        assert_eq!(in_build("/build", "a/./b//c").unwrap(), "a/b/c");
        assert_eq!(in_build("/build/src", "../x").unwrap(), "x");
        assert_eq!(in_build("src", "y").unwrap(), "src/y");
        assert_eq!(in_build("/build", "/build/out").unwrap(), "out");
        assert!(matches!(in_build("/build", "../usr/x"), Err(PathError::Outside { .. })));
        assert!(matches!(in_build("/build", "/usr/x"), Err(PathError::Outside { .. })));
    }

    #[test]
    fn symlinks_lead_anywhere_in_the_world() {
        let mut around = Surroundings::default();
        around.usr.insert("bin/llvm", File::from_bytes("wasm", true)).unwrap();
        around.usr.insert("bin/clang", Node::Symlink("llvm".into())).unwrap();
        let mut world = World { build: Tree::new(), around: &around };
        world.build.insert("cc", Node::Symlink("/usr/bin/clang".into())).unwrap();
        world.build.insert("loop", Node::Symlink("loop".into())).unwrap();
        assert_eq!(world.find("/build", "cc", true).unwrap().0, "/usr/bin/llvm");
        assert_eq!(world.find("/build", "cc", false).unwrap().0, "/build/cc");
        assert!(matches!(world.find("/build", "loop", true), Err(PathError::Loop { .. })));
        assert!(matches!(world.find("/build", "nothing", true), Err(PathError::Missing { .. })));
    }
}
