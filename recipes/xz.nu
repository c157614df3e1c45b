# XZ Utils: liblzma and xz, from the sources that the crate lzma-sys carries. Old, and without threads.
use lib/c.nu
use lib/check.nu

const version = "5.2.5"

const have = [
  STDINT_H STDBOOL_H STRING_H INTTYPES_H LIMITS_H GETOPT_H SYS_TIME_H VISIBILITY FUTIMENS MBRTOWC WCWIDTH ENCODERS DECODERS
  CLOCK_GETTIME DECL_CLOCK_MONOTONIC CHECK_CRC32 CHECK_CRC64 CHECK_SHA256
  ENCODER_LZMA1 ENCODER_LZMA2 ENCODER_DELTA ENCODER_X86 ENCODER_POWERPC ENCODER_IA64 ENCODER_ARM ENCODER_ARMTHUMB
  ENCODER_SPARC
  DECODER_LZMA1 DECODER_LZMA2 DECODER_DELTA DECODER_X86 DECODER_POWERPC DECODER_IA64 DECODER_ARM DECODER_ARMTHUMB
  DECODER_SPARC
  MF_BT2 MF_BT3 MF_BT4 MF_HC3 MF_HC4
]

const settings = [
  "ASSUME_RAM 128" "SIZEOF_SIZE_T 4" "TUKLIB_SYMBOL_PREFIX lzma_" "NDEBUG 1" "LOCALEDIR \"/usr/share/locale\""
  "PACKAGE \"xz\"" "PACKAGE_NAME \"XZ Utils\"" "PACKAGE_URL \"https://tukaani.org/xz/\""
  "PACKAGE_BUGREPORT \"xz@tukaani.org\""
]

# What xz expects of its system and WASI has otherwise. It makes a pipe by which a signal could wake it; no signal will
# come, so there is none: poll() passes over -1. And sys/time.h does not bring in time.h.
const wasi = '
  #include <fcntl.h>
  #include <time.h>
  #include <unistd.h>
  #define pipe(ends) ((ends)[0] = (ends)[1] = -1, 0)
  #define fcntl(file, ...) ((file) < 0 ? 0 : fcntl(file, __VA_ARGS__))
'

export def main [] {
  derivation xz $version {
    src: (fetch crate lzma-sys "0.1.20" --subdir xz-5.2
      --hash "sha256:5fda04ab3764e6cde78b9974eec4f779acaba7c4e84b36eca3cf77c581b85d27")
    language: c
    tools: (c tools)
    packages: (c packages)
    build: {|p|
      write config.h (c config $have $settings)
      let flags = [-O2 "-std=gnu99" -DHAVE_CONFIG_H -I. -Isrc/src/common -Isrc/src/liblzma/api ...$c.posix]
      let parts = [common check lz rangecoder lzma delta simple]
      let files = [...($parts | each {|part| $"src/src/liblzma/($part)/*.c" }) src/src/common/tuklib_physmem.c]
      # Generators of tables that are there, smaller and slower variants, and what is for threads.
      let others = [
        "**/*_tablegen.c" "**/*_small.c" "**/*_mt.c" "**/outqueue.c" "**/hardware_cputhreads.c"
      ]
      let inside = $parts | each {|part| $"-Isrc/src/liblzma/($part)" }
      c compile lib (glob ...$files --except $others) [...$flags ...$inside]
      c archive lzma lib
      let common = [open_stdxxx progname exit mbstr_width mbstr_fw] | each {|name| $"src/src/common/tuklib_($name).c" }
      write wasi.h $wasi
      c compile program (glob "src/src/xz/*.c" ...$common) [...$flags -include wasi.h]
      c link xz [(c objects program) liblzma.a]
      install xz bin/ --executable
      symlink $"($p.out)/bin/unxz" xz
      symlink $"($p.out)/bin/xzcat" xz
      install liblzma.a lib/
      install src/src/liblzma/api/lzma.h src/src/liblzma/api/lzma include/
    }
    check: {|p|
      check build-same
      # Upstream's test files.
      for-each (glob "src/tests/files/good-*.xz") {|file| ^xz -t $file }
      for-each (glob "src/tests/files/bad-*.xz") {|file| expect-exit 1 { ^xz -t $file } }
      for level in ["-0" "-6" "-9e"] {
        ^xz $level -c src/ChangeLog | save packed.xz
        ^xzcat packed.xz | save back
        check same back src/ChangeLog
      }
      ^xz --robot --list packed.xz | expect --contains "CRC64"
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { xz: "bin/xz", unxz: "bin/unxz", xzcat: "bin/xzcat" }
    meta: {
      description: "Compression with high ratios (LZMA)"
      homepage: "https://tukaani.org/xz"
      license: "LicenseRef-xz-public-domain"
      purl: $"pkg:generic/xz@($version)"
    }
  }
}
