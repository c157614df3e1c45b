# The source of musl, a C library, for x86-64 Linux: what tcc can compile of it, and in the form in which it can. Nothing in it can
# be run. `nuka bootstrap c` compiles it.

# What upstream does with sed: types that several headers define each have their own guard, and system calls two names.
const headers = '
local function write(name, text)
  local file = assert(io.open(name, "w"))
  assert(file:write(text))
  file:close()
end

local function guarded(kind, name, text)
  name = kind .. name
  return ("#if defined(__NEED_%s) && !defined(__DEFINED_%s)\n%s\n#define __DEFINED_%s\n#endif\n"):format(name, name, text, name)
end

local types = {}
for _, name in ipairs { "arch/x86_64/bits/alltypes.h.in", "include/alltypes.h.in" } do
  for line in io.lines(name) do
    local what, rest = line:match("^(%u+) +(.*);$")
    local first, last = (rest or ""):match("^(%S+) (.*)$")
    if what == "TYPEDEF" then
      local type, name = rest:match("^(.*) (%S+)$")
      line = guarded("", name, ("typedef %s %s;"):format(type, name))
    elseif what == "STRUCT" then
      line = guarded("struct_", first, ("struct %s %s;"):format(first, last))
    elseif what == "UNION" then
      line = guarded("union_", first, ("union %s %s;"):format(first, last))
    end
    types[#types + 1] = line
  end
end
write("include/bits/alltypes.h", table.concat(types, "\n") .. "\n")

local calls, again = {}, {}
for line in io.lines("arch/x86_64/bits/syscall.h.in") do
  calls[#calls + 1] = line
  local renamed, count = line:gsub("__NR_", "SYS_")
  if count > 0 then again[#again + 1] = renamed end
end
write("include/bits/syscall.h", table.concat(calls, "\n") .. "\n" .. table.concat(again, "\n") .. "\n")
'

# What must be assembly, and tcc assembles. The rest of it is for speed, and has a form in C.
const assembly = {
  fenv: []
  ldso: [dlsym]
  math: []
  process: [vfork]
  setjmp: [longjmp setjmp]
  signal: [restore sigsetjmp]
  string: []
  thread: [__set_thread_area __unmapself clone syscall_cp]
}

export def main [] {
  derivation musl-source "1.2.5" {
    src: (fetch debian musl "1.2.5-3" --file "musl_1.2.5.orig.tar.gz"
      --hash "sha256:a9a118bbe84d8764da0ea0d28b3ab3fae8477fc7e4085d90102b8596fc7c75e4")
    language: c
    target: any
    tools: { lua: (pkg lua) }
    build: {|p|
      make-directory src/include/bits
      copy src/arch/generic/bits/*.h src/include/bits/
      copy src/arch/x86_64/bits/*.h src/include/bits/
      write headers.lua $headers
      within src { ^lua ../headers.lua }
      write src/src/internal/version.h $"#define VERSION \"($p.version)\"\n"

      # tcc knows a register by its name in assembly.
      substitute src/arch/x86_64/syscall_arch.h {
        '__asm__("r8")': '__asm__("%r8")'
        '__asm__("r9")': '__asm__("%r9")'
        '__asm__("r10")': '__asm__("%r10")'
      }
      # Its assembler does not add numbers before a parenthesis, nor know of the table of a shared library.
      substitute src/src/signal/x86_64/sigsetjmp.s { "72+8(": "80(", "@PLT": "" }
      # It has no complex numbers.
      remove src/src/complex
      for directory in ($assembly | transpose place names) {
        let place = $"src/src/($directory.place)"
        for name in $directory.names {
          remove $"($place)/($name).c"
          move-to $"($place)/x86_64/($name).s" $"($place)/($name).s"
        }
        remove $"($place)/x86_64"
      }
      # Objects are called by their files' names, and there is another `clone`.
      move-to src/src/thread/clone.s src/src/thread/__clone.s
      # What is for other machines.
      let machine = "{aarch64,arm,i386,loongarch64,m68k,microblaze,mips*,or1k,powerpc*,riscv*,s390x,sh,x32}"
      remove (glob $"src/{arch,crt,src/*}/($machine)")
      install src/src src/arch src/include src/crt src/musl/
    }
    meta: {
      description: "Source of a small C library"
      homepage: "https://musl.libc.org"
      license: "MIT"
      purl: "pkg:deb/debian/musl@1.2.5-3"
    }
  }
}
