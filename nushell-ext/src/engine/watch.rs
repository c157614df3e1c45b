//! Sees each instruction before nu runs it, as nu's debugger: counts them, and refuses those whose outcome
//! would hang on something that is known only in the build.
//!
//! Nu decides `"a" == $f.stem` by the types of both sides and says `false`; a `match` just does not match.
//! What is refused here stops the evaluation for good, as a debugger cannot return an error.

use crate::{
    engine::guard,
    error::labeled,
    meter::{Meter, Stop},
    symbol,
    value::{Item, PackageValue, advice, contains_opaque, custom, item_not_known},
};
use nu_protocol::{
    PipelineData, PipelineExecutionData, RegId, ShellError, Span, Value,
    ast::{Comparison, Math, Operator},
    debugger::Debugger,
    engine::{EngineState, Stack},
    ir::{Instruction, IrBlock},
};
use std::sync::Arc;

/// Steps are added to the meter this many at a time.
const BATCH: u64 = 256;

#[derive(Debug)]
pub(crate) struct Watch {
    meter: Arc<Meter>,
    uncounted: u64,
}

impl Watch {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, uncounted: 0 }
    }

    fn look(
        &self,
        instruction: &Instruction,
        span: Span,
        registers: &[PipelineExecutionData],
    ) -> Result<(), ShellError> {
        let value = |register: &RegId| value_in(registers, *register);
        match instruction {
            Instruction::BinaryOp { lhs_dst, op, rhs } => {
                if let (Some(left), Some(right)) = (value(lhs_dst), value(rhs)) {
                    operation(left, op, right, span)?;
                }
            }
            Instruction::StringAppend { val, .. } => {
                value(val).map_or(Ok(()), |value| interpolated(value, span))?
            }
            Instruction::Match { src, .. } => {
                value(src).map_or(Ok(()), |value| known("`match` would have to know", value, span))?
            }
            Instruction::BranchIf { cond, .. } => {
                value(cond).map_or(Ok(()), |value| known("this decides by", value, span))?
            }
            Instruction::Not { src_dst } => {
                value(src_dst).map_or(Ok(()), |value| known("`not` would have to know", value, span))?
            }
            Instruction::RecordInsert { key, .. } => {
                value(key).map_or(Ok(()), |value| known("a field is named by", value, span))?
            }
            Instruction::Iterate { stream, .. } => {
                if let Some(Value::Custom { val, .. }) = value(stream) {
                    return Err(labeled("opaque", format!("`for` cannot go over a {}", val.type_name()))
                        .with_label("what it stands for is known only in the build", span)
                        .with_help("use `for-each`, whose steps are done for every file in the build")
                        .into());
                }
            }
            Instruction::LoadVariable { .. } | Instruction::StoreVariable { .. } => {}
            _ => {}
        }
        Ok(())
    }
}

fn value_in(registers: &[PipelineExecutionData], register: RegId) -> Option<&Value> {
    match registers.get(usize::try_from(register.get()).ok()?).map(|data| &data.body) {
        Some(PipelineData::Value(value, _)) => Some(value),
        _ => None,
    }
}

/// Refuses to look into what is not known yet.
fn known(what: &str, value: &Value, span: Span) -> Result<(), ShellError> {
    match value {
        Value::Bool { .. } | Value::Int { .. } | Value::Nothing { .. } => Ok(()),
        Value::Custom { val, .. } if custom::<Item>(value).is_none() => Err(labeled(
            "opaque",
            format!("{what} a {}", val.type_name()),
        )
        .with_label("here", span)
        .with_help(
            "of a derivation, compare .name or .version; what a build makes is known only in the build",
        )
        .into()),
        value if contains_opaque(value) => Err(item_not_known(what, span)),
        _ => Ok(()),
    }
}

fn operation(left: &Value, op: &Operator, right: &Value, span: Span) -> Result<(), ShellError> {
    let lists = matches!((left, right), (Value::List { .. }, Value::List { .. }));
    if *op == Operator::Math(Math::Concatenate) && lists {
        return Ok(());
    }
    let power = *op == Operator::Math(Math::Pow);
    if power && (matches!(left, Value::Float { .. }) || matches!(right, Value::Float { .. })) {
        return Err(labeled("float_power", "powers of fractions differ from machine to machine")
            .with_label("here", span)
            .with_help("write the number itself, or use whole numbers")
            .into());
    }
    let equality = matches!(op, Operator::Comparison(Comparison::Equal | Comparison::NotEqual));
    match (left, right) {
        // Anything may be asked whether it is there, and packages whether they are the same.
        (_, Value::Nothing { .. }) | (Value::Nothing { .. }, _) if equality => Ok(()),
        _ if equality && custom::<PackageValue>(left).is_some() => Ok(()),
        (Value::Int { .. }, Value::Int { .. }) => Ok(()),
        _ => known(&format!("`{op}` would have to know"), left, span)
            .and_then(|()| known(&format!("`{op}` would have to know"), right, span)),
    }
}

fn interpolated(value: &Value, span: Span) -> Result<(), ShellError> {
    let named = match value {
        Value::String { .. } | Value::Int { .. } => return Ok(()),
        Value::Custom { .. } if custom::<Item>(value).is_some() => return Ok(()),
        Value::Custom { val, .. } => {
            return Err(labeled("opaque", format!("a {} cannot stand in a text", val.type_name()))
                .with_label("here", span)
                .with_help(advice(value))
                .into());
        }
        Value::Date { .. } => "a date",
        Value::Filesize { .. } => "a size",
        Value::Closure { .. } => "a closure",
        Value::List { .. } | Value::Record { .. } if has_custom(value) => {
            "a list or record with packages, globs or the like in it"
        }
        _ => return Ok(()),
    };
    Err(labeled("opaque", format!("{named} cannot stand in a text"))
        .with_label("here", span)
        .with_help("write it as text: what is shown for it is not the same everywhere")
        .into())
}

fn has_custom(value: &Value) -> bool {
    match value {
        Value::Custom { .. } | Value::Date { .. } | Value::Filesize { .. } => true,
        Value::List { vals, .. } => vals.iter().any(has_custom),
        Value::Record { val, .. } => {
            val.iter().any(|(key, value)| symbol::is_marked(key) || has_custom(value))
        }
        _ => false,
    }
}

impl Debugger for Watch {
    fn enter_instruction(
        &mut self,
        _engine: &EngineState,
        _stack: &Stack,
        block: &IrBlock,
        index: usize,
        registers: &[PipelineExecutionData],
    ) {
        self.uncounted += 1;
        if self.uncounted == BATCH {
            self.meter.charge(std::mem::take(&mut self.uncounted));
        }
        let (Some(instruction), Some(span)) = (block.instructions.get(index), block.spans.get(index)) else {
            return;
        };
        if let Err(error) = self.look(instruction, *span, registers) {
            self.meter.stop(Stop::Refused(Box::new(error)));
        }
    }

    fn leave_instruction(
        &mut self,
        _engine: &EngineState,
        _stack: &Stack,
        block: &IrBlock,
        index: usize,
        registers: &[PipelineExecutionData],
        error: Option<&ShellError>,
    ) {
        if error.is_some() {
            return;
        }
        let Some(instruction) = block.instructions.get(index) else { return };
        let register = match instruction {
            Instruction::LoadVariable { dst, .. } | Instruction::Clone { dst, .. } => dst,
            Instruction::StringAppend { src_dst, .. }
            | Instruction::ListSpread { src_dst, .. }
            | Instruction::Collect { src_dst }
            | Instruction::TryCollect { src_dst }
            | Instruction::Call { src_dst, .. } => src_dst,
            Instruction::BinaryOp { lhs_dst, .. } => lhs_dst,
            _ => return,
        };
        if let Some(value) = value_in(registers, *register) {
            let span = block.spans.get(index).copied().unwrap_or_else(Span::unknown);
            // The bound has stopped the evaluation already; a debugger has nobody to tell.
            let _ = guard::bound(&self.meter, value, span);
        }
    }
}
