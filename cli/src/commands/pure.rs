//! A shell that sees a view and nothing else of the machine.
//!
//! The shell is the machine's own, and nuka has to start wasm programs in there. So both are let in, with the libraries that
//! they are linked to and the loader that puts them together, apart from everything in the view:
//!
//! ```text
//! /nuka/host/ld.so    the dynamic loader: what is started through it needs no place of its own
//! /nuka/host/lib/     the libraries, which LD_LIBRARY_PATH names
//! /nuka/host/bin/     the shell, and nuka as `nuka-launch`
//! /nuka/host/launch/  launchers of the packages' programs
//! ```
//!
//! The store's objects and what is compiled of them are there to be read, at their own places.

use crate::{
    commands::{
        Done, grants,
        launch::{self, Launchers},
        shell::{Begun, code, start},
    },
    context::Context,
    daemon::{Bind, Composed, Fault, Grants, Namespaces, Root, RootFile, Sandbox},
    error::Error,
    exit::Exit,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

const HOST: &str = "/nuka/host";

/// A program's libraries by their file names, and its loader; nothing of one that is linked statically.
#[derive(Debug, Default, PartialEq, Eq)]
struct Linked {
    libraries: BTreeMap<String, PathBuf>,
    loader: Option<PathBuf>,
}

/// Starts the shell in there. With the view comes what its native libraries are found by.
pub fn run(
    context: &Context,
    (view, libraries): (Composed, Option<Vec<u8>>),
    launchers: &Launchers,
    grants: &Grants,
    begun: &Begun,
) -> Done {
    let environment = &context.environment;
    let shell = begun.shell.clone();
    let files_inside = Path::new(HOST).join("launch").join(launch::FILES);
    let own = environment.executable.clone().ok_or_else(|| Error::Usage {
        message: "it is not known where nuka's own program is".to_owned(),
        help: "start nuka by its path".to_owned(),
    })?;
    let (mut linked, of_nuka) = (linked(&shell)?, linked(&own)?);
    linked.libraries.extend(of_nuka.libraries);
    let loader = linked.loader.or(of_nuka.loader);
    let name = shell.file_name().map(PathBuf::from).unwrap_or_default();
    let inside = |rest: &Path| Path::new(HOST).join(rest);
    let shell_inside = inside(&Path::new("bin").join(name));
    let mut binds = vec![
        bind(&shell, &shell_inside, false)?,
        bind(&own, &inside(&Path::new("bin").join(launch::NAME)), false)?,
    ];
    for (name, path) in &linked.libraries {
        binds.push(bind(path, &inside(&Path::new("lib").join(name)), false)?);
    }
    let (begin, head) = match &loader {
        Some(path) => {
            binds.push(bind(path, &inside(Path::new("ld.so")), false)?);
            let begin = vec![inside(Path::new("ld.so")).into_os_string(), shell_inside.into_os_string()];
            (begin, format!("#!{HOST}/ld.so {HOST}/bin/{}", launch::NAME))
        }
        None => {
            (vec![shell_inside.into_os_string()], format!("#!{HOST}/bin/{} {}", launch::NAME, launch::VERB))
        }
    };
    let words = begun.words(&begin, &files_inside);
    let launchers = launch::write(&environment.cache, &head, launchers)?;
    binds.push(bind(&launchers.place, &inside(Path::new("launch")), false)?);
    for path in [environment.store.join("objects"), environment.cache.clone()] {
        binds.push(bind(&path, &path, false)?);
    }
    for directory in &grants.directories {
        binds.push(bind(&directory.host, Path::new(&directory.guest), directory.write)?);
    }
    let here = &environment.current_directory;
    let let_in = grants.directories.iter().any(|directory| here.starts_with(&directory.guest));
    let mut env = variables(context, grants);
    env.extend(begun.variables(&files_inside));
    let sandbox = Sandbox {
        root: Root::Pure { view, files: files(libraries) },
        binds,
        namespaces: Namespaces::own(!grants.network),
        privileged: false,
        argv: words,
        env,
        cwd: if let_in { here.clone() } else { PathBuf::from("/tmp") },
    };
    Ok(Exit::Program(code(start(&sandbox)?)))
}

/// Variables without which nothing in there starts.
const OWN_VARIABLES: [&str; 6] =
    ["PATH", "LD_LIBRARY_PATH", "NUKA_VIEW", "NUKA_STORE", "NUKA_CACHE_DIR", "XDG_STATE_HOME"];

/// What of the root is the packages' and nuka's own. In `/tmp` there is room for others.
const OWN_DIRECTORIES: [&str; 9] =
    ["/bin", "/dev", "/etc", "/lib", "/lib64", "/nuka", "/proc", "/sbin", "/usr"];

/// Refuses what would hide, or be hidden by, what such a shell is made of.
pub fn refuse(grants: &Grants) -> Result<(), Error> {
    let usage = |message: String, help: &str| Err(Error::Usage { message, help: help.to_owned() });
    for (name, _) in &grants.env {
        if OWN_VARIABLES.contains(&name.as_str()) {
            let message =
                format!("a pure shell has a {name} of its own, without which nothing in it would start");
            return usage(message, "leave it out, or set it within the shell; or do without `--pure`");
        }
    }
    for directory in &grants.directories {
        let seen = grants::guest_of(Path::new(&directory.guest))?;
        let own = OWN_DIRECTORIES.iter().find(|own| Path::new(&seen).starts_with(own));
        if let Some(own) = own.copied().or((seen == "/").then_some("/")) {
            let message = format!(
                "`{seen}` cannot be let into a pure shell: its {own} is the packages' and nuka's own"
            );
            return usage(message, "name another place for it: `--dir HOST:/data`");
        }
    }
    Ok(())
}

fn bind(path: &Path, at: &Path, writable: bool) -> Result<Bind, Error> {
    let opened = fs_err::File::open(path).map_err(Error::file("let in", path))?.into_parts().0;
    let bound = Bind::new(opened.into(), at, writable);
    Ok(bound.map_err(|error| Box::<Fault>::from(nuka_daemon::Error::from(error)))?)
}

/// What of `/etc` a shell looks for, and a loader.
fn files(libraries: Option<Vec<u8>>) -> Vec<RootFile> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let file = |path: &str, text: String| RootFile { path: path.into(), bytes: text.into_bytes() };
    let mut files = vec![
        file("/etc/passwd", format!("nuka:x:{user}:{group}::/tmp:/bin/sh\n")),
        file("/etc/group", format!("nuka:x:{group}:\n")),
    ];
    files.extend(libraries.map(|bytes| RootFile { path: "/etc/ld.so.cache".into(), bytes }));
    files
}

fn variables(context: &Context, grants: &Grants) -> Vec<(OsString, OsString)> {
    let environment = &context.environment;
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    for name in ["TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL"] {
        if let Some(value) = environment.variables.get(name) {
            all.insert(name.into(), value.into());
        }
    }
    all.extend([
        ("PATH".into(), format!("{HOST}/launch:/usr/bin").into()),
        ("HOME".into(), "/tmp".into()),
        ("LD_LIBRARY_PATH".into(), format!("{HOST}/lib").into()),
        ("NUKA_VIEW".into(), "/nuka/view".into()),
        ("NUKA_STORE".into(), environment.store.clone().into_os_string()),
        ("NUKA_CACHE_DIR".into(), environment.cache.clone().into_os_string()),
        ("XDG_STATE_HOME".into(), "/tmp".into()),
        ("NUKA_BACKGROUND".into(), "0".into()),
    ]);
    all.extend(grants.env.iter().map(|(name, value)| (name.into(), value.into())));
    all.into_iter().collect()
}

/// Asks the system's own `ldd` what a program is linked to.
fn linked(program: &Path) -> Result<Linked, Error> {
    let output = Command::new("ldd").arg(program).output().map_err(|error| Error::Usage {
        message: format!(
            "`ldd`, which tells what {} is linked to, cannot be run: {error}",
            program.display()
        ),
        help: "install it (it comes with the C library), or do without `--pure`".to_owned(),
    })?;
    Ok(read_ldd(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines as `libc.so.6 => /lib/libc.so.6 (0x...)` and `/lib64/ld-linux-x86-64.so.2 (0x...)`.
fn read_ldd(text: &str) -> Linked {
    let mut linked = Linked::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, "=>", path, ..] if path.starts_with('/') => {
                linked.libraries.insert((*name).to_owned(), PathBuf::from(path));
            }
            [path, ..] if path.starts_with('/') => linked.loader = Some(PathBuf::from(path)),
            // The kernel's own, or `statically linked`.
            _ => {}
        }
    }
    linked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::GrantedDirectory;

    #[test]
    fn what_a_pure_shell_is_made_of_is_not_replaced() {
        let env = |name: &str| Grants { env: vec![(name.to_owned(), String::new())], ..Grants::default() };
        let directory = |guest: &str| {
            let directory = GrantedDirectory { host: "/x".into(), guest: guest.to_owned(), write: false };
            Grants { directories: vec![directory], ..Grants::default() }
        };
        for refused in ["/", "/proc", "/usr", "/usr/share/x", "/nuka/host", "/x/../proc", "/etc/", "/bin"] {
            assert!(matches!(refuse(&directory(refused)), Err(Error::Usage { .. })), "{refused}");
        }
        for refused in ["PATH", "LD_LIBRARY_PATH", "NUKA_STORE"] {
            assert!(matches!(refuse(&env(refused)), Err(Error::Usage { .. })), "{refused}");
        }
        for allowed in ["/data", "/home/me", "/usrlocal", "/tmp/x"] {
            assert!(refuse(&directory(allowed)).is_ok(), "{allowed}");
        }
        assert!(refuse(&env("TOKEN")).is_ok() && refuse(&env("HOME")).is_ok());
    }

    #[test]
    fn what_ldd_says_is_understood() {
        let linked = read_ldd(
            "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibtinfo.so.6 => /lib/libtinfo.so.6 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t\
             /lib64/ld-linux-x86-64.so.2 (0x3)\n",
        );
        assert_eq!(linked.loader, Some("/lib64/ld-linux-x86-64.so.2".into()));
        assert_eq!(linked.libraries.keys().collect::<Vec<_>>(), ["libc.so.6", "libtinfo.so.6"]);
        assert_eq!(read_ldd("\tstatically linked\n"), Linked::default());
    }
}
