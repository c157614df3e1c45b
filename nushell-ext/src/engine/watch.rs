//! Sees each instruction before nu runs it, as nu's debugger: counts them, and refuses those whose outcome
//! would hang on something that is known only in the build.
//!
//! Nu decides `"a" == $f.stem` by the types of both sides and says `false`; a `match` just does not match.
//! What is refused here stops the evaluation for good, as a debugger cannot return an error.

use crate::{
    engine::{
        known::{interpolated, kept, known, operation, streamed},
        size,
    },
    error::labeled,
    meter::{Meter, Stop},
    session,
    value::{Item, custom},
};
use nu_protocol::{
    IN_VARIABLE_ID, PipelineData, PipelineExecutionData, RegId, ShellError, Span, Value, VarId,
    ast::Block,
    debugger::Debugger,
    engine::{EngineState, Stack},
    ir::{Instruction, IrBlock},
};
use std::sync::Arc;

/// Steps are added to the meter this many at a time.
const BATCH: u64 = 256;
/// Blocks may be evaluated inside one another this deep. Nu counts commands, not closures.
const MAX_BLOCKS: usize = 500;

#[derive(Debug)]
pub(crate) struct Watch {
    meter: Arc<Meter>,
    uncounted: u64,
    /// Where in memory the blocks are that are being evaluated, innermost last. The engine keeps them there.
    blocks: Vec<usize>,
    /// Instructions under way that look into lists which are made meanwhile: how deep they stand, and how many
    /// values of ours were seen in such lists before.
    streams: Vec<(usize, u64)>,
}

impl Watch {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, uncounted: 0, blocks: Vec::new(), streams: Vec::new() }
    }

    fn look(
        &self,
        engine: &EngineState,
        instruction: &Instruction,
        span: Span,
        registers: &[PipelineExecutionData],
    ) -> Result<(), ShellError> {
        use Instruction as I;
        let check = |register: &RegId, check: &dyn Fn(&Value) -> Result<(), ShellError>| {
            value_in(registers, *register).map_or(Ok(()), check)
        };
        match instruction {
            I::BinaryOp { lhs_dst, op, rhs } => {
                match (value_in(registers, *lhs_dst), value_in(registers, *rhs)) {
                    (Some(left), Some(right)) => operation(left, op, right, span),
                    _ => Ok(()),
                }
            }
            I::StringAppend { val, .. } => check(val, &|value| interpolated(value, span)),
            I::Match { src, .. } => check(src, &|value| known("`match` would have to know", value, span)),
            I::BranchIf { cond, .. } => check(cond, &|value| known("this decides by", value, span)),
            // `if` negates what it decides by.
            I::Not { src_dst } => check(src_dst, &|value| known("this decides by", value, span)),
            I::RecordInsert { key, val, .. } => {
                check(key, &|value| known("a field is named by", value, span))
                    .and_then(|()| check(val, &|value| kept("put into a record", value, span)))
            }
            I::ListPush { item, .. } => check(item, &|value| kept("put into a list", value, span)),
            I::UpsertCellPath { new_value, .. } | I::UpdateVarCellPath { new_value, .. } => {
                check(new_value, &|value| kept("put into a variable", value, span))
            }
            I::StoreVariable { var_id, src } if !is_input(engine, *var_id) => {
                check(src, &|value| kept("kept in a variable", value, span))
            }
            I::PushPositional { src }
            | I::AppendRest { src }
            | I::PushNamed { src, .. }
            | I::PushShortNamed { src, .. } => check(src, &|value| kept("an argument", value, span)),
            I::Iterate { stream, .. } => check(stream, &|value| iterated(value, span)),
            I::Return { src } | I::ReturnEarly { src } => check(src, &|value| self.decided(value)),
            _ => Ok(()),
        }
    }

    /// Refuses what a closure gives to a command of nu's that would take everything but `true` for `false`.
    fn decided(&self, value: &Value) -> Result<(), ShellError> {
        let Some(block) = self.blocks.last() else { return Ok(()) };
        let session = session::current()?;
        let command = match session.state.borrow().active.last() {
            Some(active) => active.deciding.get(block).cloned(),
            None => None,
        };
        command.map_or(Ok(()), |(command, head)| known(&format!("`{command}` decides by"), value, head))
    }

    /// True for an instruction that reads a list which is not made yet.
    fn reads_stream(instruction: &Instruction, registers: &[PipelineExecutionData]) -> bool {
        let is_stream = |register: &RegId| {
            usize::try_from(register.get())
                .ok()
                .and_then(|at| registers.get(at))
                .is_some_and(|data| matches!(data.body, PipelineData::ListStream(..)))
        };
        match instruction {
            Instruction::BinaryOp { lhs_dst, rhs, .. } => is_stream(lhs_dst) || is_stream(rhs),
            Instruction::StringAppend { val, .. } => is_stream(val),
            _ => false,
        }
    }
}

/// Nu makes a variable of its own wherever `$in` is used, and gives it no length.
fn is_input(engine: &EngineState, variable: VarId) -> bool {
    let declared = engine.get_var(variable).declaration_span;
    variable == IN_VARIABLE_ID || declared.start == declared.end
}

fn iterated(value: &Value, span: Span) -> Result<(), ShellError> {
    let Value::Custom { val, .. } = value else { return Ok(()) };
    if custom::<Item>(value).is_some() {
        return known("`for` would have to know", value, span);
    }
    Err(labeled("opaque", format!("`for` cannot go over a {}", val.type_name()))
        .with_label("what it stands for is known only in the build", span)
        .with_help("use `for-each`, whose steps are done for every file in the build")
        .into())
}

fn value_in(registers: &[PipelineExecutionData], register: RegId) -> Option<&Value> {
    match registers.get(usize::try_from(register.get()).ok()?).map(|data| &data.body) {
        Some(PipelineData::Value(value, _)) => Some(value),
        _ => None,
    }
}

impl Debugger for Watch {
    fn enter_block(&mut self, _engine: &EngineState, block: &Block) {
        self.blocks.push(std::ptr::from_ref(block).addr());
        if self.blocks.len() > MAX_BLOCKS {
            let limit = u64::try_from(MAX_BLOCKS).unwrap_or(u64::MAX);
            let error = ShellError::RecursionLimitReached { recursion_limit: limit, span: block.span };
            self.meter.stop(Stop::Refused(Box::new(error)));
        }
    }

    fn leave_block(&mut self, _engine: &EngineState, _block: &Block) {
        self.blocks.pop();
        self.streams.retain(|(depth, _)| *depth <= self.blocks.len());
    }

    fn enter_instruction(
        &mut self,
        engine: &EngineState,
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
        if let Err(error) = self.look(engine, instruction, *span, registers) {
            self.meter.stop(Stop::Refused(Box::new(error)));
        }
        if Self::reads_stream(instruction, registers) {
            self.streams.push((self.blocks.len(), self.meter.ours_streamed()));
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
        let Some(instruction) = block.instructions.get(index) else { return };
        let span = block.spans.get(index).copied().unwrap_or_else(Span::unknown);
        let looks = matches!(instruction, Instruction::BinaryOp { .. } | Instruction::StringAppend { .. });
        if looks && self.streams.last().is_some_and(|(depth, _)| *depth == self.blocks.len()) {
            let before = self.streams.pop().map_or(u64::MAX, |(_, before)| before);
            if self.meter.ours_streamed() > before {
                self.meter.stop(Stop::Refused(Box::new(streamed(span))));
            }
        }
        if error.is_some() {
            return;
        }
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
            // The bound has stopped the evaluation already; a debugger has nobody to tell.
            let _ = size::bound(&self.meter, value, span);
        }
    }
}
