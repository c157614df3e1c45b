//! `nuka-seed`: runs one WebAssembly command from the shell, deterministically, over directories that are
//! loaded into memory.
//!
//! ```text
//! nuka-seed run [OPTIONS] FILE [--] ARGS...
//! nuka-seed live [OPTIONS] FILE [--] ARGS...
//! ```
//!
//! `live` runs a program on the real system instead, with the terminal and the directories that it is given.
//!
//! Directories given with `--dir` are loaded and never changed; those given with `--dir-rw` get what the
//! process changed when it ends. The exit code is the process's own; 125 when it could not be run or was stopped.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the program that talks to a person")]

use std::{
    ffi::OsString,
    io::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use nuka_seed_runtime::{
    Engine, Exit, Module, ModuleCache, ModuleId, Mount, Process, Progress, Stream, Tier, disk,
    live::{self, LiveDir, LiveProcess},
    process::Access,
    tree::{GuestPath, diff},
};

const HELP: &str = "\
Runs one WebAssembly command (WASI preview 1) as a deterministic process over directories in memory.

Usage: nuka-seed run [OPTIONS] FILE [--] ARGS...
       nuka-seed live [--dir|--dir-rw HOST:GUEST] [--env NAME=VALUE] [--here] [--cache DIR] FILE [--] ARGS...

`live` runs the program on the real system: with this terminal, the real clock, and the directories it is given.

Options:
  --dir HOST:GUEST      load the directory HOST at GUEST, read-only
  --dir-rw HOST:GUEST   load the directory HOST at GUEST, and write back what the process changed
  --cwd GUEST           the working directory; it must lie in one of the directories
  --env NAME=VALUE      set an environment variable (none is inherited)
  --arg0 NAME           what the program is told its own name is (default: the file's name without .wasm)
  --stdin               give the process this program's standard input (default: empty)
  --seed TEXT           seed of the random numbers
  --epoch SECONDS       what the clock shows when the process begins (default: 315532800, the year 1980)
  --cache DIR           keep the compiled module in DIR
  --quick               compile quickly rather than well
  --memory MIB          limit on memory
  --timeout SECONDS     limit on real time
  --reads               say on standard error what the process read
  --here                (live) let the program read the current directory
  --help                show this
";

/// Exit code for what is not the process's own doing.
const FAILED: u8 = 125;

struct Options {
    file: PathBuf,
    live: bool,
    here: bool,
    /// The directories as they were given, for a live program.
    dirs: Vec<LiveDir>,
    process: Process,
    /// Host directory of each mount that is written back.
    written_back: Vec<Option<PathBuf>>,
    cache: Option<PathBuf>,
    tier: Tier,
    reads: bool,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.iter().take_while(|a| *a != "--").any(|a| a == "--help" || a == "-h") || args.is_empty() {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let result =
        options(args.into_iter()).and_then(|options| if options.live { live(options) } else { run(options) });
    result.unwrap_or_else(|message| {
        eprintln!("nuka-seed: {message}");
        ExitCode::from(FAILED)
    })
}

fn options(mut args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let verb = args.next().unwrap_or_default();
    if verb != "run" && verb != "live" {
        return Err("the commands are `run` and `live`; see `nuka-seed --help`".into());
    }
    let live = verb == "live";
    let (mut here, mut dirs) = (false, Vec::new());
    let mut process = Process { args: Vec::new(), ..Process::default() };
    let (mut written_back, mut cache, mut tier, mut reads, mut arg0) =
        (Vec::new(), None, Tier::Optimised, false, None);
    let file = loop {
        let Some(arg) = args.next() else { return Err("no file is given; see `nuka-seed --help`".into()) };
        let name = arg.to_string_lossy().into_owned();
        if !name.starts_with("--") {
            break PathBuf::from(arg);
        }
        let mut value = || args.next().ok_or_else(|| format!("`{name}` needs a value"));
        match name.as_str() {
            "--dir" | "--dir-rw" => {
                let access = if name == "--dir" { Access::ReadOnly } else { Access::ReadWrite };
                let dir = directory(&value()?, access)?;
                if live {
                    dirs.push(dir);
                } else {
                    process.mounts.push(mount(&dir)?);
                    written_back.push((access == Access::ReadWrite).then_some(dir.host));
                }
            }
            "--here" => here = true,
            "--cwd" => process.cwd = Some(guest(value()?.as_bytes())?),
            "--env" => {
                let value = value()?.into_vec();
                let at = value.iter().position(|&b| b == b'=').ok_or("`--env` needs NAME=VALUE")?;
                let (key, rest) = value.split_at(at);
                process.env.insert(key.to_vec(), rest.get(1..).unwrap_or_default().to_vec());
            }
            "--arg0" => arg0 = Some(value()?.into_vec()),
            "--stdin" => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map_err(|e| e.to_string())?;
                process.stdin = bytes.into();
            }
            "--seed" => process.seed = ModuleId::of(value()?.as_bytes()).0,
            "--epoch" => process.clock.epoch_ns = number(&name, &value()?)?.saturating_mul(1_000_000_000),
            "--cache" => cache = Some(PathBuf::from(value()?)),
            "--quick" => tier = Tier::Quick,
            "--memory" => process.limits.memory = number(&name, &value()?)?.saturating_mul(1 << 20),
            "--timeout" => process.limits.wall_time = Some(Duration::from_secs(number(&name, &value()?)?)),
            "--reads" => reads = true,
            _ => return Err(format!("there is no option `{name}`; see `nuka-seed --help`")),
        }
    };
    let stem = file.file_stem().unwrap_or_default().as_bytes().to_vec();
    process.args.push(arg0.unwrap_or(stem));
    let mut rest = args.peekable();
    rest.next_if(|arg| arg == "--");
    process.args.extend(rest.map(OsString::into_vec));
    Ok(Options { file, live, here, dirs, process, written_back, cache, tier, reads })
}

fn number(name: &str, value: &OsString) -> Result<u64, String> {
    let text = value.to_string_lossy();
    text.parse().map_err(|_| format!("`{name}` needs a number, not `{}`", text.escape_debug()))
}

fn guest(path: &[u8]) -> Result<GuestPath, String> {
    GuestPath::new(path).map_err(|e| e.to_string())
}

fn directory(value: &OsString, access: Access) -> Result<LiveDir, String> {
    let bytes = value.as_bytes();
    let at = bytes.iter().rposition(|&b| b == b':').ok_or("a directory is given as HOST:GUEST")?;
    let (host, rest) = bytes.split_at(at);
    let host = PathBuf::from(OsString::from_vec(host.to_vec()));
    Ok(LiveDir { host, guest: guest(rest.get(1..).unwrap_or_default())?, access })
}

fn mount(dir: &LiveDir) -> Result<Mount, String> {
    let tree = disk::load(&dir.host).map_err(|e| format!("cannot load `{}`: {e}", dir.host.display()))?;
    Ok(Mount { path: dir.guest.clone(), tree, access: dir.access })
}

/// The module in the file, from the cache if there is one.
fn load(engine: &Engine, file: &Path, cache: Option<PathBuf>, tier: Tier) -> Result<Module, String> {
    let shown = file.display();
    let bytes = fs_err::read(file).map_err(|e| e.to_string())?;
    let module = match cache {
        None => engine.compile(&bytes, tier),
        Some(dir) => ModuleCache::open(dir).and_then(|cache| {
            let id = ModuleId::of(&bytes);
            cache.load(engine, id, &|| Ok(bytes.clone().into()), tier, &report)
        }),
    };
    module.map_err(|e| format!("`{shown}`: {e}"))
}

fn live(options: Options) -> Result<ExitCode, String> {
    let Options { file, process, cache, tier, here, dirs, .. } = options;
    let engine = Engine::new().map_err(|e| e.to_string())?;
    let module = load(&engine, &file, cache, tier)?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| "arguments must be UTF-8".to_owned());
    let cwd = std::env::current_dir().map_err(|e| format!("the current directory: {e}"))?;
    let process = LiveProcess {
        args: process.args.into_iter().map(text).collect::<Result<_, _>>()?,
        env: process.env.into_iter().map(|(k, v)| Ok((text(k)?, text(v)?))).collect::<Result<_, String>>()?,
        dirs,
        cwd: here.then_some((cwd, Access::ReadOnly)),
        ..LiveProcess::default()
    };
    let exit = live::run(&engine, &module, process).map_err(|e| format!("`{}`: {e}", file.display()))?;
    Ok(exit_code(&exit))
}

fn run(options: Options) -> Result<ExitCode, String> {
    let Options { file, process, written_back, cache, tier, reads, .. } = options;
    let shown = file.display().to_string();
    let engine = Engine::new().map_err(|e| e.to_string())?;
    let module = load(&engine, &file, cache, tier)?;
    let before: Vec<_> = process.mounts.iter().map(|m| m.tree.clone()).collect();
    let output = Box::new(|stream: Stream, bytes: &[u8]| {
        // A closed pipe is no reason to stop a process whose files count.
        let _ = match stream {
            Stream::Stdout => std::io::stdout().write_all(bytes),
            Stream::Stderr => std::io::stderr().write_all(bytes),
        };
    });
    let outcome = engine.run(&module, process, Some(output)).map_err(|e| format!("`{shown}`: {e}"))?;
    let _ = std::io::stdout().flush();
    for ((before, after), host) in before.iter().zip(&outcome.mounts).zip(&written_back) {
        if let Some(host) = host {
            let changes = diff(before, after).map_err(|e| e.to_string())?;
            disk::apply(&changes, host).map_err(|e| format!("cannot write back: {e}"))?;
        }
    }
    if reads {
        for read in &outcome.reads {
            eprintln!("{:?} {}", read.kind, read.path.escape_ascii());
        }
    }
    Ok(exit_code(&outcome.exit))
}

fn report(progress: Progress) {
    match progress {
        Progress::Waiting { seconds } => {
            eprint!("\rwaiting for another process that compiles it: {seconds} s")
        }
        Progress::Compiling { done, total, tier } => {
            eprint!("\rcompiling ({tier}): {done} of {total} functions")
        }
        Progress::Writing => eprintln!("\rcompiling: writing                              "),
        _ => {}
    }
}

fn exit_code(exit: &Exit) -> ExitCode {
    match exit {
        Exit::Code(code) => ExitCode::from(u8::try_from(*code).unwrap_or(u8::MAX)),
        other => {
            eprintln!("nuka-seed: the process {other}");
            if let Exit::Trapped { backtrace, .. } | Exit::StackExhausted { backtrace } = other {
                eprint!("{backtrace}");
            }
            ExitCode::from(FAILED)
        }
    }
}
