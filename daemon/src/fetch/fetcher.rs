//! The fetcher: knows the registries, and brings what an origin names.

use super::{
    FetchConfig, FetchError, Progress,
    digest::Algorithm,
    error::{named, parse_url},
    local,
    net::{Client, Download, Wanted, Wire},
    registry::{Found, cargo::Crates, debian::Debian, npm::Npm, python::Python},
};
use nuka_pir::{Origin, Source, SourceHash};
use nuka_store::Cancel;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Brings sources here. One serves any number of threads; each ecosystem's configuration is read when it is first
/// needed, so that a broken one hinders nobody else.
#[derive(Clone)]
pub struct Fetcher {
    pub(super) client: Client,
    registries: Arc<Registries>,
}

struct Registries {
    crates: Lazy<Crates>,
    npm: Lazy<Npm>,
    python: Lazy<Python>,
    debian: Lazy<Debian>,
}

/// Made when first asked for; a failure is tried again the next time.
struct Lazy<T>(Mutex<Option<Arc<T>>>);

impl<T> Lazy<T> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn get(&self, make: impl FnOnce() -> Result<T, FetchError>) -> Result<Arc<T>, FetchError> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = place.as_ref() {
            return Ok(value.clone());
        }
        let value = Arc::new(make()?);
        *place = Some(value.clone());
        Ok(value)
    }
}

/// A verified download, or a local source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes, or for a local source perhaps a directory.
    pub path: PathBuf,
    /// The name that its publisher gives it, for a file that is kept as it is.
    pub name: String,
}

impl Fetcher {
    /// A fetcher. Nothing is read and nobody is contacted yet.
    ///
    /// # Errors
    /// [`FetchError::Io`] where the directory for downloads cannot be named: it must be an absolute path.
    pub fn new(config: FetchConfig) -> Result<Self, FetchError> {
        if !config.downloads.is_absolute() {
            let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, "not an absolute path");
            return Err(FetchError::io(&config.downloads)(reason));
        }
        Ok(Self {
            client: Client::new(Arc::new(config)),
            registries: Arc::new(Registries {
                crates: Lazy::new(),
                npm: Lazy::new(),
                python: Lazy::new(),
                debian: Lazy::new(),
            }),
        })
    }

    /// The same fetcher for what may be called off: it ends with [`FetchError::Cancelled`] soon after that, whatever
    /// it waits for. What has come is kept.
    #[must_use]
    pub fn until(&self, cancel: Cancel) -> Self {
        Self { client: self.client.until(cancel), registries: Arc::clone(&self.registries) }
    }

    /// What it was made with.
    pub fn config(&self) -> &FetchConfig {
        &self.client.config
    }

    pub(super) fn crates(&self) -> Result<Arc<Crates>, FetchError> {
        self.registries.crates.get(|| Crates::new(&self.client))
    }

    pub(super) fn npm(&self) -> Result<Arc<Npm>, FetchError> {
        self.registries.npm.get(|| Npm::new(&self.client))
    }

    pub(super) fn python(&self) -> Result<Arc<Python>, FetchError> {
        self.registries.python.get(|| Python::new(&self.client))
    }

    pub(super) fn debian(&self) -> Result<Arc<Debian>, FetchError> {
        self.registries.debian.get(|| Debian::new(&self.client))
    }

    /// Brings a source's bytes here and verifies them. Local sources are only found: their hash is that of the tree.
    ///
    /// # Errors
    /// Whatever hinders it; see [`FetchError`].
    pub fn download(
        &self,
        source: &Source,
        recipe: Option<&Path>,
        progress: &dyn Fn(Progress),
    ) -> Result<Fetched, FetchError> {
        let name = file_name(&source.origin);
        if let Origin::Path { path } = &source.origin {
            return Ok(Fetched { path: local::find(path, recipe)?, name });
        }
        if let Some(Download { path, .. }) = self.client.kept(source.hash)? {
            return Ok(Fetched { path, name });
        }
        if self.config().offline {
            return Err(FetchError::Offline { wanted: vec![named(&source.origin)] });
        }
        let path = match self.find(&source.origin, Some(source.hash), progress)? {
            Found::File(path) => self.check(&source.origin, path, source.hash)?,
            Found::Web(wanted) => {
                let result = self.client.download(&wanted, progress);
                result.map_err(|error| self.explain(&source.origin, error))?.path
            }
        };
        Ok(Fetched { path, name })
    }

    /// A file that was here all along must have the hash too.
    fn check(&self, origin: &Origin, path: PathBuf, expected: SourceHash) -> Result<PathBuf, FetchError> {
        let (got, size) = local::hash(&path, Algorithm::of(&expected))?;
        if got == expected {
            return Ok(path);
        }
        let place = path.display().to_string();
        Err(FetchError::WrongHash {
            what: named(origin),
            expected: Box::new(expected),
            got: Box::new(got),
            place,
            size,
        })
    }

    /// Where an origin's bytes are.
    pub(super) fn find(
        &self,
        origin: &Origin,
        hash: Option<SourceHash>,
        progress: &dyn Fn(Progress),
    ) -> Result<Found, FetchError> {
        let client = &self.client;
        Ok(match origin {
            Origin::Crate { name, version } => self.crates()?.wanted(client, name, version, hash)?,
            Origin::Npm { name, version } => {
                Found::Web(Box::new(self.npm()?.wanted(client, name, version, hash)?))
            }
            Origin::Pypi { name, file, .. } => {
                let python = self.python()?;
                match python.here(file) {
                    Some(found) => found,
                    None => {
                        let found = python.file(client, &|| self.crates(), name, file, progress)?;
                        Found::Web(Box::new(python.wanted(named(origin), &found, hash)))
                    }
                }
            }
            Origin::Debian { name, version, file } => {
                Found::Web(Box::new(self.debian()?.wanted(client, (name, version, file), hash)?))
            }
            Origin::Url { url } => Found::Web(Box::new(Wanted {
                what: named(origin),
                urls: vec![parse_url(url)?],
                wire: Wire::default(),
                credentials: Vec::new(),
                hash,
                size: None,
            })),
            Origin::Bootstrap { .. } => return Err(not_downloaded(origin)),
            Origin::Path { path } => {
                let reason = "it has no address".to_owned();
                return Err(FetchError::Path { path: path.clone(), reason });
            }
        })
    }

    /// A download that is not there may be one whose version does not exist: the index knows, and knows others.
    fn explain(&self, origin: &Origin, error: FetchError) -> FetchError {
        if !matches!(error, FetchError::Status { status: 403 | 404 | 410, .. }) {
            return error;
        }
        let better = match origin {
            Origin::Crate { name, version } => {
                self.crates().and_then(|crates| crates.version(&self.client, name, version)).err()
            }
            Origin::Debian { name, version, file } => {
                self.debian().and_then(|debian| debian.file(&self.client, name, version, file)).err()
            }
            _ => None,
        };
        match better {
            Some(better @ (FetchError::Missing { .. } | FetchError::Gone { .. })) => better,
            _ => error,
        }
    }

    /// The hash that an origin's ecosystem publishes now; of an address, the BLAKE3 of what is there now.
    ///
    /// # Errors
    /// Whatever hinders it; [`FetchError::Answer`] where the ecosystem publishes none that proves anything. Of what is
    /// beside a recipe nobody publishes a hash: see [`local_hash`](super::local_hash).
    pub fn published(&self, origin: &Origin, progress: &dyn Fn(Progress)) -> Result<SourceHash, FetchError> {
        if self.config().offline {
            return Err(FetchError::Offline { wanted: vec![named(origin)] });
        }
        let client = &self.client;
        let none = || FetchError::Answer {
            address: named(origin),
            reason: "the index publishes no hash that proves anything".to_owned(),
        };
        match origin {
            Origin::Crate { name, version } => {
                self.crates()?.version(client, name, version)?.hash().ok_or_else(none)
            }
            Origin::Npm { name, version } => {
                self.npm()?.version(client, name, version, false)?.hash().ok_or_else(none)
            }
            Origin::Pypi { name, file, .. } => {
                let found = self.python()?.file(client, &|| self.crates(), name, file, progress)?;
                found.hash.ok_or_else(none)
            }
            Origin::Debian { name, version, file } => {
                Ok(self.debian()?.file(client, name, version, file)?.hash)
            }
            Origin::Url { .. } => match self.find(origin, None, progress)? {
                Found::Web(wanted) => Ok(client.download(&wanted, progress)?.hash),
                Found::File(_) => Err(none()),
            },
            Origin::Bootstrap { .. } => Err(not_downloaded(origin)),
            Origin::Path { path } => {
                Err(FetchError::Path { path: path.clone(), reason: "nobody publishes it".to_owned() })
            }
        }
    }

    /// The size of a download in bytes, where that can be known without downloading.
    ///
    /// # Errors
    /// Whatever hinders it. A server that does not tell gives `Ok(None)`.
    pub fn size(&self, origin: &Origin, progress: &dyn Fn(Progress)) -> Result<Option<u64>, FetchError> {
        if self.config().offline {
            return Err(FetchError::Offline { wanted: vec![named(origin)] });
        }
        match self.find(origin, None, progress)? {
            Found::File(path) => {
                fs_err::metadata(&path).map(|data| Some(data.len())).map_err(FetchError::io(&path))
            }
            Found::Web(wanted) if wanted.size.is_some() => Ok(wanted.size),
            Found::Web(wanted) => {
                let mut failure = None;
                for url in &wanted.urls {
                    match self.client.length(url, &wanted.wire, &wanted.credentials) {
                        Ok(size) => return Ok(size),
                        Err(error) => failure = Some(error),
                    }
                }
                failure.map_or(Ok(None), |error| Err(self.explain(origin, error)))
            }
        }
    }
}

/// What is made here has neither an address nor a hash that others publish.
fn not_downloaded(origin: &Origin) -> FetchError {
    let reason = "it is made here: a build of it says which hash it has".to_owned();
    FetchError::Spec { text: named(origin), reason }
}

/// The name of the file that an origin publishes.
pub(super) fn file_name(origin: &Origin) -> String {
    let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    match origin {
        Origin::Crate { name, version } => format!("{name}-{version}.crate"),
        Origin::Npm { name, version } => format!("{}-{version}.tgz", last(name)),
        Origin::Pypi { file, .. } | Origin::Debian { file, .. } => last(file),
        Origin::Url { url } => parse_url(url).map(|url| last(url.path())).unwrap_or_default(),
        Origin::Bootstrap { name, .. } => name.clone(),
        Origin::Path { path } => last(path),
    }
}
