//! Fetches that are killed: the next one goes on with what is here, or begins anew, and ends right.

use crate::{
    common::{Random, rounds},
    place::Place,
    recipes::{archive, fetched, hash_of},
    server::{Answer, Asked, Do, Server, answer, head, serve},
};
use nuka_pir::{Cid, Origin, Source, SourceHash, Unpack};
use nuka_store::{import, lookup};
use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Bytes that the slow server sends between two pauses.
const PIECE: usize = 16 << 10;

/// How the server answers a request for bytes.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// All of it, with pauses.
    Slow,
    /// So much, and then nothing for a long time.
    UpTo(usize),
    /// As a good server does.
    Good,
    /// From the start, whatever was asked for.
    Whole,
    /// A part, and then the connection ends; the rest the next time.
    Cut,
}

/// What is served now.
struct Served {
    body: Vec<u8>,
    manner: Manner,
}

fn answered(asked: &Asked, served: &Mutex<Served>, cut: &AtomicBool) -> Answer {
    let served = served.lock().unwrap();
    let body = served.body.as_slice();
    let begin = || Do::Send(head(200, &[("ETag", "\"x\"")], body.len()));
    match served.manner {
        _ if asked.method != "GET" => serve(asked, body, "x"),
        Manner::Slow => {
            let pieces = body.chunks(PIECE);
            let slowly =
                pieces.flat_map(|piece| [Do::Send(piece.to_vec()), Do::Wait(Duration::from_millis(2))]);
            std::iter::once(begin()).chain(slowly).collect()
        }
        Manner::UpTo(end) => vec![begin(), Do::Send(body[..end].to_vec()), Do::Wait(Duration::from_secs(5))],
        Manner::Good => serve(asked, body, "x"),
        Manner::Whole => answer(200, &[("ETag", "\"y\"")], body),
        Manner::Cut if cut.swap(false, Ordering::SeqCst) => {
            vec![begin(), Do::Send(body[..body.len() / 3].to_vec())]
        }
        Manner::Cut => serve(asked, body, "x"),
    }
}

/// Puts an archive on the server, and a recipe for it beside the others. Returns its source and tree.
fn publish(place: &Place, server: &Server, served: &Mutex<Served>, number: u64) -> (Source, Cid) {
    let body = archive(number, 30, 20_000);
    let url = server.url(&format!("/a-{number}.tar.gz"));
    let hash = hash_of(&body);
    fs::write(place.recipes().join("fetched.nu"), fetched("fetched", &url, hash)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let store = nuka_store::Store::open(scratch.path().join("s"), &Default::default()).unwrap();
    let tree = import::import_tar(&store.batch(), body.as_slice(), &Default::default()).unwrap();
    *served.lock().unwrap() = Served { body, manner: Manner::Slow };
    (Source { origin: Origin::Url { url }, hash, unpack: Unpack::default() }, tree.cid)
}

/// Bytes of the download that is not whole yet.
fn part(place: &Place, hash: &SourceHash) -> u64 {
    let name = format!("cache/downloads/{}.part", hash.to_string().replace(':', "-"));
    fs::metadata(place.path(&name)).map_or(0, |metadata| metadata.len())
}

/// What the index says of a source is whole, or it says nothing.
fn is_registered(place: &Place, source: &Source, tree: Cid) -> bool {
    let store = place.store();
    let record = store.read().unwrap().source(&source.id().unwrap()).unwrap();
    let Some(record) = record else { return false };
    assert_eq!(record.tree.cid, tree);
    assert!(nuka_store::verify_tree(&store, &tree).is_empty());
    assert!(store.has(&record.download.unwrap()).unwrap());
    true
}

fn start_and_kill(place: &Place, source: &Source, moment: Option<Duration>) {
    let mut child = place.command(&["fetched"]).spawn().unwrap();
    match moment {
        Some(moment) => std::thread::sleep(moment),
        None => {
            let patience = Instant::now();
            while part(place, &source.hash) == 0 {
                assert!(patience.elapsed() < Duration::from_secs(60), "nothing was downloaded");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

pub fn killed_at_random_points() {
    let (mut random, rounds) = (Random::new("a fetch is killed"), rounds());
    let directory = tempfile::tempdir().unwrap();
    let place = Place::new(directory.path());
    fs::create_dir_all(place.recipes()).unwrap();
    let served = Arc::new(Mutex::new(Served { body: Vec::new(), manner: Manner::Slow }));
    let cut = Arc::new(AtomicBool::new(false));
    let (for_server, for_cut) = (served.clone(), cut.clone());
    let server = Server::new(move |asked| answered(asked, &for_server, &for_cut));
    // Undisturbed, for the time that it takes.
    publish(&place, &server, &served, 999);
    let begun = Instant::now();
    assert!(place.command(&["fetched"]).status().unwrap().success());
    let time = begun.elapsed();
    let (mut resumed, mut known, mut left) = (0, 0, 0);
    for round in 0..rounds {
        let (source, tree) = publish(&place, &server, &served, round.into());
        let by_bytes = round % 2 == 0;
        if by_bytes {
            let mut served = served.lock().unwrap();
            let end = 1 + random.below(served.body.len() as u64 - 1);
            served.manner = Manner::UpTo(usize::try_from(end).unwrap());
        }
        start_and_kill(&place, &source, (!by_bytes).then(|| random.moment(time * 3 / 2)));
        known += u32::from(is_registered(&place, &source, tree));
        left += place.leftovers().len();
        let here = part(&place, &source.hash);
        assert!(here > 0 || !by_bytes);
        let manner = [Manner::Good, Manner::Whole, Manner::Cut][usize::try_from(random.below(3)).unwrap()];
        served.lock().unwrap().manner = manner;
        cut.store(true, Ordering::SeqCst);
        let asked_before = server.asked().len();
        check_next(&place, &source, tree, round);
        if here > 0 {
            // It asks for what is missing; whether it gets that is the server's affair.
            let asked = server.asked();
            let next = asked[asked_before..].iter().find(|asked| asked.method == "GET").unwrap();
            assert_eq!(next.from(), usize::try_from(here).ok(), "round {round}, {manner:?}");
            resumed += 1;
        }
        // Each round adds, so looking at every byte is for some of them.
        if round % 10 == 9 || round + 1 == rounds {
            place.registered();
            place.check_objects();
        }
    }
    // A kill at the one moment that is hard to meet: the store has the download, and its file is not removed yet.
    let (source, _) = publish(&place, &server, &served, 998);
    place.built(&["fetched"]);
    let download = place.path("cache/downloads").join(source.hash.to_string().replace(':', "-"));
    fs::write(&download, &served.lock().unwrap().body).unwrap();
    fs::write(download.with_extension("told"), "{}").unwrap();
    place.built(&["fetched"]);
    place.check_clean();
    println!(
        "stress: a fetch was killed {rounds} times (in {} ms), {resumed} times in the middle of its download and {known} \
         times with the source registered, with {left} temporaries about; the next one ended right and left none",
        time.as_millis()
    );
}

/// The next build fetches what is missing, and has the right tree.
fn check_next(place: &Place, source: &Source, tree: Cid, round: u32) {
    let results = place.built(&["fetched"]);
    assert!(is_registered(place, source, tree), "round {round}");
    let (_, out) = results["fetched"][0];
    let path = nuka_store::TreePath::parse("usr/share/fetched").unwrap();
    let node = lookup(&place.store(), &out, &path).unwrap();
    assert!(matches!(node, nuka_store::Node::Directory { cid, .. } if cid == tree), "{node:?}");
    place.check_clean();
}
