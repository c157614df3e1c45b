//! Reading packages with all that they need from one file: see [`closure_format`](crate::closure_format).
//!
//! Each item is checked as it comes: its bytes against its name, what a directory says against what came before it,
//! a package against its PIR. Nothing is registered, and no object gets its name, before the end was seen.

use super::options::Limits;
use crate::{
    batch::Batch,
    closure_format::{Item, VERSION, size_header},
    directory::{DirectoryError, MAX_DIRECTORY_OBJECT, Node, decode_directory},
    error::StoreError,
    export::tar::{BLOCK, TOO_LARGE},
    index::{BuildResult, Realisation},
    name::{MAX_DEPTH, escape},
    record::{MAX_RECORD, PackageRecord, Record},
    store::Store,
    wire::WireError,
};
use nuka_pir::{BlobId, Cid, Pid, Pir, PirError};
use std::{
    collections::{HashMap, HashSet},
    io::{self, Read},
};

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Why a closure cannot be imported. Nothing of it is in the store then.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// It cannot be read.
    #[error("the closure cannot be read: {source}")]
    Read {
        /// Why.
        source: io::Error,
    },
    /// It ends before its end.
    #[error("the closure is cut short: it ends inside {inside}")]
    Truncated {
        /// What is not whole.
        inside: String,
    },
    /// It is something else, or of a version that is not known.
    #[error("this is no closure that this nuka reads: {detail}")]
    NotAClosure {
        /// What is wrong with its beginning.
        detail: String,
    },
    /// A header is not as the format says.
    #[error("the closure is malformed at byte {at}: {detail}")]
    Malformed {
        /// Where, from 0.
        at: u64,
        /// What is wrong.
        detail: String,
    },
    /// An item comes twice.
    #[error("`{item}` comes twice in the closure")]
    Duplicate {
        /// The item.
        item: String,
    },
    /// An item's bytes are not those that its name promises.
    #[error("`{item}` of the closure is damaged: its bytes hash to {found}")]
    WrongHash {
        /// The item.
        item: String,
        /// What its bytes hash to.
        found: BlobId,
    },
    /// An item names something that did not come before it, or that is otherwise than it says.
    #[error("`{item}` of the closure names {missing}, which did not come before it as it should be")]
    Incomplete {
        /// The item.
        item: String,
        /// What it names.
        missing: String,
    },
    /// A directory object is not one.
    #[error("`{item}` of the closure is not a directory: {source}")]
    Directory {
        /// The item.
        item: String,
        /// What is wrong with it.
        source: DirectoryError,
    },
    /// A tree is deeper than trees may be.
    #[error("`{item}` of the closure is too deep: depth limit {MAX_DEPTH} reached")]
    TooDeep {
        /// The item.
        item: String,
    },
    /// A record is not one, or not the package's own.
    #[error("`{item}` of the closure is not the package's record: {source}")]
    Record {
        /// The item.
        item: String,
        /// What is wrong with it.
        source: WireError,
    },
    /// A package's PIR is not valid.
    #[error("`{item}` of the closure has a PIR that is not valid: {source}")]
    Pir {
        /// The item.
        item: String,
        /// What is wrong with it.
        source: Box<PirError>,
    },
    /// It is larger than it may be.
    #[error("the closure is too large: more than {limit} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a closure brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportedClosure {
    /// Packages that were registered, in the order in which they came.
    pub packages: Vec<Pid>,
    /// Packages that were realised here already: they stay as they were.
    pub known: Vec<Pid>,
    /// Objects that the store did not have.
    pub new_objects: usize,
}

/// Imports a closure, in memory that does not grow with its bytes. What it says a package became is believed: who
/// calls this trusts whoever made the file.
///
/// `now_ms` is when the packages count as made and used, in milliseconds since 1970.
///
/// # Errors
/// Whatever is not as it should be; nothing is imported then.
pub fn closure(
    store: &Store,
    reader: impl Read,
    limits: &Limits,
    now_ms: u64,
) -> Result<ImportedClosure, ClosureError> {
    let batch = store.batch();
    let mut import = Import {
        batch: &batch,
        reader,
        at: 0,
        limits,
        items: 0,
        blobs: HashMap::new(),
        trees: HashMap::new(),
        packages: Vec::new(),
        seen: HashSet::new(),
        buffer: vec![0; CHUNK],
    };
    import.run()?;
    let packages = std::mem::take(&mut import.packages);
    drop(import);
    register(batch, packages, now_ms)
}

fn register(
    batch: Batch,
    packages: Vec<(PackageRecord, Pir)>,
    now_ms: u64,
) -> Result<ImportedClosure, ClosureError> {
    let mut out = ImportedClosure::default();
    let index = batch.store().read()?;
    let mut new = Vec::new();
    for (package, pir) in packages {
        if index.realisation(&package.pid).map_err(StoreError::Index)?.is_some() {
            out.known.push(package.pid);
            continue;
        }
        out.packages.push(package.pid);
        new.push((package, pir));
    }
    drop(index);
    for (package, _) in &mut new {
        package.realisation = Realisation { time_ms: now_ms, duration_ms: 0, ..package.realisation.clone() };
        batch.add_record(crate::index::Used::Package(package.pid), &Record::Package(package.clone()))?;
    }
    out.new_objects = batch.new_objects();
    batch.commit(|index| {
        for (package, pir) in &new {
            let PackageRecord { pid, realisation, pir: text, meta } = package;
            index.put_pir(pid, &pir.name, &pir.version, text.as_bytes())?;
            // What a build gave here is this store's own knowledge.
            let before: Option<BuildResult> = index.build(&realisation.build)?;
            index.put_realisation(pid, realisation)?;
            if let Some(before) = before {
                index.put_build(&realisation.build, &before)?;
            }
            if let Some(meta) = meta {
                index.put_meta(pid, meta)?;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(out)
}

struct Import<'i, R> {
    batch: &'i Batch,
    reader: R,
    /// Bytes read.
    at: u64,
    limits: &'i Limits,
    items: u64,
    /// Blobs that came, with their lengths in bytes.
    blobs: HashMap<BlobId, u64>,
    /// Trees that came: bytes, nodes, and levels below.
    trees: HashMap<Cid, (u64, u64, usize)>,
    packages: Vec<(PackageRecord, Pir)>,
    seen: HashSet<Pid>,
    buffer: Vec<u8>,
}

impl<R: Read> Import<'_, R> {
    fn run(&mut self) -> Result<(), ClosureError> {
        match self.head()? {
            Some((Item::First, size)) if size == VERSION.len() as u64 => {
                let text = self.bytes(Item::First, size)?;
                if text != VERSION {
                    let detail = format!("its version is `{}`", escape(text.trim_ascii()));
                    return Err(ClosureError::NotAClosure { detail });
                }
            }
            _ => return Err(ClosureError::NotAClosure { detail: "it does not begin as one".to_owned() }),
        }
        while let Some((item, size)) = self.head()? {
            self.items += 1;
            if self.items > self.limits.entries {
                return Err(ClosureError::Limit { what: "entries", limit: self.limits.entries });
            }
            match item {
                Item::First => return Err(ClosureError::Duplicate { item: item.name() }),
                Item::Blob(id) => self.blob(id, size)?,
                Item::Tree(cid) => self.tree(cid, size)?,
                Item::Package(pid) => self.package(pid, size)?,
            }
        }
        let mut block = [0; BLOCK];
        self.fill(&mut block, || "its end".to_owned())?;
        if block != [0; BLOCK] {
            return Err(self.malformed("its end is not zeros"));
        }
        match self.read(1)? {
            0 => Ok(()),
            _ => Err(self.malformed("something follows its end")),
        }
    }

    fn malformed(&self, detail: impl Into<String>) -> ClosureError {
        ClosureError::Malformed { at: self.at, detail: detail.into() }
    }

    /// Reads at most `most` bytes into the buffer, and says how many came; 0 at the end.
    fn read(&mut self, most: usize) -> Result<usize, ClosureError> {
        let most = most.min(self.buffer.len());
        loop {
            match self.reader.read(self.buffer.get_mut(..most).unwrap_or_default()) {
                Ok(count) => {
                    self.at += count as u64;
                    if self.at > self.limits.bytes {
                        return Err(ClosureError::Limit { what: "bytes", limit: self.limits.bytes });
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ClosureError::Read { source }),
            }
        }
    }

    fn fill(&mut self, mut out: &mut [u8], inside: impl Fn() -> String) -> Result<(), ClosureError> {
        while !out.is_empty() {
            let count = self.read(out.len())?;
            if count == 0 {
                return Err(ClosureError::Truncated { inside: inside() });
            }
            let (head, rest) = out.split_at_mut_checked(count).unwrap_or_default();
            head.copy_from_slice(self.buffer.get(..head.len()).unwrap_or_default());
            out = rest;
        }
        Ok(())
    }

    /// The next item and its length in bytes; `None` at the first block of the end.
    fn head(&mut self) -> Result<Option<(Item, u64)>, ClosureError> {
        let inside = || "a header".to_owned();
        let mut block = [0; BLOCK];
        self.fill(&mut block, inside)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let mut long = None;
        if block.get(156) == Some(&b'x') {
            let mut size = [0; BLOCK];
            self.fill(&mut size, inside)?;
            let text: Vec<u8> = size.iter().copied().take_while(|byte| *byte != b'\n').collect();
            let number =
                std::str::from_utf8(&text).ok().and_then(|text| text.rsplit('=').next()?.parse().ok());
            let expected = number.filter(|size| *size >= TOO_LARGE).map(size_header);
            if expected.as_deref() != Some([block, size].concat().as_slice()) {
                return Err(self.malformed("this extended header has no place in a closure"));
            }
            long = number;
            self.fill(&mut block, inside)?;
        }
        let field = |range: std::ops::Range<usize>| {
            let bytes = block.get(range).unwrap_or_default();
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            std::str::from_utf8(bytes.get(..end).unwrap_or_default()).ok()
        };
        let item = field(0..100).and_then(Item::of_name);
        let size = long.or_else(|| field(124..136).and_then(|text| u64::from_str_radix(text, 8).ok()));
        let (Some(item), Some(size)) = (item, size) else {
            return Err(self.malformed("this header has no place in a closure"));
        };
        // Exactly the header that is written: nothing can be hidden in it, and no reader sees another thing.
        if item.head(size).rchunks(BLOCK).next() != Some(block.as_slice()) {
            return Err(self.malformed(format!("the header of `{}` is not as it is written", item.name())));
        }
        Ok(Some((item, size)))
    }

    /// Reads what fills an item's last block.
    fn padding(&mut self, item: Item, size: u64) -> Result<(), ClosureError> {
        let count = usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or(0);
        let mut rest = vec![0; count];
        self.fill(&mut rest, || format!("`{}`", item.name()))?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(self.malformed(format!("what follows `{}` is not zeros", item.name())));
        }
        Ok(())
    }

    /// The bytes of a short item. Memory grows with what really comes.
    fn bytes(&mut self, item: Item, size: u64) -> Result<Vec<u8>, ClosureError> {
        let mut out = Vec::new();
        let mut left = usize::try_from(size).unwrap_or(usize::MAX);
        while left > 0 {
            let count = self.read(left)?;
            if count == 0 {
                return Err(ClosureError::Truncated { inside: format!("`{}`", item.name()) });
            }
            out.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
            left -= count;
        }
        self.padding(item, size)?;
        Ok(out)
    }

    fn blob(&mut self, id: BlobId, size: u64) -> Result<(), ClosureError> {
        let item = Item::Blob(id);
        // Its length is written down once it is known to be true.
        if self.blobs.contains_key(&id) {
            return Err(ClosureError::Duplicate { item: item.name() });
        }
        let batch = self.batch;
        let mut writer = batch.blob_writer(size);
        let mut left = size;
        while left > 0 {
            let count = self.read(usize::try_from(left).unwrap_or(usize::MAX))?;
            if count == 0 {
                return Err(ClosureError::Truncated { inside: format!("`{}`", item.name()) });
            }
            writer.write(self.buffer.get(..count).unwrap_or_default())?;
            left -= count as u64;
        }
        self.padding(item, size)?;
        let (found, _) = writer.finish()?;
        if found != id {
            return Err(ClosureError::WrongHash { item: item.name(), found });
        }
        self.blobs.insert(id, size);
        Ok(())
    }

    fn tree(&mut self, cid: Cid, size: u64) -> Result<(), ClosureError> {
        let item = Item::Tree(cid);
        if self.trees.contains_key(&cid) {
            return Err(ClosureError::Duplicate { item: item.name() });
        }
        let wrong = |source| ClosureError::Directory { item: item.name(), source };
        if size > MAX_DIRECTORY_OBJECT {
            return Err(wrong(DirectoryError::TooLarge { length: size }));
        }
        let bytes = self.bytes(item, size)?;
        let found = BlobId::of(&bytes);
        if found != cid.into() {
            return Err(ClosureError::WrongHash { item: item.name(), found });
        }
        let directory = decode_directory(&bytes).map_err(wrong)?;
        let mut levels = 0;
        for (name, node) in directory.entries() {
            let came = match node {
                Node::File { blob, size, .. } => self.blobs.get(blob) == Some(size),
                Node::Directory { cid, size, count } => match self.trees.get(cid) {
                    Some((bytes, nodes, below)) => {
                        levels = levels.max(below + 1);
                        (bytes, nodes) == (size, count)
                    }
                    None => false,
                },
                Node::Symlink { .. } => true,
            };
            if !came {
                return Err(ClosureError::Incomplete { item: item.name(), missing: format!("`{name}`") });
            }
        }
        // A directory's entries are one level below it.
        if levels + usize::from(!directory.is_empty()) > MAX_DEPTH {
            return Err(ClosureError::TooDeep { item: item.name() });
        }
        self.batch.add_directory(&directory)?;
        self.trees.insert(cid, (directory.size(), directory.count(), levels));
        Ok(())
    }

    fn package(&mut self, pid: Pid, size: u64) -> Result<(), ClosureError> {
        let item = Item::Package(pid);
        if !self.seen.insert(pid) {
            return Err(ClosureError::Duplicate { item: item.name() });
        }
        let wrong = |source| ClosureError::Record { item: item.name(), source };
        if size > MAX_RECORD {
            return Err(wrong(WireError::Invalid { field: "length" }));
        }
        let bytes = self.bytes(item, size)?;
        let record = match Record::decode(&bytes).map_err(wrong)? {
            Record::Package(record) if record.pid == pid => record,
            _ => return Err(wrong(WireError::Invalid { field: "PID" })),
        };
        if (record.realisation.time_ms, record.realisation.duration_ms) != (0, 0) {
            return Err(wrong(WireError::Invalid { field: "time" }));
        }
        let pir = Pir::from_text(&record.pir)
            .map_err(|source| ClosureError::Pir { item: item.name(), source: Box::new(source) })?;
        let missing = |missing| Err(ClosureError::Incomplete { item: item.name(), missing });
        for (output, tree) in &record.realisation.outputs {
            let came = self.trees.get(&tree.cid).map(|(bytes, nodes, _)| (*bytes, *nodes));
            if came != Some((tree.size, tree.count)) {
                return missing(format!("the tree {} as its output `{output}`", tree.cid));
            }
        }
        if let Some(meta) = record.meta.filter(|meta| !self.blobs.contains_key(meta)) {
            return missing(format!("the description {meta}"));
        }
        if let Some((_, need)) = pir.run.needs.iter().find(|(_, need)| !self.seen.contains(&need.pid)) {
            return missing(format!("the package {}", need.pid));
        }
        self.packages.push((record, pir));
        Ok(())
    }
}
