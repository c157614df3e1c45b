# libarchive: the library that reads and writes tar, zip, 7z, cpio, iso and more. Identical to upstream's release.
use lib/c.nu
use lib/libarchive.nu

export def main [] {
  derivation libarchive $libarchive.version {
    src: (libarchive download)
    language: c
    tools: (c tools)
    packages: (c packages { zlib: (pkg zlib), bzip2: (pkg bzip2), xz: (pkg xz), zstd: (pkg zstd) })
    build: {|p|
      libarchive write-config
      # What is for other systems.
      let others = ["**/*windows*" "**/*disk_acl*" "**/archive_acl_maps_*.c"]
      c compile lib (glob "src/libarchive/*.c" --except $others) (libarchive flags)
      c archive archive lib
      install libarchive.a lib/
      install src/libarchive/archive.h src/libarchive/archive_entry.h include/
    }
    check: {|p|
      write roundtrip.c '
        #include <archive.h>
        #include <archive_entry.h>
        #include <stdio.h>
        #include <string.h>
        static const char text[] = "a text in an archive";
        static char packed[1 << 20];
        int main(void) {
          size_t used = 0;
          struct archive *out = archive_write_new();
          if (archive_write_set_format_zip(out) || archive_write_open_memory(out, packed, sizeof packed, &used)) return 1;
          struct archive_entry *entry = archive_entry_new();
          archive_entry_set_pathname(entry, "dir/file.txt");
          archive_entry_set_size(entry, sizeof text);
          archive_entry_set_filetype(entry, AE_IFREG);
          archive_entry_set_perm(entry, 0644);
          if (archive_write_header(out, entry) || archive_write_data(out, text, sizeof text) != sizeof text) return 2;
          archive_entry_free(entry);
          if (archive_write_close(out) || archive_write_free(out)) return 3;

          char back[sizeof text];
          struct archive *in = archive_read_new();
          archive_read_support_filter_all(in);
          archive_read_support_format_all(in);
          if (archive_read_open_memory(in, packed, used) || archive_read_next_header(in, &entry)) return 4;
          puts(archive_entry_pathname(entry));
          if (archive_read_data(in, back, sizeof back) != sizeof back || memcmp(back, text, sizeof text)) return 5;
          if (archive_read_next_header(in, &entry) != ARCHIVE_EOF) return 6;
          puts(archive_version_string());
          return archive_read_free(in);
        }
      '
      c compile check [roundtrip.c] [-O2]
      c link roundtrip [(c objects check) -larchive -lz -lbz2 -llzma -lzstd]
      ^./roundtrip | expect $"dir/file.txt\nlibarchive ($p.version)\n"
    }
    meta: {
      description: "Reading and writing archives of many formats"
      homepage: "https://libarchive.org"
      license: "BSD-2-Clause"
      purl: $"pkg:generic/libarchive@($libarchive.version)"
    }
  }
}
