//! `nuka bootstrap`: compilers that, as WebAssembly, compile themselves again.

mod explain;

use crate::{
    commands::{Done, platform::PlatformArgument},
    context::{Context, WorkArguments, say},
    daemon::{
        Artefact, BootstrapReport, BootstrapStage, BootstrapWish, Extent, SecondEngine, Target, Verdict,
    },
    error::Error,
    exit::Exit,
    output::Format,
    report::{
        escape::escape,
        failure, plan,
        style::{Role, Style},
        table::{Table, number, text},
        units,
    },
};

/// Have a compiler, as WebAssembly, compile itself until nothing changes any more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
go: stage 1 is made by the toolchain that the compiler's makers publish: the only native program
that takes part, in a root of its own without a network. Stage 2 is made by stage 1 as WebAssembly,
and stage 3 by stage 2, with another clock and other random numbers.

c: stage 1 is made by tcc as WebAssembly: a C library, tcc and Lua as native programs for x86-64
Linux. Stage 2 is made by the native tcc of stage 1, and stage 3 by that of stage 2, each in a root
that has nothing but it and the sources. No other native program takes part.

What is finished stays, and a bootstrap that was cut goes on where it was.

Examples:
  nuka bootstrap go                all three stages, and whether they are the same to the bit
  nuka bootstrap c                 the same for C
  nuka bootstrap go --stage 1      only what the seed makes
  nuka bootstrap go --slice        one small program instead of the whole compiler
  nuka bootstrap --second-engine   the same of an interpreter, for the slice
  nuka bootstrap --explain gofmt   what gofmt's bits rest on: each source by its hash, and code
                                   that came compiled")]
pub struct Arguments {
    /// Which compiler
    #[arg(value_name = "COMPILER", required_unless_present_any = ["explain", "second_engine"])]
    compiler: Option<Compiler>,
    /// Make nothing: say what a package's bits rest on that was not made here; without PACKAGE, those of the compilers
    #[arg(long, value_name = "PACKAGE", num_args = 0.., conflicts_with_all = ["compiler", "stage", "slice"])]
    explain: Option<Vec<Target>>,
    /// The last stage that is made
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    stage: u8,
    /// Of Go: make one small program in each stage, with each of the tools, and not the tools again
    #[arg(long)]
    slice: bool,
    /// Make the slice of Go's stage 2 once more in an engine by other authors, an interpreter, and compare each file
    #[arg(long, conflicts_with = "stage")]
    second_engine: bool,
    // Of packages that are explained.
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    format: Format,
}

/// The compilers that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Compiler {
    /// Go's compiler, assembler and linker.
    Go,
    /// A C compiler, its library, and Lua made with both.
    C,
}

/// Bootstraps.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.nuka(&arguments.work);
    if let Some(targets) = &arguments.explain {
        let base = nuka.explain(&arguments.platform.of_all(targets))?;
        arguments.format.print(context, &base, |style| explain::show(&base, style))?;
        return Ok(Exit::Success);
    }
    let Arguments { stage, slice, second_engine, .. } = *arguments;
    let of_c = matches!(arguments.compiler, Some(Compiler::C));
    if of_c && (slice || second_engine) {
        return Err(Error::Usage {
            message: "all of C's bootstrap is small".to_owned(),
            help: "`--slice` and `--second-engine` are for `nuka bootstrap go`".to_owned(),
        });
    }
    if arguments.platform.is_named() {
        return Err(Error::Usage {
            message: "a bootstrap is for the machine that it is made for".to_owned(),
            help:
                "`--target` goes with `--explain`; for another system: `nuka build PACKAGE --target PLATFORM`"
                    .to_owned(),
        });
    }
    let progress = context.progress(&arguments.work);
    if of_c {
        let report = nuka.bootstrap_c(stage, &progress);
        progress.finish();
        return tell(context, arguments, &report?);
    }
    let extent = if slice || second_engine { Extent::Slice } else { Extent::Whole };
    let stage = if second_engine { 2 } else { stage };
    let report = nuka.bootstrap_go(BootstrapWish { stage, extent, second_engine }, &progress);
    progress.finish();
    tell(context, arguments, &report?)
}

/// Shows what a bootstrap came to, and judges it.
fn tell(context: &Context, arguments: &Arguments, report: &BootstrapReport) -> Done {
    arguments.format.print(context, report, |style| show(report, style))?;
    if !report.failed.is_empty() {
        say(&format!("stage {} could not be made:", report.stages.len() + 1));
        say(failure::show(&report.failed, context.style()).trim_end());
    }
    let second = report.second.as_ref();
    if let Some(second) = second.filter(|second| !second.failed.is_empty()) {
        say(failure::show(&second.failed, context.style()).trim_end());
    }
    let agrees = second.is_none_or(SecondEngine::agrees);
    let good = agrees && report.failed.is_empty() && !matches!(report.verdict, Verdict::Different { .. });
    Ok(if good { Exit::Success } else { Exit::Failure })
}

/// The stages, their programs, and what comparing them gave.
fn show(report: &BootstrapReport, style: Style) -> String {
    let mut shown = String::new();
    for stage in &report.stages {
        let name = format!("stage {}", stage.number);
        shown += &format!("{}  {}\n", style.show(Role::Strong, &name), how(report, stage));
    }
    let mut table = Table::new([text("PROGRAM"), number("BYTES"), text("STAGES"), text("SHA-256")]);
    for (artefact, stages) in distinct(&report.stages) {
        let stages: Vec<String> = stages.iter().map(ToString::to_string).collect();
        let sha256 = artefact.sha256.as_deref().unwrap_or("-");
        table.row([&artefact.path, &artefact.bytes.to_string(), &stages.join(" "), sha256]);
    }
    if !table.is_empty() {
        shown += &table.show(style);
    }
    shown += &verdict(report, style);
    if let Some(second) = &report.second {
        shown += &in_second_engine(second, style);
    }
    shown
}

/// What the second engine came to.
fn in_second_engine(second: &SecondEngine, style: Style) -> String {
    let packages = units::count(second.packages as u64, "package", "packages");
    let seconds = units::seconds(second.seconds);
    if second.agrees() {
        let mark = style.show(Role::Good, "second engine");
        return format!("{mark}: made the same of {packages} of stage 2, to the bit, in {seconds}\n");
    }
    let mark = style.show(Role::Bad, "second engine");
    let mut shown = format!("{mark}: did not make the same of {packages} of stage 2\n");
    for (package, files) in &second.different {
        for file in files {
            shown += &format!("  {}: {}\n", plan::name(package), escape(file));
        }
    }
    shown
}

/// How many files a stage has beside its programs, as the compiler's people call them.
fn archives(report: &BootstrapReport, stage: &BootstrapStage) -> String {
    let count = stage.archives.len() as u64;
    match report.compiler.as_str() {
        "c" => units::count(count, "library file", "library files"),
        _ => units::count(count, "archive", "archives"),
    }
}

fn how(report: &BootstrapReport, stage: &BootstrapStage) -> String {
    let archives =
        if stage.archives.is_empty() { String::new() } else { format!("{}, ", archives(report, stage)) };
    let done = match stage.built {
        0 => "all of it was there".to_owned(),
        count => format!("{count} built in {}", units::seconds(stage.seconds)),
    };
    let programs = units::count(stage.programs.len() as u64, "program", "programs");
    format!("{archives}{programs}: {done}")
}

/// Each program once for each of its forms, with the stages that gave that one.
fn distinct(stages: &[BootstrapStage]) -> Vec<(&Artefact, Vec<u8>)> {
    let mut all: Vec<(&Artefact, Vec<u8>)> = Vec::new();
    for stage in stages {
        for artefact in &stage.programs {
            match all.iter_mut().find(|(known, _)| *known == artefact) {
                Some((_, stages)) => stages.push(stage.number),
                None => all.push((artefact, vec![stage.number])),
            }
        }
    }
    all.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    all
}

fn verdict(report: &BootstrapReport, style: Style) -> String {
    match &report.verdict {
        Verdict::Open => String::new(),
        Verdict::Equal { stages } => {
            let mut compared = report.stages.iter().filter(|stage| !stage.archives.is_empty());
            let what = compared.next().and(compared.next());
            let what = what.map_or(String::new(), |stage| format!(", and {}", archives(report, stage)));
            let (last, before) = stages.split_last().map_or((0, &[][..]), |(last, before)| (*last, before));
            let before: Vec<String> = before.iter().map(ToString::to_string).collect();
            format!(
                "{}: the programs of the stages {} and {last} are the same to the bit{what}\n",
                style.show(Role::Good, "fixpoint"),
                before.join(", ")
            )
        }
        Verdict::Different { first, files } => {
            let [old, new] = first.stages;
            format!(
                "{}: {} between the stages {old} and {new}; the first is {}, at byte {}\n",
                style.show(Role::Bad, "no fixpoint"),
                units::count(*files as u64, "file differs", "files differ"),
                first.path,
                first.offset
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Difference;
    use nuka_pir::BlobId;

    fn artefact(path: &str, bytes: &[u8], sha256: Option<&str>) -> Artefact {
        let sha256 = sha256.map(str::to_owned);
        Artefact { path: path.into(), blob: BlobId::of(bytes), bytes: bytes.len() as u64, sha256 }
    }

    fn report(verdict: Verdict, last: &[u8]) -> BootstrapReport {
        let stage = |number, seconds, built, bytes: &[u8]| BootstrapStage {
            number,
            seconds,
            built,
            programs: vec![
                artefact("cmd/compile", bytes, Some("921c35d3")),
                artefact("cmd/asm", b"asm", Some("ef598d0e")),
            ],
            archives: if number > 1 { vec![artefact("errors", b"errors", None)] } else { Vec::new() },
        };
        BootstrapReport {
            compiler: "go".into(),
            version: "1.27.3".into(),
            stages: vec![
                stage(1, 0.1, 0, b"compile"),
                stage(2, 190.0, 3, b"compile"),
                stage(3, 180.2, 3, last),
            ],
            verdict,
            second: None,
            failed: Vec::new(),
        }
    }

    #[test]
    fn a_fixpoint_shows_each_program_once() {
        let report = report(Verdict::Equal { stages: vec![1, 2, 3] }, b"compile");
        insta::assert_snapshot!(show(&report, Style { colour: false }), @"
        stage 1  2 programs: all of it was there
        stage 2  1 archive, 2 programs: 3 built in 3 min 10 s
        stage 3  1 archive, 2 programs: 3 built in 3 min 0 s
        PROGRAM      BYTES  STAGES  SHA-256
        cmd/asm          3  1 2 3   ef598d0e
        cmd/compile      7  1 2 3   921c35d3
        fixpoint: the programs of the stages 1, 2 and 3 are the same to the bit, and 1 archive
        ");
    }

    #[test]
    fn a_library_is_compared_from_the_first_stage_that_has_one() {
        let mut report = report(Verdict::Equal { stages: vec![1, 2] }, b"compile");
        report.compiler = "c".to_owned();
        let library = artefact("libc.a", b"library", None);
        for stage in &mut report.stages {
            stage.programs = vec![artefact("tcc", b"tcc", Some("1ad2"))];
            stage.archives = vec![library.clone()];
        }
        report.stages.truncate(2);
        insta::assert_snapshot!(show(&report, Style { colour: false }), @"
        stage 1  1 library file, 1 program: all of it was there
        stage 2  1 library file, 1 program: 3 built in 3 min 10 s
        PROGRAM  BYTES  STAGES  SHA-256
        tcc          3  1 2     1ad2
        fixpoint: the programs of the stages 1 and 2 are the same to the bit, and 1 library file
        ");
        // As long as only one stage has such files, nothing is said of them.
        report.stages[0].archives.clear();
        let shown = show(&report, Style { colour: false });
        assert!(shown.ends_with("are the same to the bit\n"), "{shown}");
    }

    #[test]
    fn what_the_second_engine_made_is_told() {
        let mut report = report(Verdict::Open, b"compile");
        report.stages.clear();
        let package = crate::report::plan::tests::package("go-two", "1.27.3");
        report.second =
            Some(SecondEngine { packages: 5, seconds: 61.0, different: Vec::new(), failed: Vec::new() });
        insta::assert_snapshot!(show(&report, Style { colour: false }), @"second engine: made the same of 5 packages of stage 2, to the bit, in 1 min 1 s");
        if let Some(second) = &mut report.second {
            second.different = vec![(package, vec!["usr/lib/two.a\u{1b}".into()])];
        }
        insta::assert_snapshot!(show(&report, Style { colour: false }), @r"
        second engine: did not make the same of 5 packages of stage 2
          go-two 1.27.3: usr/lib/two.a\u{1b}
        ");
    }

    #[test]
    fn a_difference_shows_where_it_begins() {
        let first = Difference { stages: [2, 3], path: "cmd/compile".into(), offset: 4711 };
        let report = report(Verdict::Different { first, files: 1 }, b"other");
        insta::assert_snapshot!(show(&report, Style { colour: false }), @"
        stage 1  2 programs: all of it was there
        stage 2  1 archive, 2 programs: 3 built in 3 min 10 s
        stage 3  1 archive, 2 programs: 3 built in 3 min 0 s
        PROGRAM      BYTES  STAGES  SHA-256
        cmd/asm          3  1 2 3   ef598d0e
        cmd/compile      7  1 2     921c35d3
        cmd/compile      5  3       921c35d3
        no fixpoint: 1 file differs between the stages 2 and 3; the first is cmd/compile, at byte 4711
        ");
    }
}
