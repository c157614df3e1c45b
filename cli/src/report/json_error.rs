//! Errors as data, for who asked for data: one line on stderr, the last one there.
//!
//! ```text
//! {"error": {"kind": ..., "code": ..., "message": ..., "help": ..., "exit": N}}
//! ```
//!
//! `kind` is one of `absent`, `not_executable`, `crashed`, `refused`, `no_daemon`, `usage` and `failed`; `exit` is the exit
//! code. `recipe` (the places in a recipe that are wrong) and `report` (what was built and what was not) are there where
//! they are the reason.

use crate::{
    error::Error,
    exit::Exit,
    output::{Data, line},
};
use serde::Serialize;
use serde_json::{Value, json};

/// The error as one line of data.
pub fn show(error: &Error, exit: Exit, form: Data) -> String {
    let fault = match error {
        Error::Nuka(fault) => serde_json::to_value(fault).ok(),
        _ => None,
    };
    let mut told = fault.unwrap_or_else(|| {
        json!({
            "kind": kind(error),
            "code": error.code(),
            "message": error.to_string(),
            "help": error.help(),
        })
    });
    if let Value::Object(fields) = &mut told {
        fields.insert("exit".to_owned(), exit.code().into());
    }
    text(&told, form)
}

/// The same of a command line that cannot be understood.
pub fn usage(message: &str, form: Data) -> String {
    let told = json!({
        "kind": "usage",
        "code": "nuka::usage",
        "message": message.trim_start_matches("error: "),
        "help": "`nuka help` shows what can be said",
        "exit": Exit::Usage.code(),
    });
    text(&told, form)
}

fn text(told: &impl Serialize, form: Data) -> String {
    // Plain data has a form always.
    line(&json!({ "error": told }), form).unwrap_or_default()
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Usage { .. } => "usage",
        Error::Absent { .. } => "absent",
        Error::NoProgram { .. } => "not_executable",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_exit_code() {
        let error = Error::Absent { message: "no `\u{1b}[2J`\n".into(), help: "look".into() };
        insta::assert_snapshot!(show(&error, Exit::Absent, Data::Json), @r#"{"error":{"kind":"absent","code":"nuka::not_found","message":"no `\u001b[2J`\n","help":"look","exit":3}}"#);
        let nuon = show(&error, Exit::Absent, Data::Nuon);
        assert!(
            nuon.starts_with("{error: {code: \"nuka::not_found\", exit: 3, ") && nuon.lines().count() == 1,
            "{nuon}"
        );
        assert!(
            usage("what?", Data::Json)
                .starts_with(r#"{"error":{"kind":"usage","code":"nuka::usage","message":"what?""#)
        );
    }
}
