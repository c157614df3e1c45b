# The libraries that mupdf carries in its own tree, and what each is compiled with. zlib is our own package.
#
# The files are those of upstream's Makelists; flags that every part gets, headers above all, are in `headers`.

# The places of all headers, and what they have to know.
export const headers = [
  -Isrc/include -Isrc/thirdparty/freetype/include -Isrc/scripts/freetype -Isrc/thirdparty/gumbo-parser/src
  -Isrc/thirdparty/harfbuzz/src -Isrc/thirdparty/libjpeg -Isrc/scripts/libjpeg -Isrc/thirdparty/lcms2/include
  -Isrc/thirdparty/mujs -Isrc/thirdparty/jbig2dec -Isrc/thirdparty/openjpeg/src/lib/openjp2
  -Isrc/thirdparty/extract/include
  -DHAVE_LCMS2MT -DOPJ_STATIC -DOPJ_HAVE_INTTYPES_H -DOPJ_HAVE_STDINT_H
]

# {name, files, except, flags} of each; paths are below src/thirdparty.
export const libraries = [
  {
    name: freetype
    files: [
      "freetype/src/base/ft{base,bbox,bitmap,debug,gasp,glyph,init,stroke,synth,system,type1}.c"
      freetype/src/cff/cff.c freetype/src/cid/type1cid.c freetype/src/psaux/psaux.c freetype/src/pshinter/pshinter.c
      freetype/src/psnames/psnames.c freetype/src/raster/raster.c freetype/src/sfnt/sfnt.c
      freetype/src/smooth/smooth.c freetype/src/truetype/truetype.c freetype/src/type1/type1.c
    ]
    except: []
    flags: [
      "-DFT_CONFIG_MODULES_H=\"slimftmodules.h\"" "-DFT_CONFIG_OPTIONS_H=\"slimftoptions.h\"" -DFT2_BUILD_LIBRARY
    ]
  }
  {
    name: harfbuzz
    # Upstream's own file that includes all others but those that make smaller fonts.
    files: [harfbuzz/src/harfbuzz.cc]
    except: []
    flags: [
      -Isrc/include/mupdf -DHAVE_FALLBACK=1 -DHAVE_FREETYPE -DHAVE_OT -DHAVE_ROUND -DHAVE_UCDN
      -DHB_NO_MT -DHB_NO_PRAGMA_GCC_DIAGNOSTIC
      "-Dhb_malloc_impl=fz_hb_malloc" "-Dhb_calloc_impl=fz_hb_calloc" "-Dhb_free_impl=fz_hb_free"
      "-Dhb_realloc_impl=fz_hb_realloc"
      "-std=gnu++11" -fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility-inlines-hidden
    ]
  }
  {
    name: libjpeg
    files: [
      "libjpeg/j{aricom,comapi,error,memmgr,quant1,quant2,utils}.c" "libjpeg/jfdct{flt,fst,int}.c"
      "libjpeg/jidct{flt,fst,int}.c"
      "libjpeg/jd{apimin,apistd,arith,atadst,atasrc,coefct,color,dctmgr,huff,input,mainct,marker,master}.c"
      "libjpeg/jd{merge,postct,sample,trans}.c"
    ]
    except: []
    flags: []
  }
  { name: gumbo, files: ["gumbo-parser/src/*.c"], except: [], flags: ["-std=c99"] }
  { name: lcms2, files: ["lcms2/src/*.c"], except: [], flags: [] }
  { name: mujs, files: [mujs/one.c], except: [], flags: [] }
  {
    name: jbig2dec
    files: ["jbig2dec/*.c"]
    # Programs, and what is there or elsewhere already.
    except: ["**/{getopt,getopt1,jbig2_image_pbm,jbig2_image_png,jbig2dec,memcmp,memento,pbm2png,sha1}.c"]
    flags: [-DHAVE_STDINT_H "-DJBIG_EXTERNAL_MEMENTO_H=\"mupdf/memento.h\""]
  }
  {
    name: openjpeg
    files: ["openjpeg/src/lib/openjp2/*.c"]
    # Programs, generators, and what is for the network.
    except: [
      "**/{bench_dwt,cidx_manager,opj_clock,opj_malloc,phix_manager,ppix_manager,t1_generate_luts}.c"
      "**/{t1_ht_generate_luts,test_sparse_array,thix_manager,tpix_manager}.c"
    ]
    flags: ["-DMUTEX_pthread=0"]
  }
  {
    name: extract
    files: ["extract/src/*.c"]
    except: ["**/*-test.c" "**/extract-exe.c" "**/memento.c"]
    flags: []
  }
]
