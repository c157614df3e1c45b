//! The bootstrap seed: runs one WebAssembly command as a deterministic process over a tree in memory.
//!
//! ```no_run
//! use nuka_seed_runtime::{Engine, Mount, Process, Tier, process::Access, tree::{File, GuestPath, Tree}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let wasm = b"";
//! let engine = Engine::new()?;
//! let module = engine.compile(wasm, Tier::Optimised)?;
//! let mut tree = Tree::new();
//! tree.insert("src/hello.c", File::from_bytes("int main() {}", false))?;
//! let process = Process {
//!     args: vec![b"tool".to_vec(), b"-c".to_vec(), b"src/hello.c".to_vec()],
//!     mounts: vec![Mount { path: GuestPath::new("/build")?, tree, access: Access::ReadWrite }],
//!     cwd: Some(GuestPath::new("/build")?),
//!     ..Process::default()
//! };
//! let outcome = engine.run(&module, process, None)?;
//! assert!(outcome.exit.success());
//! assert!(outcome.mounts[0].get("hello.o").is_some());
//! # Ok(())
//! # }
//! ```
//!
//! The parts: [`tree`] (directories as values), [`Process`] and [`Outcome`] (what goes in and comes out),
//! [`Engine`] (compiles and runs), [`ModuleCache`] (keeps compiled modules on disk), [`live`] (programs with a
//! person at the terminal), [`disk`] (trees from and to the host's directories).
//!
//! What a process computes depends on nothing but its [`Module`] and [`Process`]: directories are sorted,
//! inode numbers, times, clocks and random numbers follow from what it is given, there is no network and no thread.

pub mod cache;
pub mod disk;
mod engine;
mod errno;
pub mod error;
mod fs;
mod hash;
mod host;
mod limits;
pub mod live;
pub mod module;
pub mod process;
#[cfg(feature = "second-engine")]
pub mod second;
pub mod tree;

pub use cache::ModuleCache;
pub use engine::{Engine, Progress};
pub use errno::Errno;
pub use error::{Error, ModuleError};
pub use module::{Module, ModuleId, Tier};
pub use process::{Exit, Limits, Mount, Outcome, Process, Stream};
