//! What the tests share: stores in temporary directories, trees written as text, archives written by hand.

use nuka_pir::{BuildId, Cid, OutputName, PackageName, Pid, Version};
use nuka_store::{
    Batch, Node, ObjectReader, Realisation, Store, StoreError, StoreOptions, Tree, TreeBuilder, TreePath,
    walk,
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A store in a directory of its own.
pub struct TestStore {
    pub store: Store,
    pub dir: TempDir,
}

impl TestStore {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { store: open(&dir.path().join("store")), dir }
    }

    pub fn root(&self) -> PathBuf {
        self.store.root().to_path_buf()
    }

    /// Opens it again, as a new process would.
    pub fn reopen(self) -> Self {
        let Self { store, dir } = self;
        drop(store);
        Self { store: open(&dir.path().join("store")), dir }
    }
}

pub fn open(root: &Path) -> Store {
    Store::open(root, &StoreOptions::default()).unwrap()
}

pub fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

/// What is registered and what lies in the store's directory, for comparing before and after.
pub fn listing(store: &Store) -> String {
    let mut out = String::new();
    let index = store.read().unwrap();
    writeln!(out, "{:?}", index.realised().unwrap()).unwrap();
    writeln!(out, "{:?}", index.packages().unwrap()).unwrap();
    drop(index);
    for file in files_below(&store.root().join("objects")) {
        writeln!(out, "{}", file.display()).unwrap();
    }
    out
}

/// All files below a directory, sorted, relative to it.
pub fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut out, mut todo) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                out.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    out.sort();
    out
}

/// No temporary files: only the lock files of living processes and of the directory itself.
pub fn assert_no_temporaries(root: &Path) {
    for file in files_below(&root.join("tmp")) {
        assert_eq!(file.file_name().unwrap(), "lock", "{} is left", file.display());
    }
}

/// A tree as text: one line for each node.
pub fn show(objects: &impl ObjectReader, cid: &Cid) -> String {
    let mut out = String::new();
    for visit in walk(objects, cid) {
        let visit = visit.unwrap();
        match visit.node {
            Node::Directory { .. } => writeln!(out, "{}/", visit.path),
            Node::Symlink { target } => writeln!(out, "{} -> {target}", visit.path),
            Node::File { blob, size, executable } => {
                let bytes = objects.read_blob(&blob).unwrap();
                assert_eq!(bytes.len() as u64, size);
                let star = if executable { "*" } else { "" };
                writeln!(out, "{}{star} {}", visit.path, shown(&bytes))
            }
        }
        .unwrap();
    }
    out
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 40 {
        format!("({} bytes, {})", bytes.len(), nuka_pir::BlobId::of(bytes).short())
    } else {
        nuka_store::escape(bytes)
    }
}

/// A tree of files with these contents. A name that ends with `*` is executable; `name -> target` a symlink.
pub fn tree(batch: &Batch, files: &[(&str, &str)]) -> Tree {
    let mut builder = TreeBuilder::new();
    for (name, content) in files {
        if let Some((name, target)) = name.split_once(" -> ") {
            let target = nuka_store::SymlinkTarget::new(target).unwrap();
            builder.insert(batch, &path(name), Node::Symlink { target }).unwrap();
            continue;
        }
        let executable = name.ends_with('*');
        let blob = batch.add_blob(content.as_bytes()).unwrap();
        let node = Node::File { blob, size: content.len() as u64, executable };
        builder.insert(batch, &path(name.trim_end_matches('*')), node).unwrap();
    }
    builder.finish(batch).unwrap()
}

pub fn pid(number: u64) -> Pid {
    Pid::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

pub fn build_id(number: u64) -> BuildId {
    BuildId::from_bytes(*blake3::hash(&[b"build".as_slice(), &number.to_le_bytes()].concat()).as_bytes())
}

pub fn realisation(build: u64, out: Tree) -> Realisation {
    let outputs = BTreeMap::from([(OutputName::new("out").unwrap(), out)]);
    Realisation { build: build_id(build), outputs, time_ms: 1, duration_ms: 2 }
}

pub fn name(text: &str) -> PackageName {
    PackageName::new(text).unwrap()
}

pub fn version(text: &str) -> Version {
    Version::new(text).unwrap()
}

/// Commits a batch and registers `tree` as the package `number`.
pub fn register(batch: Batch, number: u64, tree: Tree) {
    batch
        .commit(|index| Ok::<_, StoreError>(index.put_realisation(&pid(number), &realisation(number, tree))?))
        .unwrap();
}

/// Bytes that look random and are the same every time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut out);
    out
}

/// An entry of a tar that is written by hand.
#[derive(Clone)]
pub struct TarEntry {
    pub name: Vec<u8>,
    pub kind: u8,
    pub mode: u32,
    pub target: Vec<u8>,
    pub data: Vec<u8>,
    /// The size field, where it should not be the data's.
    pub size: Option<u64>,
}

pub fn file(name: &str, data: impl AsRef<[u8]>) -> TarEntry {
    TarEntry {
        name: name.into(),
        kind: b'0',
        mode: 0o644,
        target: Vec::new(),
        data: data.as_ref().to_vec(),
        size: None,
    }
}

pub fn special(name: &str, kind: u8, target: &str) -> TarEntry {
    TarEntry { kind, mode: 0o755, target: target.into(), ..file(name, "") }
}

/// A pax header with these records, before the entry that they are about.
pub fn pax(records: &[(&str, &str)]) -> TarEntry {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest + 1..).find(|length| rest + length.to_string().len() == *length).unwrap();
        data.extend(format!("{length} {key}={value}\n").bytes());
    }
    TarEntry { kind: b'x', ..file("PaxHeader", data) }
}

pub fn tar_block(entry: &TarEntry) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &entry.name[..entry.name.len().min(100)]);
    put(100, format!("{:07o}\0", entry.mode).as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", entry.size.unwrap_or(entry.data.len() as u64)).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[entry.kind]);
    put(157, &entry.target[..entry.target.len().min(100)]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(&entry.data);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// A tar of these entries, with its end marker.
pub fn tar(entries: &[TarEntry]) -> Vec<u8> {
    let mut out: Vec<u8> = entries.iter().flat_map(tar_block).collect();
    out.resize(out.len() + 1024, 0);
    out
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// An entry of a zip that is written by hand; the local header says the same as the central one unless told.
#[derive(Clone)]
pub struct ZipEntry {
    pub name: String,
    pub mode: u32,
    pub data: Vec<u8>,
    pub deflate: bool,
    pub local_name: Option<String>,
    pub local_size: Option<u32>,
    pub crc: Option<u32>,
    pub flags: u16,
}

pub fn zipped(name: &str, data: impl AsRef<[u8]>) -> ZipEntry {
    ZipEntry {
        name: name.into(),
        mode: 0o100_644,
        data: data.as_ref().to_vec(),
        deflate: true,
        local_name: None,
        local_size: None,
        crc: None,
        flags: 0,
    }
}

pub fn zip(entries: &[ZipEntry]) -> Vec<u8> {
    use std::io::Write as _;
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for entry in entries {
        let mut packed = entry.data.clone();
        if entry.deflate {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&entry.data).unwrap();
            packed = encoder.finish().unwrap();
        }
        let mut crc = flate2::Crc::new();
        crc.update(&entry.data);
        let crc = entry.crc.unwrap_or(crc.sum());
        let (packed_size, size) =
            (u32::try_from(packed.len()).unwrap(), u32::try_from(entry.data.len()).unwrap());
        let method: u16 = if entry.deflate { 8 } else { 0 };
        let offset = u32::try_from(out.len()).unwrap();
        let local = entry.local_name.as_ref().unwrap_or(&entry.name);
        let length = |text: &str| u16::try_from(text.len()).unwrap().to_le_bytes();
        let common = |size: u32| {
            let mut part = Vec::new();
            part.extend(20_u16.to_le_bytes());
            part.extend(entry.flags.to_le_bytes());
            part.extend(method.to_le_bytes());
            part.extend([0; 4]);
            for value in [crc, packed_size, size] {
                part.extend(value.to_le_bytes());
            }
            part
        };
        out.extend(b"PK\x03\x04");
        out.extend(common(entry.local_size.unwrap_or(size)));
        out.extend(length(local));
        out.extend([0; 2]);
        out.extend(local.as_bytes());
        out.extend(packed);
        central.extend(b"PK\x01\x02");
        central.extend((3_u16 << 8 | 20).to_le_bytes());
        central.extend(common(size));
        central.extend(length(&entry.name));
        central.extend([0; 8]);
        central.extend((entry.mode << 16).to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend(entry.name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(central.len()).unwrap(), u32::try_from(out.len()).unwrap());
    out.extend(central);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// An ar archive of these members.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len()).bytes());
        out.extend_from_slice(data);
        if data.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A PIR with no more in it than a name and what it needs, and its id.
pub fn pir(name: &str, needs: &[Pid]) -> (Pid, String) {
    let needs: Vec<String> = needs
        .iter()
        .enumerate()
        .map(|(number, pid)| format!("n{number:03}: {{outputs: [\"out\"], pid: \"{pid}\"}}"))
        .collect();
    let needs = if needs.is_empty() { String::new() } else { format!("needs: {{{}}}, ", needs.join(", ")) };
    let build = "{builder: \"wasm/1\", cpu: \"generic\", steps: [], target: \"wasm32-wasip1\"}";
    let run = format!("{{language: \"c\", {needs}platforms: [\"wasm32-wasip1\"]}}");
    let text = format!("{{build: {build}, name: \"{name}\", pir: 1, run: {run}, version: \"1\"}}");
    nuka_pir::Pir::from_text(&text).unwrap();
    (nuka_pir::Pir::pid_of_text(&text), text)
}

/// Makes a package: its PIR, its tree, its record, its realisation at this time.
pub fn package(
    store: &Store,
    name: &str,
    needs: &[Pid],
    time_ms: u64,
    files: &[(&str, &str)],
) -> Result<(Pid, Tree), StoreError> {
    let (pid, text) = pir(name, needs);
    store.update(|index| {
        let (name, version) = (PackageName::new(name).unwrap(), Version::new("1").unwrap());
        Ok::<_, StoreError>(index.put_pir(&pid, &name, &version, text.as_bytes())?)
    })?;
    let batch = store.batch();
    let mut builder = TreeBuilder::new();
    for (name, content) in files {
        let blob = batch.add_blob(content.as_bytes())?;
        let node = Node::File { blob, size: content.len() as u64, executable: false };
        builder.insert(&batch, &path(name), node).unwrap();
    }
    let tree = builder.finish(&batch).map_err(|error| match error {
        nuka_store::BuildError::Store(error) => error,
        other => panic!("{other}"),
    })?;
    let outputs = BTreeMap::from([(OutputName::out(), tree)]);
    let build = BuildId::from_bytes(*blake3::hash(pid.as_bytes()).as_bytes());
    let realisation = Realisation { build, outputs, time_ms, duration_ms: 0 };
    assert!(batch.add_package_record(&pid, &realisation)?);
    batch.commit(|index| Ok::<_, StoreError>(index.put_realisation(&pid, &realisation)?))?;
    Ok((pid, tree))
}
