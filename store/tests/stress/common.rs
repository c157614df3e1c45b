//! What the stress programs of all rooms share: how often, at which moments, and in which straits.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How often a process is killed: `NUKA_STRESS_ROUNDS`, or 10.
pub fn rounds() -> u32 {
    std::env::var("NUKA_STRESS_ROUNDS")
        .map_or(10, |text| text.parse().expect("NUKA_STRESS_ROUNDS is a number"))
}

/// Numbers that follow from a seed, so that a run can be had again as far as time allows.
pub struct Random(u64);

impl Random {
    /// From `NUKA_STRESS_SEED`, or the time of day; says which, so that it can be given again.
    pub fn new(what: &str) -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos().into());
        let seed = std::env::var("NUKA_STRESS_SEED").map_or_else(|_| now(), |text| text.parse().unwrap());
        println!("stress: {what} with NUKA_STRESS_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // Steps of the golden ratio, each mixed by a multiplication and two shifts.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed ^ (mixed >> 32)) % end.max(1)
    }

    /// A moment before `end`.
    pub fn moment(&mut self, end: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(end.as_micros()).unwrap()))
    }
}

/// This program once more, as the process that something happens to.
pub fn myself(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// Ways to a mount of one's own: in a new user namespace, or as root in a new mount namespace.
const NAMESPACES: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];

const SMALL_DISK: &str = r#"mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@""#;

fn in_namespace(flags: &[&str], size: &str, at: &Path, command: &[&OsStr]) -> std::io::Result<Output> {
    let mut unshare = Command::new("unshare");
    unshare.args(flags).args(["sh", "-c", SMALL_DISK, "sh", size]).arg(at).args(command).output()
}

/// Runs this program with `child` and a directory on a file system of `size` that only it sees. Says by name when
/// this host lets nobody do that.
pub fn on_small_disk(child: &str, size: &str) {
    let directory = tempfile::tempdir().unwrap();
    let try_it = |flags: &'static [&'static str]| {
        let probed = in_namespace(flags, "1m", directory.path(), &["true".as_ref()]);
        probed.map_err(|error| error.to_string()).and_then(|output| match output.status.success() {
            true => Ok(flags),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
        })
    };
    let ways: Vec<_> = NAMESPACES.into_iter().map(try_it).collect();
    let Some(flags) = ways.iter().find_map(|way| way.as_ref().ok()) else {
        return println!("stress: SKIPPED {child}: this host allows no mount in a namespace ({ways:?})");
    };
    let program = std::env::current_exe().unwrap();
    let command = [program.as_os_str(), child.as_ref(), directory.path().as_os_str()];
    let output = in_namespace(flags, size, directory.path(), &command).unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{child}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs this program with a limit of the shell's `ulimit`: what goes beyond fails in the middle of the work. Says whether
/// the limit was enough; if not, the program must have ended with exit code 7 and named the cause.
pub fn limited(limit: (&str, u32), arguments: &[&OsStr]) -> bool {
    // A write beyond the longest file is then an error; otherwise it would end the process.
    let script = r#"trap "" XFSZ; ulimit "$1" "$2" && shift 2 && exec "$@""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", limit.0, &limit.1.to_string()]);
    let output = shell.arg(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => true,
        Some(7) => {
            assert!(names_the_cause(&text), "{limit:?}: {text}");
            false
        }
        code => panic!("{limit:?}: {code:?} {text}"),
    }
}

/// The limits that work is done under: open files, and the longest file in blocks of 512 bytes. From too little for
/// the first step up to enough.
pub fn limits() -> impl Iterator<Item = (&'static str, u32)> {
    let files = (5..40).step_by(2).map(|count| ("-n", count));
    let blocks = [0, 1, 8, 64, 256, 1024, 3000, 6000, 12_000, 40_000].map(|count| ("-f", count));
    files.chain(blocks)
}

/// The text of an I/O error that a limit, or a full disk, is the cause of.
pub fn names_the_cause(text: &str) -> bool {
    ["disk is full", "No space left", "Too many open files", "File too large"]
        .iter()
        .any(|cause| text.contains(cause))
}

/// Fills the disk that `directory` is on, except for `free` bytes. The file is to be removed to make room again.
pub fn fill_up(directory: &Path, free: u64) -> PathBuf {
    let path = directory.join("filler");
    let file = std::fs::File::create(&path).unwrap();
    let disk = rustix::fs::statvfs(directory).unwrap();
    let length = (disk.f_bavail * disk.f_frsize).saturating_sub(free);
    // Allocated: a file of holes fills nothing.
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length.max(1)).unwrap();
    path
}

/// Runs the trials that a test runner asks for.
pub fn run(trials: &[(&str, fn())], arguments: &[&str]) {
    if arguments.contains(&"--list") {
        return trials.iter().for_each(|(name, _)| println!("{name}: test"));
    }
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, trial) in trials {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(**filter)) {
            trial();
        }
    }
}
