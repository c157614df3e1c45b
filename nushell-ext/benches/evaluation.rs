//! What evaluation costs: many packages of one recipe, and many recipes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is not as it should be ends a test, and a benchmark prints"
)]

use nuka_nushell_ext::{Evaluator, Options, RecipeMap, RecipePath, Target};
use nuka_pir::PackageName;
use std::fmt::Write;

fn main() {
    divan::main();
}

fn insert(files: &mut RecipeMap, path: &str, text: &str) {
    files.insert(RecipePath::new(path).expect("a path of this file"), text);
}

fn target(name: &str) -> Target {
    Target::package(PackageName::new(name).expect("a name of this file"))
}

/// One recipe that gives this many packages, with a source, an input and three steps each.
#[divan::bench(args = [1, 1_000, 10_000], sample_count = 5, sample_size = 1)]
fn packages_of_one_recipe(bencher: divan::Bencher<'_, '_>, count: usize) {
    let mut files = RecipeMap::new();
    let text = format!(
        r#"export def main [] {{
            let base = (derivation base "1.0" {{ language: c }})
            1..{count} | each {{|i|
                derivation $"p($i)" $"1.($i)" {{
                    language: c
                    src: (fetch url $"https://example.org/p($i).tar.xz" --hash "sha256:0000000000000000000000000000000000000000000000000000000000000000")
                    packages: [$base]
                    build: {{|p|
                        for-each (glob "src/*.c") {{|f| ^cc -O2 -c $f -o $"obj/($f.stem).o" }}
                        ^ar rcs $"($p.out)/lib/lib($i).a" (glob "obj/*.o")
                        install src/p.h include/
                    }}
                }}
            }}
        }}"#
    );
    insert(&mut files, "many.nu", &text);
    bencher.bench_local(|| {
        let evaluation = Evaluator::new(&files, Options::default()).evaluate(&[target("many")]);
        assert_eq!(evaluation.expect("the recipe above").roots.len(), count);
    });
}

/// This many recipes, each of which uses the one before it and a common library.
#[divan::bench(args = [1, 100, 900], sample_count = 5, sample_size = 1)]
fn recipes_in_a_chain(bencher: divan::Bencher<'_, '_>, count: usize) {
    let mut files = RecipeMap::new();
    insert(&mut files, "lib/c.nu", "export def flags [] { [-O2 -g] }");
    let mut before = String::new();
    for number in 1..=count {
        let mut text = String::from("use lib/c.nu\nexport def main [] {\n");
        write!(
            text,
            "derivation p{number} \"1.0\" {{ language: c, packages: [{before}]\n\
             build: {{|p| ^cc ...(c flags) src/a.c; install a bin/ }} }} }}"
        )
        .expect("text takes text");
        insert(&mut files, &format!("p{number}.nu"), &text);
        before = format!("(pkg p{number})");
    }
    let name = format!("p{count}");
    bencher.bench_local(|| {
        let evaluation = Evaluator::new(&files, Options::default()).evaluate(&[target(&name)]);
        assert_eq!(evaluation.expect("the recipes above").packages.len(), count);
    });
}
