//! From arguments to an exit code. The one place where errors become text.

use crate::{
    arguments::{Cli, SHORT_HELP, Verb},
    commands::{self, Done},
    context::{Context, Verbosity},
    daemon::By,
    environment::{Colour, Environment, Terminal},
    error::Error,
    exit::Exit,
    output,
    report::{error, escape, json_error},
};
use clap::{CommandFactory as _, FromArgMatches as _, error::ErrorKind};
use std::{
    ffi::OsString,
    io::{self, Write as _},
};

/// Does what the command line says. `give_back` gives the system the memory that work has left.
pub fn start(give_back: fn()) -> Exit {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let [_, verb, file] = arguments.as_slice()
        && verb == commands::compile::VERB
    {
        return commands::compile::run(file.as_ref());
    }
    if let Some((file, rest)) = commands::launch::wanted(&arguments) {
        return commands::launch::run(file, rest);
    }
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &arguments),
    };
    let terminal = Terminal::read(cli.color);
    let starting = matches!(cli.verb, Verb::Run(_) | Verb::Exec(_) | Verb::Shell(_));
    match Environment::read().map_err(Error::from).and_then(|environment| {
        let verbosity = match (cli.quiet, cli.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let by = if cli.no_daemon || !environment.daemon { By::ThisProcess } else { By::Daemon };
        dispatch(&Context { environment, terminal, verbosity, by, give_back }, &cli.verb)
    }) {
        Ok(exit) => exit,
        Err(failed) => match output::wanted(&arguments) {
            Some(form) => tell_as_data(&failed, starting, form),
            None => tell(&failed, starting, terminal),
        },
    }
}

/// Reads the command line. `-h` of nuka itself lists commands by what they are for, `--help` explains each.
fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    if !arguments.iter().any(|argument| argument == "--help") {
        command = command.help_template(SHORT_HELP);
    }
    Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// Says why a command did not do what it was to do, and gives its exit.
pub fn tell(failed: &Error, starting: bool, terminal: Terminal) -> Exit {
    let exit = failed.exit(starting);
    if exit != Exit::BrokenPipe {
        let text = error::show(failed, terminal.stderr_colour, terminal.width);
        // Nothing can be done about a closed stderr.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
    exit
}

/// The same for who asked for data.
fn tell_as_data(failed: &Error, starting: bool, form: output::Data) -> Exit {
    let exit = failed.exit(starting);
    if exit != Exit::BrokenPipe {
        let _ = io::stderr().lock().write_all(json_error::show(failed, exit, form).as_bytes());
    }
    exit
}

fn dispatch(context: &Context, verb: &Verb) -> Done {
    match verb {
        Verb::Build(arguments) => commands::build::run(context, arguments),
        Verb::Run(arguments) => commands::run::run(context, arguments),
        Verb::Shell(arguments) => commands::shell::run(context, arguments),
        Verb::Exec(arguments) => commands::exec::run(context, arguments),
        Verb::Install(arguments) => commands::profile::install::run(context, arguments),
        Verb::Remove(arguments) => commands::profile::remove::run(context, arguments),
        Verb::List(arguments) => commands::profile::list::run(context, arguments),
        Verb::Update(arguments) => commands::profile::update::update(context, arguments),
        Verb::Upgrade(arguments) => commands::profile::update::upgrade(context, arguments),
        Verb::History(arguments) => commands::profile::generation::history(context, arguments),
        Verb::Rollback(arguments) => commands::profile::generation::rollback(context, arguments),
        Verb::Generation(arguments) => commands::profile::generation::run(context, arguments),
        Verb::Prefer(arguments) => commands::profile::prefer::run(context, arguments),
        Verb::Permit(arguments) => commands::profile::permit::run(context, arguments),
        Verb::Lock(arguments) => commands::environment::lock::run(context, arguments),
        Verb::Apply(arguments) => commands::environment::apply::run(context, arguments),
        Verb::Allow(arguments) => commands::environment::allow::run(context, arguments),
        Verb::Hook(arguments) => commands::environment::hook::run(context, arguments),
        Verb::Export(arguments) => commands::environment::export::run(context, arguments),
        Verb::Setup(arguments) => commands::setup::run(context, arguments),
        Verb::Search(arguments) => commands::search::run(context, arguments),
        Verb::Show(arguments) => commands::show::run(context, arguments),
        Verb::Why(arguments) => commands::why::run(context, arguments),
        Verb::Log(arguments) => commands::log::run(context, arguments),
        Verb::Pir(arguments) => commands::pir::run(context, arguments),
        Verb::New(arguments) => commands::new::run(context, arguments),
        Verb::UpdateHashes(arguments) => commands::update_hashes::run(context, arguments),
        Verb::Hash(arguments) => commands::hash::run(context, arguments),
        Verb::Store(arguments) => commands::store::run(context, arguments),
        Verb::Gc(arguments) => commands::gc::run(context, arguments),
        Verb::Daemon(arguments) => commands::daemon::run(context, arguments),
        Verb::Bootstrap(arguments) => commands::bootstrap::run(context, arguments),
        Verb::Doctor(arguments) => commands::doctor::run(context, arguments),
        Verb::Completions(arguments) => commands::completions::run(arguments),
        Verb::Man(arguments) => commands::man::run(context, arguments),
    }
}

/// Prints help where that was asked for, and what is wrong with the command line otherwise.
fn not_understood(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let terminal = Terminal::read(Colour::Auto);
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let colour = if asked { terminal.stdout_colour } else { terminal.stderr_colour };
    // What was typed is quoted in the message. Colours are escape sequences, so a text that has its own is shown
    // without any.
    let evil = arguments.iter().any(|argument| {
        let text = argument.to_string_lossy();
        escape::escape(&text) != text
    });
    let rendered = error.render();
    let text = match colour && !evil {
        true => rendered.ansi().to_string(),
        false => escape::escape_lines(&rendered.to_string()).into_owned(),
    };
    if asked {
        return match output::print(&text) {
            Ok(()) => Exit::Success,
            Err(error) => error.exit(false),
        };
    }
    let text = match output::wanted(arguments) {
        Some(form) => json_error::usage(error.render().to_string().trim(), form),
        None => text,
    };
    let _ = io::stderr().lock().write_all(text.as_bytes());
    Exit::Usage
}
