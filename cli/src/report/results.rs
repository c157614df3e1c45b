//! What a build gave, as a table and as data.

use crate::{
    daemon::{BuildReport, Client, Failure, How, Outcome, Target},
    error::Error,
    report::{
        escape::escape,
        outcome::{Published, how, out},
        plan,
        style::{Role, Style},
        table::{Table, number, text},
        units,
    },
};
use nuka_pir::{Cid, Pid};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What became of the packages that were asked for.
#[derive(Debug, Serialize)]
pub struct Results {
    packages: Vec<Row>,
    failed: Vec<Failure>,
}

/// What became of one package.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    version: String,
    pid: Pid,
    /// `built`, `unchanged`, `present`.
    how: &'static str,
    milliseconds: u64,
    outputs: BTreeMap<String, Cid>,
    /// Bytes of all files in all outputs, where it was asked for.
    bytes: Option<u64>,
    check: Option<&'static str>,
    /// Whether the published CID is the same, where it was asked for.
    published: Option<Published>,
    published_cid: Option<Cid>,
    /// After a second build: the files that differ.
    differences: Option<Vec<String>>,
    #[serde(skip)]
    outcome: Outcome,
}

impl Results {
    /// Puts a report together with sizes and published CIDs, which are looked up if something was done or `details`
    /// are wanted.
    pub fn gather(
        nuka: &Client,
        targets: &[Target],
        report: &BuildReport,
        details: bool,
    ) -> Result<Self, Error> {
        let details = details || !report.done.is_empty();
        let asked: HashSet<Pid> = report.requested.iter().map(|outcome| outcome.package.pid).collect();
        let mut infos = HashMap::new();
        if details {
            for target in targets {
                // What failed to build has been told already; what cannot be shown only lacks its details.
                if let Ok(info) = nuka.show(target)
                    && asked.contains(&info.package.pid)
                {
                    infos.insert(info.package.pid, info);
                }
            }
        }
        let row = |outcome: &Outcome| {
            let info = infos.get(&outcome.package.pid);
            let check = outcome.check.map(|holds| if holds { "passed" } else { "failed" });
            let published_cid = info.and_then(|info| info.published);
            Row {
                name: outcome.package.name.clone(),
                version: outcome.package.version.clone(),
                pid: outcome.package.pid,
                how: how(outcome.how),
                milliseconds: (outcome.seconds * 1000.0) as u64,
                outputs: outcome.outputs.iter().cloned().collect(),
                bytes: info.map(|info| info.outputs.iter().map(|output| output.bytes).sum()),
                check,
                published: info.map(|_| Published::compare(outcome, published_cid)),
                published_cid,
                differences: outcome.differences.clone(),
                outcome: outcome.clone(),
            }
        };
        Ok(Self { packages: report.requested.iter().map(row).collect(), failed: report.failed.clone() })
    }

    /// The results that are not what was published.
    pub fn surprises(&self) -> impl Iterator<Item = (&Outcome, Cid)> {
        let different = self.packages.iter().filter(|row| row.published == Some(Published::Different));
        different.filter_map(|row| Some((&row.outcome, row.published_cid?)))
    }

    /// Whether every result is what was published, where something was.
    pub fn is_whole(&self) -> bool {
        self.surprises().next().is_none()
    }

    /// The table.
    pub fn show(&self, style: Style) -> String {
        if self.packages.is_empty() && self.failed.is_empty() {
            return String::new();
        }
        let details = self.packages.iter().any(|row| row.bytes.is_some());
        let mut columns = vec![text("PACKAGE"), text("VERSION"), text("HOW")];
        if details {
            columns.extend([number("TIME"), number("SIZE"), text("CHECK"), text("PUBLISHED")]);
        }
        columns.push(text("CID"));
        let mut table = Table::new(columns);
        for row in &self.packages {
            let cid = out(&row.outcome).map(|cid| cid.to_string()).unwrap_or_default();
            let ran = row.outcome.how == How::Built;
            let mut cells = vec![(row.name.clone(), Some(Role::Strong)), (row.version.clone(), None)];
            cells.push((row.how.to_owned(), ran.then_some(Role::Good)));
            if details {
                let seconds = if ran { units::seconds(row.outcome.seconds) } else { String::new() };
                let (published, role) = row.published.unwrap_or(Published::None).cell();
                let check_role = (row.check == Some("failed")).then_some(Role::Bad);
                cells.push((seconds, None));
                cells.push((row.bytes.map(units::bytes).unwrap_or_default(), None));
                cells.push((row.check.unwrap_or("-").to_owned(), check_role));
                cells.push((published.to_owned(), role));
            }
            cells.push((cid, None));
            table.styled_row(cells);
        }
        for failure in &self.failed {
            let what = if failure.because_of.is_some() { "not begun" } else { "failed" };
            let package = &failure.package;
            let cells = [(&package.name, Some(Role::Strong)), (&package.version, None)];
            let cells = cells.into_iter().map(|(cell, role)| (cell.as_str(), role));
            table.styled_row(cells.chain([(what, Some(Role::Bad))]));
        }
        table.show(style)
    }
}

/// What a second build showed.
pub fn same_bits(outcome: &Outcome, differences: &[String], style: Style) -> String {
    let name = plan::name(&outcome.package);
    if differences.is_empty() {
        let text = format!("{name}, built again with another clock and other random numbers: the same bits");
        return style.show(Role::Good, &text).to_string();
    }
    let files = units::count(differences.len() as u64, "file differs", "files differ");
    let title = format!("DIFFERENT: {name} gave something else when it was built again: {files}");
    differences
        .iter()
        .fold(style.show(Role::Bad, &title).to_string(), |shown, path| format!("{shown}\n  {}", escape(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;
    use nuka_pir::BuildId;

    fn row(name: &str, how: How, seconds: f64, published: Published) -> Row {
        let cid = Cid::from_bytes([name.len() as u8; 32]);
        let outcome = Outcome {
            package: package(name, "1.0"),
            how,
            build: BuildId::from_bytes([0; 32]),
            outputs: vec![("out".into(), cid)],
            seconds,
            check: None,
            differences: None,
        };
        Row {
            name: name.into(),
            version: "1.0".into(),
            pid: outcome.package.pid,
            how: super::how(how),
            milliseconds: (seconds * 1000.0) as u64,
            outputs: outcome.outputs.iter().cloned().collect(),
            bytes: Some(123_456),
            check: (how == How::Built).then_some("passed"),
            published: Some(published),
            published_cid: (published != Published::None).then_some(cid),
            differences: None,
            outcome,
        }
    }

    #[test]
    fn the_table_of_a_whole_collection() {
        let failure = Failure {
            package: package("quickjs", "2025"),
            reason: "x".into(),
            help: None,
            log_tail: Vec::new(),
            log: None,
            because_of: None,
        };
        let results = Results {
            packages: vec![
                row("lua", How::Built, 3.21, Published::Identical),
                row("zlib", How::Present, 0.0, Published::None),
                row("sqlite", How::Unchanged, 0.0, Published::Different),
            ],
            failed: vec![failure],
        };
        insta::assert_snapshot!(results.show(Style { colour: false }), @"
        PACKAGE  VERSION  HOW         TIME     SIZE  CHECK   PUBLISHED  CID
        lua      1.0      built      3.2 s  121 KiB  passed  identical  ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq
        zlib     1.0      present           121 KiB  -       -          aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca
        sqlite   1.0      unchanged         121 KiB  -       DIFFERENT  aydambqgaydambqgaydambqgaydambqgaydambqgaydambqgayda
        quickjs  2025     failed
        ");
        assert_eq!(results.surprises().count(), 1);
        let data = serde_json::to_value(&results).unwrap();
        assert_eq!(data["packages"][0]["milliseconds"], 3210);
        assert_eq!(data["packages"][2]["published"], "different");
    }

    #[test]
    fn nothing_to_do_is_short() {
        let mut present = row("lua", How::Present, 0.0, Published::None);
        present.bytes = None;
        let results = Results { packages: vec![present], failed: Vec::new() };
        insta::assert_snapshot!(results.show(Style { colour: false }), @"
        PACKAGE  VERSION  HOW      CID
        lua      1.0      present  ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq
        ");
    }

    #[test]
    fn a_second_build_names_each_file() {
        let outcome = row("lua", How::Built, 1.0, Published::None).outcome;
        let style = Style { colour: false };
        insta::assert_snapshot!(same_bits(&outcome, &[], style), @"lua 1.0, built again with another clock and other random numbers: the same bits");
        let differences = ["usr/bin/lua".to_owned(), "dev:usr/\u{1b}[2J".to_owned()];
        insta::assert_snapshot!(same_bits(&outcome, &differences, style), @r"
        DIFFERENT: lua 1.0 gave something else when it was built again: 2 files differ
          usr/bin/lua
          dev:usr/\u{1b}[2J
        ");
    }
}
