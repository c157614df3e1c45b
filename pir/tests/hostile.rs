//! Texts that mean harm in a PIR, and ids that must not be mistaken for each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not as it should be ends a test"
)]

use nuka_pir::*;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

fn sample() -> Pir {
    Pir::from_text(include_str!("../../fuzz/seeds/zlib.pir").trim_end()).unwrap()
}

/// The same with every kind of origin, a program, and permissions.
fn full() -> Pir {
    let mut pir = sample();
    let text = |text: &str| text.to_owned();
    let origins = [
        Origin::Npm { name: text("@a/b"), version: text("1.0.0") },
        Origin::Pypi { name: text("a"), version: text("1.0"), file: text("a-1.0.tar.gz") },
        Origin::Debian { name: text("a"), version: text("1.0-1"), file: text("a_1.0.orig.tar.gz") },
        Origin::Url { url: text("https://example.test/a.tar.gz") },
        Origin::Path { path: text("a/b") },
    ];
    for (number, origin) in origins.into_iter().enumerate() {
        let source = Source { origin, hash: SourceHash::Blake3([1; 32]), unpack: Unpack::default() };
        pir.build.sources.insert(InputName::new(&format!("s{number}")).unwrap(), source);
    }
    pir.build.env.insert(text("A"), text("value"));
    let env = BTreeMap::from([(text("B"), text("value"))]);
    let program = Program { path: text("bin/a"), args: vec![text("--all")], env };
    pir.run.programs.insert(ProgramName::new("a").unwrap(), program);
    pir.run.permissions.env = vec![text("HOME")];
    pir
}

/// Where all texts of a value are.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::String(_) => out.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), out));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, item)| places(item, &format!("{at}/{key}"), out))
        }
        _ => {}
    }
}

/// What programs are given may be any text but a NUL.
const GIVEN: [&str; 4] = ["/build/steps/", "/build/env/", "/run/programs/a/args/", "/run/programs/a/env/"];

/// Every text of a PIR, with each of these put into it: a NUL is refused everywhere, what hides or drives a terminal
/// wherever the text is shown as what it is. (What programs are given may hold it; it is escaped when it is shown.)
#[test]
fn no_text_of_a_pir_can_hide_or_fake_anything() {
    let value = canonical::parse(&full().to_text().unwrap()).unwrap();
    let mut all = Vec::new();
    places(&value, "", &mut all);
    assert!(all.len() > 35, "{all:?}");
    let mut refused = 0;
    for place in &all {
        for hidden in ["\0", "\u{1b}]52;c;eA==\u{7}", "\r", "\u{202e}", "\u{200b}", "\u{feff}"] {
            let mut changed = value.clone();
            let Some(Value::String(text)) = changed.pointer_mut(place) else { panic!("{place}") };
            text.insert_str(text.len() / 2, hidden);
            let given = GIVEN.iter().any(|start| place.starts_with(start));
            let Ok(text) = canonical::value_to_text(&changed) else {
                refused += 1;
                continue;
            };
            match Pir::from_text(&text) {
                Ok(_) => assert!(given && hidden != "\0", "{place}: {hidden:?}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > all.len(), "{refused} of {} texts", all.len());
}

#[test]
fn equal_bytes_of_different_kinds_have_different_ids() {
    let text = sample().to_text().unwrap();
    let cid = Cid::from_bytes([0; 32]);
    let request = BuildRequest::new(&sample(), BTreeMap::new(), cid, cid, BTreeMap::new());
    let request_text = canonical::to_text(&request).unwrap();
    let ids = [
        *BlobId::of(text.as_bytes()).as_bytes(),
        *Pir::pid_of_text(&text).as_bytes(),
        *BlobId::of(request_text.as_bytes()).as_bytes(),
        *Pir::pid_of_text(&request_text).as_bytes(),
        *request.id().unwrap().as_bytes(),
    ];
    assert_eq!(HashSet::from(ids).len(), ids.len());
}

#[test]
fn what_stands_side_by_side_is_not_run_together() {
    let with = |name: &str, version: &str| {
        let mut pir = sample();
        pir.name = PackageName::new(name).unwrap();
        pir.version = Version::new(version).unwrap();
        pir.pid().unwrap()
    };
    assert_ne!(with("ab", "c"), with("a", "bc"));
    let step = |words: &[&str]| -> Pid {
        let mut pir = sample();
        let command = words.iter().map(|word| nuka_pir::Argument::literal(*word)).collect();
        pir.build.steps = vec![nuka_pir::Step::Run(nuka_pir::RunStep { command, ..Default::default() })];
        pir.pid().unwrap()
    };
    assert_ne!(step(&["ab", "c"]), step(&["a", "bc"]));
    assert_ne!(step(&["a", "b"]), step(&["a b"]));
}

/// Deep nesting is an error long before it is a matter of the stack.
#[test]
fn a_value_that_is_a_million_deep() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = open.repeat(1_000_000) + "1" + &close.repeat(1_000_000);
        let error = canonical::parse(&text).unwrap_err().to_string();
        assert!(error.contains("nested deeper than 64 levels"), "{error}");
    }
}
