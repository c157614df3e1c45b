//! What kind of file some bytes are, and what kind of module: so that the wrong one is named as what it is.

use std::fmt;

use wasmtime::wasmparser::{ExternalKind, Parser, Payload};

use crate::error::ModuleError;

/// What a module wants from its surroundings and what it offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Imports: module, name, and whether it is a function.
    pub imports: Vec<(String, String, bool)>,
    /// Names of exports.
    pub exports: Vec<String>,
    /// Functions with a body.
    pub functions: u64,
}

/// For which kind of surroundings a module was made, told from its imports and exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// A WASI preview 1 command.
    Command,
    /// WASI preview 1 functions for others to call, without a `_start`.
    Reactor,
    /// Code for Emscripten that needs its JavaScript.
    EmscriptenJavaScript,
    /// Rust or Go code for a browser.
    Browser,
    /// A command for the older WASI, `wasi_unstable`.
    OldWasi,
    /// A program for several threads.
    Threads,
    /// A relocatable object or shared library, not linked yet.
    Unlinked,
    /// Something else.
    Unknown,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "a WASI command",
            Self::Reactor => "a library for other programs (a WASI reactor)",
            Self::EmscriptenJavaScript => {
                "made by Emscripten to be run with its JavaScript (build it with -sSTANDALONE_WASM)"
            }
            Self::Browser => "made for a browser and its JavaScript",
            Self::OldWasi => "made for `wasi_unstable`, which came before WASI preview 1 (build it again)",
            Self::Threads => "a program for several threads (build it without threads)",
            Self::Unlinked => "an object or a shared library that is not linked into a program yet",
            Self::Unknown => "made for an environment that is not known here",
        })
    }
}

impl Shape {
    /// Reads the shape of a module that is not compiled yet. Only its outline is read, not its code.
    ///
    /// # Errors
    /// [`ModuleError`] when the bytes are another kind of file, a component, or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModuleError> {
        if !bytes.starts_with(b"\0asm") {
            return Err(ModuleError::NotWasm { found: kind_of(bytes) });
        }
        match bytes.get(4..8) {
            Some([1, 0, 0, 0]) => {}
            Some([_, _, 1, 0]) => return Err(ModuleError::Component),
            _ => return Err(ModuleError::Invalid { message: "its version is not 1".into() }),
        }
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(invalid)?;
                        let function = matches!(
                            import.ty,
                            wasmtime::wasmparser::TypeRef::Func(_)
                                | wasmtime::wasmparser::TypeRef::FuncExact(_)
                        );
                        shape.imports.push((import.module.into(), import.name.into(), function));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(invalid)?;
                        if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory) {
                            shape.exports.push(export.name.into());
                        }
                    }
                }
                // The code comes last of what is read; its bodies are skipped by their sizes.
                Payload::CodeSectionStart { count, .. } => {
                    shape.functions = u64::from(count);
                    break;
                }
                Payload::CustomSection(section) if matches!(section.name(), "linking" | "dylink.0") => {
                    shape.exports.push(format!("custom section {}", section.name()));
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    /// The shape of a module that is compiled.
    pub(crate) fn of(module: &wasmtime::Module) -> Self {
        Self {
            imports: module
                .imports()
                .map(|i| (i.module().to_owned(), i.name().to_owned(), i.ty().func().is_some()))
                .collect(),
            exports: module.exports().map(|e| e.name().to_owned()).collect(),
            functions: 0,
        }
    }

    fn exports(&self, name: &str) -> bool {
        self.exports.iter().any(|e| e == name)
    }

    fn imports_from(&self, module: &str) -> bool {
        self.imports.iter().any(|(from, ..)| from == module)
    }

    /// For which surroundings the module was made.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        let browser = |(module, name, _): &(String, String, bool)| {
            matches!(module.as_str(), "wbg" | "go" | "gojs" | "__wbindgen_placeholder__")
                || module.starts_with("./")
                || name.starts_with("__wbindgen")
        };
        let emscripten = |(module, name, _): &(String, String, bool)| {
            let ours = name.starts_with("emscripten_")
                || name.starts_with("_emscripten")
                || name.starts_with("__syscall_")
                || name.starts_with("invoke_")
                || name.starts_with("_embind")
                || name.starts_with("__cxa_");
            (module == "env" && ours) || (module == "a" && name.len() <= 2)
        };
        if self.exports.iter().any(|e| e.starts_with("custom section ")) {
            Dialect::Unlinked
        } else if self.imports.iter().any(|(module, name, _)| module == "wasi" || name == "thread-spawn") {
            Dialect::Threads
        } else if self.imports.iter().any(browser) {
            Dialect::Browser
        } else if self.imports_from("wasi_unstable") {
            Dialect::OldWasi
        } else if self.imports.iter().any(emscripten) {
            Dialect::EmscriptenJavaScript
        } else if self.exports("_start") {
            match self.imports.iter().all(|(module, ..)| module == crate::host::MODULE) {
                true => Dialect::Command,
                false => Dialect::Unknown,
            }
        } else if self.exports("_initialize") || self.imports_from(crate::host::MODULE) {
            Dialect::Reactor
        } else {
            Dialect::Unknown
        }
    }

    /// Checks that the module is a command: that it exports `_start`.
    pub(crate) fn require_command(&self) -> Result<(), ModuleError> {
        if self.exports("_start") {
            return Ok(());
        }
        Err(ModuleError::NoStart { looks_like: self.dialect() })
    }

    /// Checks that every import is one that `known` gives.
    pub(crate) fn require_imports(&self, known: impl Fn(&str, &str) -> bool) -> Result<(), ModuleError> {
        let missing: Vec<String> = self
            .imports
            .iter()
            .filter(|(module, name, _)| !known(module, name))
            .map(|(module, name, _)| format!("{module}.{name}"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ModuleError::UnknownImports { missing, looks_like: self.dialect() })
    }
}

fn invalid(error: wasmtime::wasmparser::BinaryReaderError) -> ModuleError {
    ModuleError::Invalid { message: error.to_string() }
}

/// What the first bytes say a file is.
fn kind_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [0x7f, b'E', b'L', b'F', ..] => "a native Linux program or library (ELF)",
        [b'M', b'Z', ..] => "a Windows program (PE)",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS program (Mach-O)",
        [b'#', b'!', ..] => "a script",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => "an archive of objects (ar)",
        [b'B', b'C', 0xc0, 0xde, ..] => "LLVM bitcode",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [0x1f, 0x8b, ..] => "gzip-compressed data",
        [b'(', b'm', b'o', b'd', b'u', b'l', b'e', ..] => "WebAssembly as text (translate it with wat2wasm)",
        _ if bytes.iter().take(512).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => "text",
        _ => "data of an unknown kind",
    }
}
