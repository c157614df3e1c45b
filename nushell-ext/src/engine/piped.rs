//! Which commands are given something by a `|`, as nu's parser has understood the recipe.
//!
//! Nu hands a closure's own input to the first program inside it: in `each {|f| ^cc $f }`, the compiler would
//! read the file's name. So what is written counts: a program reads what stands in front of its `|`, also where
//! parentheses, `if`, `match`, `do {...}` or `NAME=value` stand between the two.

use crate::{RecipeError, error::labeled};
use nu_protocol::{
    BlockId, DeclId, ShellError, Span,
    ast::{Argument, Block, Call, Expr, Expression},
    engine::{EngineState, StateWorkingSet},
};
use std::collections::HashSet;

/// Where the commands begin that a pipe gives something to, as nu counts places.
///
/// Text that is given to a command of the recipe's own, and would be lost there, is an error.
pub(crate) fn piped(set: &StateWorkingSet, top: &Block) -> Result<HashSet<usize>, RecipeError> {
    let mut found = Found { set, places: HashSet::new(), programs: Vec::new(), own: Vec::new() };
    let blocks =
        (set.permanent().num_blocks()..set.num_blocks()).map(|id| &**set.get_block(BlockId::new(id)));
    for block in blocks.chain([top]) {
        for pipeline in &block.pipelines {
            pipeline.elements.iter().skip(1).for_each(|element| found.expression(&element.expr));
        }
    }
    match found.own.iter().find(|(_, id)| loses(set, *id)) {
        None => Ok(found.places),
        Some((head, id)) => {
            let name = set.get_decl(*id).name().to_owned();
            Err(RecipeError::from_set(&lost(&name, *head), set))
        }
    }
}

/// The error of a text that no program would read.
pub(crate) fn lost(name: &str, span: Span) -> ShellError {
    labeled("lost_input", format!("what `{name}` is given does not reach the program inside"))
        .with_label("this is given something by a `|`", span)
        .with_help("hand it on inside: `$in | ^tool`; or pipe it to the program itself")
        .into()
}

/// The programs that nu would hand a block's input to, though no pipe stands in front of them.
pub(crate) fn first_programs(engine: &EngineState, block: BlockId) -> Vec<usize> {
    let set = StateWorkingSet::new(engine);
    let mut found = Found { set: &set, places: HashSet::new(), programs: Vec::new(), own: Vec::new() };
    found.first_of(set.get_block(block));
    found.programs
}

/// Whether nu would hand what a command is given to a program inside it; not if the command looks at its input.
fn loses(set: &StateWorkingSet, command: DeclId) -> bool {
    let mut seen = HashSet::new();
    let mut commands = vec![command];
    while let Some(command) = commands.pop() {
        let Some(id) = set.get_decl(command).block_id().filter(|_| seen.insert(command)) else { continue };
        let first = set.get_block(id).pipelines.first().and_then(|pipeline| pipeline.elements.first());
        let Some(element) = first.filter(|element| !matches!(element.expr.expr, Expr::Collect(..))) else {
            continue;
        };
        let mut found = Found { set, places: HashSet::new(), programs: Vec::new(), own: Vec::new() };
        found.expression(&element.expr);
        if !found.programs.is_empty() {
            return true;
        }
        commands.extend(found.own.iter().map(|(_, command)| *command));
    }
    false
}

struct Found<'s> {
    set: &'s StateWorkingSet<'s>,
    places: HashSet<usize>,
    /// Those of the places where programs are started.
    programs: Vec<usize>,
    /// Calls of commands that the recipe itself defines.
    own: Vec<(Span, DeclId)>,
}

impl Found<'_> {
    /// What is given something when this expression is.
    fn expression(&mut self, expression: &Expression) {
        match &expression.expr {
            Expr::ExternalCall(head, _) => {
                self.places.insert(head.span.start);
                self.programs.push(head.span.start);
            }
            Expr::Call(call) => self.call(call),
            Expr::Subexpression(id) | Expr::Block(id) | Expr::Closure(id) => {
                let set = self.set;
                self.first_of(set.get_block(*id));
            }
            Expr::FullCellPath(path) => self.expression(&path.head),
            Expr::Collect(_, inner) => self.expression(inner),
            Expr::Keyword(keyword) => self.expression(&keyword.expr),
            Expr::MatchBlock(arms) => arms.iter().for_each(|(_, arm)| self.expression(arm)),
            _ => {}
        }
    }

    fn first_of(&mut self, block: &Block) {
        if let Some(element) = block.pipelines.first().and_then(|pipeline| pipeline.elements.first()) {
            self.expression(&element.expr);
        }
    }

    fn call(&mut self, call: &Call) {
        // What nu puts in for `NAME=value ^tool` has no place.
        if call.head != Span::unknown() {
            self.places.insert(call.head.start);
        }
        let command = self.set.get_decl(call.decl_id);
        if command.block_id().is_some() {
            self.own.push((call.head, call.decl_id));
        }
        // These hand their own input to what is written inside them; the first argument of `if` and of `match`
        // is what they decide by.
        let inside = match command.name() {
            "if" => 1..usize::MAX,
            "match" | "let" | "mut" | "with-env" => 1..2,
            "do" | "collect" => 0..1,
            _ => return,
        };
        let positional = call.arguments.iter().filter_map(|argument| match argument {
            Argument::Positional(expression) => Some(expression),
            _ => None,
        });
        let inside = positional.enumerate().filter(|(at, _)| inside.contains(at));
        inside.for_each(|(_, expression)| self.expression(expression));
    }
}
