//! `nuka hash`: a file's hashes, in the forms that recipes take.

use crate::{
    commands::Done,
    context::Context,
    exit::Exit,
    output::Format,
    report::table::{Table, text},
};
use std::path::PathBuf;

/// Print a file's hashes as recipes write them
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// Prints the hashes.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let hashes = context.local().hash(&arguments.file)?;
    arguments.format.print(context, &hashes, |style| {
        let mut table = Table::new([text("HASH"), text("FOR")]);
        table.row([hashes.blake3.as_str(), "nuka's own: url, path"]);
        table.row([hashes.sha256.as_str(), "crates, PyPI, Debian"]);
        table.row([hashes.sha512.as_str(), "npm"]);
        table.show(style)
    })?;
    Ok(Exit::Success)
}
