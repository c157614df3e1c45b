# What the checks of C packages share: comparing files.
use lib/c.nu

# Builds `./same FILE FILE`, which fails and says where if the two differ.
export def build-same [] {
  write same.c '
    #include <stdio.h>
    int main(int argc, char **argv) {
      FILE *a = argc == 3 ? fopen(argv[1], "rb") : NULL, *b = argc == 3 ? fopen(argv[2], "rb") : NULL;
      if (!a || !b) return fprintf(stderr, "same: cannot open both files\n"), 2;
      for (unsigned long at = 0;; at++) {
        int c = getc(a), d = getc(b);
        if (c != d) return printf("%s and %s differ at byte %lu\n", argv[1], argv[2], at), 1;
        if (c == EOF) return 0;
      }
    }
  '
  c compile same [same.c] [-O2]
  c link same [(c objects same)]
}

# Fails if the files differ. `build-same` comes before it.
export def same [one, other] {
  ^./same $one $other
}
