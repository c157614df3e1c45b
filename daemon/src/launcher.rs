//! Launchers: small files by which a package's wasm program is started by its name.
//!
//! ```text
//! #!/path/of/nuka-launch __launch
//! {"prepared": ..., "grants": ..., "env": [NAMES]}
//! ```
//!
//! The kernel starts that with the launcher's path and what the program was given. Everything that starting takes is in the
//! launcher: no recipe is evaluated, no daemon asked, no index opened. Where the path cannot stand in a first line, as one
//! with a space, `/bin/sh` starts it in the same way; what is read begins with the first line that begins with `{`.

use crate::{api::Grants, nuka::Prepared, quote};
use serde::{Deserialize, Serialize};
use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The first argument, before the launcher's path.
pub const VERB: &str = "__launch";

/// What nuka is called where it only launches: a program beside it that has little else in it, and so starts the faster.
pub const PROGRAM: &str = "nuka-launch";

/// What nuka is called where that program finds it.
pub const NUKA: &str = "nuka";

/// The symlink to the program, among the profiles.
pub const LINK: &str = ".nuka";

/// Longer first lines are cut by some kernels.
const MAX_FIRST_LINE: usize = 120;

/// What a launcher holds. What is not known here may be a limit, so nothing is passed over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launcher {
    /// The program.
    pub prepared: Prepared,
    /// What it may do beyond what its recipe says. Values of variables are not in here, where others could read them.
    pub grants: Grants,
    /// Variables that it sees, with the values that they have when it is started.
    pub env: Vec<String>,
    /// A directory beside the launcher that it may read, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

impl Launcher {
    /// The file's text. `head` is what stands in it first: see [`head`].
    ///
    /// # Errors
    /// If a path that is granted is not UTF-8.
    pub fn text(&self, head: &str) -> Result<String, serde_json::Error> {
        Ok(format!("{head}\n{}\n", serde_json::to_string(self)?))
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// If it is no launcher of this version.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut lines = text.split(|byte| *byte == b'\n');
        serde_json::from_slice(lines.find(|line| line.starts_with(b"{")).unwrap_or_default())
    }
}

/// What launchers of this nuka are to start: [`PROGRAM`], or nuka itself where that was not installed with it, or would not
/// find this nuka.
pub fn program(nuka: &Path) -> PathBuf {
    let beside = nuka.with_file_name(PROGRAM);
    let starts = std::fs::metadata(&beside).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0);
    if starts && nuka.ends_with(NUKA) { beside } else { nuka.to_owned() }
}

/// How a launcher begins that this program starts.
pub fn head(program: &Path) -> String {
    let path = program.display().to_string();
    if path.len() <= MAX_FIRST_LINE && !path.contains(|c: char| c.is_whitespace()) {
        return format!("#!{path} {VERB}");
    }
    let quoted = quote::sh(&path);
    format!("#!/bin/sh\nexec {quoted} {VERB} \"$0\" \"$@\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_path_that_no_first_line_can_have_goes_through_the_shell() {
        assert_eq!(head(Path::new("/usr/bin/nuka")), "#!/usr/bin/nuka __launch");
        assert_eq!(head(Path::new("/a b/it's")), "#!/bin/sh\nexec '/a b/it'\\''s' __launch \"$0\" \"$@\"");
        assert!(head(Path::new(&format!("/{}", "x".repeat(200)))).starts_with("#!/bin/sh\n"));
    }

    #[test]
    fn what_launchers_start_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let nuka = directory.path().join("nuka");
        assert_eq!(program(&nuka), nuka);
        let beside = directory.path().join(PROGRAM);
        std::fs::write(&beside, "").unwrap();
        assert_eq!(program(&nuka), nuka);
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(program(&nuka), beside);
        let other = directory.path().join("nuka-of-tomorrow");
        assert_eq!(program(&other), other);
    }

    #[test]
    fn what_is_no_launcher_is_an_error() {
        for text in ["", "#!/x\n", "#!/x\n{}\n", "{", "#!/x\n{\"prepared\": 1}"] {
            assert!(Launcher::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
