# bsdtar and bsdcat, libarchive's programs: they list, make and unpack archives of many formats.
use lib/c.nu
use lib/check.nu
use lib/libarchive.nu

export def main [] {
  derivation bsdtar $libarchive.version {
    src: (libarchive download)
    language: c
    tools: (c tools)
    packages: (c packages {
      libarchive: (pkg libarchive), zlib: (pkg zlib), bzip2: (pkg bzip2), xz: (pkg xz), zstd: (pkg zstd)
    })
    build: {|p|
      libarchive write-config
      let flags = libarchive flags
      c compile common (glob "src/libarchive_fe/*.c") $flags
      c compile tar (glob "src/tar/*.c" --except "**/*windows*") $flags
      c compile cat (glob "src/cat/*.c") $flags
      let libraries = [-larchive -lz -lbz2 -llzma -lzstd]
      # bsdtar goes about directories that are open, and keeps modes.
      let wrapped = [open openat stat lstat fstat fstatat] | each {|name| $"--wrap=($name)" }
      c link bsdtar [(c objects tar) (c objects common) ...$libraries ...$wrapped -lposix-compat-dirs]
      c link bsdcat [(c objects cat) (c objects common) ...$libraries]
      install bsdtar bsdcat bin/ --executable
    }
    check: {|p|
      check build-same
      ^bsdtar --version | expect --contains $"bsdtar ($p.version)"
      write in/a.txt "a text\n"
      write in/deep/er/run "#!\n" --executable
      copy src/libarchive/archive_read_support_format_zip.c in/deep/
      symlink in/deep/link er/run
      for kind in [[name flags]; [tgz [-z]] [tbz [-j]] [txz [-J]] [tzst [--zstd]] [zip [--format zip]] [7z [--format 7zip]]
                   [cpio [--format cpio]]] {
        ^bsdtar -c ...$kind.flags -f $"all.($kind.name)" in
        make-directory $"out-($kind.name)"
        ^bsdtar -xf $"all.($kind.name)" -C $"out-($kind.name)"
        for file in [a.txt deep/er/run deep/link deep/archive_read_support_format_zip.c] {
          check same $"in/($file)" $"out-($kind.name)/in/($file)"
        }
      }
      ^bsdtar -tf all.7z | expect --contains "in/deep/er/run\n"
      ^bsdcat all.txz | save all.tar
      ^bsdtar -tf all.tar | expect --contains "in/deep/link\n"
      # Nothing leaves the directory that it is unpacked in.
      write ../build/evil "x"
      ^bsdtar -c -P -f evil.tar ../build/evil
      make-directory jail
      expect-exit 1 { ^bsdtar -xf evil.tar -C jail }
      write broken.zip "PK\u{3}\u{4}, which it is not"
      expect-exit 1 { ^bsdtar -tf broken.zip }
    }
    programs: { bsdtar: "bin/bsdtar", bsdcat: "bin/bsdcat" }
    meta: {
      description: "tar for archives of many formats: tar, zip, 7z, cpio, iso, rar"
      homepage: "https://libarchive.org"
      license: "BSD-2-Clause"
      purl: $"pkg:generic/libarchive@($libarchive.version)"
    }
  }
}
