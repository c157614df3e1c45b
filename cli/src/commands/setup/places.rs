//! The shells, and which files each of them reads.

use std::path::{Path, PathBuf};

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
#[derive(Debug, Clone)]
pub struct Places {
    pub home: PathBuf,
    /// The person's configuration.
    pub config: PathBuf,
    /// Where zsh has its files, if that is elsewhere than at home.
    pub zdotdir: Option<PathBuf>,
    /// What is installed.
    pub profile: PathBuf,
    pub nuka: PathBuf,
}

impl Places {
    /// A script of nuka's for shells that read a file of the person's.
    pub fn script(&self, name: &str) -> PathBuf {
        self.config.join("nuka/shell").join(name)
    }

    /// A file that the shell reads by itself, all of which is nuka's.
    pub fn own(&self, shell: Shell) -> Option<PathBuf> {
        match shell {
            Shell::Fish => Some(self.config.join("fish/conf.d/nuka.fish")),
            Shell::Nushell => Some(self.config.join("nushell/autoload/nuka-setup.nu")),
            Shell::Bash | Shell::Zsh => None,
        }
    }

    /// Files of the person's that get a block.
    pub fn shared(&self, shell: Shell) -> Vec<PathBuf> {
        match shell {
            // What a login reads, which is the first of these that is there, and what every other interactive shell reads.
            Shell::Bash => {
                let logins = self.logins();
                let login = logins.iter().find(|path| path.exists()).unwrap_or(&logins[2]).clone();
                vec![login, self.home.join(".bashrc")]
            }
            // Read before `.zshrc`, in which completions are usually begun.
            Shell::Zsh => vec![self.zdotdir.as_deref().unwrap_or(&self.home).join(".zshenv")],
            Shell::Fish | Shell::Nushell => Vec::new(),
        }
    }

    /// All files that may have got a block, whichever were there then.
    pub fn ever_shared(&self, shell: Shell) -> Vec<PathBuf> {
        let mut shared = self.shared(shell);
        if shell == Shell::Bash {
            shared.extend(self.logins());
        }
        shared
    }

    fn logins(&self) -> [PathBuf; 3] {
        [".bash_profile", ".bash_login", ".profile"].map(|name| self.home.join(name))
    }

    /// An absolute path of this variable.
    pub fn variable(value: Option<&String>) -> Option<PathBuf> {
        value.map(Path::new).filter(|path| path.is_absolute()).map(Path::to_owned)
    }
}
