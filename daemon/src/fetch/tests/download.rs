//! Downloads over bad lines and from bad servers.

use super::{
    server::{Do, answer, head, missing, serve},
    *,
};
use nuka_store::Cancel;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

#[test]
fn a_cut_download_goes_on_where_it_was_cut() {
    let body = bytes(300_000);
    let hash = sha256_of(&body);
    let data = body.clone();
    let server = Server::new(move |asked| match asked.before {
        0 => vec![Do::Send(head(200, &[("ETag", "\"v1\"")], data.len())), Do::Send(data[..100_000].to_vec())],
        _ => serve(asked, &data, "v1"),
    });
    let person = Person::new();
    let (result, events) = fetch(&person.fetcher(), &url_source(&server, "/a", hash));
    assert_eq!(result.unwrap(), body);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        (asked[1].header("range"), asked[1].header("if-range")),
        (Some("bytes=100000-"), Some("\"v1\""))
    );
    assert!(events.iter().any(|event| matches!(event, Progress::Retrying { attempt: 1, .. })), "{events:?}");
    assert!(events.contains(&Progress::Started { from: 100_000, total: Some(300_000) }), "{events:?}");
    assert_eq!(events.last(), Some(&Progress::Verified { bytes: 300_000 }));
    // Only the whole is left, under its hash; and it is not fetched again.
    assert_eq!(person.downloads().len(), 1);
    assert!(person.downloads()[0].starts_with("sha256-"));
    fetch(&person.fetcher(), &url_source(&server, "/elsewhere", hash)).0.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_part_that_a_killed_process_left_is_used() {
    let body = bytes(50_000);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| serve(asked, &data, "x"));
    let person = Person::new();
    let name = hash.to_string().replace(':', "-");
    person.write(&format!("downloads/{name}.part"), &body[..20_000]);
    assert_eq!(fetch(&person.fetcher(), &url_source(&server, "/a", hash)).0.unwrap(), body);
    assert_eq!(server.asked()[0].from(), Some(20_000));
    // One with other bytes costs a second download, and does no harm.
    let person = Person::new();
    person.write(&format!("downloads/{name}.part"), vec![7; 20_000]);
    assert_eq!(fetch(&person.fetcher(), &url_source(&server, "/b", hash)).0.unwrap(), body);
    let from: Vec<_> = server.asked().iter().skip(1).map(|asked| asked.from()).collect();
    assert_eq!(from, [Some(20_000), None]);
    // One that is whole already needs no more than a question; one that is too long is begun anew.
    for extra in [0, 10] {
        let person = Person::new();
        let part = [body.clone(), vec![0; extra]].concat();
        person.write(&format!("downloads/{name}.part"), part);
        assert_eq!(fetch(&person.fetcher(), &url_source(&server, "/c", hash)).0.unwrap(), body);
    }
}

#[test]
fn what_changed_at_the_server_is_fetched_from_its_start() {
    let (old, new) = (bytes(40_000), [bytes(40_000), vec![1]].concat());
    let hash = blake3_of(&new);
    let data = new.clone();
    let server = Server::new(move |asked| match asked.before {
        0 => vec![Do::Send(head(200, &[("ETag", "\"old\"")], old.len())), Do::Send(vec![9; 10_000])],
        _ => serve(asked, &data, "new"),
    });
    let person = Person::new();
    assert_eq!(fetch(&person.fetcher(), &url_source(&server, "/a", hash)).0.unwrap(), new);
    let asked = server.asked();
    assert_eq!((asked[1].header("if-range"), asked.len()), (Some("\"old\""), 2));
}

#[test]
fn a_stalled_download_is_resumed_and_an_endless_one_given_up() {
    let body = bytes(60_000);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| match (asked.path.as_str(), asked.before) {
        ("/once", 1..) => serve(asked, &data, "x"),
        ("/silent", _) => vec![Do::Wait(Duration::from_secs(20))],
        ("/drip", _) => {
            vec![Do::Send(head(200, &[], data.len())), Do::Drip(data.clone(), Duration::from_millis(10))]
        }
        _ => vec![
            Do::Send(head(200, &[("ETag", "\"x\"")], data.len())),
            Do::Send(data[..30_000].to_vec()),
            Do::Wait(Duration::from_secs(20)),
        ],
    });
    let person = Person::new();
    let fetcher = person.fetcher();
    let start = Instant::now();
    assert_eq!(fetch(&fetcher, &url_source(&server, "/once", hash)).0.unwrap(), body);
    let other = SourceHash::Blake3([1; 32]);
    let error = fetch(&fetcher, &url_source(&server, "/always", other)).0.unwrap_err();
    let FetchError::Cut { received, expected, attempts, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*received, *expected, *attempts > 1), (30_000, Some(60_000), true));
    let error = fetch(&fetcher, &url_source(&server, "/silent", SourceHash::Blake3([2; 32]))).0.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { attempts: 3, .. }), "{error:?}");
    let error = fetch(&fetcher, &url_source(&server, "/drip", SourceHash::Blake3([3; 32]))).0.unwrap_err();
    assert!(matches!(error, FetchError::Cut { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_size_that_is_a_lie_is_found_out() {
    let body = bytes(10_000);
    let (hash, data) = (sha512_of(&body), body.clone());
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/more" => vec![Do::Send(head(200, &[], 99_999)), Do::Send(data.clone())],
        "/less" => vec![Do::Send(head(200, &[], 5_000)), Do::Send(data.clone())],
        "/huge" => vec![Do::Send(head(200, &[], 1 << 40)), Do::Send(data.clone())],
        // Without a length the end of the connection is the end, and the hash decides.
        _ => vec![Do::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec()), Do::Send(data.clone())],
    });
    let mut person = Person::new();
    person.config.patience.largest_download = 1 << 20;
    let fetcher = person.fetcher();
    let error = fetch(&fetcher, &url_source(&server, "/more", hash)).0.unwrap_err();
    assert!(matches!(error, FetchError::Cut { expected: Some(99_999), .. }), "{error:?}");
    let person = Person {
        config: FetchConfig { downloads: person.root.path().join("d2"), ..person.config.clone() },
        ..person
    };
    let fetcher = person.fetcher();
    let error = fetch(&fetcher, &url_source(&server, "/less", hash)).0.unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { size: 5_000, .. }), "{error:?}");
    let error = fetch(&fetcher, &url_source(&server, "/huge", hash)).0.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 1_048_576, .. }), "{error:?}");
    assert_eq!(fetch(&fetcher, &url_source(&server, "/unknown", hash)).0.unwrap(), body);
}

#[test]
fn a_wrong_hash_leaves_nothing_behind_and_says_what_came() {
    let body = bytes(1000);
    let (got, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| serve(asked, &data, "x"));
    let person = Person::new();
    let expected = SourceHash::Blake3([5; 32]);
    let error = fetch(&person.fetcher(), &url_source(&server, "/a", expected)).0.unwrap_err();
    let FetchError::WrongHash { expected: wanted, got: came, place, size, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((**wanted, **came, place.as_str(), *size), (expected, got, server.url("/a").as_str(), 1000));
    assert!(error.help().contains("nuka update-hashes"), "{}", error.help());
    assert_eq!(server.asked().len(), 1);
    assert_eq!(person.downloads(), Vec::<String>::new());
}

#[test]
fn what_is_kept_is_looked_at_again() {
    let body = bytes(1000);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| serve(asked, &data, "x"));
    let person = Person::new();
    fetch(&person.fetcher(), &url_source(&server, "/a", hash)).0.unwrap();
    let path = person.config.downloads.join(&person.downloads()[0]);
    fs_err::write(&path, "rotten").unwrap();
    assert_eq!(fetch(&person.fetcher(), &url_source(&server, "/a", hash)).0.unwrap(), body);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn passing_failures_are_tried_again_and_others_are_not() {
    let body = bytes(1000);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| match (asked.path.as_str(), asked.before) {
        ("/busy", 0) => answer(503, &[("Retry-After", "3600")], b""),
        ("/busy", 1) => answer(429, &[], b""),
        ("/down", _) => answer(502, &[], b""),
        ("/gone", _) => missing(),
        _ => serve(asked, &data, "x"),
    });
    let person = Person::new();
    let fetcher = person.fetcher();
    assert_eq!(fetch(&fetcher, &url_source(&server, "/busy", hash)).0.unwrap(), body);
    let other = SourceHash::Blake3([0; 32]);
    let error = fetch(&fetcher, &url_source(&server, "/down", other)).0.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 502, attempts: 3, .. }), "{error:?}");
    let error = fetch(&fetcher, &url_source(&server, "/gone", other)).0.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, attempts: 1, .. }), "{error:?}");
    let paths = server.paths();
    assert_eq!(paths.iter().filter(|path| *path == "/gone").count(), 1);
}

#[test]
fn redirects_are_followed_but_not_in_circles_and_not_elsewhere() {
    let body = bytes(1000);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/a" => answer(302, &[("Location", "b?x=1")], b""),
        "/b?x=1" => answer(307, &[("Location", "/c")], b""),
        "/circle" => answer(301, &[("Location", "/circle")], b""),
        "/file" => answer(302, &[("Location", "file:///etc/passwd")], b""),
        "/nowhere" => answer(302, &[], b""),
        _ => serve(asked, &data, "x"),
    });
    let person = Person::new();
    let fetcher = person.fetcher();
    assert_eq!(fetch(&fetcher, &url_source(&server, "/a", hash)).0.unwrap(), body);
    assert_eq!(server.paths(), ["/a", "/b?x=1", "/c"]);
    for path in ["/circle", "/file", "/nowhere"] {
        let error = fetch(&fetcher, &url_source(&server, path, SourceHash::Blake3([0; 32]))).0.unwrap_err();
        assert!(matches!(error, FetchError::Redirect { .. }), "{path}: {error:?}");
    }
    for address in ["file:///etc/passwd", "ftp://a/b", "/etc/passwd", ""] {
        let origin = Origin::Url { url: address.to_owned() };
        let error = fetch(&fetcher, &source(origin, SourceHash::Blake3([0; 32]))).0.unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{address}: {error:?}");
    }
}

#[test]
fn a_name_and_password_go_only_to_their_own_host() {
    let body = bytes(100);
    let (hash, data) = (blake3_of(&body), body.clone());
    let other = Server::new(move |asked| serve(asked, &data, "x"));
    let target = other.url("/there");
    let server = Server::new(move |_| answer(302, &[("Location", &target)], b""));
    let person = Person::new();
    let url = server.url("/a").replace("127.0.0.1", "me:s%40crit@127.0.0.1");
    let secret = source(Origin::Url { url }, hash);
    fetch(&person.fetcher(), &secret).0.unwrap();
    assert_eq!(server.asked()[0].header("authorization"), Some("Basic bWU6c0Bjcml0"));
    assert_eq!(other.asked()[0].header("authorization"), None);
    let wrong = source(secret.origin.clone(), SourceHash::Blake3([0; 32]));
    let error = fetch(&person.fetcher(), &wrong).0.unwrap_err();
    assert!(!format!("{error:?} {error} {}", error.help()).contains("crit"), "{error:?}");
}

#[test]
fn one_download_serves_all_who_want_it_at_once() {
    let body = bytes(200_000);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| {
        let mut actions = serve(asked, &data, "x");
        actions.insert(1, Do::Wait(Duration::from_millis(150)));
        actions
    });
    let person = Person::new();
    let (one, two) = (person.fetcher(), person.fetcher());
    let wanted = url_source(&server, "/a", hash);
    std::thread::scope(|scope| {
        for fetcher in [&one, &one, &two, &two] {
            let (wanted, body) = (&wanted, &body);
            scope.spawn(move || assert_eq!(fetch(fetcher, wanted).0.unwrap(), *body));
        }
    });
    assert_eq!(server.asked().len(), 1);
    assert_eq!(person.downloads().len(), 1);
}

#[test]
fn offline_contacts_nobody_and_says_what_is_missing() {
    let body = bytes(100);
    let (hash, data) = (blake3_of(&body), body.clone());
    let server = Server::new(move |asked| serve(asked, &data, "x"));
    let mut person = Person::new();
    let wanted = url_source(&server, "/a", hash);
    fetch(&person.fetcher(), &wanted).0.unwrap();
    person.config.offline = true;
    let fetcher = person.fetcher();
    assert_eq!(fetch(&fetcher, &wanted).0.unwrap(), body);
    let missing = source(Origin::Npm { name: "a".into(), version: "1".into() }, SourceHash::Sha512([0; 64]));
    let error = fetch(&fetcher, &missing).0.unwrap_err();
    assert_eq!(error.to_string(), "offline: this is not here and would have to be fetched: npm:a@1");
    assert!(matches!(fetcher.published(&missing.origin, &|_| {}), Err(FetchError::Offline { .. })));
    assert!(matches!(fetcher.size(&missing.origin, &|_| {}), Err(FetchError::Offline { .. })));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn the_hash_and_the_size_of_an_address_are_found_out() {
    let body = bytes(70_000);
    let data = body.clone();
    let server = Server::new(move |asked| match (asked.path.as_str(), asked.method.as_str()) {
        ("/nohead", "HEAD") => answer(405, &[], b""),
        ("/nohead", _) if asked.header("range") == Some("bytes=0-0") => {
            answer(206, &[("Content-Range", "bytes 0-0/70000")], &data[..1])
        }
        ("/gone", _) => missing(),
        _ => serve(asked, &data, "x"),
    });
    let person = Person::new();
    let fetcher = person.fetcher();
    let at = |path: &str| Origin::Url { url: server.url(path) };
    assert_eq!(fetcher.size(&at("/a"), &|_| {}).unwrap(), Some(70_000));
    assert_eq!(server.asked()[0].method, "HEAD");
    assert_eq!(fetcher.size(&at("/nohead"), &|_| {}).unwrap(), Some(70_000));
    assert!(fetcher.size(&at("/gone"), &|_| {}).unwrap_err().is_missing());
    let hash = fetcher.published(&at("/a"), &|_| {}).unwrap();
    assert_eq!(hash, blake3_of(&body));
    // What was downloaded to find out the hash is there for the build.
    let before = server.asked().len();
    assert_eq!(fetch(&fetcher, &source(at("/a"), hash)).0.unwrap(), body);
    assert_eq!(server.asked().len(), before);
}

#[test]
fn nobody_at_that_address_is_said_so() {
    let person = Person::new();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let origin = Origin::Url { url: format!("http://127.0.0.1:{port}/a") };
    let error = fetch(&person.fetcher(), &source(origin, SourceHash::Blake3([0; 32]))).0.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { attempts: 3, .. }), "{error:?}");
    assert_eq!(person.downloads(), Vec::<String>::new());
}

/// A server that says this, and then nothing more for as long as anybody waits.
fn silent(says: &'static [u8]) -> (String, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let accepting = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        use std::io::Write as _;
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = accepting.accept() {
            stream.write_all(says).unwrap();
            open.push(stream);
        }
    });
    (url, listener)
}

#[test]
fn who_waits_for_a_silent_server_can_leave() {
    for says in [b"".as_slice(), b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome of it"] {
        let (url, _listener) = silent(says);
        let mut person = Person::new();
        // It is not patience that ends.
        let long = Duration::from_secs(3600);
        person.config.patience =
            Patience { connect: long, stall: long, longest_pause: long, ..person.config.patience };
        let flag = Arc::new(AtomicBool::new(false));
        let fetcher = person.fetcher().until(Cancel::when(Arc::clone(&flag)));
        let wanted = source(Origin::Url { url }, blake3_of(b"something"));
        let begun = std::thread::scope(|scope| {
            let fetching = scope.spawn(|| fetch(&fetcher, &wanted).0);
            std::thread::sleep(Duration::from_millis(200));
            let begun = !fetching.is_finished();
            flag.store(true, Ordering::Release);
            assert!(matches!(fetching.join().unwrap(), Err(FetchError::Cancelled)));
            begun
        });
        assert!(begun);
        // Nobody has its lock, and what came is gone on with.
        let kept = person.downloads();
        assert_eq!(kept.iter().any(|name| name.ends_with(".part")), !says.is_empty(), "{kept:?}");
        let size = person.fetcher().until(Cancel::when(flag)).size(&wanted.origin, &|_| {});
        assert!(matches!(size, Err(FetchError::Cancelled)));
    }
}
