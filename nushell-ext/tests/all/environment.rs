//! `environment`: what it gives, and what it refuses.

use crate::common::{error, evaluate, render};

const LUA: (&str, &str) = ("lua.nu", "export def main [] { derivation lua 5.4 { language: c } }");

#[test]
fn an_environment_is_packages_and_texts() {
    let text = r#"export def main [] { environment {
        packages: [lua (pkg lua)] variables: { A: "1", B: 2 } files: { "a/b": "text" } hooks: { sh: "echo hi" }
    } }"#;
    let evaluation = evaluate(&[LUA, ("it.nu", text)], "it").unwrap();
    assert_eq!(evaluation.roots.len(), 2);
    assert_eq!(evaluation.roots[0], evaluation.roots[1]);
    let environment = evaluation.environment.unwrap();
    let pairs: Vec<_> = environment.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(pairs, ["A=1", "B=2"]);
    assert_eq!(environment.files["a/b"], "text");
    assert_eq!(environment.hooks["sh"], "echo hi");
    // It may be empty, and a package's recipe is none.
    let evaluation = evaluate(&[("it.nu", "export def main [] { environment {} }")], "it").unwrap();
    assert!(evaluation.roots.is_empty() && evaluation.environment.is_some());
    assert!(evaluate(&[LUA], "lua").unwrap().environment.is_none());
}

#[test]
fn what_leads_elsewhere_is_refused() {
    let refused = |fields: &str| error(&format!("export def main [] {{ environment {{ {fields} }} }}")).code;
    for fields in [
        r#"files: { "../x": "" }"#,
        r#"files: { "/x": "" }"#,
        r#"files: { "a//b": "" }"#,
        r#"files: { "a": "" "a-b": "" "a/c/d": "" }"#,
        r#"variables: { PATH: "/x" }"#,
        r#"variables: { "A B": "x" }"#,
        r#"variables: { "": "x" }"#,
        r#"hooks: { csh: "x" }"#,
        r#"variables: { A: "\u{0}" }"#,
    ] {
        assert_eq!(refused(fields), "nuka::recipe::field", "{fields}");
    }
    assert_eq!(refused("packages: lua"), "nuka::recipe::type");
    assert_eq!(refused("packages: [1]"), "nuka::recipe::type");
    assert_eq!(refused("variables: { A: [] }"), "nuka::recipe::type");
    assert_eq!(refused("programs: []"), "nuka::recipe::unknown_field");
    // An environment is not a package that another could ask for.
    let inner = ("inner.nu", "export def main [] { environment { packages: [] } }");
    assert!(evaluate(&[inner, ("it.nu", "export def main [] { pkg inner }")], "it").is_err());
}

#[test]
fn a_misspelled_field_is_pointed_at() {
    let shown = render(&error("export def main [] {\n  environment { package: [lua] }\n}"));
    insta::assert_snapshot!(shown, @"
    nuka::recipe::unknown_field

      × environment has no field `package`
       ╭─[it.nu:2:17]
     1 │ export def main [] {
     2 │   environment { package: [lua] }
       ·                 ───┬───
       ·                    ╰── did you mean `packages`?
     3 │ }
       ╰────
      help: its fields are packages, variables, files, hooks
    ");
}
