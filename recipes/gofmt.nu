# gofmt, from the source of Go's own tools.
use lib/go.nu
use lib/golang.nu

export def main [] {
  derivation gofmt $golang.version {
    language: go
    tools: (go tools)
    packages: (go packages)
    env: (go environment)
    build: {|p| go programs [cmd/gofmt] }
    check: {|p|
      "package  main\nfunc main( ) {println( 1+2 ) }\n" | ^gofmt | expect "package main\n\nfunc main() { println(1 + 2) }\n"
      write wrong.go "package main\nfunc {\n"
      expect-exit 2 { ^gofmt wrong.go }
    }
    programs: (go bin [gofmt])
    permissions: { directory: write }
    meta: {
      description: "Formats Go source"
      homepage: "https://go.dev"
      license: "BSD-3-Clause"
    }
  }
}
