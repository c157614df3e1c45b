# MuPDF's mutool: draws, converts, repairs and takes apart PDF, XPS, EPUB, SVG and images. Its parsers are C, for files
# that nobody needs to trust here.
use lib/c.nu
use lib/mupdf.nu

const version = "1.21.1"

# The fonts that are built in: the standard ones of PDF, and one for books. Those for Asia and rare scripts are left
# out (TOFU), as they would make a program of 8 MB one of 40.
const fonts = {
  urw: [
    Dingbats NimbusMonoPS-Bold NimbusMonoPS-BoldItalic NimbusMonoPS-Italic NimbusMonoPS-Regular NimbusRoman-Bold
    NimbusRoman-BoldItalic NimbusRoman-Italic NimbusRoman-Regular NimbusSans-Bold NimbusSans-BoldItalic
    NimbusSans-Italic NimbusSans-Regular StandardSymbolsPS
  ]
  sil: [CharisSIL CharisSIL-Bold CharisSIL-BoldItalic CharisSIL-Italic]
}

# A C file that holds a font, under the name that upstream's hexdump would give it.
def font-source [directory: string, font: string] {
  let name = $"_binary_($font | str replace --all '-' '_')_cff"
  $"const unsigned char ($name)[] = {\n#embed \"resources/fonts/($directory)/($font).cff\"\n};
const unsigned int ($name)_size = sizeof ($name);\n"
}

export def main [] {
  derivation mutool $version {
    # Three of the archive's entries are in it twice, the same both times.
    src: (fetch pypi mupdf "1.21.1.20230112.1504" --file mupdf-1.21.1.20230112.1504.tar.gz --drop-extras
      --hash "sha256:aa581b73df3f23c37ce8965155f549f3f87ae264c00ead68406579157612cca6")
    language: c
    tools: (c tools)
    packages: (c packages { zlib: (pkg zlib) })
    build: {|p|
      let common = [
        -O2 -DNDEBUG -ffunction-sections -fdata-sections -w ...$mupdf.headers ...$c.posix ...$c.setjmp
      ]
      for library in $mupdf.libraries {
        let files = glob ...($library.files | each {|file| $"src/thirdparty/($file)" }) --except $library.except
        c compile $"third/($library.name)" $files [...$common ...$library.flags]
      }
      c archive mupdf-third third

      let flags = [...$common -DTOFU_CJK -DTOFU_NOTO -DDISABLE_MUTHREADS]
      c compile mupdf (glob "src/source/{fitz,pdf,xps,svg,html,reflow,cbz,helpers/pkcs7}/*.c") $flags
      for directory in ($fonts | transpose name fonts) {
        for font in $directory.fonts { write $"fonts/($font).c" (font-source $directory.name $font) }
      }
      c compile fonts (glob "fonts/*.c") [-O0 --embed-dir=src]
      c archive mupdf mupdf fonts

      # All of its tools but the one that needs threads.
      c compile tools (glob "src/source/tools/*.c" --except "**/muraster.c") $flags
      c link mutool [(c objects tools) libmupdf.a libmupdf-third.a -lz ...$c.cxx -lsetjmp --gc-sections]
      install mutool bin/ --executable
      install libmupdf.a libmupdf-third.a lib/
      install src/include/mupdf include/
    }
    check: {|p|
      expect-exit 1 { ^mutool }
      write page.txt ([
        "%%MediaBox 0 0 300 120" "%%Font H Helvetica" "%%Font T Times-Italic" "q 1 0.8 0 rg 10 10 280 20 re f Q"
        "BT /H 24 Tf 20 70 Td (hello from wasm) Tj ET" "BT /T 14 Tf 20 45 Td (a page that nobody trusts) Tj ET" ""
      ] | str join "\n")
      ^mutool create -o page.pdf page.txt
      ^mutool draw -q -F txt -o - page.pdf | expect --contains "hello from wasm"
      ^mutool draw -q -r 144 -o page.png page.pdf
      # The picture has the page's size, and is not of one colour: it can be drawn again from itself.
      ^mutool info page.pdf | expect --contains "Pages: 1"
      ^mutool draw -q -F trace -o - page.png | expect --contains "width=\"600\" height=\"240\""
      write book.html "<h1>Title</h1><p>a <b>paragraph</b> &eacute;</p>"
      ^mutool draw -q -F txt -o - book.html | expect --contains "a paragraph é"
      ^mutool convert -o page.svg page.pdf
      ^mutool clean -z page.pdf clean.pdf
      ^mutool draw -q -F txt -o - clean.pdf | expect --contains "nobody trusts"
      write script.js "try { throw new Error('wanted') } catch (e) { print(6 * 7, e) }"
      ^mutool run script.js | expect "42 Error: wanted\n\tat script.js:1\n"
      write broken.pdf "%PDF-1.7\nand nothing more"
      expect-exit 1 { ^mutool draw -q -o broken.png broken.pdf }
    }
    outputs: { dev: ["include/**" "lib/*.a"] }
    programs: { mutool: "bin/mutool" }
    meta: {
      description: "Draws, converts and repairs PDF, XPS, EPUB and SVG"
      homepage: "https://mupdf.com"
      license: "AGPL-3.0-or-later"
      purl: $"pkg:generic/mupdf@($version)"
    }
  }
}
