//! The terminal's keys reach the program and only it: Ctrl-C ends it, Ctrl-Z stops it with what stands beside it.

use crate::{mounted::myself, root::Home, suite::output};
use nuka_vfs::view::Composed;
use std::process::Command;

/// Starts the command of its arguments as a shell does, as the job in the foreground of a new terminal; presses keys, and
/// says what became of the job.
const SCRIPT: &str = r#"
import os, pty, signal, sys
heard, told = os.pipe()
leader, terminal = pty.fork()
if leader == 0:
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(sys.argv[1], sys.argv[1:])
    _, status = os.waitpid(job, os.WUNTRACED)
    os.write(told, b"stopped" if os.WIFSTOPPED(status) else b"ended")
    os.kill(-job, signal.SIGCONT)
    os.write(told, b" continued ")
    _, status = os.waitpid(job, 0)
    os.write(told, b"signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else b"exit")
    os._exit(0)
os.close(told)
def hear(stream, word):
    seen = b""
    while word not in seen:
        seen += os.read(stream, 100)
    return seen
hear(terminal, b"ready")
os.write(terminal, b"\x1a")
said = hear(heard, b"continued ")
os.write(terminal, b"\x03")
while more := os.read(heard, 100):
    said += more
print(said.decode())
"#;

pub fn interrupt() {
    if Command::new("python3").arg("--version").output().is_err() {
        return println!("SKIPPED: python3 is not installed, which plays the person at the terminal");
    }
    let home = Home::new();
    for pid in ["pid", "-"] {
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).arg(myself(&[]).get_program()).args(["exec", pid]);
        match home.view() {
            Composed::Overlay { metadata, objects } => command.arg(metadata).arg(objects),
            Composed::Directory(path) => command.arg(path).arg("-"),
            other @ Composed::Mounted(_) => panic!("{other:?} serves once"),
        };
        let output = command.arg("wait").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            said,
            "stopped continued signal 2\n",
            "{pid}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// What is refused is refused whatever is open; other requests reach what is open, which here is no terminal.
pub fn typing() {
    let home = Home::new();
    let mut sandbox = home.sandbox(&["type"]);
    sandbox.argv = ["sh", "-c", "look inside type < /dev/null"].map(Into::into).into();
    assert_eq!(output(&sandbox), format!("{0}\n{0}\n{1}\n", libc::EPERM, libc::ENOTTY));
}
