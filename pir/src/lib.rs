//! Package intermediate representation: the pure data at the heart of nuka.
//!
//! No I/O happens here. A recipe's derivation becomes a [`Pir`]; its canonical NUON text is hashed to a
//! [`Pid`]. When its inputs are known to the byte, a PIR resolves to a [`BuildRequest`], which is all that a
//! build can see, and which is hashed to a [`BuildId`].

pub mod canonical;
pub mod graph;
mod id;
mod meta;
mod name;
mod package;
mod platform;
mod request;
mod run;
mod source;
mod step;
mod template;
mod text;
mod validate;

pub use id::{BlobId, BuildId, Cid, ID_TEXT_LEN, IdError, Pid, SourceId};
pub use meta::Meta;
pub use name::{InputName, MAX_NAME_LEN, NameError, OutputName, PackageName, ProgramName, Version};
pub use package::{
    Build, Builder, Input, Limits, OutputRule, PIR_FORMAT, Pir, PirError, Prefix, steps_from_text,
    steps_to_text,
};
pub use platform::{Cpu, Platform, PlatformError};
pub use request::BuildRequest;
pub use run::{CurrentDirectory, Language, Permissions, Program, Run};
pub use source::{ArchiveFormat, HashError, Origin, Source, SourceHash, Unpack};
pub use step::{Argument, Glob, Items, RunStep, Stdin, Stdout, Step, input_path};
pub use template::{Field, Part, Template, Variable};
pub use text::{TextError, check_text};
pub use validate::Invalid;
