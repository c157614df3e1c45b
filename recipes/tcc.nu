# tcc as WebAssembly: it makes programs for x86-64 Linux, and is what `nuka bootstrap c` begins with.
use lib/c.nu

export def main [] {
  derivation tcc "0.9.27+git20200814" {
    language: c
    tools: (c tools { tcc-source: (pkg tcc-source) })
    packages: (c packages)
    build: {|p|
      # Its arithmetic wraps, and it reads numbers of one type as another.
      c compile program [/usr/src/tcc/tcc.c] [-O2 "-std=gnu11" -fwrapv -fno-strict-aliasing -w ...$c.posix ...$c.setjmp]
      c link tcc [(c objects program) -lsetjmp -lc-printscan-long-double]
      install tcc bin/ --executable
      install /usr/lib/tcc/include/*.h lib/tcc/include/
    }
    check: {|p|
      ^tcc -v | expect --contains "x86_64 Linux"
      # A whole program, without a C library: the kernel begins it, and its last call ends it.
      write hello.c '
        static long call(long number, long a, long b, long c) {
          long result;
          __asm__ __volatile__("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
          return result;
        }
        void _start(void) {
          call(1, 1, (long)"hello\n", 6);
          call(60, 0, 0, 0);
        }
      '
      ^tcc -static -nostdlib -o hello hello.c
      ^llvm-readelf --file-headers hello | expect --contains "EXEC (Executable file)"
      # In the target's form: 1/3, the smallest number, and what is not one, each with six bytes that nothing is in.
      write numbers.c '
        __attribute__((section("numbers"))) long double numbers[] = { 1.0L / 3, 3.6451995318824746025e-4951L, 0.0L / 0.0L };
      '
      ^tcc -c numbers.c -o numbers.o
      ^llvm-readelf --hex-dump=numbers numbers.o | expect --contains "abaaaaaa aaaaaaaa fd3f0000 00000000"
      ^llvm-readelf --hex-dump=numbers numbers.o | expect --contains "01000000 00000000 00000000 00000000"
      ^llvm-readelf --hex-dump=numbers numbers.o | expect --contains "00000000 000000c0 ffff0000 00000000"
      # Two weak names of one function are found in a library.
      write library.c 'static int two(void) { return 2; } extern __typeof(two) other __attribute__((weak, alias("two")));'
      write main.c 'int other(void); void _start(void) { other(); }'
      ^tcc -c library.c main.c
      ^tcc -ar rcs library.a library.o
      ^tcc -static -nostdlib -o main main.o library.a
      expect-exit 1 { ^tcc -static -nostdlib -o main main.o }
    }
    programs: { tcc: "bin/tcc" }
    permissions: { directory: write }
    meta: {
      description: "A small C compiler, assembler and linker for x86-64 Linux"
      homepage: "https://bellard.org/tcc/"
      license: "LGPL-2.1-or-later"
      purl: "pkg:deb/debian/tcc@0.9.27%2Bgit20200814.62c30a4a-1"
    }
  }
}
