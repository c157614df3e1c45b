//! Fetching and building where something runs out: the disk, open files, the length of files.

use crate::{
    common::{self, fill_up, limited, names_the_cause, on_small_disk},
    place::Place,
    recipes::{self, ALL, archive, fetched, hash_of},
    server::{Server, serve},
};
use nuka_daemon::{Error, api::BuildReport};
use std::{fs, path::Path};

pub fn fetch_on_full_disk() {
    on_small_disk("child-full-fetch", "48m");
}

pub fn build_on_full_disk() {
    on_small_disk("child-full-build", "48m");
}

/// Says whether all is there. If not, the disk must be the reason, said with what to do.
fn succeeded(result: Result<BuildReport, Error>) -> bool {
    let (reason, help) = match result {
        Ok(report) if report.failed.is_empty() => return true,
        Ok(report) => {
            let first = report.failed.into_iter().find(|failure| failure.because_of.is_none()).unwrap();
            (first.reason, first.help)
        }
        Err(error) => (error.to_string(), error.help()),
    };
    assert!(names_the_cause(&reason), "{reason}");
    let told = format!("{reason} {}", help.unwrap_or_default());
    assert!(told.contains("make room") || told.contains("free some space"), "{told}");
    false
}

/// Does the same work with more and more room, from a state that is made anew each time, and expects of each failure
/// that nothing is registered by halves, that what was there is there, and that the work succeeds once there is room.
fn with_more_and_more_room(
    disk: &Path,
    amounts: impl Iterator<Item = u64>,
    prepare: &dyn Fn(u64) -> Place,
    targets: &[&str],
) {
    let (mut failed, mut done) = (0, 0);
    for free in amounts {
        let place = prepare(free);
        let before = place.registered();
        let filler = fill_up(disk, free);
        let complete = succeeded(place.build(targets));
        if complete {
            done += 1;
        } else {
            failed += 1;
            // All of what was registered is still there and whole; and what has come since is whole too.
            let now = place.registered();
            assert!(before.iter().all(|earlier| now.contains(earlier)), "{free}");
            // What the next one goes on with.
            let parts = |path: &std::path::PathBuf| {
                ["cache/downloads", "cache/steps"].iter().any(|kept| path.starts_with(place.path(kept)))
            };
            let left: Vec<_> = place.leftovers().into_iter().filter(|path| !parts(path)).collect();
            assert!(left.is_empty(), "{free}: {left:?}");
        }
        fs::remove_file(filler).unwrap();
        place.built(targets);
        place.check_clean();
        place.check_objects();
    }
    println!(
        "stress: the disk was full in {failed} of {} pieces of work; each succeeded once there was room",
        failed + done
    );
    assert!(failed > 5 && done > 0, "{failed} failed, {done} did not");
}

/// In a process of its own, on a small file system.
pub fn child_full_fetch(disk: &Path) {
    let body = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let served = body.clone();
    let server = Server::new(move |asked| serve(asked, &served.lock().unwrap(), "x"));
    let place = |_| Place::new(disk);
    fs::create_dir_all(place(0).recipes()).unwrap();
    let publish = |number: u64| {
        let bytes = archive(number, 30, 20_000);
        let url = server.url(&format!("/{number}"));
        fs::write(place(0).recipes().join("fetched.nu"), fetched("fetched", &url, hash_of(&bytes))).unwrap();
        *body.lock().unwrap() = bytes;
    };
    publish(1);
    place(0).built(&["fetched"]);
    // An archive has 600 kB: it is downloaded, imported, and kept as a blob.
    let amounts = (0..20).map(|step| step * (192 << 10));
    let prepare = |free: u64| {
        publish(1000 + free);
        place(free)
    };
    with_more_and_more_room(disk, amounts, &prepare, &["fetched"]);
}

/// In a process of its own, on a small file system.
pub fn child_full_build(disk: &Path) {
    let recipes = disk.join("recipes");
    recipes::write(&recipes);
    let undisturbed = Place::with_recipes(&disk.join("undisturbed"), &recipes).built(&ALL);
    fs::remove_dir_all(disk.join("undisturbed")).unwrap();
    let prepare = |free: u64| {
        for entry in fs::read_dir(disk).unwrap() {
            let path = entry.unwrap().path();
            if path != recipes {
                fs::remove_dir_all(path).unwrap();
            }
        }
        let place = Place::with_recipes(&disk.join(format!("free{free}")), &recipes);
        place.built(&["put"]);
        place
    };
    let amounts = (0..40).map(|step| step * (128 << 10));
    with_more_and_more_room(disk, amounts, &prepare, &ALL);
    assert_eq!(prepare(0).built(&ALL), undisturbed);
}

pub fn limits() {
    let directory = tempfile::tempdir().unwrap();
    let recipes = directory.path().join("recipes");
    recipes::write(&recipes);
    let (mut failed, mut done) = (0, 0);
    let mut results = None;
    for limit in common::limits() {
        let root = directory.path().join(format!("limit{}{}", limit.0, limit.1));
        let place = Place::with_recipes(&root, &recipes);
        let arguments =
            [&["child-build".as_ref(), root.as_os_str()], ALL.map(AsRef::as_ref).as_slice()].concat();
        *if limited(limit, &arguments) { &mut done } else { &mut failed } += 1;
        place.registered();
        let now = place.built(&ALL);
        assert_eq!(*results.get_or_insert_with(|| now.clone()), now, "{limit:?}");
        place.check_clean();
        fs::remove_dir_all(&root).unwrap();
    }
    assert!(failed > 5 && done > 3, "{failed} failed, {done} did not");
    println!(
        "stress: {failed} builds failed at a limit and were named, {done} had enough; the next one always came to the same"
    );
}
