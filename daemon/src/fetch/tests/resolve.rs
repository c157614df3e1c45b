//! From what a person names to what a first recipe needs.

use super::{
    server::{answer, missing, serve},
    *,
};
use crate::fetch::Guess;

/// A crate with C sources in it.
fn archive() -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(packed);
    let manifest =
        "[package]\nname='z-sys'\ndescription='''Binds\n z'''\nlicense='MIT'\nrepository='https://z.test'\n";
    for (path, text) in [
        ("z-sys-1.2.0/Cargo.toml", manifest),
        ("z-sys-1.2.0/src/lib.rs", ""),
        ("z-sys-1.2.0/src/zlib/a.c", "int a;"),
        ("z-sys-1.2.0/src/zlib/b.c", "int b;"),
        ("z-sys-1.2.0/src/smoke.c", ""),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn the_newest_final_version_of_a_crate_with_what_it_says_of_itself() {
    let body = archive();
    let hash = sha256_of(&body);
    let checksum = hash.to_string().split_once(':').unwrap().1.to_owned();
    let data = body.clone();
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/i/config.json" => {
            let host = asked.header("host").unwrap();
            answer(200, &[], format!("{{\"dl\":\"http://{host}/dl\"}}").as_bytes())
        }
        "/i/z-/sy/z-sys" => {
            let line = |version: &str, yanked| {
                format!("{{\"vers\":\"{version}\",\"cksum\":\"{checksum}\",\"yanked\":{yanked}}}\n")
            };
            let lines =
                [line("1.10.0", true), line("1.2.0", false), line("1.1.9", false), line("2.0.0-a", false)];
            answer(200, &[], lines.concat().as_bytes())
        }
        "/dl/z-sys/1.2.0/download" => serve(asked, &data, "c"),
        _ => missing(),
    });
    let mut person = Person::new();
    person.config.env.insert("CARGO_REGISTRIES_M_INDEX".into(), format!("sparse+{}", server.url("/i")));
    person.write("home/.cargo/config.toml", "[source.crates-io]\nreplace-with='m'\n");
    let fetcher = person.fetcher();
    let found = fetcher.resolve(&"crate:z-sys".parse().unwrap(), &|_| {}).unwrap();
    assert_eq!(found.origin, Origin::Crate { name: "z-sys".into(), version: "1.2.0".into() });
    assert_eq!((found.hash, found.language), (hash, Guess::C));
    assert_eq!(found.description.as_deref(), Some("Binds z"));
    assert_eq!((found.license.as_deref(), found.homepage.as_deref()), (Some("MIT"), Some("https://z.test")));
    assert_eq!(found.source_directories, ["src/zlib", "src"]);
    assert!(matches!(
        fetcher.resolve(&"crate:z-sys@9.0.0".parse().unwrap(), &|_| {}),
        Err(FetchError::Missing { .. })
    ));
}

#[test]
fn an_address_gets_its_hash_name_and_version_from_what_is_there() {
    let body = archive();
    let data = body.clone();
    let server = Server::new(move |asked| serve(asked, &data, "u"));
    let person = Person::new();
    let fetcher = person.fetcher();
    let url = server.url("/pub/z-1.2.tar.gz");
    let found = fetcher.resolve(&url.parse().unwrap(), &|_| {}).unwrap();
    assert_eq!((found.hash, found.name.as_str(), found.version.as_str()), (blake3_of(&body), "z", "1.2"));
    // Looked into and hashed, but fetched once.
    assert_eq!(server.asked().len(), 1);
}
