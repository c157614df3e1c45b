//! Modules that cannot be used are named as what they are, and processes that cannot begin say why.

use nuka_seed_runtime::{
    Error, Exit, ModuleError, Mount, Process, Tier,
    module::Dialect,
    process::Access,
    tree::{GuestPath, Tree},
};

use super::{engine, module};

fn compiled(bytes: &[u8]) -> ModuleError {
    match engine().compile(bytes, Tier::Quick) {
        Err(Error::Module(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn refused(wat: &str) -> ModuleError {
    match engine().run(&module(wat), Process::default(), None) {
        Err(Error::Module(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_files() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (b"\x7fELF\x02\x01\x01", "a native Linux program or library (ELF)"),
        (b"#!/bin/sh\n", "a script"),
        (b"(module)", "WebAssembly as text (translate it with wat2wasm)"),
        (b"MZ\x90", "a Windows program (PE)"),
        (b"hello\n", "text"),
        (b"\x01\x02\xff", "data of an unknown kind"),
    ];
    for (bytes, found) in cases {
        assert_eq!(compiled(bytes), ModuleError::NotWasm { found });
    }
    assert_eq!(compiled(b"\0asm\x0d\0\x01\0"), ModuleError::Component);
    assert!(matches!(compiled(b"\0asm\x02\0\0\0"), ModuleError::Invalid { .. }));
    assert!(matches!(compiled(b"\0asm\x01\0\0\0\x01"), ModuleError::Invalid { .. }));
}

#[test]
fn code_that_is_not_valid() {
    // A body that leaves a number where none may be.
    let mut bytes = wat::parse_str("(module (func (export \"_start\") (drop (i32.const 1))))").unwrap();
    let at = bytes.iter().rposition(|&b| b == 0x1a).unwrap();
    bytes[at] = 0x01;
    assert!(matches!(compiled(&bytes), ModuleError::Compile { .. }));
}

#[test]
fn modules_that_are_not_commands() {
    let library = r#"(module (memory (export "memory") 1) (func (export "_initialize")))"#;
    assert_eq!(refused(library), ModuleError::NoStart { looks_like: Dialect::Reactor });
    let browser = r#"(module (import "./x_bg.js" "__wbindgen_throw" (func (param i32 i32)))
        (memory (export "memory") 1) (func (export "_start")))"#;
    assert_eq!(
        refused(browser),
        ModuleError::UnknownImports {
            missing: vec!["./x_bg.js.__wbindgen_throw".into()],
            looks_like: Dialect::Browser
        }
    );
    let emscripten = r#"(module (import "env" "emscripten_asm_const_int" (func (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (func (export "_start")))"#;
    assert!(matches!(
        refused(emscripten),
        ModuleError::UnknownImports { looks_like: Dialect::EmscriptenJavaScript, .. }
    ));
    let old = r#"(module (import "wasi_unstable" "proc_exit" (func (param i32)))
        (memory (export "memory") 1) (func (export "_start")))"#;
    assert!(matches!(refused(old), ModuleError::UnknownImports { looks_like: Dialect::OldWasi, .. }));
}

#[test]
fn what_an_unknown_import_says() {
    let wat = r#"(module (import "env" "a" (func)) (import "wasi_snapshot_preview1" "fd_magic" (func))
        (memory (export "memory") 1) (func (export "_start")))"#;
    assert_eq!(
        refused(wat).to_string(),
        "it needs 2 imports that are not provided here (env.a, wasi_snapshot_preview1.fd_magic); \
         it seems to be made for an environment that is not known here"
    );
}

#[test]
fn memory_cannot_be_shared() {
    let wat = r#"(module (memory (export "memory") 1 1 shared) (func (export "_start")))"#;
    let module = engine().compile(&wat::parse_str(wat).unwrap(), Tier::Optimised);
    let refused = module.and_then(|module| engine().run(&module, Process::default(), None));
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn exceptions_and_tail_calls_run_whichever_tier_is_asked_for() {
    let wat = r#"(module (memory (export "memory") 1) (tag $e (param i32))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func $throw (throw $e (i32.const 7)))
        (func $tail (result i32) (return_call $seven))
        (func $seven (result i32) (block (result i32) (try_table (result i32) (catch $e 0) (call $throw) (i32.const 1))))
        (func (export "_start") (call $exit (call $tail))))"#;
    let wat = wat.replacen("(memory (export \"memory\") 1) (tag $e (param i32))", "", 1).replacen(
        "(func $throw",
        "(memory (export \"memory\") 1) (tag $e (param i32)) (func $throw",
        1,
    );
    let bytes = wat::parse_str(wat).unwrap();
    for tier in [Tier::Quick, Tier::Optimised] {
        let module = engine().compile(&bytes, tier).unwrap();
        assert_eq!(module.tier(), Tier::Optimised);
        assert_eq!(engine().run(&module, Process::default(), None).unwrap().exit, Exit::Code(7));
    }
    let uncaught = r#"(module (memory (export "memory") 1) (tag $e) (func (export "_start") (throw $e)))"#;
    let exit = engine().run(&module(uncaught), Process::default(), None).unwrap().exit;
    assert!(
        matches!(exit, Exit::Trapped { ref message, .. } if message == "an exception was not caught"),
        "{exit:?}"
    );
}

#[test]
fn a_trap_says_what_and_where() {
    let wat = r#"(module (memory (export "memory") 1)
        (func $inner (drop (i32.load (i32.const 0x7fffffff)))) (func $outer (export "_start") (call $inner)))"#;
    match engine().run(&module(wat), Process::default(), None).unwrap().exit {
        Exit::Trapped { message, backtrace } => {
            assert_eq!(message, "wasm trap: out of bounds memory access");
            let names: Vec<_> = backtrace.lines().map(|l| l.split(' ').next().unwrap()).collect();
            assert_eq!(names, ["inner", "outer"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_function_may_call_and_trap() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (func $begin (call $exit (i32.const 3))) (start $begin)
        (func (export "_start") unreachable))"#;
    assert_eq!(engine().run(&module(wat), Process::default(), None).unwrap().exit, Exit::Code(3));
    let wat = r#"(module (memory (export "memory") 1) (func $begin unreachable) (start $begin) (func (export "_start")))"#;
    let exit = engine().run(&module(wat), Process::default(), None).unwrap().exit;
    assert!(matches!(exit, Exit::Trapped { .. }), "{exit:?}");
}

#[test]
fn processes_that_cannot_begin() {
    let module = module(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    let path = |p: &str| GuestPath::new(p).unwrap();
    let mount = |p: &str| Mount { path: path(p), tree: Tree::new(), access: Access::ReadOnly };
    let begin = |process| engine().run(&module, process, None).map(|o| o.exit).unwrap_err().to_string();
    let nested = Process { mounts: vec![mount("/a/b"), mount("/a")], ..Process::default() };
    assert_eq!(begin(nested), "the mount `/a/b` lies inside the mount `/a`; put its tree into the other's");
    let lost = Process { mounts: vec![mount("/a")], cwd: Some(path("/a/x")), ..Process::default() };
    assert_eq!(begin(lost), "the working directory `/a/x` is not a directory in any of the mounts");
    let nul = Process { args: vec![b"a\0b".to_vec()], ..Process::default() };
    assert_eq!(begin(nul), "an argument has a NUL byte, or all together are longer than 4 GiB");
}
