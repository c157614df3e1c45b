//! `nuka export`: packages to go.

use super::{named, obtain, required};
use crate::{
    commands::{Done, profile::install},
    context::{Context, WorkArguments},
    daemon::{DirectorySink, Installed, Settings, TarSink, Target, bundle, from_error},
    error::Error,
    exit::Exit,
    report::{escape::escape, units},
};
use fs_err as fs;
use std::{io::BufWriter, path::PathBuf};

/// Write packages, or an environment, with all that they need, so that they run where only nuka is
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Programs are in bin/ of what is written. They start nuka, which has to be on PATH there, and nothing else of this machine
is needed.

Examples:
  nuka export dir lua -o ./lua          then, elsewhere: ./lua/bin/lua
  nuka export tar lua sqlite -o tools.tar
  nuka export tar -o project.tar        the environment of this directory")]
pub struct Arguments {
    /// As what
    form: Form,
    /// The packages; without any, those of this directory's environment
    #[arg(value_name = "PACKAGE")]
    packages: Vec<Target>,
    /// Where: a directory that is empty or not there, or a file that is not there
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    #[command(flatten)]
    work: WorkArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// A directory
    Dir,
    /// A tar, not compressed
    Tar,
}

/// Writes them.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let output = context.environment.current_directory.join(&arguments.output);
    let taken = match arguments.form {
        Form::Dir => {
            fs::read_dir(&output).is_ok_and(|mut entries| entries.next().is_some()) || output.is_file()
        }
        Form::Tar => output.exists(),
    };
    if taken {
        let help =
            "name a directory that is empty or not there, or a file that is not: nothing is overwritten"
                .to_owned();
        return Err(Error::Exists { path: output, help });
    }
    let nuka = context.nuka(&arguments.work);
    let (packages, settings): (Vec<Installed>, Settings) = match arguments.packages.as_slice() {
        packages if packages.is_empty() || named(context, packages).is_some() => {
            let file = named(context, packages).map_or_else(|| required(context), Ok)?;
            let progress = context.progress(&arguments.work);
            let made = obtain(context, &nuka, &file, &progress);
            progress.finish();
            let made = made?;
            (made.packages, made.settings)
        }
        packages => {
            let targets = install::absolute(context, packages);
            let made = install::obtain(context, &nuka, &targets, &arguments.work, true, false)?;
            (made.unwrap_or_default(), Settings::default())
        }
    };
    let objects = nuka.here().objects().map_err(from_error)?;
    let written = match arguments.form {
        Form::Dir => bundle(objects, &packages, &settings, &output, &mut DirectorySink(output.clone())),
        Form::Tar => {
            let file = fs::File::create_new(&output).map_err(Error::file("make", &output))?;
            let mut sink = TarSink::new(BufWriter::new(file));
            let written = bundle(objects, &packages, &settings, &output, &mut sink);
            let ended = sink.finish().and_then(|out| Ok(out.into_inner()?));
            written.and_then(|()| {
                let failed =
                    |source| nuka_daemon::Error::File { action: "writing", path: output.clone(), source };
                ended.map(drop).map_err(failed)
            })
        }
    };
    if let Err(error) = written {
        // Half of it is of no use to anybody.
        let _ = match arguments.form {
            Form::Dir => fs::remove_dir_all(&output),
            Form::Tar => fs::remove_file(&output),
        };
        return Err(from_error(error).into());
    }
    let count = units::count(packages.len() as u64, "package", "packages");
    context.say(&format!("{count} in {}", escape(&output.display().to_string())));
    Ok(Exit::Success)
}
