//! The cache of compiled modules: kept, checked, replaced when damaged.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use nuka_seed_runtime::{
    Engine, Error, Exit, Module, ModuleCache, ModuleError, ModuleId, Process, Progress, Tier,
};

use super::engine;

/// A module that ends with this code.
fn ending_with(code: u32) -> Bytes {
    let wat = format!(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const {code}))))"#
    );
    wat::parse_str(wat).unwrap().into()
}

/// Loads in a fresh cache object, as another process would. Tells whether the bytes were asked for.
fn load(dir: &Path, bytes: &Bytes, tier: Tier) -> (Module, bool) {
    let asked = RefCell::new(false);
    let source = || {
        *asked.borrow_mut() = true;
        Ok(bytes.clone())
    };
    let cache = ModuleCache::open(dir).unwrap();
    let module = cache.load(engine(), ModuleId::of(bytes), &source, tier, &|_| {}).unwrap();
    (module, asked.into_inner())
}

fn exit(module: &Module) -> Exit {
    engine().run(module, Process::default(), None).unwrap().exit
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.retain(|e| e.extension().is_some_and(|e| e == "cwasm"));
    entries.sort();
    entries
}

#[test]
fn compiled_once_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("deep/cache");
    let bytes = ending_with(3);
    let (module, compiled) = load(&dir, &bytes, Tier::Optimised);
    assert!(compiled && exit(&module) == Exit::Code(3));
    let (module, compiled) = load(&dir, &bytes, Tier::Optimised);
    assert!(!compiled && exit(&module) == Exit::Code(3));
    assert_eq!(entries(&dir).len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn an_optimised_module_is_preferred_to_a_quick_one() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(4);
    let (module, compiled) = load(dir.path(), &bytes, Tier::Quick);
    assert!(compiled && module.tier() == Tier::Quick && exit(&module) == Exit::Code(4));
    let (module, compiled) = load(dir.path(), &bytes, Tier::Optimised);
    assert!(compiled && module.tier() == Tier::Optimised);
    let (module, compiled) = load(dir.path(), &bytes, Tier::Quick);
    assert!(!compiled && module.tier() == Tier::Optimised && exit(&module) == Exit::Code(4));
    // One object that had the quick one in its hands sees the better one too.
    let cache = ModuleCache::open(dir.path()).unwrap();
    let id = ModuleId::of(&bytes);
    assert!(cache.contains(engine(), id, Tier::Quick).unwrap());
    assert_eq!(cache.load_cached(engine(), id, Tier::Quick).unwrap().unwrap().tier(), Tier::Quick);
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(5);
    load(dir.path(), &bytes, Tier::Optimised);
    let path = entries(dir.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let places = (0..whole.len()).step_by(whole.len() / 40).chain(whole.len() - 60..whole.len());
    for place in places {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        std::fs::write(&path, &damaged).unwrap();
        let (module, compiled) = load(dir.path(), &bytes, Tier::Optimised);
        assert!(compiled, "byte {place} of {}", whole.len());
        assert_eq!(exit(&module), Exit::Code(5));
        assert_eq!(std::fs::read(&path).unwrap(), whole, "it is replaced by the same");
    }
}

#[test]
fn a_cut_or_grown_entry_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(6);
    load(dir.path(), &bytes, Tier::Optimised);
    let path = entries(dir.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let grown = [whole.as_slice(), b"x"].concat();
    let cuts = [0, 1, 47, 48, 49, whole.len() / 2, whole.len() - 1].map(|n| whole[..n].to_vec());
    for wrong in cuts.into_iter().chain([grown, vec![0; whole.len()]]) {
        std::fs::write(&path, &wrong).unwrap();
        let (module, compiled) = load(dir.path(), &bytes, Tier::Optimised);
        assert!(compiled && exit(&module) == Exit::Code(6));
    }
}

#[test]
fn swapped_entries_are_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (ending_with(1), ending_with(2));
    load(dir.path(), &one, Tier::Optimised);
    let first = entries(dir.path()).remove(0);
    load(dir.path(), &two, Tier::Optimised);
    let second = entries(dir.path()).into_iter().find(|e| *e != first).unwrap();
    let (a, b) = (std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    std::fs::write(&first, b).unwrap();
    std::fs::write(&second, a).unwrap();
    for (bytes, code) in [(&one, 1), (&two, 2)] {
        let (module, compiled) = load(dir.path(), bytes, Tier::Optimised);
        assert!(compiled);
        assert_eq!(exit(&module), Exit::Code(code));
    }
}

#[test]
fn bytes_that_are_not_those_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path()).unwrap();
    let (asked, given) = (ModuleId::of(&ending_with(1)), ending_with(2));
    let loaded = cache.load(engine(), asked, &|| Ok(given.clone()), Tier::Quick, &|_| {});
    match loaded {
        Err(Error::Module(ModuleError::WrongContent { expected, got })) => {
            assert_eq!((expected, got), (asked, ModuleId::of(&given)));
        }
        other => panic!("{other:?}"),
    }
    assert!(entries(dir.path()).is_empty());
    let unreadable =
        cache.load(engine(), asked, &|| Err(std::io::Error::other("gone")), Tier::Quick, &|_| {});
    assert!(matches!(unreadable, Err(Error::Source { .. })));
}

#[test]
fn no_room_to_keep_it_is_no_reason_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path().join("cache")).unwrap();
    std::fs::remove_dir(dir.path().join("cache")).unwrap();
    let bytes = ending_with(8);
    let told = RefCell::new(Vec::new());
    let progress = |p| told.borrow_mut().push(p);
    let module =
        cache.load(engine(), ModuleId::of(&bytes), &|| Ok(bytes.clone()), Tier::Quick, &progress).unwrap();
    assert_eq!(exit(&module), Exit::Code(8));
    assert_eq!(told.borrow().last(), Some(&Progress::NotKept));
}

#[test]
fn who_comes_second_waits_and_does_not_compile() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(9);
    // Find the lock's name, then start over with the lock taken by somebody else.
    load(dir.path(), &bytes, Tier::Optimised);
    let entry = entries(dir.path()).remove(0);
    let whole = std::fs::read(&entry).unwrap();
    std::fs::remove_file(&entry).unwrap();
    let lock = std::fs::File::create(entry.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let asked = RefCell::new(false);
    let waited = RefCell::new(0);
    let source = || {
        *asked.borrow_mut() = true;
        Ok(bytes.clone())
    };
    let progress = |p| {
        if matches!(p, Progress::Waiting { .. }) {
            *waited.borrow_mut() += 1;
            if *waited.borrow() == 3 {
                std::fs::write(&entry, &whole).unwrap();
            }
        }
    };
    let cache = ModuleCache::open(dir.path()).unwrap();
    let module = cache.load(engine(), ModuleId::of(&bytes), &source, Tier::Optimised, &progress).unwrap();
    assert_eq!(exit(&module), Exit::Code(9));
    assert!(!asked.into_inner() && waited.into_inner() >= 3);
}

#[test]
fn many_at_once_compile_once() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(10);
    let cache = ModuleCache::open(dir.path()).unwrap();
    let compiled = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let source = || {
                    compiled.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    Ok(bytes.clone())
                };
                let module =
                    cache.load(engine(), ModuleId::of(&bytes), &source, Tier::Quick, &|_| {}).unwrap();
                assert_eq!(exit(&module), Exit::Code(10));
            });
        }
    });
    assert_eq!(compiled.into_inner(), 1);
}

#[test]
fn another_engine_of_the_same_kind_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(11);
    load(dir.path(), &bytes, Tier::Optimised);
    let other = Engine::new().unwrap();
    let cache = ModuleCache::open(dir.path()).unwrap();
    let module = cache.load_cached(&other, ModuleId::of(&bytes), Tier::Optimised).unwrap().unwrap();
    assert_eq!(other.run(&module, Process::default(), None).unwrap().exit, Exit::Code(11));
}

#[test]
fn improved_code_takes_the_place_of_quick_code() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = ending_with(5);
    let (quick, _) = load(dir.path(), &bytes, Tier::Quick);
    let before = entries(dir.path());
    let cache = ModuleCache::open(dir.path()).unwrap();
    let improve = || cache.improve(engine(), ModuleId::of(&bytes), &|| Ok(bytes.clone())).unwrap();
    assert!(improve());
    let after = entries(dir.path());
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
    // What is running on the quick code goes on.
    assert_eq!(exit(&quick), Exit::Code(5));
    let (module, compiled) = load(dir.path(), &bytes, Tier::Quick);
    assert!(!compiled && module.tier() == Tier::Optimised && exit(&module) == Exit::Code(5));
    // Once is enough, but for an entry that is damaged.
    assert!(!improve());
    let mut damaged = std::fs::read(&after[0]).unwrap();
    damaged[5000] ^= 1;
    std::fs::remove_file(&after[0]).unwrap();
    std::fs::write(&after[0], damaged).unwrap();
    let another = ModuleCache::open(dir.path()).unwrap();
    assert!(another.improve(engine(), ModuleId::of(&bytes), &|| Ok(bytes.clone())).unwrap());
    assert!(!load(dir.path(), &bytes, Tier::Quick).1);
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    for (mode, good) in [(0o700, true), (0o755, true), (0o770, false), (0o777, false)] {
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(ModuleCache::open(dir.path()).is_ok(), good, "{mode:o}");
    }
}

#[test]
fn improving_does_not_wait_for_who_is_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, other) = (ending_with(6), ModuleId::of(b"other"));
    load(dir.path(), &bytes, Tier::Optimised);
    let entry = entries(dir.path()).remove(0);
    // As if another process had just begun.
    std::fs::remove_file(&entry).unwrap();
    let lock = std::fs::File::create(entry.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let cache = ModuleCache::open(dir.path()).unwrap();
    let source = || Ok(bytes.clone());
    assert!(!cache.improve(engine(), ModuleId::of(&bytes), &source).unwrap());
    assert!(entries(dir.path()).is_empty());
    drop(lock);
    assert!(cache.improve(engine(), ModuleId::of(&bytes), &source).unwrap());
    assert_eq!(entries(dir.path()), [entry]);
    // Bytes that are not the module's are refused here too.
    let wrong = cache.improve(engine(), other, &source).unwrap_err();
    assert!(matches!(wrong, Error::Module(ModuleError::WrongContent { .. })), "{wrong}");
}
