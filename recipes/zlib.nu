# zlib: the C files that libz-sys carries are those of zlib's own release, to the byte.
use lib/c.nu

const version = "1.3.2"

export def main [] {
  derivation zlib $version {
    src: (fetch crate libz-sys "1.1.31" --subdir src/zlib
      --hash "sha256:ff20308ecabd635a2dc1dd5834a86c462cca20efba1d5d3ddab1f8aea3455cb2")
    language: c
    tools: (c tools)
    packages: (c packages)
    build: {|p|
      c compile lib (glob "src/*.c") [-O2 -DHAVE_UNISTD_H -DHAVE_STDARG_H]
      c archive z lib
      install libz.a lib/
      install src/zlib.h src/zconf.h include/
    }
    check: {|p|
      write roundtrip.c '
        #include <stdio.h>
        #include <string.h>
        #include <zlib.h>
        enum { SIZE = 20000 };
        int main(void) {
          static unsigned char text[SIZE], packed[SIZE + 100], back[SIZE];
          for (int i = 0; i < SIZE; i++) text[i] = i % 251 & i >> 7;
          uLongf packed_size = sizeof packed, size = sizeof back;
          if (compress2(packed, &packed_size, text, sizeof text, 9) != Z_OK) return 1;
          if (packed_size >= SIZE / 2) return 2;
          if (uncompress(back, &size, packed, packed_size) != Z_OK) return 3;
          if (size != SIZE || memcmp(text, back, SIZE)) return 4;
          packed[packed_size / 2] ^= 1;
          if (uncompress(back, &size, packed, packed_size) == Z_OK) return 5;
          printf("%s %08lx", zlibVersion(), crc32(0, (const Bytef *)"123456789", 9));
        }
      '
      c compile check [roundtrip.c] [-O2]
      c link roundtrip [(c objects check) -lz]
      ^./roundtrip | expect $"($version) cbf43926"
    }
    meta: {
      description: "Lossless compression, in the formats deflate, zlib and gzip"
      homepage: "https://zlib.net"
      license: "Zlib"
      purl: $"pkg:generic/zlib@($version)"
    }
  }
}
