//! `nuka shell`: the person's own shell with packages in it.

use crate::{
    commands::{
        Done, environment,
        grants::GrantArguments,
        launch::{self, Launcher, Launchers},
        pure,
    },
    context::{Context, WorkArguments},
    daemon::{
        Client, Composed, ComposedView, Grants, Namespaces, Prepared, PreparedView, Root, Sandbox, Settings,
        Streams, Target, ViewMeans, launcher,
    },
    error::Error,
    exit::Exit,
    report::{escape::escape, hashes, progress::Progress},
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// Open a shell with packages' programs in it, or that of this directory
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The packages' programs come first on PATH, and start by their names; wasm programs may do what their recipes and the
options here say. The packages' files, merged, are at $NUKA_VIEW.

Without PACKAGE it is the environment that nuka.nu describes, in this directory or the nearest one above: its packages, as
nuka.lock holds them, its variables, its files at $NUKA_FILES, and its hooks.

Examples:
  nuka shell                                  the environment of this directory
  nuka shell lua sqlite                       a shell in which `lua` and `sqlite3` are there
  nuka shell lua -c 'lua -e \"print(1)\"'       one command
  nuka shell --pure --dir . lua               a shell that sees lua, this directory, and nothing else of the machine")]
pub struct Arguments {
    /// The packages; without any, those of this directory's environment
    #[arg(value_name = "PACKAGE")]
    packages: Vec<Target>,
    /// Run this command instead of an interactive shell
    #[arg(short, long, value_name = "COMMAND")]
    command: Option<String>,
    /// See the packages and nothing else of the machine; the shell itself is let in, and what `--dir` names
    #[arg(long)]
    pure: bool,
    /// Show the packages' files by this means and no other [default: the best that `nuka doctor` finds]
    #[arg(long, value_name = "MEANS")]
    means: Option<Means>,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    grants: GrantArguments,
}

/// By which means the packages' files are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Means {
    /// An overlay of the objects
    Overlay,
    /// An EROFS image, handed over by the daemon for all users where one may not mount it
    Image,
    /// A prepared directory
    Prepared,
}

impl From<Means> for ViewMeans {
    fn from(means: Means) -> Self {
        match means {
            Means::Overlay => Self::Overlay,
            Means::Image => Self::Image,
            Means::Prepared => Self::Prepared,
        }
    }
}

/// Opens it.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let grants = arguments.grants.grants(context)?;
    if arguments.pure {
        pure::refuse(&grants)?;
    }
    let nuka = context.nuka(&arguments.work);
    let progress = context.progress(&arguments.work);
    let inside = match arguments.packages.as_slice() {
        [] => Inside::of_environment(context, &nuka, &environment::required(context)?, &progress)?,
        packages if environment::named(context, packages).is_some() => {
            let file = environment::named(context, packages).unwrap_or_default();
            Inside::of_environment(context, &nuka, &file, &progress)?
        }
        packages => {
            let view = nuka.view(packages, &progress);
            let view = view.map_err(|fault| hashes::name_recipe(fault, packages))?;
            Inside { view, settings: Settings::default() }
        }
    };
    progress.finish();
    let progress = context.progress(&arguments.work);
    for program in &inside.view.programs {
        nuka.make_ready(program, &progress)?;
    }
    progress.finish();
    let Inside { view, settings } = inside;
    // This process's own: the daemon may end while the shell is open.
    let _lease = nuka.lease_view(&view);
    for program in &view.programs {
        let declared = program.declared();
        if !declared.is_empty() {
            let (program, declared) = (escape(&program.program), declared.join(", "));
            context.say(&format!("its recipe lets {program} {}", escape(&declared)));
        }
    }
    let composed = nuka.compose(view.view, arguments.means.map(Into::into))?;
    let launcher = |prepared: &Prepared| {
        let mut launcher = launch::launcher(prepared, &grants, arguments.pure);
        launcher.env.extend(settings.variables.keys().cloned());
        launcher.beside = (!settings.files.is_empty()).then(|| launch::FILES.to_owned());
        launcher
    };
    let launchers = Launchers {
        programs: view.programs.iter().map(launcher).collect::<Vec<Launcher>>(),
        files: settings.files.clone(),
    };
    let begun = Begun { shell: shell(context), command: arguments.command.clone(), settings };
    if arguments.pure {
        let libraries = nuka.loader_cache(view.view)?;
        return pure::run(context, (composed.composed, libraries), &launchers, &grants, &begun);
    }
    let status = beside_the_host(context, &view, composed, &launchers, &grants, &begun)?;
    Ok(Exit::Program(code(status)))
}

/// What is in the shell.
struct Inside {
    view: PreparedView,
    settings: Settings,
}

impl Inside {
    fn of_environment(
        context: &Context,
        nuka: &Client,
        file: &Path,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let made = environment::obtain(context, nuka, file, progress)?;
        let mut programs: BTreeMap<String, Prepared> = BTreeMap::new();
        for package in &made.packages {
            for prepared in &package.programs {
                if let Some(other) = programs.insert(prepared.program.clone(), prepared.clone()) {
                    let package = |prepared: &Prepared| prepared.outcome.package.name.clone();
                    return Err(Error::Usage {
                        message: format!(
                            "`{}` is a program of both {} and {}",
                            prepared.program,
                            package(&other),
                            package(prepared)
                        ),
                        help: format!("leave one of them out of {}", file.display()),
                    });
                }
            }
        }
        let view = made.view.ok_or_else(|| Error::Data("the environment has no view".to_owned()))?;
        let programs = programs.into_values().collect();
        Ok(Self { view: PreparedView { view, programs }, settings: made.settings })
    }
}

/// How a shell begins.
pub struct Begun {
    /// Its program.
    pub shell: PathBuf,
    /// What it is to do instead of being there for somebody.
    command: Option<String>,
    settings: Settings,
}

impl Begun {
    /// The command line of the shell, which `start` starts, and whose environment's files are in this directory.
    pub fn words(&self, start: &[OsString], files: &Path) -> Vec<OsString> {
        let hooks = self.settings.with_files_at(files).hooks;
        let hook = |kind: &str| hooks.get(kind).map(String::as_str).filter(|hook| !hook.trim().is_empty());
        let name = self.shell.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (hook, flag) = match name {
            "fish" => (hook("fish"), Some("-C")),
            "nu" => (hook("nu"), Some("-e")),
            _ => (hook("sh"), None),
        };
        let after = |hook: &str, command: &str| OsString::from(format!("{hook}\n{command}"));
        let more: Vec<OsString> = match (hook, flag, &self.command) {
            (None, _, None) => Vec::new(),
            (None, _, Some(command)) => vec!["-c".into(), command.into()],
            (Some(hook), _, Some(command)) => vec!["-c".into(), after(hook, command)],
            (Some(hook), Some(flag), None) => vec![flag.into(), hook.into()],
            // What the hook sets is there in the shell that takes its place.
            (Some(hook), None, None) => {
                let words = ["-c".into(), after(hook, "exec \"$@\""), "nuka".into()];
                words.into_iter().chain(start.iter().cloned()).collect()
            }
        };
        start.iter().cloned().chain(more).collect()
    }

    /// Variables of the environment, and where its files are.
    pub fn variables(&self, files: &Path) -> Vec<(OsString, OsString)> {
        let variables = environment::variables(&self.settings, files).into_iter();
        let mut all: Vec<(OsString, OsString)> =
            variables.map(|(name, value)| (name.into(), value.into())).collect();
        if !self.settings.files.is_empty() {
            all.push(("NUKA_FILES".into(), files.into()));
        }
        all
    }
}

/// The person's shell.
fn shell(context: &Context) -> PathBuf {
    let named = context.environment.variables.get("SHELL").filter(|shell| Path::new(shell).is_absolute());
    named.map_or_else(|| PathBuf::from("/bin/sh"), PathBuf::from)
}

/// With all that is there anyhow.
fn beside_the_host(
    context: &Context,
    view: &PreparedView,
    composed: ComposedView,
    launchers: &Launchers,
    grants: &Grants,
    begun: &Begun,
) -> Result<ExitStatus, Error> {
    let environment = &context.environment;
    let own = environment.executable.clone().unwrap_or_else(|| PathBuf::from("nuka"));
    let launchers = launch::write(&environment.cache, &launcher::head(&launcher::program(&own)), launchers)?;
    let files = launchers.place.join(launch::FILES);
    let words = begun.words(&[begun.shell.clone().into_os_string()], &files);
    let (at, mounted) = match composed {
        // Nothing can be mounted: the files are looked at where they were prepared.
        ComposedView { composed: Composed::Directory(path), means: None } => (path, None),
        // Each shell has mounts of its own, so that one directory serves all of them.
        ComposedView { composed, .. } => {
            let at = environment.cache.join("view");
            fs_err::create_dir_all(&at).map_err(Error::file("make", &at))?;
            let at = fs_err::canonicalize(&at).map_err(Error::file("find", &at))?;
            (at, Some(composed))
        }
    };
    let before = environment.variables.get("PATH").map(String::as_str).unwrap_or("/usr/bin:/bin");
    let path = format!("{}:{}:{before}", launchers.place.display(), at.join("usr/bin").display());
    let mut env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    env.extend([
        ("PATH".into(), path.into()),
        ("NUKA_VIEW".into(), at.clone().into_os_string()),
        // Launchers find these wherever the shell goes.
        ("NUKA_STORE".into(), environment.store.clone().into_os_string()),
        ("NUKA_CACHE_DIR".into(), environment.cache.clone().into_os_string()),
    ]);
    env.extend(begun.variables(&files));
    env.extend(grants.env.iter().map(|(name, value)| (name.into(), value.into())));
    let names: Vec<_> = view.programs.iter().map(|program| escape(&program.program).into_owned()).collect();
    if begun.command.is_none() {
        context.say(&format!("programs: {}; leave with `exit`", names.join(", ")));
    }
    let Some(composed) = mounted else {
        let (program, rest) = words.split_first().ok_or_else(nothing)?;
        let status = Command::new(program).args(rest).env_clear().envs(env).status();
        return status.map_err(Error::file("start", Path::new(program)));
    };
    let sandbox = Sandbox {
        root: Root::Host { view: composed, at },
        binds: Vec::new(),
        namespaces: Namespaces::least(),
        privileged: environment.is_root(),
        argv: words,
        env: env.into_iter().collect(),
        cwd: environment.current_directory.clone(),
    };
    start(&sandbox)
}

fn nothing() -> Error {
    Error::Usage { message: "there is no shell".to_owned(), help: "set SHELL".to_owned() }
}

/// Starts what a sandbox says and waits for its end.
pub fn start(sandbox: &Sandbox) -> Result<ExitStatus, Error> {
    let child = sandbox.spawn(Streams::default());
    let mut child =
        child.map_err(|error| Box::<crate::daemon::Fault>::from(nuka_daemon::Error::from(error)))?;
    child.wait().map_err(Error::file("wait for", "the shell"))
}

/// A program's exit code as a shell tells it.
pub fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
