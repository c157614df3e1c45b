//! Seeded mutations of good archives and directory objects: whatever comes, an error or a sound tree.

use crate::support::{TarEntry, TestStore, ZipEntry, ar, file, gzip, noise, pax, special, tar, zip, zipped};
use nuka_store::{
    Directory, EntryName, decode_directory,
    import::{ImportOptions, Limits, import_archive},
    verify_tree,
};
use std::{
    io::Cursor,
    time::{Duration, Instant},
};

/// How long each of the tests below goes on at most; the number of rounds is bounded too.
const TIME: Duration = Duration::from_secs(4);
const ROUNDS: u64 = 3000;

/// Changes some bytes, cuts, doubles or moves a part; the same for the same seed.
fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let random = noise(seed, 256);
    let number = |at: usize| usize::from(u16::from_le_bytes([random[at], random[at + 1]]));
    let mut out = bytes.to_vec();
    for step in 0..usize::from(random[0] % 6) + 1 {
        if out.is_empty() {
            break;
        }
        let at = 8 + step * 8;
        let place = (number(at) << 8 | number(at + 2)) % out.len();
        match random[at + 4] % 6 {
            0 => out[place] = random[at + 5],
            1 => out[place] ^= 1 << (random[at + 5] % 8),
            2 => out.truncate(place),
            3 => {
                let end = (place + number(at + 6) % 600).min(out.len());
                let part = out[place..end].to_vec();
                out.splice(place..place, part);
            }
            4 => {
                let end = (place + number(at + 6) % 600).min(out.len());
                out.drain(place..end);
            }
            _ => {
                let end = (place + 4).min(out.len());
                out[place..end].fill(255);
            }
        }
    }
    out
}

/// Makes the checksums of a tar's headers right again, so that mutations get past them.
fn fix_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

fn try_import(test: &TestStore, bytes: &[u8], accepted: &mut u64) {
    let batch = test.store.batch();
    let limits = Limits { bytes: 64 << 20, entries: 10_000, ..Limits::default() };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    let name = EntryName::new("file").unwrap();
    if let Ok(tree) = import_archive(&batch, &name, Cursor::new(bytes), &options) {
        assert!(verify_tree(&batch, &tree.cid).is_empty());
        *accepted += 1;
    }
}

fn rounds(seeds: &[Vec<u8>], change: impl Fn(&mut Vec<u8>), mut check: impl FnMut(&[u8])) -> u64 {
    let started = Instant::now();
    for round in 0..ROUNDS {
        let seed = &seeds[usize::try_from(round).unwrap() % seeds.len()];
        let mut bytes = mutate(seed, round);
        change(&mut bytes);
        check(&bytes);
        if started.elapsed() > TIME {
            return round + 1;
        }
    }
    ROUNDS
}

#[test]
fn mutated_tars() {
    let entries = [
        special("d/", b'5', ""),
        file("d/a", "content"),
        TarEntry { mode: 0o755, ..file("d/tool", noise(1, 700)) },
        special("d/link", b'2', "a"),
        special("d/hard", b'1', "d/a"),
        pax(&[("path", "d/a-longer-name"), ("mtime", "1")]),
        file("x", "y"),
    ];
    let whole = tar(&entries);
    let test = TestStore::new();
    let mut accepted = 0;
    let done = rounds(
        &[whole.clone(), tar(&entries[1..])],
        |bytes| fix_checksums(bytes),
        |bytes| try_import(&test, bytes, &mut accepted),
    );
    assert!(accepted > 0 && accepted < done, "{accepted} of {done}");
    let packages = [ar(&[("debian-binary", b"2.0\n"), ("control.tar", b""), ("data.tar", &whole)])];
    rounds(&packages, |_| {}, |bytes| try_import(&test, bytes, &mut accepted));
}

#[test]
fn mutated_compressed_data() {
    use std::io::Write;
    let whole = tar(&[file("a", noise(1, 3000)), file("b", "text ".repeat(500))]);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(&whole).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&whole).unwrap();
    let zstd =
        ruzstd::encoding::compress_to_vec(whole.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
    let seeds = [gzip(&whole), xz.finish().unwrap(), bzip2.finish().unwrap(), zstd];
    let test = TestStore::new();
    let mut accepted = 0;
    let done = rounds(&seeds, |_| {}, |bytes| try_import(&test, bytes, &mut accepted));
    assert!(done > 100, "{done}");
}

#[test]
fn mutated_zips() {
    let entries = [
        zipped("d/a", "content"),
        ZipEntry { mode: 0o120_777, deflate: false, ..zipped("d/link", "a") },
        ZipEntry { deflate: false, ..zipped("d/stored", noise(2, 300)) },
        ZipEntry { mode: 0o040_755, deflate: false, ..zipped("e/", "") },
    ];
    let test = TestStore::new();
    let mut accepted = 0;
    let done =
        rounds(&[zip(&entries), zip(&entries[..1])], |_| {}, |bytes| try_import(&test, bytes, &mut accepted));
    assert!(accepted > 0 && accepted < done, "{accepted} of {done}");
}

#[test]
fn mutated_directory_objects() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let tree = crate::support::tree(&batch, &[("a", "1"), ("d/b*", "2"), ("e/f/g", ""), ("l -> t", "")]);
    let object: Directory = nuka_store::ObjectReader::directory(&batch, &tree.cid).unwrap();
    let mut accepted = 0;
    rounds(
        &[object.encode()],
        |_| {},
        |bytes| {
            if let Ok(directory) = decode_directory(bytes) {
                assert_eq!(directory.encode(), bytes);
                accepted += 1;
            }
        },
    );
    assert!(accepted > 0, "some mutations only change ids");
}
