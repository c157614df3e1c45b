//! A place of its own for each test, and the binary in it.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A directory with a home in it, where nuka runs as if nothing else were there.
pub struct Place {
    directory: TempDir,
}

/// How a command ended, and what it said. Shown as snapshots show it.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    /// An empty one.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs_err::create_dir(directory.path().join("home")).unwrap();
        fs_err::create_dir(directory.path().join("here")).unwrap();
        Self { directory }
    }

    /// Where commands are run.
    pub fn here(&self) -> PathBuf {
        self.directory.path().join("here")
    }

    /// The home directory.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// Puts a file where commands are run.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.here().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    /// The binary, with nothing of the tester's own around it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nuka"));
        command.args(arguments).current_dir(self.here()).env_clear().stdin(Stdio::null());
        command
            .env("HOME", self.directory.path().join("home"))
            .env("NUKA_JOBS", "2")
            .env("NUKA_OFFLINE", "1");
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.end(self.command(arguments))
    }

    /// Runs a prepared command to its end.
    pub fn end(&self, mut command: Command) -> Ended {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| self.neutral(&String::from_utf8(bytes).unwrap());
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let code = output.status.code().unwrap_or(-1);
        for said in [&stdout, &stderr] {
            assert!(!said.contains("panicked"), "{said}");
        }
        Ended { code, stdout, stderr }
    }

    /// Text without what differs from run to run.
    fn neutral(&self, text: &str) -> String {
        let replace = |text: String, path: &Path| text.replace(&path.display().to_string(), "[PLACE]");
        let real = fs_err::canonicalize(self.directory.path()).unwrap();
        let text = replace(replace(text.to_owned(), &real), self.directory.path());
        // However busy the machine is.
        (1..10).fold(text, |text, hundredths| text.replace(&format!(" in 0.0{hundredths} s"), " in 0.00 s"))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit {}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(f, "--- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// What ended well.
pub fn good(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{ended}");
    ended
}
