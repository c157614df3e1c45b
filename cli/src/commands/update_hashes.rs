//! `nuka update-hashes`: writes into a recipe the hashes that its sources have now.

use crate::{
    commands::Done,
    context::{Context, WorkArguments},
    daemon::Target,
    exit::Exit,
    output::Format,
    report::table::{Table, text},
};

/// Write the hashes that a recipe's sources have now into the recipe
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A hash that changes under an unchanged version is a reason to ask the publisher why.\n\n\
    Example:\n  nuka update-hashes ./zlib.nu --dry-run"
)]
pub struct Arguments {
    /// The recipe: a file, or the name of one in your recipe path
    recipe: Target,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    format: Format,
}

/// Writes the hashes, or shows them.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let Arguments { recipe, dry_run, work, format } = arguments;
    let progress = context.progress(work);
    let changes = context.nuka(work).update_hashes(recipe, !dry_run, &progress);
    progress.finish();
    let changes = changes?;
    format.print(context, &changes, |style| {
        let mut table = Table::new([text("FILE"), text("SOURCE"), text("OLD"), text("NEW")]);
        for change in &changes {
            let file = change.file.display().to_string();
            table.row([file.as_str(), &change.source, change.old.as_deref().unwrap_or("-"), &change.new]);
        }
        if changes.is_empty() { String::new() } else { table.show(style) }
    })?;
    match (changes.is_empty(), dry_run) {
        (true, _) => context.say("every hash is what its source has now"),
        (false, true) => context.say("nothing was written: --dry-run"),
        (false, false) => {}
    }
    Ok(Exit::Success)
}
