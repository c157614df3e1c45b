//! The engine that every recipe's engine is a copy of: nu's pure commands, and nuka's own.

use crate::{
    command,
    engine::{
        guard::{Guard, Handling},
        layout,
        watch::Watch,
    },
    meter::Meter,
};
use nu_protocol::{
    ShellError, Span, UseAnsiColoring, Value,
    config::Config,
    engine::{Command, EngineState, StateWorkingSet},
};
use std::sync::{Arc, LazyLock, Mutex};

/// Calls may be nested this deep.
const RECURSION: i64 = 100;

static PURE: LazyLock<Result<EngineState, ShellError>> = LazyLock::new(build);

/// A fresh copy of the engine, which stops when `meter` says so.
pub(crate) fn engine(meter: &Arc<Meter>) -> Result<EngineState, ShellError> {
    let mut engine = PURE.as_ref().map_err(Clone::clone)?.clone();
    engine.set_signals(meter.signals());
    engine.debugger = Arc::new(Mutex::new(Box::new(Watch::new(meter.clone()))));
    Ok(engine)
}

/// A copy of a session's engine for one recipe, with a watch of its own.
pub(crate) fn copy(base: &EngineState, meter: &Arc<Meter>) -> Result<EngineState, ShellError> {
    let mut engine = base.clone();
    engine.debugger = Arc::new(Mutex::new(Box::new(nu_protocol::debugger::NoopDebugger)));
    let watched = engine.activate_debugger(Box::new(Watch::new(meter.clone()))).is_ok();
    if watched {
        Ok(engine)
    } else {
        Err(crate::error::labeled("watch", "evaluation cannot be watched").into())
    }
}

fn build() -> Result<EngineState, ShellError> {
    let mut engine = EngineState::new();
    let delta = {
        let mut set = StateWorkingSet::new(&engine);
        language(&mut set);
        pure(&mut set);
        for command in command::all() {
            set.add_decl(command);
        }
        set.render()
    };
    engine.merge_delta(delta)?;
    let mut config = Config::clone(engine.get_config());
    config.use_ansi_coloring = UseAnsiColoring::False;
    // Without a format, nu shows dates relative to now.
    config.datetime_format.normal = Some("%+".to_owned());
    config.recursion_limit = RECURSION;
    engine.set_config(config);
    engine.add_env_var("PWD".to_owned(), Value::string(layout::ROOT, Span::unknown()));
    Ok(engine)
}

/// The language itself. What is left out on purpose: `try` (it could catch being stopped, and shows places),
/// `source`, `overlay`, `extern`, `export-env`, `hide-env`, `echo`, `scope`, `version`.
fn language(set: &mut StateWorkingSet<'_>) {
    use nu_cmd_lang as nu;
    macro_rules! add {
        ($($command:expr),* $(,)?) => { $( set.add_decl(Box::new($command)); )* };
    }
    add!(
        nu::Alias,
        nu::Attr,
        nu::AttrCategory,
        nu::AttrDeprecated,
        nu::AttrExample,
        nu::AttrSearchTerms,
        nu::Break,
        nu::Collect,
        nu::Const,
        nu::Continue,
        nu::Def,
        nu::Error,
        nu::ErrorMake,
        nu::ExportAlias,
        nu::ExportCommand,
        nu::ExportConst,
        nu::ExportDef,
        nu::ExportModule,
        nu::ExportUse,
        nu::For,
        nu::Hide,
        nu::If,
        nu::Let,
        nu::Loop,
        nu::Match,
        nu::Module,
        nu::Mut,
        nu::Return,
        nu::Use,
        nu::While,
    );
    guarded(set, Handling::Takes, nu::Ignore, &[]);
    guarded(set, Handling::Reads, nu::Describe, &[]);
    const QUIET: &str = "an error in a recipe is an error";
    let refused = &[("ignore-errors", QUIET), ("capture-errors", QUIET), ("env", "there is no environment")];
    guarded(set, Handling::Takes, nu::Do, refused);
}

fn guarded(
    set: &mut StateWorkingSet<'_>,
    handling: Handling,
    command: impl Command + 'static,
    refused: &'static [(&'static str, &'static str)],
) {
    set.add_decl(Box::new(Guard { command: Box::new(command), handling, refused }));
}

/// Nu's commands that depend on nothing but what they are given.
fn pure(set: &mut StateWorkingSet<'_>) {
    use nu_command as nu;
    macro_rules! add {
        ($handling:expr; $($command:expr),* $(,)?) => { $( guarded(set, $handling, $command, &[]); )* };
    }
    add!(Handling::Takes; nu::Get, nu::Default, nu::Wrap, nu::Append, nu::Prepend);
    add!(Handling::Passes;
        nu::All, nu::Any, nu::Columns, nu::Compact, nu::Drop, nu::DropColumn, nu::DropNth, nu::Each,
        nu::Enumerate, nu::Every, nu::Filter, nu::First, nu::Flatten, nu::Insert, nu::Interleave, nu::IsEmpty,
        nu::IsNotEmpty, nu::Items, nu::Last, nu::Length, nu::Merge, nu::MergeDeep, nu::Move, nu::Reduce, nu::Reject,
        nu::Rename, nu::Reverse, nu::Select, nu::Skip, nu::SkipUntil, nu::SkipWhile, nu::Slice, nu::Take,
        nu::TakeUntil, nu::TakeWhile, nu::Transpose, nu::Update, nu::Upsert, nu::Values, nu::Where, nu::Zip,
    );
    add!(Handling::Counts;
        nu::Math, nu::MathAbs, nu::MathAvg, nu::MathCeil, nu::MathFloor, nu::MathMax, nu::MathMin, nu::MathProduct,
        nu::MathRound, nu::MathSum, nu::IntoInt, nu::IntoBool, nu::Sort, nu::SortBy, nu::ToNuon, nu::ToJson,
    );
    add!(Handling::Reads;
        nu::ChunkBy, nu::Chunks, nu::Find, nu::Generate, nu::GroupBy, nu::Join, nu::Lines, nu::Seq, nu::SeqChar,
        nu::SplitList, nu::Uniq, nu::UniqBy,
        nu::PathBasename, nu::PathDirname, nu::PathJoin, nu::PathParse, nu::PathSplit,
        nu::Char, nu::Decode, nu::DecodeBase64, nu::DecodeHex, nu::Encode, nu::EncodeBase64, nu::EncodeHex, nu::Fill,
        nu::Format, nu::Parse, nu::Split, nu::SplitChars, nu::SplitColumn, nu::SplitRow, nu::SplitWords,
        nu::Str, nu::StrCapitalize, nu::StrContains, nu::StrDistance, nu::StrDowncase, nu::StrEndswith,
        nu::StrEscapeRegex, nu::StrIndexOf, nu::StrJoin, nu::StrLength, nu::StrReplace, nu::StrReverse,
        nu::StrStartsWith, nu::StrSubstring, nu::StrTrim, nu::StrUpcase,
        nu::From, nu::FromCsv, nu::FromJson, nu::FromNuon, nu::FromToml, nu::FROM_YAML, nu::FROM_YML,
        nu::To, nu::ToToml, nu::TO_TEXT, nu::TO_YAML,
        nu::Into, nu::IntoBinary, nu::IntoCellPath, nu::IntoFloat, nu::IntoRecord, nu::IntoString, nu::IntoValue,
        nu::Bytes, nu::BytesAdd, nu::BytesAt, nu::BytesBuild, nu::BytesCollect, nu::BytesEndsWith, nu::BytesIndexOf,
        nu::BytesLen, nu::BytesStartsWith, nu::Hash, nu::HashSha256::default(), nu::UrlParse, nu::UrlJoin, nu::UrlEncode, nu::UrlDecode,
    );
}
