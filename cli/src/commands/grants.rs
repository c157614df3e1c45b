//! What a program may do beyond what its recipe declares: the same options for `run`, `exec` and `shell`.

use crate::{
    context::Context,
    daemon::{GrantedDirectory, Grants},
    error::Error,
};
use std::{ffi::OsString, path::Path, str::FromStr};

/// Options that let a program do more.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "What the program may do")]
pub struct GrantArguments {
    /// Let it change the current directory, which it can otherwise only read
    #[arg(long)]
    write: bool,
    /// Let it read another directory, and with `:rw` change it; GUEST is where the program sees it
    #[arg(long = "dir", value_name = "HOST[:GUEST][:rw]")]
    directories: Vec<DirectoryArgument>,
    /// Let it see a variable, with the value it has here or with another
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<VariableArgument>,
    /// Let it open network connections
    #[arg(long)]
    network: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DirectoryArgument {
    host: String,
    guest: Option<String>,
    write: bool,
}

impl FromStr for DirectoryArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (paths, write) = match text.rsplit_once(':') {
            Some((paths, "rw")) => (paths, true),
            Some((paths, "ro")) => (paths, false),
            _ => (text, false),
        };
        let (host, guest) = match paths.split_once(':') {
            Some((host, guest)) => (host, Some(guest.to_owned())),
            None => (paths, None),
        };
        match &guest {
            _ if host.is_empty() => Err("the directory has no name".to_owned()),
            Some(guest) if !guest.starts_with('/') => {
                Err(format!("`{guest}`, where the program sees it, must begin with /"))
            }
            _ => Ok(Self { host: host.to_owned(), guest, write }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct VariableArgument {
    name: String,
    value: Option<String>,
}

impl FromStr for VariableArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("the variable has no name");
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

impl GrantArguments {
    /// What is granted, with every path absolute and every variable with its value.
    pub fn grants(&self, context: &Context) -> Result<Grants, Error> {
        let here = &context.environment.current_directory;
        let directory = |argument: &DirectoryArgument| {
            let path = here.join(&argument.host);
            let host = path.canonicalize().map_err(Error::file("let the program into", &path))?;
            let absolute = std::path::absolute(&path).map_err(Error::file("let the program into", &path))?;
            let guest = match &argument.guest {
                Some(guest) => guest.clone(),
                None => guest_of(&absolute)?,
            };
            Ok(GrantedDirectory { host, guest, write: argument.write })
        };
        let variable = |argument: &VariableArgument| {
            let value =
                argument.value.clone().or_else(|| context.environment.variables.get(&argument.name).cloned());
            value.map(|value| (argument.name.clone(), value)).ok_or_else(|| Error::Usage {
                message: format!("the variable {} has no value here that could be passed on", argument.name),
                help: format!("give it one: `--env {}=VALUE`", argument.name),
            })
        };
        Ok(Grants {
            write: self.write,
            directories: self.directories.iter().map(directory).collect::<Result<_, Error>>()?,
            env: self.env.iter().map(variable).collect::<Result<_, Error>>()?,
            network: self.network,
        })
    }
}

/// A path as the program sees it: the same, without `.` and `..`.
pub fn guest_of(path: &Path) -> Result<String, Error> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(name) => parts.push(name.to_str().ok_or_else(|| not_text(path))?),
            std::path::Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    Ok(format!("/{}", parts.join("/")))
}

fn not_text(path: &Path) -> Error {
    Error::Usage {
        message: format!("{} is not UTF-8, which a program's path must be", path.display()),
        help: "say where the program sees it: `--dir HOST:/GUEST`".to_owned(),
    }
}

/// The first word of a command as text.
pub fn text(word: &OsString, what: &str) -> Result<String, Error> {
    word.to_str().map(str::to_owned).ok_or_else(|| Error::Usage {
        message: format!("{what} `{}` is not UTF-8", word.to_string_lossy()),
        help: format!("check {what}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(host: &str, guest: Option<&str>, write: bool) -> Result<DirectoryArgument, String> {
        Ok(DirectoryArgument { host: host.into(), guest: guest.map(str::to_owned), write })
    }

    #[test]
    fn directories_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<DirectoryArgument>();
        assert_eq!(read("/a"), directory("/a", None, false));
        assert_eq!(read("a:rw"), directory("a", None, true));
        assert_eq!(read("a:/b"), directory("a", Some("/b"), false));
        assert_eq!(read("a:/b:rw"), directory("a", Some("/b"), true));
        assert_eq!(read("a:/b:ro"), directory("a", Some("/b"), false));
        assert!(read("").is_err() && read(":rw").is_err() && read("a:b").is_err() && read("a:b:rw").is_err());
    }

    #[test]
    fn variables_have_names() {
        assert_eq!("A=b=c".parse(), Ok(VariableArgument { name: "A".into(), value: Some("b=c".into()) }));
        assert_eq!("A".parse(), Ok(VariableArgument { name: "A".into(), value: None }));
        assert!("=x".parse::<VariableArgument>().is_err());
    }

    #[test]
    fn a_program_sees_paths_without_detours() {
        assert_eq!(guest_of(Path::new("/a/./b/../c/")).unwrap(), "/a/c");
        assert_eq!(guest_of(Path::new("/../..")).unwrap(), "/");
    }
}
