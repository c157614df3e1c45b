//! `nuka doctor`: whether this machine has what nuka needs.

use crate::{
    commands::Done,
    context::Context,
    exit::Exit,
    output::Format,
    report::{
        escape::escape,
        style::Role,
        table::{Table, text},
    },
};

/// Look at this machine and this store, and say what is not as it should be
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// Prints what was found. It fails if something should be looked at.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let findings = context.local().doctor();
    arguments.format.print(context, &findings, |style| {
        let mut table = Table::new([text(""), text("WHAT"), text("FOUND")]);
        for finding in &findings {
            let (mark, role) = if finding.good { ("good", Role::Good) } else { ("LOOK", Role::Bad) };
            table.styled_row([
                (mark, Some(role)),
                (&finding.subject, Some(Role::Strong)),
                (&finding.found, None),
            ]);
        }
        let mut shown = table.show(style);
        for finding in &findings {
            if let (false, Some(help)) = (finding.good, &finding.help) {
                shown.push_str(&format!("\n{}: {}", escape(&finding.subject), escape(help)));
            }
        }
        if shown.ends_with('\n') { shown } else { shown + "\n" }
    })?;
    Ok(if findings.iter().all(|finding| finding.good) { Exit::Success } else { Exit::Failure })
}
