//! Failed builds: the last lines of the log and where it is, and at the end what failed because of what.

use crate::daemon::Failure;
use crate::report::{
    escape::{escape, escape_lines},
    plan,
    style::{Role, Style},
    table::{Table, text},
};

/// Everything about failures, for the end of a build. Empty if there are none.
pub fn show(failures: &[Failure], style: Style) -> String {
    let causes = failures.iter().filter(|failure| failure.because_of.is_none());
    let mut shown: String = causes.map(|failure| cause(failure, style)).collect();
    let mut table = Table::new([text("NOT BUILT"), text("BECAUSE")]);
    for failure in failures {
        let reason = match &failure.because_of {
            Some(other) => format!("{} failed", plan::name(other)),
            None => failure.reason.lines().next().unwrap_or_default().to_owned(),
        };
        table.styled_row([(plan::name(&failure.package), Some(Role::Strong)), (reason, None)]);
    }
    if !table.is_empty() {
        shown.push_str(&table.show(style));
    }
    shown
}

fn cause(failure: &Failure, style: Style) -> String {
    let mut lines = escape_lines(&failure.reason).lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
    let first = lines.next().unwrap_or_default();
    let name = plan::name(&failure.package);
    let mut shown = format!("{}: {first}\n", style.show(Role::Bad, &format!("{name} failed")));
    for line in lines {
        shown.push_str(&format!("  {line}\n"));
    }
    if !failure.log_tail.is_empty() {
        shown.push_str("  the end of its log:\n");
        for line in &failure.log_tail {
            let line = format!("  {} {}", style.show(Role::Faint, "|"), escape(line.trim_end()));
            shown.push_str(line.trim_end());
            shown.push('\n');
        }
    }
    if let Some(log) = &failure.log {
        shown.push_str(&format!("  the whole log: {}\n", escape(&log.display().to_string())));
    }
    if let Some(help) = &failure.help {
        for (at, line) in escape_lines(help).lines().enumerate() {
            let head = if at == 0 { "  help: " } else { "        " };
            shown.push_str(&format!("{head}{line}\n"));
        }
    }
    shown.push('\n');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;

    #[test]
    fn a_failure_is_told_whole_and_then_listed() {
        let failed = Failure {
            package: package("zlib", "1.3.1"),
            reason: "step 3 ended with 1\nclang -c adler32.c".into(),
            help: Some("look at\nthe log".into()),
            log_tail: vec![
                "adler32.c:1: error: \u{1b}[31mno\u{1b}[0m".into(),
                String::new(),
                "1 error".into(),
            ],
            log: Some("/state/logs/zlib.log".into()),
            because_of: None,
        };
        let blocked = Failure {
            package: package("mupdf", "1.2"),
            reason: String::new(),
            help: None,
            log_tail: Vec::new(),
            log: None,
            because_of: Some(failed.package.clone()),
        };
        insta::assert_snapshot!(show(&[failed, blocked], Style { colour: false }), @r"
        zlib 1.3.1 failed: step 3 ended with 1
          clang -c adler32.c
          the end of its log:
          | adler32.c:1: error: \u{1b}[31mno\u{1b}[0m
          |
          | 1 error
          the whole log: /state/logs/zlib.log
          help: look at
                the log

        NOT BUILT   BECAUSE
        zlib 1.3.1  step 3 ended with 1
        mupdf 1.2   zlib 1.3.1 failed
        ");
        assert_eq!(show(&[], Style { colour: false }), "");
    }
}
