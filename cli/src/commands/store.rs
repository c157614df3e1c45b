//! `nuka store`: the store itself.

use crate::{
    commands::{Done, care, mount},
    context::Context,
    daemon::{Client, Entry, EntryKind},
    error::Error,
    exit::Exit,
    output::Format,
    report::{
        escape::{escape, escape_lines},
        style::{Role, Style},
        table::{Table, number, text},
        units,
    },
};
use std::{
    io::{self, Write as _},
    path::PathBuf,
};

/// Look into the store, and put things there
#[derive(Debug, clap::Args)]
#[command(
    after_help = "WHAT is NAME, a PID, a CID, or the first characters of one, each also with /PATH.\n\nExamples:\n  nuka store ls -R lua            all files of lua\n  \
    nuka store cat lua/usr/bin/lua > lua.wasm\n  nuka store add ./tree           its CID"
)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Put a file or directory into the store, and print its CID
    Add {
        /// The file or directory
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    /// List the packages in the store
    List {
        #[command(flatten)]
        format: Format,
    },
    /// List a tree
    Ls {
        /// A package, PID, CID, or one of these with /PATH
        what: String,
        /// List what is in its directories too
        #[arg(short = 'R', long)]
        recursive: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Print a file
    Cat {
        /// The file: NAME/PATH or CID/PATH
        what: String,
    },
    /// Print where a package or tree is, or would be
    Path {
        /// A package, PID or CID
        what: String,
        #[command(flatten)]
        format: Format,
    },
    Pin(care::PinArguments),
    Unpin(care::UnpinArguments),
    Kept(care::KeptArguments),
    Verify(care::VerifyArguments),
    Export(care::ExportArguments),
    Import(care::ImportArguments),
    Diff(care::DiffArguments),
    Mount(mount::Arguments),
    Unmount(mount::UnmountArguments),
    /// Show the store in figures
    Info {
        #[command(flatten)]
        format: Format,
    },
}

/// Does what is asked.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    match &arguments.verb {
        Verb::Add { path, format } => {
            let cid = nuka.store_add(path)?;
            format.print(context, &serde_json::json!({ "cid": cid }), |_| format!("{cid}\n"))?;
        }
        Verb::List { format } => list(context, &nuka, *format)?,
        Verb::Ls { what, recursive, format } => {
            let entries = nuka.store_ls(what, *recursive)?;
            format
                .print(context, &entries, |style| entries.iter().map(|entry| line(entry, style)).collect())?;
        }
        Verb::Cat { what } => cat(context, &nuka, what)?,
        Verb::Path { what, format } => {
            let path = nuka.store_path(what)?;
            format.print(context, &path, |_| format!("{}\n", escape(&path.path)))?;
            if format.is_text() && !std::path::Path::new(&path.path).exists() {
                context.say("the store is not mounted there; `nuka store mount /nuka/store` mounts it");
            }
        }
        Verb::Pin(arguments) => return care::pin(context, arguments),
        Verb::Unpin(arguments) => return care::unpin(context, arguments),
        Verb::Kept(arguments) => return care::kept(context, arguments),
        Verb::Verify(arguments) => return care::verify(context, arguments),
        Verb::Export(arguments) => return care::export(context, arguments),
        Verb::Import(arguments) => return care::import(context, arguments),
        Verb::Diff(arguments) => return care::diff(context, arguments),
        Verb::Mount(arguments) => return mount::mount(context, arguments),
        Verb::Unmount(arguments) => return mount::unmount(context, arguments),
        Verb::Info { format } => info(context, &nuka, *format)?,
    }
    Ok(Exit::Success)
}

fn list(context: &Context, nuka: &Client, format: Format) -> Result<(), Error> {
    let packages = nuka.store_list()?;
    format.print(context, &packages, |style| {
        let columns = [text("PACKAGE"), text("VERSION"), number("SIZE"), text("PID"), text("CID")];
        let mut table = Table::new(columns);
        for package in &packages {
            let size = units::bytes(package.bytes);
            table.row([
                &package.name,
                &package.version,
                &size,
                &package.pid.short(),
                &package.cid.to_string(),
            ]);
        }
        if packages.is_empty() { String::new() } else { table.show(style) }
    })?;
    if packages.is_empty() && format.is_text() {
        context.say("the store has no packages yet; `nuka build NAME` makes one");
    }
    Ok(())
}

/// One line of `ls`: kind and size, then the path.
fn line(entry: &Entry, style: Style) -> String {
    let path = escape(&entry.path);
    let (kind, shown) = match entry.kind {
        EntryKind::Directory => ("dir ", style.show(Role::Strong, &format!("{path}/")).to_string()),
        EntryKind::File => ("file", path.into_owned()),
        EntryKind::Executable => ("exec", style.show(Role::Good, &path).to_string()),
        EntryKind::Symlink => {
            let target = escape(entry.target.as_deref().unwrap_or_default());
            ("link", format!("{path} -> {target}"))
        }
    };
    format!("{kind} {:>12} {shown}\n", entry.bytes)
}

/// Bytes as they are, but to a terminal: that gets text, and what would control it is escaped.
fn cat(context: &Context, nuka: &Client, what: &str) -> Result<(), Error> {
    if context.terminal.stdout {
        let mut bytes = Vec::new();
        nuka.store_cat(what, &mut bytes)?;
        return crate::output::print(&escape_lines(&String::from_utf8_lossy(&bytes)));
    }
    let mut stdout = Recording { inner: io::stdout().lock(), error: None };
    let copied = nuka.store_cat(what, &mut stdout).map_err(Error::from);
    let flushed = stdout.flush();
    // That the reader has gone is not the store's failure.
    match stdout.error.or(flushed.err()) {
        Some(error) => Err(Error::Output(error)),
        None => copied,
    }
}

/// A writer that remembers its own failure, so that it can be told from the store's.
struct Recording<W> {
    inner: W,
    error: Option<io::Error>,
}

impl<W: io::Write> io::Write for Recording<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.note(flushed)
    }
}

impl<W> Recording<W> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            self.error.get_or_insert(error);
            kind.into()
        })
    }
}

fn info(context: &Context, nuka: &Client, format: Format) -> Result<(), Error> {
    let info = nuka.store_info()?;
    format.print(context, &info, |_| {
        let mut shown = format!(
            "{}\n  {} in {}\n  {}, {}\n  {} without sharing: equal files are one object, which saves {} ({:.2} times)\n  \
             {} of compiled programs beside it\n",
            escape(&info.path.display().to_string()),
            units::bytes(info.bytes),
            units::count(info.objects, "object", "objects"),
            units::count(info.packages, "package", "packages"),
            units::count(info.sources, "source", "sources"),
            units::bytes(info.unshared_bytes),
            units::bytes(info.saved_bytes),
            info.ratio,
            units::bytes(info.compiled_bytes),
        );
        for package in &info.biggest {
            let name = if package.name.is_empty() { package.pid.short() } else { package.name.clone() };
            shown.push_str(&format!("  {:>10}  {}\n", units::bytes(package.bytes), escape(&name)));
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_one_line_whatever_their_names() {
        let entry = |path: &str, kind, target: Option<&str>| Entry {
            path: path.into(),
            path_hex: None,
            kind,
            bytes: 1234,
            target: target.map(str::to_owned),
            target_hex: None,
        };
        let entries = [
            entry("usr", EntryKind::Directory, None),
            entry("usr/a\nb", EntryKind::File, None),
            entry("usr/bin/lua", EntryKind::Executable, None),
            entry("usr/l", EntryKind::Symlink, Some("\u{1b}[2J")),
        ];
        let shown: String = entries.iter().map(|entry| line(entry, Style { colour: false })).collect();
        insta::assert_snapshot!(shown, @r"
        dir          1234 usr/
        file         1234 usr/a\nb
        exec         1234 usr/bin/lua
        link         1234 usr/l -> \u{1b}[2J
        ");
    }

    #[test]
    fn a_reader_that_is_gone_is_not_the_stores_failure() {
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut recording = Recording { inner: Gone, error: None };
        assert!(recording.write_all(b"x").is_err());
        assert_eq!(recording.error.unwrap().kind(), io::ErrorKind::BrokenPipe);
    }
}
