//! What this program does when it is the one in the sandbox.

use crate::{errors, suite};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs,
    io::{Read, Write},
    os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

pub fn look(what: &str, rest: &[&str]) -> ExitCode {
    match (what, rest) {
        ("same", [shown, meant, times]) => suite::same(Path::new(shown), Path::new(meant), *times == "fixed"),
        ("read-only", [top]) => errors::all_refused(Path::new(top)),
        ("exit", [code]) => return ExitCode::from(code.parse::<u8>().unwrap()),
        ("die", [signal]) => {
            let signal = rustix::process::Signal::from_named_raw(signal.parse().unwrap()).unwrap();
            rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
            wait();
        }
        ("wait", [] | [_]) => {
            println!("ready");
            wait();
        }
        #[allow(clippy::zombie_processes, reason = "whether it is left is what is tried")]
        ("leave", [mark]) => {
            // Its own group, so that no terminal ends it.
            let mut left = Command::new("/proc/self/exe");
            left.args(["inside", "wait", *mark]).stdout(Stdio::piped());
            let mut child = left.spawn().unwrap();
            let mut word = [0; 6];
            child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
            println!("left");
        }
        ("ls", places) => {
            for place in places {
                let mut names: Vec<_> = fs::read_dir(place)
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                names.sort();
                println!("{place}: {}", names.join(" "));
            }
        }
        ("cat", files) => {
            for file in files {
                std::io::stdout().write_all(&fs::read(file).unwrap()).unwrap();
            }
        }
        ("reach", [name]) => {
            let address = SocketAddr::from_abstract_name(name);
            match std::os::unix::net::UnixStream::connect_addr(&address.unwrap()) {
                Ok(_) => println!("reached"),
                Err(error) => println!("{:?}", error.kind()),
            }
        }
        ("touch", [path]) => match rustix::fs::open(
            *path,
            OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o644),
        ) {
            Ok(_) => println!("made"),
            Err(Errno::ROFS) => println!("ROFS"),
            Err(Errno::ACCESS) => println!("ACCESS"),
            Err(error) => println!("{error}"),
        },
        ("who", []) => {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let wanted = ["Uid:", "Gid:", "Cap", "NoNewPrivs:", "Seccomp:"];
            for line in status.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start))) {
                println!("{line}");
            }
            println!(
                "pid {} parent {:?}",
                std::process::id(),
                rustix::process::getppid().map(|id| id.as_raw_nonzero())
            );
            println!("cwd {}", std::env::current_dir().unwrap().display());
            for (name, value) in std::env::vars() {
                println!("env {name}={value}");
            }
        }
        ("type", []) => {
            for request in [libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCGWINSZ] {
                // SAFETY: each takes a pointer to at most so many bytes.
                #[allow(unsafe_code, reason = "see above")]
                let result = unsafe { libc::ioctl(0, request, [b'x'; 64].as_mut_ptr()) };
                let error = std::io::Error::last_os_error();
                println!("{}", if result == 0 { 0 } else { error.raw_os_error().unwrap() });
            }
        }
        ("net", []) => {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let devices = fs::read_to_string("/proc/net/dev").unwrap();
            let names = devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim()));
            println!("{}", names.collect::<Vec<_>>().join(" "));
            let error = std::net::TcpStream::connect("192.0.2.1:9").unwrap_err();
            println!("{:?}", error.kind());
        }
        _ => panic!("{what} {rest:?}"),
    }
    ExitCode::SUCCESS
}

fn wait() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}
