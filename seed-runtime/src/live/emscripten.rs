//! The few functions beside WASI that programs import which Emscripten made to stand alone (`-sSTANDALONE_WASM`).
//!
//! Without its JavaScript Emscripten has no file system of its own, so its system calls on files say that there
//! is no such call; reading and writing the standard streams goes through WASI and works.

use wasmtime::{Caller, Extern, ExternType, FuncType, Linker, Module, Val, ValType};

/// Emscripten numbers errors as WASI does; this is "no such call".
const ENOSYS: i32 = -52;

/// Whether [`link`] provides `env.name`.
pub(super) fn provides(name: &str) -> bool {
    name.starts_with("__syscall_")
        || matches!(
            name,
            "emscripten_notify_memory_growth"
                | "emscripten_resize_heap"
                | "emscripten_get_heap_max"
                | "emscripten_memcpy_js"
                | "_emscripten_memcpy_js"
                | "emscripten_memcpy_big"
                | "emscripten_date_now"
                | "emscripten_get_now"
                | "abort"
                | "_abort_js"
                | "getTempRet0"
                | "setTempRet0"
                | "_tzset_js"
                | "_emscripten_system"
        )
}

/// Defines what the module imports from `env`, each with the type that the module expects.
pub(super) fn link<T: 'static>(linker: &mut Linker<T>, module: &Module) -> wasmtime::Result<()> {
    let wanted = module.imports().filter(|import| import.module() == "env" && provides(import.name()));
    for import in wanted {
        let ExternType::Func(kind) = import.ty() else { continue };
        let name = import.name();
        match name {
            "emscripten_memcpy_js" | "_emscripten_memcpy_js" | "emscripten_memcpy_big" => {
                linker.func_wrap("env", name, copy::<T>)?;
            }
            "emscripten_resize_heap" => {
                linker.func_wrap("env", name, resize::<T>)?;
            }
            "abort" | "_abort_js" => {
                linker
                    .func_new("env", name, kind, |_, _, _| wasmtime::bail!("the program aborted itself"))?;
            }
            "emscripten_date_now" | "emscripten_get_now" => {
                define(linker, name, kind, milliseconds)?;
            }
            _ => {
                let answer = if name.starts_with("__syscall_") { ENOSYS } else { 0 };
                let answer = if name == "emscripten_get_heap_max" { i32::MIN } else { answer };
                define(linker, name, kind, move || Val::I32(answer))?;
            }
        }
    }
    Ok(())
}

/// Defines a function that does nothing but give `answer()`, if that has the type of its first result, and zeros
/// for the rest.
fn define<T: 'static>(
    linker: &mut Linker<T>,
    name: &str,
    kind: FuncType,
    answer: impl Fn() -> Val + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    let types: Vec<ValType> = kind.results().collect();
    linker.func_new("env", name, kind, move |_, _, results| {
        for (index, (result, kind)) in results.iter_mut().zip(&types).enumerate() {
            *result = match (index, kind, answer()) {
                (0, ValType::I32, Val::I32(n)) => Val::I32(n),
                (0, ValType::F64, Val::F64(n)) => Val::F64(n),
                _ => Val::default_for_ty(kind).unwrap_or(Val::I32(0)),
            };
        }
        Ok(())
    })?;
    Ok(())
}

/// Milliseconds since the Unix epoch.
fn milliseconds() -> Val {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Val::F64((since.as_secs_f64() * 1000.0).to_bits())
}

fn memory<T: 'static>(caller: &mut Caller<'_, T>) -> wasmtime::Result<wasmtime::Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => wasmtime::bail!("the program exports no memory"),
    }
}

fn copy<T: 'static>(mut caller: Caller<'_, T>, to: u32, from: u32, length: u32) -> wasmtime::Result<()> {
    let memory = memory(&mut caller)?;
    let bytes = memory.data_mut(&mut caller);
    let (to, from, length) = (to as usize, from as usize, length as usize);
    let inside = |start: usize| start.checked_add(length).is_some_and(|end| end <= bytes.len());
    if !inside(to) || !inside(from) {
        wasmtime::bail!("the program copied outside of its memory");
    }
    bytes.copy_within(from..from + length, to);
    Ok(())
}

/// Grows the memory to at least `size` bytes. Gives 1 when it did and 0 when it could not.
fn resize<T: 'static>(mut caller: Caller<'_, T>, size: u32) -> wasmtime::Result<u32> {
    let memory = memory(&mut caller)?;
    let missing = u64::from(size).saturating_sub(memory.data_size(&caller) as u64).div_ceil(1 << 16);
    Ok(u32::from(memory.grow(&mut caller, missing).is_ok()))
}
