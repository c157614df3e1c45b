//! The real registries, as a person without any configuration meets them: an empty home, no variables. A registry that
//! is out of reach is said to be so, loudly, and is no failure; one that answers must answer right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

use nuka_daemon::fetch::{FetchConfig, FetchError, Fetcher, silent};
use nuka_pir::{Origin, Source, Unpack};
use std::collections::BTreeMap;

struct Person {
    _root: tempfile::TempDir,
    fetcher: Fetcher,
}

fn person() -> Person {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    fs_err::create_dir_all(at.join("home")).unwrap();
    let mut config =
        FetchConfig::new(BTreeMap::new(), at.join("home"), at.join("home"), at.join("downloads"));
    // The machine's own npmrc and pip.conf are not there either; its certificates are.
    config.system = at.join("nothing");
    config.patience.attempts = 3;
    let fetcher = Fetcher::new(config).unwrap();
    Person { _root: root, fetcher }
}

/// The result, or nothing where the registry cannot be reached from here.
fn reached<T>(what: &Origin, result: Result<T, FetchError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ (FetchError::Unreachable { .. } | FetchError::Certificates { .. })) => {
            eprintln!("NOT TESTED, the registry is out of reach: {what}: {error}");
            None
        }
        Err(error) => panic!("{what}: {error}\n{}", error.help()),
    }
}

/// Downloads it with the hash that is known here, and compares that with what is published.
fn fetches(origin: Origin, hash: &str, size: u64) {
    let person = person();
    let source = Source { origin: origin.clone(), hash: hash.parse().unwrap(), unpack: Unpack::default() };
    let Some(fetched) = reached(&origin, person.fetcher.download(&source, None, &silent)) else { return };
    assert_eq!(fs_err::metadata(&fetched.path).unwrap().len(), size);
    let published = reached(&origin, person.fetcher.published(&origin, &silent));
    assert!(published.is_none_or(|published| published == source.hash), "{origin}: {published:?}");
    let told = reached(&origin, person.fetcher.size(&origin, &silent)).flatten();
    assert!(told.is_none_or(|told| told == size), "{origin}: {told:?}");
}

fn publishes(origin: Origin, hash: &str) {
    let published = reached(&origin, person().fetcher.published(&origin, &silent));
    assert!(published.is_none_or(|published| published.to_string() == hash), "{origin}: {published:?}");
}

fn krate(name: &str, version: &str) -> Origin {
    Origin::Crate { name: name.into(), version: version.into() }
}

fn npm(name: &str, version: &str) -> Origin {
    Origin::Npm { name: name.into(), version: version.into() }
}

#[test]
fn a_crate() {
    fetches(
        krate("cfg-if", "1.0.0"),
        "sha256:baf1de4339761588bc0619e3cbc0120ee582ebb74b53b4efbf79117bd2da40fd",
        7934,
    );
}

#[test]
fn an_npm_package() {
    fetches(
        npm("left-pad", "1.3.0"),
        "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA==",
        3619,
    );
}

#[test]
fn a_wheel() {
    let file = "iniconfig-2.0.0-py3-none-any.whl";
    let origin = Origin::Pypi { name: "iniconfig".into(), version: "2.0.0".into(), file: file.into() };
    fetches(origin, "sha256:b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374", 5892);
}

#[test]
fn what_the_first_command_needs_is_published_as_the_recipes_say() {
    publishes(
        krate("libz-sys", "1.1.20"),
        "sha256:d2d16453e800a8cf6dd2fc3eb4bc99b786a9b90c663b8559a5b1a041bf89e472",
    );
    publishes(
        npm("@yowasp/clang", "22.0.0-git20542-10"),
        "sha512-V31/z9GrJECKeACTDUyvg2llbEUiFi3bxtL5HSg7H/6sydSxdI/AoVAD9F5ozrfLjotWl0B9rghR87m+DUM/zg==",
    );
}

#[test]
fn versions_that_do_not_exist_are_said_so_with_others_that_do() {
    for (origin, instead) in [(krate("cfg-if", "99.0.0"), "1.0"), (npm("left-pad", "99.0.0"), "1.3.0")] {
        match person().fetcher.published(&origin, &silent) {
            Err(error @ FetchError::Missing { .. }) => assert!(error.help().contains(instead), "{error:?}"),
            other => assert!(reached(&origin, other).is_none(), "{origin} exists"),
        }
    }
}
