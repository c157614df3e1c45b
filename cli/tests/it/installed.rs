//! Packages to install, and what is installed.

use crate::support::{Ended, Place, good};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// Says what it is.
pub fn saying(what: &str) -> Vec<u8> {
    let text = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\LENGTH\00\00\00TEXT\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))"#;
    let text = text.replace("LENGTH", &format!("{:02x}", what.len() + 1)).replace("TEXT", what);
    wat::parse_str(text).unwrap()
}

/// Writes a recipe whose programs are these wasm files, and its hashes.
pub fn package(place: &Place, name: &str, version: &str, programs: &[(&str, Vec<u8>)]) {
    let mut install = String::new();
    let mut listed = String::new();
    for (program, wasm) in programs {
        place.write(&format!("{name}-src/{program}.wasm"), wasm);
        install.push_str(&format!("      install src/{program}.wasm bin/{program} --executable\n"));
        listed.push_str(&format!(" {program}: \"bin/{program}\""));
    }
    place.write(&format!("{name}-src/{name}.1"), format!(".TH {name} 1\n"));
    place.write(
        &format!("{name}.nu"),
        format!(
            r#"export def main [] {{
  derivation {name} "{version}" {{
    src: (fetch path {name}-src)
    language: data
    build: {{|p|
{install}      install src/{name}.1 share/man/man1/
    }}
    programs: {{{listed} }}
  }}
}}
"#
        ),
    );
    good(place.run(&["update-hashes", &format!("./{name}.nu")]));
}

/// With the recipes `one` and `two`, each with a program of its name.
pub fn world() -> Place {
    let place = Place::new();
    package(&place, "one", "1.0", &[("one", saying("one"))]);
    package(&place, "two", "1.0", &[("two", saying("two"))]);
    place
}

/// The directory of what is installed.
pub fn profile(place: &Place) -> PathBuf {
    place.home().join(".local/state/nuka/profiles/default")
}

/// What is installed, with versions.
pub fn installed(place: &Place) -> String {
    let ended = good(place.run(&["list", "--json"]));
    let rows: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let name = |row: &serde_json::Value| format!("{}@{}", row["name"], row["version"]).replace('"', "");
    rows.as_array().unwrap().iter().map(name).collect::<Vec<_>>().join(" ")
}

/// Starts an installed program by its name.
pub fn start(place: &Place, program: &str) -> Ended {
    let mut command = Command::new(profile(place).join("current/bin").join(program));
    command.current_dir(place.here()).env_clear().env("HOME", place.home()).stdin(Stdio::null());
    place.end(command)
}
