//! What becomes of a plan, and what is checked of it.

use super::*;

const ONE: Pid = Pid::from_bytes([1; 32]);

fn sources() -> Sources {
    Sources { go: Pid::from_bytes([2; 32]), planner: Pid::from_bytes([3; 32]) }
}

fn version() -> Version {
    Version::new("1.27.3").unwrap()
}

/// What the planner prints of three packages and a program.
const PLAN: &str = r##"{"packages": [
        {"path": "errors", "needs": [], "bytes": 10, "steps": [{"make_directory": "out/usr/lib"}]},
        {"path": "cmd/vendor/golang.org/x/telemetry/internal/a-name-that-is-longer-than-names-are", "needs": [], "bytes": 5,
         "steps": [{"run": {"command": ["compile", "-p", "a"], "directory": "/usr/lib/go/src"}}]},
        {"path": "nuka.invalid/go-plan/hello", "needs": ["errors"], "bytes": 1,
         "steps": [{"write": {"path": "importcfg", "text": "# import config\n"}}, {"run": {"command": ["compile"]}}]}
      ], "programs": [
        {"path": "nuka.invalid/go-plan/hello", "needs": ["errors", "nuka.invalid/go-plan/hello"], "bytes": 0,
         "steps": [{"run": {"command": ["link"]}},
                   {"install": {"from": ["out/usr/bin/hello"], "to": "bin/", "executable": true}}]}
      ]}"##;

#[test]
fn a_plan_becomes_a_package_for_each_archive_and_program() {
    let tools = Tools::of_stage_1(ONE).unwrap();
    let plan = read_plan(PLAN.as_bytes()).unwrap();
    let made = stage(&plan, &tools, sources(), WASM, false, &version()).unwrap();
    assert_eq!(made.pirs.len(), 4);
    assert_eq!(made.bytes.values().sum::<u64>(), 16);
    let names: Vec<_> = made.pirs.iter().map(|(_, pir)| pir.name.to_string()).collect();
    assert_eq!(names[0], "go-errors");
    assert_eq!(names[3], "go-link-nuka.invalid+go-plan+hello");
    assert!(names.iter().all(|name| name.len() <= nuka_pir::MAX_NAME_LEN));
    let (_, hello) = &made.pirs[2];
    let inputs: Vec<_> = hello.build_inputs().map(|(name, _)| name.as_str()).collect();
    assert_eq!(inputs, ["compile", "planner", "errors"]);
    let (_, link) = &made.pirs[3];
    let inputs: Vec<_> = link.build_inputs().map(|(name, input)| (name.as_str(), input.pid)).collect();
    assert_eq!(
        inputs,
        [("link", ONE), ("errors", made.archives[0].1), ("nuka.invalid+go-plan+hello", made.archives[2].1)]
    );
}

#[test]
fn a_repeated_stage_is_another_build_of_the_same_steps() {
    let tools = Tools::of_stage_1(ONE).unwrap();
    let plan = read_plan(PLAN.as_bytes()).unwrap();
    let stage = |repeated| stage(&plan, &tools, sources(), WASM, repeated, &version()).unwrap();
    let (first, again) = (stage(false), stage(true));
    for ((a, first), (b, again)) in first.pirs.iter().zip(&again.pirs) {
        assert_ne!(a, b);
        assert_eq!(first.build.steps, again.build.steps);
    }
}

#[test]
fn what_a_plan_says_is_checked() {
    let tools = Tools::of_stage_1(ONE).unwrap();
    let stage = |text: &str| {
        let plan = read_plan(text.as_bytes())?;
        stage(&plan, &tools, sources(), WASM, false, &version())
    };
    assert!(matches!(stage("{}"), Err(GoError::Plan(_))));
    let early = PLAN.replace(r#""needs": [], "bytes": 10"#, r#""needs": ["fmt"], "bytes": 10"#);
    let error = stage(&early).unwrap_err();
    assert_eq!(error.to_string(), "the plan of Go's packages has `errors` before `fmt`, which it needs");
    let evil = PLAN.replace("\"errors\"", "\"er\\u0000rors\"");
    assert!(matches!(stage(&evil), Err(GoError::Name(_))));
    let whole = stage(PLAN).unwrap();
    assert!(matches!(Tools::of(&whole), Err(GoError::NoProgram { .. })));
}

#[test]
fn only_stage_1_is_made_by_native_programs() {
    let first = stage_1(ONE, sources(), &version()).unwrap();
    assert_eq!(first.build.builder, Builder::Seed1);
    assert!(first.to_text().unwrap().contains("\"seed/1\""));
    let tools = Tools::of_stage_1(ONE).unwrap();
    let plan = plan(&tools, sources(), WASM, &[HELLO], false, &version()).unwrap();
    assert_eq!(plan.build.builder, Builder::Wasm1);
    let stage =
        stage(&read_plan(PLAN.as_bytes()).unwrap(), &tools, sources(), WASM, false, &version()).unwrap();
    for (_, pir) in &stage.pirs {
        assert_eq!(pir.build.builder, Builder::Wasm1);
        // The seed's own archive is nowhere among what they see.
        assert!(pir.build.sources.is_empty());
    }
}
