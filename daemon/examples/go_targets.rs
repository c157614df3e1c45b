//! Builds a Go program for each system that Go's compiler is set up for, and has a parser of their formats read what came of
//! it: `cargo run -p nuka-daemon --example go_targets -- DIRECTORY [PACKAGE] [PLATFORM...]`.
//!
//! DIRECTORY gets a store of its own, or has one already. Without Go's compiler in it, this begins with a bootstrap, which
//! takes minutes; each platform's standard library takes some more. Ends with 1 if a file is not what it should be.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program that talks to a person")]

use goblin::{
    elf::header::{EM_AARCH64, EM_X86_64, ET_EXEC},
    mach::{Mach, cputype::CPU_TYPE_ARM64, header::MH_EXECUTE},
    pe::header::COFF_MACHINE_X86_64,
};
use nuka_daemon::{
    By, Client, Config, Event, Observer,
    api::{BuildOptions, Target},
};
use nuka_pir::Platform;
use nuka_seed_runtime::module::{Dialect, Shape};
use std::{collections::BTreeMap, num::NonZeroUsize, path::Path, process::ExitCode};

/// What a program is.
#[derive(Clone, Copy)]
enum Machine {
    /// ELF, for this machine.
    Elf(u16),
    /// PE, for x86-64.
    Pe,
    /// Mach-O, for ARM.
    Mach,
    /// WebAssembly.
    Wasm,
}

/// Platforms, and what a program for each is.
const PLATFORMS: [(&str, Machine); 6] = [
    ("linux/amd64", Machine::Elf(EM_X86_64)),
    ("linux/arm64", Machine::Elf(EM_AARCH64)),
    ("freebsd/amd64", Machine::Elf(EM_X86_64)),
    ("windows/amd64", Machine::Pe),
    ("darwin/arm64", Machine::Mach),
    ("wasip1/wasm", Machine::Wasm),
];

/// Says what is built.
struct Told;

impl Observer for Told {
    fn event(&self, event: Event) {
        if let Event::Building { package } = event {
            eprintln!("building {} {}", package.name, package.version);
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(directory) = arguments.next() else {
        eprintln!("go_targets DIRECTORY [PACKAGE] [PLATFORM...]");
        return ExitCode::from(2);
    };
    let package = arguments.next().unwrap_or_else(|| "gofmt".to_owned());
    let wanted: Vec<String> = arguments.collect();
    let mut good = true;
    for (platform, machine) in PLATFORMS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == platform) {
            continue;
        }
        match build(Path::new(&directory), &package, platform).and_then(|bytes| {
            let seen = look(&bytes, machine)?;
            Ok(format!("{seen}, {} bytes", bytes.len()))
        }) {
            Ok(seen) => println!("{platform}: {seen}"),
            Err(wrong) => {
                println!("{platform}: {wrong}");
                good = false;
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds the package and gives the program that is called like it.
fn build(directory: &Path, package: &str, platform: &str) -> Result<Vec<u8>, String> {
    let directory = std::path::absolute(directory).map_err(|error| error.to_string())?;
    let nuka = Client::new(
        Config {
            user: 0,
            store: directory.join("store"),
            cache: directory.join("cache"),
            state: directory.join("state"),
            recipe_directories: Vec::new(),
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            offline: false,
            home: directory.join("home"),
            env: BTreeMap::new(),
            executable: None,
            background: false,
            current_directory: directory.clone(),
        },
        By::ThisProcess,
    );
    let target: Target = package.parse().map_err(|error| format!("{error}"))?;
    let on: Platform = platform.parse().map_err(|error| format!("{error}"))?;
    let report = nuka.build(&[target.on(on)], &BuildOptions::default(), &Told);
    let report = report.map_err(|fault| fault.message.clone())?;
    if let Some(failure) = report.failed.first() {
        return Err(format!("{}: {}", failure.package.name, failure.reason));
    }
    let outcome = report.requested.first().ok_or("nothing was built")?;
    let out = directory.join("out").join(platform.replace('/', "-"));
    // What an earlier run left is the same, or wrong.
    let _ = std::fs::remove_dir_all(&out);
    nuka.export(outcome, &out).map_err(|fault| fault.message.clone())?;
    let suffix = if platform.starts_with("windows") { ".exe" } else { "" };
    let file = out.join(format!("usr/bin/{package}{suffix}"));
    std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))
}

/// What a parser says of a program, if it is one of that kind which needs nothing that is linked in when it starts.
fn look(bytes: &[u8], machine: Machine) -> Result<String, String> {
    let seen = match (machine, goblin::Object::parse(bytes)) {
        (Machine::Wasm, _) => {
            let shape = Shape::parse(bytes).map_err(|error| error.to_string())?;
            return match shape.dialect() {
                Dialect::Command => Ok(Dialect::Command.to_string()),
                other => Err(other.to_string()),
            };
        }
        (_, Err(error)) => return Err(error.to_string()),
        (Machine::Elf(wanted), Ok(goblin::Object::Elf(elf))) => {
            let linked = elf.interpreter.is_some() || !elf.libraries.is_empty();
            let header = elf.header;
            (
                header.e_type == ET_EXEC && header.e_machine == wanted && !linked && elf.entry != 0,
                "static ELF",
            )
        }
        (Machine::Pe, Ok(goblin::Object::PE(pe))) => {
            let own = pe.libraries.iter().all(|library| library.eq_ignore_ascii_case("kernel32.dll"));
            let machine = pe.header.coff_header.machine;
            (pe.is_64 && machine == COFF_MACHINE_X86_64 && own && pe.entry != 0, "PE, of kernel32 alone")
        }
        (Machine::Mach, Ok(goblin::Object::Mach(Mach::Binary(mach)))) => {
            // That system has no calls but through its own libraries.
            let own = |library: &&str| {
                *library == "self"
                    || library.starts_with("/usr/lib/lib")
                    || library.starts_with("/System/Library/")
            };
            let header = mach.header;
            let good = header.cputype == CPU_TYPE_ARM64 && header.filetype == MH_EXECUTE;
            (good && mach.libs.iter().all(own) && mach.entry != 0, "Mach-O, of the system's own libraries")
        }
        (_, Ok(_)) => return Err("it is another format".to_owned()),
    };
    match seen {
        (true, what) => Ok(what.to_owned()),
        (false, what) => Err(format!("it is not {what}")),
    }
}
