# Jsonnet: a C++ program, with exceptions.
use lib/c.nu
use lib/check.nu

const version = "0.17.0"

export def main [] {
  derivation jsonnet $version {
    src: (fetch crate jsonnet-sys "0.17.0" --subdir jsonnet
      --hash "sha256:02347cbdf34234f30f0d92f0f8f678a15883bd5e1e4b3def4ed4a14f691d9add")
    language: cpp
    tools: (c tools)
    packages: (c packages { cxxabi: (pkg cxxabi) })
    build: {|p|
      let flags = [
        -O2 "-std=c++11" -w -Isrc/include -Isrc/third_party/md5 -Isrc/third_party/json -Igen
        ...$c.posix ...$c.exceptions
      ]
      # The standard library is written in Jsonnet; a program that is built first makes a C array of it.
      c compile generator [src/stdlib/to_c_array.cpp] $flags
      c link to_c_array [(c objects generator) ...$c.cxx_throwing]
      make-directory gen
      ^./to_c_array src/stdlib/std.jsonnet gen/std.jsonnet.h
      let core = [desugarer formatter lexer libjsonnet parser pass static_analysis string_utils vm]
      c compile lib [...($core | each {|name| $"src/core/($name).cpp" }) src/third_party/md5/md5.cpp] $flags
      c archive jsonnet lib
      c compile common [src/cmd/utils.cpp] $flags
      for program in [jsonnet jsonnetfmt] {
        c compile $program [$"src/cmd/($program).cpp"] $flags
        c link $program [(c objects $program) (c objects common) libjsonnet.a ...$c.cxx_throwing]
      }
      install jsonnet jsonnetfmt bin/ --executable
      install libjsonnet.a lib/
      install src/include/libjsonnet.h src/include/libjsonnet++.h src/include/libjsonnet_fmt.h include/
    }
    check: {|p|
      check build-same
      ^jsonnet -S -e "std.md5('x') + std.length([i * i for i in std.range(1, 3)])" | expect "9dd4e461268c8034f5c8564e155c67a63\n"
      # Upstream's own tests: what comes of a file stands beside it (and, of traces, on standard error).
      make-directory made formatted
      for-each (glob "src/test_suite/*.jsonnet.golden" --except ["**/error.*" "**/trace.*"]) {|f|
        within src/test_suite {
          ^jsonnet --ext-str var1=test --ext-code "var2={x:1,y:2}" $f.stem | save $"/build/made/($f.stem)"
        }
        check same $"made/($f.stem)" $f
      }
      for-each (glob "src/test_suite/error.*.jsonnet") {|f|
        within src/test_suite { expect-exit 1 { ^jsonnet --ext-str var1=test --ext-code "var2={x:1,y:2}" $f.name } }
      }
      # What upstream's formatter gave is formatted already.
      for-each (glob "src/test_suite/*.fmt.golden") {|f|
        ^jsonnetfmt $f | save $"formatted/($f.name)"
        check same $"formatted/($f.name)" $f
      }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { jsonnet: "bin/jsonnet", jsonnetfmt: "bin/jsonnetfmt" }
    meta: {
      description: "A language for configuration that gives JSON"
      homepage: "https://jsonnet.org"
      license: "Apache-2.0"
      purl: $"pkg:generic/jsonnet@($version)"
    }
  }
}
