//! Go's bootstrap as packages: from the seed to stage 1, and from the tools of one stage to those of the next.

use nuka_pir::{
    Argument, Build, Builder, Cpu, Input, InputName, Language, Limits, NameError, OutputName, OutputRule,
    PIR_FORMAT, PackageName, Permissions, Pid, Pir, Platform, Prefix, Run, RunStep, Stdout, Step, Version,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The recipe of the source.
pub const SOURCE: &str = "go-source";
/// The recipe of the seed.
pub const SEED: &str = "go-seed";
/// The tools of a stage, by import path.
pub const PROGRAMS: [&str; 4] = ["cmd/compile", "cmd/asm", "cmd/link", PLANNER];
/// Our own program that works out what is compiled, and with which arguments.
pub const PLANNER: &str = "nuka.invalid/go-plan";

/// The package that is a plan.
pub const PLAN: &str = "go-plan-of-go";

/// The program of a slice.
pub const HELLO: &str = "nuka.invalid/go-plan/hello";

/// The planner's source, and the slice's.
const PLANNER_FILES: [(&str, &str); 7] = [
    ("go.mod", include_str!("../../../bootstrap/go/plan/go.mod")),
    ("main.go", include_str!("../../../bootstrap/go/plan/main.go")),
    ("graph.go", include_str!("../../../bootstrap/go/plan/graph.go")),
    ("steps.go", include_str!("../../../bootstrap/go/plan/steps.go")),
    ("nuon.go", include_str!("../../../bootstrap/go/plan/nuon.go")),
    ("files.go", include_str!("../../../bootstrap/go/plan/files.go")),
    ("hello/hello.go", include_str!("../../../bootstrap/go/plan/hello/hello.go")),
];
/// Where Go's source is among the tools.
const ROOT: &str = "/usr/lib/go";
/// Where the planner's source is among the tools.
const PLANNER_ROOT: &str = "/usr/lib/go-plan";
/// Where a plan is in its package.
pub const PLAN_FILE: &str = "usr/share/go-plan/plan.json";
/// Where the archives of other packages are in a build.
const ARCHIVES: &str = "/nuka/target/usr/lib/go";
/// Where a build puts its own.
const ARCHIVES_OUT: &str = "out/usr/lib/go";
/// When Go's tools begin to collect memory as WebAssembly. With one thread they would do so from the first 4 MB on, and again
/// whenever that has doubled, which is a tenth to a third of what compiling costs. One package of Go's own ever has as much as this.
/// What they make is the same to the bit.
const COLLECTOR: [(&str, &str); 2] = [("GOGC", "off"), ("GOMEMLIMIT", "1800MiB")];
/// The variable that makes the builds of a repeated stage other builds. No program reads it.
const REPEATED: &str = "NUKA_BOOTSTRAP_REPEATED";

/// What programs are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Go's name of the system.
    pub os: &'static str,
    /// Go's name of the machine.
    pub arch: &'static str,
}

/// What the tools themselves are made for.
pub const WASM: Target = Target { os: "wasip1", arch: "wasm" };

/// What is the same in all stages.
#[derive(Debug, Clone, Copy)]
pub struct Sources {
    /// Go's source.
    pub go: Pid,
    /// The planner's source.
    pub planner: Pid,
}

/// The tools of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    /// By the names of their programs: `asm`, `compile`, `go-plan`, `link`.
    inputs: BTreeMap<InputName, Input>,
}

/// What the planner says.
#[derive(Debug, Deserialize)]
pub struct Plan {
    /// Packages, each after what it imports.
    pub packages: Vec<Entry>,
    /// Programs to link.
    pub programs: Vec<Entry>,
}

/// One package to compile, or one program to link.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// The import path.
    pub path: String,
    /// The packages whose archives must be there.
    pub needs: Vec<String>,
    /// Bytes of its source.
    pub bytes: u64,
    /// What is done.
    pub steps: Vec<Step>,
}

/// A stage as packages.
#[derive(Debug, Default)]
pub struct Stage {
    /// Import paths of the archives with what makes each, in the plan's order.
    pub archives: Vec<(String, Pid)>,
    /// Import paths of the programs with what makes each.
    pub programs: Vec<(String, Pid)>,
    /// Bytes of source that each of these packages compiles.
    pub bytes: BTreeMap<Pid, u64>,
    /// All of them.
    pub pirs: Vec<(Pid, Pir)>,
}

/// Why there is no such package.
#[derive(Debug, thiserror::Error)]
pub enum GoError {
    /// A name that is too long, or has a character that no name has.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A PIR that breaks a rule.
    #[error(transparent)]
    Pir(#[from] nuka_pir::PirError),
    /// The plan is not one.
    #[error("the plan of Go's packages cannot be read: {0}")]
    Plan(#[from] serde_json::Error),
    /// The plan has something before what it needs.
    #[error("the plan of Go's packages has `{path}` before `{need}`, which it needs")]
    Order {
        /// What needs it.
        path: String,
        /// What it needs.
        need: String,
    },
    /// A program that every stage has is not planned.
    #[error("the plan of Go's packages has no program `{path}`")]
    NoProgram {
        /// Its import path.
        path: String,
    },
}

/// The planner's source as a package.
pub fn planner_source(version: &Version) -> Result<Pir, GoError> {
    let steps = PLANNER_FILES.iter().map(|(name, text)| Step::Write {
        path: format!("out{PLANNER_ROOT}/{name}").as_str().into(),
        text: (*text).into(),
        executable: false,
    });
    pir("go-plan-source", version, Platform::ANY, steps.collect())
}

/// Stage 1: the tools as WebAssembly, made by the native toolchain of the seed. Nothing else of a bootstrap runs natively.
///
/// The package has our own program, too, so that the standard library, which that and the tools are linked with, is
/// compiled once. A change of that program so makes the tools again, but nothing that sees the same tools after that.
pub fn stage_1(seed: Pid, sources: Sources, version: &Version) -> Result<Pir, GoError> {
    let [compile, asm, link, _] = PROGRAMS;
    // What tells builds of Go's tools apart is what the planner gives, too.
    let flags = "-ldflags=-s -w -buildid= -X=cmd/internal/objabi.buildID=nuka";
    let tools = seed_build(&format!("{ROOT}/src/cmd"), flags, &[compile, asm, link]);
    let own = seed_build(PLANNER_ROOT, "-ldflags=-s -w -buildid=", &[".", "./hello"]);
    let steps = vec![Step::MakeDirectory("out/usr/bin".into()), tools, own];
    let mut pir = pir("go-stage1", version, Platform::WASM, steps)?;
    pir.build.builder = Builder::Seed1;
    pir.build.env = variables(&[
        ("GOROOT", ROOT),
        ("GOOS", WASM.os),
        ("GOARCH", WASM.arch),
        ("CGO_ENABLED", "0"),
        ("GOCACHE", "/tmp/cache"),
        ("GOENV", "off"),
        ("GOPROXY", "off"),
        ("GOTELEMETRY", "off"),
        ("GOTOOLCHAIN", "local"),
    ]);
    for (name, pid) in [("seed", seed), ("source", sources.go), ("planner", sources.planner)] {
        pir.build.tools.insert(InputName::new(name)?, out(pid));
    }
    // Each program is an output of its own, so that who uses one sees the same tree in every stage.
    for path in PROGRAMS.into_iter().chain([HELLO]) {
        let name = output(path)?;
        pir.build.outputs.push(OutputRule { name, globs: vec![format!("bin/{}", program(path))] });
    }
    Ok(pir)
}

/// What builds some packages of a directory natively, with flags of the linker.
fn seed_build(directory: &str, flags: &str, packages: &[&str]) -> Step {
    let go = format!("{ROOT}/bin/go");
    let fixed = ["build", "-trimpath", "-pgo=off", "-buildvcs=false", flags, "-o", "/build/out/usr/bin/"];
    let words = std::iter::once(go.as_str()).chain(fixed).chain(packages.iter().copied());
    let command = words.map(Argument::literal).collect();
    Step::Run(RunStep { command, directory: Some(directory.into()), ..RunStep::default() })
}

impl Tools {
    /// Those of stage 1.
    pub fn of_stage_1(pid: Pid) -> Result<Self, GoError> {
        let input = |path| Ok((InputName::new(program(path))?, Input { pid, outputs: vec![output(path)?] }));
        Ok(Self { inputs: PROGRAMS.into_iter().map(input).collect::<Result<_, GoError>>()? })
    }

    /// Those of a later stage.
    pub fn of(stage: &Stage) -> Result<Self, GoError> {
        let find = |path: &str| {
            let found = stage.programs.iter().find(|(known, _)| known == path);
            let (_, pid) = found.ok_or_else(|| GoError::NoProgram { path: path.to_owned() })?;
            Ok((InputName::new(program(path))?, out(*pid)))
        };
        Ok(Self { inputs: PROGRAMS.into_iter().map(find).collect::<Result<_, GoError>>()? })
    }

    /// By import path: what makes a tool, and which of its outputs has it.
    pub fn each(&self) -> Vec<(&'static str, &Input)> {
        let find = |path| Some((path, self.inputs.get(program(path))?));
        PROGRAMS.into_iter().filter_map(find).collect()
    }

    fn take(&self, names: &[&str]) -> BTreeMap<InputName, Input> {
        let wanted = self.inputs.iter().filter(|(name, _)| names.contains(&name.as_str()));
        wanted.map(|(name, input)| (name.clone(), input.clone())).collect()
    }
}

/// The plan of a stage, worked out by the planner of these tools. `repeated` makes it another build than that of a stage
/// before, even where nothing that it sees differs.
pub fn plan(
    tools: &Tools,
    sources: Sources,
    target: Target,
    paths: &[&str],
    repeated: bool,
    version: &Version,
) -> Result<Pir, GoError> {
    let module = format!("{PLANNER}={PLANNER_ROOT}");
    let fixed = ["go-plan", "plan", "-std", ARCHIVES, "-out", ARCHIVES_OUT, "-module", module.as_str()];
    let words = fixed.into_iter().chain(paths.iter().copied());
    let steps = vec![
        Step::MakeDirectory("out/usr/share/go-plan".into()),
        Step::Run(RunStep {
            command: words.map(Argument::literal).collect(),
            stdout: Some(Stdout::Save(format!("out/{PLAN_FILE}").as_str().into())),
            ..RunStep::default()
        }),
    ];
    let mut pir = pir(PLAN, version, Platform::ANY, steps)?;
    pir.build.env = environment(target, ROOT, repeated);
    pir.build.tools = tools.take(&["go-plan"]);
    for (name, pid) in [("source", sources.go), ("planner", sources.planner)] {
        pir.build.tools.insert(InputName::new(name)?, out(pid));
    }
    Ok(pir)
}

/// Reads what the planner printed.
pub fn read_plan(bytes: &[u8]) -> Result<Plan, GoError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// A stage that these tools make of a plan: a package for each archive and each program.
pub fn stage(
    plan: &Plan,
    tools: &Tools,
    sources: Sources,
    target: Target,
    repeated: bool,
    version: &Version,
) -> Result<Stage, GoError> {
    let mut stage = Stage::default();
    let mut archives: BTreeMap<&str, Pid> = BTreeMap::new();
    let entries = plan.packages.iter().map(|entry| (entry, false));
    for (entry, is_program) in entries.chain(plan.programs.iter().map(|entry| (entry, true))) {
        let name = format!("{}{}", if is_program { "go-link-" } else { "go-" }, written(&entry.path));
        let mut pir = pir(&shortened(&name), version, Platform::WASM, entry.steps.clone())?;
        // Go's compiler looks for nothing in its own root, and must not say where it was.
        pir.build.env = environment(target, "", repeated);
        for need in &entry.needs {
            let pid = archives.get(need.as_str()).copied();
            let order = || GoError::Order { path: entry.path.clone(), need: need.clone() };
            let name = InputName::new(&shortened(&written(need)))?;
            pir.build.packages.insert(name, out(pid.ok_or_else(order)?));
        }
        pir.build.tools = tools.take(&started(&entry.steps));
        if !is_program {
            let own = entry.path.starts_with(PLANNER);
            let (name, source) = if own { ("planner", sources.planner) } else { ("source", sources.go) };
            pir.build.tools.insert(InputName::new(name)?, out(source));
        }
        let pid = pir.pid()?;
        if is_program {
            stage.programs.push((entry.path.clone(), pid));
        } else {
            archives.insert(&entry.path, pid);
            stage.archives.push((entry.path.clone(), pid));
        }
        stage.bytes.insert(pid, entry.bytes);
        stage.pirs.push((pid, pir));
    }
    Ok(stage)
}

/// The programs that steps start: a package sees no others, so that it is not built again for a change of one of those.
fn started(steps: &[Step]) -> Vec<&str> {
    let run = steps.iter().filter_map(|step| if let Step::Run(run) = step { Some(run) } else { None });
    run.filter_map(|run| match run.command.first() {
        Some(Argument::Text(program)) => program.as_literal(),
        _ => None,
    })
    .collect()
}

fn pir(name: &str, version: &Version, target: Platform, steps: Vec<Step>) -> Result<Pir, GoError> {
    Ok(Pir {
        pir: PIR_FORMAT,
        name: PackageName::new(name)?,
        version: version.clone(),
        build: Build {
            builder: Builder::Wasm1,
            target,
            cpu: Cpu::GENERIC,
            prefix: Prefix::default(),
            sources: BTreeMap::new(),
            tools: BTreeMap::new(),
            packages: BTreeMap::new(),
            env: BTreeMap::new(),
            limits: Limits::default(),
            steps,
            outputs: Vec::new(),
        },
        run: Run {
            language: Language::Go,
            needs: BTreeMap::new(),
            programs: BTreeMap::new(),
            permissions: Permissions::default(),
            platforms: vec![target],
        },
    })
}

fn environment(target: Target, root: &str, repeated: bool) -> BTreeMap<String, String> {
    let mut all =
        variables(&[("GOOS", target.os), ("GOARCH", target.arch), ("GOROOT", root), ("GOEXPERIMENT", "")]);
    all.extend(variables(&COLLECTOR));
    if repeated {
        all.insert(REPEATED.to_owned(), "1".to_owned());
    }
    all
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn out(pid: Pid) -> Input {
    Input { pid, outputs: vec![OutputName::out()] }
}

/// A program's name: the last element of its import path.
pub fn program(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The output of stage 1 that has a program.
pub fn output(path: &str) -> Result<OutputName, GoError> {
    Ok(OutputName::new(&program(path).replace('-', "_"))?)
}

/// Where a program is in what makes it.
pub fn program_file(path: &str) -> String {
    format!("usr/bin/{}", program(path))
}

/// Where an archive is in what makes it.
pub fn archive_file(target: Target, path: &str) -> String {
    format!("usr/lib/go/{}_{}/{path}.a", target.os, target.arch)
}

/// An import path as a name: `cmd/compile/internal/ssa` is `cmd+compile+internal+ssa`.
fn written(path: &str) -> String {
    path.replace('/', "+").to_lowercase()
}

/// The end of a name that is longer than names are.
fn shortened(name: &str) -> String {
    let from = name.len().saturating_sub(nuka_pir::MAX_NAME_LEN);
    let tail = name.get(from..).unwrap_or(name);
    tail.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests;
