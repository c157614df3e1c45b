//! The text of a first recipe, for `nuka new`: something that evaluates, says what is known and shows what to change.

use crate::fetch::{Guess, Resolved};
use nuka_pir::{ArchiveFormat, Origin, Unpack, Version};
use std::fmt::Write as _;

/// The text of a recipe for the package `name`.
///
/// With `resolved` its source, version and description are filled in, and the build is a guess from what the
/// archive holds; without, everything is a commented example. `name` must be a valid package name.
pub fn first_recipe(name: &str, resolved: Option<&Resolved>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match resolved {
        Some(resolved) => from_source(&mut text, name, resolved),
        None => template(&mut text, name),
    };
    text
}

/// A Nushell text in double quotes.
fn quoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 2);
    result.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => result.extend(['\\', character]),
            '\n' => result.push_str("\\n"),
            '\t' => result.push_str("\\t"),
            '\r' => result.push_str("\\r"),
            character if is_hidden(character) => result.extend(character.escape_unicode()),
            character => result.push(character),
        }
    }
    result.push('"');
    result
}

/// True for what a recipe must not hold as it is, as it could not be seen.
fn is_hidden(character: char) -> bool {
    nuka_pir::check_text(character.encode_utf8(&mut [0; 4])).is_err()
}

/// The call that fetches a source.
fn fetch_call(resolved: &Resolved) -> String {
    let mut call = match &resolved.origin {
        Origin::Crate { name, version } => format!("fetch crate {} {}", quoted(name), quoted(version)),
        Origin::Npm { name, version } => format!("fetch npm {} {}", quoted(name), quoted(version)),
        Origin::Pypi { name, version, file } => {
            format!("fetch pypi {} {} --file {}", quoted(name), quoted(version), quoted(file))
        }
        Origin::Debian { name, version, file } => {
            format!("fetch debian {} {} --file {}", quoted(name), quoted(version), quoted(file))
        }
        Origin::Url { url } => format!("fetch url {}", quoted(url)),
        Origin::Path { path } => format!("fetch path {}", quoted(path)),
    };
    let Unpack { format, strip, subdir, drop_extras } = &resolved.unpack;
    if let Some(format) = format {
        let name = match format {
            ArchiveFormat::Tar => "tar",
            ArchiveFormat::Zip => "zip",
            ArchiveFormat::Deb => "deb",
            ArchiveFormat::File => "file",
        };
        call.push_str(&format!(" --format {name}"));
    }
    if let Some(strip) = strip {
        call.push_str(&format!(" --strip {strip}"));
    }
    if let Some(subdir) = subdir {
        call.push_str(&format!(" --subdir {}", quoted(subdir)));
    }
    if *drop_extras {
        call.push_str(" --drop-extras");
    }
    format!("({call}\n      --hash {})", quoted(&resolved.hash.to_string()))
}

/// The package URL of a source, by which advisories find it.
fn purl(resolved: &Resolved) -> Option<String> {
    Some(match &resolved.origin {
        Origin::Crate { name, version } => format!("pkg:cargo/{name}@{version}"),
        Origin::Npm { name, version } => format!("pkg:npm/{}@{version}", name.replacen('@', "%40", 1)),
        Origin::Pypi { name, version, .. } => format!("pkg:pypi/{name}@{version}"),
        Origin::Debian { name, version, .. } => {
            format!("pkg:deb/debian/{name}@{}?arch=source", version.replace(':', "%3A"))
        }
        Origin::Url { .. } | Origin::Path { .. } => return None,
    })
}

fn from_source(text: &mut String, name: &str, resolved: &Resolved) -> std::fmt::Result {
    // Only one line: the next would be no comment.
    let about = resolved.description.as_deref().and_then(|text| text.lines().next());
    let about = about.unwrap_or("say in one line what it is").replace(is_hidden, "?");
    writeln!(text, "# {name}: {about}")?;
    writeln!(text, "#")?;
    writeln!(
        text,
        "# A first draft. `nuka build ./{name}.nu` tries it; `nuka log {name}` shows what its tools said."
    )?;
    if resolved.source_directories.len() > 1 {
        // Names in an archive are anybody's: no line of them may end the comment.
        let list = resolved.source_directories.join(" ").replace(is_hidden, "?");
        writeln!(text, "# Sources are in: {list}")?;
        writeln!(text, "# (`--subdir DIR` in the fetch takes one of them alone.)")?;
    }
    // The recipe's version is upstream's; what the ecosystem calls it may be another one.
    let fits = Version::new(&resolved.version).is_ok();
    let version = if fits { resolved.version.as_str() } else { "0.0.0" };
    writeln!(text, "\nexport def main [] {{")?;
    writeln!(text, "  derivation {} {} {{", quoted(name), quoted(version))?;
    writeln!(text, "    src: {}", fetch_call(resolved))?;
    let language = match resolved.language {
        Guess::C => "c",
        Guess::Cpp => "cpp",
        Guess::Other => "data",
    };
    writeln!(text, "    language: {language}")?;
    match resolved.language {
        Guess::C | Guess::Cpp => compiled(text, name, resolved)?,
        Guess::Other => {
            writeln!(text, "    build: {{|p|")?;
            writeln!(text, "      # Nothing to compile was found: this takes the files as they are.")?;
            writeln!(text, "      copy src $\"($p.out)/share/{name}\"")?;
            writeln!(text, "    }}")?;
        }
    }
    let mut meta = Vec::new();
    for (key, value) in [
        ("description", resolved.description.clone()),
        ("homepage", resolved.homepage.clone()),
        ("license", resolved.license.clone()),
        ("purl", purl(resolved)),
    ] {
        meta.extend(value.map(|value| format!("      {key}: {}", quoted(&value))));
    }
    if !meta.is_empty() {
        writeln!(text, "    meta: {{\n{}\n    }}", meta.join("\n"))?;
    }
    writeln!(text, "  }}\n}}")
}

/// The fields of a package whose C or C++ sources become a library.
fn compiled(text: &mut String, name: &str, resolved: &Resolved) -> std::fmt::Result {
    let directory = resolved.source_directories.first().map(String::as_str).filter(|path| *path != ".");
    let below = directory.map_or("src".to_owned(), |path| format!("src/{path}"));
    let compiler = if resolved.language == Guess::Cpp { "clang++" } else { "clang" };
    let ending = &resolved.ending;
    writeln!(text, "    tools: {{ clang: (pkg clang) }}")?;
    writeln!(text, "    packages: {{ libc: (pkg wasi-libc) }}")?;
    writeln!(text, "    build: {{|p|")?;
    writeln!(text, "      make-directory obj $\"($p.out)/lib\"")?;
    writeln!(text, "      # Each source by a clang that itself runs as wasm, on all cores at once.")?;
    writeln!(text, "      for-each (glob {}) {{|f|", quoted(&format!("{below}/*.{ending}")))?;
    writeln!(text, "        ^{compiler} -O2 -I {} -c $f -o $\"obj/($f.stem).o\"", quoted(&below))?;
    writeln!(text, "      }}")?;
    writeln!(text, "      ^llvm-ar rcs $\"($p.out)/lib/lib{name}.a\" (glob \"obj/*.o\")")?;
    if resolved.headers {
        writeln!(text, "      install (glob {}) include/", quoted(&format!("{below}/*.h")))?;
    }
    writeln!(text, "    }}")?;
    writeln!(text, "    outputs: {{ dev: [\"include/**\" \"lib/*.a\"] }}")
}

fn template(text: &mut String, name: &str) -> std::fmt::Result {
    let quoted_name = quoted(name);
    write!(
        text,
        r#"# {name}: say in one line what it is
#
# Where can its source be had? An ecosystem that keeps every version is best:
#   (fetch crate NAME VERSION)   (fetch npm NAME VERSION)   (fetch pypi NAME VERSION --file FILE)
#   (fetch url ADDRESS)          (fetch path DIRECTORY)     (fetch debian NAME VERSION --file FILE)
# `nuka update-hashes ./{name}.nu` adds the hashes. `nuka new NAME --from crate:X` fills in a recipe like this one.

export def main [] {{
  derivation {quoted_name} "0.1.0" {{
    # src: (fetch crate some-sys "1.0.0" --subdir "src")
    language: c
    # What runs in the build, and what the result is linked with:
    # tools: {{ clang: (pkg clang) }}
    # packages: {{ libc: (pkg wasi-libc) }}
    build: {{|p|
      # ^clang -O2 src/main.c -o {name}.wasm
      # install {name}.wasm bin/{name} --executable
      write $"($p.out)/share/doc/{name}/README" "replace this by the steps that build {name}\n"
    }}
    # programs: {{ {name}: {program} }}
    # check: {{|p| ^{name} --version | expect --contains "0.1.0" }}
    meta: {{ description: "say in one line what it is" }}
  }}
}}
"#,
        program = quoted(&format!("bin/{name}")),
    )
}

#[cfg(test)]
mod tests {
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
        # A first draft. `nuka build ./z.nu` tries it; `nuka log z` shows what its tools said.
        # Sources are in: . contrib
        # (`--subdir DIR` in the fetch takes one of them alone.)

        export def main [] {
          derivation "z" "1.1.20" {
            src: (fetch crate "libz-sys" "1.1.20" --subdir "src/zlib"
              --hash "sha256:abababababababababababababababababababababababababababababababab")
            language: c
            tools: { clang: (pkg clang) }
            packages: { libc: (pkg wasi-libc) }
            build: {|p|
              make-directory obj $"($p.out)/lib"
              # Each source by a clang that itself runs as wasm, on all cores at once.
              for-each (glob "src/*.c") {|f|
                ^clang -O2 -I "src" -c $f -o $"obj/($f.stem).o"
              }
              ^llvm-ar rcs $"($p.out)/lib/libz.a" (glob "obj/*.o")
              install (glob "src/*.h") include/
            }
            outputs: { dev: ["include/**" "lib/*.a"] }
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
            "^clang++ -O2 -I \"src/src/lib\"",
            "language: cpp",
            "derivation \"b\" \"0.0.0\"",
            "fetch url \"https://example.org/a.tgz\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("install"), "{text}");
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
        # A first draft. `nuka build ./b.nu` tries it; `nuka log b` shows what its tools said.

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
        # Where can its source be had? An ecosystem that keeps every version is best:
        #   (fetch crate NAME VERSION)   (fetch npm NAME VERSION)   (fetch pypi NAME VERSION --file FILE)
        #   (fetch url ADDRESS)          (fetch path DIRECTORY)     (fetch debian NAME VERSION --file FILE)
        # `nuka update-hashes ./hello.nu` adds the hashes. `nuka new NAME --from crate:X` fills in a recipe like this one.

        export def main [] {
          derivation "hello" "0.1.0" {
            # src: (fetch crate some-sys "1.0.0" --subdir "src")
            language: c
            # What runs in the build, and what the result is linked with:
            # tools: { clang: (pkg clang) }
            # packages: { libc: (pkg wasi-libc) }
            build: {|p|
              # ^clang -O2 src/main.c -o hello.wasm
              # install hello.wasm bin/hello --executable
              write $"($p.out)/share/doc/hello/README" "replace this by the steps that build hello\n"
            }
            # programs: { hello: "bin/hello" }
            # check: {|p| ^hello --version | expect --contains "0.1.0" }
            meta: { description: "say in one line what it is" }
          }
        }
        "#);
    }

    /// What the draft of a package `it` evaluates to.
    fn evaluated(text: &str) -> nuka_pir::Pir {
        let mut files = nuka_nushell_ext::RecipeMap::new();
        let path = |name: &str| nuka_nushell_ext::RecipePath::new(&format!("{name}.nu")).unwrap();
        files.insert(path("it"), text);
        for other in ["clang", "wasi-libc"] {
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
        let hashes =
            [SourceHash::Sha256([0xab; 32]), SourceHash::Sha512([7; 64]), SourceHash::Blake3([1; 32])];
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
                        let source =
                            nuka_pir::Source { origin: origin.clone(), hash, unpack: unpack.clone() };
                        assert_eq!(pir.build.sources.values().collect::<Vec<_>>(), [&source]);
                        assert!(!pir.build.steps.is_empty());
                    }
                }
            }
        }
        assert_eq!(evaluated(&first_recipe("it", None)).version.as_str(), "0.1.0");
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
}
