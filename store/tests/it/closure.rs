//! Packages as one file, out of one store and into another.

use crate::support::{TestStore, assert_no_temporaries, files_below, listing, noise, package};
use nuka_pir::Pid;
use nuka_store::{
    StoreError,
    check::{VerifyOptions, verify},
    export::{self, ExportError},
    import::{self, ClosureError, Limits},
    verify_tree,
};
use std::io::Read;

fn exported(store: &nuka_store::Store, pids: &[Pid]) -> Vec<u8> {
    let mut out = Vec::new();
    export::closure(store, pids, &mut out).unwrap();
    out
}

fn imported(test: &TestStore, bytes: &[u8]) -> Result<import::ImportedClosure, ClosureError> {
    import::closure(&test.store, bytes, &Limits::default(), 77)
}

/// Three packages, of which the last needs the others.
fn filled(time: u64) -> (TestStore, [Pid; 3]) {
    let test = TestStore::new();
    let store = &test.store;
    let large = String::from_utf8(vec![b'x'; 5 << 20]).unwrap();
    let (base, _) = package(store, "base", &[], time, &[("lib/d/base", "base"), ("same", "shared")]).unwrap();
    let (middle, _) =
        package(store, "middle", &[base], time, &[("large", &large), ("lib/same", "shared")]).unwrap();
    let (top, _) = package(store, "top", &[middle, base], time, &[("t", "top"), ("empty", "")]).unwrap();
    let description = {
        let batch = store.batch();
        let blob = batch.add_blob(b"{description: \"of base\"}").unwrap();
        batch.commit(|index| Ok::<_, StoreError>(index.put_meta(&base, &blob)?)).unwrap();
        blob
    };
    assert!(store.has(&description).unwrap());
    package(store, "other", &[], time, &[("o", "not part of it")]).unwrap();
    (test, [base, middle, top])
}

#[test]
fn a_closure_goes_out_and_in_again() {
    let (from, [base, middle, top]) = filled(5);
    let bytes = exported(&from.store, &[top]);
    let to = TestStore::new();
    let report = imported(&to, &bytes).unwrap();
    assert_eq!(report.packages.len(), 3);
    assert_eq!((report.packages[0], report.packages[2]), (base, top), "what is needed comes first");
    for pid in [base, middle, top] {
        let there = |test: &TestStore| test.store.read().unwrap().realisation(&pid).unwrap().unwrap();
        assert_eq!(there(&to).outputs, there(&from).outputs);
        assert_eq!(there(&to).time_ms, 77);
        for tree in there(&to).outputs.values() {
            assert!(verify_tree(&to.store, &tree.cid).is_empty());
        }
        let (a, b) = (from.store.read().unwrap(), to.store.read().unwrap());
        assert_eq!(a.pir(&pid).unwrap(), b.pir(&pid).unwrap());
        assert_eq!(a.meta(&pid).unwrap(), b.meta(&pid).unwrap());
    }
    assert!(verify(&to.store, &VerifyOptions::default(), &|_, _| ()).unwrap().is_clean());
    assert_no_temporaries(&to.root());
    // Again: all is known, and nothing is new.
    let before = listing(&to.store);
    let again = imported(&to, &bytes).unwrap();
    assert_eq!((again.packages.len(), again.known.len(), again.new_objects), (0, 3, 0));
    assert_eq!(listing(&to.store), before);
    assert!(to.store.read().unwrap().packages().unwrap().iter().all(|(name, ..)| name.as_str() != "other"));
}

#[test]
fn the_same_packages_give_the_same_bytes() {
    let (one, [base, middle, top]) = filled(5);
    let (two, _) = filled(900);
    let bytes = exported(&one.store, &[top]);
    assert!(bytes == exported(&two.store, &[top, base, middle, base]));
    let to = TestStore::new();
    imported(&to, &bytes).unwrap();
    assert!(bytes == exported(&to.store, &[middle, top]));
    assert_eq!(blake3::hash(&exported(&one.store, &[base])).to_string(), GOLDEN);
}

/// A change here is a new version of the format.
const GOLDEN: &str = "aec024737a7a1efb9096f2996ec6697f74c64004134fb794239f829295123c6f";

#[test]
fn any_tar_program_can_look_into_it() {
    let (from, [base, ..]) = filled(5);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.tar"), exported(&from.store, &[base])).unwrap();
    let Ok(output) = std::process::Command::new("tar")
        .arg("-xf")
        .arg(dir.path().join("c.tar"))
        .arg("-C")
        .arg(dir.path())
        .output()
    else {
        return println!("SKIPPED: there is no tar on this host");
    };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(dir.path().join("nuka-closure")).unwrap(), b"nuka closure 1\n");
    let files = files_below(dir.path());
    assert!(files.contains(&format!("packages/{base}").into()), "{files:?}");
    let blob = dir.path().join("blobs").join(nuka_pir::BlobId::of(b"base").to_string());
    assert_eq!(std::fs::read(blob).unwrap(), b"base");
}

#[test]
fn what_is_not_here_or_damaged_is_not_exported() {
    let (from, [base, _, top]) = filled(5);
    let unknown = crate::support::pir("unknown", &[]).0;
    let mut out = Vec::new();
    let error = export::closure(&from.store, &[unknown], &mut out).unwrap_err();
    assert!(matches!(error, ExportError::NotRealised { pid } if pid == unknown));
    from.store.update(|index| Ok::<_, StoreError>(index.remove_realisation(&base)?)).unwrap();
    let error = export::closure(&from.store, &[top], &mut out).unwrap_err();
    assert!(matches!(error, ExportError::NotRealised { pid } if pid == base), "{error:?}");
    let (from, [_, _, top]) = filled(5);
    let file = from.store.objects_path().join({
        let mut name = nuka_pir::BlobId::of(b"base").to_string();
        name.insert(2, '/');
        name
    });
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "bass").unwrap();
    let mut out = Vec::new();
    assert!(matches!(
        export::closure(&from.store, &[top], &mut out),
        Err(ExportError::Store(StoreError::Damaged { .. }))
    ));
    assert!(imported(&TestStore::new(), &out).is_err(), "half a closure is none");
}

/// The items of a closure, each with its header and padding, without the end.
fn items(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while rest[0] != 0 {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[124..135]).unwrap(), 8).unwrap();
        let (item, after) = rest.split_at(512 + size.next_multiple_of(512));
        out.push(item.to_vec());
        rest = after;
    }
    assert_eq!(rest, [0; 1024]);
    out
}

fn joined(items: &[Vec<u8>]) -> Vec<u8> {
    [items.concat().as_slice(), &[0; 1024]].concat()
}

#[test]
fn hostile_closures_are_refused_by_name_and_leave_nothing() {
    let (from, [_, middle, _]) = filled(5);
    let good = exported(&from.store, &[middle]);
    let all = items(&good);
    assert!(joined(&all) == good);
    let name = |item: &Vec<u8>| {
        String::from_utf8(item[..100].split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
    };
    let place = |wanted: &str| all.iter().position(|item| name(item).starts_with(wanted)).unwrap();
    let edit = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut items = all.clone();
        change(&mut items);
        joined(&items)
    };
    let to = TestStore::new();
    package(&to.store, "earlier", &[], 1, &[("f", "earlier")]).unwrap();
    let before = listing(&to.store);
    let refused = |bytes: &[u8], expected: &str| {
        let error = imported(&to, bytes).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!(listing(&to.store), before, "{expected}");
        assert_no_temporaries(&to.root());
    };
    refused(b"", "cut short");
    refused(&noise(1, 2000), "malformed");
    refused(&[0; 1024], "no closure");
    refused(&edit(&|items| drop(items.remove(0))), "no closure");
    refused(
        &edit(&|items| items[0][512..526].copy_from_slice(b"nuka closure 2")),
        "version is `nuka closure 2`",
    );
    for index in [place("blobs"), place("trees"), place("packages")] {
        let item = name(&all[index]);
        refused(
            &edit(&|items| {
                let item = items[index].clone();
                items.insert(index, item);
            }),
            &format!("`{item}` comes twice"),
        );
        refused(&edit(&|items| items[index][512] ^= 1), &item);
        refused(&edit(&|items| *items[index].last_mut().unwrap() = 1), &item);
        refused(&edit(&|items| items[index][136] = b'1'), "header");
        refused(&edit(&|items| items[index][300] = b'1'), "header");
        refused(&edit(&|items| items[index].truncate(512)), "");
    }
    // Without a blob, a directory, a package that others name; and with a name after what names it.
    refused(&edit(&|items| drop(items.remove(place("blobs")))), "did not come before it");
    refused(&edit(&|items| drop(items.remove(place("trees")))), "did not come before it");
    refused(&edit(&|items| drop(items.remove(place("packages")))), "names the package");
    refused(
        &edit(&|items| {
            let item = items.remove(place("blobs"));
            items.push(item);
        }),
        "did not come before it",
    );
    refused(
        &edit(&|items| {
            let item = items[0].clone();
            items.push(item);
        }),
        "`nuka-closure` comes twice",
    );
    refused(&[good.as_slice(), b"x"].concat(), "something follows");
    refused(&[&good[..good.len() - 512], &[1; 512]].concat(), "end is not zeros");
    for cut in (0..good.len()).step_by(good.len() / 37) {
        refused(&good[..cut], "cut short");
    }
    refused(&good[..good.len() - 1], "cut short");
    let few = |limits: Limits, expected: &str| {
        let error = import::closure(&to.store, good.as_slice(), &limits, 1).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(listing(&to.store), before);
    };
    few(Limits { bytes: 10_000, ..Limits::default() }, "more than 10000 bytes");
    few(Limits { entries: 3, ..Limits::default() }, "more than 3 entries");
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 1 {
                Err(std::io::Error::other("the network is gone"))
            } else {
                buffer[0] = b'n';
                Ok(1)
            }
        }
    }
    let error = import::closure(&to.store, Failing(0), &Limits::default(), 1).unwrap_err();
    assert!(error.to_string().contains("the network is gone"), "{error}");
    // A header may say that terabytes follow: memory is taken for what comes.
    let tree = place("trees");
    refused(&edit(&|items| items[tree][124..135].copy_from_slice(b"77777777777")), "header");
    // What was refused in so many ways is imported when it is whole.
    imported(&to, &good).unwrap();
}
