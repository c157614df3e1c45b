//! A file that a client has handed over, read or written so that it can be stopped at any time.
//!
//! A pipe may give nothing for ever, or take nothing. So what is no regular file is waited for by `poll`, a moment at a
//! time, and is read and written without waiting. Its own flags are the client's, and stay: a pipe or terminal is opened
//! once more, to be another open file with flags of its own; a socket has calls that do not wait.

use nuka_store::Cancel;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, Mode, OFlags},
    io::Errno,
    net::{RecvFlags, SendFlags},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd as _, AsRawFd as _},
};

/// How often who waits looks whether that is still wanted.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Bytes that a pipe takes without waiting once it says that it takes any (`PIPE_BUF` of POSIX, at least).
const SURE: usize = 512;

/// What it is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To be read.
    Reading,
    /// To be written.
    Writing,
}

/// See the module's text.
#[derive(Debug)]
pub struct Stream {
    file: File,
    kind: Kind,
    cancel: Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A regular file, which never waits.
    Regular,
    /// Something else, which says at once that it would wait.
    Eager,
    Socket,
    /// Something else whose flags are not our own.
    Others,
}

impl Stream {
    /// Over this file, until that is wanted no more.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn new(file: File, direction: Direction, cancel: Cancel) -> io::Result<Self> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        let (file, kind) = match kind {
            FileType::RegularFile | FileType::BlockDevice => (file, Kind::Regular),
            FileType::Socket => (file, Kind::Socket),
            _ => match again(&file, direction) {
                Ok(own) => (own, Kind::Eager),
                Err(_) => (file, Kind::Others),
            },
        };
        Ok(Self { file, kind, cancel })
    }

    /// Makes what was written durable, where that means anything.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        if self.kind == Kind::Regular { self.file.sync_all() } else { Ok(()) }
    }

    fn check(&self) -> io::Result<()> {
        self.cancel.check().map_err(io::Error::other)
    }

    /// Does `step` as soon as it would not wait.
    fn when(
        &self,
        ready: PollFlags,
        mut step: impl FnMut(&File, Kind) -> Result<usize, Errno>,
    ) -> io::Result<usize> {
        loop {
            self.check()?;
            if self.kind != Kind::Regular {
                let mut waited_for = [PollFd::from_borrowed_fd(self.file.as_fd(), ready)];
                match poll(&mut waited_for, Some(&LOOK)) {
                    Ok(0) | Err(Errno::INTR) => continue,
                    Ok(_) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match step(&self.file, self.kind) {
                // Somebody else was faster.
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }
}

/// The same file, as an open file of our own that does not wait.
fn again(file: &File, direction: Direction) -> Result<File, Errno> {
    let access = match direction {
        Direction::Reading => OFlags::RDONLY,
        Direction::Writing => OFlags::WRONLY,
    };
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(format!("/proc/self/fd/{}", file.as_raw_fd()), flags, Mode::empty()).map(File::from)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when(PollFlags::IN, |file, kind| match kind {
            Kind::Socket => Ok(rustix::net::recv(file, &mut *buffer, RecvFlags::DONTWAIT)?.0),
            Kind::Regular | Kind::Eager | Kind::Others => rustix::io::read(file, &mut *buffer),
        })
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when(PollFlags::OUT, |file, kind| match kind {
            Kind::Socket => rustix::net::send(file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Kind::Others => rustix::io::write(file, bytes.get(..SURE).unwrap_or(bytes)),
            Kind::Regular | Kind::Eager => rustix::io::write(file, bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::unix::net::UnixStream,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    fn called_off_soon(file: File, direction: Direction, work: impl FnOnce(&mut Stream) -> io::Error) {
        let flag = Arc::new(AtomicBool::new(false));
        let mut stream = Stream::new(file, direction, Cancel::when(Arc::clone(&flag))).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                flag.store(true, Ordering::Release);
            });
            assert!(work(&mut stream).to_string().contains("stopped before its end"));
        });
    }

    #[test]
    fn what_gives_or_takes_nothing_is_waited_for_until_that_is_called_off() {
        let (reader, writer) = io::pipe().unwrap();
        let read = |stream: &mut Stream| stream.read(&mut [0; 9]).unwrap_err();
        let write = |stream: &mut Stream| stream.write_all(&vec![0; 1 << 20]).unwrap_err();
        called_off_soon(
            File::from(std::os::fd::OwnedFd::from(reader.try_clone().unwrap())),
            Direction::Reading,
            read,
        );
        called_off_soon(
            File::from(std::os::fd::OwnedFd::from(writer.try_clone().unwrap())),
            Direction::Writing,
            write,
        );
        // The client's own descriptor waits as it did before.
        let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK));
        let (one, other) = UnixStream::pair().unwrap();
        called_off_soon(
            File::from(std::os::fd::OwnedFd::from(one.try_clone().unwrap())),
            Direction::Reading,
            read,
        );
        called_off_soon(File::from(std::os::fd::OwnedFd::from(other)), Direction::Writing, write);
    }

    #[test]
    fn bytes_go_through_whole() {
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let sockets = || {
            let (one, other) = UnixStream::pair().unwrap();
            [one, other].map(|end| File::from(std::os::fd::OwnedFd::from(end)))
        };
        let pipes = || {
            let (reader, writer) = io::pipe().unwrap();
            [File::from(std::os::fd::OwnedFd::from(reader)), File::from(std::os::fd::OwnedFd::from(writer))]
        };
        for [from, into] in [sockets(), pipes()] {
            let mut reader = Stream::new(from, Direction::Reading, Cancel::default()).unwrap();
            let mut writer = Stream::new(into, Direction::Writing, Cancel::default()).unwrap();
            let mut got = Vec::new();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    writer.write_all(&sent).unwrap();
                    drop(writer);
                });
                reader.read_to_end(&mut got).unwrap();
            });
            assert!(got == sent);
        }
    }
}
