# Exceptions for C++: LLVM's libc++abi and unwinder, built with them. Those of wasi-libc are built without, so that a
# program that throws finds nothing to throw with. The sources are LLVM's as Zig's Python package carries them.
#
# Use: compile with `...$c.exceptions`, and link `...$c.cxx_throwing` in place of `...$c.cxx`.
use lib/c.nu

# Zig's.
const version = "0.17.0"

const files = [
  abort_message cxa_aux_runtime cxa_default_handlers cxa_exception cxa_exception_storage cxa_guard cxa_handlers
  cxa_personality cxa_vector cxa_virtual fallback_malloc private_typeinfo stdlib_exception stdlib_new_delete
  stdlib_stdexcept stdlib_typeinfo
]

const test = '
  #include <iostream>
  #include <stdexcept>
  #include <string>
  #include <vector>
  struct Noted { const char *name; ~Noted() { std::cout << "~" << name << "\n"; } };
  struct Own : std::runtime_error { using std::runtime_error::runtime_error; };
  void thrower(int which) {
    Noted noted{"noted"};
    if (which == 1) throw Own("own");
    if (which == 2) throw 42;
    if (which == 3) (void)std::vector<int>().at(3);
  }
  int main(int count, char **) {
    if (count > 1) throw Own("caught by nobody");
    for (int i = 0; i < 4; i++) {
      try { thrower(i); }
      catch (const std::runtime_error &e) { std::cout << "runtime_error " << e.what() << "\n"; }
      catch (int number) { std::cout << "int " << number << "\n"; }
      catch (const std::exception &e) { std::cout << "exception " << e.what() << "\n"; }
    }
    try { try { thrower(1); } catch (...) { throw; } }
    catch (Own &e) { std::cout << "again " << e.what() << "\n"; }
    std::exception_ptr kept;
    try { thrower(2); } catch (...) { kept = std::current_exception(); }
    try { std::rethrow_exception(kept); } catch (int number) { std::cout << "kept " << number << "\n"; }
  }
'

# One of LLVM's directories in the package.
def part [name: string] {
  (fetch pypi ziglang $version
    --file $"ziglang-($version)-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl"
    --hash "sha256:97079827064a7492cce5541ceb438ae8003ce1e54e399676da2d62fb7a5dc08b"
    --subdir $"ziglang/lib/($name)")
}

export def main [] {
  derivation cxxabi $version {
    sources: { libcxxabi: (part libcxxabi), libunwind: (part libunwind), libcxx: (part libcxx) }
    language: cpp
    tools: (c tools)
    packages: (c packages)
    build: {|p|
      let flags = [
        -O2 "-std=c++23" -w ...$c.exceptions
        -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCPP_BUILDING_LIBRARY -DLIBCXXABI_NON_DEMANGLING_TERMINATE
        -D_LIBCXXABI_HAS_NO_THREADS -D_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS -D_LIBUNWIND_HIDE_SYMBOLS
        # These sources' own headers of the ABI, with the installed ones of the library.
        -nostdinc++ -Ilibcxxabi/include -Ilibcxxabi/src
        -isystem /nuka/target/usr/include/wasm32-wasip1/c++/v1 -isystem /nuka/target/usr/include/c++/v1
        -Ilibcxx -Ilibcxx/src -Ilibunwind/include
      ]
      c compile abi ($files | each {|name| $"libcxxabi/src/($name).cpp" }) $flags
      c compile unwind [libunwind/src/Unwind-wasm.c] [
        -O2 -w -DNDEBUG -D_LIBUNWIND_HIDE_SYMBOLS -D_LIBUNWIND_HAS_NO_THREADS
        -Ilibunwind/include -Ilibunwind/src ...$c.exceptions
      ]
      # The tag that all C++ exceptions carry. LLVM has it from its assembler, which here would be another process.
      write tag.c '__asm__(".globl __cpp_exception\n.tagtype __cpp_exception i32\n__cpp_exception:\n");'
      c compile tag [tag.c] $c.exceptions
      c archive c++abi-eh abi unwind tag
      install libc++abi-eh.a lib/
    }
    check: {|p|
      write test.cc $test
      c compile test [test.cc] [-O2 "-std=c++20" ...$c.exceptions]
      c link test [(c objects test) ...$c.cxx_throwing]
      let lines = [
        "~noted" "~noted" "runtime_error own" "~noted" "int 42" "~noted" "exception vector" "~noted" "again own"
        "~noted" "kept 42" ""
      ]
      ^./test | expect ($lines | str join "\n")
    }
    meta: {
      description: "C++ exceptions for WASI programs"
      homepage: "https://libcxxabi.llvm.org"
      license: "Apache-2.0 WITH LLVM-exception"
      purl: $"pkg:pypi/ziglang@($version)"
    }
  }
}
