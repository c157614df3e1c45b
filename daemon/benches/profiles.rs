//! What changing a profile costs: `cargo bench -p nuka-daemon --bench profiles [-- DIRECTORY [GENERATIONS]]`.
//!
//! 1,000 packages with a program and a manual page each; the directory should be on the file system that is of interest. The
//! client works in this process, so that its time is all there is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when it fails"
)]

use nuka_daemon::{
    By, Client, Config, Silent,
    profile::{Edit, GenerationNumber, Installed, Profile, ProfileName, Settings},
};
use serde_json::json;
use std::{collections::BTreeMap, fs, num::NonZeroUsize, path::PathBuf, time::Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PACKAGES: usize = 1000;

/// Seconds of processor time of this process so far.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measured<T>(what: &str, times: u32, mut work: impl FnMut(u32) -> T) {
    let (before, begun) = (cpu(), Instant::now());
    for round in 0..times {
        work(round);
    }
    let times = f64::from(times);
    let (cpu, wall) = ((cpu() - before) / times, begun.elapsed().as_secs_f64() / times);
    println!("{what:<62} {:>8.2} ms {:>8.2} ms", cpu * 1000.0, wall * 1000.0);
}

struct World {
    client: Client,
    place: PathBuf,
}

impl World {
    fn package(&self, name: &str, version: &str) -> Installed {
        let place = self.place.join("made");
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("usr/bin")).unwrap();
        fs::create_dir_all(place.join("usr/share/man/man1")).unwrap();
        fs::write(place.join("usr/bin/program"), format!("{name} {version}")).unwrap();
        fs::write(place.join("usr/share/man/man1/page.1"), format!(".TH {name} {version}")).unwrap();
        let cid = self.client.store_add(&place).unwrap();
        let blob = nuka_pir::BlobId::of(format!("{name} {version}").as_bytes());
        let page = nuka_pir::BlobId::of(format!(".TH {name} {version}").as_bytes());
        let pid = nuka_pir::Pid::from_bytes(*blake3::hash(format!("{name}@{version}").as_bytes()).as_bytes());
        let package = json!({ "pid": pid, "name": name, "version": version });
        let outcome = json!({
            "package": package, "how": "present", "build": nuka_pir::BuildId::from_bytes([0; 32]),
            "outputs": [["out", cid]], "seconds": 0.0, "check": null, "differences": null,
        });
        let program = json!({
            "outcome": outcome, "program": name, "published": null, "platform": "wasm32-wasip1", "blob": blob,
            "size": 9, "path": "usr/bin/program", "details": { "path": "bin/program" }, "permissions": {}, "view": cid,
        });
        serde_json::from_value(json!({
            "asked": { "name": { "name": name, "version": null, "platform": "wasm32-wasip1" } },
            "package": package, "outputs": { "out": cid }, "view": cid, "programs": [program],
            "files": [{ "path": format!("man/man1/{name}.1"), "blob": page }], "bytes": 9,
        }))
        .unwrap()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let directory = arguments.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let generations: u32 = arguments.get(1).map_or(10_000, |text| text.parse().unwrap());
    let place = directory.join(format!("nuka-profiles-{}", std::process::id()));
    let at = |name: &str| place.join(name);
    let config = Config {
        store: at("store"),
        cache: at("cache"),
        state: at("state"),
        recipe_directories: Vec::new(),
        jobs: NonZeroUsize::MIN,
        user: 0,
        offline: true,
        executable: Some("/usr/bin/nuka".into()),
        background: false,
        home: at("home"),
        env: BTreeMap::new(),
        current_directory: directory,
    };
    let world = World { client: Client::new(config, By::ThisProcess), place: place.clone() };
    let profile = Profile::new(&world.client, &ProfileName::default());
    let change = |edit: Edit| profile.change("bench", &Silent, |_| Ok(edit)).unwrap();
    let number = |text: &str| text.parse::<GenerationNumber>().unwrap();
    let put = |put: Vec<Installed>| Edit { put, ..Edit::default() };

    let all: Vec<_> = (0..PACKAGES).map(|number| world.package(&format!("p{number}"), "1")).collect();
    let others: Vec<_> = (0..PACKAGES).map(|number| world.package(&format!("p{number}"), "2")).collect();
    let more: Vec<_> = (0..20).map(|number| world.package(&format!("more{number}"), "1")).collect();
    println!("{:<62} {:>11} {:>11}", "", "CPU", "wall");
    measured("install 1,000 packages that are here, at once", 1, |_| change(put(all.clone())));
    measured("install one that is here, beside 1,000", 20, |round| {
        change(put(vec![more[round as usize].clone()]))
    });
    measured("switch between generations of 1,000, one package other", 20, |round| {
        profile.switch(number(if round % 2 == 0 { "3" } else { "4" }), &Silent).unwrap()
    });
    change(put(others.clone()));
    measured("switch between generations of 1,000, all packages other", 20, |round| {
        profile.switch(number(if round % 2 == 0 { "2" } else { "23" }), &Silent).unwrap()
    });
    measured("what is installed, read", 20, |_| profile.state().unwrap());

    let small = Profile::new(&world.client, &"small".parse().unwrap());
    let change = |edit: Edit| small.change("bench", &Silent, |_| Ok(edit)).unwrap();
    let prefer = |round: u32| {
        let prefer = [("x".to_owned(), format!("p{round}"))].into();
        Edit { settings: Some(Settings { prefer, ..Settings::default() }), ..Edit::default() }
    };
    change(put(all[..10].to_vec()));
    measured("install one that is here, beside 10", 20, |round| {
        change(put(vec![more[round as usize].clone()]))
    });
    measured("the same generations made", generations, |round| change(prefer(round)));
    measured(&format!("remove one, with {generations} generations"), 20, |round| {
        change(Edit { remove: vec![format!("more{round}")], ..Edit::default() })
    });
    measured("switch among them", 20, |round| {
        small.switch(number(&format!("{}", 10 + round)), &Silent).unwrap()
    });
    measured("delete one of them", 20, |round| {
        small.delete(&[number(&format!("{}", 100 + round))], &Silent).unwrap()
    });
    fs::remove_dir_all(place).unwrap();
}
