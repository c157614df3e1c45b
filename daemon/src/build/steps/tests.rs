//! Builds that are cut and go on, in memory: what they come to, and what they do again.

use super::{Pace, Recorder};
use crate::{
    build::{
        Executor, Modules, Perturbation, Programs, Surroundings, program::ModulesError,
        steps::key::tests::request,
    },
    event::{Observer, Silent},
    in_flight::Gone,
};
use bytes::Bytes;
use nuka_pir::{BlobId, BuildRequest, Glob, Items, Limits, Step, Template};
use nuka_seed_runtime::{
    Engine, Module,
    tree::{File, Node, Tree, diff},
};
use nuka_store::{ObjectReader as _, Store, StoreOptions};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

/// There are no programs here.
struct NoPrograms;

impl Modules for NoPrograms {
    fn module(&self, _: &File, _: &str, _: Duration, _: &dyn Observer) -> Result<Module, ModulesError> {
        Err(ModulesError::Crashed)
    }
}

/// Where builds are done.
struct Place {
    dir: TempDir,
    engine: Engine,
    store: Store,
    pace: Pace,
}

/// How a build went.
#[derive(Debug)]
struct Went {
    /// The tree and the log, or the error.
    result: Result<(Tree, Vec<u8>), String>,
    /// Steps that were done.
    done: u32,
    /// What was told of going on.
    told: Vec<(u32, Option<u32>)>,
}

/// A step that does something once: it is counted, and where it is to be cut there is an error. It writes what `from` has
/// into a file in the directory `to`.
fn work(from: &str, to: &str) -> Step {
    Step::Unpack { archive: from.into(), to: to.into() }
}

fn write(path: &str, text: &str) -> Step {
    Step::Write { path: path.into(), text: text.into(), executable: false }
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store"), &StoreOptions::default()).unwrap();
        Self { dir, engine: Engine::new().unwrap(), store, pace: Pace::EACH }
    }

    fn steps(&self) -> PathBuf {
        self.dir.path().join("steps")
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.steps()).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Does the steps, until `cut` of them were done: then there is an error. Records them if asked to.
    fn build(&self, steps: &[Step], limits: Limits, jobs: usize, cut: u32, record: bool) -> Went {
        let request = BuildRequest { steps: steps.to_vec(), limits, ..request() };
        let told = Mutex::new(Vec::new());
        let tell = |done, total| told.lock().unwrap().push((done, total));
        let lease = self.store.lease(&[]).unwrap();
        let kept = (&self.store, &lease);
        let steps_at = self.steps();
        let recorder = record.then(|| {
            Recorder::new(
                (&request, request.id().unwrap()),
                Perturbation::default(),
                &steps_at,
                self.pace,
                kept,
                &tell,
            )
        });
        let done = AtomicU32::new(0);
        let unpack = |bytes: Bytes| {
            if done.fetch_add(1, Ordering::Relaxed) >= cut {
                done.fetch_sub(1, Ordering::Relaxed);
                return Err("cut".to_owned());
            }
            let mut tree = Tree::new();
            let name = format!("of-{}", &BlobId::of(&bytes).to_string()[..8]);
            tree.insert(&name, File::from_bytes(bytes, false)).unwrap();
            tree.insert("link", Node::Symlink(name.into())).unwrap();
            Ok(tree)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build().unwrap();
        let executor = Executor {
            programs: &Programs { engine: &self.engine, modules: &NoPrograms, second: None, seed: None },
            around: &Surroundings::default(),
            env: &BTreeMap::new(),
            limits,
            prefix: "usr",
            pool: &pool,
            perturbation: Perturbation::default(),
            recorder: recorder.as_ref(),
            cancelled: &Gone::default(),
            unpack: &unpack,
            observer: &Silent,
            progress: &|_| {},
        };
        let mut first = Tree::new();
        first.insert("src/a", File::from_bytes("a", false)).unwrap();
        first.insert("src/b", File::from_bytes("b", true)).unwrap();
        let mut log = Vec::new();
        let result = executor.run(steps, first, &mut log);
        if let Some(recorder) = &recorder {
            match &result {
                Ok(_) => recorder.forget(),
                Err(_) => recorder.keep(),
            }
        }
        let result = result.map(|tree| (tree, log)).map_err(|error| error.to_string());
        drop(recorder);
        Went { result, done: done.into_inner(), told: told.into_inner().unwrap() }
    }

    fn recorded(&self, steps: &[Step], cut: u32) -> Went {
        self.build(steps, Limits::default(), 1, cut, true)
    }

    fn whole(&self, steps: &[Step]) -> Went {
        self.build(steps, Limits::default(), 1, u32::MAX, false)
    }
}

fn same(one: &Went, other: &Went) {
    let (one, other) = (one.result.as_ref().unwrap(), other.result.as_ref().unwrap());
    assert!(diff(&one.0, &other.0).unwrap().is_empty() && diff(&other.0, &one.0).unwrap().is_empty());
    assert_eq!(one.1, other.1);
}

/// Steps of every kind, with groups in groups; 14 pieces of work.
fn steps() -> Vec<Step> {
    let each = |items: &[&str], steps| Step::ForEach {
        over: Items::List(items.iter().map(|item| (*item).to_owned()).collect()),
        steps,
    };
    let item = || {
        Template::Parts(vec![
            nuka_pir::Part::Literal("each/".into()),
            nuka_pir::Part::Variable(nuka_pir::Variable { item: 0, field: nuka_pir::Field::Path }),
        ])
    };
    let generated = nuka_pir::steps_to_text(&[
        work("src/a", "generated/1"),
        Step::Parallel(vec![vec![work("src/b", "generated/2")], vec![work("src/a", "generated/3")]]),
        work("x/link", "generated/4"),
    ])
    .unwrap();
    vec![
        work("src/a", "x"),
        write("y", "text"),
        work("y", "x"),
        Step::Remove(vec![nuka_pir::Argument::literal("src/a")]),
        write("src/a", "another"),
        Step::Parallel(vec![
            vec![work("src/a", "p/1"), work("src/b", "p/2")],
            vec![
                write("p/z", "z"),
                work("y", "p/3"),
                each(&["k", "l"], vec![Step::Unpack { archive: "y".into(), to: item() }]),
            ],
        ]),
        write("plan", &generated),
        Step::StepsFrom("plan".into()),
        Step::ForEach {
            over: Items::Glob(Glob { glob: vec!["src/*".into()], except: vec![] }),
            steps: vec![Step::Unpack { archive: "y".into(), to: item() }],
        },
        Step::Move { from: vec![nuka_pir::Argument::literal("x")], to: "out/".into() },
        work("y", "out"),
    ]
}

const WORK: u32 = 14;

#[test]
fn a_build_that_is_cut_anywhere_goes_on_there() {
    let place = Place::new();
    let whole = place.whole(&steps());
    assert_eq!(whole.done, WORK, "{whole:?}");
    for cut in 0..WORK {
        let first = place.recorded(&steps(), cut);
        assert!(first.result.as_ref().is_err_and(|error| error.ends_with("cut")), "{first:?}");
        assert_eq!(first.done, cut);
        let second = place.recorded(&steps(), u32::MAX);
        same(&second, &whole);
        assert_eq!(second.done, WORK - cut, "nothing is done twice");
        assert_eq!(second.told.is_empty(), cut == 0);
        assert_eq!(place.journals(), Vec::<PathBuf>::new());
    }
}

#[test]
fn one_that_is_cut_again_and_again_comes_to_its_end() {
    let place = Place::new();
    let whole = place.whole(&steps());
    for _ in 1..WORK {
        let went = place.recorded(&steps(), 1);
        assert_eq!((went.done, went.result.is_err()), (1, true), "{went:?}");
    }
    let last = place.recorded(&steps(), 1);
    assert_eq!((last.done, last.told.as_slice()), (1, [(19, Some(20))].as_slice()), "{last:?}");
    same(&last, &whole);
}

#[test]
fn what_people_are_told() {
    let place = Place::new();
    place.recorded(&steps(), 1);
    // There are lists of steps that are not known yet.
    assert_eq!(place.recorded(&steps(), 9).told, [(2, None)]);
    assert_eq!(place.recorded(&steps(), u32::MAX).told, [(15, None)]);
    let plain = [work("src/a", "1"), work("src/a", "2"), work("src/a", "3"), work("src/a", "4")];
    place.recorded(&plain, 3);
    assert_eq!(place.recorded(&plain, u32::MAX).told, [(3, Some(4))]);
}

#[test]
fn what_was_done_before_a_change_is_not_done_again() {
    let place = Place::new();
    let mut steps = vec![work("src/a", "1"), work("src/b", "2"), work("src/a", "3"), work("src/b", "4")];
    place.recorded(&steps, 3);
    steps[2] = work("src/b", "other");
    let went = place.recorded(&steps, u32::MAX);
    same(&went, &place.whole(&steps));
    assert_eq!((went.done, went.told.as_slice()), (2, [(2, Some(4))].as_slice()));
    place.recorded(&steps, 3);
    steps[0] = work("src/b", "first");
    let went = place.recorded(&steps, u32::MAX);
    assert_eq!((went.done, went.told.len()), (4, 0));
}

#[test]
fn more_room_goes_on_and_less_begins_anew() {
    let place = Place::new();
    let steps = [work("src/a", "1"), work("src/b", "2"), work("src/a", "3")];
    let limits = |memory_mib| Limits { memory_mib, ..Limits::default() };
    for (then, done) in [(2000, 1), (1000, 1), (999, 3)] {
        place.build(&steps, limits(1000), 1, 2, true);
        assert_eq!(place.build(&steps, limits(then), 1, u32::MAX, true).done, done);
    }
}

#[test]
fn short_builds_write_nothing() {
    let place = Place { pace: Pace::default(), ..Place::new() };
    let went = place.recorded(&steps(), 10);
    assert!(went.result.is_err());
    assert!(!place.steps().exists());
}

#[test]
fn what_another_build_has_is_left_alone() {
    let place = Place::new();
    place.recorded(&steps(), 5);
    let [journal] = place.journals().try_into().unwrap();
    let before = std::fs::read(&journal).unwrap();
    let alone = crate::lock::alone(&journal).unwrap();
    let went = place.recorded(&steps(), u32::MAX);
    same(&went, &place.whole(&steps()));
    assert_eq!(went.done, WORK);
    assert_eq!(std::fs::read(&journal).unwrap(), before);
    drop(alone);
    assert_eq!(place.recorded(&steps(), u32::MAX).done, WORK - 5);
}

/// Changes a journal, goes on, and expects the same as ever.
fn damaged(place: &Place, whole: &Went, change: impl Fn(&Path)) -> u32 {
    let [journal] = place.journals().try_into().unwrap();
    change(&journal);
    let went = place.recorded(&steps(), u32::MAX);
    same(&went, whole);
    assert_eq!(place.journals(), Vec::<PathBuf>::new());
    went.done
}

#[test]
fn whatever_is_wrong_with_a_journal_is_done_again() {
    let place = Place::new();
    let whole = place.whole(&steps());
    place.recorded(&steps(), 9);
    let [journal] = place.journals().try_into().unwrap();
    let bytes = std::fs::read(&journal).unwrap();
    let mut least = WORK;
    for at in (0..bytes.len()).step_by(41) {
        std::fs::write(&journal, &bytes).unwrap();
        let done = damaged(&place, &whole, |path| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            std::fs::write(path, bytes).unwrap();
        });
        least = least.min(done);
        // What a kill leaves.
        std::fs::write(&journal, &bytes[..at]).unwrap();
        let done = damaged(&place, &whole, |_| {});
        assert!(done >= WORK - 9);
        least = least.min(done);
    }
    assert!(least < WORK, "what stands before the damage is of use");
    // A length that no file has, and another format.
    for change in [
        |bytes: &mut Vec<u8>| bytes[41..49].copy_from_slice(&u64::MAX.to_le_bytes()),
        |bytes: &mut Vec<u8>| bytes[7] = b'2',
    ] {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        std::fs::write(&journal, &bytes).unwrap();
        assert_eq!(damaged(&place, &whole, |_| {}), WORK);
    }
}

#[test]
fn files_of_the_store_are_named_and_not_written_again() {
    let place = Place::new();
    let batch = place.store.batch();
    let large = vec![7; 1 << 20];
    let blob = batch.add_blob(&large).unwrap();
    batch.commit_objects().unwrap();
    let mut around = Tree::new();
    around.insert("large", crate::build::trees::stored(&place.store, blob, 1 << 20, false)).unwrap();
    let lease = place.store.lease(&[]).unwrap();
    let (path, build) = (place.steps().join("it"), nuka_pir::BuildId::from_bytes([3; 32]));
    let mut journal = super::journal::Journal::open_or_make(&path, build).unwrap().unwrap();
    let record = super::record::Record {
        key: super::key::StepKey::from_bytes([1; 32]),
        parent: None,
        room: super::record::Room { memory_mib: 1, tree_mib: 1, exact: false },
        done: 1,
        log: Vec::new(),
        changes: Vec::new(),
    };
    let changes = diff(&Tree::new(), &around).unwrap();
    assert!(journal.add(record.clone(), &changes).unwrap());
    drop(journal);
    assert_eq!(super::build_of(&path), Some(build));
    assert!(std::fs::metadata(&path).unwrap().len() < 1000);
    let journal = super::journal::Journal::open(&path, build).unwrap().unwrap();
    let find = || journal.find(record.key, &Tree::new(), Limits::default(), (&place.store, &lease));
    let found = find().unwrap();
    assert_eq!(found.tree.get("large").unwrap().as_file().unwrap().bytes().unwrap(), large);
    // It is leased from now on, but this one was removed before.
    std::fs::remove_file(place.store.blob_path(&blob)).unwrap();
    assert!(find().is_none());
}

#[test]
fn a_disk_without_room_fails_no_build() {
    let place = Place::new();
    // A file is where the directory should be.
    std::fs::write(place.steps(), "").unwrap();
    let went = place.recorded(&steps(), u32::MAX);
    same(&went, &place.whole(&steps()));
}

/// Lists of steps that can be done whatever they are.
fn lists() -> impl Strategy<Value = Vec<Step>> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let one = prop_oneof![
        3 => (name.clone(), 0..100_u8).prop_map(|(of, n)| work(&format!("src/{}", if of == "a" { "a" } else { "b" }), &format!("W/{of}{n}"))),
        1 => (name, "[a-z]{0,9}").prop_map(|(at, text)| write(&format!("W/{at}"), &text)),
    ];
    let list = prop::collection::vec(one, 1..5);
    let group = prop::collection::vec(list.clone(), 1..4).prop_map(|branches| {
        // Each writes into a directory of its own.
        let inside = |(number, steps): (usize, Vec<Step>)| {
            steps.into_iter().map(|step| moved(step, &format!("W/g{number}"))).collect()
        };
        Step::Parallel(branches.into_iter().enumerate().map(inside).collect())
    });
    let generated = list.clone().prop_map(|steps| {
        let steps: Vec<_> = steps.into_iter().map(|step| moved(step, "G")).collect();
        vec![write("plan", &nuka_pir::steps_to_text(&steps).unwrap()), Step::StepsFrom("plan".into())]
    });
    let part = prop_oneof![2 => list, 2 => group.prop_map(|group| vec![group]), 1 => generated];
    prop::collection::vec(part, 1..6).prop_map(|parts| {
        let inside = |(number, steps): (usize, Vec<Step>)| {
            steps.into_iter().map(move |step| moved(step, &format!("part{number}"))).collect::<Vec<_>>()
        };
        parts.into_iter().enumerate().flat_map(inside).collect()
    })
}

/// The step with what it writes in `W/` in another directory.
fn moved(step: Step, to: &str) -> Step {
    let other = |template: Template| match template {
        Template::Literal(text) => Template::Literal(text.replacen("W/", &format!("{to}/"), 1)),
        other => other,
    };
    match step {
        Step::Unpack { archive, to } => Step::Unpack { archive, to: other(to) },
        Step::Write { path, text, executable } => Step::Write { path: other(path), text, executable },
        Step::Parallel(branches) => Step::Parallel(
            branches
                .into_iter()
                .map(|steps| steps.into_iter().map(|step| moved(step, to)).collect())
                .collect(),
        ),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cuts_change_nothing(steps in lists(), cuts in prop::collection::vec(0..6_u32, 0..5), jobs in 1..4_usize) {
        let place = Place::new();
        let whole = place.whole(&steps);
        prop_assume!(whole.result.is_ok());
        let mut done = 0;
        let mut ended = false;
        for cut in cuts {
            let went = place.build(&steps, Limits::default(), jobs, cut, true);
            done += went.done;
            if went.result.is_ok() {
                same(&went, &whole);
                prop_assert_eq!(done, whole.done);
                ended = true;
                break;
            }
        }
        if !ended {
            let last = place.build(&steps, Limits::default(), jobs, u32::MAX, true);
            same(&last, &whole);
            prop_assert_eq!(done + last.done, whole.done);
        }
    }
}
