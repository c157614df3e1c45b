# The C and C++ compiler, linker and binary tools of LLVM as one WebAssembly program: the tool that builds the
# other packages here. It comes built; everything after it is built from source.
use lib/llvm.nu

# One program; which tool it is goes by the name it is started with.
const tools = [
  clang clang++ clang-cpp wasm-ld
  llvm-ar llvm-ranlib llvm-nm llvm-objdump llvm-strip llvm-objcopy llvm-size llvm-readobj llvm-readelf
  llvm-symbolizer llvm-addr2line llvm-cxxfilt
]

export def main [] {
  derivation clang "22.1.0" {
    src: (llvm download)
    language: cpp
    build: {|p|
      unpack src/llvm-resources.tar resources
      # What belongs to the target, not to the compiler, is the package wasi-libc.
      remove resources/include/c++ resources/include/wasm32-wasip1
      install resources/include lib/clang/22/
      install src/llvm.core.wasm bin/llvm --executable
      for tool in $tools { symlink $"($p.out)/bin/($tool)" llvm }
    }
    check: {|p|
      ^clang --version | expect --contains $"clang version ($p.version)"
      # A program that needs nothing of a C library: the two numbers' sum is its exit code.
      write sum.c "
        __attribute__((import_module(\"wasi_snapshot_preview1\"), import_name(\"proc_exit\"))) void proc_exit(int);
        int sum(const int *numbers, unsigned count) {
          int all = 0;
          while (count--) all += *numbers++;
          return all;
        }
        void _start(void) { static const int numbers[] = {40, 2}; proc_exit(sum(numbers, 2)); }
      "
      ^clang --target=wasm32-wasip1 -O2 -ffreestanding -c sum.c -o sum.o
      ^llvm-nm sum.o | expect --contains "T sum"
      ^llvm-ar rcsD libsum.a sum.o
      ^wasm-ld sum.o -o sum.wasm
      expect-exit 42 { ^./sum.wasm }
    }
    programs: ($tools | each {|tool| {name: $tool, path: $"bin/($tool)"} } | transpose --header-row --as-record)
    permissions: { directory: write }
    meta: {
      description: "C and C++ compiler, linker and binary tools for WebAssembly"
      homepage: "https://clang.llvm.org"
      license: "Apache-2.0 WITH LLVM-exception"
      purl: $"pkg:npm/%40yowasp/clang@($llvm.release)"
    }
  }
}
