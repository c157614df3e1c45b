//! Bootstraps: a compiler that, as WebAssembly in our own runtime, compiles its own source, and is then compared with what
//! compiled it.
//!
//! A stage is made of ordinary packages, one for each package of the compiler's own language and one for each program: so
//! scheduling, logs, memory and what a cut leaves are those of every build, and a step that is finished is never done
//! again. Which packages there are is worked out by a planner that is compiled like the rest, and runs as WebAssembly like
//! the rest. `docs/bootstrap.md` has the whole picture.

pub mod c;
pub mod compare;
pub mod go;
pub mod weighing;
