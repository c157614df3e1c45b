# Zstandard. The library is release 1.5.7, as the crate zstd-sys carries it (to the byte). That crate has no program;
# the program's source is from libzstd-rs-sys, which carries upstream's tree of some day after that release
# ("1.5.8") and does not say which. Only its programs/ is taken.
use lib/c.nu
use lib/check.nu

const version = "1.5.7"

export def main [] {
  derivation zstd $version {
    src: (fetch crate zstd-sys "2.1.2+zstd.1.5.7" --subdir zstd
      --hash "sha256:481ada9c543b2323cbb7bbdbb5249177fbf0188ed959ed2c15e4b22421c84ed3")
    sources: {
      programs: (fetch crate libzstd-rs-sys "0.0.0" --subdir programs
        --hash "sha256:ab751b0973e9cf5e4c1a77f2c5aee3ba06e9df267467f191c7123c85a7468ef2")
    }
    language: c
    tools: (c tools)
    packages: (c packages { zlib: (pkg zlib) })
    build: {|p|
      let flags = [-O2 -DZSTD_DISABLE_ASM -DDEBUGLEVEL=0]
      c compile lib (glob "src/lib/{common,compress,decompress,dictBuilder}/*.c") $flags
      c archive zstd lib
      # The program includes its library's headers by the way between them in upstream's tree.
      copy programs src/
      let program = [zstdcli zstdcli_trace util timefn fileio fileio_asyncio dibio]
      c compile program ($program | each {|name| $"src/programs/($name).c" }) [
        ...$flags ...$c.posix -Isrc/lib -Isrc/lib/common
        -DZSTD_GZCOMPRESS -DZSTD_GZDECOMPRESS -DZSTD_LEGACY_SUPPORT=0
        -DZSTD_NOBENCH -DBACKTRACE_ENABLE=0 -DXXH_NAMESPACE=ZSTD_ -DPLATFORM_POSIX_VERSION=200112L
        # The one thing that the newer program asks the library and 1.5.7 does not know.
        "-DZSTD_isDeterministicBuild()=1"
      ]
      c link zstd [(c objects program) libzstd.a -lz]
      install zstd bin/ --executable
      symlink $"($p.out)/bin/unzstd" zstd
      symlink $"($p.out)/bin/zstdcat" zstd
      install libzstd.a lib/
      install src/lib/zstd.h src/lib/zdict.h src/lib/zstd_errors.h include/
    }
    check: {|p|
      check build-same
      let text = "src/lib/compress/zstd_compress.c"
      for level in ["-1" "-19"] {
        ^zstd $level -c $text | save packed.zst
        ^zstd -t packed.zst
        ^zstdcat packed.zst | save back
        check same back $text
      }
      ^zstd --format=gzip -c $text | save packed.gz
      ^zstd -dc packed.gz | save back
      check same back $text
      write broken.zst "no frame at all"
      expect-exit 1 { ^zstd -t broken.zst }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { zstd: "bin/zstd", unzstd: "bin/unzstd", zstdcat: "bin/zstdcat" }
    meta: {
      description: "Fast compression with good ratios"
      homepage: "https://facebook.github.io/zstd"
      license: "BSD-3-Clause OR GPL-2.0-only"
      purl: $"pkg:generic/zstd@($version)"
    }
  }
}
