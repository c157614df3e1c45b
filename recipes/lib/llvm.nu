# LLVM and its libraries for WebAssembly: one download that holds two packages, the tools (`clang`) and what
# is for the target (`wasi-libc`).

# The npm package's version. What it holds says of itself: clang version 22.1.0.
export const release = "22.0.0-git20542-10"

# gen/llvm.core.wasm is every tool in one; gen/llvm-resources.tar is a prefix with include/, lib/ and share/.
export def download [] {
  (fetch npm "@yowasp/clang" $release --subdir gen
    --hash "sha512-V31/z9GrJECKeACTDUyvg2llbEUiFi3bxtL5HSg7H/6sydSxdI/AoVAD9F5ozrfLjotWl0B9rghR87m+DUM/zg==")
}
