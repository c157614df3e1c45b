//! Who goes away in the middle of something ends it, and finds everything as it was. In process it is the observer who
//! goes; over a socket the client does, and the daemon's work ends.

use crate::world::World;
use nuka_daemon::{
    By, Daemon, Event, Fault, Handed, Observer,
    api::care::GcWish,
    request::{self, Request},
};
use std::{
    fs,
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Goes away when it is told of something, or by somebody else's hand.
#[derive(Default)]
struct Leaver {
    gone: Arc<AtomicBool>,
    at_once: bool,
}

impl Observer for Leaver {
    fn event(&self, _: Event) {
        if self.at_once {
            self.gone.store(true, Ordering::Release);
        }
    }

    fn gone(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.gone))
    }
}

/// Asks, and goes away once the request is being carried out.
fn leave<R: Request>(world: &World, request: R) -> Box<Fault>
where
    R::Answer: std::fmt::Debug,
{
    let leaver = Leaver::default();
    let fault = std::thread::scope(|scope| {
        scope.spawn(|| {
            until(world, "begun", |working| crate::BY == By::ThisProcess || working == 1);
            std::thread::sleep(Duration::from_millis(50));
            leaver.gone.store(true, Ordering::Release);
        });
        world.nuka.ask(request, &leaver).unwrap_err()
    });
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        ("nuka::cancelled", "it was stopped before its end")
    );
    until(world, "idle", |working| working == 0);
    fault
}

/// Waits until the daemon, where there is one, has so many requests.
fn until(world: &World, what: &str, holds: impl Fn(usize) -> bool) {
    for _ in 0..3000 {
        let working = match crate::BY {
            By::ThisProcess => 0,
            By::Daemon => Daemon::find(world.nuka.config()).unwrap().unwrap().status().unwrap().working,
        };
        if holds(working) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not {what}");
}

/// With a package of three mebibytes.
fn world() -> World {
    let world = World::new(2);
    fs::create_dir(world.path("recipes/data")).unwrap();
    let noise: Vec<u8> =
        (0..3_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(world.path("recipes/data/noise"), noise).unwrap();
    let cid = world.nuka.store_add(&world.path("recipes/data")).unwrap();
    let hash: String = cid.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    world.recipe(
        "data",
        &format!(
            r#"export def main [] {{
  derivation data "1" {{
    src: (fetch path data --hash "blake3:{hash}")
    language: data
    build: {{|p| install src/noise share/ }}
  }}
}}
"#
        ),
    );
    world.build("data");
    world
}

#[test]
fn an_import_that_never_ends() {
    let world = world();
    let before = world.listing();
    let closure = world.path("closure");
    let into = Handed::create(&closure).unwrap();
    world.nuka.export_closure(vec!["data".to_owned()], into, &nuka_daemon::Silent).unwrap();
    let bytes = fs::read(closure).unwrap();
    // Nothing at all, and most of a closure, of which nothing else comes.
    for length in [0, bytes.len() / 2] {
        let (reader, mut writer) = io::pipe().unwrap();
        std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                // Who reads it has gone away before all was sent.
                let _ = writer.write_all(&bytes[..length]);
                writer
            });
            let from = Handed::stream("a pipe", reader).unwrap();
            leave(&world, request::Import { from });
            drop(sent.join());
        });
        assert_eq!(world.listing(), before);
    }
    assert!(world.nuka.verify(false, &nuka_daemon::Silent).unwrap().is_clean());
}

#[test]
fn an_export_that_nobody_reads() {
    let world = world();
    let before = world.listing();
    let (reader, writer) = io::pipe().unwrap();
    let into = Handed::stream("a pipe", &writer).unwrap();
    leave(&world, request::Export { what: vec!["data".to_owned()], into });
    drop(reader);
    assert_eq!(world.listing(), before);
}

#[test]
fn looking_and_collecting() {
    let world = world();
    let before = world.listing();
    // Each tells of its progress before it is done.
    let leaver = || Leaver { at_once: true, ..Leaver::default() };
    for repair in [false, true] {
        let fault = world.nuka.verify(repair, &leaver()).unwrap_err();
        assert_eq!(fault.code, "nuka::cancelled");
    }
    assert_eq!(world.nuka.rebuild_index(&leaver()).unwrap_err().code, "nuka::cancelled");
    until(&world, "idle", |working| working == 0);
    assert_eq!(world.listing(), before);
    let gone = Leaver::default();
    gone.gone.store(true, Ordering::Release);
    let wish = GcWish { keep_seconds: Some(0), max_bytes: None };
    assert_eq!(world.nuka.gc(wish, &gone).unwrap_err().code, "nuka::cancelled");
    until(&world, "idle", |working| working == 0);
    if crate::BY == By::ThisProcess {
        assert_eq!(world.listing(), before);
    }
    assert!(world.nuka.verify(false, &nuka_daemon::Silent).unwrap().is_clean());
}
