//! Everything that a request can fail with. The facts are in the fields; `cli` makes text of them.

use crate::{fetch::FetchError, inputs::InputError, worker::WorkError};
use nuka_pir::{Cid, Pid};
use nuka_store::{BuildError, IndexError, import::ImportError};
use std::{io, path::PathBuf};

/// What to do about a full disk.
pub(crate) const MAKE_ROOM: &str = "make room on the disk, or set NUKA_STORE to a place that has some";

/// The code of what was stopped because nobody wanted it any more.
pub(crate) const CANCELLED: &str = "nuka::cancelled";

/// Whether an I/O error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recipe is wrong.
    #[error(transparent)]
    Recipe(#[from] Box<nuka_nushell_ext::RecipeError>),
    /// A recipe's file cannot be read.
    #[error("the recipe `{}` cannot be read: {source}", path.display())]
    RecipeFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A recipe's file has a name that no recipe can have.
    #[error("{error}")]
    RecipeName {
        /// Which rule it breaks.
        error: nuka_nushell_ext::PathError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] nuka_store::StoreError),
    /// The store's index.
    #[error(transparent)]
    Index(#[from] nuka_store::IndexError),
    /// A PIR.
    #[error(transparent)]
    Pir(#[from] nuka_pir::PirError),
    /// A bootstrap's packages.
    #[error(transparent)]
    Go(#[from] Box<crate::bootstrap::go::GoError>),
    /// The same, of C's.
    #[error(transparent)]
    C(#[from] Box<crate::bootstrap::c::CError>),
    /// A compiler that there is no bootstrap of.
    #[error("there is no bootstrap of {name} {version}; there is one of {known}")]
    NoBootstrap {
        /// What was asked for.
        name: String,
        /// In which version.
        version: String,
        /// What there is.
        known: String,
    },
    /// A source.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A build.
    #[error(transparent)]
    Work(#[from] Box<WorkError>),
    /// Inputs that do not go together.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The wasm runtime.
    #[error(transparent)]
    Runtime(#[from] nuka_seed_runtime::Error),
    /// A program that the person runs.
    #[error(transparent)]
    Live(#[from] nuka_seed_runtime::live::LiveError),
    /// Importing a file or directory.
    #[error(transparent)]
    Import(#[from] nuka_store::import::ImportError),
    /// Writing a tree to a directory.
    #[error(transparent)]
    Export(#[from] nuka_store::export::ExportError),
    /// No means of mounting is allowed here.
    #[error("this host allows no means of mounting")]
    NoMount {
        /// Each means, and why not.
        reasons: Vec<String>,
    },
    /// Nothing was collected.
    #[error(transparent)]
    Gc(#[from] nuka_store::gc::GcError),
    /// A file is no export that can be taken in.
    #[error(transparent)]
    Closure(#[from] nuka_store::import::ClosureError),
    /// A view cannot be shown.
    #[error(transparent)]
    View(#[from] nuka_vfs::view::ViewError),
    /// A program could not be started in a view.
    #[error(transparent)]
    Sandbox(#[from] nuka_vfs::sandbox::SandboxError),
    /// A file that should describe one package describes several, or an environment.
    #[error(
        "`{file}` describes an environment, or several packages, and one package is installed by its recipe"
    )]
    Several {
        /// The file.
        file: String,
    },
    /// A file that should be one describes no environment.
    #[error("`{file}` describes no environment: its `main` gives packages")]
    NoEnvironment {
        /// The file.
        file: String,
    },
    /// A package that a lock file names is not known here.
    #[error("the package {} of the lock file is known to no recipe and no store here", pid.short())]
    UnknownPin {
        /// Its id.
        pid: Pid,
    },
    /// A tree is no generation of a profile.
    #[error("the generation {} cannot be read: {reason}", tree.short())]
    Generation {
        /// The tree.
        tree: Cid,
        /// What is wrong with it.
        reason: String,
    },
    /// Something has no form as data. A fault of nuka.
    #[error("this cannot be written down: {0}")]
    Data(String),
    /// A profile.
    #[error(transparent)]
    Profile(#[from] Box<crate::profile::ProfileError>),
    /// A program's files are not in the store any more.
    #[error("`{program}` cannot be started: files of {package} are missing from the store")]
    ProgramGone {
        /// The program.
        program: String,
        /// Its package.
        package: String,
    },
    /// Two packages of one view have programs of one name.
    #[error("`{program}` is a program of both {} and {}", packages[0], packages[1])]
    TwoPrograms {
        /// The name.
        program: String,
        /// The packages.
        packages: [String; 2],
    },
    /// A mount would hide what it is served from.
    #[error("`{}` cannot be mounted over: nuka's own `{}` is there", place.display(), own.display())]
    MountOverOwn {
        /// Where it was to be.
        place: PathBuf,
        /// What is there.
        own: PathBuf,
    },
    /// The store, or another one, is mounted there already.
    #[error("the store is mounted on `{}` already", place.display())]
    Mounted {
        /// Where.
        place: PathBuf,
    },
    /// A package has no programs at all.
    #[error("{package} has no programs")]
    NoPrograms {
        /// The package.
        package: String,
    },
    /// A view cannot be shown as it was wanted.
    #[error("a view cannot be shown as {means}: {why}")]
    Means {
        /// The means that was wanted.
        means: nuka_vfs::view::ViewMeans,
        /// Why it cannot be had.
        why: nuka_vfs::view::Unavailable,
    },
    /// The store cannot be mounted.
    #[error(transparent)]
    Mount(#[from] nuka_vfs::mount::MountError),
    /// A mount is still there.
    #[error(transparent)]
    Unmount(#[from] nuka_vfs::mount::UnmountError),
    /// There is no namespace to mount in.
    #[error(transparent)]
    Namespace(#[from] nuka_vfs::namespace::NamespaceError),
    /// The store does not know a package.
    #[error("the store does not know the package {pid}")]
    UnknownPackage {
        /// Its id.
        pid: Pid,
    },
    /// A text names nothing in the store.
    #[error("`{what}` names nothing in the store")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Something near that is there.
        suggestion: Option<String>,
    },
    /// A text is the beginning of several ids.
    #[error("`{what}` is the beginning of several ids")]
    Ambiguous {
        /// What was asked for.
        what: String,
        /// Some of them.
        some: Vec<String>,
    },
    /// Something that is asked of a package that is not built yet.
    #[error("{name} {version} is not built")]
    NotBuilt {
        /// The package.
        name: String,
        /// Its version.
        version: String,
    },
    /// A package has no program of this name.
    #[error("{package} has no program `{program}`")]
    NoProgram {
        /// The package.
        package: String,
        /// What was asked for.
        program: String,
        /// What there is.
        programs: Vec<String>,
    },
    /// A package has no program at all, or several and none is called like it.
    #[error("{package} does not say which of its programs is meant")]
    WhichProgram {
        /// The package.
        package: String,
        /// What there is.
        programs: Vec<String>,
    },
    /// What `run` needs could not be built; the failures were told as they happened.
    #[error("{package} could not be built")]
    BuildFailed {
        /// The package.
        package: String,
        /// Why.
        report: Box<crate::api::BuildReport>,
    },
    /// A file of the person's.
    #[error("{action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Something is no directory, or no file.
    #[error("`{what}` is not {wanted}")]
    WrongKind {
        /// What was asked for.
        what: String,
        /// What it should have been.
        wanted: &'static str,
    },
    /// The expected CIDs cannot be read.
    #[error("the published CIDs cannot be read: {source}")]
    Published {
        /// Why.
        source: nuka_pir::canonical::CanonicalError,
    },
    /// An object that a tree names is not there.
    #[error("the tree {cid} is not whole")]
    Broken {
        /// The tree.
        cid: Cid,
    },
    /// An archive that is not one, or that nuka refuses.
    #[error("{origin}: {error}")]
    Archive {
        /// The source.
        origin: String,
        /// Why.
        error: nuka_store::import::ImportError,
    },
    /// A source's file has a name that no tree can hold.
    #[error("{error}")]
    SourceName {
        /// Why.
        error: nuka_store::NameError,
    },
    /// A source's `--subdir` is no path.
    #[error("`{path}` is not a directory of a source: {error}")]
    Subdir {
        /// The path.
        path: String,
        /// Why.
        error: nuka_store::PathError,
    },
    /// A local directory is not what the recipe says.
    #[error("{origin} has the hash {got}; the recipe expects {expected}")]
    WrongTree {
        /// The source.
        origin: String,
        /// What the recipe says.
        expected: nuka_pir::SourceHash,
        /// What is there.
        got: nuka_pir::SourceHash,
    },
    /// A name.
    #[error("{error}")]
    Name {
        /// Why.
        error: nuka_pir::NameError,
    },
    /// A place where a program is to see a directory.
    #[error("{error}")]
    GuestPath {
        /// Why.
        error: nuka_seed_runtime::tree::NameError,
    },
    /// An argument that is not text.
    #[error("the argument `{argument}` is not UTF-8, which a program's arguments must be")]
    Argument {
        /// The argument.
        argument: String,
    },
    /// A native program that cannot be run here.
    #[error("`{program}` cannot be run here: {why}")]
    NoNativeRun {
        /// The program.
        program: String,
        /// Why.
        why: NoNativeRun,
    },
    /// A program that the person ran crashed.
    #[error("the program {exit}")]
    Crashed {
        /// How.
        exit: nuka_seed_runtime::Exit,
    },
    /// A path in the store that cannot be followed.
    #[error(transparent)]
    Lookup(#[from] nuka_store::LookupError),
    /// Hashes that cannot be written into a recipe.
    #[error("{error}")]
    Edit {
        /// Why.
        error: crate::fetch::EditError,
    },
    /// What a new recipe is made from.
    #[error("{error}")]
    Spec {
        /// Why.
        error: crate::fetch::FetchError,
    },
    /// What is in the store cannot be listed.
    #[error("the store cannot be listed: {reason}")]
    Names {
        /// Why.
        reason: String,
    },
    /// It failed for somebody else, who was at it first.
    #[error("{0}")]
    Shared(std::sync::Arc<Error>),
    /// Nobody waits for it any more.
    #[error("it was stopped before its end")]
    Cancelled,
    /// Threads for the builds cannot be had.
    #[error("threads cannot be started: {0}")]
    Threads(String),
}

/// Why a native program cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoNativeRun {
    /// It is for another kind of machine.
    #[error("it is for {platform}")]
    OtherMachine {
        /// That kind.
        platform: nuka_pir::Platform,
    },
    /// This host lets nobody make a root of their own, and native programs are not run in that of the host.
    #[error("this host allows no root of its own for it")]
    NoRoot,
}

impl Error {
    /// What kind of error it is, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Recipe(_) | Error::RecipeFile { .. } | Error::RecipeName { .. } => "nuka::recipe",
            Error::Store(_)
            | Error::Index(_)
            | Error::Lookup(_)
            | Error::Import(_)
            | Error::Export(_)
            | Error::Names { .. }
            | Error::Gc(_)
            | Error::Closure(_)
            | Error::Broken { .. } => "nuka::store",
            Error::Pir(_) => "nuka::pir",
            Error::Fetch(_)
            | Error::Archive { .. }
            | Error::SourceName { .. }
            | Error::Subdir { .. }
            | Error::WrongTree { .. }
            | Error::Edit { .. }
            | Error::Spec { .. } => "nuka::fetch",
            Error::Work(_) | Error::Input(_) | Error::BuildFailed { .. } | Error::Threads(_) => "nuka::build",
            Error::Runtime(_)
            | Error::Live(_)
            | Error::Crashed { .. }
            | Error::NoNativeRun { .. }
            | Error::Argument { .. }
            | Error::GuestPath { .. } => "nuka::run",
            Error::Name { .. } => "nuka::name",
            Error::UnknownPackage { .. } | Error::NotFound { .. } | Error::Ambiguous { .. } => {
                "nuka::not_found"
            }
            Error::NotBuilt { .. } => "nuka::not_built",
            Error::View(_) | Error::Sandbox(_) | Error::Means { .. } => "nuka::view",
            Error::NoProgram { .. }
            | Error::NoPrograms { .. }
            | Error::WhichProgram { .. }
            | Error::ProgramGone { .. }
            | Error::TwoPrograms { .. } => "nuka::program",
            Error::File { .. } | Error::WrongKind { .. } => "nuka::file",
            Error::MountOverOwn { .. }
            | Error::Mounted { .. }
            | Error::NoMount { .. }
            | Error::Mount(_)
            | Error::Unmount(_)
            | Error::Namespace(_) => "nuka::mount",
            Error::Published { .. } => "nuka::published",
            Error::Go(_) | Error::C(_) | Error::NoBootstrap { .. } => "nuka::bootstrap",
            Error::Generation { .. } | Error::Data(_) => "nuka::profile",
            Error::NoEnvironment { .. } | Error::UnknownPin { .. } | Error::Several { .. } => {
                "nuka::environment"
            }
            Error::Profile(error) => error.code(),
            Error::Shared(error) => error.code(),
            Error::Cancelled => CANCELLED,
        }
    }

    /// Whether a full disk is the cause.
    fn is_storage_full(&self) -> bool {
        match self {
            Error::Store(error)
            | Error::Import(ImportError::Store(error) | ImportError::Build(BuildError::Store(error))) => {
                error.is_storage_full()
            }
            Error::Index(error) => matches!(error, IndexError::StorageFull { .. }),
            Error::Work(error) => error.is_storage_full(),
            Error::Runtime(nuka_seed_runtime::Error::Cache { source, .. }) => is_full(source),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Shared(error) => error.help(),
            Error::Profile(error) => Some(error.help()),
            Error::Several { file } => Some(format!("of an environment: `nuka apply {file}`")),
            Error::NoEnvironment { .. } => {
                Some("let it end in `environment { packages: [...] }`, or name packages: `nuka shell PACKAGE`".to_owned())
            }
            Error::UnknownPin { .. } => {
                Some("`nuka lock` writes down what recipes say now; or use the version of nuka that wrote it".to_owned())
            }
            Error::Generation { .. } => Some(
                "`nuka generation list` shows the others, `nuka generation switch` goes to one of them".to_owned(),
            ),
            Error::Recipe(error) => error.help.clone(),
            Error::Fetch(error) | Error::Spec { error } => Some(error.help()),
            Error::Edit { error } => Some(error.help().to_owned()),
            Error::WrongTree { .. } => {
                Some("if the change is meant, `nuka update-hashes RECIPE` writes the new hash".to_owned())
            }
            Error::NotFound { what, suggestion: Some(name) } if what == name => {
                Some(format!("`nuka build {name}` builds it"))
            }
            Error::NotFound { suggestion: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            Error::NotFound { .. } => Some("`nuka store list` shows what is there".to_owned()),
            Error::Ambiguous { some, .. } => Some(format!("it could be {}", some.join(", "))),
            Error::NoNativeRun { why: NoNativeRun::OtherMachine { .. }, .. } => {
                Some("`nuka build -o DIR` copies it to where that machine can have it".to_owned())
            }
            Error::NoNativeRun { why: NoNativeRun::NoRoot, .. } => {
                Some("`nuka doctor` shows which means of showing views this machine has".to_owned())
            }
            Error::NotBuilt { name, version } => {
                Some(format!("build it first: `nuka build {name}@{version}`"))
            }
            Error::NoPrograms { .. } => Some("it is a library, or data, for other packages".to_owned()),
            Error::NoProgram { programs, .. } => Some(format!("it has {}", programs.join(", "))),
            Error::WhichProgram { programs, .. } => {
                Some(format!("name one with `--bin`: {}", programs.join(", ")))
            }
            Error::ProgramGone { .. } => Some("`nuka store verify --repair` makes it again".to_owned()),
            Error::TwoPrograms { .. } => Some("name one of the two packages, or run them one by one with `nuka run`".to_owned()),
            Error::Sandbox(nuka_vfs::sandbox::SandboxError::Program { .. }) => {
                Some("check the program, and SHELL where that names it".to_owned())
            }
            Error::View(_) | Error::Sandbox(_) | Error::Means { .. } => {
                Some("`nuka doctor` shows which means of showing views this machine has".to_owned())
            }
            Error::MountOverOwn { .. } => Some("name another directory".to_owned()),
            Error::Mounted { place } => Some(format!(
                "look into it where it is, or take it away first: `nuka store unmount {}`",
                place.display()
            )),
            Error::NoMount { reasons } => Some(reasons.join("\n")),
            Error::Mount(_) | Error::Namespace(_) => {
                Some("`nuka doctor` shows which means of mounting this machine has".to_owned())
            }
            Error::Unmount(nuka_vfs::mount::UnmountError::NotMounted { mounted, .. }) => {
                Some(match mounted.as_slice() {
                    [] => "`nuka store mount` mounts it".to_owned(),
                    mounted => {
                        let places: Vec<_> = mounted.iter().map(|place| place.display().to_string()).collect();
                        format!("name where it is mounted: {}", places.join(", "))
                    }
                })
            }
            Error::Unmount(_) => Some("leave the directory, and end what reads from it".to_owned()),
            Error::Store(nuka_store::StoreError::Owned { .. }) => Some(
                "a daemon works on it: do without `--no-daemon`, or end the daemon first with `nuka daemon stop`".to_owned(),
            ),
            Error::Store(nuka_store::StoreError::InUse { .. }) => {
                Some("wait until the commands that were started with `--no-daemon` have ended".to_owned())
            }
            error if error.is_storage_full() => Some(MAKE_ROOM.to_owned()),
            Error::RecipeFile { source, .. } | Error::File { source, .. } => {
                Some(crate::fault::file_help(source.kind()).to_owned())
            }
            Error::Cancelled => {
                Some("the daemon was told to end; what was finished is kept. Ask again".to_owned())
            }
            Error::RecipeName { .. } => Some("give the file such a name".to_owned()),
            Error::WrongKind { what, wanted: "a file" } => {
                Some(format!("`nuka store ls {what}` lists what is in it"))
            }
            Error::Broken { .. } => Some("build the package again with `nuka build --rebuild`".to_owned()),
            _ => None,
        }
    }
}
