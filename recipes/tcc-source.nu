# The source of tcc, a C compiler with an assembler and a linker of its own, for x86-64 Linux, and what was changed in it. Nothing
# in it can be run. `tcc` is made of it, and `nuka bootstrap c` compiles it with itself.

# A long double has 64 bits of precision where tcc's programs run, and 113 where it runs as WebAssembly. tcc computes constants
# with the long double of the machine that it runs on, and copies the first ten bytes of one into what it writes. So a
# constant would be wrong, and every other could be rounded otherwise. `as_on_target` rounds to the target's precision (to
# nearest, ties to even), as its own arithmetic does; `write_long_double` writes the target's form. The two formats have the
# same exponents; the target's has its first bit of 1 written out. What zero divided by zero gives is negative there. On the
# target itself both say what was there before.
const long_double = '#if LDBL_MANT_DIG == 113
static long double as_on_target(long double value)
{
    uint64_t half[2];
    memcpy(half, &value, 16);
    if ((half[1] >> 48 & 0x7fff) != 0x7fff) {
        uint64_t low = half[0] + ((uint64_t)1 << 48) - 1 + (half[0] >> 49 & 1);
        half[1] += low < half[0];
        half[0] = low >> 49 << 49;
    } else if (half[0] | half[1] << 16)
        half[1] |= (uint64_t)1 << 63;
    memcpy(&value, half, 16);
    return value;
}
static void write_long_double(void *to, long double value)
{
    uint64_t half[2], fraction;
    uint16_t exponent;
    value = as_on_target(value);
    memcpy(half, &value, 16);
    exponent = half[1] >> 48;
    fraction = half[1] << 15 | half[0] >> 49;
    if (exponent & 0x7fff)
        fraction |= (uint64_t)1 << 63;
    else
        fraction &= ~((uint64_t)1 << 63);
    memcpy(to, &fraction, 8);
    memcpy((char *)to + 8, &exponent, 2);
}
#else
#define as_on_target(value) (value)
#define write_long_double(to, value) memcpy(to, &(value), 10)
#endif
'

# An alias is a second symbol for what its target is. This state of tcc makes it another spelling of the target's name, which is
# good for its own names of builtin functions alone: a C library's weak names would not be there.
const alias = '/* Gives a symbol that is declared as an alias the place of its target, if that is defined here. */
static void define_alias(Sym *sym)
{
    Sym *target = sym_find(sym->asm_label & ~SYM_FIELD);
    ElfSym *place = target ? elfsym(target) : NULL;
    if (!place || place->st_shndx == SHN_UNDEF)
        return;
    sym->asm_label = 0;
    put_extern_sym2(sym, place->st_shndx, place->st_value, place->st_size, 0);
}

'

# Where tcc's own library can do a conversion, as it does for unsigned numbers.
const to_integer = '        vpush_global_sym(&func_old_type, tok_alloc("__fixxfdi", 9)->tok);
        vswap();
        gfunc_call(1);
        vpushi(0);
        vtop->r = REG_IRET;
        return;
'

# What tcc's own ./configure would write, for where things are in a build.
const config = '#define TCC_VERSION "0.9.27"
#define TCC_TARGET_X86_64 1
#define TCC_MUSL 1
/* Nothing is loaded while it runs, and nothing but itself is told of bounds and of where a program was. */
#define CONFIG_TCC_STATIC 1
#define CONFIG_TCCBOOT 1
#define CONFIG_TCCDIR "/usr/lib/tcc"
'

export def main [] {
  derivation tcc-source "0.9.27+git20200814" {
    src: (fetch debian tcc "0.9.27+git20200814.62c30a4a-1" --file "tcc_0.9.27+git20200814.62c30a4a.orig.tar.bz2"
      --hash "sha256:d63c113bcdd657f51c8ee197a0b0a24203603313e19a52b5f678d40ab7f5df35")
    language: c
    target: any
    build: {|p|
      # Each text must be there: another version wants no change, or another.
      write src/long-double.h $long_double
      substitute src/tcc.h {
        "#include <math.h>\n": "#include <math.h>\n#include <float.h>\n#include <stdint.h>\n#include \"long-double.h\"\n"
        # One thread uses it.
        "#define CONFIG_TCC_SEMLOCK\n": ""
      }
      substitute src/tccpp.c {
        # Written in base 16, a number had no more than a double's range and precision.
        "tokc.ld = (long double)d;": "tokc.ld = as_on_target(ldexpl((long double)bn[1] * 4294967296.0L + bn[0], exp_val - frac_bits));"
        "tokc.ld = strtold(token_buf, NULL);": "tokc.ld = as_on_target(strtold(token_buf, NULL));"
      }
      substitute src/tccgen.c {
        # Constants are computed, so that the same code is made of them everywhere.
        "# define TCC_IS_NATIVE_387\n#endif\n": "# define TCC_IS_NATIVE_387\n#elif LDBL_MANT_DIG == 113\n# define TCC_IS_NATIVE_387\n#endif\n"
        "        /* XXX: overflow test ? */\n        if (v1->type.t == VT_FLOAT) {": "        f1 = as_on_target(f1);\n        if (v1->type.t == VT_FLOAT) {"
        "static int decl0(int l, int is_for_loop_init, Sym *func_sym)\n{": $"($alias)static int decl0\(int l, int is_for_loop_init, Sym *func_sym)\n{"
        "sym = external_sym(v, &type, r, &ad);": "sym = external_sym(v, &type, r, &ad);\n                        if (ad.asm_label & SYM_FIELD)\n                            define_alias(sym);"
        "memcpy(ptr, &vtop->c.ld, 10);": "write_long_double(ptr, vtop->c.ld);"
      }
      # A long double became an integer by way of a double, which rounds where C cuts off: 1.9999999999999999998L became 2.
      substitute src/x86_64-gen.c {
        "        gen_cvt_ftof(VT_DOUBLE);\n        bt = VT_DOUBLE;\n    }\n\n    gv(RC_FLOAT);\n    if (t != VT_INT)": $"($to_integer)    }\n\n    gv\(RC_FLOAT);\n    if \(t != VT_INT)"
      }
      # A libc has weak symbols, which its index must list as well.
      substitute src/tcctools.c {
        "|| sym->st_info == 0x12\n": "|| sym->st_info == 0x12\n                    || (sym->st_info >= 0x20 && sym->st_info <= 0x22)\n"
      }
      write src/config.h $config
      install src/*.c src/*.h src/stab.def src/tcc/
      install src/include/*.h lib/tcc/include/
      install src/lib/libtcc1.c src/lib/va_list.c src/lib/alloca86_64.S src/tcc/lib/
    }
    meta: {
      description: "Source of a small C compiler, assembler and linker"
      homepage: "https://bellard.org/tcc/"
      license: "LGPL-2.1-or-later"
      purl: "pkg:deb/debian/tcc@0.9.27%2Bgit20200814.62c30a4a-1"
    }
  }
}
