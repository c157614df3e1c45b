//! How the process ends.

use std::process::ExitCode;

/// What a process's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Success,
    /// It was tried and did not succeed, or things differ that should not.
    Failure,
    /// The command line cannot be understood.
    Usage,
    /// What was asked for is not there.
    Absent,
    /// `run`, `exec`: nuka could not start the program.
    NotStarted,
    /// `run`, `exec`: what was named is no program that can be run.
    NotExecutable,
    /// `run`, `exec`: there is no such package or program.
    NoProgram,
    /// `run`, `exec`: the program was stopped because it did what no program may.
    Crashed,
    /// Nobody reads the output any more.
    BrokenPipe,
    /// `run`, `exec`: the program's own code.
    Program(u8),
}

/// The exit codes as `nuka --help` shows them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    it was done
  1    it failed, or things differ that should not
  2    the command line cannot be understood
  3    what was asked for is not there
  run, exec and shell end with the program's own code; when it was not started, with
  125  its package could not be had
  126  it is no program that nuka can run
  127  there is no such package or program
  134  the program crashed
  130  interrupted; what was finished is kept, and the store is sound";

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Absent => 3,
            Self::NotStarted => 125,
            Self::NotExecutable => 126,
            Self::NoProgram => 127,
            Self::Crashed => 134,
            Self::BrokenPipe => 141,
            Self::Program(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
