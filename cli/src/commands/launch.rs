//! Starting programs by launchers, and writing those of shells: see `nuka_daemon::launcher`.
//!
//! Where nuka has to be started through the dynamic loader, which leaves no room for the verb, it is known by its name
//! [`NAME`].

use crate::{
    context::{Context, Verbosity},
    daemon::{By, GrantedDirectory, Grants, Prepared},
    environment::{Colour, Environment, Terminal},
    error::Error,
    exit::Exit,
    start::tell,
};
use fs_err as fs;
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

pub use crate::daemon::{LAUNCH as VERB, Launcher};

/// What nuka is called where it only launches.
pub const NAME: &str = "nuka-launch";

/// Where an environment's files are, beside its launchers.
pub const FILES: &str = ".files";

/// What is written for a shell.
pub struct Launchers {
    /// Its programs.
    pub programs: Vec<Launcher>,
    /// Its files, by their paths.
    pub files: BTreeMap<String, String>,
}

/// How often launchers are made that a collection removes at once.
const TRIES: usize = 5;

/// For a program in a shell with these grants. In one that is `apart` from the host, directories are where they were
/// let in.
pub fn launcher(prepared: &Prepared, grants: &Grants, apart: bool) -> Launcher {
    let env = grants.env.iter().map(|(name, _)| name.clone()).collect();
    let mut grants = Grants { env: Vec::new(), ..grants.clone() };
    if apart {
        for directory in &mut grants.directories {
            directory.host = PathBuf::from(&directory.guest);
        }
    }
    Launcher { prepared: prepared.clone(), grants, env, beside: None }
}

/// The launcher, and what the program is given, if these are the arguments of a launch.
pub fn wanted(arguments: &[OsString]) -> Option<(&Path, &[OsString])> {
    match arguments {
        [_, verb, file, rest @ ..] if verb == VERB => Some((Path::new(file), rest)),
        [own, file, rest @ ..] if Path::new(own).file_name() == Some(OsStr::new(NAME)) => {
            Some((Path::new(file), rest))
        }
        _ => None,
    }
}

/// Starts the program and ends as it does.
pub fn run(file: &Path, arguments: &[OsString]) -> Exit {
    let terminal = Terminal::read(Colour::Auto);
    match launch(file, arguments, terminal) {
        Ok(exit) => exit,
        Err(error) => tell(&error, true, terminal),
    }
}

fn launch(file: &Path, arguments: &[OsString], terminal: Terminal) -> Result<Exit, Error> {
    let environment = Environment::read()?;
    let context = Context { environment, terminal, verbosity: Verbosity::Normal, by: By::ThisProcess };
    let text = fs::read(file).map_err(Error::file("read the launcher", file))?;
    let Launcher { prepared, mut grants, env, beside } =
        Launcher::parse(&text).map_err(|error| Error::NoProgram {
            path: file.to_owned(),
            reason: format!("it is no launcher of this version of nuka ({error})"),
            help: "leave this shell and open it again; of an installed program, `nuka generation switch N` writes it anew"
                .to_owned(),
        })?;
    if let Some(beside) = beside {
        let host = std::path::absolute(file.with_file_name(beside)).map_err(Error::file("find", file))?;
        let guest = crate::commands::grants::guest_of(&host)?;
        grants.directories.push(GrantedDirectory { host, guest, write: false });
    }
    grants.directories.retain(|directory| {
        let there = directory.host.exists();
        if !there {
            let (program, host) = (&prepared.program, directory.host.display());
            context.warn(&format!(
                "{host}, which {program} was permitted, is gone: `nuka permit {program} --revoke`"
            ));
        }
        there
    });
    let value = |name: String| Some((name.clone(), context.environment.variables.get(&name)?.clone()));
    grants.env = env.into_iter().filter_map(value).collect();
    let progress = context.progress(&crate::context::WorkArguments::LOCAL);
    let code = context.local().run(&prepared, arguments, &grants, &progress);
    progress.finish();
    Ok(Exit::Program(code?))
}

/// Writes launchers into a directory of their own below `cache`, and gives it. Equal launchers share one, which is made
/// once; `head` is how they begin. While what is returned lives, no collection removes them.
pub fn write(cache: &Path, head: &str, launchers: &Launchers) -> Result<Written, Error> {
    let data = |error: serde_json::Error| Error::Data(error.to_string());
    let mut files = Vec::new();
    for launcher in &launchers.programs {
        files.push((launcher.prepared.program.clone(), launcher.text(head).map_err(data)?));
    }
    files.sort();
    files.extend(launchers.files.iter().map(|(path, text)| (format!("{FILES}/{path}"), text.clone())));
    let all = serde_json::to_vec(&files).map_err(data)?;
    let place = cache.join("launchers").join(nuka_pir::BlobId::of(&all).to_string());
    // A collection may remove it between its being there and its being locked.
    for _ in 0..TRIES {
        if let Some(written) = Written::lock(&place) {
            return Ok(written);
        }
        make(&place, &files)?;
    }
    Err(Error::file("keep the launchers in", &place)(io::ErrorKind::ResourceBusy.into()))
}

/// Launchers that stay for as long as this lives.
#[derive(Debug)]
pub struct Written {
    /// Their directory.
    pub place: PathBuf,
    _lock: std::fs::File,
}

impl Written {
    fn lock(place: &Path) -> Option<Self> {
        let lock = std::fs::File::open(place).ok()?;
        lock.lock_shared().ok()?;
        let (open, there) = (lock.metadata().ok()?, fs::metadata(place).ok()?);
        let same = (open.dev(), open.ino()) == (there.dev(), there.ino());
        // That they are wanted is seen by their time.
        let _ = lock.set_modified(SystemTime::now());
        same.then(|| Self { place: place.to_owned(), _lock: lock })
    }
}

/// Makes the directory, unless another is faster.
fn make(place: &Path, files: &[(String, String)]) -> Result<(), Error> {
    let failed = |error: io::Error| Error::file("write launchers to", place)(error);
    let beside = place.with_extension(std::process::id().to_string());
    fs::create_dir_all(&beside).map_err(failed)?;
    let written = files.iter().try_for_each(|(name, text)| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o555);
        let path = beside.join(name);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        options.open(path)?.write_all(text.as_bytes())
    });
    let named = written.and_then(|()| match fs::rename(&beside, place) {
        // Another was faster.
        Err(_) if place.is_dir() => fs::remove_dir_all(&beside),
        result => result,
    });
    if named.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    named.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_are_told_from_commands() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let launch = words(&["nuka", VERB, "/l/lua", "-e", "x"]);
        assert_eq!(wanted(&launch), Some((Path::new("/l/lua"), &launch[3..])));
        let through = words(&["/nuka/host/bin/nuka-launch", "/l/lua", "--help"]);
        assert_eq!(wanted(&through), Some((Path::new("/l/lua"), &through[2..])));
        assert_eq!(wanted(&words(&["nuka", "run", "lua"])), None);
        assert_eq!(wanted(&words(&["nuka", VERB])), None);
    }
}
