//! An environment's variables and hooks, as shells take them.

use super::setting::{FILES, Settings};
use crate::quote;

/// For shells like `sh`: `export NAME='VALUE'`, then the hook of the name `sh`.
pub fn sh(settings: &Settings) -> String {
    let mut text = sh_variables(settings);
    hook(&mut text, settings, "sh");
    text
}

/// Only the variables. Where the place of the files still stands in them, `NUKA_FILES` is looked up then.
pub fn sh_variables(settings: &Settings) -> String {
    let looked_up = |value: &str| quote::sh(value).replace(FILES, &format!("'\"{FILES}\"'"));
    let line = |(name, value): (&String, &String)| format!("export {name}={}\n", looked_up(value));
    settings.variables.iter().map(line).collect()
}

/// For fish.
pub fn fish(settings: &Settings) -> String {
    let mut text = String::new();
    for (name, value) in &settings.variables {
        text.push_str(&format!("set -gx {name} {}\n", quote::fish(value)));
    }
    hook(&mut text, settings, "fish");
    text
}

/// As data, which Nushell reads.
pub fn json(settings: &Settings) -> String {
    serde_json::json!({ "variables": settings.variables, "hooks": settings.hooks }).to_string()
}

fn hook(text: &mut String, settings: &Settings, shell: &str) {
    if let Some(hook) = settings.hooks.get(shell) {
        text.push_str(hook);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_quotes() {
        let settings = Settings {
            variables: [("A".to_owned(), "it's $x\\".to_owned())].into(),
            hooks: [("sh".to_owned(), "echo hi".to_owned())].into(),
            ..Settings::default()
        };
        assert_eq!(sh(&settings), "export A='it'\\''s $x\\'\necho hi\n");
        let files = Settings {
            variables: [("A".to_owned(), "@$NUKA_FILES/x".to_owned())].into(),
            ..Settings::default()
        };
        assert_eq!(sh(&files), "export A='@'\"$NUKA_FILES\"'/x'\n");
        assert_eq!(fish(&settings), "set -gx A 'it\\'s $x\\\\'\n");
    }
}
