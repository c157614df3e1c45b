//! Tests of fetching against a server on the loopback address that cuts, stalls, lies and redirects.

mod download;
mod import;
mod registries;
mod resolve;
mod server;

use super::{FetchConfig, FetchError, Fetcher, Patience, Progress};
use nuka_pir::{Origin, Source, SourceHash, Unpack};
use server::Server;
use std::{collections::BTreeMap, sync::Mutex, time::Duration};

/// A person with a home of their own, and no patience.
struct Person {
    root: tempfile::TempDir,
    config: FetchConfig,
}

impl Person {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        for directory in ["home", "project", "downloads", "system"] {
            fs_err::create_dir_all(at.join(directory)).unwrap();
        }
        let mut config =
            FetchConfig::new(BTreeMap::new(), at.join("home"), at.join("project"), at.join("downloads"));
        config.system = at.join("system");
        config.patience = Patience {
            connect: Duration::from_secs(5),
            stall: Duration::from_millis(300),
            least: 2048,
            attempts: 3,
            attempts_in_all: 8,
            pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(50),
            ..Patience::default()
        };
        Self { root, config }
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.config.clone()).unwrap()
    }

    /// The names of what lies in the downloads, sorted.
    fn downloads(&self) -> Vec<String> {
        let entries = fs_err::read_dir(&self.config.downloads).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Bytes that look like nothing and are always the same.
fn bytes(length: usize) -> Vec<u8> {
    let mut reader = blake3::Hasher::new().update(b"test").finalize_xof();
    let mut bytes = vec![0; length];
    reader.fill(&mut bytes);
    bytes
}

fn blake3_of(bytes: &[u8]) -> SourceHash {
    SourceHash::Blake3(*blake3::hash(bytes).as_bytes())
}

fn sha256_of(bytes: &[u8]) -> SourceHash {
    use sha2::Digest;
    SourceHash::Sha256(sha2::Sha256::digest(bytes).into())
}

fn sha512_of(bytes: &[u8]) -> SourceHash {
    use sha2::Digest;
    SourceHash::Sha512(sha2::Sha512::digest(bytes).into())
}

fn source(origin: Origin, hash: SourceHash) -> Source {
    Source { origin, hash, unpack: Unpack::default() }
}

fn url_source(server: &Server, path: &str, hash: SourceHash) -> Source {
    source(Origin::Url { url: server.url(path) }, hash)
}

/// Downloads and gives the bytes, with the events on the way.
fn fetch(fetcher: &Fetcher, source: &Source) -> (Result<Vec<u8>, FetchError>, Vec<Progress>) {
    let events = Mutex::new(Vec::new());
    let result = fetcher.download(source, None, &|event| events.lock().unwrap().push(event));
    (result.map(|fetched| fs_err::read(fetched.path).unwrap()), events.into_inner().unwrap())
}
