//! C's bootstrap as packages: from tcc as WebAssembly to a native one and its C library, and from that to the next.
//!
//! Each stage compiles the library, then with it the compiler itself, and a program that both are tried with. In the first
//! stage the compiler is WebAssembly. In those after it, it is the native program that the stage before made, run by the
//! builder `seed/1`, which has nothing of the machine in its root. What is done, and over which sources, is the same.
//!
//! What is made is data: no package says that it has a program, as programs in C are run as WebAssembly only. But for the
//! builder of the bootstrap, nothing starts these.

use nuka_pir::{
    Argument, Build, Builder, Cpu, Glob, Input, InputName, Language, Limits, NameError, OutputName,
    PIR_FORMAT, PackageName, Permissions, Pid, Pir, Platform, Prefix, Run, RunStep, Source, Step, Template,
    Version,
};
use std::collections::BTreeMap;

/// The recipe of the compiler as WebAssembly.
pub const COMPILER: &str = "tcc";
/// The recipe of its source.
pub const COMPILER_SOURCE: &str = "tcc-source";
/// The recipe of the C library's source.
pub const LIBRARY_SOURCE: &str = "musl-source";
/// The recipe of the program that is made with both: what it is fetched from is used.
pub const PROGRAM: &str = "lua";

/// What a stage's programs are called, and where they are in what makes them.
pub const PROGRAMS: [(&str, &str); 2] = [("tcc", "usr/bin/tcc"), ("lua", "usr/bin/lua")];
/// What programs are linked with, and where it is in the package of the library.
pub const LIBRARIES: [(&str, &str); 5] = [
    ("libc.a", "usr/lib/libc.a"),
    ("libtcc1.a", "usr/lib/tcc/libtcc1.a"),
    ("crt1.o", "usr/lib/crt1.o"),
    ("crti.o", "usr/lib/crti.o"),
    ("crtn.o", "usr/lib/crtn.o"),
];

/// The variable that makes the builds of a repeated stage other builds. No program reads it.
const REPEATED: &str = "NUKA_BOOTSTRAP_REPEATED";
/// The compiler, wherever it comes from.
const TCC: &str = "/usr/bin/tcc";

/// About how the packages of a stage share its time, by their sources' bytes.
const WEIGHTS: [(&str, u64); 4] =
    [("c-libc", 2_400_000), ("c-tcc", 1_200_000), ("c-lua", 900_000), (TRIAL, 0)];
/// The package that tries the program.
const TRIAL: &str = "c-lua-check";

/// What is the same in all stages.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The compiler's source, and its version.
    pub compiler: (Pid, Version),
    /// The C library's.
    pub library: (Pid, Version),
    /// The program's, as its recipe names it.
    pub program: (BTreeMap<InputName, Source>, Version),
}

/// A stage as packages.
#[derive(Debug)]
pub struct Stage {
    /// The C library, with headers and what every program begins with.
    pub library: Pid,
    /// The compiler.
    pub compiler: Pid,
    /// The program.
    pub program: Pid,
    /// All of them, and the program's trial.
    pub pirs: Vec<(Pid, Pir)>,
}

/// Why there is no such package.
#[derive(Debug, thiserror::Error)]
pub enum CError {
    /// A name that is too long, or has a character that no name has.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A PIR that breaks a rule.
    #[error(transparent)]
    Pir(#[from] nuka_pir::PirError),
}

/// Whether a compiler is a native program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It is WebAssembly.
    Wasm,
    /// It is made by an earlier stage.
    Native,
}

/// How the packages of a stage are made.
#[derive(Debug, Clone, Copy)]
struct Manner {
    builder: Builder,
    repeated: bool,
}

/// The stage that this compiler makes. `repeated` makes it other builds than those of the stage before, even where nothing
/// that they see differs.
pub fn stage(compiler: Pid, form: Form, sources: &Sources, repeated: bool) -> Result<Stage, CError> {
    let builder = if form == Form::Native { Builder::Seed1 } else { Builder::Wasm1 };
    let manner = Manner { builder, repeated };
    let (compiler_source, library_source) = (sources.compiler.0, sources.library.0);
    let mut pirs = Vec::new();
    let mut add = |pir: Pir| -> Result<Pid, CError> {
        let pid = pir.pid()?;
        pirs.push((pid, pir));
        Ok(pid)
    };

    let tools = [("tcc", compiler), ("tcc-source", compiler_source), ("musl-source", library_source)];
    let library = add(manner.pir("c-libc", &sources.library.1, &tools, library_steps())?)?;

    let tools = [("tcc", compiler), ("c-libc", library), ("tcc-source", compiler_source)];
    let own = add(manner.pir("c-tcc", &sources.compiler.1, &tools, compiler_steps())?)?;

    let (fetched, version) = &sources.program;
    let tools = [("tcc", compiler), ("c-libc", library)];
    let mut program = manner.pir("c-lua", version, &tools, program_steps())?;
    program.build.sources.clone_from(fetched);
    let program = add(program)?;

    // Natively in every stage.
    let tried = Manner { builder: Builder::Seed1, ..manner };
    let mut trial = tried.pir(TRIAL, version, &[("c-lua", program)], trial_steps())?;
    trial.build.sources.clone_from(fetched);
    add(trial)?;
    Ok(Stage { library, compiler: own, program, pirs })
}

impl Stage {
    /// About how much of the stage's time each of its packages takes.
    pub fn weights(&self) -> BTreeMap<Pid, u64> {
        let weight =
            |name: &str| WEIGHTS.iter().find(|(known, _)| *known == name).map_or(0, |(_, bytes)| *bytes);
        self.pirs.iter().map(|(pid, pir)| (*pid, weight(pir.name.as_str()))).collect()
    }
}

/// Compiles all of the library at once, as tcc does with many files: each becomes an object of its file's name.
fn library_steps() -> Vec<Step> {
    let musl = |path: &str| format!("/usr/src/musl/{path}");
    let mut flags = vec!["-w".to_owned(), "-c".into(), "-nostdinc".into(), "-D_XOPEN_SOURCE=700".into()];
    for place in ["arch/x86_64", "arch/generic", "src/internal", "src/include", "include"] {
        flags.push(format!("-I{}", musl(place)));
    }
    let compile = |directory: &str, patterns: &[String]| {
        let mut command = vec![Argument::literal(TCC)];
        command.extend(flags.iter().map(Argument::literal));
        command.push(glob(patterns));
        [Step::MakeDirectory(directory.into()), run(command, Some(directory))]
    };
    let archive = |name: &str, patterns: &[String]| {
        let fixed = [TCC, "-ar", "rcs", name].map(Argument::literal);
        run(fixed.into_iter().chain([glob(patterns)]).collect(), None)
    };
    let mut steps = Vec::new();
    // What has many files comes last: a native program's build tree is written out for it, and read back.
    steps.extend(compile("obj-tcc", &["/usr/src/tcc/lib/*.c".into(), "/usr/src/tcc/lib/*.S".into()]));
    steps.push(archive("libtcc1.a", &["obj-tcc/*.o".into()]));
    steps.extend(compile("obj-crt", &[musl("crt/crt1.c"), musl("crt/crti.c"), musl("crt/crtn.c")]));
    // Two of these have the names of others.
    steps.extend(compile("obj-malloc", &[musl("src/malloc/mallocng/*.c")]));
    steps.extend(compile("obj", &[musl("src/*/*.c"), musl("src/*/*.s")]));
    // What the compiler's programs call is in it too, as it calls that, and that calls it.
    let objects = ["obj/*.o", "obj-malloc/*.o", "obj-tcc/*.o"].map(str::to_owned);
    steps.push(archive("libc.a", &objects));
    steps.push(install(vec![Argument::literal("libc.a"), glob(&["obj-crt/*.o".into()])], "lib/", false));
    steps.push(install(vec![Argument::literal("libtcc1.a")], "lib/tcc/", false));
    steps.push(install(vec![Argument::Text(musl("include").as_str().into())], "./", false));
    steps
}

/// Compiles and links a program with the headers of the library alone: the compiler's own are not there in each stage.
fn program(name: &str, sources: Argument) -> Step {
    let fixed = [TCC, "-w", "-nostdinc", "-I/usr/include", "-static", "-o", name];
    run(fixed.map(Argument::literal).into_iter().chain([sources]).collect(), None)
}

fn compiler_steps() -> Vec<Step> {
    let compiled = program("tcc", Argument::literal("/usr/src/tcc/tcc.c"));
    vec![compiled, install(vec![Argument::literal("tcc")], "bin/", true)]
}

fn program_steps() -> Vec<Step> {
    let except = ["src/ltests.c", "src/luac.c", "src/onelua.c"].map(Template::literal).to_vec();
    let sources = Argument::Glob(Glob { glob: vec![Template::literal("src/l*.c")], except });
    vec![program("lua", sources), install(vec![Argument::literal("lua")], "bin/", true)]
}

/// Lua's own tests that need no other processes, locales or dynamic libraries.
const TESTS: [&str; 17] = [
    "bitwise",
    "bwcoercion",
    "closure",
    "constructs",
    "coroutine",
    "db",
    "errors",
    "events",
    "goto",
    "math",
    "nextvar",
    "pm",
    "sort",
    "strings",
    "tpack",
    "utf8",
    "vararg",
];

/// Has the program compute, read and write numbers of each kind, which rests on the library; then its own tests.
fn trial_steps() -> Vec<Step> {
    const SCRIPT: &str = "assert(6 * 7 == 42 and 7 // 2 == 3 and 1 / 3 == 0x1.5555555555555p-2); \
        assert(string.format('%.17g %a %d', 0.1, 2^-1074, math.mininteger) == \
          '0.10000000000000001 0x1p-1074 -9223372036854775808'); \
        assert(tonumber('1.7976931348623157e308') == 0x1.fffffffffffffp+1023)";
    const SETTINGS: &str = "_U = true; _port = true; _soft = true; _nomsg = true";
    let lua = |words: &[&str], directory| {
        let words = std::iter::once(&"/usr/bin/lua").chain(words).copied();
        run(words.map(Argument::literal).collect(), directory)
    };
    let mut steps = vec![lua(&["-e", SCRIPT], None)];
    steps.extend(TESTS.map(|test| lua(&["-e", SETTINGS, &format!("{test}.lua")], Some("src/testes"))));
    steps
}

fn run(command: Vec<Argument>, directory: Option<&str>) -> Step {
    Step::Run(RunStep { command, directory: directory.map(Into::into), ..RunStep::default() })
}

fn install(from: Vec<Argument>, to: &str, executable: bool) -> Step {
    Step::Install { from, to: to.into(), executable: Some(executable) }
}

fn glob(patterns: &[String]) -> Argument {
    let glob = patterns.iter().map(Template::literal).collect();
    Argument::Glob(Glob { glob, except: Vec::new() })
}

impl Manner {
    fn pir(
        self,
        name: &str,
        version: &Version,
        tools: &[(&str, Pid)],
        steps: Vec<Step>,
    ) -> Result<Pir, CError> {
        let out = |pid| Input { pid, outputs: vec![OutputName::out()] };
        let tools = tools.iter().map(|(name, pid)| Ok((InputName::new(name)?, out(*pid))));
        let repeated = self.repeated.then(|| (REPEATED.to_owned(), "1".to_owned()));
        Ok(Pir {
            pir: PIR_FORMAT,
            name: PackageName::new(name)?,
            version: version.clone(),
            build: Build {
                builder: self.builder,
                target: Platform::ANY,
                cpu: Cpu::GENERIC,
                prefix: Prefix::default(),
                sources: BTreeMap::new(),
                tools: tools.collect::<Result<_, CError>>()?,
                packages: BTreeMap::new(),
                env: repeated.into_iter().collect(),
                limits: Limits::default(),
                steps,
                outputs: Vec::new(),
            },
            run: Run {
                language: Language::C,
                needs: BTreeMap::new(),
                programs: BTreeMap::new(),
                permissions: Permissions::default(),
                platforms: vec![Platform::ANY],
            },
        })
    }
}

/// The member of an archive, in the format that `ar` writes, that has a place in it, and how far into the member that is;
/// `None` for a place in the index, or if it is no such archive.
pub fn member(archive: &[u8], place: u64) -> Option<(String, u64)> {
    const MAGIC: &[u8] = b"!<arch>\n";
    const HEADER: usize = 60;
    let place = usize::try_from(place).ok()?;
    let mut at = archive.starts_with(MAGIC).then_some(MAGIC.len())?;
    loop {
        let begins = at.checked_add(HEADER)?;
        let header = archive.get(at..begins)?;
        let text = |from, to| std::str::from_utf8(header.get(from..to)?).ok().map(str::trim_end);
        let (name, bytes) = (text(0, 16)?, text(48, 58)?.parse::<usize>().ok()?);
        let ends = begins.checked_add(bytes)?;
        if place < ends {
            let name = name.trim_end_matches('/');
            return (!name.is_empty()).then(|| (name.to_owned(), place.saturating_sub(begins) as u64));
        }
        // tcc pads the index alone, and not its members.
        at = if name == "/" { ends + ends % 2 } else { ends };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Sources {
        let version = |text| Version::new(text).unwrap();
        Sources {
            compiler: (Pid::from_bytes([2; 32]), version("0.9.27")),
            library: (Pid::from_bytes([3; 32]), version("1.2.5")),
            program: (BTreeMap::new(), version("5.4.8")),
        }
    }

    fn made(form: Form, repeated: bool) -> Stage {
        stage(Pid::from_bytes([1; 32]), form, &sources(), repeated).unwrap()
    }

    #[test]
    fn the_first_stage_starts_no_native_program_but_what_it_made() {
        let stage = made(Form::Wasm, false);
        for (_, pir) in &stage.pirs {
            let native = pir.build.builder == Builder::Seed1;
            assert_eq!(native, pir.name.as_str() == TRIAL, "{}", pir.name);
        }
        assert!(made(Form::Native, false).pirs.iter().all(|(_, pir)| pir.build.builder == Builder::Seed1));
    }

    #[test]
    fn all_stages_do_the_same() {
        let stages = [made(Form::Wasm, false), made(Form::Native, false), made(Form::Native, true)];
        for other in &stages[1..] {
            for ((old, first), (new, again)) in stages[0].pirs.iter().zip(&other.pirs) {
                assert_ne!(old, new);
                assert_eq!(first.build.steps, again.build.steps);
            }
        }
        assert_ne!(stages[1].compiler, stages[2].compiler);
    }

    #[test]
    fn a_stage_is_made_with_nothing_but_the_compiler_before_it_and_sources() {
        let known = [1, 2, 3].map(|n| Pid::from_bytes([n; 32]));
        let stage = made(Form::Native, false);
        let own: Vec<Pid> = stage.pirs.iter().map(|(pid, _)| *pid).collect();
        for (_, pir) in &stage.pirs {
            for (_, input) in pir.references() {
                assert!(known.contains(&input.pid) || own.contains(&input.pid));
            }
        }
    }

    #[test]
    fn every_package_of_a_stage_has_a_weight() {
        let stage = made(Form::Wasm, false);
        let weights = stage.weights();
        for (pid, pir) in &stage.pirs {
            assert_eq!(weights[pid] == 0, pir.name.as_str() == TRIAL);
        }
    }

    /// An archive of these members, as tcc writes it.
    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, content) in members {
            bytes.extend(
                format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 0, content.len()).bytes(),
            );
            bytes.extend(*content);
            if *name == "/" && bytes.len() % 2 == 1 {
                bytes.push(0);
            }
        }
        bytes
    }

    #[test]
    fn a_place_in_an_archive_is_a_place_in_a_member() {
        let bytes = archive(&[("/", b"index"), ("a.o/", b"abc"), ("printf.o/", b"defgh")]);
        let at = |text: &[u8]| {
            let found = bytes.windows(text.len()).position(|window| window == text).unwrap();
            member(&bytes, found as u64)
        };
        assert_eq!(at(b"index"), None);
        assert_eq!(at(b"bc"), Some(("a.o".into(), 1)));
        assert_eq!(at(b"printf.o/"), Some(("printf.o".into(), 0)));
        assert_eq!(at(b"gh"), Some(("printf.o".into(), 3)));
        assert_eq!(member(&bytes, bytes.len() as u64), None);
        assert_eq!(member(b"\x7fELF", 0), None);
        // Cut off within the header of the last.
        let cut = &bytes[..bytes.len() - 30];
        assert_eq!(member(cut, 90), Some(("a.o".into(), 0)));
        assert_eq!(member(cut, cut.len() as u64), None);
    }
}
