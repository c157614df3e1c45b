//! `nuka shell`: the person's own shell with packages in it.

use crate::{
    commands::{
        Done,
        grants::GrantArguments,
        launch::{self, Launcher},
        pure,
    },
    context::{Context, WorkArguments},
    daemon::{
        Composed, ComposedView, Grants, Namespaces, Prepared, PreparedView, Root, Sandbox, Streams, Target,
        ViewMeans,
    },
    error::Error,
    exit::Exit,
    report::{escape::escape, hashes},
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// Open a shell with packages' programs in it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The packages' programs come first on PATH, and start by their names; wasm programs may do what their recipes and the
options here say. The packages' files, merged, are at $NUKA_VIEW.

Examples:
  nuka shell lua sqlite                       a shell in which `lua` and `sqlite3` are there
  nuka shell lua -c 'lua -e \"print(1)\"'       one command
  nuka shell --pure --dir . lua               a shell that sees lua, this directory, and nothing else of the machine")]
pub struct Arguments {
    /// The packages
    #[arg(required = true, value_name = "PACKAGE")]
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
    let view = nuka.view(&arguments.packages, &progress);
    progress.finish();
    let view = view.map_err(|fault| hashes::name_recipe(fault, &arguments.packages))?;
    let progress = context.progress(&arguments.work);
    for program in &view.programs {
        nuka.make_ready(program, &progress)?;
    }
    progress.finish();
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
    let inside = |prepared: &Prepared| Launcher::new(prepared, &grants, arguments.pure);
    let launchers: Vec<Launcher> = view.programs.iter().map(inside).collect();
    let shell = shell(context);
    let words = match &arguments.command {
        Some(command) => vec![shell.into_os_string(), "-c".into(), command.into()],
        None => vec![shell.into_os_string()],
    };
    if arguments.pure {
        let libraries = nuka.loader_cache(view.view)?;
        return pure::run(context, (composed.composed, libraries), &launchers, &grants, words);
    }
    let status = beside_the_host(context, &view, composed, &launchers, &grants, words)?;
    Ok(Exit::Program(code(status)))
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
    launchers: &[Launcher],
    grants: &Grants,
    words: Vec<OsString>,
) -> Result<ExitStatus, Error> {
    let environment = &context.environment;
    let own = environment.executable.clone().unwrap_or_else(|| PathBuf::from("nuka"));
    let interpreter = format!("{} {}", own.display(), launch::VERB);
    let launchers = launch::write(&environment.cache, &interpreter, launchers)?;
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
    env.extend(grants.env.iter().map(|(name, value)| (name.into(), value.into())));
    let names: Vec<_> = view.programs.iter().map(|program| escape(&program.program).into_owned()).collect();
    if words.len() == 1 {
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
