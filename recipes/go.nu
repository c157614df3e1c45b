# Go's compiler, assembler and linker as WebAssembly. They have compiled themselves from source on the machine that they are
# on: see docs/bootstrap.md. What that gave is the same everywhere, which is what the hash says.
use lib/golang.nu

export def main [] {
  derivation go $golang.version {
    src: (fetch bootstrap go $golang.version --hash "blake3:675db973cb2e72f4a1e15c56673eb518ac93620e875875430836e6725db18f8f")
    language: go
    build: {|p| install src/bin/* bin/ --executable }
    check: {|p|
      ^compile -V | expect $"compile version go($p.version)\n"
      ^asm -V | expect $"asm version go($p.version)\n"
      ^link -V | expect $"link version go($p.version)\n"
    }
    programs: { compile: bin/compile, asm: bin/asm, link: bin/link, go-plan: bin/go-plan }
    permissions: { directory: write }
    meta: {
      description: "Go compiler, assembler and linker that compiled themselves as WebAssembly"
      homepage: "https://go.dev"
      license: "BSD-3-Clause"
    }
  }
}
