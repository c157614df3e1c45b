//! The text of a first recipe, for `nuka new`: something that evaluates, says what is known and shows what to change.

use crate::fetch::{Guess, Resolved};
use nuka_pir::{ArchiveFormat, Origin, Unpack, Version};
use std::{cmp::Reverse, fmt::Write as _};

/// The text of a recipe for the package `name`.
///
/// With `resolved` its source, version and description are filled in, and the build is a guess from what the
/// archive holds; without, it is for a C program of one's own. `name` must be a valid package name.
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
        Origin::Bootstrap { name, version } => {
            format!("fetch bootstrap {} {}", quoted(name), quoted(version))
        }
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
        Origin::Url { .. } | Origin::Bootstrap { .. } | Origin::Path { .. } => return None,
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
    if resolved.language != Guess::Other {
        writeln!(text, "use lib/c.nu")?;
    }
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
    let first = resolved.source_directories.first().map(String::as_str);
    let directory = main_directory(name, resolved);
    let below = match directory {
        None | Some(".") => "src".to_owned(),
        Some(path) => format!("src/{path}"),
    };
    let files = |ending: &str| quoted(&format!("{below}/*.{ending}"));
    // What `-lz` finds is libz.a.
    let library = name.strip_prefix("lib").filter(|rest| !rest.is_empty()).unwrap_or(name);
    let archive = word(&format!("lib{library}.a"));
    let cpp = resolved.language == Guess::Cpp;
    let (more, throws, cxx) = if cpp {
        (" { cxxabi: (pkg cxxabi) }", " ...$c.exceptions", " ...$c.cxx_throwing")
    } else {
        ("", "", "")
    };
    writeln!(text, "    tools: (c tools)")?;
    writeln!(text, "    packages: (c packages{more})")?;
    writeln!(text, "    build: {{|p|")?;
    writeln!(
        text,
        "      # Leave out what does not belong: (glob ... --except FILES). Add what it has to be told: -DNAME, -I DIR,"
    )?;
    writeln!(
        text,
        "      # ...$c.setjmp for setjmp (linked with -lsetjmp). What `configure` would write: `c config`."
    )?;
    writeln!(text, "      let flags = [-O2 -DHAVE_UNISTD_H -I {} ...$c.posix{throws}]", quoted(&below))?;
    writeln!(text, "      c compile lib (glob {}) $flags", files(&resolved.ending))?;
    writeln!(text, "      c archive {} lib", word(library))?;
    writeln!(text, "      install {archive} lib/")?;
    if directory != first {
        writeln!(text, "      # Without headers, leave this out.")?;
    }
    if directory != first || resolved.headers {
        writeln!(text, "      install (glob {}) include/", files("h"))?;
    }
    writeln!(text, "      # A program, in place of the library or with it:")?;
    writeln!(text, "      # c compile program [FILE] $flags")?;
    writeln!(
        text,
        "      # c link {0} [(c objects program) {archive}{cxx}]; install {0} bin/ --executable",
        word(name)
    )?;
    writeln!(text, "    }}")?;
    writeln!(text, "    # programs: {{ {}: {} }}", word(name), quoted(&format!("bin/{name}")))?;
    writeln!(text, "    # check: {{|p| ... }}: what fails if it does not work")
}

/// Where the package's own sources most likely are: not among tests and the like; in a directory of the package's
/// name (for `libz-sys` in `zlib` rather than `zlib-ng`), there at the top or in `src` or `lib`; of several versions
/// in the newest; and then where most of them are.
fn main_directory<'a>(name: &str, resolved: &'a Resolved) -> Option<&'a str> {
    let names: Vec<String> = [name, &resolved.name].into_iter().flat_map(plain_names).collect();
    let rank = |path: &str| {
        let lower = path.to_ascii_lowercase();
        let own = |part: &str| names.iter().any(|name| name == part || name == without_version(part));
        let aside = lower.split('/').any(|part| !own(part) && is_aside(part));
        let named = lower.rsplit('/').enumerate().find(|(_, part)| own(part));
        let named = named.map(|(depth, part)| {
            let version = part.get(without_version(part).len()..).unwrap_or_default();
            let usual = lower.rsplit('/').next().is_some_and(|last| matches!(last, "src" | "source" | "lib"));
            (Reverse(depth), usual, numbers(version))
        });
        (!aside, named)
    };
    // Of equals the last is taken, and the list begins with those that have most.
    resolved.source_directories.iter().rev().max_by_key(|path| rank(path)).map(String::as_str)
}

/// True for the usual names of what stands beside a package's own sources.
fn is_aside(directory: &str) -> bool {
    matches!(directory, "contrib" | "doc" | "docs" | "tools" | "win32" | "windows")
        || ["test", "fuzz", "example", "bench", "demo"].iter().any(|part| directory.contains(part))
}

/// The names that a package's own directory may have: `z`, `libz` and `zlib` for `libz-sys`.
fn plain_names(name: &str) -> [String; 3] {
    let name = name.to_ascii_lowercase();
    let plain =
        ["-sys", "-src", "_sys", "_src"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let plain = plain.strip_prefix("lib").or_else(|| plain.strip_suffix("lib")).unwrap_or(plain);
    let plain = if plain.is_empty() { name.as_str() } else { plain };
    [plain.to_owned(), format!("lib{plain}"), format!("{plain}lib")]
}

/// `lua54` and `lua-5.4.8` as `lua`.
fn without_version(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if stem.len() == name.len() { name } else { stem.trim_end_matches('v').trim_end_matches(['-', '_']) }
}

/// The numbers in a version.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// A package's name or what is made of it, in quotes only where Nushell might read something else.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let keyword = matches!(text, "true" | "false" | "null" | "nan" | "inf" | "infinity");
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && !keyword && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

fn template(text: &mut String, name: &str) -> std::fmt::Result {
    let program = word(name);
    write!(
        text,
        r#"# {name}: say in one line what it is
#
# Put {name}.c into the directory src/ beside this file. Then
#   nuka update-hashes ./{name}.nu    writes the hash of src/ into this file: again after each edit in src/
#   nuka run ./{name}.nu              builds it and runs it
# For what others have published, `nuka new NAME --from crate:X` (npm:X, pypi:X, debian:X, an address) fills in more.
use lib/c.nu

export def main [] {{
  derivation {program} "0.1.0" {{
    # Where the sources are. Of others: (fetch crate NAME VERSION), npm, pypi, debian, (fetch url ADDRESS).
    src: (fetch path src)
    language: c
    # What runs in the build.
    tools: (c tools)
    # What it is linked with. More of them: (c packages {{ zlib: (pkg zlib) }}).
    packages: (c packages)
    build: {{|p|
      # The sources, and the compiler's flags.
      c compile program (glob "src/*.c") [-O2 ...$c.posix]
      # Libraries come behind the objects: [(c objects program) -lz].
      c link {program} [(c objects program)]
      install {program} bin/ --executable
    }}
    # What `nuka run` starts.
    programs: {{ {program}: {path} }}
    # What fails if it does not work. Say what it answers: ^{program} --version | expect --contains $p.version
    check: {{|p| ^{program} }}
    meta: {{ description: "say in one line what it is" }}
  }}
}}
"#,
        path = quoted(&format!("bin/{name}")),
    )
}

#[cfg(test)]
mod tests;
