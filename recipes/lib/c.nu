# Building C and C++ for WASI: what the recipes share. A build compiles groups of sources, makes libraries of
# some and links programs:
#
#   c compile lib (glob "src/*.c") [-O2]
#   c archive z lib
#   c compile program [examples/zpipe.c] [-O2 ...$c.posix]
#   c link zpipe [(c objects program) libz.a]

# The tools of a C build; more can be given by name.
export def tools [more: record = {}] {
  { clang: (pkg clang) } | merge $more
}

# The target packages of a C build; more can be given by name.
export def packages [more: record = {}] {
  { wasi-libc: (pkg wasi-libc), posix-compat: (pkg posix-compat) } | merge $more
}

# Where the target packages are while a build runs.
const target = "/nuka/target/usr"

# For what every compilation needs to know: nothing is looked for where the compiler stands.
const always = ["--target=wasm32-wasip1" "--sysroot=/nuka/target/usr" "-resource-dir=/usr/lib/clang/22"]

# For programs that expect POSIX: declarations of what posix-compat has, and what wasi-libc only emulates.
export const posix = [
  -isystem /nuka/target/usr/include/posix-compat -include posix-compat.h
  -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_MMAN
]

# For sources that use setjmp; they are linked with -lsetjmp.
export const setjmp = [-mllvm -wasm-enable-sjlj -mllvm "-wasm-use-legacy-eh=false"]

# For C++ that throws.
export const exceptions = [-fwasm-exceptions -mllvm "-wasm-use-legacy-eh=false"]

# The C++ libraries to link with: for programs that do not throw, and for those that do (package cxxabi).
export const cxx = [-lc++ -lc++abi]
export const cxx_throwing = [-lc++abi-eh -lc++]

# Compiles each source, side by side: src/a.c becomes obj/GROUP/src/a.c.o, so that files of one name in two
# directories stay two objects. `sources` is a glob or a list of paths.
export def compile [group: string, sources, flags: list = []] {
  for-each $sources {|f|
    make-directory $"obj/($group)/($f.parent)"
    ^clang -c ...$always ...$flags $f -o $"obj/($group)/($f).o"
  }
}

# The objects of a group: an argument for `archive`, `link` and steps.
export def objects [group: string] {
  glob $"obj/($group)/**/*.o"
}

# Makes libNAME.a of groups, with no times or owners in it.
export def archive [name: string, ...groups: string] {
  ^llvm-ar rcsD $"lib($name).a" ...($groups | each {|group| objects $group })
}

# Links a program of objects, libraries and linker flags, in the order in which they are given. wasm's own stack
# is 64 KiB if nothing else is said; here it is 1 MiB, and `--stack` is another size in bytes.
export def link [
  program: string
  inputs: list
  --stack: int = 1048576
  --bare # without posix-compat: for what it is made of
] {
  let libraries = $"($target)/lib/wasm32-wasip1"
  let builtins = $"($target)/lib/wasm32-unknown-wasip1"
  let posix = if $bare { [] } else { [
    # wasi-libc's own stand in an object that every program gets, so they cannot be replaced, only wrapped.
    "--wrap=chmod" "--wrap=fchmod" "--wrap=fchmodat" -lposix-compat
    -lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-mman
  ] }
  (^wasm-ld -m wasm32 -z $"stack-size=($stack)" $"-L($builtins)" $"-L($libraries)" $"-L($target)/lib"
    $"($libraries)/crt1-command.o" ...$inputs ...$posix -lc $"($builtins)/libclang_rt.builtins.a" -o $program)
}

# The text of a config.h that says what is there, as `configure` would find it.
export def config [have: list<string>, more: list<string> = []] {
  [...($have | each {|name| $"#define HAVE_($name) 1" }) ...($more | each {|line| $"#define ($line)" }) ""] | str join "\n"
}
