# Building Go programs with nothing but WebAssembly. Each step of a build is one start of Go's compiler, assembler or linker;
# which ones there are is worked out in the build by `go-plan`, from the source as it is. What they make is for the platform
# that the package is asked for: WebAssembly, or static programs of another system.
#
#   env: (go environment)
#   tools: (go tools)
#   packages: (go packages)
#   build: {|p|
#     go programs [example.org/hello] --modules { "example.org/hello": src }
#     install ...
#   }
#   programs: (go bin [hello])

# Go's names of platforms: system and machine.
const platforms = {
  "wasm32-wasip1": { os: wasip1, arch: wasm }
  "x86_64-linux-gnu": { os: linux, arch: amd64 }
  "x86_64-linux-musl": { os: linux, arch: amd64 }
  "aarch64-linux-gnu": { os: linux, arch: arm64 }
  "aarch64-linux-musl": { os: linux, arch: arm64 }
  "x86_64-freebsd": { os: freebsd, arch: amd64 }
  "x86_64-darwin": { os: darwin, arch: amd64 }
  "aarch64-darwin": { os: darwin, arch: arm64 }
  "x86_64-windows": { os: windows, arch: amd64 }
}

# Go's name of the platform that the package is for.
def target [] {
  let wanted = (platform).target
  if $wanted not-in $platforms { error make { msg: $"Go's compiler is not set up for ($wanted)" } }
  $platforms | get $wanted
}

# What Go's tools are told of the target. The root stays empty: it must not be part of what they make. They run on one thread,
# where collecting memory is up to a third of the work, so they begin with it only when they have taken much.
export def environment [] {
  let target = (target)
  { GOOS: $target.os, GOARCH: $target.arch, GOROOT: "", GOEXPERIMENT: "", GOGC: "off", GOMEMLIMIT: "1800MiB" }
}

# Where Go's source is among the tools.
const root = "/usr/lib/go"

# The tools of a Go build; more can be given by name.
export def tools [more: record = {}] {
  { go: (pkg go), go-source: (pkg go-source) } | merge $more
}

# The target packages of a Go build: the standard library, compiled.
export def packages [more: record = {}] {
  { go-std: (pkg go-std) } | merge $more
}

# The programs of a package by their names, as the target's system calls their files.
export def bin [names: list<string>] {
  let suffix = (if (target).os == windows { ".exe" } else { "" })
  $names | each {|name| { $name: $"bin/($name)($suffix)" } } | into record
}

# Compiles the packages of programs, which are named by their import paths, and links them: they are in the result's bin/.
# `modules` says where modules are, by their paths; Go's own are known.
export def programs [paths: list<string>, --modules: record = {}] {
  let places = ($modules | items {|path, directory| [-module $"($path)=/build/($directory)"] } | flatten)
  (GOROOT=$root ^go-plan steps -std /nuka/target/usr/lib/go -out obj/archives ...$places ...$paths | save steps.nuon)
  steps-from steps.nuon
}

# Compiles all of the standard library into the result.
export def standard_library [] {
  GOROOT=$root ^go-plan steps -std /build/out/usr/lib/go -out out/usr/lib/go std | save steps.nuon
  steps-from steps.nuon
}
