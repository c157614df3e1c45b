use super::*;
use crate::process::ReadKind;

fn mount(path: &str, tree: Tree, access: Access) -> Mount {
    Mount { path: GuestPath::new(path).unwrap(), tree, access }
}

fn text(bytes: &'static str) -> File {
    File::from_bytes(bytes, false)
}

/// `/build` (writable) with `src/a.c` and symlinks, `/usr` (read-only) with `lib/x`.
fn sample() -> (Fs, Id, Id) {
    let mut build = Tree::new();
    build.insert("src/a.c", text("int a;")).unwrap();
    build.insert("up", Node::Symlink("../usr/lib/x".into())).unwrap();
    build.insert("absolute", Node::Symlink("/usr/lib".into())).unwrap();
    build.insert("loop", Node::Symlink("loop".into())).unwrap();
    build.insert("out-of-it", Node::Symlink("/etc/passwd".into())).unwrap();
    let mut usr = Tree::new();
    usr.insert("lib/x", text("x")).unwrap();
    let mounts = vec![mount("/build", build, Access::ReadWrite), mount("/usr", usr, Access::ReadOnly)];
    let fs = Fs::new(mounts, 1 << 20);
    let roots: Vec<Id> = fs.roots().map(|(_, id)| id).collect();
    (fs, roots[0], roots[1])
}

fn find(fs: &mut Fs, start: Id, path: &str) -> Result<Id, Errno> {
    fs.resolve(start, path.as_bytes(), Follow::Yes)?.found()
}

fn content(fs: &mut Fs, id: Id) -> String {
    let mut bytes = vec![0; 100];
    let length = fs.read_at(id, 0, &mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn paths_lead_where_they_do_on_a_real_system() {
    let (mut fs, build, usr) = sample();
    let a = find(&mut fs, build, "src/a.c").unwrap();
    assert_eq!(find(&mut fs, build, "src/../src/./a.c"), Ok(a));
    let x = find(&mut fs, usr, "lib/x").unwrap();
    for path in ["up", "absolute/x", "../usr/lib/x", "src/../../usr/lib/x", "absolute/../lib/x"] {
        assert_eq!(find(&mut fs, build, path), Ok(x), "{path}");
    }
    let src = find(&mut fs, build, "src").unwrap();
    assert_eq!(find(&mut fs, src, "../up"), Ok(x));
    assert_eq!(find(&mut fs, src, ".."), Ok(build));
}

#[test]
fn paths_that_lead_nowhere_or_out() {
    let (mut fs, build, usr) = sample();
    let cases = [
        ("", Errno::Noent),
        ("/build", Errno::Notcapable),
        ("..", Errno::Notcapable),
        ("../..", Errno::Notcapable),
        ("../etc/passwd", Errno::Notcapable),
        ("out-of-it", Errno::Notcapable),
        ("loop", Errno::Loop),
        ("loop/x", Errno::Loop),
        ("nothing", Errno::Noent),
        ("nothing/at/all", Errno::Noent),
        ("src/a.c/x", Errno::Notdir),
        ("src/a.c/", Errno::Notdir),
        ("src/a.c/.", Errno::Notdir),
        ("src/a.c/..", Errno::Notdir),
        ("a\0b", Errno::Inval),
    ];
    for (path, errno) in cases {
        assert_eq!(find(&mut fs, build, path), Err(errno), "{path:?}");
    }
    assert_eq!(find(&mut fs, build, &"x".repeat(256)), Err(Errno::Nametoolong));
    assert_eq!(find(&mut fs, build, &"x/".repeat(3000)), Err(Errno::Nametoolong));
    let file = find(&mut fs, usr, "lib/x").unwrap();
    assert_eq!(find(&mut fs, file, "."), Err(Errno::Notdir));
}

#[test]
fn forty_symlinks_and_not_one_more() {
    for (count, expected) in [(40, true), (41, false)] {
        let mut tree = Tree::new();
        tree.insert("0", text("end")).unwrap();
        for i in 1..=count {
            tree.insert(format!("{i}"), Node::Symlink(format!("{}", i - 1).into())).unwrap();
        }
        let mut fs = Fs::new(vec![mount("/t", tree, Access::ReadOnly)], 0);
        let root = fs.roots().next().unwrap().1;
        assert_eq!(find(&mut fs, root, &count.to_string()).is_ok(), expected);
    }
}

#[test]
fn a_read_only_mount_refuses_each_change() {
    let (mut fs, build, usr) = sample();
    let lib = find(&mut fs, usr, "lib").unwrap();
    let x = find(&mut fs, usr, "lib/x").unwrap();
    let a = find(&mut fs, build, "src/a.c").unwrap();
    assert_eq!(fs.create_file(lib, b"new").unwrap_err(), Errno::Rofs);
    assert_eq!(fs.create_directory(lib, b"new").unwrap_err(), Errno::Rofs);
    assert_eq!(fs.create_symlink(lib, b"new", "x".into()).unwrap_err(), Errno::Rofs);
    assert_eq!(fs.link(a, lib, b"new").unwrap_err(), Errno::Rofs);
    assert_eq!(fs.unlink(lib, b"x"), Err(Errno::Rofs));
    assert_eq!(fs.remove_directory(usr, b"lib"), Err(Errno::Rofs));
    assert_eq!(fs.rename((lib, b"x"), (lib, b"y")), Err(Errno::Rofs));
    assert_eq!(fs.write_at(x, 0, b"!"), Err(Errno::Rofs));
    assert_eq!(fs.truncate(x, 0), Err(Errno::Rofs));
}

#[test]
fn changes_come_out_as_a_tree_and_the_rest_is_shared() {
    let mut base = Tree::new();
    base.insert("keep/deep/file", text("1")).unwrap();
    base.insert("edit/file", text("old")).unwrap();
    base.insert("move/inner/file", text("2")).unwrap();
    base.insert("gone/file", text("3")).unwrap();
    let mut fs = Fs::new(vec![mount("/b", base.clone(), Access::ReadWrite)], 1 << 20);
    let root = fs.roots().next().unwrap().1;
    let file = find(&mut fs, root, "edit/file").unwrap();
    fs.write_at(file, 2, b"der").unwrap();
    find(&mut fs, root, "keep/deep").unwrap();
    fs.rename((root, b"move"), (root, b"moved")).unwrap();
    let gone = find(&mut fs, root, "gone").unwrap();
    fs.unlink(gone, b"file").unwrap();
    fs.remove_directory(root, b"gone").unwrap();
    let new = fs.create_directory(root, b"new").unwrap();
    let made = fs.create_file(new, b"f").unwrap();
    fs.write_at(made, 3, b"x").unwrap();
    let copy = fs.link(made, root, b"copy").unwrap();
    fs.write_at(made, 0, b"yyy").unwrap();
    assert_eq!(content(&mut fs, copy), "\0\0\0x");
    let (trees, _) = fs.finish();
    let after = &trees[0];
    let read = |path: &str| after.get(path).unwrap().as_file().unwrap().bytes().unwrap();
    assert_eq!(read("edit/file"), "older");
    assert_eq!(read("new/f"), "yyyx");
    assert_eq!(read("copy"), "\0\0\0x");
    assert!(after.directory("keep").unwrap().same(base.directory("keep").unwrap()));
    assert!(after.directory("moved").unwrap().same(base.directory("move").unwrap()));
    assert!(after.get("move").is_none() && after.get("gone").is_none());
    assert_eq!(base.get("edit/file").unwrap().as_file().unwrap().bytes().unwrap(), "old");
}

#[test]
fn rename_follows_the_rules() {
    let (mut fs, build, usr) = sample();
    let src = find(&mut fs, build, "src").unwrap();
    fs.create_directory(build, b"full").unwrap();
    let full = find(&mut fs, build, "full").unwrap();
    fs.create_file(full, b"f").unwrap();
    fs.create_directory(build, b"empty").unwrap();
    type Place = (Id, &'static [u8]);
    let cases: [(Place, Place, Result<(), Errno>); 8] = [
        ((build, b"src"), (build, b"src"), Ok(())),
        ((build, b"src"), (src, b"inside"), Err(Errno::Inval)),
        ((build, b"src"), (build, b"full"), Err(Errno::Notempty)),
        ((build, b"src"), (full, b"f"), Err(Errno::Notdir)),
        ((full, b"f"), (build, b"src"), Err(Errno::Isdir)),
        ((build, b"nothing"), (build, b"x"), Err(Errno::Noent)),
        ((full, b"f"), (usr, b"f"), Err(Errno::Rofs)),
        ((build, b"src"), (build, b"empty"), Ok(())),
    ];
    for (from, to, expected) in cases {
        assert_eq!(fs.rename(from, to), expected, "{from:?} {to:?}");
    }
    assert!(find(&mut fs, build, "empty/a.c").is_ok());
    assert_eq!(find(&mut fs, build, "src"), Err(Errno::Noent));
}

#[test]
fn what_is_removed_while_open_stays_readable() {
    let (mut fs, build, _) = sample();
    let src = find(&mut fs, build, "src").unwrap();
    let a = find(&mut fs, build, "src/a.c").unwrap();
    fs.opened(a);
    fs.unlink(src, b"a.c").unwrap();
    assert_eq!(content(&mut fs, a), "int a;");
    fs.write_at(a, 0, b"INT").unwrap();
    assert_eq!(content(&mut fs, a), "INT a;");
    fs.closed(a);
    fs.opened(src);
    fs.remove_directory(build, b"src").unwrap();
    assert_eq!(fs.create_file(src, b"late").unwrap_err(), Errno::Noent);
    assert_eq!(find(&mut fs, src, ".."), Err(Errno::Noent));
}

#[test]
fn room_is_limited_and_given_back() {
    let mut fs = Fs::new(vec![mount("/b", Tree::new(), Access::ReadWrite)], 10_000);
    let root = fs.roots().next().unwrap().1;
    let file = fs.create_file(root, b"f").unwrap();
    assert_eq!(fs.write_at(file, 0, &[1; 20_000]), Err(Errno::Nospc));
    fs.write_at(file, 0, &[1; 9_000]).unwrap();
    assert_eq!(fs.truncate(file, 1 << 39), Err(Errno::Nospc));
    assert_eq!(fs.truncate(file, u64::MAX), Err(Errno::Fbig));
    assert_eq!(fs.write_at(file, u64::MAX, b"x"), Err(Errno::Fbig));
    assert!(fs.was_full());
    fs.unlink(root, b"f").unwrap();
    fs.release_if_gone(file);
    let second = fs.create_file(root, b"g").unwrap();
    fs.write_at(second, 0, &[1; 9_000]).unwrap();
    let made = (0..100).take_while(|i| fs.create_directory(root, format!("d{i}").as_bytes()).is_ok()).count();
    assert!(made < 10);
}

#[test]
fn directories_cannot_nest_past_the_limit() {
    let mut fs = Fs::new(vec![mount("/b", Tree::new(), Access::ReadWrite)], 1 << 30);
    let root = fs.roots().next().unwrap().1;
    let (mut at, mut depth) = (root, 0);
    while let Ok(next) = fs.create_directory(at, b"d") {
        (at, depth) = (next, depth + 1);
    }
    assert_eq!(depth, crate::tree::MAX_DEPTH - 1);
    fs.create_directory(root, b"x").unwrap();
    let x = find(&mut fs, root, "x").unwrap();
    assert_eq!(fs.rename((root, b"d"), (x, b"d")), Err(Errno::Nametoolong));
}

#[test]
fn listings_are_sorted_and_inode_numbers_stay() {
    let (mut fs, build, _) = sample();
    let number = |entries: &[Entry], name: &str| {
        entries.iter().find(|e| e.name == name.as_bytes()).map(|e| e.number).unwrap()
    };
    let before = fs.list(build).unwrap();
    let src = find(&mut fs, build, "src").unwrap();
    assert_eq!(fs.stat(src).number, number(&before, "src"));
    fs.create_file(build, b"m").unwrap();
    fs.rename((build, b"src"), (build, b"zzz")).unwrap();
    fs.unlink(build, b"loop").unwrap();
    let after = fs.list(build).unwrap();
    let names: Vec<_> = after.iter().map(|e| String::from_utf8(e.name.clone()).unwrap()).collect();
    assert_eq!(names, [".", "..", "absolute", "m", "out-of-it", "up", "zzz"]);
    assert_eq!(number(&after, "zzz"), number(&before, "src"));
    fs.unlink(build, b"m").unwrap();
    let first = number(&after, "m");
    let second = fs.create_file(build, b"m").unwrap();
    assert_ne!(fs.stat(second).number, first);
}

#[test]
fn inode_numbers_are_pinned() {
    let (mut fs, build, usr) = sample();
    let x = find(&mut fs, usr, "lib/x").unwrap();
    let made = fs.create_file(build, b"n").unwrap();
    let numbers = [build, x, made].map(|id| fs.stat(id).number);
    let first = |parts: &[&[u8]]| {
        u64::from_le_bytes(blake3::hash(&parts.concat()).as_bytes()[..8].try_into().unwrap())
    };
    let lib = first(&[&first(&[b"/usr"]).to_le_bytes(), b"lib"]);
    assert_eq!(numbers, [first(&[b"/build"]), first(&[&lib.to_le_bytes(), b"x"]), first(&[b"new", &[0; 8]])]);
}

#[test]
fn reads_say_what_was_learned_of_what_was_given() {
    let (mut fs, build, usr) = sample();
    let a = find(&mut fs, build, "src/a.c").unwrap();
    content(&mut fs, a);
    let _ = find(&mut fs, build, "src/missing.h").unwrap_err();
    let x = find(&mut fs, usr, "lib/x").unwrap();
    fs.stat(x);
    let made = fs.create_directory(build, b"made").unwrap();
    let _ = find(&mut fs, made, "nothing").unwrap_err();
    fs.list(usr).unwrap();
    let (_, reads) = fs.finish();
    let shown: Vec<_> = reads.iter().map(|r| (String::from_utf8(r.path.clone()).unwrap(), r.kind)).collect();
    let expected = [
        ("/build/made", ReadKind::Absent),
        ("/build/src/a.c", ReadKind::Content),
        ("/build/src/missing.h", ReadKind::Absent),
        ("/usr", ReadKind::Listing),
        ("/usr/lib/x", ReadKind::Metadata),
    ];
    assert_eq!(shown, expected.map(|(p, k)| (p.to_owned(), k)));
}
