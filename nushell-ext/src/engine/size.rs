//! What a value may take: texts that multiply, data that nests, lists that grow, inside one of nu's commands, where
//! nothing could stop it.

use crate::{
    error::labeled,
    meter::{Meter, Stop},
};
use nu_protocol::{ShellError, Span, Value};

/// Above this, `input * arguments` of a command that could multiply them is refused, in bytes.
const MAX_PRODUCT: usize = 256 << 20;
/// A text above this is not taken to pieces, each of which would take many times its own size.
const MAX_PIECES: usize = 2 << 20;
/// Data may have brackets nested this deep: nu's readers recurse.
const MAX_DATA_NESTING: usize = 200;

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

/// Refuses what could multiply into something huge.
pub(crate) fn product<'v, I: Iterator<Item = &'v Value>>(
    command: &str,
    input: Option<&Value>,
    arguments: impl Fn() -> I,
    head: Span,
) -> Result<(), ShellError> {
    let from = input.map_or(0, Value::memory_size);
    let with = arguments().map(Value::memory_size).sum::<usize>();
    let wide = arguments().any(|value| matches!(value, Value::Int { val, .. } if *val > 65_536));
    let fills = command == "fill" && wide;
    let splits = command.starts_with("split") || ["lines", "parse", "chunks"].contains(&command);
    let pieces = splits && from > MAX_PIECES;
    let multiplies = from.min(with) > 4096 && from.saturating_mul(with) > MAX_PRODUCT;
    if fills || pieces || multiplies { Err(huge(command, head)) } else { Ok(()) }
}

/// The error of a command that could give something huge.
pub(crate) fn huge(command: &str, span: Span) -> ShellError {
    labeled("huge", format!("`{command}` could give something huge here"))
        .with_label("here", span)
        .with_help("do this in the build, with a tool")
        .into()
}

/// Refuses data whose brackets are nested so deeply that reading it would take all of the stack.
pub(crate) fn shallow(text: &str, head: Span) -> Result<(), ShellError> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DATA_NESTING {
            return Err(labeled("nesting", format!("brackets are nested more than {MAX_DATA_NESTING} deep"))
                .with_label("in the text that is read here", head)
                .with_help("read such data in the build, with a tool")
                .into());
        }
    }
    Ok(())
}
