//! A wrapper around each of nu's own commands: values that it would misread do not reach it.
//!
//! Nu's commands know nothing of ours: they would sort globs as equal, measure the marks of an item, show a
//! date by the clock, or write a size by the machine's locale. So a command is given values of ours only
//! where it passes values on as they are, and what comes of it is bounded.

use crate::{
    error::labeled,
    meter::{Meter, Stop},
    session, symbol,
    value::{Item, advice, contains_opaque, custom, item_not_known},
};
use nu_protocol::{
    Example, PipelineData, ShellError, Signature, Span, Value,
    engine::{Argument, Call, CallImpl, Command, EngineState, Stack},
};

/// How a command treats what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Reads values: texts, numbers, records.
    Reads,
    /// Passes on what is inside lists and records, and does not look at it.
    Passes,
    /// Passes on whatever it is given.
    Takes,
    /// As `Reads`, and knows sizes for numbers.
    Counts,
}

/// Above this, `input * arguments` of a command that could multiply them is refused, in bytes.
const MAX_PRODUCT: usize = 256 << 20;

/// One of nu's commands, guarded.
#[derive(Clone)]
pub(crate) struct Guard {
    pub command: Box<dyn Command>,
    pub handling: Handling,
    /// Flags that a recipe may not use, and why.
    pub refused: &'static [(&'static str, &'static str)],
}

impl Command for Guard {
    fn name(&self) -> &str {
        self.command.name()
    }

    fn signature(&self) -> Signature {
        self.command.signature()
    }

    fn description(&self) -> &str {
        self.command.description()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        self.command.examples()
    }

    // Not constant: nothing could stop it while nu parses.

    fn run(
        &self,
        engine: &EngineState,
        stack: &mut Stack,
        call: &Call,
        input: PipelineData,
    ) -> Result<PipelineData, ShellError> {
        let session = session::current()?;
        let input = match input {
            // A stream's items are seen only once it is collected; without a `for-each` around there is
            // nothing in it that could be misread but values of ours, which nu's commands refuse.
            PipelineData::ListStream(..)
                if session.meter.is_symbolic() && self.handling != Handling::Passes =>
            {
                let span = input.span().unwrap_or(call.head);
                PipelineData::value(input.into_value(span)?, None)
            }
            other => other,
        };
        self.check(given(stack, call), &input, call.head)?;
        let result = self.command.run(engine, stack, call, input)?;
        if let PipelineData::Value(value, _) = &result {
            bound(&session.meter, value, call.head)?;
        }
        Ok(result)
    }
}

/// What a call is given, in the order it was written.
fn given<'a>(stack: &'a Stack, call: &'a Call) -> &'a [Argument] {
    match &call.inner {
        CallImpl::IrRef(call) => call.arguments(stack),
        CallImpl::IrBox(call) => call.arguments(stack),
        _ => &[],
    }
}

/// The value of an argument, if it has one.
fn value_of(argument: &Argument) -> Option<&Value> {
    match argument {
        Argument::Positional { val, .. } | Argument::Named { val, .. } => Some(val),
        Argument::Spread { vals, .. } => Some(vals),
        Argument::Flag { .. } | Argument::ParserInfo { .. } => None,
    }
}

fn is_flag(argument: &Argument, flag: &str) -> bool {
    match argument {
        Argument::Flag { data, name, .. } | Argument::Named { data, name, .. } => {
            data.get(name.start as usize..(name.start + name.len) as usize) == Some(flag.as_bytes())
        }
        _ => false,
    }
}

impl Guard {
    fn check(&self, given: &[Argument], input: &PipelineData, head: Span) -> Result<(), ShellError> {
        for (flag, help) in self.refused {
            if given.iter().any(|argument| is_flag(argument, flag)) {
                return Err(labeled("flag", format!("`{} --{flag}` is not for recipes", self.name()))
                    .with_label("here", head)
                    .with_help(*help)
                    .into());
            }
        }
        let from = match input {
            PipelineData::Value(value, _) => Some(value),
            _ => None,
        };
        match self.handling {
            Handling::Takes => Ok(()),
            Handling::Passes => from.map_or(Ok(()), |value| self.direct(value, head)),
            Handling::Reads | Handling::Counts => {
                let arguments = || given.iter().filter_map(value_of);
                from.into_iter().chain(arguments()).try_for_each(|value| self.readable(value, head))?;
                self.product(from, arguments, head)
            }
        }
    }

    /// Refuses one value of ours as such; inside a list it may pass.
    fn direct(&self, value: &Value, head: Span) -> Result<(), ShellError> {
        match value {
            Value::Custom { .. } => self.refuse(value, head),
            Value::String { val, .. } | Value::Glob { val, .. } if symbol::is_marked(val) => {
                self.refuse(value, head)
            }
            _ => Ok(()),
        }
    }

    /// Refuses what the command would misread.
    fn readable(&self, value: &Value, head: Span) -> Result<(), ShellError> {
        if contains_opaque(value) {
            return self.refuse(value, head);
        }
        if self.handling != Handling::Counts && contains_locale(value) {
            return Err(labeled(
                "locale",
                format!("`{}` would write a date or a size as this machine does", self.name()),
            )
            .with_label("here", head)
            .with_help("write it as text, or turn it into a number first with `into int`")
            .into());
        }
        Ok(())
    }

    fn refuse(&self, value: &Value, head: Span) -> Result<(), ShellError> {
        match value {
            Value::Custom { val, .. } if custom::<Item>(value).is_none() => {
                Err(labeled("opaque", format!("`{}` does not work on a {}", self.name(), val.type_name()))
                    .with_label(format!("this is given a {}", val.type_name()), head)
                    .with_help(advice(value))
                    .into())
            }
            Value::List { vals, .. } => match vals.iter().find(|item| contains_opaque(item)) {
                Some(item) => self.refuse(item, head),
                None => Ok(()),
            },
            Value::Record { val, .. } => {
                match val.iter().map(|(_, item)| item).find(|item| contains_opaque(item)) {
                    Some(item) => self.refuse(item, head),
                    None => Err(item_not_known(&format!("`{}` would have to know", self.name()), head)),
                }
            }
            _ => Err(item_not_known(&format!("`{}` would have to know", self.name()), head)),
        }
    }

    /// Refuses what could multiply into something huge inside one command, where nothing can stop it.
    fn product<'v, I: Iterator<Item = &'v Value>>(
        &self,
        input: Option<&Value>,
        arguments: impl Fn() -> I,
        head: Span,
    ) -> Result<(), ShellError> {
        let from = input.map_or(0, Value::memory_size);
        let with = arguments().map(Value::memory_size).sum::<usize>();
        let wide = arguments().any(|value| matches!(value, Value::Int { val, .. } if *val > 65_536));
        let fills = self.name() == "fill" && wide;
        if fills || (from.min(with) > 4096 && from.saturating_mul(with) > MAX_PRODUCT) {
            return Err(labeled("huge", format!("`{}` could give something huge here", self.name()))
                .with_label("here", head)
                .with_help("do this in the build, with a tool")
                .into());
        }
        Ok(())
    }
}

fn contains_locale(value: &Value) -> bool {
    match value {
        Value::Date { .. } | Value::Filesize { .. } => true,
        Value::List { vals, .. } => vals.iter().any(contains_locale),
        Value::Record { val, .. } => val.iter().any(|(_, value)| contains_locale(value)),
        _ => false,
    }
}

/// Stops the evaluation if a value is larger than one may be; else counts it as work.
pub(crate) fn bound(meter: &Meter, value: &Value, span: Span) -> Result<(), ShellError> {
    let size = match value {
        Value::Int { .. } | Value::Bool { .. } | Value::Nothing { .. } | Value::Float { .. } => return Ok(()),
        Value::String { val, .. } => val.len(),
        value => value.memory_size(),
    };
    if size > meter.value_bytes {
        meter.stop(Stop::Value(size, span));
        return Err(ShellError::Interrupted { span });
    }
    if size >= 64 {
        meter.charge(size as u64 / 64);
    }
    Ok(())
}
