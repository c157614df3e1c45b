# QuickJS-ng, from the sources that the crate rquickjs-sys carries.
use lib/c.nu
use lib/check.nu

const version = "0.16.2"

# Upstream's own tests: those that need no other process, no thread, and nothing that only its test runner has.
const tests = [
  test_array_to_gc test_base64 test_bigint test_closure test_domexception test_language test_loop
  test_queue_microtask
]

export def main [] {
  derivation quickjs $version {
    src: (fetch crate rquickjs-sys "0.14.0" --subdir quickjs
      --hash "sha256:cee271d0eeba64f0915b846cb7ae02e16faf3dfdffdca91731101d9d30fe3423")
    language: c
    tools: (c tools)
    packages: (c packages)
    build: {|p|
      let flags = [-O2 -D_GNU_SOURCE -funsigned-char -DQUICKJS_NG_BUILD ...$c.posix]
      # JavaScript recurses on wasm's stack, and QuickJS does not watch it on WASI.
      let stack = 8388608
      let library = [quickjs dtoa libregexp libunicode quickjs-libc]
      c compile lib ($library | each {|name| $"src/($name).c" }) $flags
      c archive quickjs lib
      c compile qjsc [src/qjsc.c] $flags
      c link qjsc [(c objects qjsc) libquickjs.a] --stack $stack
      # The parts of qjs that are JavaScript, compiled by the compiler that was just built.
      make-directory gen
      for part in [repl standalone] {
        ^./qjsc -s -ss -o $"gen/($part).c" -m -n $"($part).js" $"src/($part).js"
      }
      c compile qjs [src/qjs.c gen/repl.c gen/standalone.c] [...$flags -Isrc]
      c link qjs [(c objects qjs) libquickjs.a] --stack $stack
      install qjs qjsc bin/ --executable
      install libquickjs.a lib/
      install src/quickjs.h src/quickjs-libc.h include/
    }
    check: {|p|
      check build-same
      # What upstream generated from the same files.
      for part in [repl standalone] {
        ^qjsc -s -ss -o $"($part).c" -m -n $"($part).js" $"src/($part).js"
        check same $"($part).c" $"src/gen/($part).c"
      }
      ^qjs -e "console.log(2n ** 64n, /(?<y>\\d+)/.exec('ab12').groups.y)" | expect "18446744073709551616 12\n"
      expect-exit 1 { ^qjs -e "throw new Error('wanted')" }
      write files.mjs "
        import * as std from 'qjs:std';
        import * as os from 'qjs:os';
        const file = std.open('made.txt', 'w');
        file.puts('héllo');
        file.close();
        console.log(std.loadFile('made.txt'), os.readdir('.')[0].includes('made.txt'), await 7);
      "
      ^qjs files.mjs | expect "héllo true 7\n"
      for-each $tests {|test| ^qjs $"src/tests/($test).js" }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { quickjs: "bin/qjs", qjs: "bin/qjs", qjsc: "bin/qjsc" }
    meta: {
      description: "A small JavaScript engine that knows today's JavaScript"
      homepage: "https://quickjs-ng.github.io/quickjs"
      license: "MIT"
      purl: $"pkg:generic/quickjs-ng@($version)"
    }
  }
}
