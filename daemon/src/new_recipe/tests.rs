//! First recipes, as they are written for each kind of source.

use super::*;
use nuka_pir::SourceHash;

fn resolved() -> Resolved {
    Resolved {
        origin: Origin::Crate { name: "libz-sys".into(), version: "1.1.20".into() },
        hash: SourceHash::Sha256([0xab; 32]),
        unpack: Unpack { subdir: Some("src/zlib".into()), ..Unpack::default() },
        name: "libz-sys".into(),
        version: "1.1.20".into(),
        description: Some("Says \"hello\" \\ ${x}".into()),
        homepage: None,
        license: Some("MIT".into()),
        language: Guess::C,
        source_directories: vec![".".into(), "contrib".into()],
        ending: "c".into(),
        headers: true,
    }
}

#[test]
fn a_draft_from_a_crate() {
    insta::assert_snapshot!(first_recipe("z", Some(&resolved())), @r#"
        # z: Says "hello" \ ${x}
        #
        # A first draft. `nuka build ./z.nu` tries it; `nuka log ./z.nu` shows what its tools said.
        # Sources are in: . contrib
        # (`--subdir DIR` in the fetch takes one of them alone.)
        use lib/c.nu

        export def main [] {
          derivation "z" "1.1.20" {
            src: (fetch crate "libz-sys" "1.1.20" --subdir "src/zlib"
              --hash "sha256:abababababababababababababababababababababababababababababababab")
            language: c
            tools: (c tools)
            packages: (c packages)
            build: {|p|
              # Leave out what does not belong: (glob ... --except FILES). Add what it has to be told: -DNAME, -I DIR,
              # ...$c.setjmp for setjmp (linked with -lsetjmp). What `configure` would write: `c config`.
              let flags = [-O2 -DHAVE_UNISTD_H -I "src" ...$c.posix]
              c compile lib (glob "src/*.c") $flags
              c archive z lib
              install libz.a lib/
              install (glob "src/*.h") include/
              # A program, in place of the library or with it:
              # c compile program [FILE] $flags
              # c link z [(c objects program) libz.a]; install z bin/ --executable
            }
            # programs: { z: "bin/z" }
            # check: {|p| ... }: what fails if it does not work
            meta: {
              description: "Says \"hello\" \\ ${x}"
              license: "MIT"
              purl: "pkg:cargo/libz-sys@1.1.20"
            }
          }
        }
        "#);
}

#[test]
fn a_draft_of_c_plus_plus_in_a_directory() {
    let data = Resolved {
        language: Guess::Cpp,
        ending: "cc".into(),
        source_directories: vec!["src/lib".into()],
        headers: false,
        version: "not a version!".into(),
        origin: Origin::Url { url: "https://example.org/a.tgz".into() },
        ..resolved()
    };
    let text = first_recipe("b", Some(&data));
    for part in [
        "glob \"src/src/lib/*.cc\"",
        "-I \"src/src/lib\"",
        "...$c.exceptions]",
        "(c packages { cxxabi: (pkg cxxabi) })",
        "language: cpp",
        "derivation \"b\" \"0.0.0\"",
        "fetch url \"https://example.org/a.tgz\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("include/"), "{text}");
}

#[test]
fn a_draft_of_something_that_is_not_compiled() {
    let data = Resolved {
        origin: Origin::Npm { name: "@a/b".into(), version: "2.0.0".into() },
        language: Guess::Other,
        source_directories: Vec::new(),
        unpack: Unpack::default(),
        ..resolved()
    };
    insta::assert_snapshot!(first_recipe("b", Some(&data)), @r#"
        # b: Says "hello" \ ${x}
        #
        # A first draft. `nuka build ./b.nu` tries it; `nuka log ./b.nu` shows what its tools said.

        export def main [] {
          derivation "b" "1.1.20" {
            src: (fetch npm "@a/b" "2.0.0"
              --hash "sha256:abababababababababababababababababababababababababababababababab")
            language: data
            build: {|p|
              # Nothing to compile was found: this takes the files as they are.
              copy src $"($p.out)/share/b"
            }
            meta: {
              description: "Says \"hello\" \\ ${x}"
              license: "MIT"
              purl: "pkg:npm/%40a/b@2.0.0"
            }
          }
        }
        "#);
}

#[test]
fn a_template_without_a_source() {
    insta::assert_snapshot!(first_recipe("hello", None), @r#"
        # hello: say in one line what it is
        #
        # Put hello.c into the directory src/ beside this file. Then
        #   nuka update-hashes ./hello.nu    writes the hash of src/ into this file: again after each edit in src/
        #   nuka run ./hello.nu              builds it and runs it
        # For what others have published, `nuka new NAME --from crate:X` (npm:X, pypi:X, debian:X, an address) fills in more.
        use lib/c.nu

        export def main [] {
          derivation hello "0.1.0" {
            # Where the sources are. Of others: (fetch crate NAME VERSION), npm, pypi, debian, (fetch url ADDRESS).
            src: (fetch path src)
            language: c
            # What runs in the build.
            tools: (c tools)
            # What it is linked with. More of them: (c packages { zlib: (pkg zlib) }).
            packages: (c packages)
            build: {|p|
              # The sources, and the compiler's flags.
              c compile program (glob "src/*.c") [-O2 ...$c.posix]
              # Libraries come behind the objects: [(c objects program) -lz].
              c link hello [(c objects program)]
              install hello bin/ --executable
            }
            # What `nuka run` starts.
            programs: { hello: "bin/hello" }
            # What fails if it does not work. Say what it answers: ^hello --version | expect --contains $p.version
            check: {|p| ^hello }
            meta: { description: "say in one line what it is" }
          }
        }
        "#);
}

#[test]
fn the_directory_with_the_packages_name_is_taken() {
    let chosen = |name: &str, own: &str, directories: &[&str]| {
        let source_directories = directories.iter().map(|path| (*path).to_owned()).collect();
        let data = Resolved { name: own.into(), source_directories, ..resolved() };
        main_directory(name, &data).map(str::to_owned)
    };
    for (name, own, directories, expected) in [
        ("z", "libz-sys", ["src/zlib-ng", "src/zlib-ng/arch/x86", "src/zlib"], "src/zlib"),
        ("lua", "lupa", ["x/luajit21/src", "x/lua51/src", "x/lua54"], "x/lua54"),
        ("lua", "lupa", ["x/lua53", "x/lua55", "x/lua54"], "x/lua55"),
        ("bzip2", "bzip2-sys", ["contrib", "bzip2-1.0.8", "."], "bzip2-1.0.8"),
        ("lz4", "lz4-sys", ["liblz4/ossfuzz", "liblz4/programs", "liblz4/lib"], "liblz4/lib"),
        ("it", "it", ["tests", "src", "lib"], "src"),
        ("it", "it", ["tests", "examples/a", "fuzz"], "tests"),
        ("gtest", "gtest", ["a", "gtest/src", "gtest/tests"], "gtest/src"),
    ] {
        assert_eq!(chosen(name, own, &directories).as_deref(), Some(expected), "{directories:?}");
    }
    assert_eq!(chosen("it", "it", &[]), None);
}

/// What the draft of a package `it` evaluates to.
fn evaluated(text: &str) -> nuka_pir::Pir {
    let mut files = nuka_nushell_ext::RecipeMap::new();
    let path = |name: &str| nuka_nushell_ext::RecipePath::new(&format!("{name}.nu")).unwrap();
    files.insert(path("it"), text);
    files.insert(path("lib/c"), include_str!("../../../recipes/lib/c.nu"));
    for other in ["clang", "wasi-libc", "posix-compat", "cxxabi"] {
        let recipe = format!("export def main [] {{ derivation {other} 1.0 {{ language: c }} }}");
        files.insert(path(other), recipe);
    }
    let evaluator = nuka_nushell_ext::Evaluator::new(&files, nuka_nushell_ext::Options::default());
    let target = nuka_nushell_ext::Target::file(path("it"));
    match evaluator.evaluate(&[target]) {
        Ok(evaluation) => evaluation.packages[&evaluation.roots[0]].pir.clone(),
        Err(error) => panic!("{error}: {:?}\n{text}", error.help),
    }
}

#[test]
fn a_draft_of_each_kind_evaluates() {
    let name = || "it".to_owned();
    let origins = [
        Origin::Crate { name: "libz-sys".into(), version: "1.1.20".into() },
        Origin::Npm { name: "@scope/it".into(), version: "2.0.0-rc.1".into() },
        Origin::Pypi { name: name(), version: "1.0".into(), file: "it-1.0.tar.gz".into() },
        Origin::Debian {
            name: name(),
            version: "2:1.0~b1-3+b1".into(),
            file: "it_1.0~b1.orig.tar.xz".into(),
        },
        Origin::Url { url: "https://example.org/a(b)$c/it-1.0.tar.gz?x=\"1\"&y=$(z)".into() },
    ];
    let hashes = [SourceHash::Sha256([0xab; 32]), SourceHash::Sha512([7; 64]), SourceHash::Blake3([1; 32])];
    let unpacks = [
        Unpack::default(),
        Unpack {
            format: Some(ArchiveFormat::Tar),
            strip: Some(2),
            subdir: Some("a b/$(c)".into()),
            ..Unpack::default()
        },
    ];
    let languages = [(Guess::C, "c", nuka_pir::Language::C), (Guess::Cpp, "cc", nuka_pir::Language::Cpp)];
    let languages = languages.into_iter().chain([(Guess::Other, "", nuka_pir::Language::Data)]);
    for (guess, ending, language) in languages {
        for origin in &origins {
            for hash in hashes {
                for unpack in &unpacks {
                    let data = Resolved {
                        origin: origin.clone(),
                        hash,
                        unpack: unpack.clone(),
                        language: guess,
                        ending: ending.into(),
                        ..resolved()
                    };
                    let pir = evaluated(&first_recipe("it", Some(&data)));
                    assert_eq!(pir.name.as_str(), "it");
                    assert_eq!(pir.version.as_str(), "1.1.20");
                    assert_eq!(pir.run.language, language);
                    let source = nuka_pir::Source { origin: origin.clone(), hash, unpack: unpack.clone() };
                    assert_eq!(pir.build.sources.values().collect::<Vec<_>>(), [&source]);
                    assert!(!pir.build.steps.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_template_evaluates_once_it_has_a_hash() {
    let hash = format!("(fetch path src --hash \"blake3:{}\")", "0".repeat(64));
    for name in ["it", "true", "1e5", "a+b", "lib.x-y_z"] {
        let text = first_recipe(name, None).replace("(fetch path src)", &hash);
        let pir = evaluated(&text);
        assert_eq!(pir.name.as_str(), name);
        assert_eq!(pir.version.as_str(), "0.1.0");
        assert_eq!(pir.run.programs.len(), 1, "{text}");
        evaluated(&first_recipe(name, Some(&resolved())));
    }
}

#[test]
fn whatever_a_publisher_says_is_text_in_a_draft() {
    let evil = "a\" $(b) 'c' `d` \\ #e ${f}\n\r\t\u{202e}\u{7}\u{1b}[2J ($in) \u{0}";
    let data = Resolved {
        description: Some(evil.into()),
        homepage: Some(evil.into()),
        license: Some(evil.into()),
        version: evil.into(),
        source_directories: vec![".".into(), format!("{evil}\nexport def evil [] {{ }}")],
        ..resolved()
    };
    let text = first_recipe("it", Some(&data));
    assert!(!text.lines().any(|line| line.starts_with("export def evil")), "{text}");
    assert!(text.chars().all(|character| character == '\n' || !is_hidden(character)), "{text:?}");
    assert_eq!(text.matches("export def").count(), 2, "{text}");
}

#[test]
fn a_directory_with_a_strange_name_is_still_a_path() {
    let data = Resolved { source_directories: vec!["a \"b\" $(c)".into()], ..resolved() };
    let pir = evaluated(&first_recipe("it", Some(&data)));
    let text = nuka_pir::steps_to_text(&pir.build.steps).unwrap();
    assert!(text.contains(r#"src/a \"b\" $(c)/*.c"#), "{text}");
}
