//! Many at once, and a daemon that is killed in the middle: nothing is lost, and nobody is told to come back later.

use crate::support::{Ended, Place};
use std::{
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

const PACKAGES: usize = 12;

/// Packages that each have a file of their own and one that all have.
fn many() -> Place {
    let place = Place::new();
    for number in 0..PACKAGES {
        place.write(
            &format!("p{number}.nu"),
            format!(
                r#"export def main [] {{
  derivation p{number} 1.0 {{
    language: data
    build: {{|p|
      write own.txt "{number}"
      write all.txt "the same in all"
      install own.txt all.txt share/p{number}/
    }}
  }}
}}
"#
            ),
        );
    }
    place
}

fn good(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{ended}");
    for said in [&ended.stdout, &ended.stderr] {
        assert!(!said.contains("busy") && !said.contains("lock"), "{ended}");
    }
    ended
}

/// All packages are there, whole, and what they were.
fn check(place: &Place) {
    let recipes: Vec<String> = (0..PACKAGES).map(|number| format!("./p{number}.nu")).collect();
    let arguments: Vec<&str> = std::iter::once("build").chain(recipes.iter().map(String::as_str)).collect();
    good(place.run(&arguments));
    for number in 0..PACKAGES {
        let file = format!("p{number}/usr/share/p{number}/own.txt");
        assert_eq!(good(place.run(&["store", "cat", &file])).stdout, number.to_string());
    }
    good(place.run(&["store", "verify"]));
}

/// A mount that is walked until a file says that it is enough: every file in it is read, and is what it should be. What is
/// collected between its being listed and its being opened is an error for whoever opens it; once it was opened, nothing of
/// it goes but its name. In the end, when nothing is collected any more, all packages can be read.
const WALK: &str = r#"
rounds=0 read=0
look() {
  for file in "$1"/usr/share/*/own.txt; do
    text=$(cat "$file" 2>error.txt) || return 1
    case "$file" in
      */p"$text"/own.txt) read=1 ;;
      *) echo "wrong: $file has $text" ;;
    esac
    # Once it was opened, nothing of it goes but its name.
    if { cat "$1"/usr/share/*/*.txt; find "$1" -type f; } 2>&1 >all.txt | grep -v 'No such file'; then
      echo "wrong: $1"
    fi
  done
  return 0
}
while [ ! -e done ]; do
  for package in m/*; do look "$package"; done
  rounds=$((rounds + 1))
done
$NUKA -q build ./p*.nu >all.txt
tries=0 whole=0
while [ $whole -ne 12 ] && [ $tries -lt 100 ]; do
  whole=0 tries=$((tries + 1))
  for package in m/*; do look "$package" && whole=$((whole + 1)); done
  [ $whole -eq 12 ] || sleep 0.2
done
echo "read=$read whole=$whole"
"#;

#[test]
fn builds_collections_mounts_and_looks_go_on_at_once() {
    let place = many();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(Ordering::Acquire) {
                // Everything that is not being worked with goes, again and again.
                good(place.run(&["gc", "--keep-since", "0s"]));
                rounds += 1;
            }
            rounds
        });
        let mounting = scope.spawn(|| {
            if crate::mount::is_impossible(&place) {
                return None;
            }
            // A mount shows what its daemon knows, which is there from now on.
            good(place.run(&["build", "./p0.nu"]));
            let mut mount = place.command(&["store", "mount", "m", "--", "sh", "-c", WALK]);
            mount.env("NUKA", env!("CARGO_BIN_EXE_nuka")).env("PATH", "/usr/bin:/bin");
            Some(good(place.end(mount)))
        });
        let builders: Vec<_> = (0..8)
            .map(|first| {
                let place = &place;
                scope.spawn(move || {
                    for number in 0..4 {
                        let recipe = format!("./p{}.nu", (first + number) % PACKAGES);
                        good(place.run(&["build", &recipe]));
                        good(place.run(&["store", "list"]));
                    }
                })
            })
            .collect();
        let built: Vec<_> = builders.into_iter().map(|builder| builder.join()).collect();
        // Also when one of them has failed.
        done.store(true, Ordering::Release);
        place.write("done", "");
        built.into_iter().for_each(|built| built.unwrap());
        assert!(collecting.join().unwrap() > 0);
        if let Some(walked) = mounting.join().unwrap() {
            let said = walked.stdout.trim();
            assert_eq!(said, "read=1 whole=12", "{walked}");
        }
    });
    check(&place);
}

#[test]
fn a_daemon_that_is_killed_again_and_again_loses_nothing() {
    let place = many();
    // Somewhere in the middle of what takes some hundredths of a second, another moment each round.
    for round in 0..10_u64 {
        let mut clients: Vec<Child> = (0..3)
            .map(|first| {
                let recipes: Vec<String> = (0..3)
                    .map(|number| format!("./p{}.nu", (round as usize + first * 3 + number) % PACKAGES))
                    .collect();
                let arguments: Vec<&str> =
                    std::iter::once("build").chain(recipes.iter().map(String::as_str)).collect();
                let mut command = place.command(&arguments);
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
                command.spawn().unwrap()
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + round * 13));
        let status = place.run(&["daemon", "status", "--json"]);
        let process = serde_json::from_str::<serde_json::Value>(&status.stdout);
        if let Some(process) = process.ok().and_then(|status| status["process"].as_i64()) {
            let process = rustix::process::Pid::from_raw(process as i32).unwrap();
            // It may have ended by itself.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
        for client in &mut clients {
            // It had what it wanted, or was told that the daemon is gone.
            let code = client.wait().unwrap().code();
            assert!(code == Some(0) || code == Some(1), "{code:?}");
        }
    }
    check(&place);
    let left = fs_err::read_dir(place.home().join(".local/share/nuka/store/tmp")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).filter(|name| name != "lock").collect();
    // The daemon that lives has a directory there, and no dead one.
    assert!(left.len() <= 1, "{left:?}");
}
