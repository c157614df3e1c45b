//! From an origin to a tree in the store, and what is left of a fetch that failed.

use super::{
    server::{Answer, Asked, serve},
    *,
};
use crate::fetch::local_hash;
use nuka_pir::{ArchiveFormat, Cid};
use nuka_store::{Node, ObjectReader, Store, StoreOptions};
use std::path::Path;

fn store(person: &Person) -> Store {
    Store::open(person.root.path().join("store"), &StoreOptions::default()).unwrap()
}

/// A `.tar.gz` of these files.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(packed);
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// The names in a tree's root.
fn names(store: &Store, cid: &Cid) -> Vec<String> {
    let directory = store.directory(cid).unwrap();
    let name =
        |entry: &(nuka_store::EntryName, Node)| String::from_utf8_lossy(entry.0.as_bytes()).into_owned();
    directory.entries().iter().map(name).collect()
}

fn with(
    mut source: Source,
    format: Option<ArchiveFormat>,
    strip: Option<u8>,
    subdir: Option<&str>,
) -> Source {
    source.unpack = Unpack { format, strip, subdir: subdir.map(str::to_owned), ..Unpack::default() };
    source
}

fn serving(body: &[u8]) -> Server {
    let body = body.to_vec();
    Server::new(move |asked: &Asked| -> Answer { serve(asked, &body, "x") })
}

#[test]
fn a_source_is_fetched_once_however_it_is_unpacked() {
    let body = archive(&[("a-1/README", "r"), ("a-1/src/a.c", "int a;"), ("a-1/src/b.c", "int b;")]);
    let server = serving(&body);
    let mut person = Person::new();
    let store = store(&person);
    let source = url_source(&server, "/a-1.tar.gz", sha256_of(&body));
    let fetcher = person.fetcher();
    assert!(!fetcher.is_here(&store, &source).unwrap());
    let whole = fetcher.fetch(&store, &source, None, &|_| {}).unwrap();
    assert_eq!(names(&store, &whole), ["README", "src"]);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(person.downloads(), Vec::<String>::new(), "the store has it now");
    person.config.offline = true;
    let fetcher = person.fetcher();
    let part = with(source.clone(), None, None, Some("src"));
    assert!(fetcher.is_here(&store, &part).unwrap());
    let part = fetcher.fetch(&store, &part, None, &|_| {}).unwrap();
    assert_eq!(names(&store, &part), ["a.c", "b.c"]);
    let kept = with(source.clone(), None, Some(0), None);
    assert_eq!(names(&store, &fetcher.fetch(&store, &kept, None, &|_| {}).unwrap()), ["a-1"]);
    let file = with(source.clone(), Some(ArchiveFormat::File), None, None);
    assert_eq!(names(&store, &fetcher.fetch(&store, &file, None, &|_| {}).unwrap()), ["a-1.tar.gz"]);
    assert_eq!(fetcher.fetch(&store, &source, None, &|_| {}).unwrap(), whole);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_download_that_came_from_elsewhere_is_told_of() {
    let body = archive(&[("a-1/README", "r")]);
    let server = serving(&body);
    let person = Person::new();
    let store = store(&person);
    let fetcher = person.fetcher();
    let source = url_source(&server, "/a-1.tar.gz", sha256_of(&body));
    fetcher.fetch(&store, &source, None, &|_| {}).unwrap();
    let known = |source: &Source| {
        let said = std::cell::RefCell::new(Vec::new());
        let hear = |progress| {
            if let Progress::Known { other } = progress {
                said.borrow_mut().push(other);
            }
        };
        fetcher.fetch(&store, source, None, &hear).unwrap();
        said.into_inner()
    };
    let same = with(source.clone(), None, Some(0), None);
    assert_eq!(known(&same), [None]);
    // The version was raised and the hash was not.
    let raised = url_source(&server, "/a-2.tar.gz", sha256_of(&body));
    assert_eq!(known(&raised), [Some(source.origin.to_string())]);
}

#[test]
fn a_kept_download_that_is_damaged_is_fetched_again() {
    let body = archive(&[("a/x", "1"), ("a/y", "2")]);
    let server = serving(&body);
    let person = Person::new();
    let store = store(&person);
    let source = url_source(&server, "/a.tgz", blake3_of(&body));
    person.fetcher().fetch(&store, &source, None, &|_| {}).unwrap();
    let path = store.blob_path(&nuka_pir::BlobId::of(&body));
    let mut broken = body.clone();
    broken[20] ^= 1;
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, broken).unwrap();
    let other = with(source, None, Some(0), None);
    let cid = person.fetcher().fetch(&store, &other, None, &|_| {}).unwrap();
    assert_eq!(names(&store, &cid), ["a"]);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn what_cannot_be_unpacked_is_named_and_not_registered() {
    let text = b"no archive at all, only a text that is long enough".to_vec();
    let server = serving(&text);
    let person = Person::new();
    let (store, fetcher) = (store(&person), person.fetcher());
    let source = url_source(&server, "/table.bin", blake3_of(&text));
    let error = fetcher.fetch(&store, &source, None, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::Import { .. }), "{error:?}");
    assert!(error.help().contains("--format file"), "{}", error.help());
    assert_eq!(store.read().unwrap().source(&source.id().unwrap()).unwrap(), None);
    let file = with(source, Some(ArchiveFormat::File), None, None);
    assert_eq!(names(&store, &fetcher.fetch(&store, &file, None, &|_| {}).unwrap()), ["table.bin"]);
    let body = archive(&[("a/x", "1")]);
    let server = serving(&body);
    let source = with(url_source(&server, "/a.tgz", blake3_of(&body)), None, None, Some("nowhere"));
    let error = fetcher.fetch(&store, &source, None, &|_| {}).unwrap_err();
    assert!(error.help().contains("--subdir"), "{}", error.help());
    let source = with(source, None, None, Some("../x"));
    assert!(matches!(fetcher.fetch(&store, &source, None, &|_| {}), Err(FetchError::Spec { .. })));
}

#[test]
fn a_wrong_hash_registers_nothing() {
    let body = archive(&[("a/x", "1")]);
    let server = serving(&body);
    let person = Person::new();
    let store = store(&person);
    let source = url_source(&server, "/a.tgz", SourceHash::Sha256([0; 32]));
    let error = person.fetcher().fetch(&store, &source, None, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { .. }), "{error:?}");
    assert_eq!(store.read().unwrap().source(&source.id().unwrap()).unwrap(), None);
    assert!(!store.has(&nuka_pir::BlobId::of(&body)).unwrap());
    assert_eq!(person.downloads(), Vec::<String>::new());
}

#[test]
fn what_is_beside_the_recipe_is_read_anew_each_time() {
    let person = Person::new();
    let (store, fetcher) = (store(&person), person.fetcher());
    person.write("recipes/own/src/a.c", "int a;");
    person.write("recipes/one.tar.gz", archive(&[("x/y", "1")]));
    let recipes = person.root.path().join("recipes");
    let beside = Some(recipes.as_path());
    let local = |path: &str, hash| source(Origin::Path { path: path.into() }, hash);
    let hash = local_hash(&store, "own", beside).unwrap();
    let directory = local("own", hash);
    let cid = fetcher.fetch(&store, &directory, beside, &|_| {}).unwrap();
    assert_eq!(SourceHash::Blake3(*cid.as_bytes()), hash);
    let below = with(directory.clone(), None, None, Some("src"));
    assert_eq!(names(&store, &fetcher.fetch(&store, &below, beside, &|_| {}).unwrap()), ["a.c"]);
    let file = local("one.tar.gz", local_hash(&store, "one.tar.gz", beside).unwrap());
    assert_eq!(names(&store, &fetcher.fetch(&store, &file, beside, &|_| {}).unwrap()), ["y"]);
    // It changes: the hash in the recipe is no longer right, whatever the store remembers.
    person.write("recipes/own/src/a.c", "int b;");
    let error = fetcher.fetch(&store, &directory, beside, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { .. }), "{error:?}");
    let error = fetcher.fetch(&store, &local("../home", hash), beside, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::Path { .. }), "{error:?}");
    assert!(local_hash(&store, "own", Some(Path::new("/nowhere"))).is_err());
}

#[test]
fn wheels_and_debs_keep_the_directory_at_their_top() {
    let person = Person::new();
    let store = store(&person);
    // A `.deb`: an ar of two tars, the data in `usr/` alone.
    let data = archive(&[("./usr/share/a", "1")]);
    let mut deb = b"!<arch>\n".to_vec();
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", archive(&[("./control", "x")])),
        ("data.tar.gz", data),
    ] {
        deb.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", bytes.len()).into_bytes(),
        );
        deb.extend(&bytes);
        if bytes.len() % 2 == 1 {
            deb.push(b'\n');
        }
    }
    let server = serving(&deb);
    let source = url_source(&server, "/a_1_all.deb", blake3_of(&deb));
    let cid = person.fetcher().fetch(&store, &source, None, &|_| {}).unwrap();
    assert_eq!(names(&store, &cid), ["usr"]);
}
