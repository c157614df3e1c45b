//! Archives as the ecosystems make them: each becomes the tree that it should.

use crate::support::{
    TarEntry, TestStore, ZipEntry, ar, file, gzip, noise, path, pax, show, special, tar, zip, zipped,
};
use nuka_pir::ArchiveFormat;
use nuka_store::{
    EntryName, Tree,
    import::{
        Extras, ImportError, ImportOptions, Limits, import_ar, import_archive, import_deb, import_file,
        import_tar, import_zip,
    },
};
use std::io::{Cursor, Write};

fn options() -> ImportOptions {
    ImportOptions::default()
}

/// The tree that these bytes become, as text.
fn imported(bytes: &[u8], options: &ImportOptions) -> Result<String, ImportError> {
    let test = TestStore::new();
    let batch = test.store.batch();
    let name = EntryName::new("file").unwrap();
    let tree: Tree = import_archive(&batch, &name, Cursor::new(bytes), options)?;
    Ok(show(&batch, &tree.cid))
}

fn crate_entries() -> Vec<TarEntry> {
    vec![
        file("demo-1.0/Cargo.toml", "[package]"),
        TarEntry { mode: 0o755, ..file("demo-1.0/build.sh", "#!/bin/sh") },
        file("demo-1.0/src/lib.rs", "//!"),
    ]
}

const CRATE: &str = "Cargo.toml [package]\nbuild.sh* #!/bin/sh\nsrc/\nsrc/lib.rs //!\n";

#[test]
fn every_compression_gives_the_same_tree() {
    let plain = tar(&crate_entries());
    let bzip2 = {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let xz = {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let zstd =
        ruzstd::encoding::compress_to_vec(plain.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
    // Two frames, one after the other, with one to be skipped between them; two gzip members likewise.
    let (head, tail) = plain.split_at(700);
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let frames = [
        ruzstd::encoding::compress_to_vec(head, level),
        b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(),
        ruzstd::encoding::compress_to_vec(tail, level),
    ]
    .concat();
    let members = [gzip(head), gzip(tail)].concat();
    for bytes in [plain.clone(), gzip(&plain), bzip2, xz, zstd, frames, members] {
        assert_eq!(imported(&bytes, &options()).unwrap(), CRATE);
    }
}

#[test]
fn strip_and_subdir_choose_what_becomes_the_tree() {
    let bytes = tar(&crate_entries());
    let with = |strip, subdir: Option<&str>| {
        imported(&bytes, &ImportOptions { strip, subdir: subdir.map(path), ..options() })
    };
    assert_eq!(with(Some(1), None).unwrap(), CRATE);
    assert!(with(Some(0), None).unwrap().starts_with("demo-1.0/\n"));
    assert_eq!(with(None, Some("src")).unwrap(), "lib.rs //!\n");
    assert_eq!(with(Some(0), Some("demo-1.0/src")).unwrap(), "lib.rs //!\n");
    insta::assert_snapshot!(with(Some(2), None).unwrap_err(), @"`demo-1.0/Cargo.toml` has no name left after 2 leading directories are dropped");
    insta::assert_snapshot!(with(None, Some("lib")).unwrap_err(), @"the archive has no directory `lib`");
    insta::assert_snapshot!(with(None, Some("Cargo.toml")).unwrap_err(), @"the archive has no directory `Cargo.toml`");
    // With two directories at the top none is dropped.
    let two = tar(&[file("a/x", "1"), file("b/y", "2")]);
    assert_eq!(imported(&two, &options()).unwrap(), "a/\na/x 1\nb/\nb/y 2\n");
}

/// Only what is in the chosen directory is stored, besides its directory objects.
#[test]
fn a_subdir_stores_nothing_else() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let bytes = tar(&[file("p/big", noise(1, 5000)), file("p/src/small", "s"), file("p/src/hard", "h")]);
    let options = ImportOptions { subdir: Some(path("src")), ..options() };
    import_tar(&batch, bytes.as_slice(), &options).unwrap();
    assert_eq!(batch.new_objects(), 3, "two blobs and one directory");
}

#[test]
fn npm_git_and_gnu_tars_are_read() {
    // npm: odd modes, no entries for directories; git archive: a global pax header; also `./` before names.
    let global = TarEntry { kind: b'g', ..pax(&[("comment", "0123456789abcdef")]) };
    let npm = [
        global,
        TarEntry { mode: 0o100_644, ..file("package/package.json", "{}") },
        TarEntry { mode: 0, ..file("package/index.js", "") },
        TarEntry { mode: 0o777, ..file("package/bin/cli.js", "#!") },
    ];
    assert_eq!(
        imported(&gzip(&tar(&npm)), &options()).unwrap(),
        "bin/\nbin/cli.js* #!\nindex.js \npackage.json {}\n"
    );
    let long = "n".repeat(200);
    let target = "t/".repeat(100) + "t";
    let gnu = [
        special("./", b'5', ""),
        special("./d/", b'5', ""),
        TarEntry { data: format!("./d/{long}\0").into(), ..special("././@LongLink", b'L', "") },
        file("cut", "long"),
        TarEntry { data: format!("{target}\0").into(), ..special("././@LongLink", b'K', "") },
        special("./d/link", b'2', "cut"),
        special("./d/hard", b'1', &format!("./d/{long}")[..100]),
    ];
    // The hard link's target was cut by the short field: a long one goes before it.
    assert!(imported(&tar(&gnu), &options()).is_err());
    let mut gnu = gnu.to_vec();
    gnu.insert(6, TarEntry { data: format!("./d/{long}\0").into(), ..special("././@LongLink", b'K', "") });
    let options = ImportOptions { strip: Some(1), ..options() };
    assert_eq!(
        imported(&tar(&gnu), &options).unwrap(),
        format!("hard long\nlink -> {target}\n{long} long\n")
    );
    // pax: names and targets of any bytes, times and owners that mean nothing here.
    let modern = [
        pax(&[("path", "d/ünïcode\n"), ("mtime", "1.5"), ("uname", "root"), ("SCHILY.dev", "1")]),
        file("short", "1"),
        pax(&[("linkpath", &target)]),
        special("d/l", b'2', "short"),
        TarEntry { kind: 0, ..special("d/old-directory/", 0, "") },
    ];
    assert_eq!(
        imported(&tar(&modern), &options).unwrap(),
        format!("l -> {target}\nold-directory/\nünïcode\\n 1\n")
    );
}

#[test]
fn zips_and_wheels_are_read() {
    let entries = [
        zipped("demo/__init__.py", "print()"),
        ZipEntry { mode: 0o100_755, deflate: false, ..zipped("demo/run", "#!") },
        ZipEntry { mode: 0o120_777, deflate: false, ..zipped("demo/link", "run") },
        ZipEntry { mode: 0, ..zipped("demo/from-windows.txt", "w") },
        ZipEntry { mode: 0o040_755, deflate: false, ..zipped("demo/empty/", "") },
        // Sizes after the data, as streaming writers do: zeros in the local header.
        ZipEntry { flags: 1 << 3, local_size: Some(0), ..zipped("demo-1.dist-info/METADATA", "Name: demo") },
    ];
    insta::assert_snapshot!(imported(&zip(&entries), &options()).unwrap(), @r"
    demo/
    demo/__init__.py print()
    demo/empty/
    demo/from-windows.txt w
    demo/link -> run
    demo/run* #!
    demo-1.dist-info/
    demo-1.dist-info/METADATA Name: demo
    ");
    assert_eq!(imported(&zip(&[]), &options()).unwrap(), "");
}

#[test]
fn debian_packages_are_read() {
    let data = tar(&[special("./", b'5', ""), special("./usr/", b'5', ""), file("./usr/a", "1")]);
    let mut sticky = special("./tmp/", b'5', "");
    sticky.mode = 0o1777;
    let more = tar(&[sticky, file("./usr/a", "1")]);
    let control = gzip(&tar(&[file("./control", "Package: x")]));
    for data in [gzip(&data), data, more] {
        let deb = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar", &data)]);
        let test = TestStore::new();
        let batch = test.store.batch();
        let tree = import_deb(&batch, deb.as_slice(), &options()).unwrap();
        assert!(show(&batch, &tree.cid).ends_with("usr/\nusr/a 1\n"));
        assert_eq!(imported(&deb, &options()).unwrap(), show(&batch, &tree.cid));
        let strip = ImportOptions { strip: Some(1), ..options() };
        assert_eq!(imported(&deb, &strip).unwrap(), "a 1\n");
    }
}

#[test]
fn plain_ar_archives_and_single_files_are_read() {
    let test = TestStore::new();
    let batch = test.store.batch();
    let names = b"a-name-of-more-than-16-bytes.o/\n".as_slice();
    let archive = ar(&[("/", b"symbols"), ("//", names), ("short.o/", b"1"), ("/0", b"22")]);
    let tree = import_ar(&batch, archive.as_slice(), &options()).unwrap();
    assert_eq!(show(&batch, &tree.cid), "a-name-of-more-than-16-bytes.o 22\nshort.o 1\n");
    let name = EntryName::new("data.bin").unwrap();
    let tree = import_file(&batch, &name, b"any\0bytes".as_slice(), &options()).unwrap();
    assert_eq!(show(&batch, &tree.cid), "data.bin any\\0bytes\n");
    let asked = ImportOptions { format: Some(ArchiveFormat::File), ..options() };
    let tree = import_archive(&batch, &name, Cursor::new(zip(&[])), &asked).unwrap();
    assert_eq!(tree.count, 1);
    let error = import_archive(&batch, &name, Cursor::new(b"#!/bin/sh\n"), &options()).unwrap_err();
    insta::assert_snapshot!(error, @"this is not a tar, zip or deb; if it is one file, say so with `format: file`");
}

#[test]
fn large_files_in_archives_are_whole() {
    let big = noise(5, (9 << 20) + 13);
    let test = TestStore::new();
    let batch = test.store.batch();
    let from_tar =
        import_tar(&batch, gzip(&tar(&[file("x/big", &big), file("x/y", "")])).as_slice(), &options());
    let from_zip =
        import_zip(&batch, Cursor::new(zip(&[zipped("x/big", &big), zipped("x/y", "")])), &options());
    assert_eq!(from_tar.unwrap(), from_zip.unwrap());
    assert_eq!(batch.new_objects(), 3);
}

#[test]
fn what_a_tree_cannot_hold_can_be_dropped() {
    let entries = [
        pax(&[("SCHILY.xattr.user.note", "x")]),
        TarEntry { mode: 0o4755, ..file("bin/su", "su") },
        file("bin/ls", "ls"),
    ];
    let dropped = ImportOptions { extras: Extras::Drop, ..options() };
    assert_eq!(imported(&tar(&entries), &dropped).unwrap(), "ls ls\nsu* su\n");
    assert!(matches!(imported(&tar(&entries), &options()), Err(ImportError::Extra { .. })));
}

#[test]
fn limits_are_told() {
    let few = ImportOptions { limits: Limits { entries: 2, ..Limits::default() }, ..options() };
    insta::assert_snapshot!(imported(&tar(&crate_entries()), &few).unwrap_err(), @"the archive is too large: more than 2 entries");
    let small = ImportOptions { limits: Limits { bytes: 2000, ..Limits::default() }, ..options() };
    insta::assert_snapshot!(imported(&tar(&crate_entries()), &small).unwrap_err(), @"the archive is too large: more than 2000 uncompressed bytes");
}
