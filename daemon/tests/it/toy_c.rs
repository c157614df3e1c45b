//! C's bootstrap in small: a compiler that is WebAssembly and one that is native, which do the same: they copy files to where
//! those of the large one are made. The native one is the source that both make the next compiler of.

use crate::toy::{COPY, elf};
use std::{fmt::Write as _, fs, path::Path};

/// What may differ from a bootstrap that is well.
#[derive(Default)]
pub struct ToyC {
    /// What the native compiler makes another library of.
    pub library: Option<&'static str>,
    /// The exit code of the program that is made.
    pub exit: u8,
}

/// What both copy, whatever they are asked: from below `/`, and to below `/build`. Most of it is not there in most builds.
const COPIES: [(&str, &str); 10] = [
    ("usr/src/musl/src/string/a.c", "obj/a.o"),
    ("usr/src/musl/src/string/a.c", "obj-malloc/a.o"),
    ("usr/src/musl/src/string/a.c", "obj-tcc/a.o"),
    ("usr/src/musl/src/string/a.c", "obj-crt/crt1.o"),
    ("usr/src/musl/src/string/a.c", "obj-crt/crti.o"),
    ("usr/src/musl/src/string/a.c", "obj-crt/crtn.o"),
    (LIBRARY, "libc.a"),
    (LIBRARY, "libtcc1.a"),
    ("usr/src/tcc/tcc.c", "tcc"),
    ("build/src/lua.c", "lua"),
];
/// The library's source: an archive already.
const LIBRARY: &str = "usr/src/musl/src/string/library.c";

/// An archive with one member, as `ar` writes it.
fn archive(member: &str, content: &str) -> Vec<u8> {
    let header = format!("{member:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 0, content.len());
    format!("!<arch>\n{header}{content}").into_bytes()
}

/// Copies as [`COPY`] does, with WASI's calls.
fn wasm() -> Vec<u8> {
    let mut data = String::new();
    let mut calls = String::new();
    let mut at = 256;
    let mut text = |text: &str| {
        let place = at;
        write!(data, "(data (i32.const {place}) \"{text}\")").unwrap();
        at += text.len();
        format!("(i32.const {place}) (i32.const {})", text.len())
    };
    for (from, to) in COPIES {
        // The directories of a build step: /build is the first, /usr the third.
        let (directory, from) = match from.strip_prefix("usr/") {
            Some(from) => (5, from),
            None => (3, from.strip_prefix("build/").unwrap()),
        };
        writeln!(calls, "(call $copy (i32.const {directory}) {} {})", text(from), text(to)).unwrap();
    }
    wat::parse_str(format!(
        r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  {data}
  (func $copy (param $directory i32) (param $from i32) (param $length i32) (param $to i32) (param $to_length i32)
    (if (call $path_open (local.get $directory) (i32.const 0) (local.get $from) (local.get $length)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))
      (then (return)))
    (if (call $path_open (i32.const 3) (i32.const 0) (local.get $to) (local.get $to_length)
          (i32.const 9) (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 4))
      (then (return)))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.const 65536))
    (drop (call $fd_read (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 12)))
    (drop (call $fd_write (i32.load (i32.const 4)) (i32.const 8) (i32.const 1) (i32.const 16))))
  (func (export "_start") {calls}))"#
    ))
    .unwrap()
}

/// The same as a native program, which takes another library if it is to.
fn native(library: Option<&str>) -> Vec<u8> {
    let mut code = COPY.to_vec();
    for (from, to) in COPIES {
        let from = library.filter(|_| from == LIBRARY).unwrap_or(from);
        code.extend(format!("/{from}\0/build/{to}\0").bytes());
    }
    code.push(0);
    elf(&code)
}

impl ToyC {
    /// Another library, for the native compiler to take.
    pub const OTHER: &'static str = "usr/src/musl/src/string/other.c";

    /// Writes sources and recipes into a directory of recipes, where they go before nuka's own. `hash` gives the CID of a
    /// directory in hex.
    pub fn write(&self, recipes: &Path, hash: impl Fn(&Path) -> String) {
        let write = |path: &str, bytes: &[u8]| {
            let path = recipes.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("toy-tcc/tcc", &wasm());
        write("toy-tcc-source/tcc.c", &native(self.library));
        write("toy-tcc-source/lib/a.c", b"");
        write("toy-tcc-source/lib/a.S", b"");
        for name in ["src/string/a.c", "src/string/a.s", "src/malloc/mallocng/a.c", "include/stdio.h"] {
            write(&format!("toy-musl-source/{name}"), b"text");
        }
        for name in ["crt1", "crti", "crtn"] {
            write(&format!("toy-musl-source/crt/{name}.c"), b"");
        }
        write("toy-musl-source/src/string/library.c", &archive("a.o/", "this"));
        write("toy-musl-source/src/string/other.c", &archive("a.o/", "that"));
        write("toy-lua/testes/math.lua", b"");
        // exit(EXIT)
        write("toy-lua/lua.c", &elf(&[0x6a, 0x3c, 0x58, 0x6a, self.exit, 0x5f, 0x0f, 0x05]));
        for (name, steps) in [
            ("tcc", "install src/tcc bin/ --executable"),
            ("tcc-source", "install src src/tcc"),
            ("musl-source", "install src src/musl"),
            ("lua", "install src/lua.c bin/"),
        ] {
            let source = format!("toy-{name}");
            let hash = hash(&recipes.join(&source));
            let recipe = format!(
                r#"export def main [] {{
  derivation {name} "1.0" {{
    src: (fetch path {source} --hash "blake3:{hash}")
    language: c
    target: any
    build: {{|p| {steps} }}
  }}
}}
"#
            );
            write(&format!("{name}.nu"), recipe.as_bytes());
        }
    }
}
