//! `nuka lock`: writes down what an environment comes to now.

use super::{
    lock_file::{self, Lock},
    required, target,
};
use crate::{
    commands::Done,
    context::Context,
    daemon::Disk,
    error::Error,
    exit::Exit,
    replace::replace,
    report::{escape::escape, hashes},
};
use std::path::PathBuf;

/// Hold an environment to the packages that it has now
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It is written to nuka.lock beside nuka.nu: keep both together, also in version control. Where it is, `nuka shell` and
`nuka apply` take what it says, whatever recipes say meanwhile.

Example:
  nuka lock")]
pub struct Arguments {
    /// The environment's file; without it, the nuka.nu of this directory, or of the nearest one above
    file: Option<PathBuf>,
    /// Change nothing; fail if the lock file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Writes the file.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let file = match &arguments.file {
        Some(file) => context.environment.current_directory.join(file),
        None => required(context)?,
    };
    let targets = [target(&file)];
    let nuka = context.local();
    let resolved =
        nuka.resolve_environment(&targets[0]).map_err(|fault| hashes::name_recipe(fault, &targets))?;
    let (old, new) = (Lock::read(&file).ok().flatten(), Lock::of(&resolved.packages));
    let path = lock_file::path(&file);
    let shown = escape(&path.display().to_string()).into_owned();
    if old.as_ref() == Some(&new) {
        context.say(&format!("{shown} says this already"));
        return Ok(Exit::Success);
    }
    let before = old.map(|lock| lock.packages).unwrap_or_default();
    for (name, locked) in &new.packages {
        let (name, version) = (escape(name), escape(&locked.version));
        match before.get(&*name) {
            Some(old) if old.pid == locked.pid => {}
            Some(old) if old.version == locked.version => {
                context.say(&format!("~ {name} {version}, made anew"))
            }
            Some(old) => context.say(&format!("~ {name} {} -> {version}", escape(&old.version))),
            None => context.say(&format!("+ {name} {version}")),
        }
    }
    for name in before.keys().filter(|name| !new.packages.contains_key(*name)) {
        context.say(&format!("- {}", escape(name)));
    }
    if arguments.check {
        context.say(&format!("{shown} is not what {} says: `nuka lock` writes it", super::FILE));
        return Ok(Exit::Failure);
    }
    replace(&Disk::default(), &path, new.text()?.as_bytes()).map_err(Error::file("write", &path))?;
    context.say(&format!("wrote {shown}"));
    Ok(Exit::Success)
}
