//! A wrapper around each of nu's own commands: values that it would misread do not reach it.
//!
//! Nu's commands know nothing of ours: they would sort globs as equal, measure the marks of an item, show a
//! date by the clock, or write a size by the machine's locale. So a command is given values of ours only
//! where it passes values on as they are, and what comes of it is bounded.

use crate::{
    engine::{
        commands::{DECIDING, LOOKING, STEPWISE, hands_on},
        known::kept,
        piped,
        size::{bound, huge, product, shallow},
        stream::{bounded, checked, is_long},
    },
    error::labeled,
    session::{self, Session},
    symbol,
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
        // Nu itself looks at jumps and at returns only, and closures that call one another have neither.
        engine.signals().check(&call.head)?;
        let session = session::current()?;
        let given = given(stack, call);
        let input = match input {
            // A stream's items are seen only once it is collected.
            PipelineData::ListStream(..)
                if session.meter.is_symbolic() && self.handling != Handling::Passes =>
            {
                let span = input.span().unwrap_or(call.head);
                PipelineData::value(input.into_value(span)?, None)
            }
            PipelineData::ListStream(stream, metadata) if self.reads(given) => {
                let (guard, head) = (self.clone(), call.head);
                let readable = move |value: &Value| guard.readable(value, head);
                PipelineData::ListStream(checked(stream, session.meter.clone(), readable), metadata)
            }
            other => other,
        };
        self.check(given, &input, call.head)?;
        self.closures(engine, &session, given, &input, call.head)?;
        let result = match self.command.run(engine, stack, call, input)? {
            PipelineData::ListStream(stream, metadata) => {
                PipelineData::ListStream(bounded(stream, session.meter.clone(), call.head), metadata)
            }
            other => other,
        };
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
        if let Some(value) = from.filter(|value| is_long(value) && !STEPWISE.contains(&self.name())) {
            return Err(huge(self.name(), value.span()));
        }
        if self.reads(given) {
            let arguments = || given.iter().filter_map(value_of);
            from.into_iter().chain(arguments()).try_for_each(|value| self.readable(value, head))?;
            if let Some(Value::String { val, .. }) = from.filter(|_| self.name().starts_with("from ")) {
                shallow(val, head)?;
            }
            return product(self.name(), from, arguments, head);
        }
        if let Some(value) = from {
            match self.handling {
                Handling::Takes if ["do", "ignore", "default"].contains(&self.name()) => {}
                Handling::Takes => kept(&format!("given to `{}`", self.name()), value, head)?,
                _ => self.direct(value, head)?,
            }
        }
        let names = given.iter().filter(|argument| value_of(argument).is_some()).enumerate();
        let mut names = names.filter(|(at, argument)| !hands_on(self.name(), *at, is_flag(argument, "fold")));
        names.try_for_each(|(_, name)| value_of(name).map_or(Ok(()), |value| self.readable(value, head)))
    }

    /// Whether the command looks into what it is given.
    fn reads(&self, given: &[Argument]) -> bool {
        let looks = |(command, flag): &(&str, &str)| {
            *command == self.name() && given.iter().any(|argument| is_flag(argument, flag))
        };
        matches!(self.handling, Handling::Reads | Handling::Counts) || LOOKING.iter().any(looks)
    }

    /// Remembers closures that the command decides by, and refuses text that a closure would lose.
    fn closures(
        &self,
        engine: &EngineState,
        session: &Session,
        given: &[Argument],
        input: &PipelineData,
        head: Span,
    ) -> Result<(), ShellError> {
        let deciding = DECIDING.contains(&self.name());
        let handing = self.name() == "do" && !matches!(input, PipelineData::Empty) && session.is_piped(head);
        if !deciding && !handing {
            return Ok(());
        }
        for closure in given.iter().filter_map(value_of).filter_map(|value| value.as_closure().ok()) {
            let mut state = session.state.borrow_mut();
            let Some(active) = state.active.last_mut() else { continue };
            if deciding {
                let block = std::ptr::from_ref(&**engine.get_block(closure.block_id));
                active.deciding.insert(block.addr(), (self.name().to_owned(), head));
            }
            let programs = if handing { piped::first_programs(engine, closure.block_id) } else { Vec::new() };
            if programs.iter().any(|place| !active.piped.contains(place)) {
                return Err(piped::lost(self.name(), head));
            }
        }
        Ok(())
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
}

fn contains_locale(value: &Value) -> bool {
    match value {
        Value::Date { .. } | Value::Filesize { .. } => true,
        Value::List { vals, .. } => vals.iter().any(contains_locale),
        Value::Record { val, .. } => val.iter().any(|(_, value)| contains_locale(value)),
        _ => false,
    }
}
