//! The process that serves a mount, and does what it is told on its standard input.

use nuka_store::{EntryName, Store, StoreOptions, Tree};
use nuka_vfs::{
    Integrity,
    mount::{Access, MountMeans, MountOptions, mount, mounts, unmount},
    namespace,
    source::Packages,
};
use std::{io::BufRead, path::Path, sync::Arc, time::Duration};

/// `serve WHERE STORE PLACE DEVICE TTL-MS [everyone] [passthrough]`
pub fn serve(arguments: &[&str]) {
    let [place_in, store, place, device, ttl, flags @ ..] = arguments else { panic!("{arguments:?}") };
    let means = enter(place_in);
    let options = MountOptions {
        device: device.into(),
        access: if flags.contains(&"everyone") { Access::Everyone } else { Access::Owner },
        root_ttl: Duration::from_millis(ttl.parse().unwrap()),
        passthrough: flags.contains(&"passthrough"),
        ..MountOptions::default()
    };
    let store = Store::open(store, &StoreOptions::default()).unwrap();
    let source = Arc::new(Packages::new(store));
    let integrity = Arc::new(Integrity::new(|damage| println!("damage {damage}")));
    let shown = Arc::clone(&source);
    let mut mounted = match mount(source, integrity, Path::new(place), means, &options) {
        Ok(mounted) => Some(mounted),
        Err(error) => return println!("failed {error}"),
    };
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            [how @ ("insert" | "hide"), name, cid, size, count] => {
                let tree = Tree {
                    cid: cid.parse().unwrap(),
                    size: size.parse().unwrap(),
                    count: count.parse().unwrap(),
                };
                let name = EntryName::new(name).unwrap();
                if *how == "insert" { shown.insert(name, tree) } else { shown.insert_unlisted(name, tree) }
            }
            ["remove", name] => shown.remove(&EntryName::new(name).unwrap()),
            ["changed", names @ ..] => {
                let names: Vec<_> = names.iter().map(|name| EntryName::new(name).unwrap()).collect();
                mounted.as_ref().unwrap().changed(&names);
            }
            ["known"] => println!("= {}", mounted.as_ref().unwrap().known_inodes()),
            ["state"] => {
                let mounted = mounted.as_ref().unwrap();
                println!("= {} {:?}", mounted.opens_without_asking(), mounted.passthrough());
            }
            ["unmount"] => match mounted.take().unwrap().unmount() {
                Ok(()) => println!("= unmounted"),
                Err((still, error)) => {
                    mounted = Some(still);
                    println!("= {error}");
                }
            },
            ["detach"] => println!("= {:?}", unmount(Path::new(place)).map_err(|error| error.to_string())),
            ["mounts"] => println!("= {}", mounts().unwrap().len()),
            ["threads"] => println!("= {:?}", namespace::enter().map_err(|error| error.to_string())),
            _ => panic!("unknown command: {line}"),
        }
        println!("done");
    }
}

/// Goes where the mount is to be.
pub fn enter(place: &str) -> MountMeans {
    match place {
        "private" => {
            namespace::enter_private_mounts().unwrap();
            MountMeans::Privileged
        }
        "user" => {
            namespace::enter().unwrap();
            MountMeans::UserNamespace
        }
        "here" => MountMeans::Privileged,
        "fusermount" => MountMeans::Fusermount,
        _ => panic!("{place}"),
    }
}
