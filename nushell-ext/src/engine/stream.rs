//! Lists that are made as they are read: each item is looked at as it passes by.

use crate::{
    meter::{Meter, Stop},
    value::contains_opaque,
};
use nu_protocol::{ListStream, Range, ShellError, Span, Value};
use std::{ops::Bound, sync::Arc};

/// A list with more items than this is made in the build.
const MAX_ITEMS: u64 = 1 << 20;
/// Streams may be read for one another this deep: closures that give streams leave no block behind to be counted.
const MAX_STREAMS: usize = 300;

/// The same stream, which stops the evaluation before an item that is not to be read.
pub(crate) fn checked(
    stream: ListStream,
    meter: Arc<Meter>,
    readable: impl Fn(&Value) -> Result<(), ShellError> + Send + 'static,
) -> ListStream {
    stream.map(move |value| match readable(&value) {
        Ok(()) => value,
        Err(error) => {
            meter.stop(Stop::Refused(Box::new(error.clone())));
            Value::error(error, value.span())
        }
    })
}

/// The same stream, which stops the evaluation when its items together are larger than one value may be, or hang
/// on too many other streams, and takes note of those that are known only in the build.
pub(crate) fn bounded(stream: ListStream, meter: Arc<Meter>, span: Span) -> ListStream {
    stream.modify(|items| Bounded { items, meter, span, size: 0 })
}

struct Bounded<I> {
    items: I,
    meter: Arc<Meter>,
    span: Span,
    size: usize,
}

impl<I: Iterator<Item = Value>> Iterator for Bounded<I> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let depth = self.meter.enter_stream();
        let value = if depth > MAX_STREAMS { Some(self.too_deep()) } else { self.items.next() };
        self.meter.leave_stream();
        let value = value?;
        if contains_opaque(&value) {
            self.meter.note_ours();
        }
        self.size = self.size.saturating_add(value.memory_size());
        if self.size > self.meter.value_bytes {
            self.meter.stop(Stop::Value(self.size, self.span));
            return Some(Value::error(ShellError::Interrupted { span: self.span }, self.span));
        }
        Some(value)
    }
}

impl<I> Bounded<I> {
    fn too_deep(&self) -> Value {
        let limit = u64::try_from(MAX_STREAMS).unwrap_or(u64::MAX);
        let error = ShellError::RecursionLimitReached { recursion_limit: limit, span: Some(self.span) };
        self.meter.stop(Stop::Refused(Box::new(error.clone())));
        Value::error(error, self.span)
    }
}

/// True for a range that no command should make a list of.
pub(crate) fn is_long(value: &Value) -> bool {
    let Value::Range { val, .. } = value else { return false };
    let steps = match &**val {
        Range::IntRange(range) => match range.end() {
            Bound::Unbounded => return true,
            Bound::Included(end) | Bound::Excluded(end) => {
                range.start().abs_diff(end) / range.step().unsigned_abs().max(1)
            }
        },
        Range::FloatRange(range) => match range.end() {
            Bound::Unbounded => return true,
            Bound::Included(end) | Bound::Excluded(end) => {
                ((end - range.start()) / range.step()).abs().min(1e18) as u64
            }
        },
    };
    steps > MAX_ITEMS
}
