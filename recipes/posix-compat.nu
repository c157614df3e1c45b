# What POSIX programs ask for and WASI does not have: nuka's own small library. What cannot be done (processes,
# devices) fails with ENOSYS; what a tree does not have (owners, modes) is set without effect.
#
# Its text is in lib/posix-compat: the headers, and a C file for each subject.
use lib/c.nu
use lib/posix-compat/headers.nu
use lib/posix-compat/sources.nu

export def main [] {
  derivation posix-compat "1.0.0" {
    language: c
    tools: (c tools)
    packages: { wasi-libc: (pkg wasi-libc) }
    build: {|p|
      for file in ($headers.files | transpose name text) { write $"include/($file.name)" $file.text }
      for file in ($sources.files | transpose name text) { write $"src/($file.name)" $file.text }
      write dirs/dirs.c $sources.dirs
      let flags = [-O2 -Wall -Wextra -Werror -isystem include -include posix-compat.h -D_WASI_EMULATED_SIGNAL]
      c compile lib (glob "src/*.c") $flags
      c archive posix-compat lib
      c compile dirs [dirs/dirs.c] $flags
      c archive posix-compat-dirs dirs
      install libposix-compat.a libposix-compat-dirs.a lib/
      install include include/posix-compat
    }
    check: {|p|
      write test.c $sources.test
      c compile test [test.c] [-O2 -Wall -Werror -Wno-deprecated-declarations ...$c.posix]
      c link test [(c objects test)]
      ^./test | expect "all is well\n"
    }
    meta: {
      description: "POSIX calls that WASI lacks: harmless where they can be, refused where not"
      license: "MIT OR Apache-2.0"
    }
  }
}
