//! Reading the index's tables, the same in a read and in a write transaction.

use super::{
    damage::{Guard, IndexError},
    last_use::{self, Used},
    realisation::{BuildResult, Realisation},
    record::{LogRecord, Root, SourceRecord},
    stat_record::{self, StatRecord},
};
use crate::wire::WireError;
use nuka_pir::{BlobId, BuildId, Cid, OutputName, PackageName, Pid, SourceId, Version};
use redb::{ReadableTable, TableDefinition};
use std::ops::Bound;

pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

macro_rules! tables {
    ($($name:ident),*) => {
        /// The index's tables in one transaction; `T` is redb's table, for reading or for writing.
        #[derive(Debug)]
        pub struct Tables<T> {
            pub(crate) guard: Guard,
            $(pub(crate) $name: T,)*
        }

        /// All tables, so that each exists from the start.
        pub(crate) const TABLES: &[Definition] = &[$(Definition::new(stringify!($name))),*];

        impl<T> Tables<T> {
            /// Opens every table.
            pub(crate) fn open<E: Into<redb::Error>>(
                guard: Guard,
                open: impl Fn(Definition) -> Result<T, E>,
            ) -> Result<Self, IndexError> {
                guard.clone().run(|| {
                    Ok::<_, E>(Self { $($name: open(Definition::new(stringify!($name)))?,)* guard })
                })
            }
        }
    };
}

tables!(
    realisations,
    builds,
    contents,
    pirs,
    metas,
    names,
    sources,
    logs,
    roots,
    stat_cache,
    values,
    uses,
    records,
    state
);

/// Why the beginning of an id's text does not lead to one id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// No id begins so.
    #[error("no id begins with `{}`", prefix.escape_debug())]
    None {
        /// The text.
        prefix: String,
    },
    /// Several ids begin so.
    #[error("`{prefix}` is the beginning of several ids: {}", shown(some))]
    Several {
        /// The text.
        prefix: String,
        /// Some of them.
        some: Vec<Pid>,
    },
}

fn shown(pids: &[Pid]) -> String {
    pids.iter().map(Pid::short).collect::<Vec<_>>().join(", ")
}

/// A record as it stands in a table.
type Pair = (Vec<u8>, Vec<u8>);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Tables<T> {
    fn get<R>(
        &self,
        table: &T,
        name: &'static str,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<R, WireError>,
    ) -> Result<Option<R>, IndexError> {
        let found =
            self.guard.run(|| table.get(key).map(|value| value.map(|value| decode(value.value()))))?;
        found.transpose().map_err(self.guard.record(name))
    }

    /// The records whose keys begin with `prefix`, from `start` on, while `take` says to go on.
    fn scan(
        &self,
        table: &T,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), IndexError> {
        self.guard.run(|| {
            let from = (Bound::Included(prefix), Bound::Unbounded);
            for pair in table.range::<&[u8]>(from)? {
                let (key, value) = pair?;
                if !key.value().starts_with(prefix) || !visit(key.value(), value.value()) {
                    break;
                }
            }
            Ok::<_, redb::StorageError>(())
        })
    }

    fn scan_all(&self, table: &T, prefix: &[u8]) -> Result<Vec<Pair>, IndexError> {
        let mut out = Vec::new();
        self.scan(table, prefix, |key, value| {
            out.push((key.to_vec(), value.to_vec()));
            true
        })?;
        Ok(out)
    }

    /// All records of a table, decoded.
    fn collect<R>(
        &self,
        table: &T,
        name: &'static str,
        decode: impl Fn(&[u8], &[u8]) -> Result<R, WireError>,
    ) -> Result<Vec<R>, IndexError> {
        let mut out = Vec::new();
        let mut wrong = None;
        self.scan(table, &[], |key, value| match decode(key, value) {
            Ok(record) => {
                out.push(record);
                true
            }
            Err(error) => {
                wrong = Some(error);
                false
            }
        })?;
        wrong.map_or(Ok(out), |error| Err(self.guard.record(name)(error)))
    }

    /// What a package became when it was last built or fetched.
    pub fn realisation(&self, pid: &Pid) -> Result<Option<Realisation>, IndexError> {
        self.get(&self.realisations, "realisations", pid.as_bytes(), Realisation::decode)
    }

    /// What a build gave.
    pub fn build(&self, build: &BuildId) -> Result<Option<BuildResult>, IndexError> {
        self.get(&self.builds, "builds", build.as_bytes(), BuildResult::decode)
    }

    /// Every package, with the output, that became this tree.
    pub fn packages_of(&self, cid: &Cid) -> Result<Vec<(Pid, OutputName)>, IndexError> {
        let mut out = Vec::new();
        for (key, _) in self.scan_all(&self.contents, cid.as_bytes())? {
            out.push(content_key(&key).map_err(self.guard.record("contents"))?);
        }
        Ok(out)
    }

    /// The canonical text of a PIR.
    pub fn pir(&self, pid: &Pid) -> Result<Option<Vec<u8>>, IndexError> {
        self.get(&self.pirs, "pirs", pid.as_bytes(), |bytes| Ok(bytes.to_vec()))
    }

    /// Whether a PIR is registered.
    pub fn has_pir(&self, pid: &Pid) -> Result<bool, IndexError> {
        self.guard.run(|| self.pirs.get(pid.as_bytes().as_slice()).map(|value| value.is_some()))
    }

    /// All registered PIRs, in the order of their ids.
    pub fn pids(&self) -> Result<Vec<Pid>, IndexError> {
        self.ids_of(&self.pirs, "pirs", Pid::from_bytes)
    }

    /// All packages that have a realisation, in the order of their ids.
    pub fn realised(&self) -> Result<Vec<(Pid, Realisation)>, IndexError> {
        let decode = |key: &[u8], value: &[u8]| Ok((Pid::from_bytes(id(key)?), Realisation::decode(value)?));
        self.collect(&self.realisations, "realisations", decode)
    }

    /// The one registered PID whose text begins with `prefix`. The inner error is for the person who wrote it.
    pub fn pid_with_prefix(&self, prefix: &str) -> Result<Result<Pid, PrefixError>, IndexError> {
        const SOME: usize = 4;
        let mut found = Vec::new();
        // The text's `a` is the lowest digit, so padding with it gives the lowest id that begins so.
        let lowest = format!("{prefix:a<52}").parse::<Pid>();
        if let (Ok(lowest), false) = (lowest, prefix.is_empty()) {
            self.guard.run(|| {
                for pair in self.pirs.range::<&[u8]>(lowest.as_bytes().as_slice()..)? {
                    let (key, _) = pair?;
                    let Ok(bytes) = id(key.value()) else { continue };
                    let pid = Pid::from_bytes(bytes);
                    if !pid.to_string().starts_with(prefix) || found.len() == SOME {
                        break;
                    }
                    found.push(pid);
                }
                Ok::<_, redb::StorageError>(())
            })?;
        }
        let prefix = prefix.to_owned();
        Ok(match found.as_slice() {
            [] => Err(PrefixError::None { prefix }),
            [one] => Ok(*one),
            _ => Err(PrefixError::Several { prefix, some: found }),
        })
    }

    /// The blob that describes a package.
    pub fn meta(&self, pid: &Pid) -> Result<Option<BlobId>, IndexError> {
        self.get(&self.metas, "metas", pid.as_bytes(), |bytes| id(bytes).map(BlobId::from_bytes))
    }

    /// The registered packages of this name, with their versions.
    pub fn packages_named(&self, name: &PackageName) -> Result<Vec<(Pid, Version)>, IndexError> {
        let mut prefix = name.as_str().as_bytes().to_vec();
        prefix.push(0);
        let named = self.scan_names(&prefix)?;
        Ok(named.into_iter().map(|(_, pid, version)| (pid, version)).collect())
    }

    /// All registered packages by name, with their versions.
    pub fn packages(&self) -> Result<Vec<(PackageName, Pid, Version)>, IndexError> {
        self.collect(&self.names, "names", named)
    }

    fn scan_names(&self, prefix: &[u8]) -> Result<Vec<(PackageName, Pid, Version)>, IndexError> {
        let mut out = Vec::new();
        for (key, value) in self.scan_all(&self.names, prefix)? {
            out.push(named(&key, &value).map_err(self.guard.record("names"))?);
        }
        Ok(out)
    }

    /// What a source was unpacked to.
    pub fn source(&self, source: &SourceId) -> Result<Option<SourceRecord>, IndexError> {
        self.get(&self.sources, "sources", source.as_bytes(), SourceRecord::decode)
    }

    /// Where the log of the last build of a package is.
    pub fn log_of(&self, pid: &Pid) -> Result<Option<LogRecord>, IndexError> {
        self.get(&self.logs, "logs", pid.as_bytes(), LogRecord::decode)
    }

    /// Where a build's log is.
    pub fn log_of_build(&self, build: &BuildId) -> Result<Option<LogRecord>, IndexError> {
        self.get(&self.logs, "logs", build.as_bytes(), LogRecord::decode)
    }

    /// The root of this name.
    pub fn root(&self, name: &[u8]) -> Result<Option<Root>, IndexError> {
        self.get(&self.roots, "roots", name, Root::decode)
    }

    /// All roots by name.
    pub fn roots(&self) -> Result<Vec<(Vec<u8>, Root)>, IndexError> {
        let mut out = Vec::new();
        for (name, value) in self.scan_all(&self.roots, &[])? {
            out.push((name, Root::decode(&value).map_err(self.guard.record("roots"))?));
        }
        Ok(out)
    }

    /// When something was last used, in milliseconds since 1970, if that was written down.
    pub fn last_use(&self, used: &Used) -> Result<Option<u64>, IndexError> {
        self.get(&self.uses, "uses", &used.key(), last_use::decode)
    }

    /// Everything whose last use was written down.
    pub fn last_uses(&self) -> Result<Vec<(Used, u64)>, IndexError> {
        self.collect(&self.uses, "uses", |key, value| Ok((Used::of_key(key)?, last_use::decode(value)?)))
    }

    /// Which of these have no recorded use of the last day: the others need no [`IndexWriter::touch`].
    ///
    /// [`IndexWriter::touch`]: super::IndexWriter::touch
    pub fn to_touch(&self, items: &[Used], now_ms: u64) -> Result<Vec<Used>, IndexError> {
        let mut out = Vec::new();
        for used in items {
            if last_use::is_news(self.last_use(used)?, now_ms) {
                out.push(*used);
            }
        }
        Ok(out)
    }

    /// The object that says of a package or a source what this index does.
    pub fn record(&self, of: &Used) -> Result<Option<BlobId>, IndexError> {
        self.get(&self.records, "records", &of.key(), |bytes| id(bytes).map(BlobId::from_bytes))
    }

    /// All sources, in the order of their ids.
    pub fn all_sources(&self) -> Result<Vec<(SourceId, SourceRecord)>, IndexError> {
        let decode =
            |key: &[u8], value: &[u8]| Ok((SourceId::from_bytes(id(key)?), SourceRecord::decode(value)?));
        self.collect(&self.sources, "sources", decode)
    }

    /// All builds whose results are known, in the order of their ids.
    pub fn all_builds(&self) -> Result<Vec<(BuildId, BuildResult)>, IndexError> {
        let decode =
            |key: &[u8], value: &[u8]| Ok((BuildId::from_bytes(id(key)?), BuildResult::decode(value)?));
        self.collect(&self.builds, "builds", decode)
    }

    /// All blobs that describe packages.
    pub(crate) fn all_metas(&self) -> Result<Vec<(Pid, BlobId)>, IndexError> {
        let decode =
            |key: &[u8], value: &[u8]| Ok((Pid::from_bytes(id(key)?), BlobId::from_bytes(id(value)?)));
        self.collect(&self.metas, "metas", decode)
    }

    /// All records that are objects too.
    pub(crate) fn all_records(&self) -> Result<Vec<(Used, BlobId)>, IndexError> {
        let decode = |key: &[u8], value: &[u8]| Ok((Used::of_key(key)?, BlobId::from_bytes(id(value)?)));
        self.collect(&self.records, "records", decode)
    }

    /// How many updates the index has seen; equal numbers mean an equal index.
    pub(crate) fn generation(&self) -> Result<u64, IndexError> {
        let decode = |bytes: &[u8]| {
            let mut decoder = crate::wire::Decoder::new(bytes);
            let number = decoder.u64("generation")?;
            decoder.finish().map(|()| number)
        };
        Ok(self.get(&self.state, "state", b"generation", decode)?.unwrap_or(0))
    }

    /// What is known of the files of a directory on disk, in the order of their inodes.
    pub fn stats(&self, device: u64, inode: u64) -> Result<Option<Vec<StatRecord>>, IndexError> {
        self.get(&self.stat_cache, "stat_cache", &stat_record::key(device, inode), stat_record::decode)
    }

    /// The value that a namespace has for a key.
    pub fn value(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        self.get(&self.values, "values", &value_key(namespace, key), |bytes| Ok(bytes.to_vec()))
    }

    /// All keys and values of a namespace, in the order of the keys.
    pub fn values(&self, namespace: &str) -> Result<Vec<Pair>, IndexError> {
        let prefix = value_key(namespace, &[]);
        let mut all = self.scan_all(&self.values, &prefix)?;
        for (key, _) in &mut all {
            key.drain(..prefix.len().min(key.len()));
        }
        Ok(all)
    }

    fn ids_of<R>(
        &self,
        table: &T,
        name: &'static str,
        make: fn([u8; 32]) -> R,
    ) -> Result<Vec<R>, IndexError> {
        let mut out = Vec::new();
        let mut wrong = None;
        self.scan(table, &[], |key, _| match id(key) {
            Ok(bytes) => {
                out.push(make(bytes));
                true
            }
            Err(error) => {
                wrong = Some(error);
                false
            }
        })?;
        wrong.map_or(Ok(out), |error| Err(self.guard.record(name)(error)))
    }
}

fn id(bytes: &[u8]) -> Result<[u8; 32], WireError> {
    bytes.try_into().map_err(|_| WireError::Invalid { field: "id" })
}

pub(crate) fn put_content_key(cid: &Cid, pid: &Pid, output: &OutputName) -> Vec<u8> {
    [cid.as_bytes().as_slice(), pid.as_bytes(), output.as_str().as_bytes()].concat()
}

fn content_key(key: &[u8]) -> Result<(Pid, OutputName), WireError> {
    let wrong = WireError::Invalid { field: "key" };
    let (pid, output) = key.get(32..).and_then(|rest| rest.split_first_chunk::<32>()).ok_or(wrong)?;
    let output = std::str::from_utf8(output).map_err(|_| wrong)?;
    Ok((Pid::from_bytes(*pid), OutputName::new(output).map_err(|_| wrong)?))
}

pub(crate) fn put_name_key(name: &PackageName, pid: &Pid) -> Vec<u8> {
    [name.as_str().as_bytes(), &[0], pid.as_bytes()].concat()
}

fn named(key: &[u8], value: &[u8]) -> Result<(PackageName, Pid, Version), WireError> {
    let wrong = WireError::Invalid { field: "key" };
    let (rest, pid) = key.split_last_chunk::<32>().ok_or(wrong)?;
    let name = rest.strip_suffix(&[0]).and_then(|name| std::str::from_utf8(name).ok()).ok_or(wrong)?;
    let version = std::str::from_utf8(value).ok().and_then(|text| Version::new(text).ok());
    let version = version.ok_or(WireError::Invalid { field: "version" })?;
    Ok((PackageName::new(name).map_err(|_| wrong)?, Pid::from_bytes(*pid), version))
}

/// A namespace's length stands before it, so that no two namespaces can share a key.
pub(crate) fn value_key(namespace: &str, key: &[u8]) -> Vec<u8> {
    let length = u32::try_from(namespace.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), namespace.as_bytes(), key].concat()
}
