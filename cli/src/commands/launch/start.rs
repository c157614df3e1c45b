//! Starting a launcher's program.

use super::by_verb;
use crate::{
    commands::grants::guest_of,
    context::{Context, Verbosity, WorkArguments},
    daemon::{By, GrantedDirectory, Grants, Launcher, Prepared, launcher::NUKA},
    environment::{Colour, Environment, Terminal},
    error::Error,
    exit::Exit,
    start::tell,
};
use fs_err as fs;
use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Starts the program and ends as it does: for nuka itself, which does whatever that takes.
pub fn run(file: &Path, arguments: &[OsString]) -> Exit {
    let terminal = Terminal::read(Colour::Auto);
    let started = Launch::read(file, terminal).and_then(|launch| {
        for gone in &launch.gone {
            let (program, host) = (&launch.prepared.program, gone.display());
            let warning =
                format!("{host}, which {program} was permitted, is gone: `nuka permit {program} --revoke`");
            launch.context.warn(&warning);
        }
        let Launch { context, prepared, grants, .. } = launch;
        let progress = context.progress(&WorkArguments::LOCAL);
        let code = context.local().run(&prepared, arguments, &grants, &progress);
        progress.finish();
        Ok(Exit::Program(code?))
    });
    started.unwrap_or_else(|error| tell(&error, true, terminal))
}

/// The same for a process that has nothing else to do: it starts what needs nothing but to be started, and becomes nuka for
/// everything else, which is to have it compiled, to start it natively, and to say why it cannot be.
pub fn alone() -> Exit {
    let all: Vec<OsString> = std::env::args_os().collect();
    let terminal = Terminal::read(Colour::Auto);
    let started = match by_verb(&all) {
        Some((file, arguments)) => match Launch::read(file, terminal) {
            Ok(launch) if launch.gone.is_empty() => {
                let Launch { context, prepared, grants, .. } = launch;
                context.local().run_compiled(&prepared, arguments, &grants)
            }
            _ => Ok(None),
        },
        None => Ok(None),
    };
    match started {
        Ok(Some(code)) => Exit::Program(code),
        Ok(None) => tell(&become_nuka(&all), true, terminal),
        Err(fault) => tell(&fault.into(), true, terminal),
    }
}

/// What a launcher says, for who it is.
struct Launch {
    context: Context,
    prepared: Prepared,
    grants: Grants,
    /// Directories that the program was granted and that are not there.
    gone: Vec<PathBuf>,
}

impl Launch {
    fn read(file: &Path, terminal: Terminal) -> Result<Self, Error> {
        let environment = Environment::read()?;
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
            let guest = guest_of(&host)?;
            grants.directories.push(GrantedDirectory { host, guest, write: false });
        }
        let mut gone = Vec::new();
        grants.directories.retain(|directory| {
            let there = directory.host.exists();
            if !there {
                gone.push(directory.host.clone());
            }
            there
        });
        let value = |name: String| Some((name.clone(), environment.variables.get(&name)?.clone()));
        grants.env = env.into_iter().filter_map(value).collect();
        let (verbosity, by) = (Verbosity::Normal, By::ThisProcess);
        let context = Context { environment, terminal, verbosity, by, give_back: || {} };
        Ok(Self { context, prepared, grants, gone })
    }
}

/// Goes on as nuka, which lies beside this program; says why it cannot.
fn become_nuka(all: &[OsString]) -> Error {
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return Error::file("find", Path::new(NUKA))(error),
    };
    let nuka = own.with_file_name(NUKA);
    // One that is this very program would become itself for ever.
    let error = match fs::canonicalize(&nuka).is_ok_and(|nuka| nuka == own) {
        true => io::Error::from(rustix::io::Errno::LOOP),
        false => Command::new(&nuka).args(all.iter().skip(1)).exec(),
    };
    Error::Absent {
        message: format!("cannot go on as {}: {error}", nuka.display()),
        help: "nuka-launch is a part of nuka: install both in one directory".to_owned(),
    }
}
