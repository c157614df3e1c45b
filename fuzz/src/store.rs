//! Fuzz targets of what strangers' bytes are read by: the directory object, and each archive reader, closures and records.
//!
//! The seeds are made by the encoders that the other tests use; an input says which of them, and how it is changed.

#[allow(dead_code)]
#[path = "../../store/tests/it/support.rs"]
mod support;

use nuka_pir::{BlobId, SourceId};
use nuka_store::{
    Batch, Directory, EntryName, ObjectReader, Record, SourceRecord, Tree, Used,
    check::{VerifyOptions, verify},
    decode_directory, export,
    import::{self, ImportError, ImportOptions, Limits, import_ar, import_archive, import_tar},
    verify_tree,
};
use std::{
    io::{Cursor, Read, Seek, SeekFrom, Write},
    panic::AssertUnwindSafe,
};
use support::{TarEntry, TestStore, ZipEntry, ar, file, gzip, noise, pax, special, tar, zip, zipped};

/// Changes of a seed: where, which change, with which byte.
type Edits = Vec<(u16, u8, u8)>;
/// Which seed, and how many of the changes are made. Many leave nothing to be read.
type Input = (u8, u8, Edits);

/// More than any change of a seed should come to.
const LIMITS: Limits =
    Limits { bytes: 4 << 20, entries: 1000, ratio: 1000, ratio_from: 1 << 20, window: 8 << 20 };

fn edited(seeds: &[Vec<u8>], (which, count, edits): &Input) -> Vec<u8> {
    let seed = |number: u8| seeds[usize::from(number) % seeds.len()].as_slice();
    let mut bytes = seed(*which).to_vec();
    for (place, action, byte) in edits.iter().take(1 + usize::from(count % 6)) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(*place) % bytes.len();
        let end = (at + 1 + 3 * usize::from(*byte)).min(bytes.len());
        match action % 8 {
            0 => bytes[at] = *byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(255);
            }
            6 => bytes[at] = bytes[at].wrapping_add(if byte % 2 == 0 { 1 } else { 255 }),
            _ => {
                // A piece of another seed.
                let other = seed(*byte);
                let from = usize::from(*place) % other.len().max(1);
                let piece = other[from..(from + 64).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Gives a few bytes at a time: first so many, then one more each time, up to a handful.
struct Dribble<'b> {
    inner: Cursor<&'b [u8]>,
    next: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.next = self.next % 700 + 1;
        let length = buffer.len().min(self.next);
        self.inner.read(&mut buffer[..length])
    }
}

impl Seek for Dribble<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

type Import = fn(&Batch, Dribble<'_>, &ImportOptions) -> Result<Tree, ImportError>;

/// Whatever the bytes are: an error that says something, or a sound tree within the limits; the same however the
/// bytes come, and nothing is left of it.
fn hold(test: &TestStore, bytes: &[u8], import: Import) -> bool {
    let options = ImportOptions { limits: LIMITS, ..ImportOptions::default() };
    let results = [usize::MAX - 1, 0, 40].map(|next| {
        let batch = test.store.batch();
        // The first gives all at once.
        let reader = Dribble { inner: Cursor::new(bytes), next };
        let result = import(&batch, reader, &options);
        if let Ok(tree) = &result {
            assert!(tree.size <= LIMITS.bytes && tree.count <= LIMITS.entries * 300, "{tree:?}");
            assert!(verify_tree(&batch, &tree.cid).is_empty());
        }
        result.map_err(|error| error.to_string())
    });
    // Of several faults of compressed data, which one is met first depends on how far a decoder reads ahead.
    let same = |result: &Result<Tree, String>| result.as_ref().ok() == results[0].as_ref().ok();
    assert!(results.iter().all(same), "{results:?}");
    support::assert_no_temporaries(&test.root());
    match &results[0] {
        Ok(_) => true,
        Err(text) => {
            assert!(!text.is_empty() && !text.chars().any(|character| character.is_control()), "{text:?}");
            false
        }
    }
}

/// A target over changed seeds. The seeds themselves must be what they are made as.
fn over(
    seeds: Vec<Vec<u8>>,
    change: fn(&mut [u8]),
    import: Import,
) -> impl FnMut(&Input) + std::panic::RefUnwindSafe {
    let test = AssertUnwindSafe(TestStore::new());
    for seed in &seeds {
        assert!(hold(&test, seed, import));
    }
    move |input| {
        let mut bytes = edited(&seeds, input);
        change(&mut bytes);
        hold(&test, &bytes, import);
    }
}

fn any(batch: &Batch, reader: Dribble<'_>, options: &ImportOptions) -> Result<Tree, ImportError> {
    import_archive(batch, &EntryName::new("file").unwrap(), reader, options)
}

fn tar_entries() -> Vec<TarEntry> {
    let long = "n".repeat(150);
    vec![
        special("d/", b'5', ""),
        file("d/a", "content"),
        TarEntry { mode: 0o755, ..file("d/tool", noise(1, 700)) },
        special("d/link", b'2', "a"),
        special("d/hard", b'1', "d/a"),
        pax(&[("path", "d/a-longer-name"), ("mtime", "1"), ("size", "1")]),
        file("x", "y"),
        TarEntry { data: format!("{long}\0").into(), ..special("././@LongLink", b'L', "") },
        file("cut", "long"),
    ]
}

/// Makes the checksums of a tar's headers right again, so that changes get past them.
fn fix_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

#[test]
fn tar_bytes() {
    let entries = tar_entries();
    let target =
        over(vec![tar(&entries), tar(&entries[..5]), tar(&[])], fix_checksums, |batch, reader, options| {
            import_tar(batch, reader, options)
        });
    bolero::check!().with_type::<Input>().for_each(target);
}

#[test]
fn zip_bytes() {
    let entries = [
        zipped("d/a", "content"),
        ZipEntry { mode: 0o120_777, deflate: false, ..zipped("d/link", "a") },
        ZipEntry { deflate: false, ..zipped("d/stored", noise(2, 300)) },
        ZipEntry { mode: 0o040_755, deflate: false, ..zipped("e/", "") },
        ZipEntry { flags: 1 << 3, local_size: Some(0), ..zipped("streamed", "text ".repeat(50)) },
    ];
    let target = over(vec![zip(&entries), zip(&entries[..1]), zip(&[])], |_| {}, any);
    bolero::check!().with_type::<Input>().for_each(target);
}

#[test]
fn package_bytes() {
    let data = tar(&tar_entries());
    let package = |data: &[u8]| {
        ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&[])), ("data.tar.gz", data), ("_gpg", b"x")])
    };
    let target = over(vec![package(&gzip(&data)), package(&tar(&[]))], |_| {}, any);
    bolero::check!().with_type::<Input>().for_each(target);
}

#[test]
fn ar_bytes() {
    let names = b"a-name-of-more-than-16-bytes.o/\n".as_slice();
    let gnu = ar(&[("/", b"symbols"), ("//", names), ("short.o/", b"1"), ("/0", b"22")]);
    let bsd = ar(&[("#1/20", b"another-name-of-20.ocontent"), ("plain", b"")]);
    let target = over(vec![gnu, bsd], |_| {}, |batch, reader, options| import_ar(batch, reader, options));
    bolero::check!().with_type::<Input>().for_each(target);
}

#[test]
fn compressed_bytes() {
    let whole = tar(&[file("a", noise(1, 3000)), file("b", "text ".repeat(500))]);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(&whole).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&whole).unwrap();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstd = ruzstd::encoding::compress_to_vec(whole.as_slice(), level);
    let target = over(vec![gzip(&whole), xz.finish().unwrap(), bzip2.finish().unwrap(), zstd], |_| {}, any);
    bolero::check!().with_type::<Input>().for_each(target);
}

#[test]
fn archive_rubbish() {
    let test = AssertUnwindSafe(TestStore::new());
    bolero::check!().for_each(|bytes: &[u8]| {
        hold(&test, bytes, any);
    });
}

/// Whatever the bytes are: an error that says something and leaves nothing, or packages that are whole.
fn hold_closure(test: &TestStore, bytes: &[u8]) -> bool {
    let before = support::listing(&test.store);
    let limits = Limits { bytes: 4 << 20, entries: 1000, ..Limits::default() };
    let reader = Dribble { inner: Cursor::new(bytes), next: 0 };
    match import::closure(&test.store, reader, &limits, 1) {
        Ok(_) => {
            let report = verify(&test.store, &VerifyOptions::default(), &|_, _| ()).unwrap();
            assert!(report.is_clean(), "{report:?}");
            true
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.chars().any(|character| character.is_control()), "{text:?}");
            assert_eq!(support::listing(&test.store), before);
            false
        }
    }
}

#[test]
fn closure_bytes() {
    let from = TestStore::new();
    let base = support::package(&from.store, "base", &[], 1, &[("d/a", "content"), ("b", "")]).unwrap().0;
    let top =
        support::package(&from.store, "top", &[base], 1, &[("t", "top"), ("x/y/z", "content")]).unwrap().0;
    let seeds = [vec![base], vec![top]].map(|pids| {
        let mut out = Vec::new();
        export::closure(&from.store, &pids, &mut out).unwrap();
        out
    });
    for seed in &seeds {
        assert!(hold_closure(&TestStore::new(), seed));
    }
    let test = AssertUnwindSafe(TestStore::new());
    bolero::check!().with_type::<Input>().for_each(|input| {
        let mut bytes = edited(&seeds, input);
        fix_checksums(&mut bytes);
        hold_closure(&test, &bytes);
    });
}

fn hold_record(bytes: &[u8]) {
    if let Ok(record) = Record::decode(bytes) {
        assert_eq!(record.encode(), bytes);
    }
}

#[test]
fn record() {
    let test = TestStore::new();
    let (pid, _) = support::package(&test.store, "p", &[], 1, &[("f", "p")]).unwrap();
    let index = test.store.read().unwrap();
    let package = index.record(&Used::Package(pid)).unwrap().unwrap();
    let package = test.store.read_blob(&package).unwrap();
    let tree = index.realisation(&pid).unwrap().unwrap().outputs.into_values().next().unwrap();
    let source = SourceRecord { tree, download: Some(BlobId::of(b"d")), time_ms: 3 };
    let source = Record::Source { id: SourceId::from_bytes([1; 32]), source }.encode();
    let seeds = [package, source];
    seeds.iter().for_each(|seed| assert!(Record::decode(seed).is_ok()));
    bolero::check!().with_type::<Input>().for_each(|input| hold_record(&edited(&seeds, input)));
}

#[test]
fn record_rubbish() {
    bolero::check!().for_each(hold_record);
}

/// What decodes encodes to the same bytes.
fn hold_directory(bytes: &[u8]) {
    if let Ok(directory) = decode_directory(bytes) {
        assert_eq!(directory.encode(), bytes);
        let again = Directory::new(directory.entries().iter().rev().cloned().collect());
        assert_eq!(again.as_ref(), Ok(&directory));
    }
}

#[test]
fn directory_object() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let object = |files: &[(&str, &str)]| {
        let tree = support::tree(&batch, files);
        batch.directory(&tree.cid).unwrap().encode()
    };
    let mixed = object(&[("a", "1"), ("d/b*", "2"), ("e/f/g", ""), ("l -> t", ""), ("tool*", "x")]);
    let seeds = [mixed, object(&[]), object(&[("\u{e9}", ""), ("\u{1b}", "x")])];
    seeds.iter().for_each(|seed| assert!(decode_directory(seed).is_ok()));
    bolero::check!().with_type::<Input>().for_each(|input| hold_directory(&edited(&seeds, input)));
}

#[test]
fn directory_rubbish() {
    bolero::check!().for_each(hold_directory);
}
