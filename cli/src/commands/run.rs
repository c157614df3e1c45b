//! `nuka run`: a package's program, built first where that is needed.

use crate::{
    commands::{
        Done,
        grants::{GrantArguments, text},
        outside,
        platform::PlatformArgument,
    },
    context::{Context, WorkArguments},
    daemon::{How, Target},
    error::Error,
    exit::Exit,
    report::{escape::escape, hashes, outcome},
};
use std::ffi::OsString;

/// Run a package's program, building the package first if it is not here
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "nuka run [OPTIONS] PACKAGE [ARGS]...",
    after_help = "\
Everything after PACKAGE is the program's own, also what looks like an option of nuka's.
The program reads the current directory and nothing else, unless its recipe or an option
here says more. The home directory and / are let in only when named.

Examples:
  nuka run lua -e 'print(\"hello from wasm\")'
  nuka run --write bsdtar -xf untrusted.tar.gz
  nuka run --write mutool draw -o page.png paper.pdf 1
  nuka run --bin jsonnetfmt jsonnet -
  nuka run --target linux/amd64 gofmt   natively, in a root that has nothing else"
)]
pub struct Arguments {
    /// The program, where the package has several
    #[arg(long, value_name = "PROGRAM")]
    bin: Option<String>,
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    work: WorkArguments,
    /// The package, and what its program is given
    #[arg(required = true, trailing_var_arg = true, value_names = ["PACKAGE", "ARGS"])]
    command: Vec<OsString>,
    #[command(flatten)]
    grants: GrantArguments,
}

/// Builds what is needed and runs the program.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let Some((package, rest)) = arguments.command.split_first() else {
        return Err(Error::Usage {
            message: "no package is named".into(),
            help: "`nuka run PACKAGE`".into(),
        });
    };
    let package = text(package, "the package")?;
    let target: Target = package.parse().map_err(|error| Error::Usage {
        message: format!("`{package}` names no package: {error}"),
        help: "name a package, NAME@VERSION, or the path of a recipe; `nuka search` lists packages"
            .to_owned(),
    })?;
    let target = arguments.platform.of(&target);
    // Looked at before the first build, which may take minutes.
    let grants = arguments.grants.grants(context)?;
    let nuka = context.nuka(&arguments.work);
    let progress = context.progress(&arguments.work);
    let prepared = nuka.prepare(&target, arguments.bin.as_deref(), &progress);
    let seconds = progress.finish();
    let prepared = prepared.map_err(|error| hashes::name_recipe(error, std::slice::from_ref(&target)))?;
    if prepared.outcome.how != How::Present {
        context.say(&outcome::show(&prepared.outcome, prepared.published, seconds, context.style()));
        // Said when it is new here; `nuka show` says it at any time.
        let declared = prepared.declared();
        if !declared.is_empty() {
            let declared = escape(&declared.join(", ")).into_owned();
            context.say(&format!("its recipe lets {} {declared}", escape(&prepared.program)));
        }
    }
    outside::say(context, &prepared.program, rest, &grants);
    let progress = context.progress(&arguments.work);
    let code = nuka.run(&prepared, rest, &grants, &progress);
    progress.finish();
    Ok(Exit::Program(code?))
}
