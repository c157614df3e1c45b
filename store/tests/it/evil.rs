//! Hostile archives: each is refused with an error that names the entry and the rule; the store is as it was,
//! and no temporary is left.

use crate::support::{
    TarEntry, TestStore, ZipEntry, ar, assert_no_temporaries, file, gzip, listing, pax, special, tar,
    tar_block, zip, zipped,
};
use nuka_store::{
    EntryName, StoreError,
    import::{Extras, ImportError, ImportOptions, Limits, import_archive},
};
use std::io::{Cursor, Read, Write};

/// Imports as the daemon does: into a batch that is committed if all went well. Returns the error's text.
fn refused_with(bytes: &[u8], options: &ImportOptions) -> String {
    let test = TestStore::new();
    let before = listing(&test.store);
    let batch = test.store.batch();
    let name = EntryName::new("file").unwrap();
    let error = match import_archive(&batch, &name, Cursor::new(bytes), options) {
        Ok(tree) => {
            batch.commit(|_| Ok::<_, StoreError>(())).unwrap();
            panic!("accepted: {}", crate::support::show(&test.store, &tree.cid));
        }
        Err(error) => error,
    };
    drop(batch);
    assert_eq!(listing(&test.store), before);
    assert_no_temporaries(&test.root());
    error.to_string()
}

fn refused(bytes: &[u8]) -> String {
    refused_with(bytes, &ImportOptions::default())
}

fn refused_tar(entries: &[TarEntry]) -> String {
    let bytes = tar(entries);
    let text = refused(&bytes);
    assert_eq!(refused(&gzip(&bytes)), text, "compressed");
    let deb = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&[])), ("data.tar.gz", &gzip(&bytes))]);
    assert_eq!(refused(&deb), text, "in a package");
    text
}

#[test]
fn names_that_lead_elsewhere() {
    insta::assert_snapshot!(refused_tar(&[file("ok", ""), file("/etc/passwd", "x")]), @"the archive has an entry with a name that no tree can hold: the path `/etc/passwd` is absolute");
    insta::assert_snapshot!(refused_tar(&[file("a/../../x", "")]), @"the archive has an entry with a name that no tree can hold: in the path `a/../../x`: a name is `..`");
    insta::assert_snapshot!(refused_tar(&[special("../d", b'5', "")]), @"the archive has an entry with a name that no tree can hold: in the path `../d`: a name is `..`");
    insta::assert_snapshot!(refused_tar(&[pax(&[("path", "x\0y")]), file("x", "")]), @r"the archive has an entry with a name that no tree can hold: in the path `x\0y`: the name `x\0y` holds a NUL byte");
    insta::assert_snapshot!(refused_tar(&[pax(&[("path", &"n".repeat(256))]), file("x", "")]).split(": ").last().unwrap(), @"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...");
    insta::assert_snapshot!(refused(&zip(&[zipped("../x", "")])), @"the archive has an entry with a name that no tree can hold: in the path `../x`: a name is `..`");
    insta::assert_snapshot!(refused(&zip(&[zipped("C:\\x", "")])), @r"`C:\\x` uses `\` in its name, which some programs read as `/`, which nuka does not read");
    // What is shown cannot drive a terminal.
    let escape = refused_tar(&[file("/\x1b]52;c;AAAA\x07\u{202e}", "")]);
    assert!(!escape.contains('\x1b') && escape.contains("\\u{1b}]52"), "{escape}");
}

#[test]
fn a_deep_archive() {
    let deep = "d/".repeat(300) + "x";
    let text = refused_tar(&[pax(&[("path", &deep)]), file("x", "")]);
    assert!(text.ends_with("...` is 301 directories deep (at most 256)"), "{text}");
    let million = "d/".repeat(400_000) + "x";
    let text = refused_tar(&[pax(&[("path", &million)]), file("x", "")]);
    assert!(text.contains("(at most 256)"), "{text}");
}

#[test]
fn kinds_that_a_tree_has_not() {
    insta::assert_snapshot!(refused_tar(&[special("dev/null", b'3', "")]), @"`dev/null` is a character device: a tree holds files, directories and symlinks, nothing else");
    insta::assert_snapshot!(refused_tar(&[special("dev/sda", b'4', "")]), @"`dev/sda` is a block device: a tree holds files, directories and symlinks, nothing else");
    insta::assert_snapshot!(refused_tar(&[special("pipe", b'6', "")]), @"`pipe` is a fifo: a tree holds files, directories and symlinks, nothing else");
    insta::assert_snapshot!(refused_tar(&[special("sparse", b'S', "")]), @"`sparse` is a sparse file: a tree holds files, directories and symlinks, nothing else");
    insta::assert_snapshot!(refused_tar(&[pax(&[("GNU.sparse.major", "1")]), file("s", "")]), @"`PaxHeader` is a sparse file: a tree holds files, directories and symlinks, nothing else");
    insta::assert_snapshot!(refused_tar(&[special("x", b'Z', "")]), @"`x` uses the unknown entry type `Z`, which nuka does not read");
    let device = ZipEntry { mode: 0o020_666, ..zipped("null", "") };
    insta::assert_snapshot!(refused(&zip(&[device])), @"`null` is a character device: a tree holds files, directories and symlinks, nothing else");
}

#[test]
fn what_would_be_lost() {
    let mode = |mode| [TarEntry { mode, ..file("bin/su", "") }];
    insta::assert_snapshot!(refused_tar(&mode(0o4755)), @"`bin/su` has the set-user-id bit, which a tree cannot hold; `--drop-extras` leaves it out");
    insta::assert_snapshot!(refused_tar(&mode(0o2755)), @"`bin/su` has the set-group-id bit, which a tree cannot hold; `--drop-extras` leaves it out");
    insta::assert_snapshot!(refused_tar(&[pax(&[("path", "bin/ping"), ("SCHILY.xattr.security.capability", "x")]), file("x", "")]), @"`bin/ping` has the attribute `SCHILY.xattr.security.capability`, which a tree cannot hold; `--drop-extras` leaves it out");
    let setuid = ZipEntry { mode: 0o104_755, ..zipped("su", "") };
    insta::assert_snapshot!(refused(&zip(&[setuid])), @"`su` has the set-user-id bit, which a tree cannot hold; `--drop-extras` leaves it out");
}

#[test]
fn entries_that_conflict() {
    insta::assert_snapshot!(refused_tar(&[file("a", "1"), file("a", "2")]), @"`a` comes twice: as file, and again as file");
    // What is repeated to the byte is left out where the recipe says so; another file of that name never is.
    let same = [file("a", "1"), file("./a", "1")];
    insta::assert_snapshot!(refused_tar(&same), @"`a` has a second entry, the same as the first, which a tree cannot hold; `--drop-extras` leaves it out");
    let drop = ImportOptions { extras: Extras::Drop, ..ImportOptions::default() };
    let test = TestStore::new();
    let batch = test.store.batch();
    let name = EntryName::new("file").unwrap();
    let import =
        |entries: &[TarEntry]| import_archive(&batch, &name, Cursor::new(tar(entries)), &drop).unwrap();
    assert_eq!(import(&same).cid, import(&[file("a", "1")]).cid);
    insta::assert_snapshot!(refused_with(&tar(&[file("a", "1"), file("a", "2")]), &drop), @"`a` comes twice: as file, and again as file");
    insta::assert_snapshot!(refused_tar(&[special("d", b'2', "/etc"), file("d/passwd", "x")]), @"`d/passwd` cannot be: `d` is no directory (symlink)");
    insta::assert_snapshot!(refused_tar(&[file("d/x", ""), special("d", b'2', "/etc")]), @"`d` comes twice: as directory, and again as symlink");
    insta::assert_snapshot!(refused_tar(&[special("d", b'2', "/etc"), special("d", b'5', "")]), @"`d` comes twice: as symlink, and again as directory");
    insta::assert_snapshot!(refused_tar(&[file("f", ""), file("f/x", "")]), @"`f/x` cannot be: `f` is no directory (file)");
    insta::assert_snapshot!(refused(&zip(&[zipped("a", "1"), zipped("a", "1")])), @"`a` has a second entry, the same as the first, which a tree cannot hold; `--drop-extras` leaves it out");
}

#[test]
fn hard_links_to_what_is_not_an_earlier_file() {
    insta::assert_snapshot!(refused_tar(&[special("h", b'1', "/etc/passwd")]), @"`h` is a hard link to `/etc/passwd`, which is not a path inside the archive");
    insta::assert_snapshot!(refused_tar(&[special("h", b'1', "../x")]), @"`h` is a hard link to `../x`, which is not a path inside the archive");
    insta::assert_snapshot!(refused_tar(&[special("h", b'1', "later"), file("later", "")]), @"`h` is a hard link to `later`, which is not an earlier entry");
    insta::assert_snapshot!(refused_tar(&[special("l", b'2', "x"), special("h", b'1', "l")]), @"`h` is a hard link to `l`, which is not a file");
    insta::assert_snapshot!(refused_tar(&[special("d", b'2', ".."), special("h", b'1', "d/x")]), @"`h` is a hard link to `d/x`, which is not an earlier entry");
}

/// What one program reads in one way and another in another.
#[test]
fn archives_with_two_readings() {
    let size = |text: &str| [pax(&[("size", text)]), file("x", "12345")];
    insta::assert_snapshot!(refused_tar(&size("512")), @"`x`: the archive gives two different values for its size: 5 and 512");
    insta::assert_snapshot!(refused_tar(&size("0")), @"`x`: the archive gives two different values for its size: 5 and 0");
    insta::assert_snapshot!(refused_tar(&size("-1")), @"the archive is malformed: a pax size is no number: `-1`");
    insta::assert_snapshot!(refused_tar(&[pax(&[("path", "a"), ("path", "b")]), file("x", "")]), @"the archive is malformed: an entry's name is given twice, in two ways");
    let global = TarEntry { kind: b'g', ..pax(&[("path", "everything")]) };
    insta::assert_snapshot!(refused_tar(&[global, file("x", "")]), @"`PaxHeader` uses a global `path`, which nuka does not read");
    let data = TarEntry { kind: b'5', ..file("d", "hidden") };
    insta::assert_snapshot!(refused_tar(&[data]), @"`d` is a directory and has 6 bytes of data");
    let data = TarEntry { kind: b'2', target: b"t".to_vec(), ..file("l", "hidden") };
    insta::assert_snapshot!(refused_tar(&[data]), @"`l` is a symlink and has 6 bytes of data");
    let hidden = [tar(&[file("a", "")]), tar(&[file("b", "")])].concat();
    insta::assert_snapshot!(refused(&hidden), @"the archive is malformed: there is data after its end marker");
    let names = ZipEntry { local_name: Some("b".into()), ..zipped("a", "x") };
    insta::assert_snapshot!(refused(&zip(&[names])), @"`a`: the archive gives two different values for its name: `a` and `b`");
    let sizes = ZipEntry { local_size: Some(3), ..zipped("a", "x") };
    insta::assert_snapshot!(refused(&zip(&[sizes])), @"`a`: the archive gives two different values for its size: 1 and 3");
    let kind = ZipEntry { mode: 0o040_755, ..zipped("a", "x") };
    insta::assert_snapshot!(refused(&zip(&[kind])), @"`a`: the archive gives two different values for its kind: file, by its name and mode 40755");
    // Two central entries for the same bytes.
    let mut twice = zip(&[zipped("a", "x")]);
    let central = twice.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let end = twice.len() - 22;
    let mut copy = twice[central..end].to_vec();
    *copy.last_mut().unwrap() = b'b';
    let grown = u32::try_from(2 * copy.len()).unwrap();
    twice.splice(end..end, copy);
    let end = twice.len() - 22;
    twice[end + 8] = 2;
    twice[end + 10] = 2;
    twice[end + 12..end + 16].copy_from_slice(&grown.to_le_bytes());
    assert!(refused(&twice).contains("two different values for its place"), "{}", refused(&twice));
}

#[test]
fn damaged_and_truncated_archives() {
    let whole = tar(&[file("a", "12345"), file("b", "")]);
    for cut in (1..whole.len() - 1023).step_by(97) {
        let text = refused(&whole[..cut]);
        assert!(text.contains("cut short") || text.contains("not a tar"), "{cut}: {text}");
    }
    let packed = gzip(&whole);
    for cut in (1..packed.len()).step_by(7) {
        let text = refused(&packed[..cut]);
        assert!(text.contains("cut short") || text.contains("not a tar"), "{cut}: {text}");
    }
    let mut flipped = packed.clone();
    let last = flipped.len() - 8;
    flipped[last] ^= 1;
    assert!(refused(&flipped).starts_with("the archive cannot be read: "), "the checksum at gzip's end");
    let mut header = whole;
    header[0] ^= 1;
    header[600] ^= 1;
    assert!(refused(&header).contains("not a tar"));
    let zipped_whole = zip(&[zipped("a", "12345"), zipped("b", "12345")]);
    for cut in 5..zipped_whole.len() {
        refused(&zipped_whole[..cut]);
    }
    let crc = ZipEntry { crc: Some(1), ..zipped("a", "x") };
    insta::assert_snapshot!(refused(&zip(&[crc])), @"`a` is damaged: its CRC-32 is not the one that the archive promises");
    let encrypted = ZipEntry { flags: 1, ..zipped("a", "x") };
    insta::assert_snapshot!(refused(&zip(&[encrypted])), @"`a` uses encryption, which nuka does not read");
    let text = refused(&ar(&[("debian-binary", b"3.0\n")]));
    insta::assert_snapshot!(text, @"the archive is malformed: it is not a Debian package of format 2");
    let late =
        ar(&[("debian-binary", b"2.0\n"), ("control.tar", b""), ("data.tar", &tar(&[])), ("data.tar", b"")]);
    insta::assert_snapshot!(refused(&late), @"the archive is malformed: the package has `data.tar` after its data");
}

/// A stream that gives a tar header and then zeros without end.
struct Zeros {
    head: Cursor<Vec<u8>>,
    left: u64,
}

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.head.read(buffer)?;
        if count > 0 {
            return Ok(count);
        }
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..count].fill(0);
        self.left -= count as u64;
        Ok(count)
    }
}

/// Ten gigabytes of zeros in a few kilobytes: stopped early. That memory is flat, the stress program shows.
#[test]
fn decompression_bombs() {
    let header = tar_block(&TarEntry { size: Some(7 << 30), ..file("zeros", "") });
    let packed = |mut data: Zeros| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        std::io::copy(&mut data, &mut encoder).unwrap();
        encoder.finish().unwrap()
    };
    // One stream after the other is one file: so a short stream a hundred times is a long one.
    let part = packed(Zeros { head: Cursor::new(Vec::new()), left: 100 << 20 });
    let bomb = [packed(Zeros { head: Cursor::new(header.clone()), left: 0 }), part.repeat(100)].concat();
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    let text = refused(&bomb);
    insta::assert_snapshot!(text, @"the archive is too large: more than 1000 times its compressed size");

    // gzip cannot pack that tightly, but a limit on bytes stops it; so it does for a zip.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut Zeros { head: Cursor::new(header), left: 64 << 20 }, &mut encoder).unwrap();
    let limits = Limits { bytes: 32 << 20, ..Limits::default() };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    let text = refused_with(&encoder.finish().unwrap(), &options);
    insta::assert_snapshot!(text, @"the archive is too large: more than 33554432 uncompressed bytes");
    let zeros = vec![0; 40 << 20];
    let text = refused_with(&zip(&[zipped("zeros", &zeros)]), &options);
    insta::assert_snapshot!(text, @"the archive is too large: more than 33554432 uncompressed bytes");
    // A zip whose directory lies about the length is stopped at what it said.
    let mut liar = zip(&[zipped("zeros", &zeros)]);
    let said = (40_u32 << 20).to_le_bytes();
    let places: Vec<_> = (0..liar.len() - 4).filter(|at| liar[*at..*at + 4] == said).collect();
    for at in places {
        liar[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    insta::assert_snapshot!(refused(&liar), @"`zeros` is damaged: its length is not the one that the archive promises");
}

/// A header that asks for a huge window is refused before the memory is taken.
#[test]
fn greedy_windows() {
    // A zstd frame with a window of 2 GiB, and an xz stream with a dictionary of nearly 4 GiB.
    let zstd = [b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".as_slice(), &[0; 64]].concat();
    let text = refused(&zstd);
    assert!(text.contains("window") || text.contains("Window"), "{text}");
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(&tar(&[file("a", "")])).unwrap();
    let mut xz = writer.finish().unwrap();
    // The block header: size, flags, filter 0x21 with one byte of properties, the dictionary's size.
    assert_eq!(&xz[12..16], [2, 0, 0x21, 1]);
    xz[16] = 40;
    let crc = {
        let mut crc = flate2::Crc::new();
        crc.update(&xz[12..20]);
        crc.sum()
    };
    xz[20..24].copy_from_slice(&crc.to_le_bytes());
    assert!(refused(&xz).contains("memory"), "{}", refused(&xz));
}

#[test]
fn errors_keep_their_kind() {
    let test = TestStore::new();
    let options =
        ImportOptions { limits: Limits { entries: 1, ..Limits::default() }, ..ImportOptions::default() };
    let bytes = tar(&[file("a", ""), file("b", "")]);
    let batch = test.store.batch();
    let error = nuka_store::import::import_tar(&batch, bytes.as_slice(), &options).unwrap_err();
    assert!(matches!(error, ImportError::Limit { max: 1, .. }));
}
