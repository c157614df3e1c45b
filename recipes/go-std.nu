# Go's standard library, compiled for the platform that it is asked for, by Go's compiler as WebAssembly.
use lib/go.nu
use lib/golang.nu

export def main [] {
  derivation go-std $golang.version {
    language: go
    tools: (go tools)
    env: (go environment)
    build: {|p| go standard_library }
    meta: {
      description: "Standard library of Go, compiled"
      homepage: "https://go.dev"
      license: "BSD-3-Clause"
    }
  }
}
