//! `nuka why`: how one package comes to use another.

use crate::{
    commands::Done,
    context::Context,
    daemon::{Target, WhyStep},
    error::Error,
    exit::Exit,
    output::Format,
    report::{escape::escape, hashes, plan},
};

/// Show how one package comes to use another
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  nuka why lua clang     lua is built by clang, through its recipe's `tools`"
)]
pub struct Arguments {
    /// The package that uses
    #[arg(value_name = "PACKAGE")]
    from: Target,
    /// The package that is used, directly or through others
    #[arg(value_name = "USED")]
    to: Target,
    #[command(flatten)]
    format: Format,
}

/// Prints the shortest chain.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let Arguments { from, to, format } = arguments;
    let chain = context.local().why(from, to);
    let chain = chain.map_err(|error| hashes::name_recipe(error, &[from.clone(), to.clone()]))?;
    let Some(chain) = chain else {
        return Err(Error::Absent {
            message: format!("{from} does not use {to}, neither to build nor to run"),
            help: format!("what it uses directly is in `nuka show {from}`"),
        });
    };
    format.print(context, &chain, |_| show(from, &chain))?;
    Ok(Exit::Success)
}

/// One package a line, each after what uses it and under the name that it has there.
fn show(from: &Target, chain: &[WhyStep]) -> String {
    let first = format!("{}\n", escape(&from.to_string()));
    chain.iter().enumerate().fold(first, |shown, (depth, step)| {
        let indent = "   ".repeat(depth);
        format!("{shown}{indent}-> {}  (its `{}`)\n", plan::name(&step.package), escape(&step.input))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;

    #[test]
    fn a_chain_reads_from_the_user_to_the_used() {
        let step = |input: &str, name| WhyStep { input: input.into(), package: package(name, "1") };
        let chain = [step("libc", "wasi-libc"), step("src", "clang\u{1b}[2J")];
        insta::assert_snapshot!(show(&"lua".parse().unwrap(), &chain), @r"
        lua
        -> wasi-libc 1  (its `libc`)
           -> clang\u{1b}[2J 1  (its `src`)
        ");
    }
}
