# bzip2: the C files that bzip2-sys carries are those of bzip2's own release, to the byte.
use lib/c.nu
use lib/check.nu

const version = "1.0.8"

export def main [] {
  derivation bzip2 $version {
    src: (fetch crate bzip2-sys "0.1.13+1.0.8" --subdir bzip2-1.0.8
      --hash "sha256:225bff33b2141874fe80d71e07d6eec4f85c5c216453dd96388240f96e1acc14")
    language: c
    tools: (c tools)
    packages: (c packages)
    build: {|p|
      let flags = [-O2 -D_FILE_OFFSET_BITS=64]
      let library = [blocksort huffman crctable randtable compress decompress bzlib]
      c compile lib ($library | each {|name| $"src/($name).c" }) $flags
      c archive bz2 lib
      for program in [bzip2 bzip2recover] {
        c compile $program [$"src/($program).c"] [...$flags ...$c.posix]
        c link $program [(c objects $program) libbz2.a]
      }
      install bzip2 bzip2recover bin/ --executable
      symlink $"($p.out)/bin/bunzip2" bzip2
      symlink $"($p.out)/bin/bzcat" bzip2
      install libbz2.a lib/
      install src/bzlib.h include/
    }
    check: {|p|
      check build-same
      # Upstream's own test: three files, each with what comes of it at one level of compression.
      for level in [1 2 3] {
        let sample = $"src/sample($level)"
        ^bzip2 $"-($level)c" $"($sample).ref" | save packed.bz2
        check same packed.bz2 $"($sample).bz2"
        ^bzcat $"($sample).bz2" | save unpacked
        check same unpacked $"($sample).ref"
      }
      ^bzip2 -kf src/sample1.ref
      ^bunzip2 -t src/sample1.ref.bz2
      write broken.bz2 "BZh9, which it is not"
      expect-exit 2 { ^bzip2 -t broken.bz2 }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: {
      bzip2: "bin/bzip2", bunzip2: "bin/bunzip2", bzcat: "bin/bzcat", bzip2recover: "bin/bzip2recover"
    }
    meta: {
      description: "Compression by block sorting"
      homepage: "https://sourceware.org/bzip2"
      license: "bzip2-1.0.6"
      purl: $"pkg:generic/bzip2@($version)"
    }
  }
}
