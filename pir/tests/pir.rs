//! Golden vectors and properties of whole PIRs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

use nuka_pir::*;
use std::collections::BTreeMap;

fn sample() -> Pir {
    let source = Source {
        origin: Origin::Crate { name: "libz-sys".into(), version: "1.1.20".into() },
        hash: SourceHash::Sha256([7; 32]),
        unpack: Unpack { subdir: Some("src/zlib".into()), ..Unpack::default() },
    };
    let stem = Part::Variable(Variable { item: 0, field: Field::Stem });
    let object = Template::from_parts([Part::Literal("obj/".into()), stem, Part::Literal(".o".into())]);
    let path = Template::from_parts([Part::Variable(Variable { item: 0, field: Field::Path })]);
    let compile = RunStep {
        command: vec![
            Argument::literal("clang"),
            Argument::literal("-c"),
            Argument::Text(path),
            Argument::literal("-o"),
            Argument::Text(object),
        ],
        ..RunStep::default()
    };
    let over = Items::Glob(Glob { glob: vec!["src/*.c".into()], except: vec![] });
    let clang = Input { pid: Pid::from_bytes([1; 32]), outputs: vec![OutputName::dev(), OutputName::out()] };
    Pir {
        pir: PIR_FORMAT,
        name: PackageName::new("zlib").unwrap(),
        version: Version::new("1.3.1").unwrap(),
        build: Build {
            builder: Builder::Wasm1,
            target: Platform::WASM,
            cpu: Cpu::GENERIC,
            prefix: Prefix::default(),
            sources: BTreeMap::from([(InputName::new("src").unwrap(), source)]),
            tools: BTreeMap::from([(InputName::new("clang").unwrap(), clang)]),
            packages: BTreeMap::new(),
            env: BTreeMap::new(),
            limits: Limits::default(),
            steps: vec![Step::ForEach { over, steps: vec![Step::Run(compile)] }],
            outputs: vec![OutputRule { name: OutputName::dev(), globs: vec!["include/**".into()] }],
        },
        run: Run {
            language: Language::C,
            needs: BTreeMap::new(),
            programs: BTreeMap::new(),
            permissions: Permissions::default(),
            platforms: vec![Platform::WASM],
        },
    }
}

#[test]
fn golden_text_and_pid() {
    let text = sample().to_text().unwrap();
    insta::assert_snapshot!(text, @r#"{build: {builder: "wasm/1", cpu: "generic", outputs: [{globs: ["include/**"], name: "dev"}], sources: {src: {hash: "sha256:0707070707070707070707070707070707070707070707070707070707070707", origin: {from: "crate", name: "libz-sys", version: "1.1.20"}, unpack: {subdir: "src/zlib"}}}, steps: [{for_each: {over: {glob: ["src/*.c"]}, steps: [{run: {command: ["clang", "-c", [{field: "path", item: 0}], "-o", ["obj/", {field: "stem", item: 0}, ".o"]]}}]}}], target: "wasm32-wasip1", tools: {clang: {outputs: ["dev", "out"], pid: "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"}}}, name: "zlib", pir: 1, run: {language: "c", platforms: ["wasm32-wasip1"]}, version: "1.3.1"}"#);
    insta::assert_snapshot!(Pir::pid_of_text(&text), @"ocix3tw4sgwtjkpnpv7zs64gzethkz5vufdxcaerwnmamdx2qfwa");
}

#[test]
fn golden_build_id_ignores_names_and_needs() {
    let cid = Cid::from_bytes([9; 32]);
    let request = |pir: &Pir| {
        let sources = BTreeMap::from([(InputName::new("src").unwrap(), cid)]);
        BuildRequest::new(pir, sources, cid, cid, BTreeMap::new()).id().unwrap()
    };
    let pir = sample();
    insta::assert_snapshot!(request(&pir), @"6hh7pyasmznzfhw2ox47arpbji7i7ng72wg32mih7fkzdof7hrvq");
    let mut renamed = pir.clone();
    renamed.name = PackageName::new("zlib-ng").unwrap();
    renamed.run.permissions.network = true;
    renamed.run.needs.insert(InputName::new("x").unwrap(), pir.build.tools.values().next().unwrap().clone());
    assert_eq!(request(&pir), request(&renamed));
    assert_ne!(pir.pid().unwrap(), renamed.pid().unwrap());
    let mut changed = pir.clone();
    changed.build.steps.clear();
    assert_ne!(request(&pir), request(&changed));
}

#[test]
fn only_one_text_is_accepted_for_a_pir() {
    let text = sample().to_text().unwrap();
    assert_eq!(Pir::from_text(&text).unwrap().to_text().unwrap(), text);
    for other in [
        text.replace(", name:", ",name:"),
        text.replace("pir: 1", "pir: 2"),
        text.replace("language: \"c\"", "colour: \"red\", language: \"c\""),
        text.replace("\"obj/\"", "\"\", \"obj/\""),
        text.replace("cpu: \"generic\"", "cpu: \"generic\", env: {}"),
    ] {
        assert_ne!(other, text);
        assert!(Pir::from_text(&other).is_err(), "{other}");
    }
}

#[test]
fn rules_are_kept() {
    let refused = |change: fn(&mut Pir)| {
        let mut pir = sample();
        change(&mut pir);
        pir.to_text().unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(|p| p.build.target = "x86_64-linux".parse().unwrap()), @"c is not memory-safe, so it may not target `x86_64-linux-gnu`: its programs would run with nothing around them. Use a wasm target such as `wasm32-wasip1`");
    insta::assert_snapshot!(refused(|p| p.build.steps = vec![Step::Remove(vec![])]), @"a `remove` step has nothing to work on");
    insta::assert_snapshot!(refused(|p| {
        p.build.steps = vec![Step::MakeDirectory("/nuka/store/aaaa-zlib-1".into())];
    }), @"in a `make-directory` step: `/nuka/store/aaaa-zlib-1` looks like a store path. Use `$p.<name>.path`, which stays the same while the content does");
    insta::assert_snapshot!(refused(|p| {
        let item = Part::Variable(Variable { item: 3, field: Field::Path });
        p.build.steps = vec![Step::MakeDirectory(Template::from_parts([item]))];
    }), @"in a `make-directory` step: a text uses the item of a for-each that it does not stand in");
    insta::assert_snapshot!(refused(|p| { p.build.env.insert("A=B".into(), String::new()); }), @"`A=B` is not a name of an environment variable");
    insta::assert_snapshot!(refused(|p| p.build.outputs[0].globs = vec!["../x".into()]), @"in the output `dev`: `../x` must be a relative path without `..`");
    insta::assert_snapshot!(refused(|p| {
        for _ in 0..12 {
            p.build.steps = vec![Step::Parallel(vec![std::mem::take(&mut p.build.steps)])];
        }
    }), @"steps are nested more than 8 deep");
}

#[test]
fn order_and_why() {
    let (a, b, c) = (Pid::from_bytes([1; 32]), Pid::from_bytes([2; 32]), Pid::from_bytes([3; 32]));
    let with = |inputs: &[(&str, Pid)]| {
        let mut pir = sample();
        pir.build.tools.clear();
        for (name, pid) in inputs {
            let input = Input { pid: *pid, outputs: vec![OutputName::out()] };
            pir.build.packages.insert(InputName::new(name).unwrap(), input);
        }
        Box::new(pir)
    };
    let pirs = BTreeMap::from([(a, with(&[("b", b), ("c", c)])), (b, with(&[("c", c)])), (c, with(&[]))]);
    assert_eq!(graph::build_order(&pirs, &[a]), [c, b, a]);
    let chain = graph::why(&pirs, a, c).unwrap();
    assert_eq!(chain.len(), 1);
    assert_eq!(graph::why(&pirs, c, a), None);
}
