//! A bootstrap in small: a seed that is one native program, and tools of a few instructions, in the places of Go's. What it
//! shows holds for the large one, as the packages, their order and the ways to fail are the same.
//!
//! The seed's `go` copies tools that are beside it, where that of the large one compiles them. The planner prints a plan
//! of two packages and a program; compiler and linker write what the plan says into files.

use std::{fs, path::Path};

/// What the plan has the compiler make of the second package, and the linker of the program.
pub struct Toy {
    /// The text of package `two`: see `toy.wat` for what its first letter does.
    pub two: &'static str,
    /// A step of the source's build.
    pub patch: &'static str,
}

impl Default for Toy {
    fn default() -> Self {
        Self { two: "two", patch: "substitute src/src/runtime/alg.go { return: 'return trimmed' }" }
    }
}

/// The program that all stages make, as its import path ends.
pub const HELLO: &str = "nuka.invalid/go-plan/hello";
/// What is in it.
const GREETING: &str = "hello";

/// `main` of the seed, whose table of file names stands behind it: opens the first, makes the second, executable, copies up
/// to a MiB, and goes on until a name is empty; then exits with 0.
pub const COPY: [u8; 87] = [
    0x48, 0x8d, 0x1d, 0x50, 0, 0, 0, 0x80, 0x3b, 0, 0x74, 0x44, 0x6a, 0x02, 0x58, 0x48, 0x89, 0xdf, 0x31,
    0xf6, 0x0f, 0x05, 0x49, 0x89, 0xc4, 0x48, 0xff, 0xc3, 0x80, 0x7b, 0xff, 0, 0x75, 0xf7, 0x6a, 0x55, 0x58,
    0x48, 0x89, 0xdf, 0xbe, 0xed, 0x01, 0, 0, 0x0f, 0x05, 0x49, 0x89, 0xc5, 0x48, 0xff, 0xc3, 0x80, 0x7b,
    0xff, 0, 0x75, 0xf7, 0x6a, 0x28, 0x58, 0x4c, 0x89, 0xef, 0x4c, 0x89, 0xe6, 0x31, 0xd2, 0x41, 0xba, 0, 0,
    0x10, 0, 0x0f, 0x05, 0xeb, 0xb7, 0x6a, 0x3c, 0x58, 0x31, 0xff, 0x0f, 0x05,
];

/// A whole ELF program for x86-64 Linux of these instructions.
pub fn elf(code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 0x78;
    let size = HEADERS + code.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for word in [BASE + HEADERS, 0x40, 0] {
        elf.extend(word.to_le_bytes());
    }
    // No flags; the sizes and numbers of headers; then one segment that may be read and executed.
    elf.extend(b"\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0");
    for word in [0, BASE, BASE, size, size, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(code);
    elf
}

fn seed() -> Vec<u8> {
    let mut code = COPY.to_vec();
    for name in ["compile", "asm", "link", "go-plan", "hello"] {
        code.extend(format!("/usr/lib/go/toy/{name}\0/build/out/usr/bin/{name}\0").bytes());
    }
    code.push(0);
    elf(&code)
}

/// A planner that prints this plan, whatever it is asked.
fn planner(plan: &str) -> Vec<u8> {
    let escaped: String = plan.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = plan.len();
    wat::parse_str(format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "{escaped}")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const {length}))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    ))
    .unwrap()
}

fn plan(two: &str) -> String {
    let archive = |path: &str, needs: &str, text: &str| {
        let file = format!("out/usr/lib/go/wasip1_wasm/{path}.a");
        let directory = file.rsplit_once('/').unwrap().0;
        format!(
            r#"{{"path": "{path}", "needs": [{needs}], "bytes": 10, "steps": [
                {{"make_directory": "{directory}"}}, {{"run": {{"command": ["compile", "{file}", "{text}"]}}}}]}}"#
        )
    };
    let packages =
        [archive("one", "", "one"), archive("two", r#""one""#, two), archive(HELLO, r#""two""#, "hello")];
    let program = format!(
        r#"{{"path": "{HELLO}", "needs": ["one", "two", "{HELLO}"], "bytes": 0, "steps": [
            {{"make_directory": "out/usr/bin"}},
            {{"run": {{"command": ["link", "out/usr/bin/hello", "{GREETING}"]}}}},
            {{"install": {{"from": ["out/usr/bin/hello"], "to": "bin/", "executable": true}}}}]}}"#
    );
    format!(r#"{{"packages": [{}], "programs": [{program}]}}"#, packages.join(", "))
}

impl Toy {
    /// Writes sources and recipes into a directory of recipes, where they go before nuka's own. `hash` gives the CID of a
    /// directory in hex.
    pub fn write(&self, recipes: &Path, hash: impl Fn(&Path) -> String) {
        let write = |path: &str, bytes: &[u8]| {
            let path = recipes.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let tool = wat::parse_str(include_str!("toy.wat")).unwrap();
        write("toy-seed/go", &seed());
        write("toy-source/src/runtime/alg.go", b"return h\n");
        write("toy-source/src/cmd/README", b"\n");
        for name in ["compile", "asm", "link"] {
            write(&format!("toy-seed/toy/{name}"), &tool);
        }
        write("toy-seed/toy/go-plan", &planner(&plan(self.two)));
        write("toy-seed/toy/hello", GREETING.as_bytes());
        let recipe = |name: &str, source: &str, target: &str, steps: &str| {
            let hash = hash(&recipes.join(source));
            format!(
                r#"export def main [] {{
  derivation {name} "1.0" {{
    src: (fetch path {source} --hash "blake3:{hash}")
    language: go
    target: {target}
    build: {{|p|
      {steps}
    }}
  }}
}}
"#
            )
        };
        let seed = recipe(
            "go-seed",
            "toy-seed",
            "x86_64-linux",
            "install src/go lib/go/bin/ --executable; install src/toy lib/go/",
        );
        let copy = "install src/src lib/go/";
        let source = recipe("go-source", "toy-source", "any", &format!("{}\n      {copy}", self.patch));
        write("go-seed.nu", seed.as_bytes());
        write("go-source.nu", source.as_bytes());
    }
}
