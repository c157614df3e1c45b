//! Environments: what a directory's `nuka.nu` says, and `nuka.lock` holds it to.

pub mod allow;
pub mod apply;
pub mod export;
pub mod hook;
pub mod lock;
mod lock_file;

use crate::{
    context::Context,
    daemon::{Client, EnvironmentPackages, GenerationRoot, Installed, Settings, Target},
    error::Error,
    report::{escape::escape, hashes, progress::Progress},
};
use lock_file::Lock;
use nuka_pir::{Pid, Platform};
use std::path::{Path, PathBuf};

/// What an environment's file is called.
pub const FILE: &str = "nuka.nu";

/// The nearest environment's file, in this directory or above it.
pub fn nearest(context: &Context) -> Option<PathBuf> {
    let here = &context.environment.current_directory;
    here.ancestors().map(|directory| directory.join(FILE)).find(|file| file.is_file())
}

/// An environment's file that is named where packages are.
pub fn named(context: &Context, packages: &[Target]) -> Option<PathBuf> {
    match packages {
        [Target::File { path, .. }] if path.file_name().is_some_and(|name| name == FILE) => {
            Some(context.environment.current_directory.join(path))
        }
        _ => None,
    }
}

/// The same where one has to be.
pub fn required(context: &Context) -> Result<PathBuf, Error> {
    nearest(context).ok_or_else(|| Error::Absent {
        message: format!("there is no {FILE} here or in a directory above"),
        help: format!("name packages, or begin one: `export def main [] {{ environment {{ packages: [lua] }} }}` in {FILE}"),
    })
}

/// An environment as it is asked for.
pub fn target(file: &Path) -> Target {
    Target::File { path: file.to_owned(), version: None, platform: Platform::WASM }
}

/// What the lock file beside an environment holds each of its packages to, in the environment's order; nothing if there is
/// no lock file.
pub fn pins(context: &Context, nuka: &Client, file: &Path) -> Result<Option<Vec<Pid>>, Error> {
    let Some(lock) = Lock::read(file)? else { return Ok(None) };
    let targets = [target(file)];
    let resolved =
        nuka.resolve_environment(&targets[0]).map_err(|fault| hashes::name_recipe(fault, &targets))?;
    let mut pins = Vec::new();
    for package in resolved.packages {
        match lock.packages.get(&package.name) {
            Some(locked) => pins.push(locked.pid),
            None => {
                let name = escape(&package.name).into_owned();
                context.warn(&format!("{name} is not in {}: `nuka lock` adds it", lock_file::FILE));
                pins.push(package.pid);
            }
        }
    }
    Ok(Some(pins))
}

/// Packages whose recipes stand beside the environment's file are asked for by those, wherever they are asked for again.
pub fn from_beside(file: &Path, packages: &mut [Installed]) {
    for package in packages {
        let recipe = file.with_file_name(format!("{}.nu", package.name()));
        if recipe.is_file() {
            let platform = package.asked.platform();
            package.asked = Target::File { path: recipe, version: None, platform };
        }
    }
}

/// Builds an environment, merged into one view, and has it kept until its file is asked for again.
pub fn obtain(
    context: &Context,
    nuka: &Client,
    file: &Path,
    progress: &Progress,
) -> Result<EnvironmentPackages, Error> {
    let pins = pins(context, nuka, file)?;
    let targets = [target(file)];
    let made = nuka.environment(&targets[0], pins, true, progress);
    let made = made.map_err(|fault| hashes::name_recipe(fault, &targets))?;
    let root = GenerationRoot { profile: file.to_owned(), number: None };
    nuka.keep_environment(&made, root)?;
    Ok(made)
}

/// An environment's variables, with the place of its files in them.
pub fn variables(settings: &Settings, files: &Path) -> Vec<(String, String)> {
    settings.with_files_at(files).variables.into_iter().collect()
}
