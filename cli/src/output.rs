//! Data, which goes to stdout: as text for people, or whole as JSON or NUON.

use crate::{
    context::Context,
    error::Error,
    report::{
        escape::{escape_json, escape_nuon},
        style::Style,
    },
};
use nuka_pir::canonical;
use serde::Serialize;
use serde_json::Value;
use std::{
    ffi::OsString,
    io::{self, Write as _},
};

/// A form of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// JSON.
    Json,
    /// Nushell's own data format.
    Nuon,
}

/// The form that a command line asks for, however it goes on: so what is wrong with it, too, can be told in that form.
/// What comes after a program that is run is the program's.
pub fn wanted(arguments: &[OsString]) -> Option<Data> {
    let words = || arguments.iter().skip(1).filter_map(|word| word.to_str());
    let verb = words().find(|word| !word.starts_with('-'));
    if matches!(verb, Some("run" | "exec" | "shell")) {
        return None;
    }
    let asked = |form: &str| words().take_while(|word| *word != "--").any(|word| word == form);
    match (asked("--json"), asked("--nuon")) {
        (true, false) => Some(Data::Json),
        (false, true) => Some(Data::Nuon),
        // Who asks for both is told so as text.
        (false, false) | (true, true) => None,
    }
}

/// A value as one line of data, with its end.
pub fn line(value: &Value, form: Data) -> Result<String, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Data(error.to_string());
    Ok(match form {
        Data::Json => escape_json(serde_json::to_string(value).map_err(|error| failed(&error))?),
        Data::Nuon => {
            let text = canonical::value_to_text(&without_floats(value.clone()));
            escape_nuon(text.map_err(|error| failed(&error))?)
        }
    } + "\n")
}

/// In which form a listing is wanted.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Format {
    /// Print JSON
    #[arg(long, conflicts_with = "nuon")]
    json: bool,
    /// Print NUON, Nushell's own data format
    #[arg(long)]
    nuon: bool,
}

impl Format {
    /// Whether text for people is wanted.
    pub fn is_text(self) -> bool {
        !self.json && !self.nuon
    }

    /// Prints a value in the wanted form; `text` makes it readable where that is wanted. Text comes with its own
    /// line ends, and with what is untrusted in it escaped.
    pub fn print<T: Serialize>(
        self,
        context: &Context,
        value: &T,
        text: impl FnOnce(Style) -> String,
    ) -> Result<(), Error> {
        if self.is_text() {
            return print(&text(Style { colour: context.terminal.stdout_colour }));
        }
        let value = serde_json::to_value(value).map_err(|error| Error::Data(error.to_string()))?;
        print(&self.data(value)?)
    }

    fn data(self, value: Value) -> Result<String, Error> {
        if self.nuon {
            let text = canonical::value_to_pretty(&without_floats(value));
            return Ok(escape_nuon(text.map_err(|error| Error::Data(error.to_string()))?));
        }
        let text = serde_json::to_string_pretty(&value).map_err(|error| Error::Data(error.to_string()))?;
        Ok(escape_json(text) + "\n")
    }
}

/// Canonical NUON knows no floats; as text they stay exact.
fn without_floats(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().filter(|item| !item.is_null()).map(without_floats).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, without_floats(value))).collect()
        }
        other => other,
    }
}

/// Prints text that is escaped already.
pub fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::Output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_form_is_told_whatever_else_is_wrong() {
        let form = |words: &[&str]| wanted(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(form(&["nuka", "store", "list", "--json"]), Some(Data::Json));
        assert_eq!(form(&["nuka", "--nuon", "nonsense"]), Some(Data::Nuon));
        assert_eq!(form(&["nuka", "store", "mount", "m", "--", "x", "--json"]), None);
        assert_eq!(form(&["nuka", "-q", "run", "lua", "--json"]), None);
        assert_eq!(form(&["nuka"]), None);
        assert_eq!(form(&["nuka", "search", "--json", "--nuon"]), None);
    }

    #[test]
    fn one_value_in_both_forms() {
        let value = json!([{ "name": "lua", "seconds": 1.5, "none": null, "evil": "a\u{202e}" }]);
        let json = Format { json: true, nuon: false }.data(value.clone()).unwrap();
        insta::assert_snapshot!(json, @r#"
        [
          {
            "name": "lua",
            "seconds": 1.5,
            "none": null,
            "evil": "a\u202e"
          }
        ]
        "#);
        let nuon = Format { json: false, nuon: true }.data(value).unwrap();
        insta::assert_snapshot!(nuon, @r#"[{evil: "a\u{202e}", name: "lua", seconds: "1.5"}]"#);
    }
}
