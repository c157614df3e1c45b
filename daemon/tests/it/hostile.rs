//! Sources and builds that mean harm: each is refused with the object and the rule by name, the store lists what it
//! listed before, and no temporary is left.

use crate::{
    archives::{TarEntry, file, gzip, special, tar, tar_block, zip, zipped},
    world::World,
};
use nuka_daemon::api::{BuildOptions, Target};

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Builds `evil`, and gives what is said of its failure.
fn refused(world: &World) -> String {
    world.build("put");
    let before = world.listing();
    let report = world.build_with("evil", &BuildOptions::default());
    let failure = report.failed.first().unwrap_or_else(|| panic!("nothing failed: {report:#?}"));
    assert_eq!(failure.package.name, "evil");
    assert!(report.requested.is_empty() && report.done.is_empty(), "{report:#?}");
    assert_eq!(world.listing(), before);
    let downloads = std::fs::read_dir(world.path("cache/downloads")).into_iter().flatten();
    assert_eq!(downloads.count(), 0);
    assert!(!failure.reason.contains(['\u{1b}', '\u{202e}']), "{:?}", failure.reason);
    failure.reason.clone()
}

/// The same bytes as a source, and unpacked by a step. Both are refused in the same words.
fn refused_archive(bytes: &[u8]) -> String {
    let [source, step] = ["", " --format file"].map(|format| {
        let world = World::new(1);
        std::fs::write(world.path("recipes/evil.bin"), bytes).unwrap();
        let build =
            if format.is_empty() { "install src share/evil" } else { "unpack src/evil.bin out/usr/x" };
        world.recipe(
            "evil",
            &format!(
                r#"export def main [] {{
  derivation evil "1.0" {{
    src: (fetch path evil.bin --hash "blake3:{}"{format})
    language: data
    build: {{|p| {build} }}
  }}
}}
"#,
                hash(bytes)
            ),
        );
        refused(&world)
    });
    let rule =
        source.strip_prefix("path:evil.bin cannot be unpacked: ").unwrap_or_else(|| panic!("{source}"));
    let expected = format!(
        "step 1 failed: `src/evil.bin` cannot be unpacked: {rule}\nthe step: unpack src/evil.bin out/usr/x"
    );
    assert!(
        step == expected || step.starts_with(&expected[..expected.find('\n').unwrap()]),
        "{step}\n{expected}"
    );
    rule.to_owned()
}

#[test]
fn archives() {
    insta::assert_snapshot!(refused_archive(&tar(&[file("a/../../x", "")])), @"the archive has an entry with a name that no tree can hold: in the path `a/../../x`: a name is `..`");
    insta::assert_snapshot!(refused_archive(&gzip(&tar(&[file("/etc/passwd", "")]))), @"the archive has an entry with a name that no tree can hold: the path `/etc/passwd` is absolute");
    insta::assert_snapshot!(refused_archive(&tar(&[file("\u{1b}]52;\u{202e}", ""), special("\u{1b}]52;\u{202e}", b'5', "")])), @r"`\u{1b}]52;\u{202e}` comes twice: as file, and again as directory");
    insta::assert_snapshot!(refused_archive(&tar(&[TarEntry { mode: 0o4755, ..file("su", "") }])), @"`su` has the set-user-id bit, which a tree cannot hold; `--drop-extras` leaves it out");
    insta::assert_snapshot!(refused_archive(&tar(&[special("null", b'3', "")])), @"`null` is a character device: a tree holds files, directories and symlinks, nothing else");
    insta::assert_snapshot!(refused_archive(&tar(&[special("d", b'2', "/etc"), file("d/x", "")])), @"`d/x` cannot be: `d` is no directory (symlink)");
    insta::assert_snapshot!(refused_archive(&zip(&[zipped("a", "1"), zipped("a", "2")])), @"`a` comes twice: as file, and again as file");
    let whole = gzip(&tar(&[file("a", "1")]));
    insta::assert_snapshot!(refused_archive(&whole[..whole.len() - 9]), @"the archive is cut short: it ends inside its compressed data");
}

#[test]
fn a_bomb() {
    // A gigabyte of zeros in a few kilobytes.
    use std::io::Write;
    let packed = |bytes: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let header = tar_block(&TarEntry { size: Some(7 << 30), ..file("zeros", "") });
    let bomb = [packed(&header), packed(&vec![0; 10 << 20]).repeat(100)].concat();
    insta::assert_snapshot!(refused_archive(&bomb), @"the archive is too large: more than 1000 times its compressed size");
}

fn refused_build(build: &str) -> String {
    let world = World::new(1);
    world.user("evil", build);
    refused(&world)
}

#[test]
fn writing_outside_of_the_build() {
    insta::assert_snapshot!(refused_build("copy /usr/bin/put /etc/"), @"
    step 1 failed: `/etc/` is outside the build directory, where nothing can be written
    the step: copy /usr/bin/put /etc/
    ");
    insta::assert_snapshot!(refused_build("write x x; install x ../../../../etc/"), @"
    step 2 failed: `/build/out/usr/../../../../etc/` is outside the build directory, where nothing can be written
    the step: install x ../../../../etc/
    ");
    insta::assert_snapshot!(refused_build("move-to /usr/bin/put x"), @"
    step 1 failed: `/usr/bin/put` is outside the build directory, where nothing can be written
    the step: move-to /usr/bin/put x
    ");
    insta::assert_snapshot!(refused_build("remove /usr/bin/put"), @"
    step 1 failed: `/usr/bin/put` is outside the build directory, where nothing can be written
    the step: remove /usr/bin/put
    ");
    insta::assert_snapshot!(refused_build("symlink link /usr; write link/bin/x x"), @"
    step 2 failed: `link` is not a directory, so nothing can be put below it
    the step: write link/bin/x
    ");
    insta::assert_snapshot!(refused_build("symlink link /usr; ^put link/bin/x x"), @"
    step 2 failed: `put` ended with exit code 4
    the step: put link/bin/x x
    ");
    insta::assert_snapshot!(refused_build("symlink link ..; ^put link/etc/x x"), @"
    step 2 failed: `put` ended with exit code 4
    the step: put link/etc/x x
    ");
    insta::assert_snapshot!(refused_build("symlink link /usr/bin/put; ^put link x"), @"
    step 2 failed: `put` ended with exit code 4
    the step: put link x
    ");
    insta::assert_snapshot!(refused_build("remove out; symlink out /usr"), @"`out` is not a directory");
    insta::assert_snapshot!(refused_build("symlink out/usr /usr; write x x; install x share/"), @"
    step 3 failed: `out/usr` is not a directory, so nothing can be put below it
    the step: install x share/
    ");
    insta::assert_snapshot!(refused_build("symlink a b; symlink b a; copy a/x y"), @"
    step 3 failed: `a/x` leads through more than 40 symlinks
    the step: copy a/x y
    ");
}

#[test]
fn a_path_that_is_too_deep() {
    let deep = "d/".repeat(300);
    let text = refused_build(&format!("make-directory out/usr/{deep}x"));
    assert!(text.contains("at most 256"), "{text}");
}

/// What is like an option or a template of something else names nothing.
#[test]
fn names_that_are_like_options() {
    for name in ["--bind", "-rf", "@@u", "a b", "a;b", "$(x)", "..", "Ａ"] {
        assert!(name.parse::<Target>().is_err(), "{name}");
        let world = World::new(1);
        world.recipe(
            "evil",
            &format!("export def main [] {{ derivation \"{name}\" 1.0 {{ language: data, build: {{|p| write out/usr/x x }} }} }}\n"),
        );
        let before = world.listing();
        let target: Target = "evil".parse().unwrap();
        let error = world.nuka.build(&[target], &BuildOptions::default(), &nuka_daemon::Silent).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
        assert_eq!(world.listing(), before);
    }
}
