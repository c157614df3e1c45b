//! `nuka allow`: a directory's environment is entered by shells that go there.
//!
//! What is allowed is a profile of its own, `directories/HASH` beside the person's profiles, made of the environment as it is
//! now, and a file that says which directory it is of, and what `nuka.nu` and `nuka.lock` were. If either changes it is not
//! entered before it is allowed again: it comes with whatever somebody checks out.

use super::{lock_file, obtain, required};
use crate::{
    commands::{Done, profile},
    context::{Context, WorkArguments},
    daemon::{Client, Disk, Edit, Profile, Settings},
    error::Error,
    exit::Exit,
    replace::replace,
    report::escape::escape,
};
use fs_err as fs;
use nuka_pir::BlobId;
use serde::{Deserialize, Serialize};
use std::{
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// Let shells enter this directory's environment when you go there
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Its packages are built now. Shells that were set up by `nuka setup --hook` have them, and its variables, while you are in
the directory or below. When nuka.nu or nuka.lock change, it has to be allowed again.

Examples:
  nuka allow
  nuka allow --forget")]
pub struct Arguments {
    /// Enter it no more
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    work: WorkArguments,
}

/// What was allowed.
#[derive(Debug, Serialize, Deserialize)]
struct Allowed {
    /// The environment's file.
    file: PathBuf,
    /// What it, and the lock file, were.
    contents: BlobId,
}

/// Where the profile of an environment is.
fn place(context: &Context, file: &Path) -> PathBuf {
    let name = BlobId::of(file.as_os_str().as_bytes()).to_string();
    context.environment.state.join("directories").join(name)
}

/// What `nuka.nu` and `nuka.lock` are now.
fn contents(file: &Path) -> io::Result<BlobId> {
    let text = fs::read(file)?;
    let lock = match fs::read(lock_file::path(file)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let length = (text.len() as u64).to_le_bytes();
    Ok(BlobId::of(&[&length[..], &text, &lock].concat()))
}

/// What a shell is to do about the directory that it is in.
pub enum Entering {
    /// Nothing is there.
    Nothing,
    /// This environment's profile.
    Enter(PathBuf),
    /// There is one, which was not allowed as it is.
    NotAllowed(PathBuf),
}

/// Looks. Nobody is asked, and little is read: it is done before each prompt.
pub fn entering(context: &Context) -> Entering {
    let Some(file) = super::nearest(context) else { return Entering::Nothing };
    let place = place(context, &file);
    let allowed = fs::read(place.join("allowed")).ok();
    let allowed = allowed.and_then(|text| serde_json::from_slice::<Allowed>(&text).ok());
    match allowed {
        Some(allowed) if allowed.file == file && contents(&file).is_ok_and(|now| now == allowed.contents) => {
            Entering::Enter(place.join("current"))
        }
        _ => Entering::NotAllowed(file),
    }
}

/// Allows, or forgets.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let file = required(context)?;
    let shown = escape(&file.display().to_string()).into_owned();
    let place = place(context, &file);
    let allowed = place.join("allowed");
    if arguments.forget {
        match fs::remove_file(&allowed) {
            Ok(()) => context.say(&format!("{shown} is entered no more")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                context.say(&format!("{shown} was not allowed"));
            }
            Err(error) => return Err(Error::file("remove", &allowed)(error)),
        }
        return Ok(Exit::Success);
    }
    // Before it is read to be built: what comes meanwhile is not allowed.
    let contents = contents(&file).map_err(Error::file("read", &file))?;
    let nuka: Client = context.nuka(&arguments.work);
    let progress = context.progress(&arguments.work);
    let made = obtain(context, &nuka, &file, &progress)?;
    for program in made.packages.iter().flat_map(|package| &package.programs) {
        nuka.make_ready(program, &progress)?;
    }
    let own = Profile::at(&nuka, place);
    let changed = own.change("allow", &progress, |state| {
        let there = |name: &String| made.packages.iter().any(|package| package.name() == name);
        let remove = state.packages.keys().filter(|name| !there(name)).cloned().collect();
        let settings: Settings = made.settings.clone();
        Ok(Edit { put: made.packages.clone(), remove, settings: Some(settings) })
    });
    progress.finish();
    let changed = changed?;
    let text = serde_json::to_vec(&Allowed { file: file.clone(), contents });
    let text = text.map_err(|error| Error::Data(error.to_string()))?;
    replace(&Disk::default(), &allowed, &text).map_err(Error::file("write", &allowed))?;
    if changed.new {
        changed.record.packages.iter().for_each(|change| context.say(&profile::shown(change)));
    }
    context.say(&format!("shells enter {shown} from now on, if `nuka setup --hook` was done"));
    Ok(Exit::Success)
}
