//! What is going to happen, before it does.

use crate::daemon::{PackageRef, Plan};
use crate::report::{
    escape::escape,
    estimate,
    style::{Role, Style},
    units,
};
use std::num::NonZeroUsize;
use unicode_width::UnicodeWidthStr;

/// So many packages are listed; the rest is counted.
const LISTED: usize = 8;
/// So many downloads, which are larger words.
const LISTED_DOWNLOADS: usize = 4;
/// Lines are filled up to here: no terminal is narrower.
const WIDTH: usize = 80;
/// Where the text of a line begins.
const INDENT: usize = 12;

/// Whether there is nothing to do.
pub fn is_empty(plan: &Plan) -> bool {
    plan.fetches.is_empty() && plan.builds.is_empty()
}

/// The plan in a few lines, with how long it takes, once. Ends without a line end.
pub fn show(plan: &Plan, processors: NonZeroUsize, style: Style) -> String {
    let mut lines = vec!["This has to be done once:".to_owned()];
    let mut line = |what: &str, text: String| {
        let text = filled(&text);
        lines.push(format!("  {}  {text}", style.show(Role::Strong, what)));
    };
    if !plan.fetches.is_empty() {
        line("download", downloads(plan));
    }
    if estimate::makes_the_compiler(plan) {
        line("compile ", "clang itself, a program in wasm, for this machine".to_owned());
    }
    if !plan.builds.is_empty() {
        line("build   ", builds(plan));
    }
    line("time    ", time(plan, processors));
    lines.join("\n")
}

/// The plan in one line.
pub fn summary(plan: &Plan, processors: NonZeroUsize) -> String {
    let fetches = units::count(plan.fetches.len() as u64, "source", "sources");
    let builds = units::count(plan.builds.len() as u64, "package", "packages");
    format!("{fetches} to fetch and {builds} to build: {}", time(plan, processors))
}

fn time(plan: &Plan, processors: NonZeroUsize) -> String {
    let about = units::about(estimate::seconds(plan, processors));
    format!("{about} on this machine's {}", units::count(processors.get() as u64, "core", "cores"))
}

/// Everything in the plan, one thing a line: what `--dry-run` prints.
pub fn show_whole(plan: &Plan) -> String {
    let fetches = plan.fetches.iter().map(|fetch| {
        let size = fetch.bytes.map_or_else(|| "size unknown".to_owned(), units::bytes);
        format!("fetch  {}  {size}\n", escape(&fetch.source))
    });
    let builds = plan.builds.iter().map(|package| format!("build  {}\n", name(package)));
    fetches.chain(builds).collect()
}

fn downloads(plan: &Plan) -> String {
    let known: u64 = plan.fetches.iter().filter_map(|fetch| fetch.bytes).sum();
    let unknown = plan.fetches.iter().filter(|fetch| fetch.bytes.is_none()).count();
    let size = match (known, unknown) {
        (0, _) => "of a size that nobody says".to_owned(),
        (known, 0) => units::bytes(known),
        (known, unknown) => {
            let unknown = units::count(unknown as u64, "source", "sources");
            format!("{} and {unknown} of unknown size", units::bytes(known))
        }
    };
    let sources = units::count(plan.fetches.len() as u64, "source", "sources");
    let mut largest: Vec<_> = plan.fetches.iter().collect();
    largest.sort_by_key(|fetch| std::cmp::Reverse(fetch.bytes));
    let names = largest.iter().map(|fetch| match fetch.bytes {
        Some(bytes) => format!("{} {}", escape(&fetch.source), units::bytes(bytes)),
        None => escape(&fetch.source).into_owned(),
    });
    format!("{sources}, {size}: {}", listed(names, LISTED_DOWNLOADS))
}

fn builds(plan: &Plan) -> String {
    let packages = units::count(plan.builds.len() as u64, "package", "packages");
    format!("{packages}: {}", listed(plan.builds.iter().map(name), LISTED))
}

fn listed(names: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let mut names: Vec<_> = names.take(most).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// A text in lines that fit, broken between the things that it lists.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut column = INDENT;
    let mut part = String::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        part.push_str(word);
        if !word.ends_with([',', ':']) && words.peek().is_some() {
            part.push(' ');
            continue;
        }
        let width = part.width();
        if column > INDENT && column + 1 + width > WIDTH {
            filled.push_str(&format!("\n{:INDENT$}", ""));
            column = INDENT;
        } else if column > INDENT {
            filled.push(' ');
            column += 1;
        }
        filled.push_str(&part);
        column += width;
        part.clear();
    }
    filled
}

/// A package with its version, as all messages name it.
pub fn name(package: &PackageRef) -> String {
    let (name, version) = (escape(&package.name), escape(&package.version));
    if version.is_empty() { name.into_owned() } else { format!("{name} {version}") }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::daemon::PlannedFetch;
    use nuka_pir::Pid;

    pub fn package(name: &str, version: &str) -> PackageRef {
        let pid = Pid::from_bytes([name.len() as u8; 32]);
        PackageRef { pid, name: name.to_owned(), version: version.to_owned() }
    }

    fn fetch(source: &str, bytes: Option<u64>) -> PlannedFetch {
        PlannedFetch { source: source.to_owned(), bytes }
    }

    pub fn first_plan() -> Plan {
        let fetches = vec![
            fetch("crate:lua-src@547.0.0", Some(400_000)),
            fetch("npm:@yowasp/clang@22.0.0", Some(29_000_000)),
        ];
        let builds = vec![package("clang", "22.0.0"), package("wasi-libc", "29"), package("lua", "5.4.8")];
        Plan { fetches, builds, present: 0, shared: 0 }
    }

    fn cores(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    #[test]
    fn the_first_plan_says_what_it_costs() {
        insta::assert_snapshot!(show(&first_plan(), cores(4), Style { colour: false }), @"
        This has to be done once:
          download  2 sources, 28 MiB: npm:@yowasp/clang@22.0.0 28 MiB,
                    crate:lua-src@547.0.0 391 KiB
          compile   clang itself, a program in wasm, for this machine
          build     3 packages: clang 22.0.0, wasi-libc 29, lua 5.4.8
          time      about 30 seconds on this machine's 4 cores
        ");
        insta::assert_snapshot!(show_whole(&first_plan()), @"
        fetch  crate:lua-src@547.0.0  391 KiB
        fetch  npm:@yowasp/clang@22.0.0  28 MiB
        build  clang 22.0.0
        build  wasi-libc 29
        build  lua 5.4.8
        ");
    }

    #[test]
    fn long_lists_are_counted() {
        let mut fetches = vec![fetch("url:\u{1b}[2J", None), fetch("crate:a@1", Some(5000))];
        fetches.extend((0..9).map(|number| fetch(&format!("npm:@scope/package-{number}@1.0.0"), Some(9000))));
        let builds = (0..20).map(|number| package(&format!("p{number}"), "1")).collect();
        let plan = Plan { fetches, builds, present: 3, shared: 0 };
        insta::assert_snapshot!(show(&plan, cores(1), Style { colour: false }), @r"
        This has to be done once:
          download  11 sources, 84 KiB and 1 source of unknown size:
                    npm:@scope/package-0@1.0.0 8.8 KiB,
                    npm:@scope/package-1@1.0.0 8.8 KiB,
                    npm:@scope/package-2@1.0.0 8.8 KiB,
                    npm:@scope/package-3@1.0.0 8.8 KiB, 7 more
          build     20 packages: p0 1, p1 1, p2 1, p3 1, p4 1, p5 1, p6 1, p7 1, 12 more
          time      about 3 minutes on this machine's 1 core
        ");
    }
}
