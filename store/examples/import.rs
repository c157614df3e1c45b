//! Imports archives and directories into a throw-away store, and prints the CID and totals of each.
//!
//! `cargo run -p nuka-store --example import -- [--whole] PATH...` (`--whole` drops no leading directory)

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use nuka_store::{
    EntryName, Store, StoreOptions,
    import::{ImportOptions, add_directory, import_archive},
};
use std::path::Path;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"), &StoreOptions::default()).unwrap();
    let mut options = ImportOptions::default();
    for argument in std::env::args().skip(1) {
        let path = Path::new(&argument);
        if argument == "--whole" {
            options.strip = Some(0);
            continue;
        }
        let result = if path.is_dir() {
            add_directory(&store, path, &options)
        } else {
            let name = EntryName::new(path.file_name().unwrap().as_encoded_bytes()).unwrap();
            import_archive(&store.batch(), &name, fs_err::File::open(path).unwrap(), &options)
        };
        match result {
            Ok(tree) => println!("{} {:>10} bytes {:>6} nodes  {argument}", tree.cid, tree.size, tree.count),
            Err(error) => println!("ERROR {argument}: {error}"),
        }
    }
}
