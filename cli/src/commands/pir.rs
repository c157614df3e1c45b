//! `nuka pir`: packages as plain data.

use crate::{
    commands::{Done, platform::PlatformArgument},
    context::Context,
    daemon::{PackageRef, PirText, Target},
    error::Error,
    exit::Exit,
    output::{Format, print},
    report::{
        differences::{self, side_by_side},
        escape::escape_nuon,
        hashes, plan,
    },
};
use nuka_pir::canonical;
use serde::Serialize;

/// Show packages as the plain data that their ids are hashes of
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print a package's PIR
    #[command(after_help = "The PID is the hash of the canonical text: `nuka pir show --canonical lua`")]
    Show {
        /// The package
        package: Target,
        /// Print the canonical text, on one line: what is hashed
        #[arg(long, conflicts_with_all = ["json", "nuon"])]
        canonical: bool,
        #[command(flatten)]
        platform: PlatformArgument,
        #[command(flatten)]
        format: Format,
    },
    /// Show two packages' PIRs side by side where they differ
    #[command(after_help = "Ends with 0 if they are the same and with 1 if they differ.\n\n\
        Example:\n  nuka pir diff lua ./lua.nu     what a changed recipe changes")]
    Diff {
        /// One package
        left: Target,
        /// The other package
        right: Target,
        #[command(flatten)]
        format: Format,
    },
}

/// Does what is asked.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let nuka = context.local();
    let pir_of = |target: &Target| {
        nuka.pir(target).map_err(|error| hashes::name_recipe(error, std::slice::from_ref(target)))
    };
    match &arguments.verb {
        Verb::Show { package, canonical: true, platform, .. } => {
            print(&escape_nuon(pir_of(&platform.of(package))?.canonical + "\n"))?;
            Ok(Exit::Success)
        }
        Verb::Show { package, format, platform, .. } => {
            let pir = pir_of(&platform.of(package))?;
            let data = canonical::parse(&pir.canonical).map_err(|error| Error::Data(error.to_string()))?;
            format.print(context, &data, |_| escape_nuon(pir.pretty))?;
            Ok(Exit::Success)
        }
        Verb::Diff { left, right, format } => {
            let (left, right) = (pir_of(left)?, pir_of(right)?);
            if !format.is_text() {
                return diff_as_data(context, &left, &right, *format);
            }
            let head = |pir: &PirText| format!("{}  {}\n", plan::name(&pir.package), pir.package.pid);
            if left.canonical == right.canonical {
                context.say(&format!("the same PIR: {}", head(&left).trim_end()));
                return Ok(Exit::Success);
            }
            let style = crate::report::style::Style { colour: context.terminal.stdout_colour };
            let (old, new) = (escape_nuon(left.pretty.clone()), escape_nuon(right.pretty.clone()));
            let shown = side_by_side(&old, &new, context.terminal.width, style);
            print(&format!("< {}> {}{shown}", head(&left), head(&right)))?;
            Ok(Exit::Failure)
        }
    }
}

/// What is printed as data of two PIRs.
#[derive(Debug, Serialize)]
struct Differences<'a> {
    left: &'a PackageRef,
    right: &'a PackageRef,
    /// Nothing, if they are the same.
    differences: Vec<differences::Difference>,
}

fn diff_as_data(context: &Context, left: &PirText, right: &PirText, format: Format) -> Done {
    let value =
        |pir: &PirText| canonical::parse(&pir.canonical).map_err(|error| Error::Data(error.to_string()));
    let differences = differences::of_values(&value(left)?, &value(right)?);
    let exit = if differences.is_empty() { Exit::Success } else { Exit::Failure };
    let told = Differences { left: &left.package, right: &right.package, differences };
    format.print(context, &told, |_| String::new())?;
    Ok(exit)
}
