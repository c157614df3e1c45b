//! `nuka setup`: shells find what is installed; and `--undo` takes that back whole.
//!
//! Each shell gets a script of nuka's, and is told to read it: by a file of nuka's own where the shell reads all of a
//! directory (`fish`, `nushell`), else by a marked block in a file of the person's (`block.rs`). Scripts come before what reads
//! them, and every file is replaced as a whole, so that whatever interrupts this leaves shells that start.

mod block;
mod scripts;

use crate::{
    commands::Done,
    context::Context,
    daemon::{Profile, ProfileName},
    error::Error,
    exit::Exit,
    replace::replace,
    report::escape::escape,
};
use fs_err as fs;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

/// Have shells find what is installed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It takes effect in shells that are opened afterwards: PATH has the installed programs first, and man, completions and
the desktop find what comes with them.

Examples:
  nuka setup                    the shells that this machine has
  nuka setup --shell fish       one of them
  nuka setup --hook             also enters a directory's nuka.nu when you go there: see `nuka allow`
  nuka setup --undo             takes everything back")]
pub struct Arguments {
    /// Only this shell
    #[arg(long, value_name = "SHELL")]
    shell: Vec<Shell>,
    /// Shells also enter the environments of directories that were allowed
    #[arg(long, conflicts_with = "undo")]
    hook: bool,
    /// Take back all that `nuka setup` did
    #[arg(long)]
    undo: bool,
}

/// A shell that can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Nushell,
}

impl Shell {
    pub const ALL: [Self; 4] = [Self::Bash, Self::Zsh, Self::Fish, Self::Nushell];

    /// What it is called on the command line, and its program's name.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bash => ("bash", "bash"),
            Self::Zsh => ("zsh", "zsh"),
            Self::Fish => ("fish", "fish"),
            Self::Nushell => ("nushell", "nu"),
        }
    }
}

/// Where everything is.
struct Places<'c> {
    context: &'c Context,
    /// The person's configuration.
    config: PathBuf,
    /// What is installed.
    profile: PathBuf,
    nuka: PathBuf,
}

impl Places<'_> {
    /// A script of nuka's for shells that read a file of the person's.
    fn script(&self, name: &str) -> PathBuf {
        self.config.join("nuka/shell").join(name)
    }

    /// A file that the shell reads by itself, all of which is nuka's.
    fn own(&self, shell: Shell) -> Option<PathBuf> {
        match shell {
            Shell::Fish => Some(self.config.join("fish/conf.d/nuka.fish")),
            Shell::Nushell => Some(self.config.join("nushell/autoload/nuka-setup.nu")),
            Shell::Bash | Shell::Zsh => None,
        }
    }

    /// Files of the person's that get a block.
    fn shared(&self, shell: Shell) -> Vec<PathBuf> {
        let home = &self.context.environment.home;
        match shell {
            // What a login reads, which is the first of these that is there, and what every other interactive shell reads.
            Shell::Bash => {
                let logins = [".bash_profile", ".bash_login", ".profile"].map(|name| home.join(name));
                let login = logins.iter().find(|path| path.exists()).unwrap_or(&logins[2]).clone();
                vec![login, home.join(".bashrc")]
            }
            Shell::Zsh => {
                let variables = &self.context.environment.variables;
                let place = variables.get("ZDOTDIR").map(PathBuf::from).filter(|path| path.is_absolute());
                // Read before `.zshrc`, in which completions are usually begun.
                vec![place.unwrap_or_else(|| home.clone()).join(".zshenv")]
            }
            Shell::Fish | Shell::Nushell => Vec::new(),
        }
    }
}

/// Sets up, or takes back.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let environment = &context.environment;
    let config = environment.variables.get("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.filter(|path| path.is_absolute()).unwrap_or_else(|| environment.home.join(".config"));
    let client = context.local();
    let profile = Profile::new(&client, &ProfileName::default()).current_path();
    // Launchers start nuka by a symlink, which may be of a nuka that has moved.
    Profile::new(&client, &ProfileName::default()).find_nuka();
    let nuka = environment.executable.clone().unwrap_or_else(|| PathBuf::from("nuka"));
    let places = Places { context, config, profile, nuka };
    let shells: BTreeSet<Shell> = match arguments.shell.as_slice() {
        [] if arguments.undo => Shell::ALL.into(),
        [] => Shell::ALL.into_iter().filter(|shell| is_here(context, *shell)).collect(),
        named => named.iter().copied().collect(),
    };
    if shells.is_empty() {
        return Err(Error::Absent {
            message: "none of bash, zsh, fish and nushell is on PATH".to_owned(),
            help: format!(
                "put {} on PATH yourself, or name a shell with `--shell`",
                places.profile.join("bin").display()
            ),
        });
    }
    if arguments.undo {
        return undo(&places, &shells);
    }
    // Before anything is written.
    for file in shells.iter().flat_map(|shell| places.shared(*shell)) {
        read(&file)?;
    }
    for shell in &shells {
        set_up(&places, *shell, arguments.hook)?;
    }
    let names: Vec<_> = shells.iter().map(|shell| shell.names().0).collect();
    context.say(&format!("set up {}: open a new shell", names.join(", ")));
    Ok(Exit::Success)
}

/// Whether a shell is on this machine.
fn is_here(context: &Context, shell: Shell) -> bool {
    let variables = &context.environment.variables;
    let (_, program) = shell.names();
    let own = variables.get("SHELL").is_some_and(|own| Path::new(own).file_name() == Some(program.as_ref()));
    let path = variables.get("PATH").map(String::as_str).unwrap_or_default();
    own || std::env::split_paths(path).any(|directory| directory.join(program).is_file())
}

fn set_up(places: &Places<'_>, shell: Shell, hook: bool) -> Result<(), Error> {
    let text = scripts::of(shell, &places.profile, hook.then_some(places.nuka.as_path()));
    let text = block::text_of(text.as_bytes());
    if let Some(own) = places.own(shell) {
        return write(places, &own, &text);
    }
    let script = places.script(shell.names().0);
    write(places, &script, &text)?;
    for file in places.shared(shell) {
        let before = read(&file)?;
        if let Some(after) = block::with(before.as_deref(), &script) {
            write(places, &file, &after)?;
        }
    }
    Ok(())
}

fn undo(places: &Places<'_>, shells: &BTreeSet<Shell>) -> Done {
    let mut any = false;
    for shell in shells {
        // All files that may have been chosen then.
        let home = &places.context.environment.home;
        let mut shared = places.shared(*shell);
        if *shell == Shell::Bash {
            shared.extend([".bash_profile", ".bash_login", ".profile"].map(|name| home.join(name)));
        }
        for file in shared {
            let Some(before) = read(&file)? else { continue };
            match block::without(&before) {
                None => continue,
                Some(None) => remove(places, &file)?,
                Some(Some(after)) => write(places, &file, &after)?,
            }
            any = true;
        }
        for file in places.own(*shell).into_iter().chain([places.script(shell.names().0)]) {
            if file.exists() {
                remove(places, &file)?;
                any = true;
            }
        }
    }
    // Empty directories are nobody's.
    for directory in ["nuka/shell", "nuka"] {
        let _ = fs::remove_dir(places.config.join(directory));
    }
    places.context.say(if any {
        "taken back: shells that are opened from now on know nothing of it"
    } else {
        "nothing was set up"
    });
    Ok(Exit::Success)
}

/// The file's bytes, as a text (`block::text_of`); `None` if it is not there.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(block::text_of(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.is_symlink() {
            // What is to be there is somebody else's affair.
            true => Err(Error::Usage {
                message: format!("{} is a symlink that leads nowhere", path.display()),
                help: "make what it leads to, or remove it".to_owned(),
            }),
            false => Ok(None),
        },
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// Writes bytes that are such a text.
fn write(places: &Places<'_>, path: &Path, text: &str) -> Result<(), Error> {
    if read(path).is_ok_and(|before| before.as_deref() == Some(text)) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::file("make", parent))?;
    }
    replace(path, &block::bytes_of(text)).map_err(Error::file("write", path))?;
    places.context.say(&format!("wrote {}", escape(&path.display().to_string())));
    Ok(())
}

fn remove(places: &Places<'_>, path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(Error::file("remove", path))?;
    places.context.say(&format!("removed {}", escape(&path.display().to_string())));
    Ok(())
}
