//! What the trials build: small packages of every kind of step, and sources that are served over HTTP.

use nuka_pir::SourceHash;
use std::{fs, path::Path};

/// A package of many steps, which [`write`] makes too. It needs `put`.
pub const LONG: &str = "long";

/// How many steps that has.
pub const LONG_STEPS: u32 = 1 + 60 + 8 * 4 + 1 + 6 + 1;

/// The packages that [`write`] makes. All are built from what stands beside the recipes.
pub const ALL: [&str; 6] = ["put", "first", "second", "many", "packed", "split"];

/// Bytes that look random and follow from the seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A `.tar.gz` with one directory of `count` files, of `length` bytes that follow from the seed.
pub fn archive(seed: u64, count: u64, length: usize) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(packed);
    for number in 0..count {
        let mut header = tar::Header::new_ustar();
        header.set_size(length as u64);
        header.set_mode(0o644);
        let bytes = noise(seed * 1000 + number, length);
        builder
            .append_data(&mut header, format!("a-{seed}/{}/{number}", number % 3), bytes.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

pub fn hash_of(bytes: &[u8]) -> SourceHash {
    SourceHash::Blake3(*blake3::hash(bytes).as_bytes())
}

/// The recipe of a package that is what a server has at an address.
pub fn fetched(name: &str, url: &str, hash: SourceHash) -> String {
    format!(
        r#"export def main [] {{
  derivation {name} "1.0" {{
    src: (fetch url "{url}" --hash "{hash}")
    language: data
    build: {{|p| install src share/{name} }}
  }}
}}
"#
    )
}

fn recipe(name: &str, fields: &str, build: &str) -> String {
    format!(
        "export def main [] {{\n  derivation {name} \"1.0\" {{\n    language: data\n    {fields}\n    build: {{|p|\n      {build}\n    }}\n  }}\n}}\n"
    )
}

/// Writes the recipes, and what they fetch from beside them.
pub fn write(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    let wasm = wat::parse_str(include_str!("../it/put.wat")).unwrap();
    let source = |name: &str, bytes: &[u8]| {
        fs::write(directory.join(name), bytes).unwrap();
        format!("src: (fetch path {name} --hash \"{}\" --format file)", hash_of(bytes))
    };
    let put = "tools: { put: (pkg put) }";
    let packages = [
        ("put", source("put.wasm", &wasm), "install src/put.wasm bin/put --executable"),
        ("first", put.to_owned(), r#"make-directory out/usr/share; ^put out/usr/share/first "one" "two""#),
        (
            "second",
            "tools: { put: (pkg put) first: (pkg first) }".to_owned(),
            "copy /usr/share/first x; ^put y more; install x y share/second/",
        ),
        (
            "many",
            put.to_owned(),
            r#"make-directory out/usr/share
      for-each [a b c d e f g h] {|f| for-each [x y z] {|g| ^put $"out/usr/share/($f)($g)" $f $g } }"#,
        ),
        (
            "packed",
            source("packed.tar.gz", &archive(1, 60, 20_000)),
            "unpack src/packed.tar.gz out/usr/share/packed",
        ),
        (
            "split",
            format!("{put}\n    outputs: {{ dev: [\"include/**\"] }}"),
            "make-directory out/usr/include; ^put out/usr/include/x.h x; write out/usr/share/x x",
        ),
    ];
    let puts: String = (0..60).map(|number| format!("      ^put x{number} \"{number}\"\n")).collect();
    let long = r#"      for-each [a b c d e f g h] {|f| ^put $"y($f)" $f; copy x1 $"z/($f)"; ^put $"z/($f)more" $f; move-to $"y($f)" $"w/($f)" }
      write plan '[{run: {command: ["put", "g1", "1"]}}, {parallel: [[{run: {command: ["put", "g2", "2"]}}, {run: {command: ["put", "g3", "3"]}}], [{run: {command: ["put", "g4", "4"]}}]]}, {remove: ["g1"]}, {run: {command: ["put", "g5", "5"]}}]'
      steps-from plan
      install z w g2 g5 (glob "x*") share/"#;
    let long = format!("make-directory out/usr/share\n{puts}{long}");
    fs::write(directory.join(format!("{LONG}.nu")), recipe(LONG, put, &long)).unwrap();
    assert!(packages.iter().map(|(name, ..)| *name).eq(ALL));
    for (name, fields, build) in packages {
        fs::write(directory.join(format!("{name}.nu")), recipe(name, &fields, build)).unwrap();
    }
}
