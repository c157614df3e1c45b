//! Reads what nu's parser has compiled, and refuses what a recipe may not do, wherever it stands: also in
//! code that this evaluation would not have reached.

use crate::{RecipeError, engine::forbidden, error::labeled, suggest};
use nu_protocol::{
    BlockId, DeclId, ENV_VARIABLE_ID, LAST_VARIABLE_ID, NU_VARIABLE_ID, ShellError, Span, SyntaxShape,
    engine::StateWorkingSet,
    ir::{Instruction, IrBlock, Literal, RedirectMode},
};

/// The first thing that is wrong, by place.
pub(crate) fn scan(set: &StateWorkingSet, top: &nu_protocol::ast::Block) -> Result<(), RecipeError> {
    let mut found: Vec<(Span, ShellError)> = Vec::new();
    for id in set.permanent().num_decls()..set.num_decls() {
        signature(set, DeclId::new(id), &mut found);
    }
    for id in set.permanent().num_blocks()..set.num_blocks() {
        if let Some(ir) = &set.get_block(BlockId::new(id)).ir_block {
            block(set, ir, &mut found);
        }
    }
    if let Some(ir) = &top.ir_block {
        block(set, ir, &mut found);
    }
    match found.into_iter().min_by_key(|(span, _)| span.start) {
        Some((_, error)) => Err(RecipeError::from_set(&error, set)),
        None => Ok(()),
    }
}

/// `def --wrapped` expands `~` in its arguments, and an alias or an extern could hide a program.
fn signature(set: &StateWorkingSet, id: DeclId, found: &mut Vec<(Span, ShellError)>) {
    let command = set.get_decl(id);
    let wrapped =
        command.signature().rest_positional.is_some_and(|rest| rest.shape == SyntaxShape::ExternalArgument);
    let span = command.block_id().and_then(|id| set.get_block(id).span).unwrap_or_else(Span::unknown);
    if command.is_known_external() || wrapped {
        let error =
            labeled("wrapped", format!("`{}` cannot take arguments as a program does", command.name()))
                .with_label("here", span)
                .with_help("write `def name [...rest]`; in a build, `^tool ...$rest` passes them on");
        found.push((span, error.into()));
    }
}

fn block(set: &StateWorkingSet, ir: &IrBlock, found: &mut Vec<(Span, ShellError)>) {
    for (instruction, span) in ir.instructions.iter().zip(&ir.spans) {
        if let Some(error) = instruction_error(set, ir, instruction, *span) {
            found.push((*span, error));
        }
    }
}

fn forbidden(word: &str, message: String, span: Span) -> ShellError {
    let help = forbidden::instead_of(word)
        .unwrap_or("a recipe is pure: the same text gives the same package, everywhere");
    labeled("impure", message).with_label("not in a recipe", span).with_help(help).into()
}

fn instruction_error(
    set: &StateWorkingSet,
    ir: &IrBlock,
    instruction: &Instruction,
    span: Span,
) -> Option<ShellError> {
    let redirect = |span: Span| {
        let error = labeled("redirect", "a recipe redirects nothing into files")
            .with_label("this would write a file, here and now", span)
            .with_help("in a build, `^tool ... | save FILE` keeps a program's output; its standard error goes to the log");
        Some(ShellError::from(error))
    };
    match instruction {
        Instruction::OpenFile { .. } | Instruction::WriteFile { .. } => redirect(span),
        Instruction::RedirectErr {
            mode: RedirectMode::Pipe | RedirectMode::PipeSeparate | RedirectMode::File { .. },
        } => redirect(span),
        Instruction::LoadEnv { key, .. }
        | Instruction::LoadEnvOpt { key, .. }
        | Instruction::StoreEnv { key, .. } => {
            let name = ir.data.get(key.start as usize..(key.start + key.len) as usize).unwrap_or(&[]);
            let name = String::from_utf8_lossy(name);
            Some(forbidden("$env", format!("`$env.{name}` is not there in a recipe"), span))
        }
        Instruction::LoadVariable { var_id, .. } | Instruction::UpdateVarCellPath { var_id, .. } => {
            match *var_id {
                ENV_VARIABLE_ID => {
                    Some(forbidden("$env", "`$env` is not there in a recipe".to_owned(), span))
                }
                NU_VARIABLE_ID => Some(forbidden("sys", "`$nu` is not there in a recipe".to_owned(), span)),
                LAST_VARIABLE_ID => {
                    Some(forbidden("input", "`$ans` is not there in a recipe".to_owned(), span))
                }
                _ => None,
            }
        }
        Instruction::LoadLiteral { lit: Literal::Date(_), .. } => {
            Some(forbidden("date", "a date is not data of a recipe".to_owned(), span))
        }
        Instruction::LoadLiteral {
            lit: Literal::Filepath { val, .. } | Literal::Directory { val, .. },
            ..
        } => {
            let path = ir.data.get(val.start as usize..(val.start + val.len) as usize).unwrap_or(&[]);
            let home = path.first() == Some(&b'~');
            home.then(|| forbidden("open", "`~` would be somebody's home directory".to_owned(), span))
        }
        Instruction::Call { decl_id, .. } if set.get_decl(*decl_id).name() == "run-external" => {
            unknown_word(set, span)
        }
        _ => None,
    }
}

/// A word that is no command became the start of a program; only `^word` is meant so.
fn unknown_word(set: &StateWorkingSet, span: Span) -> Option<ShellError> {
    let text = set.get_span_contents(span);
    let before = set.get_span_contents(Span::new(span.start.saturating_sub(1), span.start));
    if text.first() == Some(&b'^') || before == b"^" {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let word = text.split_whitespace().next().unwrap_or("").to_owned();
    if forbidden::instead_of(&word).is_some() {
        return Some(forbidden(&word, format!("`{word}` is not there in a recipe"), span));
    }
    let mut known: Vec<String> = Vec::new();
    set.traverse_commands(|name, _| known.push(String::from_utf8_lossy(name).into_owned()));
    known.retain(|name| name != "run-external");
    known.sort();
    let meant = suggest::nearest(&word, known.iter().map(String::as_str));
    let program = format!("to run a program of the build environment write `^{word}`");
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`? Otherwise, {program}"),
        None => program,
    };
    let error = labeled("unknown_command", format!("`{word}` is not a command"))
        .with_label("not known", span)
        .with_help(help);
    Some(error.into())
}
