# file and libmagic: what a file is, by what is in it.
use lib/c.nu

# The crate's tree is that of upstream's tag FILE5_45.
const version = "5.45"

const have = [
  STDINT_H INTTYPES_H UNISTD_H FCNTL_H BYTESWAP_H UTIME_H WCHAR_H WCTYPE_H GETOPT_H ERR_H SYS_STAT_H SYS_TYPES_H
  SYS_TIME_H SYS_IOCTL_H ZLIB_H BZLIB_H LZMA_H ZSTD_H VISIBILITY
  STRUCT_TM_TM_GMTOFF STRUCT_TM_TM_ZONE STRUCT_OPTION
  ASCTIME_R ASPRINTF CTIME_R DPRINTF FREELOCALE GETLINE GETOPT_LONG GMTIME_R LOCALTIME_R MBRTOWC MEMMEM MKSTEMP NEWLOCALE
  PREAD STRCASESTR STRLCAT STRLCPY STRNDUP STRTOF USELOCALE UTIME UTIMES VASPRINTF WCWIDTH
]

# Asks libmagic about a file, and compares the answer with another file.
const told = '
  #include <magic.h>
  #include <stdio.h>
  #include <string.h>
  int main(int argc, char **argv) {
    char wanted[4096] = "";
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (!file) return 2;
    wanted[fread(wanted, 1, sizeof wanted - 1, file)] = 0;
    wanted[strcspn(wanted, "\r\n")] = 0;
    magic_t magic = magic_open(MAGIC_NONE);
    if (!magic || magic_load(magic, "/usr/share/misc/magic")) return 3;
    const char *got = magic_file(magic, argv[1]);
    if (got && !strcmp(got, wanted)) return 0;
    printf("%s\n  is    : %s\n  wanted: %s\n", argv[1], got ? got : magic_error(magic), wanted);
    return 1;
  }
'

export def main [] {
  derivation file $version {
    src: (fetch crate filemagic "0.13.1" --subdir file
      --hash "sha256:0d75f995ee1753ae127a7de5f71005db660616d76ab281ba4a77a2cc0c79055a")
    language: c
    tools: (c tools)
    packages: (c packages { zlib: (pkg zlib), bzip2: (pkg bzip2), xz: (pkg xz), zstd: (pkg zstd) })
    build: {|p|
      write config.h (c config $have [
        $"VERSION \"($version)\"" "_GNU_SOURCE 1" "ZLIBSUPPORT 1" "BZLIBSUPPORT 1" "XZLIBSUPPORT 1" "ZSTDLIBSUPPORT 1"
      ])
      # Upstream puts the version in with sed.
      copy src/src/magic.h.in magic.h
      substitute magic.h { "X.YY": "545" }
      let flags = [
        -O2 -DHAVE_CONFIG_H -I. -Isrc/src "-DMAGIC=\"/usr/share/misc/magic\"" -Wno-everything ...$c.posix
      ]
      let library = [
        buffer magic apprentice softmagic ascmagic encoding compress is_csv is_json is_simh is_tar readelf print
        fsmagic funcs apptype der cdf cdf_time readcdf fmtcheck
      ]
      c compile lib ($library | each {|name| $"src/src/($name).c" }) $flags
      c archive magic lib
      c compile program [src/src/file.c src/src/seccomp.c] $flags
      c link file [(c objects program) libmagic.a -lz -lbz2 -llzma -lzstd]
      # The program compiles its own data base.
      ^./file -C -m src/magic/Magdir
      install file bin/ --executable
      install Magdir.mgc share/misc/magic.mgc
      install libmagic.a lib/
      install magic.h include/
    }
    check: {|p|
      ^file --version | expect --contains $"file-($version)\n"
      write page.html "<!DOCTYPE html><title>it</title>"
      write image.svg "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>"
      symlink link page.html
      ^file -b page.html | expect --contains "HTML document"
      ^file -bi image.svg | expect "image/svg+xml; charset=us-ascii\n"
      ^file -b link | expect "symbolic link to page.html\n"
      ^file -b src | expect "directory\n"
      ^file -b /usr/bin/file | expect --contains "WebAssembly (wasm) binary module"
      # Upstream's own tests: what is to be said of each file stands beside it. Left out are those that bring
      # their own descriptions.
      write told.c $told
      c compile told [told.c] [-O2]
      c link told [(c objects told) -lmagic -lz -lbz2 -llzma -lzstd]
      for-each (glob "src/tests/*.testfile" --except ["src/tests/multiple.*" "src/tests/regex-eol.*"]) {|f|
        ^./told $f $"($f.parent)/($f.stem).result"
      }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { file: "bin/file" }
    meta: {
      description: "Tells what a file is, by what is in it"
      homepage: "https://www.darwinsys.com/file"
      license: "BSD-2-Clause"
      purl: $"pkg:generic/file@($version)"
    }
  }
}
