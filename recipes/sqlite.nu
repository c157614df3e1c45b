# SQLite and its shell, from the crate sqlite3-src; sqlite3.c is, to the byte, the one that libsqlite3-sys carries too.
use lib/c.nu

const version = "3.49.1"

export def main [] {
  derivation sqlite $version {
    src: (fetch crate sqlite3-src "0.7.1" --subdir source
      --hash "sha256:2739bac4e1ca6527391698167b1392332d00123c9fc11eca16311291db6829f3")
    language: c
    tools: (c tools)
    packages: (c packages { zlib: (pkg zlib) })
    build: {|p|
      let flags = [
        -O2
        # No threads, no dynamic libraries, and no shared memory, which the write-ahead log wants.
        -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL=1 -DSQLITE_TEMP_STORE=2
        -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS
        -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_EXPLAIN_COMMENTS
        -DHAVE_GMTIME_R -DHAVE_LOCALTIME_R -DHAVE_USLEEP
        ...$c.posix
      ]
      parallel {
        c compile lib [src/sqlite3.c] $flags
      } {
        c compile shell [src/shell.c] [...$flags -DSQLITE_HAVE_ZLIB -DSQLITE_NOHAVE_SYSTEM]
      }
      c archive sqlite3 lib
      c link sqlite3 [(c objects shell) libsqlite3.a -lz]
      install sqlite3 bin/ --executable
      install libsqlite3.a lib/
      install src/sqlite3.h src/sqlite3ext.h include/
    }
    check: {|p|
      write numbers.csv "n,word\n1,one\n2,two\n40,forty\n"
      # The shell's own commands begin at the beginning of a line.
      write check.sql ([
        "create table t (a integer primary key, b text);"
        "insert into t (b) values (char(120)), (upper(char(121)));"
        "select sqlite_version(), count(*), max(b) from t;"
        "create virtual table f using fts5(x);"
        "insert into f values ('hello wasm world');"
        "select highlight(f, 0, '[', ']') from f where f match 'wasm';"
        "create virtual table r using rtree(id, x0, x1);"
        "insert into r values (1, 0, 10), (2, 20, 30);"
        "select id from r where x0 >= 15;"
        "select json_extract(json_array(1, 2), '$[1]'), round(sqrt(2), 3), date(0, 'unixepoch');"
        ".import --csv numbers.csv c"
        "select sum(n) from c;"
        ".backup copy.db"
        ""
      ] | str join "\n")
      let answers = [$"($version)|2|x" "hello [wasm] world" "2" "2|1.414|1970-01-01" "43" ""]
      read check.sql | ^sqlite3 -bail check.db | expect ($answers | str join "\n")
      ^sqlite3 copy.db "pragma integrity_check; select b from t where a = 2" | expect "ok\nY\n"
      ^sqlite3 packed.zip -A -c numbers.csv
      ^sqlite3 packed.zip -A -t | expect "numbers.csv\n"
      write broken.db "SQLite format 3, which it is not"
      expect-exit 26 { ^sqlite3 broken.db "select * from sqlite_schema" }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    # Without a home to look for ~/.sqliterc in, it complains.
    programs: { sqlite3: { path: "bin/sqlite3", env: { HOME: "/" } } }
    meta: {
      description: "An SQL data base in a file, and its shell"
      homepage: "https://sqlite.org"
      license: "blessing"
      purl: $"pkg:generic/sqlite@($version)"
    }
  }
}
