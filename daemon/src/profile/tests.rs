//! Profiles over a real store: what a power cut leaves, what faults of the disk leave, and how generations share.

use super::{
    Edit, GenerationNumber, Installed, Permit, Profile, ProfileName, Settings, files::ProfileDirectory, tree,
};
use crate::{
    client::{By, Client},
    config::Config,
    disk::{
        Disk,
        recorder::{Recorded, Recorder, leave},
    },
    event::Silent,
    launcher::Launcher,
};
use nuka_store::{Node, ObjectReader as _, group};
use serde_json::json;
use std::{collections::BTreeMap, fs, num::NonZeroUsize, sync::Arc};
use tempfile::TempDir;

/// A nuka with an empty store.
struct World {
    client: Client,
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let config = Config {
            store: at("store"),
            cache: at("cache"),
            state: at("state"),
            recipe_directories: Vec::new(),
            jobs: NonZeroUsize::MIN,
            user: 0,
            offline: true,
            executable: Some("/usr/bin/nuka".into()),
            background: false,
            home: at("home"),
            env: BTreeMap::new(),
            current_directory: dir.path().to_owned(),
        };
        Self { client: Client::new(config, By::ThisProcess), dir }
    }

    /// A package that is in the store as files, and that no recipe describes.
    fn package(&self, name: &str, version: &str) -> Installed {
        let place = self.dir.path().join(format!("made-{name}-{version}"));
        fs::create_dir_all(place.join("usr/bin")).unwrap();
        fs::write(place.join("usr/bin/program"), format!("{name} {version}")).unwrap();
        let cid = self.client.store_add(&place).unwrap();
        let objects = self.client.here().objects().unwrap();
        let path = nuka_store::TreePath::parse_loose("usr/bin/program").unwrap();
        let Node::File { blob, size, .. } = nuka_store::lookup(objects, &cid, &path).unwrap() else {
            panic!()
        };
        let pid = nuka_pir::Pid::from_bytes(*blake3::hash(place.as_os_str().as_encoded_bytes()).as_bytes());
        let package = json!({ "pid": pid, "name": name, "version": version });
        let outcome = json!({
            "package": package, "how": "present", "build": nuka_pir::BuildId::from_bytes([0; 32]),
            "outputs": [["out", cid]], "seconds": 0.0, "check": null, "differences": null,
        });
        let program = json!({
            "outcome": outcome, "program": name, "published": null, "platform": "wasm32-wasip1", "blob": blob,
            "size": size, "path": "usr/bin/program", "details": { "path": "bin/program" }, "permissions": {},
            "view": cid,
        });
        serde_json::from_value(json!({
            "asked": { "name": { "name": name, "version": null, "platform": "wasm32-wasip1" } },
            "package": package, "outputs": { "out": cid }, "view": cid, "programs": [program],
            "files": [{ "path": format!("man/man1/{name}.1"), "blob": blob }], "bytes": size,
        }))
        .unwrap()
    }

    fn profile(&self, disk: Disk) -> Profile<'_> {
        let path = self.client.config().profiles().join(ProfileName::default().as_str());
        Profile { client: &self.client, directory: ProfileDirectory { path, disk } }
    }
}

/// Everything that a generation holds, as text.
fn shown(packages: &BTreeMap<String, Installed>) -> String {
    let one = |package: &Installed| format!("{}@{}", package.name(), package.package.version);
    packages.values().map(one).collect::<Vec<_>>().join(" ")
}

/// What counts in a profile's directory; panics unless it is whole.
fn whole(directory: &ProfileDirectory, objects: &nuka_store::Objects) -> Option<String> {
    let current = directory.current().unwrap()?;
    let record = directory.record(current.number).unwrap();
    let state = tree::load(objects, &record.tree).unwrap();
    let live = directory.current_path();
    for (name, (_, prepared)) in state.programs().unwrap() {
        let launcher = Launcher::parse(&fs::read(live.join("bin").join(name)).unwrap()).unwrap();
        assert_eq!(launcher.prepared.outcome, prepared.outcome);
    }
    let count = fs::read_dir(live.join("bin")).unwrap().count();
    assert_eq!(count, state.programs().unwrap().len(), "and no other programs");
    for path in state.files().keys() {
        assert!(fs::read(live.join("share").join(path)).is_ok(), "{path}");
    }
    assert!(fs::read_to_string(live.join("environment.json")).unwrap().starts_with('{'));
    Some(shown(&state.packages))
}

/// Installs, upgrades, removes, permits, goes back and deletes. Notes what is in the profile after each.
fn work(world: &World, watch: &Arc<Recorder>) -> Result<(), Box<crate::Fault>> {
    let profile = world.profile(Disk::watched(Arc::<Recorder>::clone(watch)));
    let note = |profile: &Profile<'_>| {
        let state = shown(&profile.state().unwrap().packages);
        watch.acknowledge(state);
    };
    let put = |packages: Vec<Installed>| Edit { put: packages, ..Edit::default() };
    for edit in [
        put(vec![world.package("a", "1"), world.package("b", "1")]),
        put(vec![world.package("b", "2"), world.package("c", "1")]),
        Edit { remove: vec!["a".to_owned()], ..Edit::default() },
    ] {
        profile.change("test", &Silent, |_| Ok(edit))?;
        note(&profile);
    }
    let permit = Permit { network: true, ..Permit::default() };
    let settings = Settings { permits: [("b".to_owned(), permit)].into(), ..Settings::default() };
    profile.change("permit", &Silent, |_| Ok(Edit { settings: Some(settings), ..Edit::default() }))?;
    note(&profile);
    profile.switch("2".parse().unwrap(), &Silent)?;
    note(&profile);
    // The same once more: it is put up anew.
    profile.switch("2".parse().unwrap(), &Silent)?;
    profile.delete(&["1".parse().unwrap(), "4".parse().unwrap()], &Silent)?;
    note(&profile);
    Ok(())
}

#[test]
fn a_power_cut_leaves_the_old_or_the_new_generation() {
    let world = World::new();
    let watch = Arc::new(Recorder::default());
    fs::create_dir_all(world.client.config().profiles()).unwrap();
    work(&world, &watch).unwrap();
    let changes = watch.changes();
    let objects = world.client.here().objects().unwrap();
    let from = world.client.config().profiles();
    let mut random = 1_u64;
    let mut coin = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 63 == 1
    };
    assert!(changes.len() > 100, "{}", changes.len());
    for cut in 0..=changes.len() {
        let acknowledged = |change: &Recorded| match change {
            Recorded::Acknowledged(state) => Some(state.clone()),
            _ => None,
        };
        let before = changes[..cut].iter().rev().find_map(acknowledged);
        let after = changes[cut..].iter().find_map(acknowledged);
        for kind in 0..4 {
            let place = tempfile::tempdir().unwrap();
            let mut keep: Box<dyn FnMut() -> bool> = match kind {
                0 => Box::new(|| false),
                1 => Box::new(|| true),
                _ => Box::new(&mut coin),
            };
            leave(&changes, cut, &mut keep, &from, place.path());
            let path = place.path().join("default");
            let directory = ProfileDirectory { path, disk: Disk::default() };
            let found = whole(&directory, objects);
            let nothing = before.is_none() && found.as_deref().is_none_or(str::is_empty);
            assert!(
                nothing || found == before || found == after,
                "{cut}.{kind}: {found:?} {before:?} {after:?}"
            );
            // And it goes on; which waits for the disk, and so is not tried everywhere.
            if (cut + kind) % 7 != 0 {
                continue;
            }
            let next = Profile { client: &world.client, directory };
            let one = Edit { put: vec![world.package("next", "1")], ..Edit::default() };
            next.change("next", &Silent, |_| Ok(one)).unwrap();
            assert!(whole(&next.directory, objects).unwrap().contains("next@1"));
        }
    }
}

#[test]
fn a_full_disk_at_any_moment_changes_nothing_that_counts() {
    let complete = Arc::new(Recorder::default());
    let world = World::new();
    work(&world, &complete).unwrap();
    let count = complete.asked();
    for fail_at in (0..count).step_by(3) {
        let world = World::new();
        let watch = Arc::new(Recorder::failing_at(fail_at));
        let Err(fault) = work(&world, &watch) else {
            // What is only tidied up may stay.
            continue;
        };
        assert_eq!(fault.code, "nuka::file", "{fault:?}");
        let profile = world.profile(Disk::default());
        let objects = world.client.here().objects().unwrap();
        let found = whole(&profile.directory, objects);
        let last = watch.changes().into_iter().rev().find_map(|change| match change {
            Recorded::Acknowledged(state) => Some(state),
            _ => None,
        });
        if let (Some(found), Some(last)) = (&found, &last) {
            assert!(
                found == last || fault.message.contains("remove") || fault.message.contains("durable"),
                "{fail_at}: {found} {last} {fault:?}"
            );
        }
        let one = Edit { put: vec![world.package("next", "1")], ..Edit::default() };
        profile.change("next", &Silent, |_| Ok(one)).unwrap();
        assert!(whole(&profile.directory, objects).unwrap().contains("next@1"));
    }
}

#[test]
fn generations_share_what_they_have_in_common() {
    let world = World::new();
    let profile = world.profile(Disk::default());
    let packages: Vec<_> = (0..60).map(|number| world.package(&format!("p{number}"), "1")).collect();
    profile.change("many", &Silent, |_| Ok(Edit { put: packages, ..Edit::default() })).unwrap();
    let objects = world.client.here().objects().unwrap();
    let count = || {
        fs::read_dir(objects.path())
            .unwrap()
            .flatten()
            .flat_map(|shard| fs::read_dir(shard.path()).unwrap())
            .count()
    };
    let one = world.package("p7", "2");
    let before = count();
    let changed = profile.change("one", &Silent, |_| Ok(Edit { put: vec![one], ..Edit::default() })).unwrap();
    // The package's own directory and list, those of one shard or two, and the root.
    assert!(count() - before <= 6, "{}", count() - before);
    assert_eq!(group::members(objects, &changed.record.tree).unwrap().len(), 60);
    let roots = world.client.kept().unwrap().into_iter().filter_map(|keeping| keeping.pin);
    assert_eq!(roots.filter(|pin| pin.starts_with("generation 0 ")).count(), 3);
    // The same state is the same tree, however it came about.
    let back = world.package("p7", "1");
    let again = profile.change("back", &Silent, |_| Ok(Edit { put: vec![back], ..Edit::default() })).unwrap();
    assert_eq!(again.record.tree, profile.record("2".parse().unwrap()).unwrap().tree);
    assert!(objects.directory(&again.record.tree).is_ok());
    // One that is read beside another is read as it is alone.
    let other = profile.record("3".parse().unwrap()).unwrap();
    let known = tree::load(objects, &again.record.tree).unwrap();
    let beside = tree::load_beside(objects, &other.tree, Some((&again.record.tree, &known))).unwrap();
    let alone = tree::load(objects, &other.tree).unwrap();
    let text = |state: &super::State| serde_json::to_string(&state.packages).unwrap();
    assert_eq!(text(&beside), text(&alone));
    assert_ne!(text(&beside), text(&known));
    assert_eq!(again.record.number, "4".parse::<GenerationNumber>().unwrap());
}
