//! Each ecosystem's way from its client's configuration to a verified download.

use super::{
    server::{Answer, Asked, Do, answer, head, missing, serve},
    *,
};
use data_encoding::HEXLOWER;

fn hex(hash: &SourceHash) -> String {
    hash.to_string().split_once(':').unwrap().1.to_owned()
}

/// A sparse index at `/index/` with one crate in two versions, whose downloads are elsewhere.
fn crates(asked: &Asked, body: &[u8]) -> Answer {
    let checksum = hex(&sha256_of(body));
    match asked.path.as_str() {
        "/index/config.json" => {
            let host = asked.header("host").unwrap();
            answer(200, &[], format!("{{\"dl\":\"http://{host}/dl\"}}").as_bytes())
        }
        "/index/li/bz/libz-sys" => {
            let line = |version: &str, yanked| {
                format!(
                    "{{\"name\":\"libz-sys\",\"vers\":\"{version}\",\"cksum\":\"{checksum}\",\"yanked\":{yanked},\"deps\":[]}}\n"
                )
            };
            let lines = [
                line("1.0.9", false),
                line("1.0.10", false),
                line("1.0.11", true),
                line("2.0.0-rc.1", false),
            ];
            answer(200, &[], lines.concat().as_bytes())
        }
        "/dl/libz-sys/1.0.10/download" => serve(asked, body, "c"),
        _ => missing(),
    }
}

fn crate_origin(version: &str) -> Origin {
    Origin::Crate { name: "libz-sys".into(), version: version.into() }
}

#[test]
fn a_crate_comes_from_the_index_that_cargo_is_told_of() {
    let body = bytes(5000);
    let data = body.clone();
    let server = Server::new(move |asked| crates(asked, &data));
    let person = Person::new();
    let config = format!(
        "[source.crates-io]\nreplace-with='m'\n[source.m]\nregistry='sparse+{}'\n",
        server.url("/index/")
    );
    person.write("home/.cargo/config.toml", config);
    let fetcher = person.fetcher();
    let hash = fetcher.published(&crate_origin("1.0.10"), &|_| {}).unwrap();
    assert_eq!(hash, sha256_of(&body));
    assert_eq!(fetcher.size(&crate_origin("1.0.10"), &|_| {}).unwrap(), Some(5000));
    let fetched = fetcher.download(&source(crate_origin("1.0.10"), hash), None, &|_| {}).unwrap();
    assert_eq!(
        (fetched.name.as_str(), fs_err::read(&fetched.path).unwrap()),
        ("libz-sys-1.0.10.crate", body)
    );
    // The index's description of its downloads is asked for once.
    assert_eq!(server.paths().iter().filter(|path| path.ends_with("config.json")).count(), 1);
    for error in [
        fetch(&fetcher, &source(crate_origin("1.1.20"), SourceHash::Sha256([0; 32]))).0.unwrap_err(),
        fetcher.published(&crate_origin("1.1.20"), &|_| {}).unwrap_err(),
        fetcher.size(&crate_origin("1.1.20"), &|_| {}).unwrap_err(),
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{error}\n{}", error.help()), @"
            crate:libz-sys@1.1.20 is not in the index
            there is: 2.0.0-rc.1, 1.0.10, 1.0.9
            ");
        }
    }
    let nothing = Origin::Crate { name: "libzz".into(), version: "1.0.0".into() };
    assert!(matches!(fetcher.published(&nothing, &|_| {}), Err(FetchError::Missing { .. })));
}

#[test]
fn a_registry_that_asks_who_is_there_is_told_and_no_other() {
    let body = bytes(500);
    let data = body.clone();
    let server = Server::new(move |asked| {
        if asked.header("authorization") != Some("tok") {
            return answer(401, &[], b"");
        }
        match asked.path.as_str() {
            "/i/config.json" => {
                let host = asked.header("host").unwrap();
                answer(
                    200,
                    &[],
                    format!(
                        "{{\"dl\":\"http://{host}/dl/{{crate}}-{{version}}.crate\",\"auth-required\":true}}"
                    )
                    .as_bytes(),
                )
            }
            _ => serve(asked, &data, "c"),
        }
    });
    let mut person = Person::new();
    person.config.env.insert("CARGO_REGISTRIES_CORP_INDEX".into(), format!("sparse+{}", server.url("/i")));
    person.config.env.insert("CARGO_REGISTRIES_CORP_TOKEN".into(), "tok".into());
    person.write("home/.cargo/config.toml", "[source.crates-io]\nreplace-with='corp'\n");
    let (result, _) = fetch(&person.fetcher(), &source(crate_origin("1.0.10"), sha256_of(&body)));
    assert_eq!(result.unwrap(), body);
    assert_eq!(server.asked()[0].header("authorization"), None);
    assert_eq!(server.paths(), ["/i/config.json", "/i/config.json", "/dl/libz-sys-1.0.10.crate"]);
}

#[test]
fn a_local_registry_needs_no_network() {
    let body = bytes(500);
    let mut person = Person::new();
    person.config.offline = false;
    person.write(
        "home/.cargo/config.toml",
        "[source.crates-io]\nreplace-with='l'\n[source.l]\nlocal-registry='reg'\n",
    );
    person.write("home/reg/libz-sys-1.0.10.crate", &body);
    let line =
        format!("{{\"name\":\"libz-sys\",\"vers\":\"1.0.10\",\"cksum\":\"{}\"}}\n", hex(&sha256_of(&body)));
    person.write("home/reg/index/li/bz/libz-sys", line);
    let fetcher = person.fetcher();
    let hash = fetcher.published(&crate_origin("1.0.10"), &|_| {}).unwrap();
    assert_eq!(fetch(&fetcher, &source(crate_origin("1.0.10"), hash)).0.unwrap(), body);
    assert_eq!(fetcher.size(&crate_origin("1.0.10"), &|_| {}).unwrap(), Some(500));
    let wrong = source(crate_origin("1.0.10"), SourceHash::Sha256([0; 32]));
    assert!(matches!(fetch(&fetcher, &wrong).0, Err(FetchError::WrongHash { size: 500, .. })));
}

#[test]
fn an_npm_package_comes_from_the_registry_that_npm_is_told_of() {
    let body = bytes(5000);
    let data = body.clone();
    let integrity = sha512_of(&body);
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/npm/@yowasp%2fclang" => {
            // Mirrors leave the public address in what they serve.
            let public = deno_npmrc::NPM_DEFAULT_REGISTRY;
            let text = format!(
                r#"{{"name":"@yowasp/clang","dist-tags":{{"latest":"2.0.0"}},"versions":{{
                "1.9.0":{{"dist":{{"tarball":"{public}/@yowasp/clang/-/clang-1.9.0.tgz","shasum":"00"}}}},
                "2.0.0":{{"dist":{{"tarball":"{public}/@yowasp/clang/-/clang-2.0.0.tgz","integrity":"{integrity}"}}}}}}}}"#
            );
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
            answer(200, &[("Content-Encoding", "gzip")], &packed.finish().unwrap())
        }
        "/npm/@yowasp/clang/-/clang-2.0.0.tgz" => serve(asked, &data, "n"),
        _ => missing(),
    });
    let person = Person::new();
    let bare = server.url("/npm/");
    let rc = format!("registry={bare}\n{}:_authToken=secret\n", bare.strip_prefix("http:").unwrap());
    person.write("home/.npmrc", rc);
    let fetcher = person.fetcher();
    let origin = |version: &str| Origin::Npm { name: "@yowasp/clang".into(), version: version.into() };
    let hash = fetcher.published(&origin("2.0.0"), &|_| {}).unwrap();
    assert_eq!(hash, sha512_of(&body));
    assert_eq!(fetch(&fetcher, &source(origin("2.0.0"), hash)).0.unwrap(), body);
    assert!(server.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer secret")));
    assert_eq!(fetcher.size(&origin("2.0.0"), &|_| {}).unwrap(), Some(5000));
    let error = fetcher.published(&origin("2.1.0"), &|_| {}).unwrap_err();
    assert!(error.help().contains("2.0.0"), "{}", error.help());
    // A SHA-1 proves nothing.
    assert!(matches!(fetcher.published(&origin("1.9.0"), &|_| {}), Err(FetchError::Answer { .. })));
    let nothing = Origin::Npm { name: "nothing".into(), version: "1".into() };
    assert!(matches!(fetcher.published(&nothing, &|_| {}), Err(FetchError::Missing { .. })));
}

#[test]
fn a_python_file_comes_from_the_first_index_that_has_it() {
    let body = bytes(5000);
    let (data, checksum) = (body.clone(), hex(&sha256_of(&body)));
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/simple/a-b/" => {
            let text = format!(
                r#"{{"meta":{{"api-version":"1.1"}},"name":"a-b","files":[
                {{"filename":"a_b-1.0.tar.gz","url":"../../files/a_b-1.0.tar.gz","hashes":{{"sha256":"{checksum}"}},"size":5000}},
                {{"filename":"a_b-1.0-py3-none-any.whl","url":"x","hashes":{{}}}}]}}"#
            );
            answer(200, &[("Content-Type", "application/vnd.pypi.simple.v1+json")], text.as_bytes())
        }
        "/files/a_b-1.0.tar.gz" => serve(asked, &data, "p"),
        _ => missing(),
    });
    let person = Person::new();
    let pip = format!(
        "[global]\nindex-url = {}\nextra-index-url = {}\n",
        server.url("/simple"),
        server.url("/own")
    );
    person.write("home/.config/pip/pip.conf", pip);
    let fetcher = person.fetcher();
    let origin = |file: &str| Origin::Pypi { name: "A_b".into(), version: "1.0".into(), file: file.into() };
    let hash = fetcher.published(&origin("a_b-1.0.tar.gz"), &|_| {}).unwrap();
    assert_eq!(hash, sha256_of(&body));
    assert_eq!(fetch(&fetcher, &source(origin("a_b-1.0.tar.gz"), hash)).0.unwrap(), body);
    assert_eq!(server.paths().first().map(String::as_str), Some("/own/a-b/"));
    let before = server.asked().len();
    assert_eq!(fetcher.size(&origin("a_b-1.0.tar.gz"), &|_| {}).unwrap(), Some(5000));
    assert!(
        server.asked().iter().skip(before).all(|asked| asked.method == "GET"),
        "the index tells the size"
    );
    let error = fetcher.published(&origin("a_b-1.0.zip"), &|_| {}).unwrap_err();
    assert!(error.help().contains("a_b-1.0.tar.gz"), "{}", error.help());
    assert!(matches!(
        fetcher.published(&origin("a_b-1.0-py3-none-any.whl"), &|_| {}),
        Err(FetchError::Answer { .. })
    ));
}

#[test]
fn without_any_configuration_the_python_index_is_the_one_that_uv_has() {
    let body = bytes(100);
    let (data, checksum) = (body.clone(), hex(&sha256_of(&body)));
    // A registry of crates that serves something else in place of uv's source: its hash is not the one that is known.
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/index/config.json" => {
            let host = asked.header("host").unwrap();
            answer(200, &[], format!("{{\"dl\":\"http://{host}/dl\"}}").as_bytes())
        }
        _ => serve(asked, format!("{checksum}{data:?}").as_bytes(), "u"),
    });
    let mut person = Person::new();
    person.config.env.insert("CARGO_REGISTRIES_M_INDEX".into(), format!("sparse+{}", server.url("/index/")));
    person.write("home/.cargo/config.toml", "[source.crates-io]\nreplace-with='m'\n");
    let origin = Origin::Pypi { name: "a".into(), version: "1".into(), file: "a-1.tar.gz".into() };
    let error = person.fetcher().published(&origin, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { .. }), "{error:?}");
    assert!(server.paths().iter().any(|path| path.contains("uv-distribution-types")), "{:?}", server.paths());
    // `no-index` is a wish, not a lack of configuration.
    person.write("system/etc/pip.conf", "[global]\nno-index = true\n");
    let error = person.fetcher().published(&origin, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::NotConfigured { .. }), "{error:?}");
}

#[test]
fn files_that_find_links_names_are_taken_and_checked() {
    let body = bytes(100);
    let mut person = Person::new();
    person.write("wheels/a-1.whl", &body);
    let wheels = person.root.path().join("wheels").display().to_string();
    person.config.env.insert("PIP_FIND_LINKS".into(), wheels);
    person.config.env.insert("PIP_NO_INDEX".into(), "1".into());
    let origin = Origin::Pypi { name: "a".into(), version: "1".into(), file: "a-1.whl".into() };
    let fetcher = person.fetcher();
    assert_eq!(fetch(&fetcher, &source(origin.clone(), sha256_of(&body))).0.unwrap(), body);
    assert!(matches!(fetch(&fetcher, &source(origin, sha256_of(b"x"))).0, Err(FetchError::WrongHash { .. })));
}

#[test]
fn debian_sources_and_packages_come_from_apt_s_mirrors() {
    let (tarball, deb) = (bytes(3000), bytes(2000));
    let dsc = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: 3.0 (quilt)\nSource: zlib\nVersion: 1:1.3-2\nHomepage: http://z.test\nChecksums-Sha256:\n {} 3000 zlib_1.3.orig.tar.gz\n {} 9 zlib_1.3-2.debian.tar.xz\n\n-----BEGIN PGP SIGNATURE-----\n",
        hex(&sha256_of(&tarball)),
        HEXLOWER.encode(&[0; 32])
    );
    let packages = format!(
        "Package: other\nVersion: 1\n\nPackage: zlib1g\nSource: zlib\nVersion: 1:1.3-2\nFilename: pool/main/z/zlib/zlib1g_1.3-2_amd64.deb\nSize: 2000\nSHA256: {}\n",
        hex(&sha256_of(&deb))
    );
    let (tar_bytes, deb_bytes) = (tarball.clone(), deb.clone());
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/debian/pool/main/z/zlib/zlib_1.3-2.dsc" => answer(200, &[], dsc.as_bytes()),
        "/debian/pool/main/z/zlib/zlib_1.3.orig.tar.gz" => serve(asked, &tar_bytes, "t"),
        "/debian/pool/main/z/zlib/zlib1g_1.3-2_amd64.deb" => serve(asked, &deb_bytes, "d"),
        path if path.ends_with("/Packages.gz") && !path.contains("binary-all") => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, packages.as_bytes()).unwrap();
            answer(200, &[], &packed.finish().unwrap())
        }
        path if path.ends_with("/source/Sources") => answer(200, &[], b"Package: zlib\nVersion: 1:1.3-2\n"),
        _ => missing(),
    });
    let person = Person::new();
    let text =
        format!("Types: deb\nURIs: {}\nSuites: trixie\nComponents: contrib main\n", server.url("/debian"));
    person.write("system/etc/apt/sources.list.d/debian.sources", text);
    let fetcher = person.fetcher();
    let origin = |name: &str, version: &str, file: &str| Origin::Debian {
        name: name.into(),
        version: version.into(),
        file: file.into(),
    };
    let orig = origin("zlib", "1:1.3-2", "zlib_1.3.orig.tar.gz");
    assert_eq!(fetcher.published(&orig, &|_| {}).unwrap(), sha256_of(&tarball));
    assert_eq!(fetch(&fetcher, &source(orig.clone(), sha256_of(&tarball))).0.unwrap(), tarball);
    assert_eq!(fetcher.size(&orig, &|_| {}).unwrap(), Some(3000));
    for file in ["zlib1g_1.3-2_amd64.deb", "pool/main/z/zlib/zlib1g_1.3-2_amd64.deb"] {
        let binary = origin("zlib1g", "1:1.3-2", file);
        assert_eq!(fetcher.published(&binary, &|_| {}).unwrap(), sha256_of(&deb));
        assert_eq!(fetch(&person.fetcher(), &source(binary, sha256_of(&deb))).0.unwrap(), deb);
    }
    // The old version is no longer there, and the error says which one is.
    let old = origin("zlib", "1:1.2-1", "zlib_1.2.orig.tar.gz");
    let error = fetch(&fetcher, &source(old, SourceHash::Sha256([0; 32]))).0.unwrap_err();
    let FetchError::Gone { kept, .. } = &error else { panic!("{error:?}") };
    assert_eq!(kept, &["1:1.3-2"]);
}

#[test]
fn without_apt_s_configuration_debian_has_no_address() {
    let person = Person::new();
    let origin =
        Origin::Debian { name: "zlib".into(), version: "1".into(), file: "zlib_1.orig.tar.gz".into() };
    let error = person.fetcher().published(&origin, &|_| {}).unwrap_err();
    assert!(matches!(error, FetchError::NotConfigured { .. }), "{error:?}");
    assert!(error.help().contains("sources.list"), "{}", error.help());
}

#[test]
fn the_indexes_that_apt_has_here_are_read_first() {
    let person = Person::new();
    person.write("system/etc/apt/sources.list", "deb http://deb.invalid/debian trixie main\n");
    let stanza = format!(
        "Package: a\nVersion: 1-1\nFilename: pool/main/a/a/a_1-1_all.deb\nSize: 7\nSHA256: {}\n",
        "0c".repeat(32)
    );
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let mut packed = lz4_flex::frame::FrameEncoder::new(Vec::new());
    std::io::Write::write_all(&mut packed, stanza.as_bytes()).unwrap();
    let name =
        format!("system/var/lib/apt/lists/deb.invalid_debian_dists_trixie_main_binary-{arch}_Packages.lz4");
    person.write(&name, packed.finish().unwrap());
    let origin = Origin::Debian { name: "a".into(), version: "1-1".into(), file: "a_1-1_all.deb".into() };
    let fetcher = person.fetcher();
    assert_eq!(fetcher.published(&origin, &|_| {}).unwrap(), SourceHash::Sha256([12; 32]));
    assert_eq!(fetcher.size(&origin, &|_| {}).unwrap(), Some(7));
}

#[test]
fn a_proxy_is_asked_for_everything_but_its_exceptions() {
    let body = bytes(100);
    let (hash, data) = (blake3_of(&body), body.clone());
    let proxy = Server::new(move |asked| {
        if asked.method == "CONNECT" {
            // Whatever it is asked to connect to, it is the server itself.
            return vec![
                Do::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
                Do::Send(head(200, &[], data.len())),
                Do::Send(data.clone()),
            ];
        }
        serve(asked, &data, "x")
    });
    let mut person = Person::new();
    person.config.env.insert("http_proxy".into(), proxy.url(""));
    let origin = Origin::Url { url: "http://nowhere.invalid/a".into() };
    let (result, _) = fetch(&person.fetcher(), &source(origin.clone(), hash));
    assert_eq!(result.unwrap(), body);
    assert!(proxy.asked()[0].path.contains("nowhere.invalid"), "{:?}", proxy.paths());
    let mut person = Person::new();
    person.config.env.insert("http_proxy".into(), proxy.url(""));
    person.config.env.insert("no_proxy".into(), ".invalid".into());
    let before = proxy.asked().len();
    assert!(fetch(&person.fetcher(), &source(origin, hash)).0.is_err());
    assert_eq!(proxy.asked().len(), before);
}
