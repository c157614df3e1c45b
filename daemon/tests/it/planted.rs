//! Links that somebody has put where downloads are written: nothing is written through them.

use crate::server::{Server, serve};
use nuka_daemon::fetch::{FetchConfig, FetchError, Fetcher, silent};
use nuka_pir::{Origin, Source, SourceHash, Unpack};
use std::{collections::BTreeMap, fs, os::unix::fs::symlink};

#[test]
fn a_part_and_what_is_said_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let body = b"what is served";
    let hash = blake3::hash(body);
    let server = Server::new(move |asked| serve(asked, body, "x"));
    let source = Source {
        origin: Origin::Url { url: server.url("/a") },
        hash: SourceHash::Blake3(*hash.as_bytes()),
        unpack: Unpack::default(),
    };
    fs::create_dir(at("downloads")).unwrap();
    fs::write(at("canary"), "untouched").unwrap();
    let fetcher = Fetcher::new(FetchConfig::new(BTreeMap::new(), at(""), at(""), at("downloads"))).unwrap();
    let part = at("downloads").join(format!("blake3-{hash}.part"));
    symlink(at("canary"), &part).unwrap();
    let error = fetcher.download(&source, None, &silent).unwrap_err();
    assert!(matches!(&error, FetchError::Io { path, .. } if *path == part), "{error:?}");
    fs::remove_file(&part).unwrap();
    symlink(at("canary"), at("downloads").join(format!("blake3-{hash}.told"))).unwrap();
    let fetched = fetcher.download(&source, None, &silent).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), body);
    assert_eq!(fs::read(at("canary")).unwrap(), b"untouched");
    assert_eq!(fs::read_dir(at("downloads")).unwrap().count(), 1);
}
