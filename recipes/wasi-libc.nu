# The C and C++ libraries for programs that run on WASI: the sysroot, merged at /nuka/target/usr of a build.
# It comes built, out of the same download as the compiler.
use lib/llvm.nu
use lib/c.nu

export def main [] {
  # Upstream gives wasi-libc no versions; this is the toolchain's.
  derivation wasi-libc "22.1.0" {
    src: (llvm download)
    language: c
    tools: (c tools) # for the check
    build: {|p|
      unpack src/llvm-resources.tar resources
      install resources/include/c++ resources/include/wasm32-wasip1 include/
      install resources/lib resources/share ./
    }
    check: {|p|
      write hello.c '
        #include <math.h>
        #include <stdio.h>
        int main(int argc, char **argv) {
          printf("%s %d %.3f %Lf\n", argv[1], argc, sqrt(2), 1.5L);
          return 3;
        }
      '
      write hello.cc '
        #include <format>
        #include <iostream>
        #include <map>
        int main() {
          std::map<std::string, int> numbers{{"one", 1}, {"two", 2}};
          for (auto &[name, number] : numbers) std::cout << std::format("{}={}\n", name, number);
        }
      '
      c compile c [hello.c] [-O2]
      c link hello [(c objects c) -lc-printscan-long-double] --bare
      expect-exit 3 { ^./hello world } | expect "world 2 1.414 1.500000\n"
      c compile cc [hello.cc] [-O2 -std=c++20 -fno-exceptions]
      c link hello++ [(c objects cc) ...$c.cxx] --bare
      ^./hello++ | expect "one=1\ntwo=2\n"
    }
    meta: {
      description: "C and C++ standard libraries for WASI programs"
      homepage: "https://github.com/WebAssembly/wasi-libc"
      license: "(Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT) AND MIT AND Apache-2.0 WITH LLVM-exception"
      purl: $"pkg:npm/%40yowasp/clang@($llvm.release)"
    }
  }
}
